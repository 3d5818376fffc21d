"""What only a person can do: asked at once, or as an item of a case's checklist, and ticked by whoever did it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from bridge.core.checklist import Ask, Ticked
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

REACTIVATED = "reactivated"
"""Asks about somebody who was taken out and is active again; once for each case."""
RETURN = "return:"
"""Before a return's number: asks about somebody whom the invite did not bring back."""
ASKS_ABOUT_COMING_BACK = or_(t.todos.c.kind == REACTIVATED, t.todos.c.kind.startswith(RETURN, autoescape=True))
_SETTLE = Hot(
    lambda person_id, target, done_by, done_at: (
        update(t.todos)
        .where(
            ASKS_ABOUT_COMING_BACK,
            t.todos.c.done_at.is_(None),
            t.todos.c.case_id.in_(
                select(t.cases.c.id).where(t.cases.c.person_id == person_id, t.cases.c.target == target)
            ),
        )
        .values(done_at=done_at, done_by=done_by)
    )
)


@dataclass(frozen=True, kw_only=True)
class Todo(Ticked):
    """Something that only a person can do or confirm."""

    case_id: int
    opened_at: datetime


def ask(tx: Tx, case_id: int, kind: str, words: str, now: datetime) -> bool:
    """Put up a to-do that asks at once, once per case and kind. True when it is new."""
    return put_up(tx, case_id, Ask(kind=kind, text=words, is_urgent=True), now)


def put_up(tx: Tx, case_id: int, item: Ask, now: datetime, position: int = 0) -> bool:
    """Put up one item, once per case and kind; an open one gets the newer words. True when it is new."""
    mine = (t.todos.c.case_id == case_id, t.todos.c.kind == item.kind)
    known = tx.execute(select(t.todos.c.done_at, t.todos.c.position).where(*mine)).one_or_none()
    said = {
        "text": item.text,
        "is_urgent": item.is_urgent,
        "url": item.url,
        "wants_answer": item.wants_answer,
        "position": position,
    }
    if known is None:
        tx.execute(
            insert(t.todos).values(case_id=case_id, kind=item.kind, opened_at=now, done_by="", answer="", **said)
        )
    elif known.done_at is None and position:
        tx.execute(update(t.todos).where(*mine).values(**said))
    return known is None


def take_down(tx: Tx, case_id: int, *, but: Collection[str]) -> None:
    """Take the checklist's open items down, but for those kinds. What was ticked, or asks outside of it, stays."""
    is_open_item = (t.todos.c.case_id == case_id, t.todos.c.done_at.is_(None), t.todos.c.position > 0)
    tx.execute(delete(t.todos).where(*is_open_item, t.todos.c.kind.not_in(list(but))))


def todos(tx: Tx, *, case_id: int | None = None, only_open: bool = True, only_urgent: bool = False) -> list[Todo]:
    """The to-dos of one case or all, in the order in which they are to be done."""
    query = select(t.todos).order_by(t.todos.c.position, t.todos.c.id)
    if case_id is not None:
        query = query.where(t.todos.c.case_id == case_id)
    if only_open:
        query = query.where(t.todos.c.done_at.is_(None))
    if only_urgent:
        query = query.where(t.todos.c.is_urgent)
    return [_todo(row) for row in tx.execute(query)]


def find(tx: Tx, todo_id: int) -> Todo | None:
    """The to-do with that number, or `None`."""
    row = tx.execute(select(t.todos).where(t.todos.c.id == todo_id)).one_or_none()
    return None if row is None else _todo(row)


def tick(tx: Tx, todo_id: int, by: str, now: datetime, answer: str = "") -> bool:
    """Say that the to-do is done. False when there is no such open one."""
    mine = (t.todos.c.id == todo_id, t.todos.c.done_at.is_(None))
    return tx.execute(update(t.todos).where(*mine).values(done_at=now, done_by=by, answer=answer)).rowcount == 1


def settle(tx: Tx, target: str, kind: str, by: str, now: datetime) -> bool:
    """Say that what was asked in that kind is done, in all cases of a target. False when nobody had asked."""
    of_target = select(t.cases.c.id).where(t.cases.c.target == target)
    asked = (t.todos.c.kind == kind, t.todos.c.done_at.is_(None), t.todos.c.case_id.in_(of_target))
    return tx.execute(update(t.todos).where(*asked).values(done_at=now, done_by=by)).rowcount > 0


def is_about_coming_back(todo: Todo) -> bool:
    """Whether it asks about somebody who was taken out and may come back."""
    return todo.kind == REACTIVATED or todo.kind.startswith(RETURN)


def settle_coming_back(tx: Tx, person_id: int, target: str, by: str, now: datetime) -> None:
    """Say that it is decided whether the person comes back to the target."""
    _SETTLE.run(tx, person_id=person_id, target=target, done_by=by, done_at=now)


def untick(tx: Tx, todo_id: int) -> bool:
    """Say that the to-do is not done after all. False when there is no such done one."""
    mine = (t.todos.c.id == todo_id, t.todos.c.done_at.is_not(None))
    return tx.execute(update(t.todos).where(*mine).values(done_at=None, done_by="", answer="")).rowcount == 1


def _todo(row: Any) -> Todo:
    return Todo(
        id=row.id,
        case_id=row.case_id,
        kind=row.kind,
        text=row.text,
        opened_at=row.opened_at,
        done_at=row.done_at,
        done_by=row.done_by,
        is_urgent=row.is_urgent,
        position=row.position,
        url=row.url,
        wants_answer=row.wants_answer,
        answer=row.answer,
    )
