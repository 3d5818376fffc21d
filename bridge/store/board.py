"""What the status page lists: so many cases of each kind, those first that people look for first. Reads only.

A fixed number of queries, whatever is open. `views` knows how one case stands, `watches` what was seen of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from bridge.core.case import CaseState
from bridge.store import cases, views, watches
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.views import CaseView, Status
from bridge.store.watches import Watch


@dataclass(frozen=True, kw_only=True)
class Board:
    """The cases to show, by what they need."""

    waiting: tuple[CaseView, ...]
    """Each needs a decision of its own; the longest still in first."""
    more_waiting: int
    """How many of those are left out."""
    moving: tuple[CaseView, ...]
    """The next to be done first."""
    watched: tuple[CaseView, ...]
    """The last to be removed first."""
    watches: Mapping[int, Watch]
    """Of those who are watched."""
    done: tuple[CaseView, ...]
    """The last to be closed first."""

    @property
    def is_empty(self) -> bool:
        """Whether there is not one case."""
        return not (self.waiting or self.more_waiting or self.moving or self.watched or self.done)


def board(tx: Tx, status: Status, *, most: int, most_done: int) -> Board:
    """At most so many cases of each kind."""
    in_batches = {c.id for b in status.batches for c in b.cases}
    alone = [i for i in status.needs_a_person if i not in in_batches]
    waiting = views.rows(tx, only=alone, limit=most)
    watched = _listed(tx, _in(CaseState.WATCHING).order_by(t.cases.c.watch_from.desc(), t.cases.c.id.desc()), most)
    closed = select(t.cases).where(t.cases.c.closed_at.is_not(None))
    return Board(
        waiting=tuple(waiting),
        more_waiting=len(alone) - len(waiting),
        moving=_listed(tx, _in(CaseState.PENDING).order_by(t.cases.c.due_at, t.cases.c.id), most),
        watched=watched,
        watches=watches.watches_of(tx, watched) if watched else {},
        done=_listed(tx, closed.order_by(t.cases.c.closed_at.desc(), t.cases.c.id.desc()), most_done),
    )


def _in(state: CaseState) -> Select[*tuple[Any, ...]]:
    return select(t.cases).where(t.cases.c.state == state.value)


def _listed(tx: Tx, query: Select[*tuple[Any, ...]], most: int) -> tuple[CaseView, ...]:
    return tuple(views.views_of(tx, cases.found(tx, query.limit(most))))
