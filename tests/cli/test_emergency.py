"""An emergency at the terminal: asked twice for protected people, watched until it is over, told what stands in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge import decisions, reconcile
from bridge.core.case import CaseState
from tests.players import GRACE, MAYA, SAMUEL, all_cases, codes, is_member, the_case


class PromptBell:
    """A worker that comes at once."""

    def __init__(self, bridge) -> None:
        self._bridge = bridge

    def ring(self, target: str) -> None:
        reconcile.run_pass(self._bridge, target)


def of(bridge, email: str):
    return next(c for c in all_cases(bridge) if c.subject.label == email)


@pytest.fixture
def bridge(bridge):
    return replace(bridge, policies={"main": replace(bridge.policies["main"], protected=frozenset({SAMUEL}))})


@pytest.fixture
def worked(ran, bridge):
    def run(*arguments: str):
        return ran(*arguments, bell=PromptBell(bridge))

    return run


def test_it_is_watched_until_the_person_is_out(worked, bridge, world):
    told = worked("remove", MAYA, "--emergency", "--reason", "security_incident", "--yes")

    assert told.status == 0
    assert not is_member(world, MAYA)
    assert f"Case 1: {MAYA} is out after" in told.said
    assert f"remove {MAYA} (member) from the organization: PostHog answered 204" in told.said
    assert "report 1 --incident" in told.said


def test_without_a_worker_it_says_that_the_person_is_still_in(ran, bridge, world):
    told = ran("remove", MAYA, "--emergency", "--yes", "--wait", "0.3")

    assert told.status == 3
    assert is_member(world, MAYA)
    assert "Not out yet after 0 s: case 1." in told.said
    assert "is `run` (or `worker`) up?" in told.said


def test_a_protected_person_is_held_unless_named_again(worked, bridge, world):
    told = worked("remove", SAMUEL, "--emergency", "--yes")

    assert told.status == 1
    assert is_member(world, SAMUEL)
    assert codes(the_case(bridge)) == ["protected"]
    assert f"--even-protected {SAMUEL}" in told.said


def test_a_protected_person_who_is_named_again_goes(worked, bridge, world):
    told = worked("remove", SAMUEL, "--emergency", "--even-protected", SAMUEL.upper(), "--yes")

    case = the_case(bridge)
    assert told.status == 0
    assert not is_member(world, SAMUEL)
    assert case.is_confirmed
    assert "they said it again" in worked("case", "1").said


def test_named_again_without_being_named_or_protected_is_a_mistake(worked, bridge):
    told = worked("remove", MAYA, "--emergency", "--even-protected", SAMUEL, "--yes")

    assert told.status == 2
    assert "Not both named here and on the list of protected people" in told.err
    assert worked("remove", SAMUEL, "--even-protected", SAMUEL, "--yes").status == 2


def test_the_last_owner_of_an_emergency_holds_with_the_way_on(ran, bridge, world):
    """Nobody waits for a successor then, but an organization without a human owner is somebody's decision."""
    alone = replace(bridge, policies={"main": replace(bridge.policies["main"], successors=())})
    bell = PromptBell(alone)
    other = ("remove", SAMUEL, "--emergency", "--even-protected", SAMUEL, "--yes")
    assert ran(*other, policies=alone.policies, bell=bell).status == 0

    told = ran(
        "remove", GRACE, "--emergency", "--reason", "security_incident", "--yes", policies=alone.policies, bell=bell
    )

    case = of(bridge, GRACE)
    assert told.status == 1
    assert codes(case) == ["last_owner"]
    assert "is HELD" in told.said
    assert f"release {case.id} --digest {case.plan.digest}" in told.said

    ran("release", str(case.id), "--digest", case.plan.digest, "--reason", "fired", policies=alone.policies, bell=bell)
    assert not is_member(world, GRACE)
    assert of(bridge, GRACE).state is CaseState.WATCHING


def test_somebody_who_is_watched_and_came_back_is_not_called_out_before_a_look(ran, bridge, world, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    world.add_member(MAYA, 1)  # through just-in-time sign-in; no look has shown it yet

    told = ran("remove", MAYA, "--emergency", "--yes", "--wait", "0.3")

    assert told.status == 3
    assert "is out" not in told.said
    assert "Not out yet after 0 s: case 1." in told.said


def test_a_hold_of_before_the_emergency_is_not_told_as_one_of_it(ran, bridge, okta, settle):
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=2)
    assert codes(the_case(bridge)) == ["protected"]

    told = ran("remove", SAMUEL, "--emergency", "--even-protected", SAMUEL, "--yes", "--wait", "0.3")

    assert told.status == 3
    assert "is HELD" not in told.said


def test_an_emergency_that_somebody_else_cancels_is_not_told_as_done(ran, bridge, world):
    class Cancelling:
        def ring(self, _target: str) -> None:
            decisions.cancel(bridge, 1, by="noor", reason="wrong Maya")

    told = ran("remove", MAYA, "--emergency", "--yes", bell=Cancelling())

    assert told.status == 1
    assert is_member(world, MAYA)
    assert f"Case 1 does not take {MAYA} out: cancelled by operator:noor: wrong Maya." in told.said
