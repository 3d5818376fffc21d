"""The strip of a watch, and the stations of a case's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.case import Case, CaseState, Released
from bridge.core.events import EventKind, Subject
from bridge.core.evidence import StepDone
from bridge.core.organization import Level
from bridge.core.plan import Hold, HoldCode, Plan, RemoveMember
from bridge.store.views import Access, CaseView
from bridge.store.watches import Watch
from bridge.web import stages, strips
from tests.conftest import START

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
STEP = RemoveMember(user_uuid="u1", email="maya@example.com", level=Level.MEMBER)
CASE = Case(
    id=1,
    person_id=1,
    target="main",
    source="okta",
    kind=EventKind.DEACTIVATE,
    subject=Subject(user_name="maya@example.com"),
    opened_at=START,
    due_at=START + MINUTE,
)
OUT = replace(CASE, state=CaseState.WATCHING, removed_at=START, watch_from=START, watch_until=START + 24 * HOUR)
WATCH = Watch(start=START, until=START + 24 * HOUR, looks=(), met=(), count=0, last=None)


def way(case: Case) -> list[str]:
    return [f"{s.name}:{s.when}" for s in stages.stations(case)]


def test_everything_lies_on_the_strip_in_proportion_to_its_time():
    watch = replace(WATCH, looks=(START + 6 * HOUR,), met=(START + 3 * HOUR,), count=2, last=START + 6 * HOUR)

    strip = strips.strip(watch, replace(OUT, returns=1), START + 12 * HOUR)

    assert strip.now == 50
    assert strip.looks == "M250 0V10"
    assert strip.met == (12.5,)


@pytest.mark.parametrize(("hours", "place"), [(-1, 0), (30, 100)])
def test_nothing_lies_beside_the_strip(hours, place):
    assert strips.strip(WATCH, OUT, START + hours * HOUR).now == place


def test_a_watch_that_is_over_ends_where_it_was_closed():
    closed = replace(OUT, state=CaseState.CLOSED, closed_at=START + 24 * HOUR)
    strip = strips.strip(WATCH, closed, START + 99 * HOUR)
    assert (strip.now, strip.says[-18:]) == (100, "the watch is over.")


@pytest.mark.parametrize(
    ("length", "first", "count"),
    [(24 * HOUR, "12:00", 4), (27 * HOUR, "12:00", 5), (30 * timedelta(seconds=1), "09:00:00", 4), (HOUR, "09:00", 3)],
)
def test_times_under_the_strip_are_round_and_few(length, first, count):
    marks = strips.strip(replace(WATCH, until=START + length), OUT, START).marks

    assert (marks[0].says, len(marks)) == (first, count)
    assert all(0 <= m.at <= 100 for m in marks)


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({}, "Out since 2026-11-20 09:00:00 UTC; no look yet; the watch ends in 23 h."),
        ({"removed_at": None}, "Not a member since 2026-11-20 09:00:00 UTC;"),
        ({"is_back": True}, "Back in;"),
    ],
)
def test_the_strip_in_words_begins_with_where_the_person_is(fields, begins):
    assert strips.strip(WATCH, replace(OUT, **fields), START + HOUR).says.startswith(begins)


HELD = replace(
    CASE,
    state=CaseState.HELD,
    plan=Plan(steps=(STEP,), holds=(Hold(code=HoldCode.PROTECTED, message="m", remedy="r"),)),
)
APPROVED = Released(steps=frozenset(), codes=frozenset(), by="operator:lea", reason="", at=START)


@pytest.mark.parametrize(
    ("case", "stations"),
    [
        (CASE, "Asked:done Settling:now Remove:next Watch:next Close:next"),
        (
            replace(CASE, plan=Plan(steps=(STEP,))),
            "Asked:done Settled:done Removing:now Watch:next Close:next",
        ),
        (
            replace(CASE, removed_at=START),
            "Asked:done Settled:done Verifying:now Watch:next Close:next",
        ),
        (
            replace(OUT, state=CaseState.PENDING, is_back=True, plan=Plan(steps=(STEP,))),
            "Asked:done Settled:done Removing again:now Watch:next Close:next",
        ),
        (HELD, "Asked:done Settled:done For a person:waits Remove:next Watch:next Close:next"),
        (
            replace(CASE, released=APPROVED),
            "Asked:done Settled:done Decided:done Removing:now Watch:next Close:next",
        ),
        (OUT, "Asked:done Settled:done Removed:done Watching:now Close:next"),
        (replace(OUT, removed_at=None), "Asked:done Settled:done No removal:done Watching:now Close:next"),
        (
            replace(OUT, state=CaseState.CLOSED, closed_at=START),
            "Asked:done Settled:done Removed:done Watched:done Closed:done",
        ),
        (
            replace(CASE, state=CaseState.CLOSED, closed_at=START),
            "Asked:done Settled:done No removal:done No watch:done Closed:done",
        ),
        (replace(CASE, state=CaseState.CANCELLED, closed_at=START), "Asked:done Let be:done"),
    ],
)
def test_a_case_stands_at_one_station_of_its_way_and_claims_nothing_that_was_not(case, stations):
    assert " ".join(way(case)) == stations


def a_view(case: Case, *steps: StepDone) -> CaseView:
    access = Access(still_in=None, asked_at=START, ended_at=None)
    return CaseView(case=case, approver="", access=access, steps=steps)


def done(canonical: str = STEP.canonical, result: str = "done") -> StepDone:
    return StepDone(
        canonical=canonical, says=f"do {canonical}", started_at=START, ended_at=START, status=204, result=result
    )


def test_steps_are_done_now_and_next_and_a_refused_one_is_still_to_do():
    other = replace(STEP, user_uuid="u2")
    case = replace(CASE, plan=Plan(steps=(STEP, other)))

    assert [a.when for a in stages.acts(a_view(case, done("cancel_invite i1")))] == ["done", "now", "next"]
    assert [a.when for a in stages.acts(a_view(case, done()))] == ["done", "now"]
    assert [a.when for a in stages.acts(a_view(case, done(result="refused")))] == ["now", "next"]


def test_what_waits_for_a_decision_is_not_called_next():
    assert [a.when for a in stages.acts(a_view(HELD))] == ["waits"]


def test_somebody_who_is_back_is_to_be_removed_again_although_it_was_done_before():
    case = replace(OUT, state=CaseState.PENDING, is_back=True, plan=Plan(steps=(STEP,)))
    assert [a.when for a in stages.acts(a_view(case, done(), done()))] == ["done", "now"]
