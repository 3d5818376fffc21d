"""Words and values: durations, names, what a step's effect looks like, what an approval is worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core import case as cases
from bridge.core import wording
from bridge.core.case import CaseState
from bridge.core.events import EventKind, Subject
from bridge.core.organization import Invite, Level
from bridge.core.plan import Hold, HoldCode, Plan, RemoveMember, SetLevel, shows_as_done
from bridge.core.planner import plan
from tests.core.test_planner import NOW, POLICY, case, facts, member, organization

STEP = RemoveMember(user_uuid="maya", email="maya@example.com", level=Level.MEMBER)
DOWN = SetLevel(user_uuid="maya", email="maya@example.com", level=Level.MEMBER, before=Level.OWNER)


def held(*codes: HoldCode, steps=(STEP,), **fields):
    found = Plan(steps=steps, holds=tuple(Hold(code=c, message="", remedy="") for c in codes))
    return case(state=CaseState.HELD, plan=found, **fields)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (90_000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds, words):
    assert wording.lasting(timedelta(seconds=seconds)) == words


def test_times_are_told_in_utc_and_as_seen_from_now():
    assert wording.ago(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert wording.ago(NOW + timedelta(minutes=3), NOW) == "in 3 min"
    assert wording.utc(NOW) == "2026-11-20 09:00:00 UTC"
    assert wording.rfc3339(NOW) == "2026-11-20T09:00:00.000Z"
    assert wording.rfc3339(None) is None


def test_a_name_from_outside_cannot_steer_a_terminal():
    assert wording.printable("a\x1b[2Jb\u202ec") == "a\ufffd[2Jb\ufffdc"


def test_actors_and_counts_are_told_in_words():
    assert [wording.who(a) for a in ("bridge", "operator:ada", "okta")] == ["the bridge", "ada", "okta"]
    assert [wording.counted(n, "case") for n in (1, 2)] == ["1 case", "2 cases"]


def test_a_subject_is_called_by_the_first_name_it_has():
    assert Subject(user_name="u", emails=("e@x",)).label == "u"
    assert Subject(emails=("e@x",)).label == "e@x"
    assert Subject(external_id="00u1").label == "00u1"
    assert Subject().label == "?"


def test_kinds_that_ask_for_a_removal():
    out = {k for k in EventKind if k.says_out}

    assert out == {EventKind.DEACTIVATE, EventKind.DELETE, EventKind.SUSPEND, EventKind.REMOVE}


def test_what_a_look_says_about_a_step_whose_answer_was_lost():
    where = organization(member("maya"), invites=(Invite(invite_id="i1", email="x@y", level=Level.MEMBER),))

    assert not shows_as_done("remove_member maya", where)
    assert shows_as_done("remove_member gone", where)
    assert shows_as_done("set_level maya member", where)
    assert not shows_as_done("set_level maya owner", where)
    assert not shows_as_done("set_level gone member", where)
    assert not shows_as_done("cancel_invite i1", where)
    assert shows_as_done("cancel_invite i2", where)


def test_an_approval_covers_the_steps_that_were_seen():
    approved = cases.released(held(HoldCode.PROTECTED), by="operator:ada", reason="yes", now=NOW)

    assert approved.is_approved_for([STEP])
    assert not approved.is_approved_for([STEP, DOWN])
    assert approved.state is CaseState.PENDING
    assert case(source="operator:ada").is_approved_for([DOWN])
    assert not case().is_approved_for([])


def test_a_second_approval_of_the_same_steps_keeps_the_first():
    first = cases.released(held(HoldCode.PROTECTED), by="operator:ada", reason="", now=NOW)
    again = replace(first, state=CaseState.HELD, plan=held(HoldCode.ACTIVE_ELSEWHERE).plan)
    both = cases.released(again, by="operator:bea", reason="", now=NOW)

    assert both.released.codes == {HoldCode.PROTECTED, HoldCode.ACTIVE_ELSEWHERE}


def test_a_removal_taken_back_before_anything_was_done_is_cancelled_and_later_only_closed():
    assert cases.reactivated(case(), touched=False, by="okta", now=NOW).state is CaseState.CANCELLED
    assert cases.reactivated(case(), touched=True, by="okta", now=NOW).state is CaseState.CLOSED


def test_a_cancelled_case_says_who_and_why():
    assert (
        cases.cancelled(case(), by="operator:ada", reason="stays", now=NOW).outcome
        == "cancelled by operator:ada: stays"
    )


def test_only_a_removal_ends_a_return():
    back = cases.came_back(case(state=CaseState.WATCHING))

    assert (back.returns, back.is_back) == (1, True)
    assert cases.applied(back, DOWN, NOW).is_back
    assert not cases.applied(back, STEP, NOW).is_back


def test_a_nudge_leaves_a_settling_case_its_time():
    later = NOW + timedelta(days=3)

    assert cases.nudged(case(due_at=later), NOW).due_at == later
    assert cases.nudged(case(state=CaseState.WATCHING, due_at=later), NOW).due_at == NOW


def test_a_plan_that_changed_after_its_batch_was_approved_is_held_again():
    approved = cases.released(held(HoldCode.TOO_MANY), by="operator:ada", reason="", now=NOW)
    where = organization(member("maya", Level.OWNER), member("olga", Level.OWNER))
    found = plan(approved, facts(where), POLICY, NOW)

    assert [h.code for h in found.holds] == [HoldCode.TOO_MANY]
    assert "has changed since it was approved" in found.holds[0].message


def test_whoever_was_left_out_of_a_decided_batch_stays_held():
    found = plan(case(), facts(organization(member("maya")), is_left_out=True), POLICY, NOW)

    assert [h.code for h in found.holds] == [HoldCode.TOO_MANY]
    assert "left out" in found.holds[0].message


def test_addresses_of_a_subject_come_once_each_and_only_when_they_are_addresses():
    subject = Subject(user_name="Maya@Example.com", emails=("maya@example.com", "not an address"))

    assert subject.addresses == ("maya@example.com",)
    assert Subject(user_name="00u1").addresses == ()


def test_a_policy_stands_in_where_nobody_approved_these_very_steps():
    approved = cases.released(held(HoldCode.PROTECTED), by="operator:ada", reason="yes", now=NOW)

    assert cases.approver(approved) == "operator:ada"
    assert cases.approver(approved, ["remove_member somebody-else"]) == "none: policy enforce"
    assert cases.approver(case(source="operator:bea")) == "operator:bea"
    assert cases.approver(case(is_emergency=True)) == "none: policy emergency"
    assert cases.approver(held(HoldCode.OBSERVE_ONLY)) == "none: policy observe"
    assert cases.approver(case()) == "none: policy enforce"
