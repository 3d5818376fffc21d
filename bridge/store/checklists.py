"""Which checklist each case has. Its items are to-dos like all others, see `todos`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from bridge.core.case import Case
from bridge.core.checklist import Ask, Template, asks, choose
from bridge.core.organization import Level
from bridge.store import findings, todos
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


def refresh(tx: Tx, case: Case, url: str, now: datetime) -> None:
    """Begin the case's checklist, or bring it up to what has been found since. `url`: the PostHog host's."""
    found, known = findings.of_case(tx, case.id), find(tx, case.id)
    template = known.template if known else choose(case, found.before.level if found.before else Level.MEMBER)
    if known is None:
        begin(tx, case.id, template, "the bridge", now)
    put_up(tx, case.id, asks(template, case, found, url), now)


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
