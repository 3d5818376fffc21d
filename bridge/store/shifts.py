"""Moving due times when the machine's clock was wrong: what waits shall wait in real time, not by the clock's hands.

Facts (when somebody was removed, when a look was taken) and dates that an operator gave are never moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, exists, select, type_coerce, update
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.case import longest_wait
from bridge.core.events import EventKind
from bridge.core.policy import Policy
from bridge.store import cases, targets
from bridge.store import tables as t
from bridge.store.db import Tx

LONGEST_PAUSE = timedelta(hours=1)
"""How long a target is left alone at most: the longest Retry-After that is honoured."""


def shift(tx: Tx, by: timedelta) -> int:
    """Move everything that waits by that much; how many cases it was.

    Claims go by the clock on SQLite only, and end within seconds by themselves: a lease from the future counts as none.
    """
    is_open = t.cases.c.closed_at.is_(None)
    moved = tx.execute(
        update(t.cases)
        .where(is_open, t.cases.c.due_at.is_not(None), ~_is_dated())
        .values(due_at=_later(t.cases.c.due_at, by))
    )
    tx.execute(
        update(t.cases)
        .where(is_open, t.cases.c.watch_from.is_not(None))
        .values(watch_from=_later(t.cases.c.watch_from, by), watch_until=_later(t.cases.c.watch_until, by))
    )
    for column in (t.targets.c.paused_until, t.targets.c.look_due_at):
        tx.execute(update(t.targets).where(column.is_not(None)).values({column.name: _later(column, by)}))
    return moved.rowcount


@dataclass(frozen=True, kw_only=True)
class Late:
    """What is due later than it can be by itself."""

    cases: tuple[int, ...]
    pauses: tuple[str, ...]
    """Targets whose pause ends too late."""
    looks: tuple[str, ...]
    """Targets that are looked at too late."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of the kind."""
        return not (self.cases or self.pauses or self.looks)


def too_late(tx: Tx, policies: Mapping[str, Policy], now: datetime) -> Late:
    """What a clock that was put back, by nobody knows how much, left for too late. Dates of operators count as right."""
    waiting = select(t.cases).where(t.cases.c.closed_at.is_(None), t.cases.c.due_at > now, ~_is_dated())
    found = cases.found(tx, waiting)
    late = [c for c in found if c.target in policies and (c.due_at or now) > now + longest_wait(c, policies[c.target])]
    states = [targets.state(tx, name) for name in policies]
    return Late(
        cases=tuple(case.id for case in late),
        pauses=tuple(s.name for s in states if s.paused_until and s.paused_until > now + LONGEST_PAUSE),
        looks=tuple(s.name for s in states if s.look_due_at and s.look_due_at > now + policies[s.name].drift_every),
    )


def pull_in(tx: Tx, late: Late, now: datetime) -> None:
    """Have it looked at now."""
    tx.execute(update(t.cases).where(t.cases.c.id.in_(late.cases), t.cases.c.closed_at.is_(None)).values(due_at=now))
    tx.execute(update(t.targets).where(t.targets.c.name.in_(late.pauses)).values(paused_until=now))
    tx.execute(update(t.targets).where(t.targets.c.name.in_(late.looks)).values(look_due_at=now))


def _is_dated() -> ColumnElement[bool]:
    """Whether the case waits for a date that an operator gave."""
    return exists(
        select(t.inbox.c.id)
        .join(t.case_events, t.case_events.c.inbox_id == t.inbox.c.id)
        .where(
            t.case_events.c.case_id == t.cases.c.id,
            t.inbox.c.kind == EventKind.REMOVE.value,
            t.inbox.c.effective_at == t.cases.c.due_at,
        )
    )


def _later(column: Column[datetime], by: timedelta) -> ColumnElement[int]:
    return type_coerce(column, BigInteger) + by // timedelta(milliseconds=1)
