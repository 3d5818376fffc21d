"""One access review as it is put before somebody: on the page, in the terminal, as a file. Values only.

May import: `reviewing`, `store`, `ports`, `core`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.core.reviewed import Finding, Kind
from bridge.core.surroundings import Gap
from bridge.core.wording import ago, counted, rfc3339, utc
from bridge.reviewing import Current
from bridge.store import reviews
from bridge.store.db import Tx
from bridge.store.reviews import Decision, KeptLine, Outcome, Review


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What is there to review at one target now, or one review that was started."""

    target: str
    as_of: datetime
    """The look that the lines rest on."""
    unused_days: int
    connections: tuple[str, ...]
    gaps: tuple[Gap, ...]
    lines: tuple[KeptLine, ...]
    review: Review | None = None
    digest: str = ""
    """Over the review as it is now; empty when none was started."""

    @property
    def found(self) -> tuple[KeptLine, ...]:
        """The lines that somebody decides about: those with a finding, and more when the review asks for more."""
        return tuple(k for k in self.lines if k.is_asked)

    @property
    def pressing(self) -> int:
        """How many lines should not wait for the next review."""
        return sum(k.line.is_pressing for k in self.lines)

    @property
    def undecided(self) -> int:
        """How many of them nobody has decided about."""
        return sum(k.is_undecided for k in self.lines)

    @property
    def title(self) -> str:
        """What it is."""
        number = f" {self.review.id}" if self.review else ""
        return f"Access review{number} of {self.target}"

    @property
    def stands(self) -> bool:
        """Whether an ended review still is what was signed; true while it is open."""
        return self.review is None or self.review.outcome is Outcome.OPEN or self.digest == self.review.digest

    def count_of(self, kind: Kind) -> int:
        """How many members, invites or removals there are, whether something was found or not."""
        return sum(k.line.kind is kind for k in self.lines)

    def decided(self, decision: Decision) -> int:
        """How many lines were decided so."""
        return sum(k.decision is decision for k in self.lines)


def of_current(found: Current) -> Sheet:
    """What a review would find now. Its numbers last only for this copy."""
    return Sheet(
        target=found.evidence.target,
        as_of=found.evidence.as_of,
        unused_days=found.unused_days,
        connections=found.evidence.connections,
        gaps=found.gaps,
        lines=tuple(
            KeptLine(number=n, line=line, is_asked=bool(line.findings)) for n, line in enumerate(found.lines, 1)
        ),
    )


def of_review(tx: Tx, review: Review) -> Sheet:
    """One that was started."""
    lines = tuple(reviews.lines_in(tx, review.id))
    return Sheet(
        target=review.target,
        as_of=review.as_of,
        unused_days=review.unused_days,
        connections=review.connections,
        gaps=review.gaps,
        lines=lines,
        review=review,
        digest=reviews.digest_of(review, lines),
    )


def facts(sheet: Sheet, now: datetime) -> list[tuple[str, str]]:
    """What is to be known of the whole, as names and sentences."""
    members, invites = sheet.count_of(Kind.MEMBER), sheet.count_of(Kind.INVITE)
    removed = sheet.count_of(Kind.REMOVED)
    clear = sum(k.line.kind is Kind.MEMBER and not k.line.findings for k in sheet.lines)
    in_it = f"{counted(members, 'member')}, {clear} without a finding; {counted(invites, 'invite')}"
    # A review is kept and sent on: how long ago it was is nothing that stays true.
    seen = utc(sheet.as_of) + (f" ({ago(sheet.as_of, now)})" if sheet.review is None else "")
    told = [
        ("As of", f"{seen}, the last look at PostHog"),
        ("Set against", " and ".join(sheet.connections) or "nobody: no identity provider speaks for it"),
        ("Unused", f"no log-in for {counted(sheet.unused_days, 'day')}"),
        ("In it", f"{in_it}; {counted(removed, 'removal')} outside the bridge"),
    ]
    review = sheet.review
    if review is None:
        return told
    kept, gone = sheet.decided(Decision.KEEP), sheet.decided(Decision.REMOVE)
    return [
        *told,
        ("Started", f"{utc(review.started_at)} by {review.started_by}"),
        ("Decided", f"{kept} to keep, {gone} to remove, {sheet.undecided} open"),
        ("Stands", signature(sheet)),
    ]


def signature(sheet: Sheet) -> str:
    """Who signed, when and what; or that nobody did."""
    review = sheet.review
    assert review is not None
    if review.ended_at is None:
        return f"NOT SIGNED; digest so far {sheet.digest[:12]}"
    verb = "signed" if review.outcome is Outcome.SIGNED else "DROPPED without a signature"
    why = f"; {review.note}" if review.note else ""
    same = "" if sheet.stands else f". CHANGED SINCE: what is kept now has {sheet.digest}"
    return f"{verb} {utc(review.ended_at)} by {review.ended_by}{why}; digest {review.digest}{same}"


def decision(kept: KeptLine) -> str:
    """What was decided about a line, in words; empty when nothing was and need not be."""
    if kept.decision is Decision.NONE:
        return "not decided" if kept.is_asked else ""
    case = f", case {kept.case_id}" if kept.case_id is not None else ""
    why = f": {kept.reason}" if kept.reason else ""
    return f"{kept.decision.value} by {kept.decided_by}{case}{why}"


def rows(sheet: Sheet, *, shows_all: bool) -> list[tuple[KeptLine, Finding | None]]:
    """Each line with each of its findings; a line without one stands alone."""
    lines = sheet.lines if shows_all else sheet.found
    return [(kept, finding) for kept in lines for finding in kept.line.findings or (None,)]


def sheet_out(sheet: Sheet) -> dict[str, Any]:
    """All of it as the outside holds on to it; times are RFC 3339 in UTC."""
    review = sheet.review
    return {
        "target": sheet.target,
        "as_of": rfc3339(sheet.as_of),
        "unused_days": sheet.unused_days,
        "connections": list(sheet.connections),
        "not_seen": [{"what": gap.what, "why": gap.why, "remedy": gap.remedy} for gap in sheet.gaps],
        "review": None if review is None else _review_out(sheet, review),
        "lines": [_line_out(sheet, kept) for kept in sheet.lines],
    }


def _review_out(sheet: Sheet, review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "outcome": review.outcome.value,
        "started_at": rfc3339(review.started_at),
        "started_by": review.started_by,
        "ended_at": rfc3339(review.ended_at),
        "ended_by": review.ended_by or None,
        "note": review.note,
        "digest": review.digest or sheet.digest,
        "digest_holds": sheet.stands,
        "undecided": sheet.undecided,
    }


def _line_out(sheet: Sheet, kept: KeptLine) -> dict[str, Any]:
    line = kept.line
    found = {
        "kind": line.kind.value,
        "id": line.key,
        "email": line.email,
        "name": line.name,
        "level": line.level.word,
        "findings": [
            {
                "code": f.code.value,
                "why": f.why,
                "since": rfc3339(f.since),
                "sure": f.sure.value,
                "to_do": f.to_do,
                "seen_at": rfc3339(f.seen_at),
            }
            for f in line.findings
        ],
    }
    if sheet.review is None:
        return {**found, "case": line.case_id}
    return {
        "line": kept.number,
        **found,
        "needs_decision": kept.is_asked,
        "decision": kept.decision.value or None,
        "decided_by": kept.decided_by or None,
        "decided_at": rfc3339(kept.decided_at),
        "reason": kept.reason,
        "case": kept.case_id,
    }
