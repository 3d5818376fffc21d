"""What of a checklist the bridge verified by itself: each item with its time and the audit entries that prove it.

May import: `checklist`, `case`, `findings`, `evidence`, `wording`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.core.case import Case, CaseState
from bridge.core.checklist import Verdict, Verified
from bridge.core.evidence import Logged, StepDone
from bridge.core.findings import Findings, Progress, Topic
from bridge.core.wording import counted, utc


def verified(
    case: Case, steps: Sequence[StepDone], log: Sequence[Logged], looks: int, findings: Findings
) -> tuple[Verified, ...]:
    """What the bridge verified, from what it keeps. `looks`: how many the watch has taken."""
    return (
        _out(case, steps, log),
        _seen_out(case, log),
        *_cancelled(steps, log),
        _watched(case, log, looks),
        *_known_ways_back(findings, log),
        *_inventory(findings, log),
    )


def _out(case: Case, steps: Sequence[StepDone], log: Sequence[Logged]) -> Verified:
    removed = [s for s in steps if s.is_removal]
    if not removed:
        return Verified(kind="out", says="The membership has not ended.", verdict=Verdict.NO)
    last = removed[-1]
    again = f", after {counted(case.returns, 'return')}" if case.returns else ""
    answered = f"PostHog answered {last.status}" if last.status else "its answer was lost, and the next look showed it"
    return Verified(
        kind="out",
        says=f"The membership ended{again}: {answered}.",
        verdict=Verdict.NO if case.is_back else Verdict.YES,
        at=last.ended_at,
        evidence=answers(log, last.canonical)[-1:],
    )


def _seen_out(case: Case, log: Sequence[Logged]) -> Verified:
    is_seen = case.verified_at is not None and not case.is_back
    if not is_seen:
        return Verified(kind="seen_out", says="No fresh look has shown the person out yet.", verdict=Verdict.NOT_YET)
    first = seen_out(log)
    return Verified(
        kind="seen_out",
        says="A fresh look showed the person out.",
        verdict=Verdict.YES,
        at=first.at if first is not None else case.verified_at,
        evidence=(first.seq,) if first is not None else (),
    )


def _cancelled(steps: Sequence[StepDone], log: Sequence[Logged]) -> Iterator[Verified]:
    for step in steps:
        if step.canonical.startswith("cancel_invite ") and step.result in {"done", "gone"}:
            yield Verified(
                kind="invite_cancelled",
                says=f"Done: {step.says}; PostHog answered {step.status}.",
                verdict=Verdict.YES,
                at=step.ended_at,
                evidence=answers(log, step.canonical)[-1:],
            )


def _watched(case: Case, log: Sequence[Logged], looks: int) -> Verified:
    met = f", {counted(case.returns, 'return')} met" if case.returns else ", nobody came back"
    if case.state is CaseState.CLOSED and case.watch_until is not None and case.closed_at is not None:
        is_whole = case.closed_at >= case.watch_until
        says = (
            f"Watched to the end: {counted(looks, 'look')}{met}."
            if is_whole
            else f"The watch ended early: {case.outcome}."
        )
        return Verified(
            kind="watch",
            says=says,
            verdict=Verdict.YES if is_whole else Verdict.NO,
            at=case.closed_at,
            evidence=_entries(log, ("case.closed", "case.reactivated"))[-1:],
        )
    if case.state is CaseState.CANCELLED:
        return Verified(
            kind="watch", says=f"The watch ended early: {case.outcome}.", verdict=Verdict.NO, at=case.closed_at
        )
    until = f"until {utc(case.watch_until)}, {counted(looks, 'look')} so far{met}" if case.watch_until else "not begun"
    return Verified(kind="watch", says=f"The watch for coming back: {until}.", verdict=Verdict.NOT_YET)


def _known_ways_back(findings: Findings, log: Sequence[Logged]) -> Iterator[Verified]:
    kept, found = findings.of(Topic.WAYS_BACK), findings.ways_back
    if kept is None:
        return
    if found is None:
        yield Verified(
            kind="ways_back", says=f"Ways back: {_waiting(kept.progress, kept.trouble)}.", verdict=_not(kept.progress)
        )
        return
    missing = f" Not seen: {', '.join(g.what for g in found.gaps)}." if found.gaps else ""
    none = "No way back found open." if found.seen_at is not None or found.ways else "Nobody has looked for ways back."
    yield Verified(
        kind="ways_back",
        says=(f"{counted(len(found.open), 'way')} back found open." if found.open else none) + missing,
        verdict=Verdict.NO if found.open else Verdict.NOT_YET if found.gaps or found.seen_at is None else Verdict.YES,
        at=found.seen_at,
        evidence=_entries(log, ("finding.kept",), Topic.WAYS_BACK),
    )


def _inventory(findings: Findings, log: Sequence[Logged]) -> Iterator[Verified]:
    kept, found = findings.of(Topic.LEFT_BEHIND), findings.left_behind
    if kept is None:
        return
    if found is None:
        says = f"What the person made in PostHog: {_waiting(kept.progress, kept.trouble)}."
        yield Verified(kind="left_behind", says=says, verdict=_not(kept.progress))
        return
    missing = f" Not seen: {', '.join(g.what for g in found.gaps)}." if found.gaps else ""
    yield Verified(
        kind="left_behind",
        says=f"Listed what the person made in PostHog: {counted(len(found.resources), 'thing')}.{missing}",
        verdict=Verdict.YES,
        at=found.taken_at,
        evidence=_entries(log, ("finding.kept",), Topic.LEFT_BEHIND),
    )


def _waiting(progress: Progress, trouble: str) -> str:
    if progress is Progress.GAVE_UP:
        return f"could not be found out ({trouble.rstrip('.')})"
    return "being collected" + (f"; the last try failed: {trouble.rstrip('.')}" if trouble else "")


def _not(progress: Progress) -> Verdict:
    return Verdict.NO if progress is Progress.GAVE_UP else Verdict.NOT_YET


def seen_out(log: Sequence[Logged]) -> Logged | None:
    """The entry of the look that first showed the person out, since they came back last."""
    return next((e for e in reversed(log) if e.kind == "case.watching"), None)


def answers(log: Sequence[Logged], canonical: str) -> tuple[int, ...]:
    """The numbers of the entries that say how that step was answered, in order."""
    return _entries(log, ("step.done", "step.gone", "step.found_done"), canonical)


def _entries(log: Sequence[Logged], kinds: Sequence[str], about: str = "") -> tuple[int, ...]:
    """The numbers of the entries of those kinds, about that step or topic when one is named."""
    return tuple(e.seq for e in log if e.kind in kinds and about in {"", e.facts.get("step"), e.facts.get("topic")})
