"""Who in a target is covered by a connection, and who would never be deprovisioned because nobody speaks for them.

Whoever is assigned to the SSO app but not to the bridge's app signs in and works like everybody else; only their leaving
is never heard of. Covered is who a SCIM connection has a living record of: an imported record that the identity provider
has not touched yet does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select

from bridge.core.policy import Policy
from bridge.ports import SCIM_KINDS, Connection
from bridge.store import cases, members, people, targets
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.members import KeptMember

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One member, and who speaks for them."""

    member: KeptMember
    covered_by: tuple[str, ...] = ()
    """The connections that have a living record of the person."""
    imported_into: tuple[str, ...] = ()
    """The connections that have an imported record which the identity provider has not touched yet."""
    is_leaving: bool = False
    """A case is open about the person."""
    is_service: bool = False
    """The account whose key the bridge uses, or used."""
    is_protected: bool = False
    is_successor: bool = False

    @property
    def is_covered(self) -> bool:
        """Whether the person's leaving will be heard of, or has been."""
        return bool(self.covered_by) or self.is_leaving

    @property
    def needs_a_look(self) -> bool:
        """Whether somebody should find out why nobody speaks for this member."""
        return not (self.is_covered or self.is_service or self.is_protected)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What else is to be known, in words."""
        said = [
            ("the bridge's own account", self.is_service),
            ("protected", self.is_protected),
            ("successor", self.is_successor),
            ("leaving", self.is_leaving),
            *((f"imported into {name}, which has not spoken of it yet", True) for name in self.imported_into),
        ]
        return tuple(words for words, is_so in said if is_so)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """One target at its last look. `as_of` is `None` when it was never looked at."""

    target: str
    as_of: datetime | None
    connections: tuple[str, ...]
    """Those that could speak for a member: SCIM connections to this target."""
    members: tuple[Standing, ...]

    @property
    def people(self) -> tuple[Standing, ...]:
        """The members without the bridge's own account."""
        return tuple(s for s in self.members if not s.is_service)

    @property
    def covered(self) -> int:
        """How many of the people are covered."""
        return sum(s.is_covered for s in self.people)

    @property
    def uncovered(self) -> tuple[Standing, ...]:
        """The people for whom nobody speaks: owners first, then by address; protected ones last."""
        found = (s for s in self.people if not s.is_covered)
        return tuple(sorted(found, key=lambda s: (s.is_protected, -s.member.level, s.member.address_key)))

    @property
    def to_look_at(self) -> int:
        """How many of those somebody should find out about."""
        return sum(s.needs_a_look for s in self.members)


def of_each(
    tx: Tx, connections: Mapping[str, Connection], names: Iterable[str], policies: Mapping[str, Policy]
) -> dict[str, Coverage]:
    """The coverage of each target that is known and has a policy."""
    return {
        name: of_target(tx, name, connections.values(), policies[name])
        for name in names
        if name in policies and targets.is_known(tx, name)
    }


def of_target(tx: Tx, target: str, connections: Iterable[Connection], policy: Policy) -> Coverage:
    """Who of the target's members is covered by those of the connections that speak for it."""
    speaking = tuple(c.name for c in connections if target in c.targets and c.kind in SCIM_KINDS)
    found = members.kept(tx, target)
    covered = _covered(tx, target, speaking, found)
    imported = _imported(tx, speaking, found)
    state = targets.state(tx, target)
    leavers = people.leavers(tx, target, speaking, cases.people_leaving(target)).values()
    leaving_accounts = frozenset(a for leaver in leavers for a in leaver.accounts - leaver.dismissed)
    leaving_addresses = frozenset(a for leaver in leavers for a in leaver.addresses)
    service = {state.key_uuid, *state.former_key_uuids} - {""}
    standings = tuple(
        Standing(
            member=m,
            covered_by=tuple(sorted(covered[m.user_uuid])),
            imported_into=tuple(sorted(imported.get(m.address_key, set()) - covered[m.user_uuid])),
            is_leaving=m.user_uuid in leaving_accounts or m.address_key in leaving_addresses,
            is_service=m.user_uuid in service,
            is_protected=m.address_key in policy.protected,
            is_successor=m.address_key in policy.successors,
        )
        for m in found
    )
    return Coverage(target=target, as_of=state.looked_at, connections=speaking, members=standings)


def _covered(tx: Tx, target: str, connections: tuple[str, ...], found: list[KeptMember]) -> dict[str, set[str]]:
    """The connections that speak for each account: by link, or by an address that is the person's.

    An address that somebody active has left behind is nobody's; whoever is inactive has none that is current. Asked in
    three steps, since a database that joins them all at once may begin with every record there is.
    """
    theirs, dismissed = _links(tx, target)
    named: dict[str, set[tuple[int, str, bool]]] = {}
    for keys in _portions([m.address_key for m in found]):
        mine = t.identities.c
        query = select(mine.value, mine.person_id, mine.connection, mine.is_current).where(
            mine.kind == "address", mine.value.in_(keys), mine.connection.in_(connections)
        )
        for value, person, connection, is_current in tx.execute(query):
            named.setdefault(value, set()).add((person, connection, is_current))
    people_met = {p for meant in named.values() for p, _, _ in meant} | {p for meant in theirs.values() for p in meant}
    living = _living(tx, connections, people_met)
    covered: dict[str, set[str]] = {}
    for member in found:
        uuid = member.user_uuid
        by_link = {connection for p in theirs.get(uuid, ()) for connection in living.get(p, {})}
        by_address = {
            connection
            for p, connection, is_current in named.get(member.address_key, ())
            if (p, uuid) not in dismissed
            and connection in living.get(p, {})
            and (is_current or not living[p][connection])
        }
        covered[uuid] = by_link | by_address
    return covered


def _links(tx: Tx, target: str) -> tuple[dict[str, set[int]], set[tuple[int, str]]]:
    """Whose each account is known to be, and whose it is known not to be."""
    theirs: dict[str, set[int]] = {}
    dismissed = set()
    query = select(t.accounts.c.person_id, t.accounts.c.user_uuid, t.accounts.c.is_theirs)
    for person, uuid, is_theirs in tx.execute(query.where(t.accounts.c.target == target)):
        if is_theirs:
            theirs.setdefault(uuid, set()).add(person)
        else:
            dismissed.add((person, uuid))
    return theirs, dismissed


def _living(tx: Tx, connections: tuple[str, ...], persons: Collection[int]) -> dict[int, dict[str, bool]]:
    """In which connections each person has a living record, and whether an active one."""
    found: dict[int, dict[str, bool]] = {}
    for some in _portions(sorted(persons)):
        query = select(t.records.c.person_id, t.records.c.connection, t.records.c.is_active).where(
            t.records.c.person_id.in_(some),
            t.records.c.connection.in_(connections),
            t.records.c.deleted_at.is_(None),
        )
        for person, connection, is_active in tx.execute(query):
            known = found.setdefault(person, {})
            known[connection] = known.get(connection, False) or is_active
    return found


def _imported(tx: Tx, connections: tuple[str, ...], found: list[KeptMember]) -> dict[str, set[str]]:
    """The connections that have an untouched seed of each address."""
    seeds: dict[str, set[str]] = {}
    for keys in _portions([m.address_key for m in found]):
        query = select(t.records.c.name_key, t.records.c.connection).where(
            t.records.c.connection.in_(connections),
            t.records.c.resource_type == "User",
            t.records.c.name_key.in_(keys),
            t.records.c.deleted_at.is_(None),
            t.records.c.seeded_at.is_not(None),
        )
        for key, connection in tx.execute(query):
            seeds.setdefault(key, set()).add(connection)
    return seeds


def _portions(values: list[Value]) -> Iterator[list[Value]]:
    for start in range(0, len(values), members.MOST_AT_ONCE):
        yield values[start : start + members.MOST_AT_ONCE]
