"""The removal record: all that can be proven about one removal, as values; `removal_text` prints them.

Made from what the store keeps and from nothing else, so the same record can be made again years later. May import:
`checklist`, `verified`, `case`, `returns`, `findings`, `evidence`, `plan`, `events`, `wording`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.core.case import Case, CaseState
from bridge.core.checklist import Checklist
from bridge.core.events import EventKind, IdentityEvent, Reason
from bridge.core.evidence import Logged, StepDone
from bridge.core.findings import Findings, Progress, Topic
from bridge.core.incidents import Incident, Proof, incidents, proofs
from bridge.core.plan import HoldCode
from bridge.core.returns import Return, ReturnState
from bridge.core.verified import answers, seen_out
from bridge.core.wording import lasting, scope_words, times, utc, who

LIVES_ON = (
    "The PostHog account itself: nobody but its holder can delete it.",
    (
        "Its personal API keys: PostHog refuses them this organization from now on. They stay valid wherever else the account "
        "is a member, and for this organization again if the person returns. PostHog offers no way to end another person's "
        "keys."
    ),
    "Browser sessions: they show nothing of this organization any more, and go on elsewhere.",
    "What the person made in PostHog: it stays, works on, and names them as its maker.",
)
"""What is true of PostHog after a membership has ended. Source: PostHog, posthog/models/user.py and permissions.py."""


DONE = {"cancel": "Cancelled", "step": "Stepped", "promote": "Promoted", "remove": "Removed"}
"""The first word of a step, once it is done."""


class Verdict(StrEnum):
    """What is true of the person at the moment of the record."""

    REMOVED = "REMOVED"
    BACK = "REMOVED, AND BACK AGAIN"
    GIVEN_BACK = "REMOVED, AND GIVEN BACK"
    """Somebody undid it, and the person accepted the invite."""
    NOT_REMOVED = "NOT REMOVED"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the store keeps about one case."""

    case: Case
    approver: str
    steps: tuple[StepDone, ...] = ()
    events: tuple[IdentityEvent, ...] = ()
    looks: tuple[tuple[datetime, str], ...] = ()
    log: tuple[Logged, ...] = ()
    findings: Findings = field(default_factory=Findings)
    checklist: Checklist | None = None
    given_back: tuple[Return, ...] = ()
    later: Case | None = None
    """A newer case of the same person that took them out again."""
    key_email: str = ""
    """Whose API key the bridge works with."""
    url: str = ""
    """The PostHog host's."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One thing that was done in PostHog."""

    at: datetime | None
    says: str
    status: int | None
    evidence: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RemovalRecord:
    """All that can be proven about one removal. Times are in UTC."""

    made_at: datetime
    case_id: int
    verdict: Verdict
    says: str
    """The verdict in a sentence or two."""
    person: str
    addresses: tuple[str, ...]
    external_id: str
    target: str
    scope: str
    state: str
    outcome: str
    asked_by: str
    asked_at: datetime
    asked_says: str
    also_asked_says: str
    """Which operator made the case theirs later; empty when none did."""
    event_id: str
    """The source's own number of what it said."""
    reason: Reason
    note: str
    is_emergency: bool
    approved_by: str
    approval_says: str
    performed_by: str
    out_at: datetime | None
    """The first removal."""
    removed_again_at: datetime | None
    """The last one, where there were several: of another account, or after a return."""
    accounts_removed: int
    """How many accounts of the person lost their membership."""
    request_to_out_seconds: int | None
    seen_out_at: datetime | None
    """The first look that showed the person out."""
    verified_at: datetime | None
    """The last one."""
    watched_until: datetime | None
    looks: int
    returns: int
    closed_at: datetime | None
    ended: tuple[Act, ...]
    lives_on: tuple[str, ...]
    given_back: tuple[Return, ...]
    """What was prepared for the person to come back, oldest first."""
    findings: Findings
    checklist: Checklist | None
    incidents: tuple[Incident, ...]
    evidence: tuple[Proof, ...]
    url: str


def _verdict(given: Given, *, is_removed: bool) -> Verdict:
    if not is_removed:
        return Verdict.NOT_REMOVED
    if any(r.state is ReturnState.BACK for r in given.given_back) and given.later is None:
        return Verdict.GIVEN_BACK
    return Verdict.BACK if given.case.is_back else Verdict.REMOVED


def removal_record(given: Given, now: datetime) -> RemovalRecord:
    """The record of the case as it stands."""
    case = given.case
    removed = [s for s in given.steps if s.is_removal]
    out_at = removed[0].ended_at if removed else None
    verdict = _verdict(given, is_removed=bool(removed))
    first = _first(given)
    asked = next((e for e in given.events if e.kind.says_out or e.kind is EventKind.LEFT_GROUP), None)
    return RemovalRecord(
        made_at=now,
        case_id=case.id,
        verdict=verdict,
        says=_says(given, verdict, out_at),
        person=case.subject.label,
        addresses=case.subject.addresses,
        external_id=case.subject.external_id,
        target=case.target,
        scope=case.scope,
        state=case.state.value,
        outcome=case.outcome,
        asked_by=who(first.source if first is not None else case.source),
        asked_at=asked.received_at if asked else case.opened_at,
        asked_says=_asked(given),
        also_asked_says=_also_asked(given),
        event_id=asked.event_id if asked else "",
        reason=case.reason,
        note=case.note,
        is_emergency=case.is_emergency,
        approved_by=given.approver,
        approval_says=_approval(given),
        performed_by=f"posthog-bridge, with the API key of {given.key_email}" if given.key_email else "posthog-bridge",
        out_at=out_at,
        removed_again_at=removed[-1].ended_at if len(removed) > 1 else None,
        accounts_removed=len({s.canonical for s in removed}),
        request_to_out_seconds=int((out_at - case.opened_at).total_seconds()) if out_at else None,
        seen_out_at=_seen_at(given),
        verified_at=case.verified_at,
        watched_until=case.watch_until,
        looks=len(given.looks),
        returns=case.returns,
        closed_at=case.closed_at,
        ended=tuple(_acts(given)),
        given_back=given.given_back,
        lives_on=LIVES_ON if removed else (),
        findings=given.findings,
        checklist=given.checklist,
        incidents=tuple(incidents(given.log)),
        evidence=tuple(proofs(given.log)),
        url=given.url,
    )


def why_not(case: Case) -> str:
    """Why a person was not removed, in a sentence."""
    steps = "; ".join(s.says for s in case.plan.steps)
    if any(h.code is HoldCode.OBSERVE_ONLY for h in case.plan.holds):
        would = f" It would have done this: {steps}." if steps else ""
        return f"The bridge only observes this organization (policy.mode is observe).{would}"
    if case.state is CaseState.HELD:
        return f"It waits for a person: {' '.join(h.message for h in case.plan.blocking)}"
    if case.state.is_open and case.watch_until is None:
        return f"It is not done yet{f': {case.trouble}' if case.trouble else '.'}"
    if case.outcome:
        return f"{case.outcome[:1].upper()}{case.outcome[1:]}."
    return "There was no membership to end."


def _says(given: Given, verdict: Verdict, out_at: datetime | None) -> str:
    case = given.case
    where = case.target if case.is_whole else f"{scope_words(case.scope)} of {case.target}"
    if out_at is None:
        return f"{case.subject.label} was not removed from {where} by this case. {why_not(case)}"
    took = f"{lasting(out_at - case.opened_at)} after the request"
    said = f"The membership of {case.subject.label} in {where} ended on {utc(out_at)}, {took}."
    removed = [s for s in given.steps if s.is_removal]
    accounts, last = len({s.canonical for s in removed}), removed[-1].ended_at
    if accounts > 1 and last is not None and last > out_at:
        said += f" It was the first of {accounts} accounts, and the last removal was on {utc(last)}."
    if case.returns:
        said += f" The person came back {times(case.returns)} after that."
    if verdict is Verdict.BACK:
        return f"{said} They are a member again now."
    seen_at = _seen_at(given)
    if seen_at is not None:
        said += f" A fresh look on {utc(seen_at)} showed them out."
    back = next((r.ended_at for r in given.given_back if r.state is ReturnState.BACK), None)
    if back is not None and given.later is not None and given.later.removed_at is not None:
        again = f"case {given.later.id} took them out again on {utc(given.later.removed_at)}"
        said += f" They were given access back on {utc(back)}, and {again}."
    elif back is not None:
        said += f" They were given access back, and are a member again since {utc(back)}."
    if case.closed_at is not None:
        said += f" Case closed on {utc(case.closed_at)}: {case.outcome}."
    elif case.watch_until is not None:
        said += f" They are watched for coming back until {utc(case.watch_until)}."
    return said


def _seen_at(given: Given) -> datetime | None:
    """When a look first showed the person out, since they came back last."""
    first = seen_out(given.log)
    return first.at if first is not None and given.case.verified_at is not None else given.case.verified_at


def _first(given: Given) -> IdentityEvent | None:
    """What was said first, when an operator made the case theirs only later."""
    later = _taken_over(given)
    first = next((e for e in given.events if e.kind.says_out or e.kind is EventKind.LEFT_GROUP), None)
    return first if later is not None and first is not None and first.source != later.source else None


def _taken_over(given: Given) -> IdentityEvent | None:
    return next((e for e in given.events if e.source == given.case.source and e.kind is EventKind.REMOVE), None)


def _also_asked(given: Given) -> str:
    """Which operator made the case theirs after an identity provider had opened it; empty when none did."""
    later = _taken_over(given)
    if later is None or _first(given) is None:
        return ""
    as_what = ", as an emergency" if later.is_emergency else ""
    return f"{who(later.source)} asked for it, too, on {utc(later.received_at)}{as_what}."


def _asked(given: Given) -> str:
    first, case = _first(given), given.case
    kind, source = (first.kind, first.source) if first is not None else (case.kind, case.source)
    if source.startswith("operator:"):
        return f"{who(source)} asked for the removal" + (", as an emergency." if case.is_emergency else ".")
    said = {
        EventKind.DELETE: "deleted the person",
        EventKind.SUSPEND: "said that the person is suspended or on leave",
        EventKind.LEFT_GROUP: "said that the person left a group",
        EventKind.GROUP_GONE: "deleted or unlinked a group that the person was in",
    }.get(kind, "said that the person is no longer active")
    return f"The identity provider of connection {source} {said}."


def _approval(given: Given) -> str:
    """Who approved, or which policy stood in for a person."""
    case, approver = given.case, given.approver
    if not approver.startswith("none"):
        if case.is_operators and (case.released is None or case.released.by != approver):
            return f"{who(approver)}, by asking for the removal"
        told = case.released
        because = f", on {utc(told.at)}, because: {told.reason}" if told is not None and told.by == approver else ""
        return f"{who(approver)}{because}"
    policy = approver.partition("policy ")[2]
    stood_in = {
        "emergency": "an emergency goes without approval",
        "observe": "nothing may be done while the policy is to observe",
    }.get(policy, "removals within the limits go without approval")
    return f"nobody: policy “{policy}” stood in ({stood_in})"


def _acts(given: Given) -> Iterator[Act]:
    met: Counter[str] = Counter()
    for step in given.steps:
        if step.result in {"done", "gone"}:
            proof = answers(given.log, step.canonical)[met[step.canonical] :][:1]
            met[step.canonical] += 1
            verb, _, rest = step.says.partition(" ")
            words = f"{DONE.get(verb, verb)} {rest}"
            yield Act(at=step.ended_at, says=words, status=step.status, evidence=proof)


def not_collected(findings: Findings, topic: Topic) -> str:
    """Why there is nothing on that topic."""
    found = findings.of(topic)
    if found is None:
        return "Not collected."
    if found.progress is Progress.GAVE_UP:
        return f"Could not be collected: {found.trouble}"
    return "Still being collected." + (f" The last try failed: {found.trouble}" if found.trouble else "")
