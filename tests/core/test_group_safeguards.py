"""One project or role that a group granted: what is asked, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core import case as cases_of
from bridge.core.case import CaseState, Released
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.organization import Level
from bridge.core.plan import HoldCode
from bridge.core.planner import plan
from bridge.core.wording import scope_words
from tests.core.test_planner import NOW, POLICY, case, codes, facts, member, organization

ROLE = "role:01900000-0000-7000-8000-000000000001"
MANY = tuple(member(f"m{n}") for n in range(99))


def left(**fields):
    return case(**({"kind": EventKind.LEFT_GROUP, "scope": "project:42"} | fields))


def planned(about, where=None, **numbers):
    where = where or organization(member("maya"))
    return plan(about, facts(where, departing=frozenset(), **numbers), POLICY, NOW)


@pytest.mark.parametrize(
    ("scope", "level", "message", "remedy"),
    [
        ("project:42", Level.MEMBER, "to lose project 42 and nothing else", "the project's access control"),
        (ROLE, Level.ADMIN, f"to lose role {ROLE[5:]} and nothing else", "the organization's roles"),
        (
            "project:42",
            Level.ADMIN,
            "is admin, and PostHog gives those every project",
            "make the person a member first",
        ),
    ],
)
def test_what_cannot_be_taken_away_alone_is_held_with_what_to_do_by_hand(scope, level, message, remedy):
    found = planned(left(scope=scope), organization(member("maya", level)))

    assert (codes(found), found.steps) == ([HoldCode.NOT_SUPPORTED], ())
    assert message in found.holds[0].message
    assert remedy in found.holds[0].remedy
    assert not found.holds[0].is_releasable


def test_whoever_is_no_member_has_no_project():
    assert planned(left(), organization(), was_known=True).is_empty
    assert planned(left(kind=EventKind.GROUP_GONE), organization(), was_known=True).is_empty


def test_a_deleted_group_is_asked_about_whatever_the_numbers_are():
    found = planned(left(kind=EventKind.GROUP_GONE), scope_leavers=90, group_leavers=90)

    assert codes(found) == [HoldCode.GROUP_GONE, HoldCode.NOT_SUPPORTED]


@pytest.mark.parametrize(
    ("leavers", "holders", "in_all", "is_held"),
    [(3, 0, 3, False), (4, 0, 4, True), (4, 95, 4, False), (6, 94, 6, True), (1, 0, 5, False), (1, 0, 6, True)],
)
def test_many_are_measured_against_those_who_had_it_and_against_the_organization(leavers, holders, in_all, is_held):
    numbers = {"scope_leavers": leavers, "scope_holders": holders, "group_leavers": in_all}
    found = planned(left(), organization(member("maya"), *MANY), **numbers)

    assert (HoldCode.TOO_MANY in codes(found)) is is_held


def test_what_a_person_approved_is_not_too_many():
    approval = Released(steps=frozenset(), codes=frozenset({HoldCode.TOO_MANY}), by="operator:ada", reason="", at=NOW)

    assert codes(planned(left(released=approval), scope_leavers=9)) == [HoldCode.NOT_SUPPORTED]


def test_an_owner_who_leaves_a_group_needs_no_successor():
    found = planned(left(), organization(member("maya", Level.OWNER)))

    assert codes(found) == [HoldCode.NOT_SUPPORTED]


def test_a_case_of_a_deleted_group_becomes_a_leaving_when_the_source_says_so():
    gone = left(kind=EventKind.GROUP_GONE)
    event = IdentityEvent(
        event_id="1",
        source="okta",
        kind=EventKind.LEFT_GROUP,
        subject=Subject(user_name="maya@example.com"),
        occurred_at=NOW,
        received_at=NOW,
        scope="project:42",
    )

    assert cases_of.repeated(gone, event, POLICY, NOW).kind is EventKind.LEFT_GROUP
    again = cases_of.repeated(left(), replace(event, kind=EventKind.GROUP_GONE), POLICY, NOW)
    assert again.kind is EventKind.LEFT_GROUP


@pytest.mark.parametrize(("touched", "state"), [(False, CaseState.CANCELLED), (True, CaseState.CLOSED)])
def test_back_in_a_group_ends_the_case_and_gives_nothing_back(touched, state):
    ended = cases_of.rejoined(left(), touched=touched, by="okta", now=NOW + timedelta(minutes=1))

    assert (ended.state, ended.due_at, ended.closed_at) == (state, None, NOW + timedelta(minutes=1))
    assert ("nothing was given back" in ended.outcome) is touched


def test_a_leaving_that_cannot_be_carried_out_still_counts_among_the_many():
    found = planned(left())

    assert replace(left(), plan=found).counts_as_intent
    assert not replace(left(), plan=planned(left(kind=EventKind.GROUP_GONE))).counts_as_intent


def test_scopes_in_words():
    assert [scope_words(s) for s in ("organization", "project:42", ROLE)] == [
        "the organization",
        "project 42",
        f"role {ROLE[5:]}",
    ]
