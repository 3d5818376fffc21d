"""PostHog on its bad days: what it answers, what the bridge makes of it, and that nothing is lost or done twice."""

from __future__ import annotations

import pytest

from bridge import reconcile
from bridge.core.case import CaseState
from bridge.core.plan import HoldCode
from bridge.store import targets
from tests.faults import (
    When,
    answer,
    html,
    meanwhile,
    no_connection,
    redirect,
    refusal,
    reset_after,
    reset_before,
    slow,
    throttled,
)
from tests.players import (
    BEN,
    GRACE,
    MAYA,
    NOOR,
    SAMUEL,
    all_cases,
    audited,
    codes,
    deletes,
    is_member,
    target_state,
    the_case,
)

REMOVAL = When(method="DELETE", path="/members/")
LOOK = When(method="GET", path="/members/")


WIDE = {
    "401": refusal(401, "Personal API key found in request Authorization header is invalid.", "authentication_failed"),
    "403 scope": refusal(403, "API key missing required scope 'organization_member:write'"),
    "404 organization": refusal(404, "Organization not found.", "not_found", "invalid_request"),
    "429 with Retry-After": throttled(retry_after_seconds=30),
    "429 without Retry-After": throttled(said_seconds=30),
    "no connection": no_connection(),
    "redirect": redirect(),
}


LOOK_ONLY = {"500": answer(500, {"type": "server_error"}), "HTML": html(), "slow": slow(), "reset": reset_before()}
"""A write that is answered so is the case's own trouble."""


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        *(pytest.param(LOOK, fault, id=f"look-{name}") for name, fault in (WIDE | LOOK_ONLY).items()),
        *(pytest.param(REMOVAL, fault, id=f"removal-{name}") for name, fault in WIDE.items()),
    ],
)
def test_a_target_in_trouble_is_paused_told_once_and_costs_no_attempts(
    bridge, world, transport, okta, settle, rule, fault
):
    okta.deactivate(okta.create(MAYA))
    settle(seconds=30)
    transport.inject(When(method=rule.method, path=rule.path, times=None), fault)
    settle(minutes=30)

    assert is_member(world, MAYA)
    assert the_case(bridge).attempts == 0
    assert target_state(bridge).paused_since is not None
    assert len(audited(bridge, "target.paused")) == 1

    transport.clear()
    settle(minutes=10)

    assert not is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.WATCHING
    assert target_state(bridge).paused_since is None
    assert len(audited(bridge, "target.resumed")) == 1


@pytest.mark.parametrize(
    "fault",
    [answer(500, {"type": "server_error"}), html(), slow(), reset_before(), refusal(400, "No.", "x", "y")],
    ids=["500", "HTML", "slow", "reset before the effect", "400"],
)
def test_one_removal_that_fails_is_tried_again_with_back_off(bridge, world, transport, okta, settle, fault):
    transport.inject(When(method="DELETE", path="/members/", times=3), fault)
    okta.deactivate(okta.create(BEN))
    settle(minutes=5)

    assert not is_member(world, BEN)
    assert the_case(bridge).state is CaseState.WATCHING
    assert [e.facts["attempts"] for e in audited(bridge, "step.failed")] == [1, 2, 3]


@pytest.mark.parametrize("fault", [reset_after(), slow(has_effect=True)], ids=["reset", "slow"])
def test_an_answer_lost_after_the_effect_is_looked_up_and_not_repeated(bridge, world, transport, okta, settle, fault):
    transport.inject(REMOVAL, fault)
    okta.deactivate(okta.create(BEN))
    settle(minutes=5)

    assert not is_member(world, BEN)
    assert the_case(bridge).state is CaseState.WATCHING
    assert len(deletes(world)) == 1


def test_retry_after_is_honoured(bridge, world, transport, okta, settle):
    transport.inject(LOOK, throttled(retry_after_seconds=600))
    okta.deactivate(okta.create(MAYA))
    settle(minutes=9)
    assert is_member(world, MAYA)

    settle(minutes=3)

    assert not is_member(world, MAYA)


def test_a_weekend_of_outage_costs_nothing_and_everyone_goes_when_it_is_over(bridge, world, transport, okta, settle):
    transport.inject(When(times=None), no_connection())
    people = [MAYA, BEN, GRACE]
    for address in people:
        okta.deactivate(okta.create(address))
    settle(hours=60)
    assert all(c.attempts == 0 and c.state is CaseState.PENDING for c in all_cases(bridge))

    transport.clear()
    settle(minutes=10)

    assert not any(is_member(world, address) for address in people)
    assert len(audited(bridge, "target.paused")) == 1


def test_a_case_that_always_fails_is_held_as_a_dead_letter_and_does_not_delay_others(
    bridge, world, transport, okta, settle
):
    uuid = world.account(BEN).uuid
    transport.inject(When(method="DELETE", path=uuid, times=None), answer(500, {"type": "server_error"}))
    okta.deactivate(okta.create(BEN))
    okta.deactivate(okta.create(MAYA))
    settle(hours=24)

    stuck, _ = all_cases(bridge)
    assert codes(stuck) == [HoldCode.GAVE_UP]
    assert stuck.attempts == 12
    assert not is_member(world, MAYA)

    from bridge import decisions

    transport.clear()
    decisions.retry(bridge, stuck.id, by="ada")
    settle(minutes=5)

    assert not is_member(world, BEN)


def test_a_success_without_effect_is_noticed_and_held(bridge, world, transport, okta, settle):
    transport.inject(When(method="DELETE", path="/members/", times=None), answer(204))
    okta.deactivate(okta.create(BEN))
    settle(minutes=20)

    assert is_member(world, BEN)
    assert codes(the_case(bridge)) == [HoldCode.NOT_CONVERGING]


def test_who_signs_in_again_before_the_first_look_has_returned_and_is_no_removal_that_does_not_take(
    bridge, world, transport, okta, clock, settle
):
    def signs_in() -> None:
        clock.advance(seconds=3)
        assert world.login(MAYA).outcome == "jit"

    # The first look finds her, the next two come after a removal.
    transport.inject(When(method="GET", path="/members/", nth=2, times=2), meanwhile(signs_in, is_before=True))
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    assert not is_member(world, MAYA)
    assert (the_case(bridge).state, the_case(bridge).returns) == (CaseState.WATCHING, 2)
    assert len(deletes(world)) == 3


def test_a_404_on_delete_is_believed_only_after_a_look(bridge, world, transport, okta, settle):
    transport.inject(REMOVAL, refusal(404, "Not found.", "not_found"))
    okta.deactivate(okta.create(BEN))
    settle(minutes=5)

    assert not is_member(world, BEN)
    assert len(deletes(world)) == 1


def test_an_invite_accepted_between_the_looks_does_not_keep_the_person_in(bridge, world, transport, okta, settle):
    invite = world.add_invite("zed@example.com", 1, by="lea.brandt@example.com")
    transport.inject(
        When(method="DELETE", path="/invites/"), meanwhile(lambda: world.accept_invite(invite.id), is_before=True)
    )
    world.add_account("zed@example.com")
    okta.deactivate(okta.create("zed@example.com"))
    settle(minutes=5)

    assert not is_member(world, "zed@example.com")
    assert the_case(bridge).state is CaseState.WATCHING


def test_an_owner_promoted_between_look_and_removal_is_stepped_down_and_removed(bridge, world, transport, okta, settle):
    transport.inject(REMOVAL, meanwhile(lambda: world.set_level(BEN, 15), is_before=True))
    okta.deactivate(okta.create(BEN))
    settle(minutes=5)

    assert not is_member(world, BEN)


def test_the_other_owner_demoted_by_hand_between_the_steps_is_replaced_by_the_successor(
    bridge, world, transport, okta, settle
):
    demotion = When(method="PATCH", path=world.account(GRACE).uuid)
    transport.inject(demotion, meanwhile(lambda: world.set_level(SAMUEL, 8)))
    okta.deactivate(okta.create(GRACE))
    settle(minutes=5)

    human = [a.email for a, m in world.members() if m.level == 15 and a.email != "posthog-bridge@example.com"]
    assert human == [NOOR]
    assert not is_member(world, GRACE)


def test_a_worker_that_lost_its_claim_writes_nothing_more(bridge, world, transport, okta, clock, settle):
    def somebody_else_takes_over() -> None:
        clock.advance(seconds=9)
        with bridge.db.write() as tx:
            assert targets.claim(tx, "main", clock.now()) is not None

    okta.deactivate(okta.create(BEN))
    settle(seconds=55)
    clock.advance(seconds=10)
    transport.inject(LOOK, meanwhile(somebody_else_takes_over))
    reconcile.run_pass(bridge, "main")

    assert deletes(world) == []
    assert the_case(bridge).state is CaseState.PENDING


def test_a_pass_that_takes_long_hands_over_and_rings(bridge, world, transport, okta, clock, settle):
    for address in (BEN, MAYA):
        okta.deactivate(okta.create(address))
    settle(seconds=55)
    clock.advance(seconds=10)
    bridge.bell.rung.clear()
    transport.inject(REMOVAL, meanwhile(lambda: clock.advance(seconds=31)))
    reconcile.run_pass(bridge, "main")

    assert bridge.bell.rung == ["main"]
    assert len(deletes(world)) == 1
    settle(minutes=5)
    assert len(deletes(world)) == 2


def test_nothing_secret_or_personal_is_in_a_pause_reason(bridge, world, transport, okta, settle):
    from tests.conftest import KEY

    okta.deactivate(okta.create(MAYA))
    transport.inject(When(times=None), WIDE["401"])
    settle(minutes=5)
    reason = target_state(bridge).pause_reason

    assert KEY not in reason
    assert MAYA not in reason
    assert "key" in reason
