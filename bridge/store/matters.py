"""What asks people to do something: to-dos, and those about many people that ask the same, as one matter. Reads only.

Each case keeps a to-do of its own. What belongs together is found when it is shown, so that nothing has to be kept in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import exists, select

from bridge.core.wording import counted
from bridge.store import returns, todos
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.inbox import subject_in
from bridge.store.todos import Todo

TOGETHER_FROM = 4
"""So many that ask the same are one matter; fewer are read one by one."""


class Question(Enum):
    """What is asked about people who are to come back, or not: what happened, and what there is to do."""

    AGAIN = (
        "active again at the identity provider. Nothing was given back.",
        "`undo` invites all of them again, if that is right. If it is not, deactivate them again there: that answers this too.",
    )
    INVITED = (
        "active again at the identity provider. By policy.on_reactivate they are invited again.",
        "Deactivate again there who is not to come back.",
    )
    NOT_BACK = (
        "not back: nobody accepted the invite in time, somebody cancelled it, or PostHog refused it.",
        "`undo` sends all of them another.",
    )

    @property
    def is_undoable(self) -> bool:
        """Whether giving back is an answer."""
        return self is not Question.INVITED


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One to-do and whom it is about, if it is about somebody who may come back."""

    todo: Todo
    question: Question | None = None
    """`None`: a matter of its own."""
    label: str = ""
    """What to call the person."""
    target: str = ""
    batch_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Matter:
    """To-dos that ask one thing of somebody, oldest first."""

    asked: tuple[Asked, ...]

    @property
    def id(self) -> int:
        """The number of the first to-do, which stands for all."""
        return self.asked[0].todo.id

    @property
    def first(self) -> Todo:
        """The to-do that is shown when there is one only."""
        return self.asked[0].todo

    @property
    def is_many(self) -> bool:
        """Whether it is about several people."""
        return len(self.asked) > 1

    @property
    def question(self) -> Question | None:
        """What is asked, if it is about who may come back."""
        return self.asked[0].question

    @property
    def is_undoable(self) -> bool:
        """Whether giving back what was taken is an answer."""
        return self.question is not None and self.question.is_undoable

    @property
    def todo_ids(self) -> tuple[int, ...]:
        """The numbers of the to-dos."""
        return tuple(a.todo.id for a in self.asked)

    @property
    def case_ids(self) -> tuple[int, ...]:
        """The cases of these people."""
        return tuple(a.todo.case_id for a in self.asked)

    @property
    def says(self) -> str:
        """What happened, in a sentence or two."""
        if self.question is None or not self.is_many:
            return self.first.text
        one = self.asked[0]
        where = one.target if one.batch_id is None else f"{one.target} in batch {one.batch_id}"
        return (
            f"{counted(len(self.asked), 'person', 'people')} who were taken out of {where} are {self.question.value[0]}"
        )

    @property
    def remedy(self) -> str:
        """What there is to do; empty for one to-do, which says so itself."""
        return self.question.value[1] if self.question is not None and self.is_many else ""


def of(tx: Tx, todo_id: int) -> Matter | None:
    """The matter that the open to-do belongs to; `None` when it does not ask at once, or there is none."""
    shown = gathered(tx, todos.todos(tx, only_urgent=True))
    return next((m for m in shown if any(a.todo.id == todo_id for a in m.asked)), None)


def gathered(tx: Tx, found: Sequence[Todo]) -> tuple[Matter, ...]:
    """The to-dos as matters, each where its first to-do stands. One query, however many they are."""
    known = {a.todo.id: a for a in _about_coming_back(tx, found)}
    alike: dict[tuple[object, ...], list[Asked]] = {}
    for todo in found:
        one = known.get(todo.id, Asked(todo=todo))
        key = (one.question, one.target, one.batch_id) if one.question is not None else (todo.id,)
        alike.setdefault(key, []).append(one)
    shown = []
    for asked in alike.values():
        is_one = len(asked) >= TOGETHER_FROM
        shown += [Matter(asked=tuple(asked))] if is_one else [Matter(asked=(one,)) for one in asked]
    order = {todo.id: place for place, todo in enumerate(found)}
    return tuple(sorted(shown, key=lambda m: order[m.id]))


def _about_coming_back(tx: Tx, found: Sequence[Todo]) -> list[Asked]:
    """Those that ask about who may come back, with whom they are about."""
    asking = {todo.id: todo for todo in found if todos.is_about_coming_back(todo)}
    if not asking:
        return []
    c = t.cases.c
    is_under_way = exists().where(
        t.returns.c.case_id == c.id, t.returns.c.state.in_([s.value for s in returns.UNDER_WAY])
    )
    query = (
        select(t.todos.c.id, c.subject, c.target, c.batch_id, c.removed_at, is_under_way.label("is_under_way"))
        .join(t.cases, c.id == t.todos.c.case_id)
        .where(todos.ASKS_ABOUT_COMING_BACK, t.todos.c.done_at.is_(None))
    )
    return [
        Asked(
            todo=asking[row.id],
            question=_question(asking[row.id], was_removed=row.removed_at is not None, is_under_way=row.is_under_way),
            label=subject_in(row.subject).label,
            target=row.target,
            batch_id=row.batch_id,
        )
        for row in tx.execute(query)
        if row.id in asking
    ]


def _question(todo: Todo, *, was_removed: bool, is_under_way: bool) -> Question | None:
    """What is asked. Somebody with whom the bridge had only begun is nobody to invite."""
    if not was_removed:
        return None
    if todo.kind != todos.REACTIVATED:
        return Question.NOT_BACK
    return Question.INVITED if is_under_way else Question.AGAIN
