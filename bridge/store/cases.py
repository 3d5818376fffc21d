"""Cases and what belongs to them: steps done, looks taken, batches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, insert, or_, select, union_all, update

from bridge.core.case import Case, CaseState
from bridge.core.considered import Done
from bridge.core.copying import changed
from bridge.core.events import EventKind, Reason
from bridge.core.evidence import StepDone
from bridge.core.plan import RemoveMember, Step
from bridge.store import gathering
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot, insertion
from bridge.store.inbox import subject_in, subject_out
from bridge.store.plans import plan_in, plan_out, released_in, released_out


def _number_of_removals(target: BindParameter[str], since: BindParameter[datetime]) -> Select[int]:
    """Asked in two halves, of which each is one place of an index: whatever ended earlier is not read."""
    counted = select(t.steps.c.canonical).where(
        t.steps.c.target == target,
        t.steps.c.is_removal,
        or_(t.steps.c.result == "done", t.steps.c.result == "sent", t.steps.c.result == "lost"),
        ~t.steps.c.was_approved,
        t.steps.c.started_at > since,
    )
    halves = (counted.where(t.steps.c.ended_at > since), counted.where(t.steps.c.ended_at.is_(None)))
    both = union_all(*halves).subquery("counted")
    return select(func.count(both.c.canonical.distinct()).label("number"))


_KEPT_APART = {"id", "absent_at"}
"""What is no part of a `Case`."""
_INSERT = Hot(
    lambda: insertion(t.cases, *(c.name for c in t.cases.columns if c.name not in _KEPT_APART)).returning(t.cases.c.id)
)
_FIXED = _KEPT_APART | {"person_id", "target", "scope"}
"""What saving a case does not change. SQLite writes an index anew when one of its columns is set, changed or not."""
_SAVE = Hot(
    lambda case_id: (
        update(t.cases)
        .where(t.cases.c.id == case_id)
        .values({column.name: bindparam(column.name) for column in t.cases.columns if column.name not in _FIXED})
    )
)
_DUE = Hot(
    lambda target, now, most: (
        select(t.cases.c.id)
        .where(t.cases.c.target == target, t.cases.c.closed_at.is_(None), t.cases.c.due_at <= now)
        .order_by(
            t.cases.c.is_emergency.desc(), t.cases.c.state == CaseState.WATCHING.value, t.cases.c.due_at, t.cases.c.id
        )
        .limit(most)
    )
)
_FIND = Hot(lambda case_id: select(t.cases).where(t.cases.c.id == case_id))
_OPEN = Hot(
    lambda person_id: (
        select(t.cases).where(t.cases.c.person_id == person_id, t.cases.c.closed_at.is_(None)).order_by(t.cases.c.id)
    )
)
_STEPS = Hot(lambda case_id: select(t.steps).where(t.steps.c.case_id == case_id).order_by(t.steps.c.id))
_BEGIN = Hot(
    lambda: insertion(
        t.steps, "case_id", "target", "canonical", "says", "is_removal", "was_approved", "started_at", "result"
    ).returning(t.steps.c.id)
)
_END = Hot(
    lambda step_id, result, status, ended_at: (
        update(t.steps).where(t.steps.c.id == step_id).values(result=result, status=status, ended_at=ended_at)
    )
)
_UNSETTLED = Hot(
    lambda case_id: select(t.steps.c.id, t.steps.c.canonical, t.steps.c.says, t.steps.c.started_at).where(
        t.steps.c.case_id == case_id, or_(t.steps.c.result == "sent", t.steps.c.result == "lost")
    )
)
_REMOVALS = Hot(_number_of_removals)
_REMOVED = Hot(
    lambda target, canonical: (
        select(t.steps.c.id)
        .where(t.steps.c.canonical == canonical, t.steps.c.target == target, t.steps.c.is_removal)
        .where(t.steps.c.result == "done")
        .limit(1)
    )
)
_ABSENT = Hot(
    lambda case_id, now: (
        update(t.cases).where(t.cases.c.id == case_id, t.cases.c.absent_at.is_(None)).values(absent_at=now)
    )
)
_DONE = Hot(
    lambda case_id, since: select(t.steps.c.canonical, t.steps.c.ended_at).where(
        t.steps.c.case_id == case_id,
        or_(t.steps.c.result == "done", t.steps.c.result == "gone"),
        t.steps.c.ended_at > since,
    )
)


def insert_case(tx: Tx, case: Case) -> Case:
    """Keep a new case and give it its number."""
    return changed(case, id=int(_INSERT.value(tx, **_columns(case))))


def save(tx: Tx, case: Case) -> Case:
    """Keep the case as it now is; joins or leaves the target's open batch as its holds say."""
    gathered = gathering.is_gathered(case)
    if gathered and case.batch_id is None:
        case = changed(case, batch_id=gathering.open_batch(tx, case))
    elif not gathered and case.batch_id is not None and case.released is None:
        case = changed(case, batch_id=None)
    _SAVE.run(tx, case_id=case.id, **_columns(case))
    return case


def find(tx: Tx, case_id: int) -> Case | None:
    """The case with that number, or `None`."""
    row = _FIND.first(tx, case_id=case_id)
    return None if row is None else _case(row)


def open_of_person(tx: Tx, person_id: int, target: str | None = None) -> list[Case]:
    """The person's open cases, in one target or in all."""
    return [_case(row) for row in _OPEN.rows(tx, person_id=person_id) if target is None or row.target == target]


def people_leaving(target: str) -> Select[int]:
    """Selects everyone with an open case at the target as a whole."""
    return select(t.cases.c.person_id).where(
        t.cases.c.target == target, t.cases.c.scope == "organization", t.cases.c.closed_at.is_(None)
    )


def note_absent(tx: Tx, case_id: int, now: datetime) -> None:
    """No member is the case's person: others' plans need not ask about them until something says otherwise.

    That is a look (`departures.seen_again`), a name or an account that is new of the person (`people`).
    """
    _ABSENT.run(tx, case_id=case_id, now=now)


def due_at(tx: Tx, target: str, now: datetime, *, leaving_out: Iterable[int] = ()) -> Case | None:
    """The due case that comes first: emergencies, then removals to come, then looks; then by due time."""
    out = frozenset(leaving_out)
    for row in _DUE.rows(tx, target=target, now=now, most=len(out) + 1):
        if row.id not in out:
            return find(tx, row.id)
    return None


def unsettled(tx: Tx, case_id: int) -> list[tuple[int, str, str, datetime]]:
    """Steps whose answer was never seen: (number, canonical text, words, when it was sent)."""
    return [tuple(row) for row in _UNSETTLED.rows(tx, case_id=case_id)]


def has_removed(tx: Tx, case: Case, user_uuid: str) -> bool:
    """Whether the bridge's own DELETE ended that account's membership, for this case or another of the target.

    Answered with success, or found done by a look.
    """
    # Mostly it was this case, whose steps are found at once.
    canonical = f"remove_member {user_uuid}"
    is_own = any(s.is_removal and s.canonical == canonical for s in steps_of(tx, case.id))
    return is_own or _REMOVED.value(tx, target=case.target, canonical=canonical) is not None


def batch_is_decided(tx: Tx, case: Case) -> bool:
    """Whether a person released others of the case's batch."""
    if case.batch_id is None:
        return False
    query = select(t.cases.c.id).where(
        t.cases.c.batch_id == case.batch_id, t.cases.c.id != case.id, t.cases.c.released.is_not(None)
    )
    return tx.execute(query.limit(1)).first() is not None


def was_let_be(tx: Tx, person_id: int, target: str) -> bool:
    """Whether an operator cancelled or undid the person's last case at the target: that stands until a source speaks."""
    last = tx.execute(
        select(t.cases.c.id, t.cases.c.state, t.cases.c.outcome)
        .where(t.cases.c.person_id == person_id, t.cases.c.target == target, t.cases.c.scope == "organization")
        .order_by(t.cases.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        return False
    if last.state == CaseState.CANCELLED.value and last.outcome.startswith("cancelled by"):
        return True
    given_back = select(t.returns.c.id).where(
        t.returns.c.case_id == last.id,
        t.returns.c.state.in_(("sent", "back")),
        t.returns.c.asked_by.startswith("operator:"),
    )
    return tx.execute(given_back.limit(1)).first() is not None


def last_of_person(tx: Tx, person_id: int, target: str) -> Case | None:
    """The person's newest case at the target as a whole, open or not."""
    query = (
        select(t.cases)
        .where(t.cases.c.person_id == person_id, t.cases.c.target == target, t.cases.c.scope == "organization")
        .order_by(t.cases.c.id.desc())
        .limit(1)
    )
    return next(iter(found(tx, query)), None)


def select_cases(tx: Tx, *, states: Sequence[CaseState] = (), limit: int = 200, offset: int = 0) -> list[Case]:
    """Cases in those states (all when none is given), newest first."""
    query = select(t.cases).order_by(t.cases.c.id.desc()).limit(limit).offset(offset)
    if states:
        query = query.where(t.cases.c.state.in_([s.value for s in states]))
    return found(tx, query)


def found(tx: Tx, query: Select[*tuple[Any, ...]]) -> list[Case]:
    """The cases whose rows the query selects."""
    return [_case(row) for row in tx.execute(query)]


def begin_step(tx: Tx, case: Case, step: Step, now: datetime) -> int:
    """Keep that the step is about to be sent: after a crash the record shows what may have happened."""
    number = _BEGIN.value(
        tx,
        case_id=case.id,
        target=case.target,
        canonical=step.canonical,
        says=step.says,
        is_removal=isinstance(step, RemoveMember),
        was_approved=case.is_approved_for([step]) or case.is_emergency,
        started_at=now,
        result="sent",
    )
    return int(number)


def end_step(tx: Tx, step_id: int, *, result: str, status: int | None, now: datetime) -> None:
    """Keep how the step was answered: see `StepDone`."""
    _END.run(tx, step_id=step_id, result=result, status=status, ended_at=now)


def steps_of(tx: Tx, case_id: int) -> list[StepDone]:
    """Every step that was sent for the case, in order."""
    return [_step_done(row) for row in _STEPS.rows(tx, case_id=case_id)]


def steps_of_each(tx: Tx, case_ids: Collection[int]) -> dict[int, list[StepDone]]:
    """Every step that was sent for each of the cases, in order."""
    steps: dict[int, list[StepDone]] = {case_id: [] for case_id in case_ids}
    for row in tx.execute(select(t.steps).where(t.steps.c.case_id.in_(case_ids)).order_by(t.steps.c.id)):
        steps[row.case_id].append(_step_done(row))
    return steps


def _step_done(row: Any) -> StepDone:
    return StepDone(
        canonical=row.canonical,
        says=row.says,
        started_at=row.started_at,
        ended_at=row.ended_at,
        status=row.status,
        result=row.result,
    )


def done_since(tx: Tx, case_id: int, since: datetime) -> tuple[Done, ...]:
    """The steps of the case that were answered with success, or with "not there", since then."""
    return tuple(Done(canonical=row.canonical, at=row.ended_at) for row in _DONE.rows(tx, case_id=case_id, since=since))


def own_removals_since(tx: Tx, target: str, since: datetime) -> int:
    """How many people were removed since then, or perhaps were, by nobody's decision but the policy's."""
    return int(_REMOVALS.value(tx, target=target, since=since))


def note_check(tx: Tx, case_id: int, result: str, now: datetime) -> None:
    """Keep one look of the watch."""
    tx.execute(insert(t.checks).values(case_id=case_id, at=now, result=result))


def checks_of(tx: Tx, case_id: int) -> list[tuple[datetime, str]]:
    """The looks of the watch, in order."""
    query = select(t.checks.c.at, t.checks.c.result).where(t.checks.c.case_id == case_id).order_by(t.checks.c.id)
    return [(at, result) for at, result in tx.execute(query)]


def _columns(case: Case) -> dict[str, Any]:
    return {
        "person_id": case.person_id,
        "target": case.target,
        "scope": case.scope,
        "state": case.state.value,
        "source": case.source,
        "kind": case.kind.value,
        "subject": subject_out(case.subject),
        "reason": case.reason.value,
        "note": case.note,
        "approver": case.approver,
        "is_emergency": case.is_emergency,
        "is_confirmed": case.is_confirmed,
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "attempts": case.attempts,
        "trouble": case.trouble,
        "removed_at": case.removed_at,
        "verified_at": case.verified_at,
        "watch_from": case.watch_from,
        "watch_until": case.watch_until,
        "returns": case.returns,
        "is_back": case.is_back,
        "plan": plan_out(case.plan),
        "released": released_out(case.released),
        "is_backlog": case.is_backlog,
        "counts_as_intent": case.counts_as_intent,
        "batch_id": case.batch_id,
        "outcome": case.outcome,
        "closed_at": case.closed_at,
    }


def _case(row: Any) -> Case:
    return Case(
        id=row.id,
        person_id=row.person_id,
        target=row.target,
        scope=row.scope,
        state=CaseState(row.state),
        source=row.source,
        kind=EventKind(row.kind),
        subject=subject_in(row.subject),
        reason=Reason(row.reason),
        note=row.note,
        approver=row.approver,
        is_emergency=row.is_emergency,
        is_confirmed=row.is_confirmed,
        opened_at=row.opened_at,
        due_at=row.due_at,
        attempts=row.attempts,
        trouble=row.trouble,
        removed_at=row.removed_at,
        verified_at=row.verified_at,
        watch_from=row.watch_from,
        watch_until=row.watch_until,
        returns=row.returns,
        is_back=row.is_back,
        plan=plan_in(row.plan),
        released=released_in(row.released),
        is_backlog=row.is_backlog,
        batch_id=row.batch_id,
        outcome=row.outcome,
        closed_at=row.closed_at,
    )
