from __future__ import annotations

import pytest

from bridge.store import returns
from tests.players import BEN, IVAN, MAYA, all_cases, deactivate_many, is_member


@pytest.fixture
def gone(okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)


def states(bridge):
    with bridge.db.read() as tx:
        return [r.state.value for c in all_cases(bridge) for r in returns.of_case(tx, c.id)]


def test_undo_invites_and_says_what_is_not_given_back(ran, bridge, world, gone, settle):
    told = ran("undo", "1", "--reason", "wrong Maya", "--yes")
    settle(minutes=2)

    assert told.status == 0
    assert f"Case 1: invite {MAYA} as member" in told.said
    assert "Invites that were cancelled stay cancelled." in told.said
    assert "1 invite on the way." in told.said
    assert len(world.invites_for(MAYA)) == 1


def test_without_a_terminal_it_is_prepared_and_sent_by_the_same_command(ran, bridge, world, gone, settle):
    told = ran("undo", "1", "--reason", "wrong Maya")
    settle(minutes=2)
    assert "Prepared, and nothing sent. `undo 1` sends it." in told.said
    assert world.invites_for(MAYA) == []
    assert ran("undo", "--list").status == 1

    assert ran("undo", "1", "--yes").status == 0
    assert states(bridge) == ["ready"]


def test_a_batch_that_was_a_mistake_comes_back_with_one_command(ran, bridge, world, settle, batch):
    told = ran("undo", "--batch", str(batch), "--reason", "an import went wrong", "--yes")
    settle(minutes=5)

    assert told.status == 0
    people = [c.subject.label for c in all_cases(bridge)]
    assert len(people) == 8
    assert not any(is_member(world, p) for p in people)
    assert [len(world.invites_for(p)) for p in people] == [1] * 8


def test_a_batch_that_was_only_prepared_is_sent_by_the_same_command(ran, bridge, batch):
    told = ran("undo", "--batch", str(batch), "--reason", "an import went wrong")
    assert f"`undo --batch {batch}` sends it." in told.said
    assert states(bridge) == ["prepared"] * 8

    assert ran("undo", "--batch", str(batch), "--yes").status == 0
    assert states(bridge) == ["ready"] * 8


@pytest.fixture
def batch(ran, bridge, world, okta, settle):
    """Eight people whose removal was released, and who are out."""
    deactivate_many(world, okta, 8)
    settle(minutes=2)
    case = all_cases(bridge)[0]
    waiting = ran("status", "--json").json["batches"][0]
    ran("release", "--batch", str(case.batch_id), "--digest", waiting["digest"], "--reason", "HR said so")
    settle(minutes=5)
    return case.batch_id


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name cases, a batch with --batch, or a to-do with --todo."),
        (("1", "--todo", "1", "--reason", "x"), "Name cases, a batch with --batch, or a to-do with --todo."),
        (("1",), "Say why with --reason"),
        (("1", "2", "--email", "a@b.example", "--reason", "x"), "--email goes with one case."),
        (("1", "--email", "maya", "--reason", "x"), '"maya" is not an address'),
    ],
)
def test_wrong_use_is_one_sentence_and_prepares_nothing(ran, bridge, gone, arguments, sentence):
    told = ran("undo", *arguments)

    assert told.status == 2
    assert sentence in told.err
    assert states(bridge) == []


def test_who_was_never_removed_cannot_come_back(ran, okta):
    okta.deactivate(okta.create(BEN))

    told = ran("undo", "1", "--reason", "x", "--yes")

    assert told.status == 1
    assert "Nobody was removed in case 1." in told.err
    assert "`cancel 1` lets the person be." in told.err


def test_json_has_everything_that_goes_out(ran, gone):
    (one,) = ran("undo", "1", "--reason", "x", "--as-before", "--json", "--yes").json

    assert (one["email"], one["level"], one["level_before"], one["state"]) == (MAYA, "member", "member", "ready")
    assert one["asked_by"] == "operator:lea"


def test_the_case_tells_the_way_back(ran, bridge, world, gone, settle):
    ran("undo", "1", "--reason", "wrong Maya", "--yes")
    settle(minutes=2)
    (invite,) = world.invites_for(MAYA)
    world.accept_invite(invite.id)
    settle(minutes=20)

    told = ran("case", "1").said
    assert f"lea prepared the way back: invite {MAYA} as member" in told
    assert "The invite went out" in told
    assert "The person accepted the invite and is a member again, as member." in told
    (back,) = ran("case", "1", "--json").json["given_back"]
    assert back["state"] == "back"


def test_the_removal_record_says_what_was_given_back_and_what_not(ran, bridge, world, gone, settle):
    ran("undo", "1", "--reason", "wrong Maya", "--yes")
    settle(minutes=2)
    (invite,) = world.invites_for(MAYA)
    world.accept_invite(invite.id)
    settle(minutes=20)

    told = ran("report", "1").out
    assert "**REMOVED, AND GIVEN BACK.**" in told
    assert f"invite {MAYA} as member, asked by lea: wrong Maya. Accepted: the person is a member again." in told
    assert "Not given back: Invites that were cancelled stay cancelled." in told
    assert "the invite was accepted" in told
    assert ran("report", "1", "--format", "json").json["given_back"][0]["state"] == "back"


def test_whoever_names_another_address_does_not_send_what_was_prepared_for_the_old_one(
    ran, bridge, world, gone, settle
):
    ran("undo", "1", "--reason", "wrong Maya", "--prepare-only")
    assert ran("undo", "1", "--email", "maya.new@example.com", "--yes").status == 2  # it is a new choice: why?

    told = ran("undo", "1", "--email", "maya.new@example.com", "--reason", "her old mail is closed", "--yes")
    settle(minutes=2)

    assert told.status == 0
    assert states(bridge) == ["dropped", "sent"]
    assert [len(world.invites_for(who)) for who in (MAYA, "maya.new@example.com")] == [0, 1]


def test_a_batch_that_was_only_prepared_is_sent_by_the_command_that_is_told(ran, bridge, world, settle, batch):
    told = ran("undo", "--batch", str(batch), "--reason", "an import went wrong", "--prepare-only")
    assert f"`undo --batch {batch}` sends it." in told.said

    assert ran("undo", "--batch", str(batch), "--yes").status == 0
    settle(minutes=5)
    assert states(bridge) == ["sent"] * 8


def test_a_case_of_an_organization_that_is_not_configured_any_more_is_refused_in_words(ran, gone):
    told = ran("undo", "1", "--reason", "x", targets={}, policies={}, connections={})

    assert told.status == 1
    assert "Case 1 is about main, which is not configured." in told.err


def test_a_case_that_ended_before_anybody_was_removed_is_not_to_be_cancelled_again(ran, okta):
    okta.deactivate(okta.create(MAYA))
    ran("cancel", "1", "--reason", "stays")

    told = ran("undo", "1", "--reason", "x")

    assert told.status == 1
    assert "Nobody was removed in case 1. `case 1` tells its story." in " ".join(told.err.split())


def test_a_level_that_one_operator_approved_and_did_not_send_is_not_sent_by_another(ran, bridge, world, okta, settle):
    okta.deactivate(okta.create(IVAN))  # an admin
    settle(minutes=2)
    ran("undo", "1", "--as-before", "--reason", "x", "--prepare-only", "--as", "noor")

    assert "Say why with --reason" in ran("undo", "1", "--yes", "--as", "lea").err
    ran("undo", "1", "--reason", "back", "--yes", "--as", "lea")
    settle(minutes=2)

    assert [i.level for i in world.invites_for(IVAN)] == [1]
    assert states(bridge) == ["dropped", "sent"]
