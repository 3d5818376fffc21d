"""Reminders of access reviews: one row for each that fell due, told until somebody acts on it.

Looked after at the daily comparison of each target and at every step of a review. The same state told twice is one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import insert, select, update

from bridge.core.wording import utc
from bridge.store import reviews
from bridge.store import tables as t
from bridge.store.audit import Entry
from bridge.store.db import Tx

UNSIGNED_FOR = timedelta(days=14)
"""How long a review that was started may lie unsigned before it is told."""


class Kind(StrEnum):
    """What is told."""

    DUE = "due"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """One that stands."""

    target: str
    kind: Kind
    due_at: datetime

    @property
    def what(self) -> str:
        """The reminder in one sentence."""
        if self.kind is Kind.DUE:
            return f"An access review of {self.target} is due since {utc(self.due_at)}."
        return f"An access review of {self.target} lies unsigned since it should have ended on {utc(self.due_at)}."

    @property
    def remedy(self) -> str:
        """What ends it."""
        if self.kind is Kind.DUE:
            return f"`review start --target {self.target}` keeps who is in now; decide line by line, then sign."
        return (
            f"`review --target {self.target}` names it: decide the lines that are left and sign, or `review drop` it."
        )


def mind(tx: Tx, target: str, every: timedelta | None, now: datetime) -> None:
    """Have the one reminder stand that is true now, if any. `every`: how often reviews fall due; `None` is never."""
    mine = t.review_reminders.c
    standing = {
        (r.kind, r.due_at): r.id
        for r in tx.execute(select(t.review_reminders).where(mine.target == target, mine.ended_at.is_(None)))
    }
    wanted = _wanted(tx, target, every, now, {due: kind for kind, due in standing})
    for key, number in standing.items():
        if key != wanted:
            tx.execute(update(t.review_reminders).where(mine.id == number).values(ended_at=now))
    if wanted is None or wanted in standing:
        return
    kind, due_at = wanted
    known = update(t.review_reminders).where(mine.target == target, mine.kind == kind, mine.due_at == due_at)
    if tx.execute(known.values(ended_at=None)).rowcount:
        return
    tx.execute(insert(t.review_reminders).values(target=target, kind=kind, due_at=due_at, told_at=now))
    tx.audit(Entry(at=now, kind=f"review.{kind}", actor="bridge", target=target, facts={"due_at": str(due_at)}))


def standing(tx: Tx) -> tuple[Reminder, ...]:
    """Every reminder that stands, the longest due first."""
    mine = t.review_reminders.c
    query = select(t.review_reminders).where(mine.ended_at.is_(None)).order_by(mine.due_at, mine.target)
    return tuple(Reminder(target=r.target, kind=Kind(r.kind), due_at=r.due_at) for r in tx.execute(query))


def _wanted(
    tx: Tx, target: str, every: timedelta | None, now: datetime, standing: dict[datetime, str]
) -> tuple[str, datetime] | None:
    started = reviews.open_of(tx, target)
    if started is not None:
        due_at = started.started_at + UNSIGNED_FOR
        return (Kind.UNSIGNED.value, due_at) if due_at <= now else None
    if every is None:
        return None
    last = reviews.last_signed(tx, target)
    if last is not None and last.ended_at is not None:
        due_at = last.ended_at + every
    else:  # never reviewed: due since it was noticed first
        due_at = min((due for due, kind in standing.items() if kind == Kind.DUE.value), default=now)
    return (Kind.DUE.value, due_at) if due_at <= now else None
