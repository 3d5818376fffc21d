"""Cases that one decision settles: many removals at once, or the backlog of observing. `cases.save` gathers them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from bridge.core.case import Case, CaseState
from bridge.core.plan import Hold, digest_of
from bridge.store import cases
from bridge.store import tables as t
from bridge.store.cases import BESIDE, GATHERED
from bridge.store.db import Tx


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Cases that wait for one decision. `digest` stands for every case's plan as it is now."""

    id: int
    target: str
    cases: tuple[Case, ...]
    digest: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Why they wait."""
        return tuple(sorted({h.code.value for c in self.cases for h in c.plan.blocking}))

    @property
    def shared(self) -> Hold:
        """The hold that they wait for together, with its newest numbers."""
        return next(h for c in reversed(self.cases) for h in c.plan.blocking if h.code in GATHERED)

    @property
    def others(self) -> tuple[tuple[Case, Hold], ...]:
        """The questions that stand beside some of them: a release of the batch answers those too."""
        return tuple((c, h) for c in self.cases for h in c.plan.holds if h.code not in GATHERED | BESIDE)

    @property
    def is_about_groups(self) -> bool:
        """Whether they are about one project or role, and not about the organization."""
        return not self.cases[0].is_whole

    @property
    def is_releasable(self) -> bool:
        """Whether a person may release all of it."""
        return all(h.is_releasable for c in self.cases for h in c.plan.blocking)


def waiting_batch(tx: Tx, batch_id: int) -> Batch | None:
    """The batch with that number, or `None` when nothing in it waits any more."""
    waiting = tuple(c for c in cases.of_batch(tx, batch_id) if cases.is_gathered(c))
    if not waiting:
        return None
    digest = digest_of(tuple(f"{c.id}:{c.plan.digest}" for c in waiting), ())
    return Batch(id=batch_id, target=waiting[0].target, cases=waiting, digest=digest)


def waiting_batches(tx: Tx) -> tuple[Batch, ...]:
    """The batches that wait for a decision, oldest first."""
    query = (
        select(t.cases.c.batch_id)
        .where(t.cases.c.batch_id.is_not(None), t.cases.c.state == CaseState.HELD.value)
        .distinct()
        .order_by(t.cases.c.batch_id)
    )
    found = (waiting_batch(tx, batch_id) for batch_id in tx.execute(query).scalars().all())
    return tuple(batch for batch in found if batch is not None)
