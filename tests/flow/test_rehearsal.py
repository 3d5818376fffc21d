"""A throwaway member's walk: what is believed is found, what is not is named, and nothing stays behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.ports import Declined
from bridge.rehearsal import Outcome, Rehearsal
from bridge.sandbox import ADMIN, MEMBER, OWNER
from tests import faults
from tests.faults import When
from tests.players import MAYA

THROWAWAY = "rehearsal@example.com"
BRIDGE = "posthog-bridge@example.com"


@pytest.fixture
def rehearsal(bridge, clock, world):
    """A walk whose invite somebody accepts at the first wait."""
    said = []

    def pause(seconds: float) -> None:
        clock.advance(seconds=seconds)
        for invite in world.invites_for(THROWAWAY):
            if world.membership(THROWAWAY) is None:
                world.accept_invite(invite.id)

    return Rehearsal(
        remote=bridge.remote("main"),
        email=THROWAWAY,
        now=clock.now,
        say=said.append,
        pause=pause,
        patience=timedelta(minutes=1),
    )


def different(found) -> list[str]:
    return [c.name for c in found.differences]


def test_against_the_sandbox_everything_is_as_believed_and_nothing_stays(rehearsal, world):
    before = {a.email: m.level for a, m in world.members()}
    found = rehearsal.walk()

    assert different(found) == []
    assert found.left_behind == ()
    assert found.is_as_believed
    assert found.is_whole
    assert len([c for c in found.checks if c.outcome is Outcome.AS_BELIEVED]) >= 18
    assert {a.email: m.level for a, m in world.members()} == before
    assert world.invites_for(THROWAWAY) == []


def test_a_posthog_that_removes_owners_is_found_out(rehearsal, transport, world):
    def removes_anyhow(request, forward):
        forward()
        world.remove_member(THROWAWAY)
        return faults.answer(204)(request, forward)

    transport.inject(When(method="DELETE", path="/members/"), removes_anyhow)
    found = rehearsal.walk()

    (check,) = found.differences
    assert (check.name, check.seen) == ("an owner is not removed", "204")
    assert check.expected == "400: Cannot leave the organization as its owner!"
    assert found.left_behind == ()


def test_a_posthog_that_demotes_us_when_we_make_an_owner_is_found_out(rehearsal, transport, world):
    transport.inject(When(method="PATCH", nth=2), faults.meanwhile(lambda: world.set_level(BRIDGE, ADMIN)))
    found = rehearsal.walk()

    assert "another owner does not demote us" in different(found)
    assert f"the member {THROWAWAY}" in found.left_behind  # an admin's key cannot take an owner out
    assert not found.is_as_believed


def test_other_words_are_a_difference(rehearsal, transport):
    words = faults.refusal(400, "Owners may not leave.", "invalid_input", "validation_error")
    transport.inject(When(method="DELETE", path="/members/"), words)
    assert different(rehearsal.walk()) == ["an owner is not removed"]


def test_when_nobody_accepts_the_invite_is_taken_back(rehearsal, world):
    rehearsal.pause = lambda _seconds: None
    found = rehearsal.walk()

    assert found.checks[-1].outcome is Outcome.NOT_SEEN
    assert world.invites_for(THROWAWAY) == []
    assert found.is_as_believed
    assert not found.is_whole


@pytest.mark.parametrize("nth", range(1, 6))
def test_whatever_fails_on_the_way_nothing_stays_behind(rehearsal, transport, world, nth):
    def broken(request, forward):
        return forward() if request.method == "GET" else faults.answer(503, "busy")(request, forward)

    transport.inject(When(nth=nth * 4), broken)
    rehearsal.walk()

    assert world.membership(THROWAWAY) is None
    assert world.invites_for(THROWAWAY) == []


@pytest.mark.parametrize("step", ["while it waits", "while it is an owner"])
def test_ctrl_c_leaves_no_invite_and_no_owner_behind(rehearsal, transport, world, step):
    def interrupted(*_):
        raise KeyboardInterrupt

    if step == "while it waits":
        rehearsal.pause = interrupted
    else:
        transport.inject(When(method="DELETE", path="/members/"), interrupted)
    found = rehearsal.walk()

    assert different(found) == ["the walk goes through"]
    assert found.left_behind == ()
    assert world.membership(THROWAWAY) is None
    assert world.invites_for(THROWAWAY) == []


def test_what_cannot_be_taken_away_is_told(rehearsal, transport):
    transport.inject(When(method="DELETE", times=None), faults.answer(503, "busy"))
    found = rehearsal.walk()

    assert found.left_behind == (f"the member {THROWAWAY}",)


class TestWhoIsNeverTouched:
    def refused(self, rehearsal, email, *untouchable, **changed):
        with pytest.raises(Declined) as told:
            replace(rehearsal, email=email, **changed).refuse_who_must_not_be_touched(untouchable)
        return str(told.value)

    def test_the_key_s_own_account(self, rehearsal):
        assert "own key" in self.refused(rehearsal, BRIDGE.upper(), is_named_throwaway=True)

    def test_an_owner(self, rehearsal):
        assert "is an owner" in self.refused(rehearsal, "grace.lindqvist@example.com", is_named_throwaway=True)

    def test_a_member_unless_named_a_throwaway(self, rehearsal):
        assert "is a member already" in self.refused(rehearsal, MAYA)
        replace(rehearsal, email=MAYA, is_named_throwaway=True).refuse_who_must_not_be_touched()

    def test_whoever_waits_for_an_invite_unless_named_a_throwaway(self, rehearsal):
        """A new colleague accepts, is taken for the throwaway, made an owner, and removed."""
        new = "new.colleague@example.com"
        assert "is invited already" in self.refused(rehearsal, new)
        replace(rehearsal, email=new, is_named_throwaway=True).refuse_who_must_not_be_touched()

    def test_whoever_becomes_a_member_while_somebody_is_asked(self, rehearsal, world, transport):
        rehearsal.refuse_who_must_not_be_touched()
        world.add_member(THROWAWAY, MEMBER)

        with pytest.raises(Declined, match="has become a member meanwhile"):
            rehearsal.walk()

        assert world.membership(THROWAWAY) is not None
        assert {r.method for r in transport.sent} == {"GET"}

    def test_whoever_is_protected_or_known(self, rehearsal):
        assert "is somebody" in self.refused(rehearsal, THROWAWAY, THROWAWAY)

    def test_looking_writes_nothing(self, rehearsal, transport):
        rehearsal.refuse_who_must_not_be_touched()
        assert {r.method for r in transport.sent} == {"GET"}

    def test_a_named_throwaway_walks_and_is_gone(self, rehearsal, world):
        world.add_member(THROWAWAY, MEMBER)
        found = replace(rehearsal, is_named_throwaway=True).walk()
        assert found.is_as_believed
        assert world.membership(THROWAWAY) is None
        assert world.level_of(BRIDGE) == OWNER
