"""Findings, checklists and to-dos in the store, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.case import opened
from bridge.core.checklist import Ask, Template
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.findings import Progress, Topic
from bridge.core.organization import Invite, Level, Member, Organization
from bridge.core.policy import Policy
from bridge.core.surroundings import Deeds, LeftBehind, Resource
from bridge.store import cases, checklists, findings, people, targets, todos

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MAYA = Member(user_uuid="u1", membership_id="m1", user_id=7, email="maya@example.com", level=Level.ADMIN)
TWIN = replace(MAYA, user_uuid="u2", user_id=8, email="maya@private.example", level=Level.MEMBER)
SENT = Invite(invite_id="i1", email="x@example.com", level=Level.OWNER, created_by_uuid="u1")
SEEN = Organization(taken_at=AT, key_uuid="k", members=(MAYA, TWIN), invites=(SENT, replace(SENT, is_expired=True)))


@pytest.fixture
def case(db):
    return new_case(db)


def new_case(db, name: str = "maya@example.com", **fields):
    event = IdentityEvent(
        event_id=name,
        source="okta",
        kind=EventKind.DEACTIVATE,
        subject=Subject(user_name=name),
        occurred_at=AT,
        received_at=AT,
    )
    with db.write() as tx:
        targets.ensure(tx, ["main"])
        person = people.create(tx, name, AT)
        begun = opened(event, person_id=person, target="main", policy=Policy(), now=AT)
        return cases.insert_case(tx, replace(begun, **fields))


def removed(db, case) -> None:
    with db.write() as tx:
        cases.save(tx, replace(case, removed_at=AT))


def test_before_is_noted_once_for_each_account_and_counts_from_the_removal_on(db, case):
    with db.write() as tx:
        for uuid in ("u1", "u1", "u2", "stranger"):
            findings.note_before(tx, case.id, "main", SEEN, uuid, AT)
        lower = SEEN.with_level("u1", Level.MEMBER)
        findings.note_before(tx, case.id, "main", lower, "u1", AT)
        assert findings.noted(tx, "main") == []
        assert not findings.is_wanted(tx, "main", AT)
    removed(db, case)

    with db.read() as tx:
        ((case_id, before),) = findings.noted(tx, "main")
        assert findings.is_wanted(tx, "main", AT)
    assert case_id == case.id
    assert before.accounts == (MAYA, TWIN)
    assert before.invites_sent == (SENT,)
    with db.write() as tx:
        assert len(findings.complete(tx, case.id, before, AT)) == 64
        assert findings.noted(tx, "main") == []


def test_an_emergencys_finding_is_collected_first_and_one_at_a_time(db, case):
    urgent = new_case(db, "eve@example.com", is_emergency=True)
    with db.write() as tx:
        findings.want(tx, case.id, "main", Topic.LEFT_BEHIND, AT, AT)
        findings.want(tx, urgent.id, "main", Topic.LEFT_BEHIND, AT + timedelta(seconds=1), AT)
        findings.want(tx, None, "main", Topic.OUTSIDE, AT, AT)
        later = AT + timedelta(minutes=1)
        first = findings.take(tx, "main", later, later + timedelta(minutes=5))
        assert first.case_id == urgent.id
        assert findings.take(tx, "main", later, later) is None
        findings.put_off(tx, first, "not now", None)
        second = findings.take(tx, "main", later, later + timedelta(minutes=5))
        assert second.topic in {Topic.LEFT_BEHIND, Topic.OUTSIDE}
        findings.let_go(tx, second)
        findings.put_off_all(tx, "main", later + timedelta(hours=1))
        assert findings.take(tx, "main", later, later) is None
        assert findings.of_case(tx, urgent.id).of(Topic.LEFT_BEHIND).progress is Progress.GAVE_UP


def test_what_is_kept_is_read_back_and_can_be_wanted_again(db, case):
    left = LeftBehind(
        taken_at=AT,
        resources=(Resource(kind="insights", project_id=1, resource_id="1", name='"; --', path="/"),),
    )
    with db.write() as tx:
        findings.want(tx, case.id, "main", Topic.LEFT_BEHIND, AT, AT)
        wanted = findings.take(tx, "main", AT, AT + timedelta(minutes=5))
        digest = findings.keep(tx, wanted.id, left, AT)
        assert findings.kept_since(tx, "main", Topic.LEFT_BEHIND, AT - timedelta(hours=1)) == 1
    with db.write() as tx:
        kept = findings.of_case(tx, case.id)
        assert kept.left_behind == left
        assert kept.of(Topic.LEFT_BEHIND).digest == digest
        findings.want(tx, case.id, "main", Topic.LEFT_BEHIND, AT, AT)
        assert findings.take(tx, "main", AT, AT) is not None
        assert findings.of_case(tx, case.id).left_behind == left


def test_a_targets_own_finding_is_one(db, case):
    with db.write() as tx:
        assert findings.of_target(tx, "main", Topic.OUTSIDE) is None
        for _ in range(2):
            findings.want(tx, None, "main", Topic.OUTSIDE, AT, AT)
        wanted = findings.take(tx, "main", AT, AT)
        findings.keep(tx, wanted.id, Deeds(since=AT, until=AT), AT)
        assert findings.of_target(tx, "main", Topic.OUTSIDE).body == Deeds(since=AT, until=AT)


def test_a_topic_that_costs_much_can_be_put_off_alone(db, case):
    with db.write() as tx:
        findings.want(tx, case.id, "main", Topic.LEFT_BEHIND, AT, AT)
        findings.want(tx, case.id, "main", Topic.TRACKED, AT, AT)
        findings.put_off_topic(tx, "main", Topic.LEFT_BEHIND, timedelta(minutes=15), AT)
        assert findings.take(tx, "main", AT, AT).topic is Topic.TRACKED


def test_a_checklist_asks_exactly_what_its_template_does_and_keeps_what_was_ticked(db, case):
    with db.write() as tx:
        assert checklists.find(tx, case.id) is None
        checklists.begin(tx, case.id, Template.EMPLOYEE, "the bridge", AT)
        checklists.put_up(tx, case.id, [Ask(kind="slack", text="a"), Ask(kind="farewell", text="b")], AT)
        todos.ask(tx, case.id, "billing:owners", "urgent", AT)
        slack, _ = (t for t in todos.todos(tx, case_id=case.id) if t.position)
        assert todos.tick(tx, slack.id, "operator:lea", AT, "done in Okta")
        assert not todos.tick(tx, slack.id, "operator:lea", AT)
        checklists.begin(tx, case.id, Template.HOSTILE, "operator:lea", AT)
        checklists.put_up(
            tx, case.id, [Ask(kind="slack", text="new"), Ask(kind="breach", text="c", is_urgent=True)], AT
        )

        every = {t.kind: t for t in todos.todos(tx, case_id=case.id, only_open=False)}
        assert checklists.find(tx, case.id).template is Template.HOSTILE
        assert set(every) == {"slack", "breach", "billing:owners"}
        assert (every["slack"].text, every["slack"].answer, every["slack"].done_by) == (
            "a",
            "done in Okta",
            "operator:lea",
        )
        assert {t.kind for t in todos.todos(tx, only_urgent=True)} == {"breach", "billing:owners"}
        assert [(u.case_id, u.open, u.items) for u in checklists.unfinished(tx)] == [(case.id, 2, 3)]
        assert todos.untick(tx, slack.id)
        assert not todos.untick(tx, slack.id)
        assert todos.find(tx, slack.id).done_at is None
        assert todos.find(tx, 999) is None


def test_an_open_item_gets_the_newer_words(db, case):
    with db.write() as tx:
        checklists.put_up(tx, case.id, [Ask(kind="handover", text="1 thing")], AT)
        checklists.put_up(tx, case.id, [Ask(kind="handover", text="2 things", url="https://x")], AT)
        (todo,) = todos.todos(tx, case_id=case.id)

    assert (todo.text, todo.url, todo.opened_at) == ("2 things", "https://x", AT)
