"""The removals of a stretch of time, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.core.checklist import Ask, Template
from bridge.core.findings import Topic
from bridge.core.organization import Level, Member, Organization
from bridge.core.plan import RemoveMember
from bridge.core.quarter import span_of
from bridge.core.surroundings import Deed, Deeds
from bridge.store import cases, checklists, findings, members, outside, people, quarters, targets, todos
from tests.store.test_findings import new_case

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NOVEMBER = span_of(date(2026, 11, 1), date(2026, 11, 30), UTC, "UTC")


def account(number: int) -> Member:
    return Member(
        user_uuid=f"u{number}", membership_id="m", user_id=number, email=f"p{number}@example.com", level=Level.MEMBER
    )


def removed(db, number: int, *, asked: datetime, out: datetime | None):
    case = new_case(db, f"p{number}@example.com", opened_at=asked, removed_at=out)
    if out is not None:
        with db.write() as tx:
            step = RemoveMember(user_uuid=f"u{number}", email=f"p{number}@example.com", level=Level.MEMBER)
            step_id = cases.begin_step(tx, case, step, out)
            cases.end_step(tx, step_id, result="done", status=204, now=out)
    return case


def report(db):
    with db.read() as tx:
        return quarters.of_span(tx, NOVEMBER, ["main"], AT)


@pytest.mark.parametrize(
    ("asked", "out", "is_removed", "is_listed"),
    [
        (AT, AT + timedelta(minutes=1), True, True),
        (AT - timedelta(days=60), AT, True, True),
        (AT, AT + timedelta(days=60), False, True),
        (AT, None, False, True),
        (AT - timedelta(days=60), AT - timedelta(days=59), False, False),
        (AT - timedelta(days=60), None, False, False),
        (AT + timedelta(days=60), AT + timedelta(days=61), False, False),
    ],
)
def test_a_removal_belongs_to_the_time_in_which_the_membership_ended(db, asked, out, is_removed, is_listed):
    removed(db, 1, asked=asked, out=out)
    found = report(db)

    assert len(found.removed) == is_removed
    assert len(found.removed) + len(found.not_removed) == is_listed


def test_the_open_items_of_each_checklist_are_counted(db):
    first, second = (removed(db, n, asked=AT, out=AT) for n in (1, 2))
    removed(db, 3, asked=AT, out=AT)
    with db.write() as tx:
        for case in (first, second):
            checklists.begin(tx, case.id, Template.EMPLOYEE, "the bridge", AT)
        checklists.put_up(tx, first.id, [Ask(kind="a", text="a"), Ask(kind="b", text="b")], AT)
        todos.tick(tx, todos.todos(tx)[0].id, "operator:lea", AT)

    assert [r.checklist_open for r in report(db).removed] == [1, 0, None]


def test_a_membership_that_nobody_of_ours_ended_is_listed_apart(db):
    removed(db, 1, asked=AT, out=AT)
    everybody = Organization(taken_at=AT, key_uuid="k", members=tuple(account(n) for n in (1, 2, 3)))
    nobody = replace(everybody, members=())
    deed = Deed(at=AT, activity="deleted", scope="OrganizationMembership", item_id="m", name="P2@example.com")
    with db.write() as tx:
        targets.ensure(tx, ["main"])
        members.keep(tx, "main", members.difference(tx, "main", everybody))
        targets.note_look(tx, targets.state(tx, "main"), everybody, AT)
        gone = members.difference(tx, "main", nobody)
        outside.note(tx, "main", outside.unexplained(tx, "main", gone.gone), AT)
        members.keep(tx, "main", gone)
    assert {(o.person, o.by) for o in report(db).outside} == {("p2@example.com", ""), ("p3@example.com", "")}
    assert report(db).gaps[0].why == "It was not read yet."

    with db.write() as tx:
        findings.hasten(tx, "main", Topic.OUTSIDE, AT, AT)
        wanted = findings.take(tx, "main", AT, AT)
        rows = (replace(deed, user_email="grace@example.com"), replace(deed, at=AT - timedelta(days=90)))
        findings.keep(tx, wanted.id, Deeds(since=AT - timedelta(days=1), until=AT, rows=rows), AT)

    found = report(db)
    assert {(o.person, o.by) for o in found.outside} == {
        ("P2@example.com", "grace@example.com"),
        ("p3@example.com", ""),
    }
    assert found.gaps[0].what == "the activity log of main before 2026-11-19"


def test_what_a_case_of_ours_explains_is_no_other_s_removal(db):
    """Somebody else was faster: the case tells it."""
    case = new_case(db, "p2@example.com")
    everybody = Organization(taken_at=AT, key_uuid="k", members=(account(2),))
    with db.write() as tx:
        people.link(tx, case.person_id, "main", "u2", is_theirs=True, how="address", now=AT)
        members.keep(tx, "main", members.difference(tx, "main", everybody))
        targets.note_look(tx, targets.state(tx, "main"), everybody, AT)
        outside.note(tx, "main", outside.unexplained(tx, "main", ["u2"]), AT)

    assert report(db).outside == ()
