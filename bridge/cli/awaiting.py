"""Watching an emergency on the terminal until everybody is out, or until a person is needed."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta

from bridge.cli import paper
from bridge.cli.cases import releasing
from bridge.cli.context import NEEDS_A_PERSON, UNREACHABLE, Context
from bridge.core.case import Case, CaseState
from bridge.core.wording import counted, lasting
from bridge.store import views
from bridge.store.views import CaseView

LOOK_SECONDS = 0.25


def until_out(context: Context, case_ids: Collection[int], seconds: float) -> None:
    """Tell of each case once it is out, held or taken back, at most that long. Ends with the exit status that says so."""
    bridge = context.bridge()
    paper.line(f"{counted(len(case_ids), 'case')} open. Ctrl-C gives the terminal back; the bridge goes on.", dim=True)
    waiting, held = set(case_ids), 0
    ends_at = time.monotonic() + seconds
    while waiting and time.monotonic() < ends_at:
        with bridge.db.read() as tx:
            found = views.rows(tx, only=sorted(waiting), limit=len(waiting))
        for view in found:
            if _is_to_be_looked_at(view.case, bridge.clock.now()):
                continue
            waiting.discard(view.case.id)
            held += view.case.state in {CaseState.HELD, CaseState.CANCELLED}
            _tell(context, view)
        time.sleep(LOOK_SECONDS)
    if waiting:
        numbers = ", ".join(map(str, sorted(waiting)[:10]))
        paper.line(f"Not out yet after {seconds:.0f} s: case {numbers}.", fg="red", bold=True)
        paper.line("`status` says what stands in the way: is `run` (or `worker`) up?", indent=2)
        context.leave(UNREACHABLE)
    first = min(case_ids)
    paper.line(f"The record: `report {first}`. What the person did: `report {first} --incident`, some minutes later.")
    if held:
        context.leave(NEEDS_A_PERSON)


def _is_to_be_looked_at(case: Case, now: datetime) -> bool:
    """Whether a worker has still to come: what a case that was open before says of itself is older than the emergency."""
    is_due = case.due_at is not None and case.due_at <= now
    return case.state is CaseState.PENDING or (case.state.is_open and is_due)


def _precisely(took: timedelta) -> str:
    """How long it took; to a tenth of a second while that means something."""
    return f"{took.total_seconds():.1f} s" if took < timedelta(minutes=1) else lasting(took)


def _tell(context: Context, view: CaseView) -> None:
    case = view.case
    took = view.access.lasted(case.verified_at or case.opened_at)
    if case.state is CaseState.HELD:
        paper.line(f"Case {case.id}: {case.subject.label} is HELD.", fg="red", bold=True)
        for hold in case.plan.holds:
            paper.line(hold.message, indent=2)
            paper.line(hold.remedy, indent=2, fg="cyan")
        if case.plan.holds and all(h.is_releasable for h in case.plan.blocking):
            paper.command_line(releasing(paper.program(context), str(case.id), case.plan.digest), indent=2)
        return
    if case.state is CaseState.CANCELLED:
        told = f"Case {case.id} does not take {case.subject.label} out: {case.outcome}."
        paper.line(told, fg="red", bold=True)
        return
    after = f" after {_precisely(took)}" if took is not None and case.removed_at is not None else ""
    paper.line(f"Case {case.id}: {case.subject.label} is out{after}.", fg="green", bold=True)
    for step in view.steps:
        if step.result in {"done", "gone"}:
            paper.line(f"{step.says}: PostHog answered {step.status}", indent=2)
