"""Which checklist each case has. Its items are to-dos like all others, see `todos`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update

from bridge.core.case import Case
from bridge.core.checklist import BREACH, INCIDENT, Ask, Template, asks, choose
from bridge.core.organization import Level
from bridge.ports import TargetSettings
from bridge.store import findings, returns, todos
from bridge.store import tables as t
from bridge.store.db import Tx


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which template a case's checklist is made from, and who chose it."""

    template: Template
    chosen_by: str
    opened_at: datetime


def find(tx: Tx, case_id: int) -> Chosen | None:
    """The case's checklist, or `None` before it has one."""
    row = tx.execute(select(t.checklists).where(t.checklists.c.case_id == case_id)).one_or_none()
    if row is None:
        return None
    return Chosen(template=Template(row.template), chosen_by=row.chosen_by, opened_at=row.opened_at)


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """One checklist with items that nobody has ticked."""

    case_id: int
    template: Template
    opened_at: datetime
    open: int
    items: int


def unfinished(tx: Tx) -> list[Unfinished]:
    """The checklists that people are not done with, the oldest first."""
    is_open = func.count(t.todos.c.id).filter(t.todos.c.done_at.is_(None))
    query = (
        select(t.checklists, is_open.label("open"), func.count(t.todos.c.id).label("items"))
        .join(t.todos, t.todos.c.case_id == t.checklists.c.case_id)
        .group_by(t.checklists.c.case_id)
        .having(is_open > 0)
        .order_by(t.checklists.c.opened_at, t.checklists.c.case_id)
    )
    return [
        Unfinished(
            case_id=r.case_id,
            template=Template(r.template),
            opened_at=r.opened_at,
            open=int(r.open),
            items=int(r.items),
        )
        for r in tx.execute(query)
    ]


def refresh(tx: Tx, case: Case, target: TargetSettings | None, now: datetime) -> None:
    """Begin the case's checklist, or bring it up to what has been found since. `target`: the case's, if it is configured still."""
    found, known = findings.of_case(tx, case.id), find(tx, case.id)
    template = known.template if known else choose(case, found.before.level if found.before else Level.MEMBER)
    if known is None:
        begin(tx, case.id, template, "the bridge", now)
    url, is_self_hosted = (target.url, target.is_self_hosted) if target is not None else ("", False)
    items = asks(template, case, found, url, is_self_hosted=is_self_hosted)
    if returns.gives_back(
        tx, case.id
    ):  # what is left of a removal that was a mistake is what was thought to have happened
        items = tuple(i for i in items if i.kind in {INCIDENT, BREACH})
    put_up(tx, case.id, items, now)


def begin(tx: Tx, case_id: int, template: Template, by: str, now: datetime) -> None:
    """Begin the checklist, or make it one from another template."""
    chosen = {"template": template.value, "chosen_by": by}
    mine = t.checklists.c.case_id == case_id
    if tx.execute(update(t.checklists).where(mine).values(**chosen)).rowcount == 0:
        tx.execute(insert(t.checklists).values(case_id=case_id, opened_at=now, **chosen))


def put_up(tx: Tx, case_id: int, items: Sequence[Ask], now: datetime) -> None:
    """Have exactly these items asked, in this order; what was ticked stays ticked, even when it is asked no more."""
    todos.take_down(tx, case_id, but={i.kind for i in items})
    for position, item in enumerate(items, 1):
        todos.put_up(tx, case_id, item, now, position)
