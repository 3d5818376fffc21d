"""Which cases wait for one decision together, and the batch that they join."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert, select

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind
from bridge.core.plan import Hold, HoldCode
from bridge.store import tables as t
from bridge.store.db import Tx

GATHERED = frozenset({HoldCode.TOO_MANY, HoldCode.OBSERVE_ONLY, HoldCode.GROUP_GONE})
"""Holds that concern many cases at once: cases with no other hold share a batch, and one decision."""

BESIDE = frozenset({HoldCode.NOT_SUPPORTED})
"""Holds that are no question of their own, and keep no case out of its batch."""


def is_gathered(case: Case) -> bool:
    """Whether the case waits for a decision about many."""
    return case.state is CaseState.HELD and are_gathered(case.plan.blocking)


def are_gathered(blocking: Iterable[Hold]) -> bool:
    """Whether these holds of a held case wait for a decision about many."""
    codes = {h.code for h in blocking}
    return bool(codes & GATHERED) and codes <= GATHERED | BESIDE


def open_batch(tx: Tx, case: Case) -> int:
    """The batch of its kind that still waits for its decision; a new one when there is none.

    The backlog of observing has one of its own, so has each project or role whose group was deleted or emptied, and
    nobody joins a batch that was decided in part.
    """
    about = "" if case.is_whole else f"{'gone' if case.kind is EventKind.GROUP_GONE else 'many'} {case.scope}"
    decided = select(t.cases.c.batch_id).where(t.cases.c.batch_id.is_not(None), t.cases.c.released.is_not(None))
    waiting = (
        select(t.cases.c.batch_id)
        .join(t.batches, t.batches.c.id == t.cases.c.batch_id)
        .where(
            t.cases.c.target == case.target,
            t.batches.c.about == about,
            t.cases.c.is_backlog == case.is_backlog,
            t.cases.c.batch_id.is_not(None),
            t.cases.c.batch_id.not_in(decided),
            t.cases.c.closed_at.is_(None),
            t.cases.c.state == CaseState.HELD.value,
        )
        .order_by(t.cases.c.batch_id.desc())
        .limit(1)
    )
    known = tx.execute(waiting).scalar()
    if known is not None:
        return int(known)
    result = tx.execute(insert(t.batches).values(target=case.target, about=about, opened_at=case.opened_at))
    return int(result.inserted_primary_key[0])  # type: ignore[index]
