"""Removals that were made outside the bridge: members who are gone at a look by no step of ours and for no case.

Found by comparing two looks, so all that is sure is the time between them. Who did it comes from PostHog's activity log,
where the plan has it: `inquiries` reads it. Kept for reviews and for the quarter's report; nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, update

from bridge.core.findings import Topic
from bridge.core.organization import Level
from bridge.core.reviewed import Removed
from bridge.core.surroundings import Deeds
from bridge.core.wording import utc
from bridge.store import findings, members
from bridge.store import tables as t
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.hot import Hot
from bridge.store.members import KeptMember

SLACK = timedelta(minutes=15)
"""How long before the last look that showed the member a removal of ours may have been sent: its answer may be lost."""

LATE = timedelta(minutes=5)
"""How long PostHog may take to write a row of its activity log: it is asked about later than that, and that much further."""

COMPARED = "two looks compared"
"""How it was found, while nobody has asked the activity log."""

_ENDED = Hot(
    lambda target, since: select(t.steps.c.canonical, t.steps.c.result).where(
        t.steps.c.target == target, t.steps.c.is_removal, t.steps.c.ended_at >= since
    )
)
_UNENDED = Hot(
    lambda target: select(t.steps.c.canonical).where(
        t.steps.c.target == target, t.steps.c.is_removal, t.steps.c.ended_at.is_(None)
    )
)
_ANY = Hot(
    lambda target: (
        select(t.outside_removals.c.id)
        .where(t.outside_removals.c.target == target, t.outside_removals.c.back_at.is_(None))
        .limit(1)
    )
)


@dataclass(frozen=True, kw_only=True)
class OutsideRemoval:
    """One of them, as it is kept."""

    id: int
    target: str
    user_uuid: str
    membership_id: str
    email: str
    name: str
    level: Level
    last_seen_at: datetime | None
    """The last look that showed the membership."""
    missed_at: datetime
    """The first look that did not."""
    by: str
    """Whose hand it was, as the activity log has it; empty when nobody knows."""
    how: str
    """Where all this is from, in words."""
    done_at: datetime | None
    """When it was done, as the activity log has it."""
    asked_at: datetime | None
    """When that log was asked."""
    back_at: datetime | None
    """The look that showed the account as a member again."""

    @property
    def as_removed(self) -> Removed:
        """The same as a review takes it."""
        back = f"; a member again since {utc(self.back_at)}" if self.back_at else ""
        return Removed(
            key=str(self.id),
            user_uuid=self.user_uuid,
            email=self.email,
            name=self.name,
            level=self.level,
            last_seen_at=self.last_seen_at,
            missed_at=self.missed_at,
            by=self.by,
            how=self.how + back,
        )


def unexplained(tx: Tx, target: str, gone: Collection[str]) -> tuple[str, ...]:
    """Those of the accounts, gone at the look that is under way, whose going no step and no case of ours explains."""
    if not gone:
        return ()
    seen_at = members.as_of(tx, target)
    if seen_at is None:
        return ()
    ours = {s.canonical for s in _ENDED.rows(tx, target=target, since=seen_at - SLACK) if _may_have_effect(s.result)}
    ours |= {s.canonical for s in _UNENDED.rows(tx, target=target)}
    rest = [uuid for uuid in gone if f"remove_member {uuid}" not in ours]
    if not rest:
        return ()
    return tuple(
        m.user_uuid for m in members.kept(tx, target) if m.user_uuid in rest and not _has_case(tx, target, m, seen_at)
    )


def note(tx: Tx, target: str, accounts: Collection[str], now: datetime) -> None:
    """Keep that those are gone and nobody knows why, before `members.keep` forgets them."""
    if not accounts:
        return
    seen_at = members.as_of(tx, target)
    findings.hasten(tx, target, Topic.OUTSIDE, now + LATE, now)
    for member in members.kept(tx, target):
        if member.user_uuid not in accounts:
            continue
        values = {
            "target": target,
            "user_uuid": member.user_uuid,
            "membership_id": member.membership_id,
            "email": member.email,
            "name": member.name,
            "level": int(member.level),
            "last_seen_at": seen_at,
            "missed_at": now,
        }
        tx.execute(insert(t.outside_removals).values(**values, by="", how=COMPARED))
        facts = {"account": member.user_uuid, "level": member.level.word, "last_seen_at": str(seen_at)}
        personal = {"email": member.email}
        entry = Entry(at=now, kind="member.gone_outside", actor="bridge", target=target, facts=facts, personal=personal)
        tx.audit(entry)


def note_back(tx: Tx, target: str, new: Iterable[KeptMember], now: datetime) -> None:
    """Keep which of those who were gone are members again."""
    accounts = [m.user_uuid for m in new]
    if not accounts or _ANY.first(tx, target=target) is None:
        return
    kept = t.outside_removals.c
    open_ones = {
        r.id: r.user_uuid
        for r in tx.execute(select(kept.id, kept.user_uuid).where(kept.target == target, kept.back_at.is_(None)))
    }
    for number, uuid in open_ones.items():
        if uuid in accounts:
            tx.execute(update(t.outside_removals).where(kept.id == number).values(back_at=now))


def to_ask(tx: Tx, target: str, now: datetime) -> list[OutsideRemoval]:
    """Those about which the activity log was not asked yet, and has had time to write."""
    kept = t.outside_removals.c
    query = select(t.outside_removals).where(
        kept.target == target, kept.asked_at.is_(None), kept.missed_at <= now - LATE
    )
    return [_read(r) for r in tx.execute(query.order_by(kept.id))]


def note_answer(tx: Tx, asked: Collection[OutsideRemoval], answer: Deeds, now: datetime) -> None:
    """Keep what the activity log said of each of them."""
    for removal in asked:
        deed = _deed_of(removal, answer)
        values: dict[str, Any] = {"asked_at": now}
        if deed is not None:
            name = deed.user_email or deed.user_uuid
            hand = name or "PostHog itself or its SCIM"
            values |= {"by": hand[: members.LONGEST], "done_at": deed.at}
            own = " (left by themselves)" if deed.user_uuid == removal.user_uuid.lower() else ""
            values["how"] = f"PostHog's activity log, {utc(deed.at)}{own}"
        else:
            values["how"] = f"{COMPARED}; {_why_unknown(answer)}"[:500]
        tx.execute(update(t.outside_removals).where(t.outside_removals.c.id == removal.id).values(values))


def missed_between(tx: Tx, target: str, since: datetime, until: datetime) -> list[OutsideRemoval]:
    """Those that a look of that time showed first, oldest first."""
    kept = t.outside_removals.c
    query = select(t.outside_removals).where(kept.target == target, kept.missed_at >= since, kept.missed_at < until)
    return [_read(r) for r in tx.execute(query.order_by(kept.missed_at, kept.id))]


def _may_have_effect(result: str) -> bool:
    return result not in {"refused", "declined", "undone"}


def _has_case(tx: Tx, target: str, member: KeptMember, seen_at: datetime) -> bool:
    """Whether a case about the account's person was open at the last look that showed it, or later."""
    mine, named = t.accounts.c, t.identities.c
    by_link = select(mine.person_id).where(mine.target == target, mine.user_uuid == member.user_uuid, mine.is_theirs)
    by_name = select(named.person_id).where(named.kind == "address", named.value == member.address_key)
    people = {*tx.execute(by_link).scalars(), *tx.execute(by_name).scalars()}
    query = select(t.cases.c.id).where(
        t.cases.c.person_id.in_(people),
        t.cases.c.target == target,
        t.cases.c.scope == "organization",
        or_(t.cases.c.closed_at.is_(None), t.cases.c.closed_at >= seen_at - SLACK),
    )
    return bool(people) and tx.execute(query.limit(1)).first() is not None


def _deed_of(removal: OutsideRemoval, answer: Deeds) -> Any:
    """The row that ended this membership, the last one if there are several; or `None`."""
    theirs = [
        deed
        for deed in answer.rows
        if deed.activity == "deleted"
        and (
            deed.item_id == removal.membership_id
            if removal.membership_id
            else deed.name.lower() == removal.email.lower()
        )
        and deed.at <= removal.missed_at + LATE
    ]
    return theirs[-1] if theirs else None


def _why_unknown(answer: Deeds) -> str:
    if answer.gaps:
        return f"PostHog's activity log could not be read: {answer.gaps[0].why}"
    return "PostHog's activity log has no row about it, as when an account is deactivated and not removed"


def _read(row: Any) -> OutsideRemoval:
    return OutsideRemoval(
        id=row.id,
        target=row.target,
        user_uuid=row.user_uuid,
        membership_id=row.membership_id,
        email=row.email,
        name=row.name,
        level=Level(row.level),
        last_seen_at=row.last_seen_at,
        missed_at=row.missed_at,
        by=row.by,
        how=row.how,
        done_at=row.done_at,
        asked_at=row.asked_at,
        back_at=row.back_at,
    )
