"""Reviews as they are kept: read back as written, signed over everything, and told of when they are due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from bridge.core.organization import Level
from bridge.core.reviewed import Code, Evidence, Finding, Kind, Line, Sure
from bridge.core.surroundings import Gap
from bridge.store import reminders, reviews, targets
from bridge.store import tables as t
from bridge.store.reviews import Decision, Outcome
from tests.conftest import START

DAY = timedelta(days=1)
FINDING = Finding(
    code=Code.INACTIVE,
    why="okta says inactive \u202e\ud800",
    to_do="Remove.",
    sure=Sure.CERTAIN,
    since=START - DAY,
    seen_at=START + timedelta(microseconds=7),
)
LINES = (
    Line(
        kind=Kind.MEMBER, key="u-maya", email="maya@example.com", name="Maya\0", level=Level.ADMIN, findings=(FINDING,)
    ),
    Line(kind=Kind.INVITE, key="i-1", email="z" * 400, level=Level.OWNER, findings=(FINDING,), is_members=True),
    Line(kind=Kind.MEMBER, key="u-noor", email="noor@example.com", level=Level.MEMBER),
)
GAP = Gap(what="the roles", why="402", remedy="Pay.")


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main", "eu"])
        yield opened


def start(tx, *, target: str = "main", asks_all: bool = False, now=START) -> reviews.Review:
    evidence = Evidence(target=target, as_of=START, members=(), connections=("okta",))
    return reviews.start(tx, evidence, LINES, (GAP,), unused_days=90, asks_all=asks_all, by="lea", now=now)


def end(tx, review, outcome=Outcome.SIGNED, *, now=START + DAY, note=""):
    return reviews.end(tx, review.id, reviews.lines_in(tx, review.id), outcome, note=note, by="lea", now=now)


def mind(tx, every, now) -> list[tuple]:
    reminders.mind(tx, "main", every, now)
    return [(r.kind.value, r.due_at) for r in reminders.standing(tx)]


def test_what_was_found_is_read_back_with_what_no_database_takes_made_harmless(tx):
    review = start(tx)

    maya, invite, noor = reviews.lines_in(tx, review.id)
    assert (maya.line.name, maya.line.level, maya.line.findings[0].why) == (
        "Maya",
        Level.ADMIN,
        "okta says inactive \u202e?",
    )
    assert maya.line.findings[0].seen_at == START
    assert (len(invite.line.email), invite.line.is_members) == (320, True)
    assert [k.is_asked for k in (maya, invite, noor)] == [True, True, False]
    assert (review.gaps, review.connections, review.unused_days) == ((GAP,), ("okta",), 90)
    assert reviews.undecided(tx, review.id) == 2
    assert reviews.progress(tx, [review.id, 99]) == {review.id: (2, 2)}
    assert reviews.undecided(tx, start(tx, target="eu", asks_all=True).id) == 3


def test_the_digest_of_what_was_found_is_that_of_what_is_kept(tx):
    review = start(tx)

    assert review.found_digest == reviews.digest_of(review, reviews.lines_in(tx, review.id))


def test_a_signature_covers_every_line_and_every_decision(tx):
    review = start(tx)
    reviews.decide(tx, review.id, [1], Decision.REMOVE, reason="gone", by="lea", now=START, case_id=7)
    signed = end(tx, review)
    assert signed.digest == reviews.digest_of(signed, reviews.lines_in(tx, review.id))
    assert (signed.outcome, signed.ended_by, signed.ended_at) == (Outcome.SIGNED, "lea", START + DAY)

    for change in (
        {"reason": "x"},
        {"email": "x"},
        {"level": 1},
        {"case_id": 8},
        {"findings": []},
        {"is_asked": False},
    ):
        before = tx.execute(t.review_lines.select().where(t.review_lines.c.number == 1)).one()
        tx.execute(t.review_lines.update().where(t.review_lines.c.number == 1).values(change))
        assert reviews.digest_of(signed, reviews.lines_in(tx, review.id)) != signed.digest, change
        tx.execute(
            t.review_lines.update().where(t.review_lines.c.number == 1).values({k: getattr(before, k) for k in change})
        )
    assert reviews.digest_of(signed, reviews.lines_in(tx, review.id)) == signed.digest


def test_one_review_of_a_target_is_open_at_a_time(db):
    with db.write() as tx:
        targets.ensure(tx, ["main", "eu"])
        first = start(tx)
        start(tx, target="eu")
    with pytest.raises(IntegrityError), db.write() as tx:
        start(tx)
    with db.write() as tx:
        end(tx, first)
        start(tx)


def test_the_last_signed_one_is_not_one_that_was_dropped(tx):
    signed = end(tx, start(tx))
    end(tx, start(tx), Outcome.DROPPED, now=START + 2 * DAY)

    assert reviews.last_signed(tx, "main").id == signed.id
    assert [r.outcome for r in reviews.all_of(tx, "main")] == [Outcome.DROPPED, Outcome.SIGNED]
    assert reviews.find(tx, 99) is None


class TestReminders:
    def test_without_an_interval_there_is_none(self, tx):
        assert mind(tx, None, START) == []

    def test_a_target_that_was_never_reviewed_is_due_since_that_was_noticed(self, tx):
        assert mind(tx, 90 * DAY, START) == [("due", START)]
        assert mind(tx, 90 * DAY, START + 5 * DAY) == [("due", START)]
        assert [e.kind for e in tx.entries] == ["review.due"]
        assert reminders.standing(tx)[0].what == "An access review of main is due since 2026-11-20 09:00:00 UTC."

    def test_a_signature_ends_it_until_the_next_is_due(self, tx):
        mind(tx, 90 * DAY, START)
        review = start(tx)
        assert mind(tx, 90 * DAY, START) == []
        end(tx, review)
        assert mind(tx, 90 * DAY, START + 90 * DAY) == []
        assert mind(tx, 90 * DAY, START + 91 * DAY) == [("due", START + 91 * DAY)]

    def test_dropping_a_review_leaves_it_due(self, tx):
        end(tx, start(tx))
        mind(tx, 90 * DAY, START + 92 * DAY)
        second = start(tx, now=START + 92 * DAY)
        mind(tx, 90 * DAY, START + 92 * DAY)
        end(tx, second, Outcome.DROPPED)

        assert mind(tx, 90 * DAY, START + 93 * DAY) == [("due", START + 91 * DAY)]
        assert [e.kind for e in tx.entries] == ["review.due"], "the same thing is audited once"

    @pytest.mark.parametrize("every", [None, 90 * DAY])
    def test_one_that_lies_unsigned_for_14_days_is_told(self, tx, every):
        review = start(tx)
        assert mind(tx, every, START + 13 * DAY) == []
        assert mind(tx, every, START + 14 * DAY) == [("unsigned", START + 14 * DAY)]
        assert "lies unsigned" in reminders.standing(tx)[0].what
        assert "review drop" in reminders.standing(tx)[0].remedy

        end(tx, review, now=START + 15 * DAY)
        assert mind(tx, every, START + 15 * DAY) == []

    def test_switching_reviews_off_ends_the_reminder(self, tx):
        mind(tx, 90 * DAY, START)

        assert mind(tx, None, START + DAY) == []
