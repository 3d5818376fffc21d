"""When the bridge refuses to act by itself: one function per safeguard, all in one list.

Each takes what is `Considered` and gives a `Hold` with its numbers and its remedy, or `None`.
`docs/safeguards.md` has a row for each code. May import: `group_safeguards`, `considered`, `case`, `plan`, `policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bridge.core.considered import Considered
from bridge.core.group_safeguards import group_gone, not_supported, too_many_at_once
from bridge.core.plan import CancelInvite, Hold, HoldCode, RemoveMember, SetLevel
from bridge.core.policy import Mode, OnReturn, OnSuspend


def _self(c: Considered) -> Hold | None:
    if not any(m.user_uuid == c.organization.key_uuid for m in c.members):
        return None
    return Hold(
        code=HoldCode.SELF,
        message="The leaver's account is the one whose API key the bridge uses.",
        remedy="Give the bridge the key of a dedicated owner account; then this case goes on by itself.",
        is_releasable=False,
    )


def _key_not_owner(c: Considered) -> Hold | None:
    touches = any(isinstance(s, SetLevel) for s in c.steps)
    if not touches or c.organization.key_is_owner:
        return None
    return Hold(
        code=HoldCode.KEY_NOT_OWNER,
        message="An owner must be stepped down, and the bridge's key does not belong to an owner.",
        remedy="Make the key's account an owner in PostHog, or configure the key of an owner.",
        is_releasable=False,
    )


def _stand_in_is_due(c: Considered) -> bool:
    after = c.policy.last_owner_after
    return after is not None and c.now - c.case.opened_at >= after


def _no_successor(c: Considered) -> Hold | None:
    # In an emergency nobody waits for a successor; whether the last human owner goes is `last_owner`'s question.
    if not c.missing_successor or c.case.is_emergency or _stand_in_is_due(c):
        return None
    listed = ", ".join(c.policy.successors) or "nobody"
    return Hold(
        code=HoldCode.NO_SUCCESSOR,
        message=f"The last human owner is leaving and no successor can take over (listed: {listed}).",
        remedy="List a successor who is a member, active and staying, under targets.NAME.successors, or make another "
        "member owner in PostHog.",
    )


def _last_owner(c: Considered) -> Hold | None:
    if not c.is_owner_leaving or _stand_in_is_due(c):
        return None
    after = c.organization
    for step in c.steps:
        after = step.after(after)
    staying = [m for m in after.human_owners if m.user_uuid not in c.facts.departing | c.facts.robots]
    if staying:
        return None
    return Hold(
        code=HoldCode.LAST_OWNER,
        message=f"No staying human owner would be left: {len(c.organization.human_owners)} human owner(s) now, "
        "0 who stay afterwards.",
        remedy="Name a successor. Or release with a reason: then only the bridge's service account is an owner, and "
        "everyone is told until a human owner is named.",
        needs_reason=True,
    )


def _protected(c: Considered) -> Hold | None:
    hit = sorted(c.policy.protected & (c.facts.leaver.addresses | {m.address for m in c.members}))
    if not hit or not c.steps or (c.case.is_emergency and c.case.is_confirmed):
        return None
    return Hold(
        code=HoldCode.PROTECTED,
        message=f"{', '.join(hit)} is on the list of protected people.",
        remedy="Release it if this account is really to go.",
    )


def _active_elsewhere(c: Considered) -> Hold | None:
    if not c.facts.active_in or c.case.is_operators or not c.steps:
        return None
    return Hold(
        code=HoldCode.ACTIVE_ELSEWHERE,
        message=f"{c.case.source} says gone, {', '.join(c.facts.active_in)} says active.",
        remedy="Deactivate the person there too, or release if the person is to go anyway.",
    )


def _recycled(c: Considered) -> Hold | None:
    if not c.contested or c.case.removed_at is not None:
        return None
    other = c.contested[0]
    owner = c.facts.claimed[other.user_uuid]
    return Hold(
        code=HoldCode.RECYCLED,
        message=f"{other.email} now belongs to another person ({owner}).",
        remedy="Cancel this case if the account is the new person's; release if it is the leaver's after all. If both are "
        "one human with two records, deactivate the other one, too.",
        is_blocking=not c.members,
    )


def _suspended(c: Considered) -> Hold | None:
    if not c.case.is_suspension or c.policy.on_suspend is OnSuspend.REMOVE or not c.steps:
        return None
    return Hold(
        code=HoldCode.SUSPENDED,
        message=f"{c.case.source} says suspended or on leave, not gone.",
        remedy="Release to remove anyway, or set policy.on_suspend.",
    )


def _ambiguous(c: Considered) -> Hold | None:
    if not c.look_alikes:
        return None
    names = ", ".join(f"{m.email} ({m.user_uuid})" for m in c.look_alikes)
    one = len(c.look_alikes) == 1
    told = "One account looks" if one else f"{len(c.look_alikes)} accounts look"
    beside = bool(c.members) or c.facts.was_known
    return Hold(
        code=HoldCode.AMBIGUOUS,
        message=f"{told} like the leaver's without being an exact match: {names}.",
        remedy="`link SUBJECT MEMBER` if an account is the leaver's (`--not` if it is somebody else's), or release to "
        "let them be.",
        is_blocking=not beside,
    )


def _never_seen(c: Considered) -> Hold | None:
    if not c.is_unknown:
        return None
    return Hold(
        code=HoldCode.NEVER_SEEN,
        message=f"Nobody in the organization was ever known under any address of {c.case.subject.label}.",
        remedy="`link SUBJECT MEMBER` if the person has an account under another address; release if not a member.",
    )


def _too_many(c: Considered) -> Hold | None:
    decided = c.case.is_approved_for(c.steps) or c.case.is_emergency or c.case.is_backlog
    new = [s for s in c.steps if isinstance(s, RemoveMember) and s.user_uuid not in c.facts.removed]
    if decided or not new:
        return None
    if c.case.released is not None and HoldCode.TOO_MANY in c.case.released.codes:
        return Hold(
            code=HoldCode.TOO_MANY,
            message="The plan has changed since it was approved with its batch.",
            remedy="Look at the new plan and release it, or cancel the case.",
        )
    if c.facts.is_left_out:
        return Hold(
            code=HoldCode.TOO_MANY,
            message="Others of its batch were released, and this one was left out.",
            remedy="Release it, or cancel it.",
        )
    # The share is of the organization as it was: of a shrinking one, half may never go however the limit is set.
    count = len(c.organization.members) + c.facts.removals_in_window
    most = c.policy.most_removals(count)
    planned = c.facts.removals_in_window + max(len(new), c.facts.intents)
    if planned <= most:
        return None
    minutes = int(c.policy.window / timedelta(minutes=1))
    return Hold(
        code=HoldCode.TOO_MANY,
        message=f"{planned} removals in {minutes} minutes ({c.facts.removals_in_window} done, {planned - c.facts.removals_in_window} to come) "
        f"in an organization that had {count} members; {most} go without approval.",
        remedy="Look at the batch: release all or some of it, or take it back at the identity provider.",
    )


def _stale(c: Considered) -> Hold | None:
    age = c.now - c.organization.taken_at
    if c.facts.is_reactivated and c.steps:
        message = "The source says active again."
    elif age > c.policy.snapshot_for:
        message = f"The look at the organization is {int(age.total_seconds())} s old."
    else:
        return None
    return Hold(code=HoldCode.STALE, message=message, remedy="It is planned anew by itself.", is_releasable=False)


def _returned(c: Considered) -> Hold | None:
    if not c.case.is_back or not c.members:
        return None
    if c.policy.on_return is OnReturn.REMOVE and c.case.returns < c.policy.max_returns:
        return None
    who = c.members[0]
    joined = who.joined_at.strftime("%Y-%m-%d %H:%M UTC") if who.joined_at else "an unknown time"
    return Hold(
        code=HoldCode.RETURNED,
        message=f"{who.email} is a member again since {joined}, for the {_ordinal(c.case.returns)} time after removal: "
        "an SSO sign-in (just-in-time provisioning) or an invite brought the account back.",
        remedy="Unassign the PostHog app at the identity provider or enforce SSO for the domain, then release.",
    )


def _reinvited(c: Considered) -> Hold | None:
    removed = c.case.removed_at
    if removed is None:
        return None
    cancelled = {s.invite_id for s in c.steps if isinstance(s, CancelInvite)}
    for invite in c.organization.invites:
        later = invite.created_at is not None and invite.created_at > removed
        by = c.organization.member(invite.created_by_uuid)
        if invite.invite_id in cancelled and later and by is not None:
            return Hold(
                code=HoldCode.REINVITED,
                message=f"{by.email} invited {invite.email} again as {invite.level.word} after the removal.",
                remedy=f"Ask {by.email}. Release to cancel the invite; cancel the case if the person is to come back.",
            )
    return None


def _not_converging(c: Considered) -> Hold | None:
    for step in c.steps:
        member = c.organization.member(step.user_uuid) if isinstance(step, RemoveMember) else None
        joined = member.joined_at if member else None
        # What was done before the person joined anew did take: that is a return, and is counted as one.
        times = sorted(d.at for d in c.facts.done if d.canonical == step.canonical and (not joined or d.at >= joined))
        if len(times) > 1 and times[-1] - times[0] >= timedelta(seconds=2):
            return Hold(
                code=HoldCode.NOT_CONVERGING,
                message=f"PostHog answered “{step.says}” as done {len(times)} times, and it is still to do.",
                remedy="Look at the member in PostHog; something puts it back or the answer is untrue. Release to try on.",
            )
    return None


def _gave_up(c: Considered) -> Hold | None:
    if c.case.attempts < c.policy.max_attempts or not c.steps:
        return None
    return Hold(
        code=HoldCode.GAVE_UP,
        message=f"{c.case.attempts} tries failed; the last: {c.case.trouble}",
        remedy="Mend the cause, then `retry`.",
        is_releasable=False,
    )


def _observe_only(c: Considered) -> Hold | None:
    if not c.steps:
        return None
    if c.policy.mode is Mode.OBSERVE:
        return Hold(
            code=HoldCode.OBSERVE_ONLY,
            message="The bridge only observes: this is what it would do.",
            remedy="Set policy.mode to enforce; the backlog is then shown and waits for approval.",
            is_releasable=False,
        )
    if not c.case.is_backlog:
        return None
    return Hold(
        code=HoldCode.OBSERVE_ONLY,
        message="This case was opened while the bridge only observed; the person is STILL IN.",
        remedy="Release it (the whole backlog has one digest) or cancel it.",
    )


SAFEGUARDS: tuple[Callable[[Considered], Hold | None], ...] = (
    _self,
    _key_not_owner,
    _last_owner,
    _no_successor,
    _protected,
    _active_elsewhere,
    _recycled,
    _suspended,
    _ambiguous,
    _never_seen,
    _too_many,
    too_many_at_once,
    group_gone,
    _stale,
    _returned,
    _reinvited,
    _not_converging,
    _gave_up,
    not_supported,
    _observe_only,
)
"""Every safeguard, in the order in which their holds are shown."""


def _ordinal(number: int) -> str:
    words = {1: "first", 2: "second", 3: "third"}
    return words.get(number, f"{number}th")
