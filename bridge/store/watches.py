"""The watches of cases, as a strip shows them: from the first removal to the end, the looks between, who was met.

Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, func, select, type_coerce

from bridge.core.case import Case
from bridge.core.evidence import StepDone
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.views import CaseView

SLOTS = 48
"""Into how many parts a watch is folded for a list: more ticks than that are not told apart in a narrow strip."""

ABSENT = "absent"
"""What a look of the watch says when all is well."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What the watch of one person has seen so far."""

    start: datetime
    """The first removal; or the look that found nobody, when nobody was to be removed."""
    until: datetime
    looks: tuple[datetime, ...]
    """When the person was not there; folded, when made for a list."""
    met: tuple[datetime, ...]
    """When the person was there again, or invited."""
    count: int
    """How many looks there were, whatever they showed."""
    last: datetime | None
    """The newest look."""


def watch_of(view: CaseView) -> Watch | None:
    """The watch of one case with all its looks; `None` before there is one."""
    case = view.case
    if case.watch_from is None or case.watch_until is None:
        return None
    return Watch(
        start=_start(case.watch_from, view.steps),
        until=case.watch_until,
        looks=tuple(at for at, result in view.checks if result == ABSENT),
        met=tuple(at for at, result in view.checks if result != ABSENT),
        count=len(view.checks),
        last=view.checks[-1][0] if view.checks else None,
    )


def watches_of(tx: Tx, views: Sequence[CaseView]) -> dict[int, Watch]:
    """The watches of those of the cases that have one, by case, in one query that grows with `SLOTS` and not with the looks."""
    until, since = type_coerce(t.cases.c.watch_until, BigInteger), type_coerce(t.cases.c.watch_from, BigInteger)
    slot = type_coerce(t.checks.c.at, BigInteger) * SLOTS // func.nullif(until - since, 0, type_=BigInteger)
    is_absent = t.checks.c.result == ABSENT
    at, last, count = func.min(t.checks.c.at), func.max(t.checks.c.at), func.count()
    query = (
        select(t.checks.c.case_id, is_absent, at, last, count)
        .join(t.cases, t.cases.c.id == t.checks.c.case_id)
        .where(t.checks.c.case_id.in_([v.case.id for v in views]))
        .group_by(t.checks.c.case_id, is_absent, slot)
        .order_by(at)
    )
    found: dict[int, list[tuple[bool, datetime, datetime, int]]] = {}
    for case_id, *seen in tx.execute(query):
        found.setdefault(case_id, []).append((bool(seen[0]), seen[1], seen[2], seen[3]))
    return {v.case.id: w for v in views if (w := _folded(v.case, v.steps, found.get(v.case.id, []))) is not None}


def _folded(case: Case, steps: tuple[StepDone, ...], seen: list[tuple[bool, datetime, datetime, int]]) -> Watch | None:
    if case.watch_from is None or case.watch_until is None:
        return None
    return Watch(
        start=_start(case.watch_from, steps),
        until=case.watch_until,
        looks=tuple(at for is_absent, at, _, _ in seen if is_absent),
        met=tuple(at for is_absent, at, _, _ in seen if not is_absent),
        count=sum(n for *_, n in seen),
        last=max((last for _, _, last, _ in seen), default=None),
    )


def _start(watch_from: datetime, steps: tuple[StepDone, ...]) -> datetime:
    removals = (
        s.ended_at or s.started_at for s in steps if s.result == "done" and s.canonical.startswith("remove_member ")
    )
    return min((watch_from, *removals))
