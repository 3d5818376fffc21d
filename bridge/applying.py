"""Sending one step of a case to the target, once, and keeping how it was answered. Part of a pass.

May import: `passing` and what lies below it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from bridge import lookout
from bridge.core import case as cases_of
from bridge.core.case import Case
from bridge.core.organization import Level
from bridge.core.plan import RemoveMember, SetLevel
from bridge.passing import Intended, Pass
from bridge.ports import Applied, BoundaryError, Refused, Unavailable
from bridge.store import cases, departures, targets
from bridge.store.db import Tx
from bridge.telling import ask_about_owners

log = structlog.get_logger()


def apply(this: Pass, intended: Intended) -> None:
    """Send one step and keep how it was answered. A target-wide trouble ends the pass and costs the case nothing."""
    step = intended.step
    try:
        answer = this.remote.apply(step)
    except BoundaryError as trouble:
        is_wide = isinstance(trouble, Unavailable | Refused) and trouble.is_target_wide
        this.forget()
        if is_wide:
            with this.bridge.db.write() as tx:
                _end_step(tx, intended, "refused", getattr(trouble, "status", None), this)
            raise
        retry_after = getattr(trouble, "retry_after_seconds", None)
        result = "declined" if isinstance(trouble, Refused) else "lost"
        fail(this, intended.case.id, intended, str(trouble), retry_after, result=result)
        return
    _succeed(this, intended, answer)


def _succeed(this: Pass, intended: Intended, answer: Applied) -> None:
    step = intended.step
    now = this.bridge.clock.now()
    assert this.organization is not None
    before = this.organization
    this.organization = step.after(before)
    this.is_fresh = False
    if isinstance(step, SetLevel) or answer.was_gone or step.level is Level.OWNER:
        this.forget()
    with this.bridge.db.write() as tx:
        targets.hold_on(tx, this.target, this.token, now)
        lookout.resume(tx, this.target, now)
        _end_step(tx, intended, "gone" if answer.was_gone else "done", answer.status, this)
        case = cases.find(tx, intended.case.id)
        if case is None:
            return
        if not answer.was_gone:
            case = cases_of.applied(case, step, now)
        elif case.state.is_open:
            case = replace(case, due_at=now)
        cases.save(tx, case)
        if isinstance(step, RemoveMember):
            connections = this.bridge.connections_of(this.target)
            departures.note_if_absent(tx, case, connections, step.after(before), now)
        if intended.case.plan.steps == (step,):
            this.waiting.add(case.id)
        ask_about_owners(tx, case, step, before, now)
        tx.audit(
            this.entry(
                case,
                "step.done" if not answer.was_gone else "step.gone",
                {"step": step.canonical, "status": answer.status},
                {"says": step.says},
            )
        )
    log.info("step done", case_id=case.id, target=this.target, step=step.canonical.split()[0], status=answer.status)


def fail(
    this: Pass,
    case_id: int,
    intended: Intended | None,
    detail: str,
    retry_after: float | None,
    *,
    result: str = "lost",
) -> None:
    """Keep that a step, or the planning of one, did not take, and have the case tried again later."""
    bridge, now = this.bridge, this.bridge.clock.now()
    with bridge.db.write() as tx:
        targets.hold_on(tx, this.target, this.token, now)
        if intended is not None:
            _end_step(tx, intended, result, None, this)
        case = cases.find(tx, case_id)
        if case is None or not case.state.is_open:
            return
        keep_failure(tx, this, case, detail, retry_after)


def keep_failure(tx: Tx, this: Pass, case: Case, detail: str, retry_after: float | None) -> None:
    """Have the case tried again later, twice as late each time."""
    bridge, now = this.bridge, this.bridge.clock.now()
    wish = None if retry_after is None else min(lookout.LONGEST_WISH, timedelta(seconds=retry_after))
    case = cases.save(tx, cases_of.failed(case, detail[:500], retry_after=wish, jitter=bridge.jitter(), now=now))
    tx.audit(this.entry(case, "step.failed", {"attempts": case.attempts}, {"detail": detail[:500]}))
    log.warning("step failed", case_id=case.id, target=this.target, attempts=case.attempts)


def _end_step(tx: Tx, intended: Intended, result: str, status: int | None, this: Pass) -> None:
    cases.end_step(tx, intended.step_id, result=result, status=status, now=this.bridge.clock.now())
