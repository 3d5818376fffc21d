"""The removals of a stretch of time, for a report: by the bridge, and by others as far as looks and the activity log say."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, or_, select

from bridge.core.events import address_key
from bridge.core.findings import Topic
from bridge.core.quarter import Outside, Quarter, Removal, Span, quarter, removal_of
from bridge.core.surroundings import Deeds, Gap
from bridge.core.wording import utc
from bridge.store import cases, findings, inbox, outside, views
from bridge.store import tables as t
from bridge.store.db import Tx

AT_ONCE = 500
"""Cases that are read at a time."""


def of_span(tx: Tx, span: Span, targets: Collection[str], now: datetime) -> Quarter:
    """The report over those targets."""
    found = [r for r in _rows(tx, span, targets) if span.holds(r.out_at) or span.holds(r.requested_at)]
    # Whoever asked before and was out within the span counts by the removal, and whoever was out before it does not.
    rows = [r for r in found if r.out_at is None or r.out_at >= span.since]
    others: list[Outside] = []
    gaps: list[Gap] = []
    for target in targets:
        mine, missing = _outside(tx, span, target)
        others.extend(mine)
        gaps.extend(missing)
    return quarter(span, rows, targets=tuple(targets), outside=tuple(others), gaps=tuple(gaps), now=now)


def _rows(tx: Tx, span: Span, targets: Collection[str]) -> Iterator[Removal]:
    in_span = select(t.steps.c.case_id).where(
        t.steps.c.is_removal,
        t.steps.c.target.in_(targets),
        t.steps.c.ended_at >= span.since,
        t.steps.c.ended_at < span.until,
    )
    query = (
        select(t.cases)
        .where(t.cases.c.target.in_(targets))
        .where(or_(t.cases.c.opened_at.between(span.since, span.until), t.cases.c.id.in_(in_span)))
        .order_by(t.cases.c.id)
    )
    every = cases.found(tx, query)
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        still_open = _open_items(tx, [c.id for c in some])
        asked = inbox.first_sources(tx, [c.id for c in some if c.is_operators])
        for view in views.views_of(tx, some):
            case = replace(view.case, source=asked.get(view.case.id, view.case.source))
            yield removal_of(case, view.steps, view.approver, still_open.get(case.id), span)


def _open_items(tx: Tx, case_ids: Collection[int]) -> dict[int, int]:
    """How many items of each checklist nobody has ticked."""
    todos = t.todos
    query = (
        select(t.checklists.c.case_id, func.count(todos.c.id).filter(todos.c.done_at.is_(None)))
        .outerjoin(todos, todos.c.case_id == t.checklists.c.case_id)
        .where(t.checklists.c.case_id.in_(case_ids))
        .group_by(t.checklists.c.case_id)
    )
    return {case_id: int(count) for case_id, count in tx.execute(query)}


def _outside(tx: Tx, span: Span, target: str) -> tuple[list[Outside], list[Gap]]:
    """Memberships that others ended: those of the activity log, and those that a look found gone and no case explains."""
    kept = findings.of_target(tx, target, Topic.OUTSIDE)
    log = kept.body if kept is not None and isinstance(kept.body, Deeds) else None
    found = [
        Outside(
            at=d.at, person=d.name or d.item_id, target=target, by=d.user_email, known_from="PostHog's activity log"
        )
        for d in (log.rows if log else ())
        if span.holds(d.at)
    ]
    named = {address_key(o.person) for o in found}
    for gone in outside.missed_between(tx, target, span.since, span.until):
        if address_key(gone.email) not in named:
            told = f"{gone.how}; a member until {utc(gone.last_seen_at)} at least" if gone.last_seen_at else gone.how
            at = gone.done_at or gone.missed_at
            found.append(Outside(at=at, person=gone.email, target=target, by=gone.by, known_from=told))
    if log is None:
        why = kept.trouble if kept is not None and kept.trouble else "It was not read yet."
        return found, [Gap(what=f"who else removed members of {target}, in the activity log", why=why)]
    gaps = list(log.gaps)
    if log.since > span.since:
        gaps.append(Gap(what=f"the activity log of {target} before {log.since:%Y-%m-%d}", why="It was not read."))
    return found, gaps
