"""Moving due times when the machine's clock was wrong: what waits shall wait in real time, not by the clock's hands.

Facts (when somebody was removed, when a look was taken) and dates that an operator gave are never moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, exists, select, type_coerce, update
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.case import CaseState, longest_wait
from bridge.core.events import EventKind
from bridge.core.policy import Policy
from bridge.store import cases
from bridge.store import tables as t
from bridge.store.db import Tx

LONGEST_PAUSE = timedelta(hours=1)
"""How long a target is left alone at most: the longest Retry-After that is honoured."""

_ALL = 1_000_000


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


def pull_in(tx: Tx, policies: Mapping[str, Policy], now: datetime) -> int:
    """Have what is due later than it can be by itself looked at now; how many cases and targets it was.

    For a clock that was put back while nobody watched it: then nobody knows by how much.
    """
    late = [
        case.id
        for case in cases.select_cases(tx, states=[s for s in CaseState if s.is_open], limit=_ALL)
        if case.due_at is not None
        and case.target in policies
        and case.due_at > now + longest_wait(case, policies[case.target])
    ]
    moved = 0
    for case_id in late:
        moved += tx.execute(update(t.cases).where(t.cases.c.id == case_id, ~_is_dated()).values(due_at=now)).rowcount
    for name, policy in policies.items():
        for column, most in ((t.targets.c.paused_until, LONGEST_PAUSE), (t.targets.c.look_due_at, policy.drift_every)):
            too_late = update(t.targets).where(t.targets.c.name == name, column > now + most)
            moved += tx.execute(too_late.values({column.name: now})).rowcount
    return moved


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
