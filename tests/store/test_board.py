"""What the status page lists, and in how many questions to the store, on both databases."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, Subject
from bridge.core.organization import Level
from bridge.core.plan import Hold, HoldCode, Plan, RemoveMember
from bridge.ports import QueueState
from bridge.store import board, cases, people, targets, views, watches
from bridge.store.audit import Entry
from tests.conftest import START

HOURS = timedelta(hours=1)


def step(name: str) -> RemoveMember:
    return RemoveMember(user_uuid=f"u-{name}", email=f"{name}@example.com", level=Level.MEMBER)


def keep(tx, name: str, *, code: HoldCode | None = None, is_member: bool = True, after=timedelta(0), **fields) -> Case:
    """A case that was opened that much after the start; held when a code is given."""
    opened = START + after
    case = Case(
        id=0,
        person_id=people.create(tx, f"{name}@example.com", START),
        target="main",
        source="okta",
        kind=EventKind.DEACTIVATE,
        subject=Subject(user_name=f"{name}@example.com"),
        opened_at=opened,
        due_at=opened,
    )
    holds = (Hold(code=code, message="Why.", remedy="How."),) if code else ()
    plan = Plan(steps=(step(name),) if is_member else (), holds=holds)
    state = CaseState.HELD if code else CaseState.PENDING
    return cases.save(tx, replace(cases.insert_case(tx, case), **{"plan": plan, "state": state} | fields))


def watched(tx, name: str, *, removed: timedelta, looks: int = 0, **fields) -> Case:
    at = START + removed
    kept = keep(
        tx, name, removed_at=at, watch_from=at, watch_until=at + 24 * HOURS, state=CaseState.WATCHING, plan=Plan()
    )
    number = cases.begin_step(tx, kept, step(name), at)
    cases.end_step(tx, number, result="done", status=204, now=at)
    for n in range(looks):
        cases.note_check(tx, kept.id, "absent", at + timedelta(minutes=10 * n))
    return cases.save(tx, replace(kept, **fields))


def look(tx, *, most: int = 5) -> board.Board:
    queue = QueueState(is_reachable=True)
    status = views.status(tx, connections={}, policies={}, names=["main"], queue=queue, now=START + 48 * HOURS)
    return board.board(tx, status, most=most, most_done=most)


def names(found) -> list[str]:
    return [v.case.subject.user_name.partition("@")[0] for v in found]


@contextmanager
def asked(db):
    """The statements that were sent meanwhile."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main"])
        yield opened


def test_whoever_is_still_in_for_the_longest_comes_first_however_many_wait(tx):
    keep(tx, "stranger", code=HoldCode.NEVER_SEEN, is_member=False)
    for n in (3, 1, 2):
        keep(tx, f"p{n}", code=HoldCode.PROTECTED, after=n * HOURS)
    keep(tx, "batched", code=HoldCode.TOO_MANY)

    found = look(tx, most=3)

    assert names(found.waiting) == ["p1", "p2", "p3"]
    assert found.more_waiting == 1
    assert names(look(tx, most=9).waiting)[-1] == "stranger"


def test_what_is_next_moves_first_and_who_went_last_is_watched_first(tx):
    for n in (2, 1, 3):
        keep(tx, f"p{n}", after=n * HOURS)
        watched(tx, f"w{n}", removed=n * HOURS)
        keep(tx, f"d{n}", state=CaseState.CLOSED, closed_at=START + n * HOURS)

    found = look(tx, most=2)

    assert names(found.moving) == ["p1", "p2"]
    assert names(found.watched) == ["w3", "w2"]
    assert names(found.done) == ["d3", "d2"]
    assert set(found.watches) == {v.case.id for v in found.watched}


def test_the_board_asks_as_often_for_many_cases_as_for_one(db):
    def fill(tx, count: int, of: str) -> None:
        for n in range(count):
            keep(tx, f"held-{of}-{n}", code=HoldCode.PROTECTED)
            keep(tx, f"moving-{of}-{n}")
            back = watched(tx, f"watched-{of}-{n}", removed=n * HOURS, looks=3, is_back=True, returns=1)
            tx.audit(Entry(at=START + 9 * HOURS, kind="case.returned", actor="bridge", case_id=back.id, target="main"))
            keep(tx, f"done-{of}-{n}", state=CaseState.CLOSED, closed_at=START)

    def questions() -> tuple[int, board.Board]:
        with asked(db) as statements, db.read() as tx:
            found = look(tx, most=50)
        return len(statements), found

    with db.write() as tx:
        targets.ensure(tx, ["main"])
        fill(tx, 1, "one")
    for_one, _ = questions()
    with db.write() as tx:
        fill(tx, 20, "many")
    for_many, found = questions()

    assert for_many == for_one
    assert len(found.watched) == 21
    assert {v.access.back_since for v in found.watched} == {START + 9 * HOURS}
    assert {w.count for w in found.watches.values()} == {3}


def test_a_watch_is_folded_to_what_a_strip_can_show_and_says_how_many_looks_there_were(tx):
    kept = watched(tx, "maya", removed=HOURS, looks=140)
    cases.note_check(tx, kept.id, "a member or invited again", START + 5 * HOURS)

    (watch,) = look(tx).watches.values()

    assert watch.start == START + HOURS
    assert watch.until == START + 25 * HOURS
    assert watches.SLOTS <= len(watch.looks) + 1 <= watches.SLOTS + 2
    assert watch.looks[0] == START + HOURS
    assert watch.met == (START + 5 * HOURS,)
    assert watch.count == 141
    assert watch.last == START + HOURS + timedelta(minutes=1390)


def test_the_watch_of_one_case_has_every_look(tx):
    kept = watched(tx, "maya", removed=HOURS, looks=140)

    watch = watches.watch_of(views.one(tx, kept.id))

    assert len(watch.looks) == watch.count == 140


def test_a_watch_that_began_anew_shows_all_since_the_first_removal(tx):
    kept = watched(tx, "maya", removed=HOURS)
    again = START + 6 * HOURS
    cases.save(tx, replace(kept, removed_at=again, watch_from=again, watch_until=again + 24 * HOURS))

    (watch,) = look(tx).watches.values()

    assert (watch.start, watch.until) == (START + HOURS, START + 30 * HOURS)


def test_a_watch_without_length_is_no_trouble(tx):
    kept = watched(tx, "maya", removed=HOURS, looks=2)
    cases.save(tx, replace(kept, watch_until=kept.watch_from))

    assert look(tx).watches[kept.id].count == 2


def test_the_backlog_counts_only_members_that_the_observing_left_in(tx):
    keep(tx, "seen", code=HoldCode.OBSERVE_ONLY)
    keep(tx, "gone", code=HoldCode.OBSERVE_ONLY, is_member=False)
    keep(tx, "out", code=HoldCode.OBSERVE_ONLY, removed_at=START)
    keep(tx, 'x","code":"observe_only', code=HoldCode.PROTECTED)

    status = views.status(tx, connections={}, policies={}, names=[], queue=QueueState(is_reachable=True), now=START)

    assert status.still_in == 1
