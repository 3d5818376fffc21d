"""Members who are gone by no hand of ours: what tells them from our own removals, and what the activity log adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from bridge.core.organization import Level, Member, Organization
from bridge.core.surroundings import Deed, Deeds, Gap
from bridge.store import audit, members, outside, targets
from bridge.store import tables as t
from tests.conftest import START
from tests.store.test_store import open_case

MINUTE = timedelta(minutes=1)
MAYA = Member(
    user_uuid="u-maya", membership_id="m-maya", user_id=42, email="Maya@example.com", level=Level.ADMIN, name="Maya"
)
NOOR = replace(MAYA, user_uuid="u-noor", membership_id="m-noor", email="noor@example.com")
GONE = Deed(
    at=START + 3 * MINUTE,
    activity="deleted",
    scope="OrganizationMembership",
    item_id="m-maya",
    name="maya@example.com",
    user_uuid="u-noor",
    user_email="noor@example.com",
)


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main"])
        yield opened


def look(tx, *there: Member, minutes: int = 0) -> tuple[str, ...]:
    now = START + minutes * MINUTE
    organization = Organization(taken_at=now, key_uuid="u-key", members=there)
    found = members.difference(tx, "main", organization)
    strange = outside.unexplained(tx, "main", found.gone)
    outside.note(tx, "main", strange, now)
    outside.note_back(tx, "main", found.new, now)
    targets.note_look(tx, targets.state(tx, "main"), organization, now + timedelta(days=1))
    members.keep(tx, "main", found)
    return strange


def missed(tx) -> list[outside.OutsideRemoval]:
    return outside.missed_between(tx, "main", START, START + timedelta(days=400))


def case_of(tx, *, closed_at=None, address: str = "maya@example.com", account: str = "", scope: str = "organization"):
    person = tx.execute(insert(t.people).values(label=address, created_at=START)).inserted_primary_key[0]
    if account:
        tx.execute(
            insert(t.accounts).values(
                person_id=person, target="main", user_uuid=account, is_theirs=True, how="x", linked_at=START
            )
        )
    else:
        tx.execute(
            insert(t.identities).values(
                person_id=person,
                connection="okta",
                kind="address",
                value=address,
                is_current=False,
                first_seen_at=START,
                last_seen_at=START,
            )
        )
    case = open_case(tx, person)
    tx.execute(update(t.cases).where(t.cases.c.id == case.id).values(scope=scope, closed_at=closed_at))
    return case.id


def step_of(tx, *, result: str = "done", minutes: int | None = 3, account: str = "u-maya") -> None:
    case = case_of(tx, address="somebody@example.com", closed_at=START - timedelta(days=9))
    tx.execute(
        insert(t.steps).values(
            case_id=case,
            target="main",
            canonical=f"remove_member {account}",
            says="",
            is_removal=True,
            was_approved=False,
            started_at=START,
            ended_at=None if minutes is None else START + minutes * MINUTE,
            result=result,
        )
    )


def test_a_member_who_is_gone_and_nothing_explains_it_is_kept_with_the_time_between_the_looks(tx):
    assert look(tx, MAYA, NOOR) == ()
    assert look(tx, NOOR, minutes=5) == ("u-maya",)

    (found,) = missed(tx)
    assert (found.email, found.level, found.membership_id) == ("Maya@example.com", Level.ADMIN, "m-maya")
    assert (found.last_seen_at, found.missed_at) == (START, START + 5 * MINUTE)
    assert (found.by, found.how, found.done_at, found.asked_at) == ("", outside.COMPARED, None, None)
    (entry,) = tx.entries
    assert (entry.kind, entry.facts["account"]) == ("member.gone_outside", "u-maya")
    assert isinstance(entry, audit.Entry)
    assert "maya" not in str({k: v for k, v in entry.facts.items() if k != "account"}).lower()


@pytest.mark.parametrize(("result", "minutes"), [("done", 3), ("gone", 3), ("sent", None), ("lost", 3), ("done", -14)])
def test_our_own_removal_explains_it_also_when_its_answer_was_lost(tx, result, minutes):
    look(tx, MAYA)
    step_of(tx, result=result, minutes=minutes)

    assert look(tx, minutes=5) == ()


@pytest.mark.parametrize(
    ("result", "minutes", "account"),
    [
        ("refused", 3, "u-maya"),
        ("declined", 3, "u-maya"),
        ("undone", 3, "u-maya"),
        ("done", -20, "u-maya"),
        ("done", 3, "u-b"),
    ],
)
def test_a_removal_that_had_no_effect_or_was_long_ago_or_another_s_does_not(tx, result, minutes, account):
    look(tx, MAYA)
    step_of(tx, result=result, minutes=minutes, account=account)

    assert look(tx, minutes=5) == ("u-maya",)


@pytest.mark.parametrize(
    "known", [{}, {"account": "u-maya", "address": "m@private.example"}, {"closed_at": START + MINUTE}]
)
def test_a_case_about_the_person_explains_it(tx, known):
    look(tx, MAYA)
    case_of(tx, **known)

    assert look(tx, minutes=5) == ()


@pytest.mark.parametrize(
    "known", [{"closed_at": START - timedelta(hours=1)}, {"address": "noor@example.com"}, {"scope": "project:7"}]
)
def test_a_case_that_was_over_or_is_another_s_or_about_one_project_does_not(tx, known):
    look(tx, MAYA)
    case_of(tx, **known)

    assert look(tx, minutes=5) == ("u-maya",)


def test_whoever_is_a_member_again_is_marked_so_and_a_second_going_is_a_second_row(tx):
    for minute, there in ((0, [MAYA]), (5, []), (10, [MAYA]), (15, [MAYA]), (20, [])):
        look(tx, *there, minutes=minute)

    first, second = missed(tx)
    assert (first.back_at, second.back_at) == (START + 10 * MINUTE, None)
    assert "a member again since 2026-11-20 09:10:00 UTC" in first.as_removed.how
    assert [r.missed_at for r in outside.missed_between(tx, "main", START + 6 * MINUTE, START + 20 * MINUTE)] == []


class TestAskingTheActivityLog:
    @pytest.fixture
    def gone(self, tx):
        look(tx, MAYA, NOOR)
        look(tx, NOOR, minutes=5)
        return tx

    def test_it_is_asked_once_and_not_before_it_has_had_time(self, gone):
        assert outside.to_ask(gone, "main", START + 9 * MINUTE) == []
        asked = outside.to_ask(gone, "main", START + 10 * MINUTE)
        assert [r.user_uuid for r in asked] == ["u-maya"]

        outside.note_answer(gone, asked, self.deeds(), START + 10 * MINUTE)
        assert outside.to_ask(gone, "main", START + 60 * MINUTE) == []

    def answer(self, tx, answer) -> outside.OutsideRemoval:
        outside.note_answer(tx, outside.to_ask(tx, "main", START + 10 * MINUTE), answer, START + 10 * MINUTE)
        return missed(tx)[0]

    def deeds(self, *rows: Deed, gaps=()) -> Deeds:
        return Deeds(since=START, until=START + 10 * MINUTE, rows=rows, gaps=gaps)

    def test_it_says_who_did_it_and_when(self, gone):
        found = self.answer(gone, self.deeds(replace(GONE, activity="created", at=START), GONE))

        assert (found.by, found.done_at) == ("noor@example.com", START + 3 * MINUTE)
        assert found.how == "PostHog's activity log, 2026-11-20 09:03:00 UTC"

    def test_somebody_may_have_left_by_themselves(self, gone):
        found = self.answer(gone, self.deeds(replace(GONE, user_uuid="u-maya", user_email="maya@example.com")))

        assert found.how.endswith("(left by themselves)")

    def test_a_row_without_a_person_is_posthog_s_own_or_its_scim_s(self, gone):
        assert (
            self.answer(gone, self.deeds(replace(GONE, user_uuid="", user_email=""))).by == "PostHog itself or its SCIM"
        )

    @pytest.mark.parametrize(
        "row",
        [replace(GONE, item_id="m-other"), replace(GONE, activity="updated"), replace(GONE, at=START + 30 * MINUTE)],
    )
    def test_another_s_row_another_change_or_a_later_one_says_nothing(self, gone, row):
        found = self.answer(gone, self.deeds(row))

        assert (found.by, found.done_at) == ("", None)
        assert "has no row about it" in found.how

    def test_a_log_that_cannot_be_read_is_said(self, gone):
        found = self.answer(gone, self.deeds(gaps=(Gap(what="the log", why="402: not on this plan"),)))

        assert found.how == "two looks compared; PostHog's activity log could not be read: 402: not on this plan"
