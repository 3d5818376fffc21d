"""Whose an address or an account is when several people have had it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select

from bridge.store import people
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

_HOLDERS = Hot(
    lambda address: (
        select(t.identities, t.people.c.label)
        .join(t.people, t.people.c.id == t.identities.c.person_id)
        .where(t.identities.c.kind == "address", t.identities.c.value == address)
    )
)
_LINKED = Hot(
    lambda target, user_uuid: (
        select(t.accounts, t.people.c.label)
        .join(t.people, t.people.c.id == t.accounts.c.person_id)
        .where(t.accounts.c.target == target, t.accounts.c.user_uuid == user_uuid, t.accounts.c.is_theirs)
    )
)


def of_others(
    tx: Tx,
    target: str,
    connections: Collection[str],
    person_id: int,
    addresses: Collection[str],
    members: Mapping[str, str],
) -> dict[str, str]:
    """Which of the addresses and members are another person's now, and what to call that person.

    `members`: accounts, each with its address. Another's who is active with it; else the latest holder's, whose own case
    or peace then decides, not this one. To be linked to an account weighs more than to have had its address, so that it
    is one person's: when each left it to the other, it was nobody's.
    """
    active: dict[str, str] = {}
    seen: dict[str, dict[int, datetime]] = defaultdict(dict)
    called: dict[int, str] = {}
    rows = [
        row
        for address in {*addresses, *members.values()}
        for row in _HOLDERS.rows(tx, address=address)
        if people.counts(row.connection, connections)
    ]
    for row in sorted(rows, key=lambda row: row.last_seen_at):
        seen[row.value][row.person_id] = row.last_seen_at
        at = "" if row.connection.startswith("operator:") else f", in {row.connection}"
        called[row.person_id] = f"{row.label}{at}"
        if row.is_current and row.person_id != person_id:
            active[row.value] = called[row.person_id]
    has_now = {row.value for row in rows if row.is_current and row.person_id == person_id}
    linked: dict[str, dict[int, datetime]] = defaultdict(dict)
    for row in [row for uuid in members for row in _LINKED.rows(tx, target=target, user_uuid=uuid)]:
        linked[row.user_uuid][row.person_id] = row.linked_at
        called.setdefault(row.person_id, row.label)
        if row.person_id != person_id and people.is_active_somewhere(tx, row.person_id, connections):
            active[row.user_uuid] = row.label
    found = {a: active[a] for a in addresses if a in active}
    for address in set(addresses) - has_now - active.keys():
        if person_id in seen[address] and (later := _later(seen[address], person_id)):
            found[address] = called[later]
    for uuid, address in members.items():
        whose = active.get(address) or active.get(uuid)
        if not whose and address not in has_now:
            latest = _later(linked[uuid] or seen[address], person_id)
            whose = called[latest] if latest else None
        if whose:
            found[uuid] = whose
        else:
            found.pop(address, None)
    return found


def _later(held: Mapping[int, datetime], person_id: int) -> int | None:
    """Who held it after the person did, or without them; the latest one."""
    others = {who: when for who, when in held.items() if who != person_id}
    latest = max(others, key=lambda who: (others[who], who), default=None)
    is_later = latest is not None and (person_id not in held or held[latest] > held[person_id])
    return latest if is_later else None
