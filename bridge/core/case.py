"""Our duty for one person at one target: the `Case`, and how it moves between its five states.

    PENDING ──plan empty, verified──▶ WATCHING ──24 h empty──▶ CLOSED
       │  ▲                              │
       ▼  │ release, or the world settles │ came back
      HELD ◀──────────────────────────────┘          an ACTIVATE before removal ──▶ CANCELLED

May import: `plan`, `organization`, `events`, `policy`, `copying`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bridge.core.copying import changed
from bridge.core.events import EventKind, IdentityEvent, Reason, Subject
from bridge.core.plan import HoldCode, Plan, RemoveMember, Step
from bridge.core.policy import Mode, OnNoMatch, Policy

FIRST_RETRY = timedelta(seconds=2)
"""What the back-off doubles from."""

LONGEST_RETRY = timedelta(hours=1)
"""Where the back-off stops growing."""

FIRST_LOOKS_GRID = timedelta(seconds=15)
"""How far apart the first looks of people removed one after the other may fall and still be one look."""

_GRID_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


class CaseState(StrEnum):
    """Where a case stands. `CLOSED` and `CANCELLED` are final; the others are open."""

    PENDING = "PENDING"
    HELD = "HELD"
    WATCHING = "WATCHING"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"

    @property
    def is_open(self) -> bool:
        """Whether the case still has something to do."""
        return self in {CaseState.PENDING, CaseState.HELD, CaseState.WATCHING}


@dataclass(frozen=True, kw_only=True)
class Released:
    """What a person approved: it covers every later plan whose steps and holds are among these."""

    steps: frozenset[str]
    codes: frozenset[HoldCode]
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Case:
    """One person who must not be in one target, in one scope. Times are aware and in UTC."""

    id: int
    """0 until it is stored."""
    person_id: int
    target: str
    scope: str = "organization"
    state: CaseState = CaseState.PENDING
    source: str
    """Who says so: a connection's name, or `operator:NAME`."""
    kind: EventKind
    subject: Subject
    reason: Reason = Reason.UNKNOWN
    note: str = ""
    approver: str = ""
    """Who approved; empty when nobody had to. `none: policy X` once an operator took over what was done by a policy."""
    is_emergency: bool = False
    is_confirmed: bool = False
    """In an emergency: whoever asked was told that the person is protected, and said it again."""
    opened_at: datetime
    due_at: datetime | None
    """When to look next; `None` means only a person or an event moves it."""
    attempts: int = 0
    """Failed tries in a row that were this case's own, not the target's."""
    trouble: str = ""
    """The last failure, in words."""
    removed_at: datetime | None = None
    """When the last removal was answered."""
    verified_at: datetime | None = None
    """When a fresh look last showed that nothing is left to do."""
    watch_from: datetime | None = None
    watch_until: datetime | None = None
    returns: int = 0
    is_back: bool = False
    """Seen again after a verified removal and not removed since."""
    plan: Plan = field(default_factory=Plan)
    """What was planned last."""
    released: Released | None = None
    is_backlog: bool = False
    """Opened while observing: enforcing fires it only when a person approves."""
    batch_id: int | None = None
    outcome: str = ""
    closed_at: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is about the organization, and not about one project or role in it."""
        return self.scope == "organization"

    @property
    def is_operators(self) -> bool:
        """Whether an operator asked for it: that outranks the identity providers."""
        return self.source.startswith("operator:")

    def is_approved_for(self, steps: Iterable[Step]) -> bool:
        """Whether a person decided that these very steps are done."""
        if self.is_operators:
            return True
        return self.released is not None and {s.canonical for s in steps} <= self.released.steps

    @property
    def is_suspension(self) -> bool:
        """Whether the source says suspended or on leave, not gone."""
        return self.kind is EventKind.SUSPEND

    @property
    def counts_as_intent(self) -> bool:
        """Whether this removal is still to come, by nobody's decision but the policy's."""
        if self.is_emergency or self.is_backlog or self.removed_at is not None or not self.state.is_open:
            return False
        if self.is_operators or (self.released is not None and self.released.steps):
            return False
        waiting = {HoldCode.TOO_MANY, HoldCode.OBSERVE_ONLY, HoldCode.STALE, HoldCode.NOT_SUPPORTED}
        return all(h.code in waiting for h in self.plan.blocking)


def approver(case: Case, steps: Iterable[str] = ()) -> str:
    """Whose decision the case's steps are: a person's who approved these very steps, or `none: policy X`.

    `steps`: canonical texts of steps that were done, besides those that are planned.
    """
    done = frozenset(steps)
    if case.is_operators:
        if done and case.approver.startswith("none"):
            return case.approver
        return case.released.by if done and case.released is not None and done <= case.released.steps else case.source
    meant = {s.canonical for s in case.plan.steps} | done
    if case.released is not None and meant <= case.released.steps:
        return case.released.by
    if case.is_emergency:
        return "none: policy emergency"
    is_observed = any(h.code is HoldCode.OBSERVE_ONLY for h in case.plan.holds)
    return "none: policy observe" if is_observed else "none: policy enforce"


def opened(event: IdentityEvent, *, person_id: int, target: str, policy: Policy, now: datetime) -> Case:
    """A new case for what the event says, due when the settle time is over (at once in an emergency)."""
    settle = timedelta(0) if event.is_emergency else policy.settle
    return Case(
        id=0,
        person_id=person_id,
        target=target,
        scope=event.scope,
        source=event.source,
        kind=event.kind,
        subject=event.subject,
        reason=event.reason,
        note=event.note,
        is_emergency=event.is_emergency,
        is_confirmed=event.is_confirmed,
        opened_at=now,
        due_at=max(now + settle, event.effective_at or now),
        is_backlog=policy.mode is Mode.OBSERVE,
    )


def repeated(case: Case, event: IdentityEvent, policy: Policy, now: datetime) -> Case:
    """The open case after the same was said again: looked at now, or when the settling is over.

    An operator's removal takes the case over; an emergency ends the settling; a removal dated later is brought forward.
    """
    takes_over = event.source.startswith("operator:") and not case.is_operators
    if takes_over and case.removed_at is not None:  # what was done before is not the operator's doing
        case = changed(case, approver=case.approver or approver(case))
    case = changed(
        case,
        is_emergency=case.is_emergency or event.is_emergency,
        is_confirmed=case.is_confirmed or event.is_confirmed,
    )
    if takes_over:
        case = changed(
            case,
            source=event.source,
            kind=event.kind,
            reason=event.reason,
            note=event.note,
            is_backlog=policy.mode is Mode.OBSERVE,
        )
    elif case.is_suspension and event.kind is not EventKind.SUSPEND:
        case = changed(case, kind=event.kind)
    elif case.kind is EventKind.GROUP_GONE and event.kind is EventKind.LEFT_GROUP:
        case = changed(case, kind=event.kind)  # now the source speaks of this very person
    if case.state is not CaseState.PENDING or event.is_emergency:
        return changed(case, due_at=now)
    settled = max(now + policy.settle, event.effective_at or now)
    return changed(case, due_at=min(case.due_at or settled, settled))


def nudged(case: Case, now: datetime) -> Case:
    """The case looked at now because the world changed; one that is settling or dated keeps its time."""
    return case if case.state is CaseState.PENDING else changed(case, due_at=now)


def is_dated(case: Case, policy: Policy, now: datetime) -> bool:
    """Whether whoever asked named a later day, and nothing was tried yet."""
    is_waiting = case.state is CaseState.PENDING and not case.attempts and case.due_at is not None
    return is_waiting and (case.due_at or now) > now + policy.settle


def reactivated(case: Case, *, touched: bool, by: str, now: datetime) -> Case:
    """The case after its source took the leaving back. `touched`: something was already done in the target."""
    if touched:
        outcome = f"active again in {by} after the removal began; nothing was given back"
        return changed(case, state=CaseState.CLOSED, outcome=outcome, due_at=None, closed_at=now)
    outcome = f"active again in {by} before anything was done"
    return changed(case, state=CaseState.CANCELLED, outcome=outcome, due_at=None, closed_at=now)


def rejoined(case: Case, *, touched: bool, by: str, now: datetime) -> Case:
    """The case about a project or role after the person is in a granting group again; `touched` as for `reactivated`."""
    if touched:
        outcome = f"back in a group of {by} after the removal began; nothing was given back"
        return changed(case, state=CaseState.CLOSED, outcome=outcome, due_at=None, closed_at=now)
    outcome = f"back in a group of {by} before anything was done"
    return changed(case, state=CaseState.CANCELLED, outcome=outcome, due_at=None, closed_at=now)


def superseded(case: Case, *, by: int, now: datetime) -> Case:
    """The case about a project or role after another began to take the same person out of the whole organization."""
    return changed(case, state=CaseState.CANCELLED, outcome=superseded_by(by), due_at=None, closed_at=now)


def superseded_by(case_id: int) -> str:
    """The outcome that names the case which has taken over; when that one is taken back, this one counts again."""
    return f"superseded by case {case_id}, which takes the person out of the whole organization"


def cancelled(case: Case, *, by: str, reason: str, now: datetime) -> Case:
    """The case after an operator let the person be."""
    outcome = f"cancelled by {by}: {reason}"
    return changed(case, state=CaseState.CANCELLED, outcome=outcome, due_at=None, closed_at=now)


def released(case: Case, *, by: str, reason: str, now: datetime) -> Case:
    """The case after a person approved the plan that it shows; an earlier approval of the same steps stays."""
    steps = frozenset(s.canonical for s in case.plan.steps)
    codes = frozenset(h.code for h in case.plan.holds if h.is_releasable)
    if case.released is not None and steps <= case.released.steps:
        steps, codes = case.released.steps, codes | case.released.codes
    approval = Released(
        steps=steps,
        codes=codes,
        by=by,
        reason=reason,
        at=now,
    )
    return changed(case, released=approval, approver=by, state=CaseState.PENDING, due_at=now, attempts=0)


def is_released(case: Case) -> bool:
    """Whether the plan that it shows was approved, and nobody has looked since: a second approval would hide the first."""
    approval, shown = case.released, case.plan
    if approval is None or case.state is not CaseState.PENDING:
        return False
    codes = {h.code for h in shown.holds if h.is_releasable}
    return {s.canonical for s in shown.steps} <= approval.steps and codes <= approval.codes


def retried(case: Case, now: datetime) -> Case:
    """The case with a clean slate of attempts, due now."""
    state = CaseState.PENDING if case.state is CaseState.HELD else case.state
    return changed(case, attempts=0, trouble="", due_at=now, state=state)


def came_back(case: Case) -> Case:
    """A watched case whose person is a member again."""
    return changed(case, returns=case.returns + 1, is_back=True, state=CaseState.PENDING)


def planned(
    case: Case, plan: Plan, *, is_verified: bool, on_no_match: OnNoMatch, policy: Policy, now: datetime
) -> Case:
    """The case after planning. `is_verified`: the look that it was planned on is newer than our last write.

    Leaves `due_at` alone while steps remain: the pass goes on with them at once.
    """
    case = changed(case, plan=plan)
    if plan.blocking:
        if plan.is_unknown and on_no_match is OnNoMatch.CLOSE:
            return _closed(case, "never a member of the organization", now)
        was_observed = any(h.code is HoldCode.OBSERVE_ONLY for h in plan.blocking)
        case = changed(case, is_backlog=case.is_backlog or was_observed)
        return changed(case, state=CaseState.HELD, due_at=_next_hold_look(now, policy))
    if plan.steps:
        return changed(case, state=CaseState.PENDING)
    return _verified(case, now, policy) if is_verified else case


def _verified(case: Case, now: datetime, policy: Policy) -> Case:
    """The case after a fresh look showed nothing left to do: watched on, or closed at the end of the watch."""
    anchor = _watch_anchor(case, now)
    until = anchor + policy.watch_for
    case = changed(case, verified_at=now, is_back=False, attempts=0, trouble="", watch_from=anchor, watch_until=until)
    if now < until:
        return changed(case, state=CaseState.WATCHING, due_at=next_look(anchor, until, now, policy))
    if case.plan.holds:
        return changed(case, state=CaseState.HELD, due_at=_next_hold_look(now, policy))
    stayed_out = "out of the organization, and stayed out"
    return _closed(case, stayed_out if case.removed_at else "was not a member, and did not become one", now)


def _watch_anchor(case: Case, now: datetime) -> datetime:
    """What the watch counts from: the last removal, or later when the clock stepped since.

    A removal in the future was noted before the clock was put back, and nothing can be counted from it.
    """
    known = [m for m in (case.removed_at, case.watch_from) if m is not None and m <= now]
    return max(known, default=now)


def longest_wait(case: Case, policy: Policy) -> timedelta:
    """How far ahead an open case can be due by itself, dates that an operator gave aside."""
    if case.state is CaseState.HELD:
        return policy.hold_look_every * 3 / 2
    if case.state is CaseState.WATCHING:
        return max([*policy.watch_first, policy.watch_every * 3 / 2]) + FIRST_LOOKS_GRID
    if case.attempts:
        return LONGEST_RETRY * 3 / 2
    return policy.settle


def next_look(anchor: datetime, until: datetime, now: datetime, policy: Policy) -> datetime:
    """When a watched person is looked at next: the first looks, then every so often, last when the watch is over.

    Looks fall on a common grid, so that many people who are watched in one target share each look.
    """
    for first in policy.watch_first:
        if anchor + first > now:
            return _on_grid(min(anchor + first, until), min(FIRST_LOOKS_GRID, first / 4))
    return _on_grid(min(now + policy.watch_every / 2, until), policy.watch_every)


def _next_hold_look(now: datetime, policy: Policy) -> datetime:
    """When a held case is planned anew: together with all others."""
    return _on_grid(now + policy.hold_look_every / 2, policy.hold_look_every)


def _on_grid(moment: datetime, grid: timedelta) -> datetime:
    """The first moment on the grid that is not before this one."""
    return moment + (_GRID_ORIGIN - moment) % grid


def applied(case: Case, step: Step, now: datetime) -> Case:
    """The case after the target did one step of it."""
    return changed(case, removed_at=now, is_back=False) if isinstance(step, RemoveMember) else case


def failed(case: Case, detail: str, *, retry_after: timedelta | None, jitter: float, now: datetime) -> Case:
    """The case after a failure of its own: due later, twice as late each time, never before the other side's wish."""
    attempts = case.attempts + 1
    pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(attempts, 20)) * jitter
    return changed(case, attempts=attempts, trouble=detail, due_at=now + max(pause, retry_after or timedelta(0)))


def _closed(case: Case, outcome: str, now: datetime) -> Case:
    return changed(case, state=CaseState.CLOSED, outcome=outcome, due_at=None, closed_at=now)


def needs_a_person(case: Case) -> bool:
    """Whether nothing will move this case in the right direction without a human decision."""
    return case.state.is_open and (case.state is CaseState.HELD or bool(case.plan.holds))
