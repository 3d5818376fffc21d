"""Access reviews: start one, keep or remove line by line, sign. Each step is audited; nothing here acts on PostHog.

A removal opens a case, which goes its way like every other. May import: `decisions`, `store`, `ports`, `core`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge import decisions
from bridge.core import access_review
from bridge.core.case import Case
from bridge.core.events import Reason, Subject, address_key
from bridge.core.reviewed import Code, Evidence, Kind, Line
from bridge.core.surroundings import Gap
from bridge.core.wording import counted
from bridge.ports import Bridge, Declined
from bridge.store import members, people, reminders, review_evidence, reviews
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.members import KeptMember
from bridge.store.reviews import Decision, KeptLine, Outcome, Review

LONGEST_REASON = 2_000
"""Characters of a reason; longer ones are cut."""


@dataclass(frozen=True, kw_only=True)
class Current:
    """What a review of one target would find now, as of the last look."""

    evidence: Evidence
    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]
    unused_days: int

    @property
    def found(self) -> tuple[Line, ...]:
        """The lines with a finding."""
        return access_review.to_decide(self.lines)


def current(bridge: Bridge, tx: Tx, target: str, unused_days: int | None = None) -> Current | None:
    """What is to be reviewed now; `None` when the target was never looked at.

    Removals made outside the bridge are listed since the last signed review.
    """
    policy = bridge.policies[target]
    after = policy.unused_after if unused_days is None else timedelta(days=unused_days)
    last = reviews.last_signed(tx, target)
    since = last.as_of + timedelta(milliseconds=1) if last else None
    evidence = review_evidence.of_target(tx, target, bridge.connections.values(), policy, since)
    if evidence is None:
        return None
    return Current(
        evidence=evidence,
        lines=access_review.lines_of(evidence, after),
        gaps=access_review.blind_spots(evidence, after),
        unused_days=after.days,
    )


def start(bridge: Bridge, target: str, *, by: str, unused_days: int | None = None, asks_all: bool = False) -> Review:
    """Keep what is to be reviewed now under a number, for decisions. Raises `Declined`.

    `asks_all`: members without a finding need a decision, too.
    """
    now = bridge.clock.now()
    with bridge.db.read() as tx:  # it takes every member to say, and nobody shall wait for that
        found = current(bridge, tx, target, unused_days)
    if found is None:
        raise Declined(f"{target} was never looked at.", remedy="Start `run`, or `worker` and `sweep`.")
    with bridge.db.write() as tx:
        open_one = reviews.open_of(tx, target)
        if open_one is not None:
            raise Declined(
                f"Review {open_one.id} of {target} is open since {open_one.started_at:%Y-%m-%d}, by {open_one.started_by}.",
                remedy=f"Go on with `review show {open_one.id}`, or end it with `review drop {open_one.id} --reason WHY`.",
            )
        review = reviews.start(
            tx,
            found.evidence,
            found.lines,
            found.gaps,
            unused_days=found.unused_days,
            asks_all=asks_all,
            by=by,
            now=now,
        )
        facts = {
            "review": review.id,
            "as_of": str(review.as_of),
            "lines": len(found.lines),
            "to_decide": reviews.undecided(tx, review.id),
            "digest": review.found_digest,
        }
        tx.audit(Entry(at=now, kind="review.started", actor=f"operator:{by}", target=target, facts=facts))
        reminders.mind(tx, target, bridge.policies[target].review_every, now)
    return review


def keep(bridge: Bridge, review_id: int, numbers: Collection[int], *, by: str, reason: str) -> list[KeptLine]:
    """Decide that those stay as they are; the lines as they were. Raises `Declined`, and then nothing was decided."""
    now, reason = bridge.clock.now(), _plain(reason)
    with bridge.db.write() as tx:
        review = _open(tx, review_id)
        lines = _chosen(tx, review, numbers)
        removed = [k for k in lines if k.decision is Decision.REMOVE]
        if removed:
            raise Declined(
                f"Line {removed[0].number} is to be removed: case {removed[0].case_id} is at it.",
                remedy=f"`cancel {removed[0].case_id}` lets the person be, if that is still possible.",
            )
        decided = [k.number for k in lines]
        reviews.decide(tx, review.id, decided, Decision.KEEP, reason=reason, by=by, now=now)
        _note(tx, review, "review.kept", lines, by=by, reason=reason, now=now)
    return lines


def remove(bridge: Bridge, review_id: int, numbers: Collection[int], *, by: str, reason: str = "") -> list[Case]:
    """Open a case for each of those lines, and keep that as the decision: all of it or nothing. Raises `Declined`."""
    now, reason = bridge.clock.now(), _plain(reason)
    with bridge.db.write() as tx:
        review = _open(tx, review_id)
        lines = _chosen(tx, review, numbers)
        seen = members.kept(tx, review.target)
        for kept in lines:
            _check_removable(review, kept)
            _check_same(review, kept, seen)
            _check_alone(bridge, tx, review, kept, seen, going={k.line.key for k in lines})
        opened = [_remove(bridge, tx, review, kept, by=by, reason=reason, now=now) for kept in lines]
    bridge.bell.ring(review.target)
    return opened


def _remove(bridge: Bridge, tx: Tx, review: Review, kept: KeptLine, *, by: str, reason: str, now: datetime) -> Case:
    told = f"access review {review.id}, line {kept.number}" + (f": {reason}" if reason else "")
    asked = decisions.Removal(target=review.target, by=by, reason=Reason.ACCESS_REVIEW, note=told)
    subject = Subject(user_name=kept.line.email, emails=(kept.line.email,))
    case = decisions.open_removal(bridge, tx, asked, subject, now)
    reviews.decide(tx, review.id, [kept.number], Decision.REMOVE, reason=reason, by=by, now=now, case_id=case.id)
    _note(tx, review, "review.removed", [kept], by=by, reason=reason, now=now, case=case)
    return case


def sign(bridge: Bridge, review_id: int, *, by: str, leave_open: str = "", seen: str = "") -> Review:
    """End the review with a signature over all lines and decisions. Raises `Declined` while lines are undecided.

    `leave_open`: why it is signed although some are. `seen`: the digest of what the operator saw, or its beginning.
    """
    now, why = bridge.clock.now(), _plain(leave_open)
    with bridge.db.write() as tx:
        review, lines = _open(tx, review_id), reviews.lines_in(tx, review_id)
        digest = reviews.digest_of(review, lines) if seen else ""
        if not digest.startswith(seen):
            raise Declined(
                f"Review {review_id} has changed since you saw it: its digest is {digest[:12]} now, not {seen}.",
                remedy=f"Look again with `review show {review_id}` and name that digest.",
            )
        left = sum(k.is_undecided for k in lines)
        if left and not why:
            verb = "is" if left == 1 else "are"
            raise Declined(
                f"{counted(left, 'line')} of review {review_id} {verb} not decided.",
                remedy=f"`review show {review_id}` marks them; or sign with --leave-open and the reason.",
            )
        ended = reviews.end(tx, review_id, lines, Outcome.SIGNED, note=why if left else "", by=by, now=now)
        _note_end(tx, bridge, ended, lines, "review.signed", now=now)
    return ended


def drop(bridge: Bridge, review_id: int, *, by: str, reason: str) -> Review:
    """End the review without a signature; cases that it opened go on. Raises `Declined`."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        _open(tx, review_id)
        lines = reviews.lines_in(tx, review_id)
        ended = reviews.end(tx, review_id, lines, Outcome.DROPPED, note=_plain(reason), by=by, now=now)
        _note_end(tx, bridge, ended, lines, "review.dropped", now=now)
    return ended


def with_only(lines: Sequence[KeptLine], codes: Collection[Code]) -> list[int]:
    """The undecided lines that have findings of these kinds and no other."""
    return [k.number for k in lines if k.is_undecided and k.line.codes and set(k.line.codes) <= set(codes)]


def _open(tx: Tx, review_id: int) -> Review:
    review = reviews.find(tx, review_id)
    if review is None:
        raise Declined(f"There is no review {review_id}.", remedy="`review list` names those there are.")
    if review.outcome is not Outcome.OPEN:
        raise Declined(
            f"Review {review_id} was {review.outcome.value} by {review.ended_by}; what it says stays as it is.",
            remedy=f"`review start --target {review.target}` begins a new one.",
        )
    return review


def _chosen(tx: Tx, review: Review, numbers: Collection[int]) -> list[KeptLine]:
    lines = {k.number: k for k in reviews.lines_in(tx, review.id)}
    strangers = sorted(set(numbers) - lines.keys())
    if strangers:
        raise Declined(f"Review {review.id} has no line {', '.join(map(str, strangers[:10]))}; it has {len(lines)}.")
    if not numbers:
        raise Declined(f"No line of review {review.id} is meant.", remedy=f"`review show {review.id}` numbers them.")
    return [lines[number] for number in sorted(set(numbers))]


def _check_removable(review: Review, kept: KeptLine) -> None:
    line, number = kept.line, kept.number
    if line.kind is Kind.REMOVED:
        raise Declined(f"Line {number}, {line.email}, is gone already.", remedy="`review keep` says it was seen.")
    if line.is_lasting:
        raise Declined(
            f"Line {number}, {line.email}, is the bridge's own account and cannot be removed by it.",
            remedy="Give the bridge another key first.",
        )
    if line.is_members:
        raise Declined(
            f"Line {number} is an invite to {line.email}, who is a member: to remove the person is more than to cancel it.",
            remedy=f"`close-way invite {line.key} --target {review.target}`, then `review keep` with that as the reason.",
        )


def _check_same(review: Review, kept: KeptLine, seen: Sequence[KeptMember]) -> None:
    """A removal goes by address: by now that may be somebody else's than the review found. `seen`: at the last look."""
    line, key = kept.line, address_key(kept.line.email)
    holder = next((m for m in seen if m.address_key == key), None)
    if holder is not None and (line.kind is not Kind.MEMBER or holder.user_uuid != line.key):
        found = "an invite" if line.kind is Kind.INVITE else "another account"
        raise Declined(
            f"Line {kept.number}, {line.email}, is a member now, and was {found} when the review began.",
            remedy=f"Start a new review of {review.target}, or say with `remove` who is to go.",
        )


def _check_alone(
    bridge: Bridge, tx: Tx, review: Review, kept: KeptLine, seen: Sequence[KeptMember], *, going: Collection[str]
) -> None:
    """A case takes all accounts of a person: none that is not removed with this line. `going`: keys of those that are."""
    subject = Subject(user_name=kept.line.email)
    person = people.recognise(tx, "operator", subject)
    if person is None:
        return
    leaver = people.leaver_of(tx, review.target, bridge.connections_of(review.target), person)
    for member in seen:
        is_theirs = member.user_uuid in leaver.accounts or member.address_key in leaver.addresses
        if is_theirs and member.user_uuid not in leaver.dismissed | {kept.line.key} | set(going):
            raise Declined(
                f"Line {kept.number}, {kept.line.email}: the same person is a member as {member.email}, too, and would "
                "go with it.",
                remedy=f"Remove both lines; or say with `link --not` that {member.email} is somebody else's; or end the one "
                "membership in PostHog, and `review keep` the line with that as the reason.",
            )


def _note(
    tx: Tx,
    review: Review,
    kind: str,
    lines: Sequence[KeptLine],
    *,
    by: str,
    reason: str,
    now: datetime,
    case: Case | None = None,
) -> None:
    facts = {"review": review.id, "lines": [k.number for k in lines]}
    personal = {"emails": [k.line.email for k in lines], "reason": reason}
    tx.audit(
        Entry(
            at=now,
            kind=kind,
            actor=f"operator:{by}",
            case_id=case.id if case else None,
            target=review.target,
            facts=facts,
            personal=personal,
        )
    )


def _note_end(tx: Tx, bridge: Bridge, review: Review, lines: Sequence[KeptLine], kind: str, *, now: datetime) -> None:
    left = sum(k.is_undecided for k in lines)
    counts = {d.value: sum(k.decision is d for k in lines) for d in (Decision.KEEP, Decision.REMOVE)}
    facts = {"review": review.id, "digest": review.digest, "lines": len(lines), **counts, "undecided": left}
    personal = {"note": review.note} if review.note else {}
    actor = f"operator:{review.ended_by}"
    tx.audit(
        Entry(at=now, kind=kind, actor=actor, approver=actor, target=review.target, facts=facts, personal=personal)
    )
    if review.target in bridge.policies:
        reminders.mind(tx, review.target, bridge.policies[review.target].review_every, now)


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()[:LONGEST_REASON]
