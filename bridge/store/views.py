"""What people ask of the store: how everything stands, what waits for whom, and all about one case. Reads only.

`contract` turns the answers into the contract's JSON, `story` into sentences.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Text, func, or_, select, type_coerce
from sqlalchemy import case as sql_case

from bridge.core.case import Case, CaseState, approver
from bridge.core.events import IdentityEvent
from bridge.core.evidence import StepDone
from bridge.core.findings import Findings
from bridge.core.plan import HoldCode, RemoveMember
from bridge.core.policy import Policy
from bridge.core.returns import Return
from bridge.core.wording import counted
from bridge.ports import Connection, QueueState
from bridge.store import (
    audit,
    batches,
    cases,
    checklists,
    coverage,
    findings,
    groups,
    inbox,
    matters,
    reach,
    returns,
    targets,
    todos,
    troubles,
)
from bridge.store import tables as t
from bridge.store.audit import Kept
from bridge.store.batches import Batch
from bridge.store.checklists import Chosen
from bridge.store.coverage import Coverage
from bridge.store.db import Tx
from bridge.store.matters import Matter
from bridge.store.reach import Reach
from bridge.store.targets import TargetState
from bridge.store.todos import Todo
from bridge.store.troubles import Trouble

NO_HOLDS, REMOVES, OBSERVED = '%"holds":[]%', '%"do":"remove_member"%', '%"code":"observe_only"%'
"""How the stored plan says that nothing holds, that it ends a membership, that the bridge only observed.

Quotes inside a text are escaped there, so no name can contain one of these.
"""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Whether the person is in the target, as last seen, and for how long after the request."""

    still_in: bool | None
    """`None`: not known, or not looked at yet."""
    asked_at: datetime
    ended_at: datetime | None
    """The first removal, or the look that found nobody."""
    back_since: datetime | None = None
    """When the person was seen again after a removal."""

    def lasted(self, now: datetime) -> timedelta | None:
        """How long after the request the person still had access; `None` when there is no access that we know of."""
        if self.ended_at is not None:
            return self.ended_at - self.asked_at
        return now - self.asked_at if self.still_in else None


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """One case with what belongs to it. What follows the steps is filled for a single case only."""

    case: Case
    approver: str
    """Who approved; `none: policy X` when nobody did."""
    access: Access
    todos: tuple[Todo, ...] = ()
    steps: tuple[StepDone, ...] = ()
    events: tuple[IdentityEvent, ...] = ()
    checks: tuple[tuple[datetime, str], ...] = ()
    audit: tuple[Kept, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    """The groups that the person is in now, as connection and display name."""
    findings: Findings = field(default_factory=Findings)
    chosen: Chosen | None = None
    """Which checklist it has."""
    given_back: tuple[Return, ...] = ()
    """What was prepared for the person to come back, oldest first."""
    later: Case | None = None
    """The person's last case, when that is another one and took them out."""
    key_email: str = ""
    """Whose API key the bridge works with at the target."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """How everything stands at one moment."""

    at: datetime
    cases: Mapping[str, int]
    oldest_pending: timedelta
    queue: QueueState
    coverage: Mapping[str, Coverage]
    """Who of each target's members is covered by a connection."""
    reach: Mapping[str, Reach]
    """How each connection's identity provider reaches us."""
    targets: tuple[TargetState, ...]
    needs_a_person: tuple[int, ...]
    batches: tuple[Batch, ...]
    matters: tuple[Matter, ...]
    """What people are asked to do; those to-dos that ask the same of many are one."""
    troubles: tuple[Trouble, ...]
    still_in: int
    """How many leavers wait from the time when the bridge only observed."""

    @property
    def last_event_at(self) -> Mapping[str, datetime | None]:
        """When each connection last changed something."""
        return {name: reach.last_event_at for name, reach in self.reach.items()}

    @property
    def todos(self) -> tuple[Todo, ...]:
        """The to-dos that ask at once, one by one."""
        return tuple(a.todo for m in self.matters for a in m.asked)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing needs a person."""
        return not (self.needs_a_person or self.matters or self.troubles)

    @property
    def backlog(self) -> str:
        """The sentence about them; empty when there are none."""
        if not self.still_in:
            return ""
        verb = "is" if self.still_in == 1 else "are"
        return f"{counted(self.still_in, 'leaver')} {verb} STILL IN: seen while the bridge only observed."


def status(
    tx: Tx,
    *,
    connections: Mapping[str, Connection],
    names: Collection[str],
    queue: QueueState,
    now: datetime,
    policies: Mapping[str, Policy],
) -> Status:
    """How everything stands, for those connections and targets."""
    counts = {str(s): int(n) for s, n in tx.execute(select(t.cases.c.state, func.count()).group_by(t.cases.c.state))}
    oldest = tx.execute(
        select(func.min(t.cases.c.opened_at)).where(t.cases.c.state == CaseState.PENDING.value)
    ).scalar()
    known = set(tx.execute(select(t.targets.c.name)).scalars())
    states = tuple(targets.state(tx, name) for name in names if name in known)
    reached = reach.of_each(tx, connections.values())
    return Status(
        at=now,
        cases={state.value: counts.get(state.value, 0) for state in CaseState},
        oldest_pending=now - oldest if oldest else timedelta(0),
        queue=queue,
        coverage=coverage.of_each(tx, connections, names, policies),
        reach=reached,
        targets=states,
        needs_a_person=needing_a_person(tx),
        batches=batches.waiting_batches(tx),
        matters=matters.gathered(tx, todos.todos(tx, only_urgent=True)),
        troubles=troubles.standing(tx, states, reached, names, now),
        still_in=_still_in(tx),
    )


def needing_a_person(tx: Tx) -> tuple[int, ...]:
    """The cases that nothing moves in the right direction without a human decision; `core.case.needs_a_person`.

    Those whose people are still in come first, the longest waiting before all.
    """
    plan, is_in_again = type_coerce(t.cases.c.plan, Text), t.cases.c.removed_at.is_(None) | t.cases.c.is_back
    query = (
        select(t.cases.c.id)
        .where(t.cases.c.closed_at.is_(None))
        .where(or_(t.cases.c.state == CaseState.HELD.value, plan.not_like(NO_HOLDS)))
        .order_by(sql_case((plan.like(REMOVES) & is_in_again, 0), else_=1), t.cases.c.opened_at, t.cases.c.id)
    )
    return tuple(tx.execute(query).scalars())


def rows(
    tx: Tx,
    *,
    states: Sequence[CaseState] = (),
    only: Sequence[int] | None = None,
    limit: int = 200,
    leaving_out: Collection[int] = (),
) -> list[CaseView]:
    """Cases in those states (all when none is given), newest first; `only` those numbers, in their order, when given."""
    if only is None:
        return views_of(tx, cases.select_cases(tx, states=states, limit=limit))
    chosen = [i for i in only if i not in leaving_out][:limit]
    known = {c.id: c for c in cases.found(tx, select(t.cases).where(t.cases.c.id.in_(chosen)))}
    return views_of(tx, [known[i] for i in chosen if i in known])


def views_of(tx: Tx, found: Sequence[Case]) -> list[CaseView]:
    """The cases with their steps and access, in two queries however many they are."""
    steps = cases.steps_of_each(tx, [c.id for c in found])
    back = {c.id for c in found if c.is_back}
    returned = select(t.audit.c.case_id, func.max(t.audit.c.at).label("last")).where(
        t.audit.c.case_id.in_(back), t.audit.c.kind == "case.returned"
    )
    back_since = {r.case_id: r.last for r in tx.execute(returned.group_by(t.audit.c.case_id))} if back else {}
    return [_view(c, tuple(steps[c.id]), back_since.get(c.id)) for c in found]


def one(tx: Tx, case_id: int) -> CaseView | None:
    """Everything about one case, or `None` when there is none with that number."""
    case = cases.find(tx, case_id)
    if case is None:
        return None
    kept = tuple(audit.read(tx, case_id=case_id))
    kept = tuple(sorted((*kept, *_pauses(tx, case, kept)), key=lambda k: k.seq))
    (short,) = views_of(tx, [case])
    return CaseView(
        case=case,
        approver=short.approver,
        access=short.access,
        todos=tuple(todos.todos(tx, case_id=case_id, only_open=False)),
        steps=short.steps,
        events=tuple(inbox.of_case(tx, case_id)),
        checks=tuple(cases.checks_of(tx, case_id)),
        audit=kept,
        groups=tuple(groups.of_person(tx, case.person_id)),
        findings=findings.of_case(tx, case_id),
        chosen=checklists.find(tx, case_id),
        given_back=returns.of_case(tx, case_id),
        later=_later(tx, case),
        key_email=targets.state(tx, case.target).key_email if targets.is_known(tx, case.target) else "",
    )


def _later(tx: Tx, case: Case) -> Case | None:
    last = cases.last_of_person(tx, case.person_id, case.target)
    return last if last is not None and last.id != case.id and last.removed_at is not None else None


def knowers(tx: Tx, address: str) -> tuple[str, ...]:
    """The connections in which somebody goes by that address now (a compare key); operators' words do not count."""
    query = (
        select(t.identities.c.connection)
        .where(t.identities.c.kind == "address", t.identities.c.value == address, t.identities.c.is_current)
        .distinct()
        .order_by(t.identities.c.connection)
    )
    return tuple(name for name in tx.execute(query).scalars() if not name.startswith("operator:"))


def accounts_linked(tx: Tx, person_id: int, target: str) -> int:
    """How many accounts in the target are known to be the person's."""
    query = select(func.count()).where(
        t.accounts.c.person_id == person_id, t.accounts.c.target == target, t.accounts.c.is_theirs
    )
    return int(tx.execute(query).scalar_one())


def newest_entry_at(tx: Tx) -> datetime | None:
    """When the newest audit entry was written; `None` when there is none."""
    return tx.execute(select(t.audit.c.at).order_by(t.audit.c.seq.desc()).limit(1)).scalar()


def _view(case: Case, steps: tuple[StepDone, ...], back_since: datetime | None) -> CaseView:
    removed = [s.canonical for s in steps if s.result == "done" and s.canonical.startswith("remove_member ")]
    return CaseView(case=case, approver=approver(case, removed), access=_access(case, steps, back_since), steps=steps)


def _access(case: Case, steps: tuple[StepDone, ...], back_since: datetime | None) -> Access:
    removed = [s for s in steps if s.result == "done" and s.canonical.startswith("remove_member ")]
    answered = {s.canonical for s in removed}
    planned = [s.canonical for s in case.plan.steps if isinstance(s, RemoveMember)]
    still_in: bool | None
    if case.state is CaseState.CANCELLED or case.is_back:
        still_in = True if case.is_back else None
    elif planned:
        still_in = any(canonical not in answered for canonical in planned)
    elif any(h.code is HoldCode.SELF for h in case.plan.holds):
        still_in = True  # held because a member has the key's account, for which nothing is planned
    else:
        is_out = case.state in {CaseState.WATCHING, CaseState.CLOSED} or bool(removed)
        still_in = False if is_out else None
    ended = removed[0].ended_at if removed else None
    if still_in and back_since is None:
        ended = None
    return Access(still_in=still_in, asked_at=case.opened_at, ended_at=ended, back_since=back_since)


def _pauses(tx: Tx, case: Case, kept: Sequence[Kept]) -> list[Kept]:
    """What happened to the target or the clock meanwhile: it explains why a case stood still, or was moved."""
    if not kept:
        return []
    query = (
        select(t.audit)
        .where(t.audit.c.seq > kept[0].seq, t.audit.c.target.in_((case.target, "")))
        .where(t.audit.c.kind.in_(("target.paused", "target.resumed", "clock.stepped")))
        .order_by(t.audit.c.seq)
    )
    if not case.state.is_open:
        query = query.where(t.audit.c.seq < kept[-1].seq)
    return [
        Kept(
            seq=r.seq,
            entry=audit.Entry(at=r.at, kind=r.kind, actor=r.actor, target=r.target, facts=r.facts),
            personal={},
            hash=r.hash,
        )
        for r in tx.execute(query)
    ]


def _still_in(tx: Tx) -> int:
    """How many wait from the time when the bridge only observed, and are members."""
    plan = type_coerce(t.cases.c.plan, Text)
    query = select(func.count()).where(
        t.cases.c.state == CaseState.HELD.value,
        t.cases.c.removed_at.is_(None),
        plan.like(OBSERVED),
        plan.like(REMOVES),
    )
    return int(tx.execute(query).scalar_one())
