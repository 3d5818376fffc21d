"""What people decide and what an approval covers, in the corners: batches, backlogs, dates, switches of the mode."""

from __future__ import annotations

from datetime import timedelta

from bridge import decisions
from bridge.core.case import CaseState
from bridge.core.events import Reason, Subject
from bridge.core.plan import HoldCode
from bridge.core.policy import Mode
from bridge.store import batches
from tests.conftest import run_for, wire
from tests.players import (
    BEN,
    MAYA,
    Idp,
    all_cases,
    batch_of,
    codes,
    deactivate_many,
    deletes,
    is_member,
    join_many,
    the_case,
)


def test_a_case_held_while_observing_waits_for_approval_after_the_switch_back(
    db, clock, world, transport, bridge, okta
):
    okta.deactivate(okta.create(MAYA))
    obs = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    run_for(obs, clock, minutes=5)
    assert codes(the_case(obs)) == [HoldCode.OBSERVE_ONLY]
    run_for(bridge, clock, hours=1)
    assert is_member(world, MAYA)


def test_a_return_seen_while_observing_waits_for_approval_after_the_switch_back(
    db, clock, world, transport, bridge, okta
):
    okta.deactivate(okta.create(MAYA))
    run_for(bridge, clock, minutes=5)
    obs = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    world.login(MAYA)
    run_for(obs, clock, minutes=30)
    assert codes(the_case(obs)) == [HoldCode.OBSERVE_ONLY]
    run_for(bridge, clock, hours=1)
    assert is_member(world, MAYA)


def test_who_was_left_out_of_a_released_batch_stays_held(bridge, world, okta, settle):
    ps = deactivate_many(world, okta, 12)
    settle(minutes=2)
    b = batch_of(bridge)
    decisions.release_batch(
        bridge, b.id, b.digest, by="ada", reason="not the last three", only=[c.id for c in b.cases[:9]]
    )
    settle(minutes=30)
    assert sum(is_member(world, a) for a in ps) == 3


def test_linking_does_not_bring_a_dated_removal_forward(bridge, world, okta, settle, clock):
    okta.create(MAYA)
    settle(minutes=2)
    decisions.remove(
        bridge,
        Subject(user_name=MAYA),
        "main",
        by="ada",
        reason=Reason.CONTRACT_ENDED,
        effective_at=clock.now() + timedelta(days=3),
    )
    decisions.link(bridge, MAYA, world.account(BEN).uuid, "main", by="ada", is_theirs=False)
    settle(minutes=5)
    assert is_member(world, MAYA)


def test_a_deactivation_brings_a_dated_removal_forward(bridge, world, okta, settle, clock):
    maya = okta.create(MAYA)
    decisions.remove(
        bridge,
        Subject(user_name=MAYA),
        "main",
        by="ada",
        reason=Reason.CONTRACT_ENDED,
        effective_at=clock.now() + timedelta(days=3),
    )
    okta.deactivate(maya)
    settle(hours=3)
    assert not is_member(world, MAYA)


def test_an_operators_sooner_removal_brings_a_dated_one_forward(bridge, world, okta, settle, clock):
    okta.create(MAYA)
    decisions.remove(
        bridge,
        Subject(user_name=MAYA),
        "main",
        by="ada",
        reason=Reason.CONTRACT_ENDED,
        effective_at=clock.now() + timedelta(days=3),
    )
    decisions.remove(bridge, Subject(user_name=MAYA), "main", by="ada", reason=Reason.TERMINATED)
    settle(hours=3)
    assert not is_member(world, MAYA)


def test_a_waiting_backlog_does_not_hold_new_leavers(db, clock, world, transport, bridge):
    obs = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    o = Idp(obs)
    for a in ("tomas.reyes@example.com", BEN, "mei.chen@example.com"):
        o.deactivate(o.create(a))
    run_for(obs, clock, minutes=5)
    run_for(bridge, clock, hours=2)
    o2 = Idp(bridge)
    o2.deactivate(o2.create(MAYA))
    run_for(bridge, clock, hours=3)
    assert not is_member(world, MAYA)


def test_an_operators_removal_of_somebody_in_the_backlog_goes_at_once(db, clock, world, transport, bridge):
    obs = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    o = Idp(obs)
    o.deactivate(o.create(MAYA))
    run_for(obs, clock, minutes=5)
    decisions.remove(
        bridge, Subject(user_name=MAYA), "main", by="ada", reason=Reason.SECURITY_INCIDENT, is_emergency=True
    )
    run_for(bridge, clock, minutes=30)
    assert not is_member(world, MAYA)


def test_two_holds_one_after_the_other_can_both_be_released(db, clock, world, transport, bridge, entra):
    obs = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    o = Idp(obs)
    o.deactivate(o.create(MAYA))
    run_for(obs, clock, minutes=5)
    run_for(bridge, clock, minutes=15)
    c = the_case(bridge)
    decisions.release(bridge, c.id, c.plan.digest, by="ada", reason="ok")
    entra.create(MAYA)
    seen = []
    for _ in range(6):
        run_for(bridge, clock, minutes=15)
        c = the_case(bridge)
        seen.append(codes(c))
        if c.state is not CaseState.HELD:
            break
        decisions.release(bridge, c.id, c.plan.digest, by="ada", reason="ok")
    assert not is_member(world, MAYA)


def test_saying_not_a_member_approves_no_later_removal(bridge, world, okta, settle):
    ps = [f"s{n}@example.com" for n in range(12)]
    for a in ps:
        okta.deactivate(okta.create(a))
    settle(minutes=2)
    for c in all_cases(bridge):
        assert codes(c) == [HoldCode.NEVER_SEEN]
        decisions.release(bridge, c.id, c.plan.digest, by="ada", reason="not a member")
    settle(minutes=10)
    for a in ps:
        world.add_member(a, 1)
    settle(minutes=30)
    assert len(deletes(world)) == 0


def test_a_new_step_after_a_batch_was_released_holds_again(bridge, world, okta, settle):
    ps = deactivate_many(world, okta, 12)
    settle(minutes=2)
    b = batch_of(bridge)
    for a in ps:
        world.set_level(a, 15)
    decisions.release_batch(bridge, b.id, b.digest, by="ada", reason="x")
    settle(minutes=30)
    assert all(is_member(world, a) for a in ps)


def test_releasing_a_batch_does_not_release_a_protected_person(db, clock, world, transport):
    b = wire(db, clock, world, transport, protected=frozenset({BEN}))
    o = Idp(b)
    ps = [f"p{n}@example.com" for n in range(5)] + [BEN]
    for a in ps[:-1]:
        world.add_member(a, 1)
    for r in [o.create(a) for a in ps]:
        o.deactivate(r)
    run_for(b, clock, minutes=2)
    with b.db.read() as tx:
        x = batches.waiting_batch(tx, all_cases(b)[0].batch_id)
    decisions.release_batch(b, x.id, x.digest, by="ada", reason="five left")
    run_for(b, clock, minutes=20)
    assert is_member(world, BEN)


def test_a_leaving_taken_back_gives_a_dated_removal_its_date_again(bridge, world, okta, settle, clock):
    maya = okta.create(MAYA)
    decisions.remove(
        bridge,
        Subject(user_name=MAYA),
        "main",
        by="ada",
        reason=Reason.CONTRACT_ENDED,
        effective_at=clock.now() + timedelta(days=3),
    )
    okta.deactivate(maya)
    settle(seconds=30)
    okta.activate(maya)
    settle(days=2)
    assert is_member(world, MAYA)

    settle(days=2)

    assert not is_member(world, MAYA)


def test_one_record_cannot_be_renamed_into_removing_others_past_the_limit(bridge, world, okta, settle):
    victims = join_many(world, 8)
    record = okta.create(MAYA)
    okta.deactivate(record)
    settle(minutes=2)
    for address in victims:
        okta.change(record, user_name=address)
    settle(hours=2)

    assert all(is_member(world, address) for address in victims)
    assert len(deletes(world)) == 1


def test_a_renamed_record_that_is_active_again_and_leaves_again_counts_each_person(bridge, world, okta, settle):
    victims = join_many(world, 8)
    record = okta.create(MAYA)
    for address in victims:
        okta.change(record, user_name=address)
    okta.deactivate(record)
    settle(hours=2)

    assert len(deletes(world)) <= 3
    assert codes(the_case(bridge)) == [HoldCode.TOO_MANY]
