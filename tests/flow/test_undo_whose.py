"""Whose an address is when somebody is given back what they had: invited elsewhere, or taken over by a namesake."""

from __future__ import annotations

import pytest

from bridge import decisions, undoing
from bridge.core.events import Reason, Subject
from bridge.core.policy import OnReactivate
from bridge.core.returns import ReturnState
from bridge.ports import Declined
from bridge.store import returns, todos
from tests.conftest import connect, run_for, wire
from tests.faults import When, reset_after
from tests.flow.test_undo import accept, all_returns, the_return, undo
from tests.players import BEN, IVAN, MAYA, Idp, is_member

ELSEWHERE = "maya.private@elsewhere.example"


@pytest.fixture
def maya(okta, settle) -> str:
    """Maya's record; she was taken out in case 1."""
    record = okta.create(MAYA)
    okta.deactivate(record)
    settle(minutes=2)
    return record


@pytest.fixture
def namesake(okta, settle) -> None:
    """Ivan was taken out in case 1; then his address was given to another person."""
    old = okta.create(IVAN, external_id="old")
    okta.deactivate(old)
    settle(minutes=2)
    okta.delete(old)
    okta.create(IVAN, external_id="new")


def test_whoever_leaves_again_takes_an_invite_with_them_that_went_to_another_address(world, bridge, okta, maya, settle):
    undo(bridge, 1, email=ELSEWHERE)
    settle(minutes=2)
    assert len(world.invites_for(ELSEWHERE)) == 1

    okta.activate(maya)
    okta.deactivate(maya)
    settle(minutes=5)

    assert world.invites_for(ELSEWHERE) == []
    assert the_return(bridge).state is ReturnState.DROPPED


def test_an_emergency_while_the_invite_is_out_takes_it_away_at_once(world, bridge, maya, settle):
    undo(bridge, 1, email=ELSEWHERE)
    settle(minutes=2)
    subject = Subject(user_name=MAYA, emails=(MAYA,))
    decisions.remove(bridge, subject, "main", by="noor", reason=Reason.SECURITY_INCIDENT, is_emergency=True)
    settle(seconds=2)

    assert world.invites_for(ELSEWHERE) == []


def test_an_undo_does_not_end_an_emergency_that_another_operator_has_just_begun(world, bridge, maya, settle):
    subject = Subject(user_name=MAYA, emails=(MAYA,))
    decisions.remove(bridge, subject, "main", by="noor", reason=Reason.SECURITY_INCIDENT, is_emergency=True)

    with pytest.raises(Declined, match="Case 1 is an emergency of noor, and not over") as said:
        undo(bridge, 1)

    assert said.value.remedy == "When they agree, `cancel 1` first."
    decisions.cancel(bridge, 1, by="lea", reason="noor agrees")
    undo(bridge, 1)
    settle(minutes=2)
    assert len(world.invites_for(MAYA)) == 1


def test_only_the_last_removal_is_undone_since_the_level_before_an_older_one_is_out_of_date(
    world, bridge, okta, settle
):
    ivan = okta.create(IVAN)
    okta.deactivate(ivan)  # an admin
    settle(hours=26)
    world.add_member(IVAN, 1)
    okta.activate(ivan)
    settle(hours=1)
    okta.deactivate(ivan)
    settle(hours=26)

    with pytest.raises(Declined, match=r"Case 1 is not the last: case 2 took them out again\."):
        undo(bridge, 1, as_before=True)
    undo(bridge, 2, as_before=True)
    settle(minutes=2)

    assert [i.level for i in world.invites_for(IVAN)] == [1]


def test_the_account_that_accepted_an_invite_at_another_address_leaves_with_the_person(
    world, bridge, okta, maya, settle
):
    undo(bridge, 1, email=ELSEWHERE)
    settle(minutes=2)
    accept(world, ELSEWHERE)
    settle(minutes=20)
    assert the_return(bridge).state is ReturnState.BACK
    world.change_email(ELSEWHERE, "renamed@elsewhere.example")

    okta.activate(maya)
    okta.deactivate(maya)
    settle(minutes=5)

    assert not is_member(world, "renamed@elsewhere.example")


def test_nobody_is_given_what_another_person_of_the_same_address_had(world, bridge, namesake, settle):
    with pytest.raises(Declined, match=r"Case 1: ivan\.petrov@example\.com now belongs to another person") as said:
        undo(bridge, 1, as_before=True)

    settle(minutes=2)
    assert "the same one, if both are one human" in said.value.remedy
    assert all_returns(bridge) == []
    assert world.invites_for(IVAN) == []


def test_whoever_names_the_address_says_whose_it_is(world, bridge, namesake, settle):
    undo(bridge, 1, email=IVAN)
    settle(minutes=2)

    assert [i.level for i in world.invites_for(IVAN)] == [1]


def test_an_invite_never_goes_to_somebody_else_who_is_a_member_already(bridge, maya):
    with pytest.raises(Declined, match=f"{BEN} is a member already, with an account that is not known to be theirs"):
        undoing.prepare(bridge, [1], by="lea", reason="x", email=BEN)

    assert all_returns(bridge) == []


def test_whoever_took_the_address_before_the_invite_went_out_is_given_nothing(bridge, world, maya, settle):
    undo(bridge, 1, email=ELSEWHERE)
    world.add_member(ELSEWHERE, 1)  # somebody else, before any worker came
    settle(minutes=5)

    assert the_return(bridge).state is ReturnState.FAILED
    with bridge.db.read() as tx:
        (asked,) = [t.text for t in todos.todos(tx) if t.kind.startswith("return:")]
        assert returns.accounts_of(tx, 1, "main") == {world.account(MAYA).uuid}
    assert "nobody was invited, and nothing was given" in asked


def test_no_policy_invites_the_new_holder_of_an_address(db, clock, world):
    """The leaver is hired again under a new address, since the old one was given away meanwhile."""
    bridge = wire(db, clock, world, connect(world), on_reactivate=OnReactivate.INVITE)
    okta = Idp(bridge)
    old = okta.create(IVAN, external_id="old")
    okta.deactivate(old)
    run_for(bridge, clock, minutes=2)
    okta.change(old, user_name="ivan.p@example.com", body={})
    okta.create(IVAN, external_id="new")
    okta.activate(old)
    run_for(bridge, clock, minutes=5)

    assert world.invites_for(IVAN) == []
    assert all_returns(bridge) == []
    with bridge.db.read() as tx:
        (asked,) = [t.text for t in todos.todos(tx) if t.kind == "reactivated"]
    assert "`undo 1` invites the person again if that is right" in asked


def test_a_removal_whose_answer_was_lost_while_somebody_cancelled_can_be_undone(
    bridge, world, okta, settle, transport, clock
):
    """Nobody looks after a cancelled case any more: what was sent for it may have been done."""
    okta.deactivate(okta.create(MAYA))

    def cancelled_and_gone(request, forward):
        decisions.cancel(bridge, 1, by="lea", reason="stays")
        return reset_after()(request, forward)

    transport.inject(When(method="DELETE", path="/members/"), cancelled_and_gone)
    settle(minutes=2)
    assert not is_member(world, MAYA)

    undo(bridge, 1)
    settle(minutes=2)

    assert [i.level for i in world.invites_for(MAYA)] == [1]
