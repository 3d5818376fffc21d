"""Cases that one decision settles: many removals at once, or the backlog of observing. `cases.save` gathers them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bridge.core.case import Case, CaseState
from bridge.core.plan import Hold, digest_of
from bridge.store import cases, gathering, plans
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.gathering import BESIDE, GATHERED
from bridge.store.inbox import subject_in


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One case of a batch: what it takes to decide about it, without the rest of the case, since there may be thousands."""

    id: int
    target: str
    is_whole: bool
    """About the organization, and not about one project or role in it."""
    label: str
    """What to call the person."""
    opened_at: datetime
    is_inside: bool
    """Still a member, as last seen."""
    digest: str
    """The plan's."""
    holds: tuple[Hold, ...]

    @property
    def blocking(self) -> tuple[Hold, ...]:
        """The holds that keep the steps from being done."""
        return tuple(h for h in self.holds if h.is_blocking)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Cases that wait for one decision. `digest` stands for every case's plan as it is now."""

    id: int
    target: str
    cases: tuple[Waiting, ...]
    digest: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Why they wait."""
        return tuple(sorted({h.code.value for c in self.cases for h in c.blocking}))

    @property
    def shared(self) -> Hold:
        """The hold that they wait for together, with its newest numbers."""
        return next(h for c in reversed(self.cases) for h in c.blocking if h.code in GATHERED)

    @property
    def others(self) -> tuple[tuple[Waiting, Hold], ...]:
        """The questions that stand beside some of them: a release of the batch answers those too."""
        return tuple((c, h) for c in self.cases for h in c.holds if h.code not in GATHERED | BESIDE)

    @property
    def is_about_groups(self) -> bool:
        """Whether they are about one project or role, and not about the organization."""
        return not self.cases[0].is_whole

    @property
    def is_releasable(self) -> bool:
        """Whether a person may release all of it."""
        return all(h.is_releasable for c in self.cases for h in c.blocking)


def waiting_batch(tx: Tx, batch_id: int) -> Batch | None:
    """The batch with that number, or `None` when nothing in it waits any more."""
    return next(iter(waiting_batches(tx, only=(batch_id,))), None)


def cases_of(tx: Tx, batch_id: int) -> list[Case]:
    """All cases that were gathered in the batch and belong to it still, oldest first."""
    return cases.found(tx, select(t.cases).where(t.cases.c.batch_id == batch_id).order_by(t.cases.c.id))


def waiting_batches(tx: Tx, *, only: Collection[int] = ()) -> tuple[Batch, ...]:
    """The batches that wait for a decision, oldest first; `only` those numbers, when given."""
    c = t.cases.c
    query = (
        select(c.batch_id, c.id, c.target, c.scope, c.subject, c.opened_at, c.removed_at, c.plan)
        .where(c.batch_id.is_not(None), c.state == CaseState.HELD.value)
        .order_by(c.batch_id, c.id)
    )
    waiting: dict[int, list[Waiting]] = {}
    for batch_id, *row in tx.execute(query.where(c.batch_id.in_(only)) if only else query):
        case = _waiting(*row)
        if gathering.are_gathered(case.blocking):
            waiting.setdefault(batch_id, []).append(case)
    return tuple(_batch(batch_id, found) for batch_id, found in waiting.items())


def _batch(batch_id: int, waiting: list[Waiting]) -> Batch:
    digest = digest_of(tuple(f"{c.id}:{c.digest}" for c in waiting), ())
    return Batch(id=batch_id, target=waiting[0].target, cases=tuple(waiting), digest=digest)


def _waiting(
    case_id: int,
    target: str,
    scope: str,
    subject: dict[str, Any],
    opened_at: datetime,
    removed_at: datetime | None,
    plan: dict[str, Any],
) -> Waiting:
    return Waiting(
        id=case_id,
        target=target,
        is_whole=scope == "organization",
        label=subject_in(subject).label,
        opened_at=opened_at,
        is_inside=removed_at is None and any(s["do"] == "remove_member" for s in plan["steps"]),
        digest=plan["digest"],
        holds=plans.holds_in(plan),
    )
