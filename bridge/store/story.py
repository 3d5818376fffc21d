"""What happened in a case, in sentences that nobody needs to be a programmer for.

Merged from the events, the audit log, the steps and the looks of the watch; nothing is said that is not kept there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, IdentityEvent
from bridge.core.evidence import StepDone
from bridge.core.wording import ago, counted, lasting, scope_words, utc, who
from bridge.store.batches import Batch
from bridge.store.views import CaseView

LIVES_ON = (
    "The PostHog account itself is not deleted, and neither are its personal API keys: PostHog refuses them this "
    "organization from now on, and they work on wherever else the account is a member."
)
"""What is true of PostHog after a membership has ended. Source: PostHog, ending a membership deletes no keys."""

ENDED = "The membership ended; the account and its personal API keys live on elsewhere."
"""The same in short."""

BY_IDP = {
    EventKind.DEACTIVATE: "{source} said that {name} is no longer active.",
    EventKind.DELETE: "{source} deleted {name}.",
    EventKind.ACTIVATE: "{source} said that {name} is active again.",
    EventKind.SUSPEND: "{source} said that {name} is suspended or on leave.",
    EventKind.LEFT_GROUP: "{source} said that {name} left a group.",
    EventKind.JOINED_GROUP: "{source} said that {name} is in a group again.",
    EventKind.GROUP_GONE: "{source} deleted or unlinked a group that {name} was in.",
    EventKind.CHANGED: "{source} said that something about {name} changed.",
    EventKind.REMOVE: "{source} asked for the removal of {name}.",
    EventKind.RELEASE: "{source} approved the plan as it then was.",
    EventKind.CANCEL: "{source} cancelled the case.",
    EventKind.RETRY: "{source} had it tried again.",
}
"""What each kind of event says."""

BY_AUDIT = {
    "case.opened": "Case {id} was opened for {target}.",
    "case.held": "Nothing was done: it waits for a person, and is planned anew now and then.",
    "case.pending": "It goes on.",
    "case.watching": "A fresh look showed nothing left to do. From here on the person is watched for coming back.",
    "case.closed": "Closed: {outcome}.",
    "case.reactivated": "The case ended, since nobody says any more that the person is gone: {ended}.",
    "case.superseded": "The case ended: {outcome}.",
    "case.again": "Case {id} was opened again, since the removal from the whole organization was taken back.",
    "case.active_elsewhere": "Somebody still says that the person is gone, so the case stays open and is planned anew.",
    "case.returned": "The person is a member again: return number {returns} after a removal.",
    "return.prepared": "{actor} prepared the way back: {says}.",
    "return.approved": "{actor} had it sent: {says}.",
    "return.sent": "The invite went out: {says}. It can be accepted for three days.",
    "return.without_projects": "PostHog refused the private projects with the invite, so it goes out without them.",
    "return.declined": "The invite did not go out this time.",
    "return.back": "The person accepted the invite and is a member again, as {level}.",
    "return.expired": "The invite was not accepted in time, or somebody cancelled it.",
    "return.dropped": "Nothing more is given back: {why}.",
    "step.failed": "Try {attempts} failed: {detail}.",
    "target.paused": "{target} could not be worked on, so everything there waits: {reason}",
    "target.resumed": "{target} answers again.",
}
"""What an audit entry of each kind says; those left out are said by the events, the steps or the looks."""

MARKS = {
    "case.planned": "planned",
    "case.held": "held",
    "case.closed": "ended",
    "case.reactivated": "ended",
    "case.superseded": "ended",
    "case.returned": "back",
    "step.done": "step",
    "step.gone": "step",
    "step.found_done": "step",
    "return.back": "back",
    "return.declined": "failed",
    "return.expired": "ended",
    "return.dropped": "ended",
    "step.failed": "failed",
    "target.paused": "failed",
}
"""How an audit entry of each kind is drawn; the others only moved the case on."""

STEP_VERBS = {"cancel": "Cancelled", "step": "Stepped", "promote": "Promoted", "remove": "Removed"}
"""The first word of a step, once it is done."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One thing that happened, in words."""

    at: datetime
    says: str
    mark: str
    """What it is, for drawing it: `heard`, `moved`, `planned`, `held`, `step`, `failed`, `look`, `back` or `ended`."""
    kind: str = ""
    """The audit entry's, where it comes from one."""


def timeline(view: CaseView) -> list[Moment]:
    """Everything that happened in the case, in order: from the request to the last look."""
    in_order = (
        *(_heard(e) for e in view.events),
        *_looks(view.checks),
        *_entries(view),
        *(m for s in view.steps for m in _unanswered(s)),
    )
    # Within one instant the order above holds, since sorting keeps it.
    return sorted(in_order, key=lambda m: m.at)


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


def where(case: Case) -> str:
    """What the person must not be in: the target, or one project or role in it."""
    return case.target if case.is_whole else f"{scope_words(case.scope)} of {case.target}"


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
    again = ""
    if view.case.returns and view.case.removed_at is not None:
        again = f" Came back {counted(view.case.returns, 'time')}; removed again on {utc(view.case.removed_at)}."
    return f"Had access for {lasting(lasted)} after the request.{again}"


def inside(batch: Batch) -> list[datetime]:
    """When the removal of each of the batch who is still in was asked for."""
    return [c.opened_at for c in batch.cases if c.is_inside]


def batch_access(batch: Batch, now: datetime) -> str:
    """How many of a batch are still in, and for how long the first of them; empty when none is."""
    asked = inside(batch)
    return f"{len(asked)} STILL IN, the first {lasting(now - min(asked))} after the request." if asked else ""


def _pending(case: Case, now: datetime) -> str:
    due = ago(case.due_at, now) if case.due_at and case.due_at > now else "now"
    if case.attempts:
        return f"{counted(case.attempts, 'try', 'tries')} failed ({case.trouble}); next {due}"
    if case.removed_at is not None:
        return f"removed; verified {due}"
    steps = "; ".join(s.says for s in case.plan.steps) or "looks at PostHog"
    return f"due {due}: {steps}"


def _heard(event: IdentityEvent) -> Moment:
    said = BY_IDP[event.kind].format(source=who(event.source), name=event.subject.label)
    if event.note:
        said += f" Note: {event.note.rstrip('.')}."
    late = event.received_at - event.occurred_at
    if late >= timedelta(seconds=2):
        said += f" We heard of it {lasting(late)} later."
    if event.is_emergency:
        said += " As an emergency: no settling, no limit, no waiting for a successor."
    if event.is_confirmed:
        said += " Told that the person is protected, they said it again."
    if event.effective_at is not None:
        said += f" Not before {utc(event.effective_at)}."
    return Moment(at=event.received_at, says=said, mark="heard")


def _entries(view: CaseView) -> Iterator[Moment]:
    """What the audit log adds to the events, steps and looks."""
    for kept in view.audit:
        facts, personal = kept.entry.facts, kept.personal or {}
        kind = kept.entry.kind
        if kind == "case.planned":
            said = _planned(facts, personal)
        elif kind == "step.found_done":
            said = _found_done(str(facts.get("step", "")), str(personal.get("says", "a step whose words were erased")))
        elif kind == "clock.stepped":
            said = _stepped(float(facts.get("seconds", 0)))
        elif kind in {"step.done", "step.gone"}:
            said = _answered(str(facts.get("step", "")), facts.get("status"), view)
        else:
            said = BY_AUDIT.get(kind, "").format(
                id=view.case.id,
                target=kept.entry.target,
                outcome=facts.get("outcome") or "done",
                ended=_lower(view.case.outcome) or "nothing is left to do",
                returns=facts.get("returns", "?"),
                attempts=facts.get("attempts", "?"),
                detail=str(personal.get("detail", "the reason was erased")).rstrip("."),
                reason=facts.get("reason", ""),
                actor=kept.entry.actor.removeprefix("operator:"),
                says=str(personal.get("says", "the words were erased")),
                level=facts.get("level", ""),
                why=facts.get("why", ""),
            )
        if said:
            is_asked = kind == "case.planned" and bool(facts.get("holds"))
            mark = "held" if is_asked else MARKS.get(kind, "moved")
            yield Moment(at=kept.entry.at, says=said, mark=mark, kind=kind)


def _planned(facts: Mapping[str, Any], personal: Mapping[str, Any]) -> str:
    steps = "; then ".join(personal.get("steps", ()))
    said = f"Planned: {steps or 'nothing'}." if personal else "Planned; the steps were erased."
    if facts.get("holds"):
        holds = " ".join(personal.get("holds", ()))
        said += f" For a person ({', '.join(facts['holds'])}): {holds}"
    return said


def _stepped(seconds: float) -> str:
    if not seconds:
        return "The machine's clock had been put back while the bridge was down: what waited was looked at at once."
    way = "forward" if seconds > 0 else "back"
    by = lasting(timedelta(seconds=abs(seconds)))
    return f"The machine's clock was put {way} by {by}. What was waiting was moved with it and lasts as long as before."


def _answered(canonical: str, status: object, view: CaseView) -> str:
    step = next((s for s in view.steps if s.canonical == canonical), None)
    says = step.says if step else canonical
    if status == 404:
        return f"PostHog said that it was done already: {says}. The next look confirms it."
    first, _, rest = says.partition(" ")
    said = f"{STEP_VERBS.get(first, first)} {rest}. PostHog answered {status}."
    return f"{said} {ENDED}" if canonical.startswith("remove_member ") else said


def _found_done(canonical: str, says: str) -> str:
    said = f"The answer to this was lost, and the look shows that it was done: {says}."
    return f"{said} {ENDED}" if canonical.startswith("remove_member ") else said


def _unanswered(step: StepDone) -> Iterator[Moment]:
    """Steps that the audit log does not tell of: refused for the whole target, or without an answer."""
    at = step.ended_at or step.started_at
    if step.result == "refused":
        yield Moment(at=at, says=f"PostHog did not take it now: {step.says}. It stays planned.", mark="failed")
    elif step.result == "sent":
        yield Moment(at=at, says=f"Sent to PostHog: {step.says}. No answer is kept yet.", mark="step")


def _looks(checks: tuple[tuple[datetime, str], ...]) -> Iterator[Moment]:
    """The looks of the watch; a run of equal ones is one sentence for its first and one for all the others."""
    for result, run in groupby(checks, key=lambda c: c[1]):
        looks, mark = [at for at, _ in run], "look" if result == "absent" else "back"
        yield Moment(at=looks[0], says=f"Looked again: {_seen(result)}.", mark=mark)
        if len(looks) == 2:
            yield Moment(at=looks[1], says=f"Looked again: still {_seen(result)}.", mark=mark)
        elif len(looks) > 2:
            said = f"Looked {len(looks) - 1} more times since {utc(looks[0])}: {_seen(result)} each time."
            yield Moment(at=looks[-1], says=said, mark=mark)


def _seen(result: str) -> str:
    return "not in the organization" if result == "absent" else result


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
