"""Who was a member of each target at its last look: for coverage, imports and reviews, never to decide whom to remove.

Only those who are members now are kept, without any history. Whoever is no member at the next look is kept apart, as
last seen (`former`): a record has to say what somebody had, and a return what to give back. Rows of targets that are no
longer configured go at the next start.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from bridge.core.organization import Level, Member, Organization
from bridge.store import tables as t
from bridge.store.columns import milliseconds, moment_of
from bridge.store.db import Tx
from bridge.store.hot import Hot

MOST_AT_ONCE = 500
"""Rows in one statement; databases have limits."""

LONGEST_ACCOUNT = 64
"""Characters of an account's id; PostHog's have 36, and a stranger one must never keep a look from being kept."""

LONGEST = 320
"""Characters of an address or a name; longer ones are cut."""

FORMER_FOR = timedelta(days=400)
"""How long those who are members no more are kept: a year and what an auditor needs to ask about it."""

_KEPT = Hot(lambda target: select(t.members).where(t.members.c.target == target).order_by(t.members.c.address_key))
_ONE = Hot(
    lambda target, user_uuid: select(t.members).where(t.members.c.target == target, t.members.c.user_uuid == user_uuid)
)
_FORMER = Hot(
    lambda target, user_uuid: select(t.former_members).where(
        t.former_members.c.target == target, t.former_members.c.user_uuid == user_uuid
    )
)
_NOT_FORMER = Hot(
    lambda target, user_uuid: delete(t.former_members).where(
        t.former_members.c.target == target, t.former_members.c.user_uuid == user_uuid
    )
)


@dataclass(frozen=True, kw_only=True)
class KeptMember:
    """One membership as last seen."""

    user_uuid: str
    email: str
    address_key: str
    """The address as a compare key."""
    name: str
    level: Level
    user_id: int = 0
    """The numeric id by which resources name their creator; 0 while no look has said it."""
    membership_id: str = ""
    joined_at: datetime | None = None
    last_login: datetime | None = None
    is_2fa_enabled: bool = False

    @property
    def as_member(self) -> Member:
        """The same as a snapshot shows it."""
        return Member(
            user_uuid=self.user_uuid,
            membership_id=self.membership_id,
            user_id=self.user_id,
            email=self.email,
            level=self.level,
            name=self.name,
            joined_at=self.joined_at,
            last_login=self.last_login,
            is_2fa_enabled=self.is_2fa_enabled,
        )


@dataclass(frozen=True, kw_only=True)
class FormerMember:
    """One membership that ended, by whoever's hand, as it was last seen."""

    member: KeptMember
    seen_at: datetime | None
    """The last look that showed the membership."""
    gone_at: datetime
    """The first look that did not."""
    access: Mapping[str, Any]
    """What the last wide look said of the person: `projects` {id: [level, how]} and `roles` {id: name}."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one look showed that is not kept yet."""

    gone: tuple[str, ...]
    """Accounts that are no members any more."""
    new: tuple[KeptMember, ...]
    changed: tuple[KeptMember, ...]
    left: tuple[KeptMember, ...] = ()
    """Those who are gone, as they were last seen."""


def difference(tx: Tx, target: str, organization: Organization) -> Difference:
    """What is to be written to keep who is a member now; found out in a reading transaction, since members are many."""
    before = {m.user_uuid: m for m in kept(tx, target)}
    after = {
        m.user_uuid: KeptMember(
            user_uuid=m.user_uuid,
            email=storable(m.email),
            address_key=storable(m.address),
            name=storable(m.name),
            level=m.level,
            user_id=m.user_id,
            membership_id=storable(m.membership_id)[:LONGEST_ACCOUNT],
            joined_at=_kept_time(m.joined_at),
            last_login=_kept_time(m.last_login),
            is_2fa_enabled=m.is_2fa_enabled,
        )
        for m in organization.members
        if len(m.user_uuid) <= LONGEST_ACCOUNT
    }
    return Difference(
        gone=tuple(sorted(before.keys() - after.keys())),
        new=tuple(m for uuid, m in after.items() if uuid not in before),
        changed=tuple(m for uuid, m in after.items() if uuid in before and before[uuid] != m),
        left=tuple(m for uuid, m in before.items() if uuid not in after),
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


def part_with(
    tx: Tx, target: str, left: Collection[KeptMember], access: Mapping[str, Mapping[str, Any]], now: datetime
) -> None:
    """Keep those who left apart, before `keep` forgets them; `access`: what each account had, as far as is known."""
    if not left:
        return
    seen_at = as_of(tx, target)
    rows = [
        {**_row(target, m), "seen_at": seen_at, "gone_at": now, "access": dict(access.get(m.user_uuid, {}))}
        for m in left
    ]
    _NOT_FORMER.run_each(tx, rows)
    tx.execute(insert(t.former_members), rows)
    tx.execute(delete(t.former_members).where(t.former_members.c.gone_at < now - FORMER_FOR))


def former(tx: Tx, target: str, user_uuid: str) -> FormerMember | None:
    """The membership that this account had last and has no more, or `None` when none was ever seen to end."""
    row = _FORMER.first(tx, target=target, user_uuid=user_uuid)
    return None if row is None else _former(row)


def gone_between(tx: Tx, target: str, since: datetime, until: datetime) -> list[FormerMember]:
    """Whose membership was seen to have ended in that time, oldest first, whoever ended it."""
    query = (
        select(t.former_members)
        .where(t.former_members.c.target == target, t.former_members.c.gone_at.between(since, until))
        .order_by(t.former_members.c.gone_at, t.former_members.c.user_uuid)
    )
    return [_former(row) for row in tx.execute(query)]


def kept(tx: Tx, target: str) -> list[KeptMember]:
    """Who was a member at the last look, by address."""
    return [_kept(r) for r in _KEPT.rows(tx, target=target)]


def one(tx: Tx, target: str, user_uuid: str) -> KeptMember | None:
    """The member with that account at the last look, or `None`."""
    row = _ONE.first(tx, target=target, user_uuid=user_uuid)
    return None if row is None else _kept(row)


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
    """Forget the members, present and former, of every target that is not configured any more."""
    tx.execute(delete(t.members).where(t.members.c.target.not_in(configured)))
    tx.execute(delete(t.former_members).where(t.former_members.c.target.not_in(configured)))


def storable(text: str) -> str:
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
        "user_id": member.user_id,
        "membership_id": member.membership_id,
        "joined_at": member.joined_at,
        "last_login": member.last_login,
        "is_2fa_enabled": member.is_2fa_enabled,
    }


def _kept(row: Any) -> KeptMember:
    return KeptMember(
        user_uuid=row.user_uuid,
        email=row.email,
        address_key=row.address_key,
        name=row.name,
        level=Level(row.level),
        user_id=row.user_id,
        membership_id=row.membership_id,
        joined_at=row.joined_at,
        last_login=row.last_login,
        is_2fa_enabled=bool(row.is_2fa_enabled),
    )


def _former(row: Any) -> FormerMember:
    return FormerMember(member=_kept(row), seen_at=row.seen_at, gone_at=row.gone_at, access=row.access)


def _kept_time(at: datetime | None) -> datetime | None:
    """The time as it is read back: to the millisecond, so that it does not count as changed."""
    return None if at is None else moment_of(milliseconds(at))
