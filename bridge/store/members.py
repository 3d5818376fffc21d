"""Who was a member of each target at its last look: for coverage and imports, and never to decide whom to remove.

Only those who are members now are kept, without any history: whoever is no member at the next look is gone from here
too. Rows of targets that are no longer configured go at the next start.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from bridge.core.organization import Level, Organization
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

MOST_AT_ONCE = 500
"""Rows in one statement; databases have limits."""

LONGEST_ACCOUNT = 64
"""Characters of an account's id; PostHog's have 36, and a stranger one must never keep a look from being kept."""

LONGEST = 320
"""Characters of an address or a name; longer ones are cut."""

_KEPT = Hot(lambda target: select(t.members).where(t.members.c.target == target).order_by(t.members.c.address_key))


@dataclass(frozen=True, kw_only=True)
class KeptMember:
    """One membership as last seen."""

    user_uuid: str
    email: str
    address_key: str
    """The address as a compare key."""
    name: str
    level: Level


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one look showed that is not kept yet."""

    gone: tuple[str, ...]
    """Accounts that are no members any more."""
    new: tuple[KeptMember, ...]
    changed: tuple[KeptMember, ...]


def difference(tx: Tx, target: str, organization: Organization) -> Difference:
    """What is to be written to keep who is a member now; found out in a reading transaction, since members are many."""
    before = {m.user_uuid: m for m in kept(tx, target)}
    after = {
        m.user_uuid: KeptMember(
            user_uuid=m.user_uuid,
            email=_storable(m.email),
            address_key=_storable(m.address),
            name=_storable(m.name),
            level=m.level,
        )
        for m in organization.members
        if len(m.user_uuid) <= LONGEST_ACCOUNT
    }
    return Difference(
        gone=tuple(sorted(before.keys() - after.keys())),
        new=tuple(m for uuid, m in after.items() if uuid not in before),
        changed=tuple(m for uuid, m in after.items() if uuid in before and before[uuid] != m),
    )


def keep(tx: Tx, target: str, found: Difference) -> None:
    """Keep who is a member now, in place of who was. Only whoever has the claim on the target may."""
    for start in range(0, len(found.gone), MOST_AT_ONCE):
        some = found.gone[start : start + MOST_AT_ONCE]
        tx.execute(delete(t.members).where(t.members.c.target == target, t.members.c.user_uuid.in_(some)))
    if found.new:
        tx.execute(insert(t.members), [_row(target, m) for m in found.new])
    for member in found.changed:
        mine = (t.members.c.target == target, t.members.c.user_uuid == member.user_uuid)
        tx.execute(update(t.members).where(*mine).values(_row(target, member)))


def kept(tx: Tx, target: str) -> list[KeptMember]:
    """Who was a member at the last look, by address."""
    return [
        KeptMember(user_uuid=r.user_uuid, email=r.email, address_key=r.address_key, name=r.name, level=Level(r.level))
        for r in _KEPT.rows(tx, target=target)
    ]


def as_of(tx: Tx, target: str) -> datetime | None:
    """When that look was; `None` when the target was never looked at."""
    return tx.execute(select(t.targets.c.looked_at).where(t.targets.c.name == target)).scalar()


def owner_of(tx: Tx, target: str, user_uuid: str) -> int | None:
    """The person whose account it is known to be: the one who was linked last."""
    query = (
        select(t.accounts.c.person_id)
        .where(t.accounts.c.target == target, t.accounts.c.user_uuid == user_uuid, t.accounts.c.is_theirs)
        .order_by(t.accounts.c.linked_at.desc(), t.accounts.c.person_id.desc())
        .limit(1)
    )
    return tx.execute(query).scalar()


def forget_others(tx: Tx, configured: Collection[str]) -> None:
    """Forget the members of every target that is not configured any more."""
    tx.execute(delete(t.members).where(t.members.c.target.not_in(configured)))


def _storable(text: str) -> str:
    """The text without what some database refuses: a name must never keep a look from being kept."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:LONGEST]


def _row(target: str, member: KeptMember) -> dict[str, object]:
    return {
        "target": target,
        "user_uuid": member.user_uuid,
        "email": member.email,
        "address_key": member.address_key,
        "name": member.name,
        "level": int(member.level),
    }
