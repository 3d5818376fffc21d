"""Records from PostHog's member list, so that an identity provider's first matching finds who is already there.

A seed is only seen: by Okta's import and by both providers' look-ups. It names no person, speaks for nobody, blocks
nothing and removes nothing, until the provider touches it; from then on it is a record like any other. May import: what
`decisions` may.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.core.events import Subject
from bridge.core.record import Record
from bridge.ports import Bridge, Connection
from bridge.sources.scim import resources
from bridge.sources.scim.errors import ScimError
from bridge.store import cases, members, people, records, standings, targets
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.members import KeptMember


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A member who got no record, and why."""

    email: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """What an import did, or would do."""

    made: tuple[str, ...]
    """The addresses that got a record."""
    known: int
    """How many members the connection had a record of already."""
    left_out: tuple[LeftOut, ...]


def seed(bridge: Bridge, connection: Connection, chosen: Iterable[str], *, by: str, is_dry_run: bool) -> Seeded:
    """Give the connection a record of every member of those targets whom it has none of. All or nothing.

    Members as of the last look. The bridge's own account, protected people and those who are leaving get none.
    """
    now = bridge.clock.now()
    made: dict[str, None] = {}
    left_out: list[LeftOut] = []
    known = 0
    with bridge.db.read() if is_dry_run else bridge.db.write() as tx:
        for target in chosen:
            reasons = _Reasons(bridge, tx, connection, target)
            for member in members.kept(tx, target):
                if why := reasons.against(member):
                    left_out.append(LeftOut(email=member.email, why=why))
                elif member.address_key in made or reasons.is_known(member):
                    known += 1
                elif (record := _record(member, connection, now)) is None:
                    left_out.append(LeftOut(email=member.email, why="its address cannot be a userName"))
                else:
                    made[member.address_key] = None
                    if not is_dry_run:
                        _keep(tx, record, target, by, now)
    return Seeded(made=tuple(made), known=known, left_out=tuple(left_out))


class _Reasons:
    """What speaks against a record of a member, at one target."""

    def __init__(self, bridge: Bridge, tx: Tx, connection: Connection, target: str) -> None:
        self._tx, self._connection, self._target = tx, connection, target
        state = targets.state(tx, target)
        self._service = {state.key_uuid, *state.former_key_uuids}
        self._protected = bridge.policies[target].protected
        speaking = bridge.connections_of(target)
        self._leaving = people.leavers(tx, target, speaking, cases.people_leaving(target)).values()

    def against(self, member: KeptMember) -> str:
        """Why this member gets none, in words; empty when nothing speaks against it."""
        if member.user_uuid in self._service:
            return "the bridge's own account"
        if member.address_key in self._protected:
            return "protected"
        if any(member.user_uuid in w.accounts or member.address_key in w.addresses for w in self._leaving):
            return "leaving"
        person = self._person(member)
        said = () if person is None else standings.of_person(self._tx, person, [self._connection.name])
        return f"{self._connection.name} says gone" if any(s.is_out for s in said) else ""

    def is_known(self, member: KeptMember) -> bool:
        """Whether the connection has a living record that names the member."""
        if records.has_address(self._tx, self._connection.name, member.address_key):
            return True
        person = self._person(member)
        return person is not None and bool(records.living_of_person(self._tx, person, self._connection.name))

    def _person(self, member: KeptMember) -> int | None:
        """Whose the account is known to be, or else whom the connection would mean by the address."""
        owner = members.owner_of(self._tx, self._target, member.user_uuid)
        subject = Subject(user_name=member.email)
        return people.recognise(self._tx, self._connection.name, subject) if owner is None else owner


def _record(member: KeptMember, connection: Connection, now: datetime) -> Record | None:
    given, _, family = member.name.rpartition(" ")
    name = {"formatted": member.name, "givenName": given or family, "familyName": family if given else ""}
    body: dict[str, Any] = {
        "userName": member.email,
        "active": True,
        "emails": [{"value": member.email, "type": "work", "primary": True}],
    }
    if member.name:
        body |= {"displayName": member.name, "name": {key: value for key, value in name.items() if value}}
    try:
        return resources.created(
            body, resource_type="User", record_id=str(uuid.uuid4()), connection=connection.name, now=now
        )
    except ScimError:
        return None


def _keep(tx: Tx, record: Record, target: str, by: str, now: datetime) -> None:
    records.insert_seed(tx, record, now)
    facts = {"id": record.id, "connection": record.connection}
    personal = {"name": record.user_name}
    entry = Entry(at=now, kind="record.imported", actor=f"operator:{by}", target=target, facts=facts, personal=personal)
    tx.audit(entry)
