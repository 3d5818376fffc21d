"""The whole walk: from what an identity provider says to a person verifiably gone, on an injected clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge import decisions, intake
from bridge.core.case import CaseState
from bridge.core.events import Reason, Subject
from bridge.core.plan import HoldCode
from bridge.store import audit, cases, records, todos
from bridge.store import tables as t
from tests.conftest import START
from tests.players import (
    BEN,
    GRACE,
    MAYA,
    NOOR,
    SAMUEL,
    Idp,
    all_cases,
    batch_of,
    codes,
    deactivate_many,
    deletes,
    is_member,
    the_case,
    work,
)


def test_a_leaver_is_removed_after_the_settle_time_and_watched(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(seconds=59)
    assert is_member(world, MAYA)

    settle(seconds=10)

    case = the_case(bridge)
    assert not is_member(world, MAYA)
    assert world.invites_for(MAYA) == []
    assert case.state is CaseState.WATCHING
    assert case.watch_until == case.removed_at + timedelta(hours=24)
    assert case.reason is Reason.UNKNOWN


def test_after_24_hours_without_a_return_the_case_is_closed(bridge, world, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(hours=25)

    case = the_case(bridge)
    assert case.state is CaseState.CLOSED
    assert case.outcome == "out of the organization, and stayed out"
    with bridge.db.read() as tx:
        assert len(cases.checks_of(tx, case.id)) > 140
        assert audit.verify(tx, bridge.db.audit_key)[1] == ""


def test_creating_a_record_grants_nothing_and_opens_no_case(bridge, world, okta, settle):
    okta.create("new.person@example.com")
    settle(minutes=5)

    assert all_cases(bridge) == []
    assert not is_member(world, "new.person@example.com")


def test_an_active_person_is_linked_to_their_account_when_first_seen(bridge, world, okta, settle):
    okta.create(MAYA)
    settle(minutes=2)
    world.change_email(MAYA, "maya@private.example")
    with bridge.db.read() as tx:
        (row,) = tx.execute(t.accounts.select()).all()

    assert row.user_uuid == world.account("maya@private.example").uuid


def test_a_leaver_whose_posthog_address_was_changed_before_is_removed_all_the_same(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    settle(minutes=2)
    world.change_email(MAYA, "maya@private.example")
    okta.deactivate(maya)
    settle(minutes=2)

    assert not is_member(world, "maya@private.example")


def test_the_same_deactivation_five_times_is_one_case_and_one_removal(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    for _ in range(5):
        okta.deactivate(maya)
    settle(minutes=2)

    assert the_case(bridge).state is CaseState.WATCHING
    assert len(deletes(world)) == 1


def test_a_deactivation_taken_back_within_the_settle_time_removes_nobody(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(seconds=30)
    okta.activate(maya)
    settle(minutes=5)

    assert is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.CANCELLED


def test_an_activation_after_the_removal_gives_nothing_back_and_is_told(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=2)
    okta.activate(maya)
    settle(hours=1)

    case = the_case(bridge)
    assert not is_member(world, MAYA)
    assert case.state is CaseState.CLOSED
    assert "active again in okta" in case.outcome
    with bridge.db.read() as tx:
        (todo,) = todos.todos(tx)
    assert "Nothing was given back" in todo.text


def test_an_old_deactivation_after_a_reactivation_changes_nothing(bridge, world, okta, settle):
    from bridge.core.events import EventKind, IdentityEvent

    maya = okta.create(MAYA, external_id="00u1")
    okta.deactivate(maya)
    okta.activate(maya)
    late = IdentityEvent(
        event_id="hook-1",
        source="okta",
        kind=EventKind.DEACTIVATE,
        subject=Subject(user_name=MAYA, external_id="00u1"),
        occurred_at=START - timedelta(minutes=1),
        received_at=bridge.clock.now(),
    )
    intake.accept(bridge, bridge.connections["okta"], [late])
    settle(minutes=5)

    assert is_member(world, MAYA)
    assert [c.state for c in all_cases(bridge)] == [CaseState.CANCELLED]


def test_one_of_two_owners_is_stepped_down_and_removed(bridge, world, okta, settle):
    okta.deactivate(okta.create(GRACE))
    settle(minutes=2)

    assert not is_member(world, GRACE)
    assert world.level_of(SAMUEL) == 15
    assert world.level_of(NOOR) == 8


def test_two_owners_leaving_together_leave_the_successor_as_owner(bridge, world, okta, settle):
    okta.deactivate(okta.create(GRACE))
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=2)

    assert not is_member(world, GRACE)
    assert not is_member(world, SAMUEL)
    assert world.level_of(NOOR) == 15
    with bridge.db.read() as tx:
        assert any("was made owner" in todo.text and "billing" in todo.text for todo in todos.todos(tx))


def test_an_owner_who_leaves_takes_what_was_asked_of_them_along(bridge, world, okta, settle):
    first, second = okta.create(SAMUEL), okta.create(GRACE)
    okta.deactivate(first)
    settle(minutes=3)
    okta.deactivate(second)
    settle(minutes=3)
    with bridge.db.read() as tx:
        asked, every = todos.todos(tx), todos.todos(tx, only_open=False)
    assert not any(f"{GRACE}: confirm" in todo.text for todo in asked)
    assert any(f"{NOOR}: confirm your access to billing" in todo.text for todo in asked)
    assert [t.done_by for t in every if f"{GRACE}: confirm" in t.text] == ["the bridge, which asks the owners of now"]


def test_a_leaver_is_not_asked_to_confirm_the_billing(bridge, world, okta, settle):
    world.remove_member(SAMUEL)
    okta.deactivate(okta.create(GRACE))
    settle(minutes=2)

    with bridge.db.read() as tx:
        asked = [todo.text for todo in todos.todos(tx) if "was made owner" in todo.text]
    assert asked == [f"{NOOR} was made owner: confirm that billing and payment notices can be reached and paid."]


def test_when_the_successor_leaves_too_the_last_owner_is_held(bridge, world, okta, settle):
    for address in (GRACE, SAMUEL, NOOR):
        okta.deactivate(okta.create(address))
    settle(minutes=5)

    owners = [a.email for a, m in world.members() if m.level == 15]
    held = [c for c in all_cases(bridge) if c.state is CaseState.HELD]
    assert set(owners) & {GRACE, SAMUEL}
    assert held
    assert all(HoldCode.LAST_OWNER in codes(c) for c in held)


def test_a_released_last_owner_leaves_the_service_account_and_a_todo(bridge, world, okta, settle):
    world.remove_member(SAMUEL)
    world.remove_member(NOOR)
    okta.deactivate(okta.create(GRACE))
    settle(minutes=2)
    held = the_case(bridge)
    assert codes(held) == [HoldCode.LAST_OWNER, HoldCode.NO_SUCCESSOR]

    decisions.release(bridge, held.id, held.plan.digest, by="ada", reason="fired at 23:00")
    settle(minutes=2)

    assert not is_member(world, GRACE)
    with bridge.db.read() as tx:
        assert any("No human is an owner" in todo.text for todo in todos.todos(tx))
        approvers = {k.entry.approver for k in audit.read(tx, case_id=held.id) if k.entry.kind == "step.done"}
    assert approvers == {"operator:ada"}


def test_naming_a_successor_lets_a_held_last_owner_go_on_by_itself(bridge, world, okta, settle):
    world.remove_member(SAMUEL)
    world.remove_member(NOOR)
    okta.deactivate(okta.create(GRACE))
    settle(minutes=2)
    assert the_case(bridge).state is CaseState.HELD

    world.add_member(NOOR, 1)
    settle(minutes=15)

    assert the_case(bridge).state is CaseState.WATCHING
    assert world.level_of(NOOR) == 15


def test_the_keys_own_account_among_the_leavers_is_held_and_never_touched(bridge, world, okta, settle):
    okta.deactivate(okta.create("posthog-bridge@example.com"))
    settle(minutes=5)

    assert codes(the_case(bridge)) == [HoldCode.SELF]
    assert world.level_of("posthog-bridge@example.com") == 15
    assert deletes(world) == []


def test_a_leaver_who_signs_in_again_after_23_hours_is_met_and_the_watch_starts_anew(bridge, world, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(hours=23)
    world.login(MAYA)
    assert is_member(world, MAYA)
    settle(minutes=20)

    case = the_case(bridge)
    assert not is_member(world, MAYA)
    assert case.state is CaseState.WATCHING
    assert case.returns == 1
    assert case.watch_until == case.removed_at + timedelta(hours=24)


def test_the_third_return_is_held(bridge, world, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=10)
    for _ in range(3):
        world.login(MAYA)
        settle(minutes=20)

    case = the_case(bridge)
    assert is_member(world, MAYA)
    assert codes(case) == [HoldCode.RETURNED]
    assert len(deletes(world)) == 3


def test_a_plus_address_twin_is_asked_about_beside_the_removal(bridge, world, okta, settle):
    okta.deactivate(okta.create("rosa.alvarez@example.com"))
    settle(minutes=2)

    case = the_case(bridge)
    assert not is_member(world, "rosa.alvarez@example.com")
    assert is_member(world, "rosa.alvarez+test@example.com")
    assert case.state is CaseState.WATCHING
    assert codes(case) == [HoldCode.AMBIGUOUS]


@pytest.mark.parametrize("is_theirs", [True, False])
def test_linking_settles_a_look_alike(bridge, world, okta, settle, is_theirs):
    okta.deactivate(okta.create("rosa.alvarez@example.com"))
    settle(minutes=2)
    twin = world.account("rosa.alvarez+test@example.com").uuid

    decisions.link(bridge, "rosa.alvarez@example.com", twin, "main", by="ada", is_theirs=is_theirs)
    settle(minutes=2)

    assert is_member(world, "rosa.alvarez+test@example.com") is not is_theirs
    assert codes(the_case(bridge)) == []


def test_300_deactivated_by_mistake_hold_as_one_batch_and_empty_themselves_when_taken_back(bridge, world, okta, settle):
    people = [f"p{n}@example.com" for n in range(300)]
    for address in people:
        world.add_member(address, 1)
    ids = [okta.create(address) for address in people]
    for record_id in ids:
        okta.deactivate(record_id)
    settle(minutes=3)

    held = all_cases(bridge)
    assert {c.state for c in held} == {CaseState.HELD}
    assert len({c.batch_id for c in held}) == 1
    assert "300 to come" in held[0].plan.holds[0].message

    for record_id in ids:
        okta.activate(record_id)
    settle(minutes=30)

    assert {c.state for c in all_cases(bridge)} == {CaseState.CANCELLED}
    assert deletes(world) == []
    assert all(is_member(world, address) for address in people)


def test_a_batch_is_released_with_one_decision(bridge, world, okta, settle):
    people = deactivate_many(world, okta, 12)
    settle(minutes=2)
    batch = batch_of(bridge)

    decisions.release_batch(bridge, batch.id, batch.digest, by="ada", reason="restructuring")
    settle(minutes=3)

    assert not any(is_member(world, address) for address in people)
    assert {c.approver for c in all_cases(bridge)} == {"operator:ada"}


def test_a_subset_of_a_batch_can_be_released_and_the_rest_stays_held(bridge, world, okta, settle):
    people = deactivate_many(world, okta, 12)
    settle(minutes=2)
    batch = batch_of(bridge)
    chosen = [c.id for c in batch.cases[:2]]

    decisions.release_batch(bridge, batch.id, batch.digest, by="ada", reason="these two", only=chosen)
    settle(minutes=30)

    assert sum(is_member(world, address) for address in people) == 10


def test_a_batch_that_changed_since_it_was_seen_is_not_released(bridge, world, okta, settle):
    deactivate_many(world, okta, 12)
    settle(minutes=2)
    seen = batch_of(bridge)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=3)

    from bridge.ports import Declined

    with pytest.raises(Declined, match="changed since you saw it"):
        decisions.release_batch(bridge, seen.id, seen.digest, by="ada", reason="")
    assert len(deletes(world)) == 0


def test_turning_observe_into_enforce_fires_nothing_until_the_backlog_is_approved(db, clock, world, transport, bridge):
    from bridge.core.policy import Mode
    from tests.conftest import run_for, wire

    observing = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    okta = Idp(observing)
    for address in (MAYA, BEN):
        okta.deactivate(okta.create(address))
    run_for(observing, clock, minutes=5)
    assert {tuple(codes(c)) for c in all_cases(observing)} == {(HoldCode.OBSERVE_ONLY,)}

    run_for(bridge, clock, hours=2)
    assert is_member(world, MAYA)
    assert is_member(world, BEN)

    batch = batch_of(bridge)
    decisions.release_batch(bridge, batch.id, batch.digest, by="ada", reason="looked at both")
    run_for(bridge, clock, minutes=5)

    assert not is_member(world, MAYA)
    assert not is_member(world, BEN)


def test_a_rehire_under_a_new_id_is_not_removed_for_the_old_inactive_record(bridge, world, okta, settle):
    old = okta.create("maya.old@example.com", external_id="00u-old", emails=(MAYA,))
    okta.create("maya.new@example.com", external_id="00u-new", emails=(MAYA,))
    settle(minutes=2)
    okta.deactivate(old)
    settle(minutes=5)

    assert is_member(world, MAYA)
    assert codes(the_case(bridge)) == [HoldCode.RECYCLED]


def test_a_rehire_during_the_watch_of_the_old_record_is_let_be(bridge, world, okta, settle):
    old = okta.create("maya.old@example.com", external_id="00u-old", emails=(MAYA,))
    okta.deactivate(old)
    settle(minutes=10)
    assert not is_member(world, MAYA)
    okta.create("maya.new@example.com", external_id="00u-new", emails=(MAYA,))
    world.add_member(MAYA, 1)
    settle(hours=30)

    assert is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.CLOSED


def test_inactive_in_one_connection_and_active_in_another_is_held(bridge, world, okta, entra, settle):
    maya = okta.create(MAYA)
    entra.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=5)

    assert is_member(world, MAYA)
    assert codes(the_case(bridge)) == [HoldCode.ACTIVE_ELSEWHERE]


def test_once_the_other_connection_says_gone_too_the_held_case_goes_on(bridge, world, okta, entra, settle):
    maya, too = okta.create(MAYA), entra.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=5)
    entra.deactivate(too)
    settle(minutes=15)

    assert not is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.WATCHING


def test_who_was_called_otherwise_elsewhere_loses_that_account_only_when_somebody_was_shown_it(
    bridge, world, okta, entra, settle
):
    ben = entra.create(BEN)
    entra.change(ben, user_name=MAYA, body=work(MAYA))  # a marriage, or an address given to somebody else: nobody knows
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=5)

    held = the_case(bridge)
    assert is_member(world, MAYA)
    assert is_member(world, BEN)
    assert codes(held) == [HoldCode.ACTIVE_ELSEWHERE]
    assert {step.email.lower() for step in held.plan.steps} == {MAYA, BEN}

    decisions.release(bridge, held.id, held.plan.digest, by="ada", reason="one human with two accounts")
    settle(minutes=2)
    assert not is_member(world, MAYA)
    assert not is_member(world, BEN)


def test_an_operators_removal_outranks_an_active_record_and_survives_it(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    decisions.remove(bridge, Subject(user_name=MAYA), "main", by="ada", reason=Reason.TERMINATED)
    settle(minutes=2)
    okta.change(maya, user_name=MAYA)
    world.login(MAYA)
    settle(minutes=30)

    assert not is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.WATCHING


def test_a_rename_is_not_a_removal_and_all_former_addresses_are_kept(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.change(maya, user_name="maya.lind@example.com", body=work("maya.lind@example.com"))
    settle(minutes=5)
    assert all_cases(bridge) == []

    okta.deactivate(maya)
    settle(minutes=5)

    assert not is_member(world, MAYA)


def test_a_deleted_record_is_a_leaving(bridge, world, okta, settle):
    okta.delete(okta.create(MAYA))
    settle(minutes=5)

    assert not is_member(world, MAYA)
    with bridge.db.read() as tx:
        assert records.search(tx, "okta", "User", None, 0, 10) == (0, [])


def test_somebody_never_seen_is_held_and_closed_when_released(bridge, world, okta, settle):
    okta.deactivate(okta.create("stranger@example.com"))
    settle(minutes=2)
    held = the_case(bridge)
    assert codes(held) == [HoldCode.NEVER_SEEN]

    decisions.release(bridge, held.id, held.plan.digest, by="ada", reason="never had an account")
    settle(hours=25)

    assert the_case(bridge).state is CaseState.CLOSED


def test_a_member_who_is_inactive_in_our_records_without_a_case_is_found_by_the_daily_comparison(
    bridge, world, okta, settle
):
    okta.deactivate(okta.create(MAYA))
    settle(hours=26)
    assert the_case(bridge).state is CaseState.CLOSED
    world.login(MAYA)
    settle(hours=25)

    assert not is_member(world, MAYA)
    assert len(all_cases(bridge)) == 2


def test_one_leaver_costs_five_calls_up_to_watching(bridge, world, okta, settle):
    maya = okta.create(BEN)
    settle(minutes=5)
    world.calls.clear()
    okta.deactivate(maya)
    settle(seconds=62)

    assert the_case(bridge).state is CaseState.WATCHING
    assert len(world.calls) == 5


def test_200_leavers_in_an_approved_batch_cost_200_deletes_and_few_others(bridge, world, okta, settle):
    people = deactivate_many(world, okta, 200)
    settle(minutes=2)
    batch = batch_of(bridge)
    world.calls.clear()
    decisions.release_batch(bridge, batch.id, batch.digest, by="ada", reason="restructuring")
    settle(seconds=30)

    assert not any(is_member(world, address) for address in people)
    assert {c.state for c in all_cases(bridge)} == {CaseState.WATCHING}
    assert len(deletes(world)) == 200
    assert len(world.calls) <= 240


def test_watching_many_people_costs_two_calls_a_look(bridge, world, okta, settle):
    deactivate_many(world, okta, 10)
    settle(minutes=20)
    world.calls.clear()
    settle(hours=1)

    assert len(world.calls) == 12
