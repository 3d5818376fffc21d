"""What is prepared for somebody who is to come back: from what was recorded before the removal to a `Return`.

Nothing goes out from here. One step of a larger transaction. May import: the store, `core`, `ports`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.core import returns as returns_of
from bridge.core.case import Case
from bridge.core.evidence import StepDone
from bridge.core.policy import Mode, OnReactivate, Policy
from bridge.core.returns import Return, ReturnState
from bridge.store import before_removal, cases, returns
from bridge.store.db import Tx


def record(tx: Tx, case: Case, *, by: str, reason: str, as_before: bool, email: str, now: datetime) -> Return:
    """Keep what is to be given back after the case, prepared and not sent."""
    known = next(iter(case.subject.addresses), "")
    before = before_removal.of(tx, case)
    this = returns_of.prepared(
        before,
        case_id=case.id,
        person_id=case.person_id,
        target=case.target,
        email=email or ("" if before is not None and before.accounts else known),
        as_before=as_before,
        by=by,
        reason=reason,
        now=now,
    )
    this = returns.add(tx, this)
    facts = {"level": this.level.word, "level_before": this.level_before.word}
    tx.audit(returns.entry(this, "return.prepared", by, now, facts))
    return this


def by_policy(tx: Tx, case: Case, policy: Policy, source: str, now: datetime) -> Return | None:
    """The return of somebody whom a source has active again, to be sent at the level of a member; `None`: not by itself."""
    is_wanted = policy.on_reactivate is OnReactivate.INVITE and policy.mode is Mode.ENFORCE
    was_removed = any(was_removal(s) for s in cases.steps_of(tx, case.id))
    if not is_wanted or not was_removed or returns.gives_back(tx, case.id):
        return None
    reason = f"active again in {source}"
    this = record(tx, case, by="policy:on_reactivate", reason=reason, as_before=False, email="", now=now)
    return returns.save(tx, replace(this, state=ReturnState.READY, due_at=now)) if this.email else None


def was_removal(step: StepDone) -> bool:
    """Whether the step ended a membership."""
    return step.canonical.startswith("remove_member ") and step.result == "done"
