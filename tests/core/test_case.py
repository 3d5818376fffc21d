"""How a case moves: settle, hold, watch, return, close."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core import case as cases
from bridge.core.case import CaseState
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.organization import Level
from bridge.core.plan import Hold, HoldCode, Plan, RemoveMember
from bridge.core.policy import Mode, OnNoMatch, Policy
from bridge.core.record import Record, event_of
from tests.core.test_planner import NOW, POLICY, case

STEP = RemoveMember(user_uuid="u", email="maya@example.com", level=Level.MEMBER)
BLOCKED = Plan(steps=(STEP,), holds=(Hold(code=HoldCode.PROTECTED, message="", remedy=""),))
BESIDE = Plan(holds=(Hold(code=HoldCode.AMBIGUOUS, message="", remedy="", is_blocking=False),))


def event(**fields) -> IdentityEvent:
    values = {
        "event_id": "1",
        "source": "okta",
        "kind": EventKind.DEACTIVATE,
        "subject": Subject(user_name="maya@example.com"),
        "occurred_at": NOW,
        "received_at": NOW,
    }
    return IdentityEvent(**(values | fields))


def planned(subject, plan: Plan, *, is_verified: bool = True, now=NOW, on_no_match=OnNoMatch.HOLD):
    return cases.planned(subject, plan, is_verified=is_verified, on_no_match=on_no_match, policy=POLICY, now=now)


def opened(policy: Policy = POLICY, **fields):
    return cases.opened(event(**fields), person_id=1, target="main", policy=policy, now=NOW)


def test_a_case_is_due_when_the_settle_time_is_over():
    assert opened().due_at == NOW + timedelta(seconds=60)


def test_an_emergency_is_due_at_once():
    assert opened(is_emergency=True).due_at == NOW


def test_a_removal_with_a_date_waits_for_it():
    later = NOW + timedelta(days=3)

    assert opened(effective_at=later).due_at == later


def test_a_case_opened_while_observing_is_backlog():
    assert opened(Policy(mode=Mode.OBSERVE)).is_backlog
    assert not opened().is_backlog


def test_a_repeat_does_not_cut_the_settling_short():
    assert cases.repeated(case(due_at=NOW + timedelta(seconds=30)), event(), POLICY, NOW).due_at == NOW + timedelta(
        seconds=30
    )


def test_a_repeat_during_the_watch_looks_now():
    watched = case(state=CaseState.WATCHING, due_at=NOW + timedelta(hours=1))

    assert cases.repeated(watched, event(), POLICY, NOW).due_at == NOW


def test_an_operators_removal_takes_the_case_over():
    after = cases.repeated(case(), event(source="operator:ada", kind=EventKind.REMOVE), POLICY, NOW)

    assert after.is_operators
    assert after.kind is EventKind.REMOVE


def test_a_suspension_that_becomes_a_leaving_is_a_leaving():
    assert not cases.repeated(case(kind=EventKind.SUSPEND), event(), POLICY, NOW).is_suspension


def test_an_emergency_ends_the_settling():
    waiting = case(due_at=NOW + timedelta(seconds=50))

    assert cases.repeated(waiting, event(is_emergency=True), POLICY, NOW).due_at == NOW


def test_an_empty_plan_is_believed_only_on_a_fresh_look():
    assert planned(case(), Plan(), is_verified=False).state is CaseState.PENDING
    assert planned(case(), Plan()).state is CaseState.WATCHING


def test_a_hold_is_planned_anew_after_ten_minutes():
    held = planned(case(), BLOCKED)

    assert held.state is CaseState.HELD
    assert held.due_at == NOW + timedelta(minutes=10)


def test_a_dead_letter_is_held():
    dead = Plan(steps=(STEP,), holds=(Hold(code=HoldCode.GAVE_UP, message="", remedy=""),))

    assert planned(case(), dead).state is CaseState.HELD


def test_somebody_never_seen_is_closed_for_sources_that_speak_for_a_whole_tenant():
    unknown = Plan(holds=(Hold(code=HoldCode.NEVER_SEEN, message="", remedy=""),), is_unknown=True)

    assert planned(case(), unknown, on_no_match=OnNoMatch.CLOSE).outcome == "never a member of the organization"
    assert planned(case(), unknown).state is CaseState.HELD


def test_the_watch_lasts_24_hours_from_the_last_removal():
    removed = NOW - timedelta(hours=3)
    watched = planned(case(removed_at=removed), Plan())

    assert watched.watch_until == removed + timedelta(hours=24)


@pytest.mark.parametrize(
    ("after", "look"),
    [(0, 60), (59, 60), (60, 300), (299, 300), (301, 1200), (1000, 1800), (86_000, 86_400)],
)
def test_looks_come_after_one_and_five_minutes_then_every_ten_on_a_common_grid(after, look):
    now = NOW + timedelta(seconds=after)

    assert cases.next_look(NOW, NOW + timedelta(hours=24), now, POLICY) == NOW + timedelta(seconds=look)


def test_people_removed_one_after_the_other_share_their_looks():
    looks = {
        cases.next_look(NOW + timedelta(seconds=n), NOW + timedelta(days=1), NOW + timedelta(minutes=8), POLICY)
        for n in range(100)
    }

    assert len(looks) == 1


def test_no_look_is_ever_in_the_past():
    for seconds in range(0, 90_000, 37):
        now = NOW + timedelta(seconds=seconds)
        until = NOW + timedelta(hours=24)
        if now < until:
            assert cases.next_look(NOW, until, now, POLICY) > now


def test_the_end_of_the_watch_closes_the_case():
    over = case(removed_at=NOW - timedelta(hours=24), state=CaseState.WATCHING)

    assert planned(over, Plan()).state is CaseState.CLOSED


def test_a_question_that_stands_beside_keeps_the_case_open_at_the_end():
    over = case(removed_at=NOW - timedelta(hours=24), state=CaseState.WATCHING)

    assert planned(over, BESIDE).state is CaseState.HELD
    assert planned(case(), BESIDE).state is CaseState.WATCHING


def test_whoever_was_no_member_is_watched_and_closed_too():
    first = planned(case(), Plan())
    last = planned(first, Plan(), now=NOW + timedelta(hours=24))

    assert last.outcome == "was not a member, and did not become one"


def test_a_failure_is_tried_again_twice_as_late_each_time():
    waits = []
    tired = case()
    for _ in range(12):
        tired = cases.failed(tired, "500", retry_after=None, jitter=1.0, now=NOW)
        waits.append((tired.due_at - NOW).total_seconds())

    assert waits[:4] == [4, 8, 16, 32]
    assert waits[-1] == 3600


def test_a_failure_is_never_tried_before_the_other_sides_wish():
    after = cases.failed(case(), "429", retry_after=timedelta(minutes=7), jitter=0.5, now=NOW)

    assert after.due_at == NOW + timedelta(minutes=7)


def test_a_retry_starts_with_a_clean_slate():
    after = cases.retried(case(attempts=12, state=CaseState.HELD, due_at=None), NOW)

    assert (after.attempts, after.due_at, after.state) == (0, NOW, CaseState.PENDING)


def test_retrying_a_watched_case_looks_now_and_keeps_watching():
    assert cases.retried(case(state=CaseState.WATCHING), NOW).state is CaseState.WATCHING


def test_an_open_case_needs_a_person_when_it_is_held_or_has_a_question():
    assert cases.needs_a_person(case(state=CaseState.HELD))
    assert cases.needs_a_person(case(state=CaseState.WATCHING, plan=BESIDE))
    assert not cases.needs_a_person(case())
    assert not cases.needs_a_person(case(state=CaseState.CANCELLED, plan=BESIDE))


def test_only_removals_that_nobody_decided_count_as_intent():
    assert case().counts_as_intent
    assert not case(source="operator:ada").counts_as_intent
    assert not case(is_emergency=True).counts_as_intent
    assert not case(removed_at=NOW).counts_as_intent
    assert not case(state=CaseState.CLOSED).counts_as_intent
    assert not case(state=CaseState.HELD, plan=BLOCKED).counts_as_intent


def record(**fields) -> Record:
    values = {
        "id": "r1",
        "connection": "okta",
        "resource_type": "User",
        "user_name": "maya@example.com",
        "created_at": NOW,
        "modified_at": NOW,
    }
    return Record(**(values | fields))


OUT = record(is_active=False, version=2)


@pytest.mark.parametrize(
    ("before", "after", "is_active", "was_out", "kind"),
    [
        (None, record(), True, None, None),
        (None, replace(OUT, version=1), False, None, EventKind.DEACTIVATE),
        (record(), OUT, False, False, EventKind.DEACTIVATE),
        (OUT, replace(OUT, version=3), False, True, EventKind.DEACTIVATE),
        (OUT, record(version=3), True, True, EventKind.ACTIVATE),
        (record(), record(version=2), True, False, None),
        (record(), None, False, False, EventKind.DELETE),
        (record(), OUT, True, False, None),
        (record(), None, True, False, None),
        (None, record(), True, True, EventKind.ACTIVATE),
        (None, None, False, None, None),
        (record(resource_type="Group"), None, False, None, None),
    ],
    ids=[
        "created",
        "created inactive",
        "deactivated",
        "written while inactive",
        "activated",
        "profile push",
        "deleted",
        "deactivated, but active in another record",
        "deleted, but active in another record",
        "created anew after it was out",
        "nothing",
        "a group",
    ],
)
def test_what_a_write_of_a_record_says(before, after, is_active, was_out, kind):
    said = event_of(before, after, is_active=is_active, was_out=was_out, has_open_case=False, now=NOW)

    assert (said.kind if said else None) == kind


def says_out(before, after, **more):
    return event_of(before, after, is_active=False, now=NOW, **({"was_out": True, "has_open_case": False} | more))


def test_a_leaving_that_a_case_sees_to_is_said_once_by_each_connection():
    assert says_out(record(), OUT, has_open_case=True) is None
    assert says_out(record(), OUT, has_open_case=True, was_out=False) is not None


def test_an_event_of_scim_is_named_by_record_and_version():
    assert says_out(record(), OUT).event_id == "r1:2"
    assert says_out(OUT, None).event_id == "r1:3"


def test_only_the_name_and_the_primary_address_are_surely_the_persons():
    listed = record(
        user_name="Maya@Example.com",
        body={"emails": [{"value": "team@example.com"}, {"value": "maya@home.example", "primary": True}]},
    )

    assert listed.own_addresses == {"maya@example.com", "maya@home.example"}
    assert listed.subject.emails == ("maya@home.example", "team@example.com")
    assert record(user_name="00u1", body={"emails": [{"value": "maya@example.com"}]}).own_addresses == {
        "maya@example.com"
    }
