"""All removals of a stretch of time, such as a quarter: how many, how fast, what was out of the ordinary, who stayed in.

Days begin where the reader lives, so the time zone is always named. May import: `removal_record`, `case`, `cells`,
`wording`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from statistics import median

from bridge.core.case import Case, CaseState
from bridge.core.cells import csv_cell, md, table
from bridge.core.evidence import StepDone
from bridge.core.removal_record import Verdict, why_not
from bridge.core.surroundings import Gap
from bridge.core.wording import lasting, printable, rfc3339, times, who

_QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.IGNORECASE)
CSV_HEADINGS = (
    "case",
    "person",
    "target",
    "scope",
    "verdict",
    "reason",
    "asked_by",
    "approved_by",
    "requested_at",
    "out_at",
    "request_to_out_seconds",
    "returns",
    "exceptions",
    "checklist_open",
    "why_not",
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time: from the first moment on, up to but without the last."""

    label: str
    since: datetime
    until: datetime
    zone: str
    """The time zone's name, in which days begin and times are shown."""

    def holds(self, moment: datetime | None) -> bool:
        """Whether the moment lies in it."""
        return moment is not None and self.since <= moment < self.until


def quarter_of(text: str, zone: tzinfo, name: str) -> Span:
    """The quarter that is called so, such as `2026Q4`, in that time zone. Raises: ValueError."""
    match = _QUARTER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is no quarter such as 2026Q4.')
    year, month = int(match[1]), 3 * int(match[2]) - 2
    last = date(year + month // 10, (month + 3) % 12, 1)
    return span_of(date(year, month, 1), last - timedelta(days=1), zone, name, label=f"{year}Q{match[2]}")


def span_of(first: date, last: date, zone: tzinfo, name: str, *, label: str = "") -> Span:
    """From the beginning of the first day to the end of the last, in that time zone. Raises: ValueError."""
    if last < first:
        raise ValueError(f"{last} is before {first}.")
    return Span(
        label=label or f"{first} to {last}",
        since=datetime.combine(first, time(), zone),
        until=datetime.combine(last + timedelta(days=1), time(), zone),
        zone=name,
    )


@dataclass(frozen=True, kw_only=True)
class Removal:
    """One case in the report."""

    case_id: int
    person: str
    target: str
    scope: str
    verdict: Verdict
    reason: str
    asked_by: str
    approved_by: str
    requested_at: datetime
    out_at: datetime | None
    request_to_out_seconds: int | None
    returns: int
    exceptions: tuple[str, ...]
    checklist_open: int | None
    """Items that nobody has ticked; `None` without a checklist."""
    why_not: str


@dataclass(frozen=True, kw_only=True)
class Outside:
    """One membership that ended by another hand than the bridge's."""

    at: datetime
    person: str
    target: str
    by: str
    """Who did it; empty when nobody knows."""
    known_from: str


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """All removals of a stretch of time."""

    span: Span
    made_at: datetime
    targets: tuple[str, ...]
    removed: tuple[Removal, ...] = ()
    not_removed: tuple[Removal, ...] = ()
    outside: tuple[Outside, ...] = ()
    gaps: tuple[Gap, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    approvals: dict[str, int] = field(default_factory=dict)
    median_seconds: int | None = None
    longest_seconds: int | None = None


def removal_of(case: Case, steps: Iterable[StepDone], approver: str, checklist_open: int | None, span: Span) -> Removal:
    """The case as a row. What was done after the span's end is not done in it."""
    removed = [s for s in steps if s.is_removal and s.ended_at is not None]
    out_at = removed[0].ended_at if removed else None
    is_late = out_at is not None and out_at >= span.until
    verdict = Verdict.NOT_REMOVED if out_at is None or is_late else Verdict.BACK if case.is_back else Verdict.REMOVED
    seconds = int((out_at - case.opened_at).total_seconds()) if out_at is not None else None
    late = f"Removed after the end of this report, {lasting(timedelta(seconds=seconds or 0))} after the request."
    return Removal(
        case_id=case.id,
        person=case.subject.label,
        target=case.target,
        scope=case.scope,
        verdict=verdict,
        reason=case.reason.value,
        asked_by=who(case.source),
        approved_by="" if verdict is Verdict.NOT_REMOVED else who(approver.removeprefix("none: ")),
        requested_at=case.opened_at,
        out_at=out_at,
        request_to_out_seconds=None if verdict is Verdict.NOT_REMOVED else seconds,
        returns=case.returns,
        exceptions=tuple(_exceptions(case)),
        checklist_open=checklist_open,
        why_not=late if is_late else why_not(case) if out_at is None else "",
    )


def quarter(
    span: Span,
    rows: Iterable[Removal],
    *,
    targets: tuple[str, ...],
    outside: tuple[Outside, ...] = (),
    gaps: tuple[Gap, ...] = (),
    now: datetime,
) -> Quarter:
    """The report over these rows."""
    known = sorted(rows, key=lambda r: (r.out_at or r.requested_at, r.case_id))
    removed = tuple(r for r in known if r.verdict is not Verdict.NOT_REMOVED)
    took = [r.request_to_out_seconds for r in removed if r.request_to_out_seconds is not None]
    return Quarter(
        span=span,
        made_at=now,
        targets=targets,
        removed=removed,
        not_removed=tuple(r for r in known if r.verdict is Verdict.NOT_REMOVED),
        outside=tuple(sorted(outside, key=lambda o: o.at)),
        gaps=gaps,
        reasons=dict(Counter(r.reason for r in removed).most_common()),
        approvals=dict(Counter(r.approved_by for r in removed).most_common()),
        median_seconds=int(median(took)) if took else None,
        longest_seconds=max(took, default=None),
    )


def _exceptions(case: Case) -> Iterator[str]:
    if case.is_emergency:
        yield "emergency"
    if case.released is not None and case.released.codes:
        codes = ", ".join(sorted(c.value for c in case.released.codes))
        yield f"held ({codes}), approved by {who(case.released.by)}"
    if case.returns:
        yield f"came back {times(case.returns)}"
    if case.state is CaseState.CLOSED and case.watch_until and case.closed_at and case.closed_at < case.watch_until:
        yield "the watch ended early"


def quarter_text(found: Quarter, zone: tzinfo) -> str:
    """The report as Markdown."""
    span = found.span
    where = md(", ".join(found.targets))
    ends = (span.until - timedelta(seconds=1)).astimezone(zone)
    lines = [
        f"# Removals from PostHog, {span.label}",
        "",
        (
            f"Organization: {where}. From {local(span.since, zone)} to {local(ends, zone)}. All times are in {md(span.zone)}. Made on "
            f"{local(found.made_at, zone)}."
        ),
        "",
        *_summary(found),
        *_removed(found, zone),
        *_others(found, zone),
        *_outside(found, zone),
        "## What this is made from",
        "",
        (
            "Each row is a case of the bridge, and `report CASE` prints its removal record with the audit entries that prove it. A "
            "removal belongs to the time in which the membership ended; a request without a removal to the time of the request. "
            "`audit verify` checks that no entry was changed."
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _summary(found: Quarter) -> Iterator[str]:
    if found.span.until > found.made_at:
        yield from ("**This stretch of time is not over: the numbers will change.**", "")
    exceptions = sum(bool(r.exceptions) for r in found.removed)
    rows = [
        ("Removed", str(len(found.removed))),
        ("From request to out, median", _took(found.median_seconds)),
        ("From request to out, longest", _took(found.longest_seconds)),
        ("Removed with something out of the ordinary", str(exceptions)),
        ("**Not removed**", f"**{len(found.not_removed)}**" if found.not_removed else "0"),
        ("Ended by others than the bridge", str(len(found.outside))),
        ("Reasons", md(_counts(found.reasons))),
        ("Approved by, or the policy that stood in", md(_counts(found.approvals))),
    ]
    yield from table(("", ""), rows)


def _removed(found: Quarter, zone: tzinfo) -> Iterator[str]:
    yield from ("## Removed", "")
    rows = [
        (
            str(r.case_id),
            md(r.person),
            md(r.target if r.scope == "organization" else f"{r.target}, {r.scope}"),
            local(r.requested_at, zone),
            local(r.out_at, zone) if r.out_at else "",
            _took(r.request_to_out_seconds),
            md(r.asked_by),
            md(r.approved_by),
            md(r.reason.replace("_", " ")),
            md("; ".join((*r.exceptions, *(("back again now",) if r.verdict is Verdict.BACK else ())))),
            "-" if r.checklist_open is None else "done" if r.checklist_open == 0 else f"{r.checklist_open} open",
        )
        for r in found.removed
    ]
    headings = (
        "Case",
        "Who",
        "Out of",
        "Request",
        "Out",
        "Took",
        "Asked by",
        "Approved by",
        "Reason",
        "Exceptions",
        "Checklist",
    )
    yield from table(headings, rows) or ["Nobody.", ""]


def _others(found: Quarter, zone: tzinfo) -> Iterator[str]:
    yield from ("## Not removed", "")
    rows = [
        (str(r.case_id), md(r.person), md(r.target), local(r.requested_at, zone), md(r.asked_by), md(r.why_not))
        for r in found.not_removed
    ]
    yield from table(("Case", "Who", "Out of", "Request", "Asked by", "Why not"), rows) or ["Nobody.", ""]


def _outside(found: Quarter, zone: tzinfo) -> Iterator[str]:
    yield from ("## Memberships that others ended", "")
    rows = [
        (local(o.at, zone), md(o.person), md(o.target), md(o.by or "not known"), md(o.known_from))
        for o in found.outside
    ]
    yield from table(("When", "Who", "Out of", "By", "Known from"), rows) or ["None is known of.", ""]
    gaps = [f"- Not seen: {md(g.what)}. {md(g.why)} {md(g.remedy)}".rstrip() for g in found.gaps]
    yield from (*gaps, "") if gaps else ()


def quarter_csv(found: Quarter) -> Iterator[tuple[str, ...]]:
    """The rows for a spreadsheet, headings first; nothing in them is run by one."""
    yield CSV_HEADINGS
    for r in (*found.removed, *found.not_removed):
        took = "" if r.request_to_out_seconds is None else str(r.request_to_out_seconds)
        cells = (
            str(r.case_id),
            r.person,
            r.target,
            r.scope,
            r.verdict.value,
            r.reason,
            r.asked_by,
            r.approved_by,
            rfc3339(r.requested_at) or "",
            rfc3339(r.out_at) or "",
            took,
            str(r.returns),
            "; ".join(r.exceptions),
            "" if r.checklist_open is None else str(r.checklist_open),
            r.why_not,
        )
        yield tuple(csv_cell(c) for c in cells)
    for o in found.outside:
        said = (o.person, o.target, "organization", "OUTSIDE THE BRIDGE", "", o.by, "", "", rfc3339(o.at) or "")
        yield tuple(csv_cell(c) for c in ("", *said, "", "", "", "", o.known_from))


def local(moment: datetime, zone: tzinfo) -> str:
    """The time to the second in that zone, with the zone's short name."""
    return printable(moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z"))


def _took(seconds: int | None) -> str:
    return "-" if seconds is None else lasting(timedelta(seconds=seconds))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {number}" for name, number in counts.items()) or "none"
