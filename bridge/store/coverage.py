"""Who in a target is covered by a connection, and who would never be deprovisioned because nobody speaks for them.

Whoever is assigned to the SSO app but not to the bridge's app signs in and works like everybody else; only their leaving
is never heard of. Covered is who a SCIM connection has a living record of: an imported record that the identity provider
has not touched yet does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, or_, select

from bridge.core.policy import Policy
from bridge.ports import SCIM_KINDS, Connection
from bridge.store import cases, members, people, targets
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.members import KeptMember


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
    covered = _by_member(tx, _by_address(target, speaking), _by_account(target, speaking))
    imported = _by_member(tx, _imported(target, speaking))
    state = targets.state(tx, target)
    leavers = people.leavers(tx, target, speaking, cases.people_leaving(target)).values()
    leaving_accounts = frozenset(a for leaver in leavers for a in leaver.accounts - leaver.dismissed)
    leaving_addresses = frozenset(a for leaver in leavers for a in leaver.addresses)
    service = {state.key_uuid, *state.former_key_uuids} - {""}
    standings = tuple(
        Standing(
            member=m,
            covered_by=tuple(sorted(covered.get(m.user_uuid, ()))),
            imported_into=tuple(sorted(imported.get(m.user_uuid, set()) - covered.get(m.user_uuid, set()))),
            is_leaving=m.user_uuid in leaving_accounts or m.address_key in leaving_addresses,
            is_service=m.user_uuid in service,
            is_protected=m.address_key in policy.protected,
            is_successor=m.address_key in policy.successors,
        )
        for m in found
    )
    return Coverage(target=target, as_of=state.looked_at, connections=speaking, members=standings)


def _by_member(tx: Tx, *queries: Select[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for query in queries:
        for uuid, connection in tx.execute(query):
            found.setdefault(uuid, set()).add(connection)
    return found


def _by_address(target: str, connections: tuple[str, ...]) -> Select[str, str]:
    """By an address that is the person's now; or was, when the connection says that the person is out."""
    dismissed = (
        select(t.accounts.c.person_id)
        .where(t.accounts.c.target == target, ~t.accounts.c.is_theirs)
        .where(t.accounts.c.user_uuid == t.members.c.user_uuid, t.accounts.c.person_id == t.records.c.person_id)
    )
    return (
        select(t.members.c.user_uuid, t.records.c.connection)
        .join(t.identities, and_(t.identities.c.kind == "address", t.identities.c.value == t.members.c.address_key))
        .join(
            t.records,
            and_(
                t.records.c.person_id == t.identities.c.person_id, t.records.c.connection == t.identities.c.connection
            ),
        )
        .where(t.members.c.target == target, t.identities.c.connection.in_(connections))
        .where(t.records.c.resource_type == "User", t.records.c.deleted_at.is_(None))
        .where(or_(t.identities.c.is_current, ~t.records.c.is_active), ~dismissed.exists())
    )


def _by_account(target: str, connections: tuple[str, ...]) -> Select[str, str]:
    return (
        select(t.members.c.user_uuid, t.records.c.connection)
        .join(
            t.accounts,
            and_(t.accounts.c.target == t.members.c.target, t.accounts.c.user_uuid == t.members.c.user_uuid),
        )
        .join(t.records, t.records.c.person_id == t.accounts.c.person_id)
        .where(t.members.c.target == target, t.accounts.c.is_theirs, t.records.c.connection.in_(connections))
        .where(t.records.c.resource_type == "User", t.records.c.deleted_at.is_(None))
    )


def _imported(target: str, connections: tuple[str, ...]) -> Select[str, str]:
    return (
        select(t.members.c.user_uuid, t.records.c.connection)
        .join(t.records, t.records.c.name_key == t.members.c.address_key)
        .where(t.members.c.target == target, t.records.c.connection.in_(connections))
        .where(t.records.c.resource_type == "User", t.records.c.deleted_at.is_(None))
        .where(t.records.c.seeded_at.is_not(None))
    )
