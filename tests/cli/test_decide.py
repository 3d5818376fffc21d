from __future__ import annotations

import os
import pwd

import pytest

from tests import faults
from tests.cli.test_cases import FIVE, leave
from tests.faults import When
from tests.players import BEN, MAYA, all_cases, is_member, the_case


@pytest.fixture
def held(okta, entra, settle):
    entra.create(BEN)
    okta.deactivate(okta.create(BEN))
    settle(minutes=2)


def digest(ran, case_id: str = "1") -> str:
    return ran("plan", case_id, "--json").json["digest"]


@pytest.mark.usefixtures("held")
def test_release_of_the_digest_that_was_seen_goes_on_and_names_the_operator(ran, bridge, world, settle):
    told = ran("release", "1", "--digest", digest(ran), "--reason", "HR confirmed", "--as", "noor")
    settle(minutes=1)

    assert told.status == 0
    assert "Released 1 case, approved by noor." in told.out
    assert not is_member(world, BEN)
    assert the_case(bridge).approver == "operator:noor"
    assert "noor approved the plan as it then was. Note: HR confirmed." in ran("case", "1").said


@pytest.mark.usefixtures("held")
def test_release_with_another_digest_is_declined_and_says_the_new_one(ran, world, settle):
    told = ran("release", "1", "--digest", "0123456789ab", "--reason", "x")
    settle(minutes=1)

    assert told.status == 1
    assert f"Case 1 shows another plan now ({digest(ran)}) than the one you saw (0123456789ab)." in told.err
    assert is_member(world, BEN)


@pytest.mark.parametrize(
    "arguments",
    [
        ("release", "1", "--reason", "x"),
        ("release", "1", "--digest", "x"),
        ("release", "1", "--digest", "x", "--reason", " "),
        ("release", "--digest", "x", "--reason", "x"),
        ("release", "1", "--batch", "1", "--digest", "x", "--reason", "x"),
        ("release", "1", "--only", "1", "--digest", "x", "--reason", "x"),
        ("release", "--batch", "1", "--only", "", "--digest", "x", "--reason", "x"),
        ("release", "--batch", "1", "--only", "a", "--digest", "x", "--reason", "x"),
        ("release", "1", "--digest", "x", "--reason", "x", "--as", " "),
        ("cancel", "1"),
    ],
)
@pytest.mark.usefixtures("held")
def test_a_decision_that_is_not_whole_is_wrong_use(ran, arguments):
    assert ran(*arguments).status == 2


def test_a_batch_is_released_with_one_decision_as_status_shows_it(ran, okta, world, settle):
    leave(okta, *FIVE)
    settle(minutes=2)
    (batch,) = ran("status", "--json").json["batches"]

    told = ran("release", "--batch", str(batch["id"]), "--digest", batch["digest"], "--reason", "layoff")
    settle(minutes=1)

    assert told.status == 0
    assert "Released 5 cases" in told.out
    assert not any(is_member(world, f"{name}@example.com") for name in FIVE)


def test_some_of_a_batch_are_released_and_the_others_go_on_waiting(ran, okta, world, settle):
    leave(okta, *FIVE)
    settle(minutes=2)
    (batch,) = ran("status", "--json").json["batches"]

    told = ran(
        "release", "--batch", str(batch["id"]), "--digest", batch["digest"], "--only", "2, 4", "--reason", "x", "--json"
    )
    settle(minutes=1)

    assert told.json == {"released": [2, 4]}
    assert [is_member(world, f"{name}@example.com") for name in FIVE] == [True, False, True, False, True]


def test_a_batch_that_has_changed_is_declined_and_says_the_new_digest(ran, okta, settle):
    leave(okta, *FIVE)
    settle(minutes=2)
    (before,) = ran("status", "--json").json["batches"]
    leave(okta, "farid.rahimi")
    settle(minutes=2)
    (after,) = ran("status", "--json").json["batches"]

    told = ran("release", "--batch", str(before["id"]), "--digest", before["digest"], "--reason", "x")

    assert told.status == 1
    assert f"its digest is {after['digest']} now, not {before['digest']}" in told.err


def test_a_case_with_a_hold_of_its_own_is_not_decided_with_the_batch(ran, world, okta, entra, settle):
    entra.create(BEN)
    leave(okta, *FIVE)
    settle(minutes=2)
    (batch,) = ran("status", "--json").json["batches"]

    ran("release", "--batch", str(batch["id"]), "--digest", batch["digest"], "--reason", "restructuring")
    settle(minutes=2)

    assert [is_member(world, f"{name}@example.com") for name in FIVE].count(True) == 1
    assert is_member(world, BEN)
    assert "okta says gone, entra says active" in ran("status").said


@pytest.mark.usefixtures("held")
def test_a_cancelled_case_lets_the_person_be(ran, bridge, world, settle):
    told = ran("cancel", "1", "--reason", "stays after all")
    settle(minutes=20)

    assert told.status == 0
    assert is_member(world, BEN)
    assert the_case(bridge).outcome == "cancelled by operator:lea: stays after all"
    assert ran("cancel", "1", "--reason", "again").status == 1


def test_retry_makes_a_case_due_now(ran, bridge, okta, clock):
    okta.deactivate(okta.create(MAYA))

    assert ran("retry", "1").out == "Case 1 is due now.\n"
    assert all_cases(bridge)[0].due_at == clock.now()
    assert ran("retry", "7").status == 1


def test_decisions_as_json_show_the_case_as_it_is_now(ran, okta):
    okta.deactivate(okta.create(MAYA))

    assert ran("retry", "1", "--json").json["attempts"] == 0
    assert ran("cancel", "1", "--reason", "stays", "--json").json["state"] == "CANCELLED"


def test_what_was_done_before_a_cancel_is_said_to_stay_done(ran, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)

    assert f"Already done, and not taken back: remove {MAYA}" in ran("cancel", "1", "--reason", "x").said


@pytest.mark.usefixtures("held")
def test_a_decision_has_a_name_also_where_the_environment_is_empty(ran, monkeypatch):
    monkeypatch.delenv("USER")
    told = ran("cancel", "1", "--reason", "a mistake")

    assert told.status == 0
    assert f"operator:{pwd.getpwuid(os.getuid()).pw_name}" in ran("case", "1").said


def test_whoever_cancels_while_a_step_is_under_way_is_told_that_it_may_be_done(ran, bridge, okta, settle, transport):
    said = []
    okta.deactivate(okta.create(MAYA))
    cancelling = faults.meanwhile(lambda: said.append(ran("cancel", "1", "--reason", "stays").said))
    transport.inject(When(method="DELETE", path="/members/"), cancelling)
    settle(minutes=2)

    (told,) = said
    assert f"Sent, and perhaps done all the same: remove {MAYA} (member) from the organization." in told
