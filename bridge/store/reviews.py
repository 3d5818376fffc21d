"""Access reviews that were started: the lines as they were found, what was decided about each, and who signed.

A review is never changed once it has ended. Its digest is over all lines and decisions and stands in the audit log, too,
so that a copy can be compared with what was signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, func, insert, select, update
from sqlalchemy import case as sql_case

from bridge.core.organization import Level
from bridge.core.reviewed import Code, Evidence, Finding, Kind, Line, Sure
from bridge.core.surroundings import Gap
from bridge.core.wording import rfc3339
from bridge.store import tables as t
from bridge.store.columns import milliseconds, moment_of
from bridge.store.db import Tx
from bridge.store.members import LONGEST, LONGEST_ACCOUNT, MOST_AT_ONCE, storable

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
"""What a digest covers is written in this one way for ever."""


class Outcome(StrEnum):
    """How a review stands."""

    OPEN = "open"
    SIGNED = "signed"
    DROPPED = "dropped"
    """Ended without a signature; no later review rests on it."""


class Decision(StrEnum):
    """What was decided about one line."""

    NONE = ""
    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True)
class Review:
    """One review of one target."""

    id: int
    target: str
    as_of: datetime
    """The look that its lines rest on."""
    started_at: datetime
    started_by: str
    unused_days: int
    connections: tuple[str, ...]
    gaps: tuple[Gap, ...]
    """What it could not see."""
    found_digest: str
    """Over the lines as they were found, before anything was decided."""
    outcome: Outcome
    ended_at: datetime | None = None
    ended_by: str = ""
    note: str = ""
    """Why it was dropped, or signed with lines that nobody decided."""
    digest: str = ""
    """Over everything, once it has ended."""


@dataclass(frozen=True, kw_only=True)
class KeptLine:
    """One line of a review."""

    number: int
    line: Line
    is_asked: bool
    """Whether it needs a decision; a member without a finding does not."""
    decision: Decision = Decision.NONE
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    case_id: int | None = None
    """The case that the decision opened."""

    @property
    def is_undecided(self) -> bool:
        """Whether somebody still has to decide about it."""
        return self.is_asked and self.decision is Decision.NONE


def start(
    tx: Tx,
    evidence: Evidence,
    lines: Sequence[Line],
    gaps: Sequence[Gap],
    *,
    unused_days: int,
    asks_all: bool,
    by: str,
    now: datetime,
) -> Review:
    """Keep the lines as they are now under a new number. `asks_all`: members without a finding need a decision, too."""
    kept = [
        KeptLine(number=number, line=_cut(line), is_asked=bool(line.findings) or asks_all)
        for number, line in enumerate(lines, 1)
    ]
    values = {
        "target": evidence.target,
        "as_of": evidence.as_of,
        "started_at": now,
        "started_by": by,
        "unused_days": unused_days,
        "connections": list(evidence.connections),
        "gaps": [_gap_out(gap) for gap in gaps],
        "found_digest": "",
        "outcome": Outcome.OPEN.value,
        "ended_by": "",
        "note": "",
        "digest": "",
    }
    result = tx.execute(insert(t.reviews).values(values))
    review_id = int(result.inserted_primary_key[0])  # type: ignore[index]
    for begin in range(0, len(kept), MOST_AT_ONCE):
        tx.execute(insert(t.review_lines), [_row(review_id, k) for k in kept[begin : begin + MOST_AT_ONCE]])
    review = _must_find(tx, review_id)
    digest = digest_of(review, kept)
    tx.execute(update(t.reviews).where(t.reviews.c.id == review_id).values(found_digest=digest))
    return _must_find(tx, review_id)


def find(tx: Tx, review_id: int) -> Review | None:
    """The review of that number, or `None`."""
    row = tx.execute(select(t.reviews).where(t.reviews.c.id == review_id)).first()
    return None if row is None else _review(row)


def all_of(tx: Tx, target: str | None = None, limit: int = 50) -> list[Review]:
    """The reviews of one target or all, newest first."""
    query = select(t.reviews).order_by(t.reviews.c.id.desc()).limit(limit)
    return _found(tx, query if target is None else query.where(t.reviews.c.target == target))


def open_of(tx: Tx, target: str) -> Review | None:
    """The target's review that has not ended, or `None`."""
    query = select(t.reviews).where(t.reviews.c.target == target, t.reviews.c.ended_at.is_(None))
    return next(iter(_found(tx, query)), None)


def last_signed(tx: Tx, target: str) -> Review | None:
    """The target's review that was signed last, or `None`."""
    mine = t.reviews.c
    query = select(t.reviews).where(mine.target == target, mine.outcome == Outcome.SIGNED.value)
    return next(iter(_found(tx, query.order_by(mine.ended_at.desc(), mine.id.desc()).limit(1))), None)


def lines_in(tx: Tx, review_id: int) -> list[KeptLine]:
    """All its lines, in order."""
    query = select(t.review_lines).where(t.review_lines.c.review_id == review_id)
    return [_kept(row) for row in tx.execute(query.order_by(t.review_lines.c.number))]


def undecided(tx: Tx, review_id: int) -> int:
    """How many of its lines nobody has decided about yet."""
    mine = t.review_lines.c
    query = select(func.count()).where(mine.review_id == review_id, mine.is_asked, mine.decision == Decision.NONE.value)
    return int(tx.execute(query).scalar_one())


def progress(tx: Tx, review_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Of each review, how many lines need a decision and how many of those have none yet."""
    mine = t.review_lines.c
    asked = sql_case((mine.is_asked, 1), else_=0)
    is_open = sql_case((and_(mine.is_asked, mine.decision == Decision.NONE.value), 1), else_=0)
    query = select(mine.review_id, func.sum(asked), func.sum(is_open)).where(mine.review_id.in_(review_ids))
    return {number: (int(all_), int(left)) for number, all_, left in tx.execute(query.group_by(mine.review_id))}


def decide(
    tx: Tx,
    review_id: int,
    numbers: Collection[int],
    decision: Decision,
    *,
    reason: str,
    by: str,
    now: datetime,
    case_id: int | None = None,
) -> None:
    """Keep what was decided about those lines, in place of what was before."""
    values = {
        "decision": decision.value,
        "reason": reason,
        "decided_by": by,
        "decided_at": now,
        "case_id": case_id,
        "is_asked": True,
    }
    wanted = sorted(numbers)
    for begin in range(0, len(wanted), MOST_AT_ONCE):
        mine = t.review_lines.c
        some = wanted[begin : begin + MOST_AT_ONCE]
        tx.execute(update(t.review_lines).where(mine.review_id == review_id, mine.number.in_(some)).values(values))


def end(
    tx: Tx, review_id: int, lines: Sequence[KeptLine], outcome: Outcome, *, note: str, by: str, now: datetime
) -> Review:
    """End the review; its digest is over everything as it is now. `lines`: all of them, read in this transaction."""
    ended = {"outcome": outcome.value, "ended_at": now, "ended_by": by, "note": note}
    tx.execute(update(t.reviews).where(t.reviews.c.id == review_id).values(ended))
    digest = digest_of(_must_find(tx, review_id), lines)
    tx.execute(update(t.reviews).where(t.reviews.c.id == review_id).values(digest=digest))
    return _must_find(tx, review_id)


def digest_of(review: Review, lines: Sequence[KeptLine]) -> str:
    """64 hex digits that stand for exactly this review with all its lines and decisions."""
    whole = {
        "id": review.id,
        "target": review.target,
        "as_of": rfc3339(review.as_of),
        "started_at": rfc3339(review.started_at),
        "started_by": review.started_by,
        "unused_days": review.unused_days,
        "connections": list(review.connections),
        "gaps": [_gap_out(gap) for gap in review.gaps],
        "outcome": review.outcome.value,
        "ended_at": rfc3339(review.ended_at),
        "ended_by": review.ended_by,
        "note": review.note,
        "lines": [_digested(line) for line in lines],
    }
    return hashlib.sha256(_ENCODER.encode(whole).encode()).hexdigest()


def _digested(kept: KeptLine) -> dict[str, Any]:
    row = _row(0, kept)
    del row["review_id"]
    return {**row, "decided_at": rfc3339(kept.decided_at)}


def _cut(line: Line) -> Line:
    """The line as it is read back: texts that a database keeps, times to the millisecond."""
    return Line(
        kind=line.kind,
        key=storable(line.key)[:LONGEST_ACCOUNT],
        email=storable(line.email)[:LONGEST],
        name=storable(line.name)[:LONGEST],
        level=line.level,
        findings=tuple(_finding_in(_finding_out(f)) for f in line.findings),
        case_id=line.case_id,
        is_lasting=line.is_lasting,
        is_members=line.is_members,
    )


def _row(review_id: int, kept: KeptLine) -> dict[str, Any]:
    line = kept.line
    return {
        "review_id": review_id,
        "number": kept.number,
        "kind": line.kind.value,
        "subject": line.key,
        "email": line.email,
        "name": line.name,
        "level": int(line.level),
        "findings": [_finding_out(f) for f in line.findings],
        "is_lasting": line.is_lasting,
        "is_members": line.is_members,
        "is_asked": kept.is_asked,
        "decision": kept.decision.value,
        "decided_at": kept.decided_at,
        "decided_by": kept.decided_by,
        "reason": kept.reason,
        "case_id": kept.case_id,
    }


def _kept(row: Any) -> KeptLine:
    line = Line(
        kind=Kind(row.kind),
        key=row.subject,
        email=row.email,
        name=row.name,
        level=Level(row.level),
        findings=tuple(_finding_in(f) for f in row.findings),
        is_lasting=bool(row.is_lasting),
        is_members=bool(row.is_members),
    )
    return KeptLine(
        number=row.number,
        line=line,
        is_asked=bool(row.is_asked),
        decision=Decision(row.decision),
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        case_id=row.case_id,
    )


def _finding_out(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code.value,
        "why": storable(finding.why),
        "to_do": storable(finding.to_do),
        "sure": finding.sure.value,
        "seen_at": milliseconds(finding.seen_at),
        "since": None if finding.since is None else milliseconds(finding.since),
    }


def _finding_in(row: Any) -> Finding:
    return Finding(
        code=Code(row["code"]),
        why=row["why"],
        to_do=row["to_do"],
        sure=Sure(row["sure"]),
        seen_at=moment_of(row["seen_at"]),
        since=None if row["since"] is None else moment_of(row["since"]),
    )


def _gap_out(gap: Gap) -> dict[str, str]:
    return {"what": gap.what, "why": gap.why, "remedy": gap.remedy}


def _must_find(tx: Tx, review_id: int) -> Review:
    found = find(tx, review_id)
    assert found is not None
    return found


def _found(tx: Tx, query: Select[*tuple[Any, ...]]) -> list[Review]:
    return [_review(row) for row in tx.execute(query)]


def _review(row: Any) -> Review:
    return Review(
        id=row.id,
        target=row.target,
        as_of=row.as_of,
        started_at=row.started_at,
        started_by=row.started_by,
        unused_days=row.unused_days,
        connections=tuple(row.connections),
        gaps=tuple(Gap(**gap) for gap in row.gaps),
        found_digest=row.found_digest,
        outcome=Outcome(row.outcome),
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        note=row.note,
        digest=row.digest,
    )
