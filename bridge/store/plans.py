"""Plans and approvals as JSON, for the case's row."""

from __future__ import annotations

from typing import Any

from bridge.core.case import Released
from bridge.core.organization import Level
from bridge.core.plan import CancelInvite, Hold, HoldCode, Plan, RemoveMember, SetLevel, Step
from bridge.store.columns import milliseconds, moment_of


def plan_out(plan: Plan) -> dict[str, Any]:
    """The plan as JSON: steps in order with `do` and `says`, holds with `code`, `message`, `remedy`, `releasable`."""
    return {
        "digest": plan.digest,
        "steps": [step_out(s) for s in plan.steps],
        "holds": [hold_out(h) for h in plan.holds],
        "is_unknown": plan.is_unknown,
    }


def plan_in(value: dict[str, Any]) -> Plan:
    """The plan from its JSON."""
    return Plan(
        steps=tuple(_step_in(s) for s in value["steps"]),
        holds=holds_in(value),
        is_unknown=value["is_unknown"],
    )


def holds_in(value: dict[str, Any]) -> tuple[Hold, ...]:
    """The holds alone, from the plan's JSON."""
    return tuple(_hold_in(h) for h in value["holds"])


def step_out(step: Step) -> dict[str, Any]:
    """One step as JSON."""
    common = {"says": step.says, "email": step.email, "level": step.level.word}
    match step:
        case CancelInvite():
            return {"do": "cancel_invite", "invite_id": step.invite_id, **common}
        case SetLevel():
            return {"do": "set_level", "user_uuid": step.user_uuid, "before": step.before.word, **common}
        case RemoveMember():
            return {"do": "remove_member", "user_uuid": step.user_uuid, **common}


def hold_out(hold: Hold) -> dict[str, Any]:
    """One hold as JSON."""
    return {
        "code": hold.code.value,
        "message": hold.message,
        "remedy": hold.remedy,
        "releasable": hold.is_releasable,
        "needs_reason": hold.needs_reason,
        "blocking": hold.is_blocking,
    }


def released_out(released: Released | None) -> dict[str, Any] | None:
    """The approval as JSON."""
    if released is None:
        return None
    return {
        "steps": sorted(released.steps),
        "codes": sorted(c.value for c in released.codes),
        "by": released.by,
        "reason": released.reason,
        "at": milliseconds(released.at),
    }


def released_in(value: dict[str, Any] | None) -> Released | None:
    """The approval from its JSON."""
    if value is None:
        return None
    return Released(
        steps=frozenset(value["steps"]),
        codes=frozenset(HoldCode(c) for c in value["codes"]),
        by=value["by"],
        reason=value["reason"],
        at=moment_of(value["at"]),
    )


def _step_in(value: dict[str, Any]) -> Step:
    level = Level[value["level"].upper()]
    match value["do"]:
        case "cancel_invite":
            return CancelInvite(invite_id=value["invite_id"], email=value["email"], level=level)
        case "set_level":
            before = Level[value["before"].upper()]
            return SetLevel(user_uuid=value["user_uuid"], email=value["email"], level=level, before=before)
        case _:
            return RemoveMember(user_uuid=value["user_uuid"], email=value["email"], level=level)


def _hold_in(value: dict[str, Any]) -> Hold:
    return Hold(
        code=HoldCode(value["code"]),
        message=value["message"],
        remedy=value["remedy"],
        is_releasable=value["releasable"],
        needs_reason=value["needs_reason"],
        is_blocking=value["blocking"],
    )
