"""The pass, in the corners: lost answers, untrue answers, slow looks, pauses, and what all that costs in calls."""

from __future__ import annotations

import httpx
import pytest

from bridge import decisions, reconcile
from bridge.core.case import CaseState
from bridge.core.plan import HoldCode
from bridge.store import story, views
from tests.faults import When, answer, meanwhile, refusal, reset_after, reset_before, throttled
from tests.players import BEN, MAYA, audited, codes, is_member, target_state, the_case


def test_rings_do_not_wake_a_paused_target(bridge, world, transport, okta, settle, clock):
    transport.inject(When(method="GET", path="/members/", times=None), throttled(retry_after_seconds=600))
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    before = target_state(bridge).pauses
    for _ in range(5):
        clock.advance(seconds=1)
        decisions.retry(bridge, the_case(bridge).id, by="ada")
        reconcile.run_pass(bridge, "main")

    assert before > 0
    assert target_state(bridge).pauses == before


def test_one_slow_look_delays_nobody(bridge, world, transport, okta, settle, clock):
    transport.inject(When(method="GET", path="/members/"), meanwhile(lambda: clock.advance(seconds=61)))
    okta.deactivate(okta.create(BEN))
    settle(minutes=4)
    assert not is_member(world, BEN)


def test_a_target_that_is_always_slow_is_still_served(bridge, world, transport, okta, settle, clock):
    transport.inject(When(method="GET", path="/members/", times=None), meanwhile(lambda: clock.advance(seconds=61)))
    okta.deactivate(okta.create(BEN))
    settle(hours=4)
    assert not is_member(world, BEN)


def test_a_released_step_without_effect_is_tried_with_back_off(bridge, world, transport, okta, settle, clock):
    world.is_throttling = False
    sent = []

    def untrue(request, _forward):
        sent.append(request)
        clock.advance(milliseconds=200)
        return httpx.Response(204, request=request)

    transport.inject(When(method="DELETE", path="/members/", times=None), untrue)
    okta.deactivate(okta.create(BEN))
    settle(minutes=3)
    held, before = the_case(bridge), len(sent)
    decisions.release(bridge, held.id, held.plan.digest, by="ada", reason="try on")
    reconcile.run_pass(bridge, "main")

    assert before <= 4
    assert 0 < len(sent) - before < 20


def test_a_removal_whose_answer_was_lost_is_recorded_as_done(bridge, world, transport, okta, settle):
    transport.inject(When(method="DELETE", path="/members/"), reset_after())
    okta.deactivate(okta.create(BEN))
    settle(hours=26)
    c = the_case(bridge)
    assert c.outcome.startswith("out of the organization")


def test_removals_whose_answers_were_lost_count_against_the_limit(bridge, world, transport, okta, settle):
    ps = [f"p{n}@example.com" for n in range(12)]
    for a in ps:
        world.add_member(a, 1)
    ids = [okta.create(a) for a in ps]
    settle(minutes=2)
    transport.inject(When(method="DELETE", path="/members/", times=None), reset_after())
    for r in ids:
        okta.deactivate(r)
        settle(seconds=150)
    assert sum(not is_member(world, a) for a in ps) <= 3


def test_a_removal_that_a_crash_interrupted_is_in_the_audit_log(bridge, world, okta, clock, settle, transport):

    class Dead(BaseException):
        pass

    def die():
        raise Dead

    okta.deactivate(okta.create(BEN))
    settle(seconds=30)
    transport.inject(When(method="DELETE", path="/members/"), meanwhile(die))
    with pytest.raises(Dead):
        settle(minutes=5)
    clock.advance(seconds=9)
    settle(hours=26)
    assert not is_member(world, BEN)
    assert audited(bridge, "step.found_done")


def test_a_new_invite_after_a_removal_whose_answer_was_lost_is_held(bridge, world, transport, okta, settle):
    transport.inject(When(method="DELETE", path="/members/"), reset_after())
    okta.deactivate(okta.create(BEN))
    settle(minutes=20)
    world.add_invite(BEN, 1, by="lea.brandt@example.com")
    settle(minutes=30)
    assert codes(the_case(bridge)) == [HoldCode.REINVITED]


def test_held_cases_share_their_looks(bridge, world, okta, settle):
    for n in range(20):
        okta.deactivate(okta.create(f"s{n}@example.com"))
        settle(seconds=25)
    settle(minutes=30)
    world.calls.clear()
    settle(hours=1)
    assert len(world.calls) <= 20


def test_a_404_that_is_not_true_is_tried_with_back_off_and_held(bridge, world, transport, okta, settle, clock):
    world.is_throttling = False
    n = []

    def f(request, forward):
        n.append(1)
        clock.advance(milliseconds=200)
        return httpx.Response(
            404,
            json={"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None},
            request=request,
        )

    okta.deactivate(okta.create(BEN))
    settle(seconds=55)
    transport.inject(When(method="DELETE", path="/members/", times=None), f)
    clock.advance(seconds=10)
    world.calls.clear()
    reconcile.run_pass(bridge, "main")
    reconcile.run_pass(bridge, "main")
    the_case(bridge)
    assert len(n) < 10


def test_a_dead_letter_notices_that_the_person_is_gone(bridge, world, transport, okta, settle):
    transport.inject(When(method="DELETE", path="/members/", times=None), answer(500, {"type": "server_error"}))
    okta.deactivate(okta.create(BEN))
    settle(hours=12)
    assert codes(the_case(bridge)) == [HoldCode.GAVE_UP]
    world.remove_member(BEN)
    settle(hours=48)
    c = the_case(bridge)
    assert c.state is not CaseState.HELD


def test_profile_pushes_for_a_watched_person_cost_few_looks(bridge, world, okta, settle, clock):
    m = okta.create(MAYA)
    okta.deactivate(m)
    settle(minutes=10)
    world.calls.clear()
    for n in range(20):
        clock.advance(seconds=2)
        okta.change(m, body={"title": str(n)})
        reconcile.run_pass(bridge, "main")
    assert len(world.calls) <= 4


def test_the_story_tells_of_a_removal_whose_answer_was_lost(bridge, world, transport, okta, settle):
    transport.inject(When(method="DELETE", path="/members/"), reset_after())
    okta.deactivate(okta.create(BEN))
    settle(minutes=5)
    with bridge.db.read() as tx:
        told = [moment.says for moment in story.timeline(views.one(tx, the_case(bridge).id))]

    assert any("the look shows that it was done: remove ben.oduya@example.com" in says for says in told)


def test_a_step_that_a_look_showed_undone_is_not_told_as_begun(bridge, world, transport, okta, settle):
    record = okta.create(BEN)
    transport.inject(When(method="DELETE", path="/members/"), reset_before())
    transport.inject(When(method="DELETE", path="/members/", nth=2, times=None), refusal(403, "Not now."))
    okta.deactivate(record)
    settle(minutes=5)
    okta.activate(record)

    assert is_member(world, BEN)
    assert the_case(bridge).state is CaseState.CANCELLED
