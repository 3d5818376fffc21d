"""What happened in a case, in sentences that nobody needs to be a programmer for.

Merged from the events, the audit log, the steps and the looks of the watch; nothing is said that is not kept there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, IdentityEvent
from bridge.core.wording import ago, counted, lasting, utc, who
from bridge.store.audit import Kept
from bridge.store.cases import StepDone
from bridge.store.views import CaseView

LIVES_ON = (
    "The PostHog account itself is not deleted, and neither are its personal API keys: PostHog refuses them this "
    "organization from now on, and they work on wherever else the account is a member."
)
"""What is true of PostHog after a membership has ended. Source: PostHog, ending a membership deletes no keys."""

BY_IDP = {
    EventKind.DEACTIVATE: "{source} said that {name} is no longer active.",
    EventKind.DELETE: "{source} deleted {name}.",
    EventKind.ACTIVATE: "{source} said that {name} is active again.",
    EventKind.SUSPEND: "{source} said that {name} is suspended or on leave.",
    EventKind.LEFT_GROUP: "{source} said that {name} left a group.",
    EventKind.CHANGED: "{source} said that something about {name} changed.",
    EventKind.REMOVE: "{source} asked for the removal of {name}.",
    EventKind.RELEASE: "{source} approved the plan as it then was.",
    EventKind.CANCEL: "{source} cancelled the case.",
    EventKind.RETRY: "{source} had it tried again.",
}
"""What each kind of event says."""

STEP_VERBS = {"cancel": "Cancelled", "step": "Stepped", "promote": "Promoted", "remove": "Removed"}
"""The first word of a step, once it is done."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One thing that happened, in words."""

    at: datetime
    says: str
    rank: int = 0
    """What comes first of the things that happened in the same instant."""


def timeline(view: CaseView) -> list[Moment]:
    """Everything that happened in the case, in order: from the request to the last look."""
    moments = [
        *(_heard(e) for e in view.events),
        *_entries(view),
        *(m for s in view.steps for m in _step(s)),
        *_looks(view.checks),
    ]
    return sorted(moments, key=lambda m: (m.at, m.rank))


def record(view: CaseView) -> str:
    """What may be said of the removal, and no more; empty when nobody was removed."""
    removed = [s for s in view.steps if s.result == "done" and s.canonical.startswith("remove_member ")]
    if not removed:
        return ""
    case, last = view.case, removed[-1]
    ended = f"The membership of {case.subject.label} in {case.target} ended on {utc(last.ended_at or last.started_at)}."
    seen = ""
    if case.is_back:
        seen = " The person was seen again after that."
    elif case.verified_at is not None and case.removed_at is not None and case.verified_at >= case.removed_at:
        seen = f" A fresh look on {utc(case.verified_at)} showed the person out."
    return f"{ended}{seen} {LIVES_ON}"


def standing(case: Case, now: datetime) -> str:
    """Where the case stands, in one sentence without its full stop."""
    match case.state:
        case CaseState.HELD:
            return case.plan.blocking[0].message if case.plan.blocking else "held"
        case CaseState.WATCHING:
            until = f"watched for another {lasting(case.watch_until - now)}" if case.watch_until else "watched"
            since = f"out since {utc(case.removed_at)}" if case.removed_at else "was not a member"
            beside = f"; {case.plan.holds[0].message}" if case.plan.holds else ""
            return f"{since}; {until}{beside}"
        case CaseState.PENDING:
            return _pending(case, now)
        case _:
            return case.outcome


def access(view: CaseView, now: datetime) -> str:
    """How long the person has had access since the request, or had it; empty when there is none that we know of."""
    found, lasted = view.access, view.access.lasted(now)
    if found.back_since is not None:
        return f"Back in since {utc(found.back_since)} ({ago(found.back_since, now)})."
    if lasted is None:
        return ""
    if found.still_in:
        return f"STILL IN, {lasting(lasted)} after the request."
    return f"Had access for {lasting(lasted)} after the request."


def _pending(case: Case, now: datetime) -> str:
    due = ago(case.due_at, now) if case.due_at and case.due_at > now else "now"
    if case.attempts:
        return f"{counted(case.attempts, 'try', 'tries')} failed ({case.trouble}); next {due}"
    if case.removed_at is not None:
        return f"removed; verified {due}"
    steps = "; ".join(s.says for s in case.plan.steps) or "looks at PostHog"
    return f"{steps}: {due}"


def _heard(event: IdentityEvent) -> Moment:
    said = BY_IDP[event.kind].format(source=who(event.source), name=event.subject.label)
    if event.note:
        said += f" Note: {event.note.rstrip('.')}."
    late = event.received_at - event.occurred_at
    if late >= timedelta(seconds=2):
        said += f" We heard of it {lasting(late)} later."
    if event.is_emergency:
        said += " As an emergency: no settling, no limit."
    if event.effective_at is not None:
        said += f" Not before {utc(event.effective_at)}."
    return Moment(at=event.received_at, says=said)


def _entries(view: CaseView) -> Iterator[Moment]:
    for kept in view.audit:
        said = _entry(kept, view)
        if said:
            yield Moment(at=kept.entry.at, says=said, rank=_rank(kept.entry.kind))


def _rank(kind: str) -> int:
    order = {"case.opened": 1, "case.returned": 2, "case.planned": 3, "step.failed": 5}
    return order.get(kind, 6)


def _entry(kept: Kept, view: CaseView) -> str:
    """The entry as a sentence; empty for what the events, steps or looks say themselves."""
    facts, personal = kept.entry.facts, kept.personal or {}
    match kept.entry.kind:
        case "case.opened":
            return f"Case {view.case.id} was opened for {kept.entry.target}."
        case "case.planned":
            return _planned(facts, personal)
        case "case.held":
            return "Nothing was done: it waits for a person, and is planned anew now and then."
        case "case.pending":
            return "It goes on."
        case "case.watching":
            return "A fresh look showed nothing left to do. From here on the person is watched for coming back."
        case "case.closed":
            return f"Closed: {facts.get('outcome') or 'done'}."
        case "case.reactivated":
            return f"The case ended, since nobody says any more that the person is gone: {_lower(view.case.outcome)}."
        case "case.active_elsewhere":
            return "Somebody else still says that the person is gone, so the case stays open and is planned anew."
        case "case.returned":
            return f"The person is a member again, for time number {facts.get('returns', '?')} after a removal."
        case "step.failed":
            detail = personal.get("detail", "the reason was erased")
            return f"Try {facts.get('attempts', '?')} failed: {str(detail).rstrip('.')}."
        case "target.paused":
            return f"{kept.entry.target} could not be worked on, so everything there waits: {facts.get('reason', '')}"
        case "target.resumed":
            return f"{kept.entry.target} answers again."
        case _:
            return ""


def _planned(facts: object, personal: object) -> str:
    assert isinstance(facts, dict)
    assert isinstance(personal, dict)
    steps = "; then ".join(personal.get("steps", ()))
    holds = " ".join(personal.get("holds", ()))
    codes = ", ".join(facts.get("holds", ()))
    if codes and steps:
        return f"Planned: {steps}. But it holds ({codes}): {holds}".rstrip(": ")
    if codes:
        return f"It holds ({codes}): {holds}".rstrip(": ")
    return f"Planned: {steps or 'the steps were erased'}."


def _step(step: StepDone) -> Iterator[Moment]:
    first, _, rest = step.says.partition(" ")
    at = step.ended_at or step.started_at
    match step.result:
        case "done":
            said = f"{STEP_VERBS.get(first, first)} {rest}. PostHog answered {step.status}."
            if step.canonical.startswith("remove_member "):
                said += f" {LIVES_ON}"
            yield Moment(at=at, says=said, rank=4)
        case "gone":
            yield Moment(at=at, says=f"PostHog said it was done already: {step.says}. The next look confirms it.", rank=4)
        case "refused":
            yield Moment(at=at, says=f"PostHog did not take it now: {step.says}. It stays planned.", rank=4)
        case "sent":
            yield Moment(at=at, says=f"Sent to PostHog: {step.says}. No answer is kept yet.", rank=4)
        case _:
            return  # `lost`: the audit log's `step.failed` says why


def _looks(checks: tuple[tuple[datetime, str], ...]) -> Iterator[Moment]:
    """The looks of the watch; a run of equal ones is one sentence for its first and one for all the others."""
    for result, run in groupby(checks, key=lambda c: c[1]):
        looks = [at for at, _ in run]
        yield Moment(at=looks[0], says=f"Looked again: {_seen(result)}.", rank=1)
        if len(looks) == 2:
            yield Moment(at=looks[1], says=f"Looked again: still {_seen(result)}.", rank=1)
        elif len(looks) > 2:
            said = f"Looked {len(looks) - 1} more times since {utc(looks[0])}: {_seen(result)} each time."
            yield Moment(at=looks[-1], says=said, rank=1)


def _seen(result: str) -> str:
    return "not in the organization" if result == "absent" else result


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
