"""What an access review of one target rests on, read from what the last looks and the identity providers left here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import exists, select

from bridge.core.policy import Policy
from bridge.core.reviewed import Evidence, Examined, Invited, Word
from bridge.core.surroundings import Gap
from bridge.core.ways_back import ALL_UNSEEN, DOMAINS_UNSEEN
from bridge.ports import SCIM_KINDS, Connection
from bridge.store import cases, invites, members, outside, people, surroundings, targets
from bridge.store import tables as t
from bridge.store.db import Tx

Value = TypeVar("Value")

REMOVALS_FOR = timedelta(days=400)
"""How far back a first review lists removals made outside the bridge; a later one goes back to the one before."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the connections have about everybody who is asked about."""

    by_account: Mapping[str, frozenset[int]]
    by_address: Mapping[str, frozenset[tuple[int, str, bool]]]
    """Person, connection, and whether the address is the person's now."""
    dismissed: frozenset[tuple[int, str]]
    """Person and account that an operator said do not belong together."""
    standings: Mapping[int, Mapping[str, tuple[bool, datetime]]]
    """By person and connection: whether out, and since when it says so."""
    imported: Mapping[str, frozenset[str]]
    """By address: connections with a record that was made from PostHog's own list."""


def of_target(
    tx: Tx, target: str, connections: Iterable[Connection], policy: Policy, since: datetime | None = None
) -> Evidence | None:
    """The evidence as of the last look; `None` when there was none.

    `since`: removals made outside the bridge are listed from then on.
    """
    state = targets.state(tx, target)
    if state.looked_at is None:
        return None
    speaking = tuple(c.name for c in connections if target in c.targets and c.kind in SCIM_KINDS)
    found, open_invites = members.kept(tx, target), invites.kept(tx, target)
    addresses = sorted({m.address_key for m in found} | {i.address for i in open_invites})
    known = _known(tx, target, speaking, addresses)
    case_of_account, case_of_address = _leaving(tx, target, speaking)
    seen = surroundings.last(tx, target)
    former = frozenset(state.former_key_uuids) - {"", state.key_uuid}
    return Evidence(
        target=target,
        as_of=state.looked_at,
        members=tuple(
            Examined(
                member=m.as_member,
                words=_words(known, m.address_key, m.user_uuid),
                case_id=case_of_account.get(m.user_uuid) or case_of_address.get(m.address_key),
                is_service=m.user_uuid == state.key_uuid,
                was_service=m.user_uuid in former,
                is_protected=m.address_key in policy.protected,
            )
            for m in found
        ),
        invites=tuple(
            Invited(invite=i, words=_words(known, i.address, ""), case_id=case_of_address.get(i.address))
            for i in open_invites
        ),
        removed=tuple(
            r.as_removed
            for r in outside.missed_between(
                tx, target, since or state.looked_at - REMOVALS_FOR, state.looked_at + timedelta(milliseconds=1)
            )
        ),
        connections=speaking,
        heard=_heard(tx, speaking),
        surroundings=seen.surroundings,
        gaps=_gaps(seen),
    )


def _gaps(seen: surroundings.Kept) -> tuple[Gap, ...]:
    """Those that a review would have found something in."""
    return tuple(gap for gap in seen.gaps if gap.what in {DOMAINS_UNSEEN, ALL_UNSEEN})


def _heard(tx: Tx, connections: Iterable[str]) -> tuple[str, ...]:
    """The connections that ever named somebody by themselves."""
    mine = t.records.c
    return tuple(
        name
        for name in connections
        if tx.execute(
            select(exists().where(mine.connection == name, mine.resource_type == "User", mine.seeded_at.is_(None)))
        ).scalar()
    )


def _known(tx: Tx, target: str, connections: tuple[str, ...], addresses: list[str]) -> _Known:
    by_account: dict[str, set[int]] = {}
    dismissed = set()
    links = select(t.accounts.c.person_id, t.accounts.c.user_uuid, t.accounts.c.is_theirs)
    for person, uuid, is_theirs in tx.execute(links.where(t.accounts.c.target == target)):
        if is_theirs:
            by_account.setdefault(uuid, set()).add(person)
        else:
            dismissed.add((person, uuid))
    by_address: dict[str, set[tuple[int, str, bool]]] = {}
    mine = t.identities.c
    for keys in _portions(addresses):
        names = select(mine.value, mine.person_id, mine.connection, mine.is_current).where(
            mine.kind == "address", mine.value.in_(keys), mine.connection.in_(connections)
        )
        for value, person, connection, is_current in tx.execute(names):
            by_address.setdefault(value, set()).add((person, connection, is_current))
    met = {p for meant in by_account.values() for p in meant} | {p for some in by_address.values() for p, _, _ in some}
    return _Known(
        by_account={uuid: frozenset(persons) for uuid, persons in by_account.items()},
        by_address={address: frozenset(some) for address, some in by_address.items()},
        dismissed=frozenset(dismissed),
        standings=_standings(tx, connections, met),
        imported=_imported(tx, connections, addresses),
    )


def _standings(
    tx: Tx, connections: tuple[str, ...], persons: Collection[int]
) -> dict[int, dict[str, tuple[bool, datetime]]]:
    found: dict[int, dict[str, tuple[bool, datetime]]] = {}
    mine = t.standings.c
    for some in _portions(sorted(persons)):
        query = select(mine.person_id, mine.connection, mine.is_out, mine.said_at)
        for person, connection, is_out, said_at in tx.execute(
            query.where(mine.person_id.in_(some), mine.connection.in_(connections))
        ):
            found.setdefault(person, {})[connection] = (is_out, said_at)
    return found


def _imported(tx: Tx, connections: tuple[str, ...], addresses: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    mine = t.records.c
    for keys in _portions(addresses):
        query = select(mine.name_key, mine.connection).where(
            mine.connection.in_(connections),
            mine.resource_type == "User",
            mine.name_key.in_(keys),
            mine.deleted_at.is_(None),
            mine.seeded_at.is_not(None),
        )
        for key, connection in tx.execute(query):
            found.setdefault(key, set()).add(connection)
    return {key: frozenset(names) for key, names in found.items()}


def _words(known: _Known, address: str, account: str) -> tuple[Word, ...]:
    """What each connection has about the person of that account or address: active where anybody it means is active.

    An address that somebody active has left behind is nobody's; whoever is inactive has none that is current.
    """
    said: dict[str, list[tuple[bool, datetime]]] = {}
    for person in known.by_account.get(account, ()):
        for connection, standing in known.standings.get(person, {}).items():
            said.setdefault(connection, []).append(standing)
    for person, connection, is_current in known.by_address.get(address, ()):
        its = known.standings.get(person, {}).get(connection)
        if its is not None and (is_current or its[0]) and (person, account) not in known.dismissed:
            said.setdefault(connection, []).append(its)
    words = [
        Word(connection=name, is_active=any(not out for out, _ in its), since=min(_since(its)))
        for name, its in sorted(said.items())
    ]
    only_imported = sorted(known.imported.get(address, frozenset()) - said.keys())
    return (*words, *(Word(connection=name, is_active=True, is_import=True) for name in only_imported))


def _since(standings: list[tuple[bool, datetime]]) -> list[datetime]:
    """The times that belong to what counts: the active ones where there are some."""
    return [at for out, at in standings if not out] or [at for _, at in standings]


def _leaving(tx: Tx, target: str, connections: tuple[str, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """The open case about each account and address."""
    mine = t.cases.c
    open_cases = select(mine.person_id, mine.id).where(
        mine.target == target, mine.scope == "organization", mine.closed_at.is_(None)
    )
    case_of: dict[int, int] = {row.person_id: row.id for row in tx.execute(open_cases)}
    by_account: dict[str, int] = {}
    by_address: dict[str, int] = {}
    for person, leaver in people.leavers(tx, target, connections, cases.people_leaving(target)).items():
        by_account |= {account: case_of[person] for account in leaver.accounts - leaver.dismissed if person in case_of}
        by_address |= {address: case_of[person] for address in leaver.addresses if person in case_of}
    return by_account, by_address


def _portions(values: list[Value]) -> Iterator[list[Value]]:
    for start in range(0, len(values), members.MOST_AT_ONCE):
        yield values[start : start + members.MOST_AT_ONCE]
