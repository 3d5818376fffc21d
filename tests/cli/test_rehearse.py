from __future__ import annotations

import time

import pytest

from tests import faults
from tests.faults import When
from tests.players import MAYA, audited

THROWAWAY = "rehearsal@example.com"


@pytest.fixture
def accepted(transport, world, clock):
    """Somebody accepts the second invite at once. What is put into the list answers the first removal instead."""
    sent, instead = [], []

    def after_the_second(request, forward):
        clock.advance(seconds=1)  # nobody really waits, and the activity log is a little late
        if request.method == "DELETE" and "/members/" in request.url.path and instead:
            return instead.pop()(request, forward)
        true = forward()
        true.read()
        sent.extend([request] * (request.method == "POST"))
        is_members = request.method == "GET" and request.url.path.endswith("/members/")
        if len(sent) == 2 and is_members and world.membership(THROWAWAY) is None:
            world.accept_invite(world.invites_for(THROWAWAY)[0].id)
        return true

    transport.inject(When(times=None), after_the_second)
    return instead


@pytest.mark.usefixtures("accepted")
def test_as_believed_exits_0_and_says_each_belief(ran, bridge, world):
    told = ran("rehearse", "--email", THROWAWAY, "--yes")

    assert told.status == 0, told.out
    assert "Now accept the invite as rehearsal@example.com" in told.said
    assert "ok an owner is not removed: 400: Cannot leave the organization as its owner!" in told.said
    assert "All that was seen is as believed, and nothing is left behind." in told.said
    assert world.membership(THROWAWAY) is None
    assert audited(bridge, "rehearsal.ended")[0].facts["differences"] == []


def test_a_difference_exits_1_and_is_in_the_json(ran, accepted):
    accepted.append(faults.refusal(400, "Owners may not leave.", "invalid_input", "validation_error"))
    told = ran("rehearse", "--email", THROWAWAY, "--yes", "--json")

    assert told.status == 1
    assert told.json["differences"] == 1
    (check,) = [c for c in told.json["checks"] if c["outcome"] == "different"]
    assert check["seen"] == "400: Owners may not leave."
    assert "Now accept the invite" in told.err


def test_a_walk_that_ended_early_is_no_rehearsal(ran, world, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    told = ran("rehearse", "--email", THROWAWAY, "--yes", "--wait", "1")

    assert told.status == 1
    assert "This waits up to 1 min." in told.said
    assert told.said.endswith(
        "The walk ended early: what comes after the last line was not tried. "
        "The account rehearsal@example.com itself lives on in PostHog; its owner can delete it there."
    )
    assert world.invites_for(THROWAWAY) == []


def test_nothing_is_sent_before_somebody_said_yes(ran, world):
    told = ran("rehearse", "--email", THROWAWAY)

    assert told.status == 2
    assert "add --yes" in told.err
    assert world.invites_for(THROWAWAY) == []


def test_a_person_of_a_connection_is_refused(ran, okta):
    okta.create("new.colleague@example.com")

    told = ran("rehearse", "--email", "new.colleague@example.com", "--yes")

    assert told.status == 1
    assert "is somebody" in told.err


def test_a_member_is_refused(ran):
    assert "is a member already" in ran("rehearse", "--email", MAYA, "--yes").err


def test_an_account_that_is_somebody_s_is_refused_whatever_its_address(ran, okta, world, settle):
    okta.create(MAYA)
    settle(minutes=2)  # linked
    world.change_email(MAYA, "maya.private@example.com")
    settle(hours=25)

    told = ran("rehearse", "--email", "maya.private@example.com", "--throwaway", "--yes")

    assert told.status == 1
    assert "is somebody" in told.err
    assert world.membership("maya.private@example.com") is not None
