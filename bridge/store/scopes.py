"""Cases about one project or role: who has one, which were superseded, and how many people left groups at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, literal_column, select

from bridge.core.case import Case, superseded_by
from bridge.core.events import EventKind
from bridge.store import cases
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

_WITH_OUTCOME = Hot(
    lambda person_id, target, outcome: (
        select(t.cases.c.scope, t.cases.c.id)
        .where(t.cases.c.person_id == person_id, t.cases.c.scope != literal_column("'organization'"))
        .where(t.cases.c.target == target, t.cases.c.outcome == outcome)
        .order_by(t.cases.c.id)
    )
)


def open_about(tx: Tx, target: str, scope: str, people: Collection[int]) -> dict[int, Case]:
    """The open cases of those people at the target about that scope, by person."""
    query = select(t.cases.c.id, t.cases.c.person_id).where(
        t.cases.c.target == target, t.cases.c.scope == scope, t.cases.c.closed_at.is_(None)
    )
    found = {person: cases.find(tx, number) for number, person in tx.execute(query).all() if person in people}
    return {person: case for person, case in found.items() if case is not None}


def superseded(tx: Tx, by: Case) -> list[Case]:
    """The cases about a project or role that this one has superseded: the newest for each scope."""
    rows = _WITH_OUTCOME.rows(tx, person_id=by.person_id, target=by.target, outcome=superseded_by(by.id))
    newest = {row.scope: row.id for row in rows}
    return [case for case in (cases.find(tx, number) for number in newest.values()) if case is not None]


def group_leavers(tx: Tx, case: Case, window: timedelta, scope: str | None = None) -> int:
    """How many people left groups with something of that scope, or of any, within the window of this case's opening.

    Those about whom a person decided do not count, nor those who wait for another answer.
    """
    query = select(func.count(t.cases.c.person_id.distinct())).where(
        t.cases.c.target == case.target,
        t.cases.c.kind == EventKind.LEFT_GROUP.value,
        t.cases.c.closed_at.is_(None),
        t.cases.c.counts_as_intent,
        t.cases.c.opened_at.between(case.opened_at - window, case.opened_at + window),
    )
    if scope is not None:
        query = query.where(t.cases.c.scope == scope)
    return int(tx.execute(query).scalar_one())
