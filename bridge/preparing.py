"""What is prepared for somebody who is to come back: from what was recorded before the removal to a `Return`.

Nothing goes out from here. One step of a larger transaction. May import: the store, `core`, `ports`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from bridge.core import returns as returns_of
from bridge.core.case import Case
from bridge.core.events import address_key
from bridge.core.evidence import StepDone
from bridge.core.policy import Mode, OnReactivate, Policy
from bridge.core.returns import Return, ReturnState
from bridge.store import before_removal, cases, claims, members, returns
from bridge.store.db import Tx


def record(tx: Tx, case: Case, *, by: str, reason: str, as_before: bool, email: str, now: datetime) -> Return:
    """What is to be given back after the case, not kept yet."""
    known = next(iter(case.subject.addresses), "")
    before = before_removal.of(tx, case)
    return returns_of.prepared(
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


def keep(tx: Tx, this: Return, now: datetime) -> Return:
    """Keep it, prepared and not sent."""
    this = returns.add(tx, this)
    facts = {"level": this.level.word, "level_before": this.level_before.word}
    tx.audit(returns.entry(this, "return.prepared", this.asked_by, now, facts))
    return this


def others_claim(tx: Tx, this: Return, connections: Collection[str]) -> str:
    """Whose the invited address is by now, when it is somebody else's; else empty. `connections`: those to the target."""
    key = address_key(this.email)
    return claims.of_others(tx, this.target, connections, this.person_id, {key}, {}).get(key, "")


def others_account(tx: Tx, this: Return) -> str:
    """The account that is a member under the invited address, when it is not known to be the person's; else empty."""
    key, theirs = address_key(this.email), returns.accounts_of(tx, this.person_id, this.target)
    found = [m for m in members.kept(tx, this.target) if m.address_key == key and m.user_uuid not in theirs]
    return found[0].user_uuid if found else ""


def by_policy(
    tx: Tx, case: Case, policy: Policy, source: str, connections: Collection[str], now: datetime
) -> Return | None:
    """The return of somebody whom a source has active again, to be sent at the level of a member; `None`: not by itself."""
    is_wanted = policy.on_reactivate is OnReactivate.INVITE and policy.mode is Mode.ENFORCE
    was_removed = any(was_removal(s) for s in cases.steps_of(tx, case.id))
    if not is_wanted or not was_removed or returns.gives_back(tx, case.id):
        return None
    reason = f"active again in {source}"
    this = record(tx, case, by="policy:on_reactivate", reason=reason, as_before=False, email="", now=now)
    if not this.email or others_claim(tx, this, connections) or others_account(tx, this):
        return None
    return returns.save(tx, replace(keep(tx, this, now), state=ReturnState.READY, due_at=now))


def was_removal(step: StepDone) -> bool:
    """Whether the step ended a membership."""
    return step.canonical.startswith("remove_member ") and step.result == "done"
