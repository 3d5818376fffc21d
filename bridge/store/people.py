"""Who is who: people, how each connection names them, every address ever seen, and their accounts in each target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update

from bridge.core.considered import Leaver
from bridge.core.events import Subject, address_key
from bridge.core.organization import Organization
from bridge.core.record import Record
from bridge.core.returns import ReturnState
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot, insertion

OPERATORS = "operator:"
"""How a name begins where an operator said it, instead of a connection."""
BY_ADDRESS = "address"
"""How an account was linked to somebody active: it has exactly their address."""

MOST_AT_ONCE = 500
"""Addresses in one statement; databases have limits."""

_HAS_ID = Hot(
    lambda connection, external_id: select(t.identities.c.person_id).where(
        t.identities.c.connection == connection,
        t.identities.c.kind == "external_id",
        t.identities.c.value == external_id,
    )
)
_HAD_ADDRESS = Hot(
    lambda address: select(t.identities.c.person_id, t.identities.c.is_current, t.identities.c.last_seen_at).where(
        t.identities.c.kind == "address", t.identities.c.value == address
    )
)
_NAMES = Hot(
    lambda person_id, connection: select(t.identities).where(
        t.identities.c.person_id == person_id, t.identities.c.connection == connection
    )
)
_SEEN = Hot(
    lambda identity, is_current, last_seen_at: (
        update(t.identities)
        .where(t.identities.c.id == identity)
        .values(is_current=is_current, last_seen_at=last_seen_at)
    )
)
_NAME = Hot(lambda: insertion(t.identities))
_CREATE = Hot(lambda: insertion(t.people).returning(t.people.c.id))
_RELABEL = Hot(
    lambda person_id, new: update(t.people).where(t.people.c.id == person_id, t.people.c.label != new).values(label=new)
)
_MAY_BE_IN = Hot(
    lambda person_id: (
        update(t.cases)
        .where(t.cases.c.person_id == person_id, t.cases.c.closed_at.is_(None), t.cases.c.absent_at.is_not(None))
        .values(absent_at=None)
    )
)
_ACCOUNT = Hot(
    lambda person_id, target, user_uuid: select(t.accounts.c.is_theirs).where(
        t.accounts.c.person_id == person_id, t.accounts.c.target == target, t.accounts.c.user_uuid == user_uuid
    )
)
_LINK = Hot(lambda: insertion(t.accounts))
_LINK_NEW = Hot(lambda: insertion(t.accounts, unless=("person_id", "target", "user_uuid")))
_LINKED = Hot(
    lambda target: select(t.accounts.c.person_id, t.accounts.c.user_uuid).where(t.accounts.c.target == target)
)
_ACCOUNTS = Hot(
    lambda person_id, target: select(t.accounts).where(
        t.accounts.c.person_id == person_id, t.accounts.c.target == target
    )
)
_KNOWN_BY = Hot(
    lambda person_id: select(t.identities).where(
        t.identities.c.person_id == person_id,
        or_(t.identities.c.kind == "address", t.identities.c.kind == "listed"),
    )
)
_INVITED = Hot(lambda person_id, target: _invited_to(target, t.returns.c.person_id == person_id))


def recognise(tx: Tx, connection: str, subject: Subject) -> int | None:
    """The person whom a connection means, or `None` for somebody new.

    By the connection's own id first. Else by the first address, unless that person goes by another id in this very
    connection, or left the address behind and is active under another: then the address was given to somebody new.
    """
    if subject.external_id:
        person = _HAS_ID.value(tx, connection=connection, external_id=subject.external_id)
        if person is not None:
            return int(person)
    if not subject.addresses:
        return None
    for person, is_current in _by_address(tx, subject.addresses[0]):
        if _goes_by_another_id(tx, person, connection, subject.external_id):
            continue
        if not is_current and is_active_somewhere(tx, person):
            continue
        return person
    return None


def _by_address(tx: Tx, address: str) -> list[tuple[int, bool]]:
    """The people who ever had the address, current holders first, then the one seen last."""
    rows = _HAD_ADDRESS.rows(tx, address=address)
    current = {row.person_id for row in rows if row.is_current}
    ordered = sorted(rows, key=lambda r: (r.person_id in current, r.last_seen_at, -r.person_id), reverse=True)
    return [(person, person in current) for person in dict.fromkeys(r.person_id for r in ordered)]


def create(tx: Tx, label: str, now: datetime) -> int:
    """A new person."""
    return int(_CREATE.value(tx, label=label[:320], created_at=now))


def relabel(tx: Tx, person_id: int, label: str) -> None:
    """Call the person by that name from now on."""
    _RELABEL.run(tx, person_id=person_id, new=label[:320])


def note_subject(
    tx: Tx,
    person_id: int,
    connection: str,
    subject: Subject,
    now: datetime,
    *,
    is_active: bool,
    own_addresses: Collection[str] | None = None,
    is_new: bool = False,
) -> bool:
    """Keep every name in the subject; those that are no longer in it stay known but are not current.

    `is_new`: the person was made in this transaction, and has no names yet.
    `own_addresses` are surely the person's (the first one, if not given); the others are kept as listed only.
    `last_seen_at` says when the person last actively had the name. True when something was seen for the first time.
    """
    own = subject.addresses[:1] if own_addresses is None else own_addresses
    wanted = {("address", a) for a in own} | {("listed", a) for a in subject.addresses if a not in own}
    if subject.external_id:
        wanted.add(("external_id", subject.external_id))
    rows = [] if is_new else _NAMES.rows(tx, person_id=person_id, connection=connection)
    have = {(row.kind, row.value): row for row in rows}
    if rows and not is_active:  # whoever is out gains no addresses that would be removed with them
        wanted = {w if w in have or w[0] != "address" else ("listed", w[1]) for w in wanted}
    for key, row in have.items():
        is_current = is_active and key in wanted
        if row.is_current != is_current or (is_current and row.last_seen_at < now):
            seen = now if is_current else row.last_seen_at
            _SEEN.run(tx, identity=row.id, is_current=is_current, last_seen_at=seen)
    new = [
        {
            "person_id": person_id,
            "connection": connection,
            "kind": kind,
            "value": value,
            "is_current": is_active,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for kind, value in sorted(wanted - set(have))
    ]
    _NAME.run_each(tx, new)
    if new and not is_new:
        may_be_in(tx, [person_id])
    return bool(new)


def note_record(
    tx: Tx, person_id: int, record: Record, living: Sequence[Record], now: datetime, *, is_new: bool = False
) -> bool:
    """Keep what a connection's records now say the person is called. True when something is new.

    `record` is the one that was just written or deleted; `living`, all that the person has there now. `is_new`: see
    `note_subject`.
    """
    is_active = any(r.is_active for r in living)
    speaking = [r for r in living if r.is_active] or living or [record]
    named = next((r for r in speaking if r.id == record.id), speaking[0])
    subject, own = named.subject, named.own_addresses
    if len(speaking) > 1:
        subject = replace(subject, emails=tuple(a for r in speaking for a in r.subject.addresses))
        own = frozenset(a for r in speaking for a in r.own_addresses)
    return note_subject(
        tx, person_id, record.connection, subject, now, is_active=is_active, own_addresses=own, is_new=is_new
    )


def leavers(
    tx: Tx, target: str, connections: Collection[str], chosen: Select[int], *, decided_at: datetime | None = None
) -> dict[int, Leaver]:
    """How each of the chosen people may be known in the target: linked accounts and every address ever seen.

    Addresses count only from the connections that speak for the target, from operators, and where an invite back went.

    `chosen` selects person ids; a subquery, since hundreds may leave at once and every plan asks. `decided_at`: what a
    source calls them only since then, and an account that was found by it, is asked about and never removed.
    """
    ids = set(tx.execute(chosen).scalars())
    linked = select(t.accounts).where(t.accounts.c.target == target, t.accounts.c.person_id.in_(chosen))
    # Asked for the other kinds by name, SQLite takes that index and reads every address that there is.
    named = select(t.identities).where(
        t.identities.c.kind != "external_id", t.identities.c.person_id.in_(chosen), speaks(connections)
    )
    invited = _invited_to(target, t.returns.c.person_id.in_(chosen))
    return _known_as(ids, tx.execute(linked), tx.execute(named), tx.execute(invited), decided_at)


def leaver_of(
    tx: Tx, target: str, connections: Collection[str], person_id: int, *, decided_at: datetime | None = None
) -> Leaver:
    """How that one person may be known in the target: as `leavers` says it, and asked of hot statements."""
    linked = _ACCOUNTS.rows(tx, person_id=person_id, target=target)
    named = [row for row in _KNOWN_BY.rows(tx, person_id=person_id) if counts(row.connection, connections)]
    invited = _INVITED.rows(tx, person_id=person_id, target=target)
    return _known_as({person_id}, linked, named, invited, decided_at)[person_id]


def _known_as(
    ids: Collection[int],
    linked: Iterable[Any],
    named: Iterable[Any],
    invited: Iterable[Any],
    decided_at: datetime | None,
) -> dict[int, Leaver]:
    """Each of those people by their rows: accounts, names that count, and invites back."""
    theirs: dict[int, set[str]] = {p: set() for p in ids}
    dismissed: dict[int, set[str]] = {p: set() for p in ids}
    addresses: dict[int, set[str]] = {p: set() for p in ids}
    others: dict[int, set[str]] = {p: set() for p in ids}
    for row in linked:
        is_new = decided_at is not None and row.how == BY_ADDRESS and row.linked_at > decided_at
        if not is_new or not row.is_theirs:
            (theirs if row.is_theirs else dismissed)[row.person_id].add(row.user_uuid)
    for row in named:
        is_sources = not row.connection.startswith(OPERATORS)
        is_new = decided_at is not None and is_sources and row.first_seen_at > decided_at
        is_surely_theirs = row.kind == "address" and not is_new
        (addresses if is_surely_theirs else others)[row.person_id].add(row.value)
    for row in invited:
        addresses[row.person_id].add(address_key(row.email))
    return {
        p: Leaver(
            person_id=p,
            accounts=frozenset(theirs[p]),
            dismissed=frozenset(dismissed[p]),
            addresses=frozenset(addresses[p]),
            others=frozenset(others[p] - addresses[p]),
        )
        for p in sorted(ids)
    }


def _invited_to(target: Any, whose: ColumnElement[bool]) -> Select[int, str]:
    """Selects where somebody was invited back to: the invite, and who accepts it, go with the person."""
    mine = t.returns.c
    is_over = or_(mine.state == ReturnState.EXPIRED.value, mine.state == ReturnState.FAILED.value)
    return select(mine.person_id, mine.email).where(mine.target == target, whose, mine.sent_at.is_not(None), ~is_over)


def counts(connection: str, connections: Collection[str]) -> bool:
    """Whether a name from there counts at a target with those connections: they speak for it, and so do operators."""
    return connection in connections or connection.startswith(OPERATORS)


def speaks(connections: Collection[str]) -> ColumnElement[bool]:
    """Selects the names that count: the same as `counts`."""
    return or_(t.identities.c.connection.in_(connections), t.identities.c.connection.like(f"{OPERATORS}%"))


def current_addresses(
    tx: Tx, connections: Collection[str], addresses: Collection[str], leaving_out: Select[int]
) -> frozenset[str]:
    """Those of the addresses that active people have now, but for the ones left out."""
    query = select(t.identities.c.value).where(
        t.identities.c.kind == "address",
        t.identities.c.is_current,
        t.identities.c.value.in_(addresses),
        t.identities.c.connection.in_(connections),
        t.identities.c.person_id.not_in(leaving_out),
    )
    return frozenset(tx.execute(query).scalars())


def unfit(tx: Tx, connections: Collection[str], addresses: Collection[str]) -> frozenset[str]:
    """Those of the addresses whose people have a record at some identity provider, but no active one."""
    found = set()
    for address in addresses:
        people = [person for person, _ in _by_address(tx, address)]
        if people and not any(is_active_somewhere(tx, p, connections) for p in people):
            found.add(address)
    return frozenset(found)


def link(tx: Tx, person_id: int, target: str, user_uuid: str, *, is_theirs: bool, how: str, now: datetime) -> bool:
    """Say that the account is the person's, or is not. True when that is new."""
    row = _ACCOUNT.first(tx, person_id=person_id, target=target, user_uuid=user_uuid)
    if row is not None and row.is_theirs == is_theirs:
        return False
    if row is None:
        _LINK.run(
            tx, person_id=person_id, target=target, user_uuid=user_uuid, is_theirs=is_theirs, how=how, linked_at=now
        )
    else:
        tx.execute(
            update(t.accounts)
            .where(
                and_(
                    t.accounts.c.person_id == person_id,
                    t.accounts.c.target == target,
                    t.accounts.c.user_uuid == user_uuid,
                )
            )
            .values(is_theirs=is_theirs, how=how, linked_at=now)
        )
    may_be_in(tx, [person_id])
    return True


def may_be_in(tx: Tx, people: Iterable[int]) -> None:
    """Something new is known of these people: nobody knows any more that no member is one of them."""
    _MAY_BE_IN.run_each(tx, [{"person_id": person} for person in people])


def has_holder(tx: Tx, target: str, user_uuid: str) -> bool:
    """Whether the account is known to be somebody's, whatever its address is."""
    mine = t.accounts.c
    query = exists().where(mine.target == target, mine.user_uuid == user_uuid, mine.is_theirs)
    return bool(tx.execute(select(query)).scalar())


def unlinked(tx: Tx, target: str, connections: Collection[str], organization: Organization) -> list[tuple[int, str]]:
    """Every active person of those connections with the account that has exactly their address, unless it is linked."""
    by_address = {m.address: m.user_uuid for m in organization.members}
    addresses, found = list(by_address), set()
    for start in range(0, len(addresses), MOST_AT_ONCE):
        current = select(t.identities.c.person_id, t.identities.c.value).where(
            t.identities.c.kind == "address",
            t.identities.c.value.in_(addresses[start : start + MOST_AT_ONCE]),
            t.identities.c.is_current,
            t.identities.c.connection.in_(connections),
        )
        found |= {(person, by_address[address]) for person, address in tx.execute(current)}
    return sorted(found - {(row.person_id, row.user_uuid) for row in _LINKED.rows(tx, target=target)})


def link_by_address(tx: Tx, target: str, found: Iterable[tuple[int, str]], now: datetime) -> None:
    """Link what `unlinked` found, a moment ago: what somebody said of an account since then stands."""
    how = {"target": target, "is_theirs": True, "how": BY_ADDRESS, "linked_at": now}
    _LINK_NEW.run_each(tx, [{"person_id": person, "user_uuid": uuid, **how} for person, uuid in found])
    may_be_in(tx, [person for person, _ in found])


def named(tx: Tx, address_or_id: str) -> list[int]:
    """Everyone who was ever known under that address or external id, current holders first."""
    by_address = [person for person, _ in _by_address(tx, address_or_id)]
    query = select(t.identities.c.person_id).where(
        t.identities.c.kind == "external_id", t.identities.c.value == address_or_id
    )
    return list(dict.fromkeys([*by_address, *tx.execute(query).scalars()]))


def label_of(tx: Tx, person_id: int) -> str:
    """What to call the person."""
    return str(tx.execute(select(t.people.c.label).where(t.people.c.id == person_id)).scalar_one())


def _goes_by_another_id(tx: Tx, person_id: int, connection: str, external_id: str) -> bool:
    if not external_id:
        return False
    names = _NAMES.rows(tx, person_id=person_id, connection=connection)
    ids = {row.value for row in names if row.kind == "external_id"}
    return bool(ids) and external_id not in ids


def is_active_somewhere(tx: Tx, person_id: int, connections: Collection[str] | None = None) -> bool:
    """Whether some connection, or one of those, has the person active."""
    holds = [t.identities.c.person_id == person_id, t.identities.c.is_current]
    if connections is not None:
        holds.append(t.identities.c.connection.in_(connections))
    return bool(tx.execute(select(exists().where(*holds))).scalar())
