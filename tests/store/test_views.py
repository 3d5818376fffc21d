"""The questions for people, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, Subject
from bridge.core.organization import Level
from bridge.core.plan import Hold, HoldCode, Plan, RemoveMember
from bridge.ports import Connection, QueueState
from bridge.store import cases, contract, people, targets, todos, views
from tests.conftest import START

OKTA = Connection(name="okta", kind="okta", targets=("main",))
STEP = RemoveMember(user_uuid="u1", email="maya@example.com", level=Level.MEMBER)


def a_hold(code: HoldCode, *, is_blocking: bool = True) -> Hold:
    return Hold(code=code, message='says "holds":[] and more', remedy="Look.", is_blocking=is_blocking)


def keep(tx, **fields) -> Case:
    person = people.create(tx, "maya@example.com", START)
    case = Case(
        id=0,
        person_id=person,
        target="main",
        source="okta",
        kind=EventKind.DEACTIVATE,
        subject=Subject(user_name="maya@example.com"),
        opened_at=START,
        due_at=START,
    )
    return cases.save(tx, replace(cases.insert_case(tx, case), **fields))


def look(tx, minutes: int = 1) -> views.Status:
    now = START + timedelta(minutes=minutes)
    return views.status(
        tx, connections={"okta": OKTA}, policies={}, names=["main"], queue=QueueState(is_reachable=True), now=now
    )


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main"])
        yield opened


def test_held_cases_and_those_with_a_hold_beside_the_plan_need_a_person(tx):
    quiet = keep(tx, plan=Plan(steps=(STEP,)))
    held = keep(tx, state=CaseState.HELD, plan=Plan(holds=(a_hold(HoldCode.PROTECTED),)))
    beside = keep(tx, state=CaseState.WATCHING, plan=Plan(holds=(a_hold(HoldCode.AMBIGUOUS, is_blocking=False),)))
    keep(tx, state=CaseState.CLOSED, plan=Plan(holds=(a_hold(HoldCode.STALE),)), closed_at=START)

    assert look(tx).needs_a_person == (held.id, beside.id)
    assert quiet.id not in look(tx).needs_a_person


def test_cases_with_the_same_shared_hold_are_shown_as_one_batch(tx):
    for _ in range(3):
        keep(tx, state=CaseState.HELD, plan=Plan(steps=(STEP,), holds=(a_hold(HoldCode.TOO_MANY),)))

    (batch,) = look(tx).batches

    assert len(batch.cases) == 3


def test_access_ends_with_the_removal_and_is_unknown_before_the_first_look(tx):
    fresh = keep(tx)
    held = keep(tx, state=CaseState.HELD, plan=Plan(steps=(STEP,), holds=(a_hold(HoldCode.PROTECTED),)))
    gone = keep(tx, plan=Plan(steps=(STEP,)))
    step = cases.begin_step(tx, gone, STEP, START)
    cases.end_step(tx, step, result="done", status=204, now=START + timedelta(seconds=90))
    now = START + timedelta(hours=1)

    found = {v.case.id: v.access for v in views.rows(tx)}

    assert (found[fresh.id].still_in, found[fresh.id].lasted(now)) == (None, None)
    assert (found[held.id].still_in, found[held.id].lasted(now)) == (True, timedelta(hours=1))
    assert (found[gone.id].still_in, found[gone.id].lasted(now)) == (False, timedelta(seconds=90))


def test_one_case_as_json_is_whole_and_null_where_nothing_is_known(tx):
    case = keep(tx)

    whole = contract.whole_case_out(views.one(tx, case.id), START)

    assert whole["state"] == "PENDING"
    assert whole["handover"] is None
    assert whole["removed_at"] is None
    assert whole["opened_at"] == "2026-11-20T09:00:00.000Z"
    assert views.one(tx, 99) is None


def test_a_quiet_store_has_nothing_to_say(tx):
    status = look(tx)

    assert status.is_quiet
    assert status.backlog == ""
    assert status.oldest_pending == timedelta(0)


def test_to_dos_that_ask_the_same_of_four_are_one_matter_until_one_is_answered(tx):
    out = [keep(tx, state=CaseState.CLOSED, removed_at=START, closed_at=START) for _ in range(4)]
    begun = keep(tx, state=CaseState.CLOSED, closed_at=START)
    for case in [*out, begun]:
        todos.ask(tx, case.id, todos.REACTIVATED, f"about case {case.id}", START)
    todos.ask(tx, out[0].id, "returning", "something else", START)

    assert [m.case_ids for m in look(tx).matters] == [tuple(c.id for c in out), (begun.id,), (out[0].id,)]
    assert look(tx).matters[0].is_undoable

    todos.settle_coming_back(tx, out[3].person_id, "main", "the test", START)
    assert [len(m.asked) for m in look(tx).matters] == [1] * 5
