"""Coming back: by mistake or hired again, within the policy, never above member without a word, and never by accident."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import decisions, inquiries, undoing
from bridge.core.case import CaseState
from bridge.core.events import Reason, Subject
from bridge.core.organization import Level
from bridge.core.policy import Mode, OnReactivate
from bridge.core.returns import ReturnState
from bridge.ports import Declined
from bridge.store import audit, returns, todos
from tests.conftest import connect, run_for, wire
from tests.faults import FaultTransport, When, reset_after
from tests.players import IVAN, MAYA, Idp, all_cases, is_member, the_case


def the_return(bridge):
    (found,) = all_returns(bridge)
    return found


def all_returns(bridge):
    with bridge.db.read() as tx:
        return [r for case in all_cases(bridge) for r in returns.of_case(tx, case.id)]


def undo(bridge, *case_ids, **chosen):
    found = undoing.prepare(bridge, case_ids, by="lea", reason="it was a mistake", **chosen)
    return undoing.send(bridge, [r.id for r in found], by="lea")


def accept(world, email):
    (invite,) = [i for i in world.invites_for(email) if not i.is_expired(world.now())]
    world.accept_invite(invite.id)


@pytest.fixture
def gone(bridge, okta, settle):
    """Takes somebody out through Okta; the case's number."""

    def leave(email):
        okta.deactivate(okta.create(email))
        settle(minutes=2)
        return next(c for c in all_cases(bridge) if c.subject.label == email).id

    return leave


def test_somebody_removed_by_mistake_is_invited_back_as_a_member_and_the_watch_lets_them_be(
    bridge, world, gone, settle
):
    case_id = gone(MAYA)
    undo(bridge, case_id)
    settle(minutes=2)

    assert [i.level for i in world.invites_for(MAYA)] == [1]
    accept(world, MAYA)
    settle(hours=30)

    assert is_member(world, MAYA)
    assert the_return(bridge).state is ReturnState.BACK
    case = the_case(bridge)
    assert case.state is CaseState.CANCELLED
    assert case.outcome == "cancelled by operator:lea: undone: it was a mistake"


def test_an_admin_comes_back_as_a_member_unless_somebody_takes_it_on_themselves(bridge, world, gone, settle):
    case_id = gone(IVAN)
    (found,) = undo(bridge, case_id)
    settle(minutes=2)

    assert (found.level_before, found.level, found.approved_by) == (Level.ADMIN, Level.MEMBER, "")
    assert [i.level for i in world.invites_for(IVAN)] == [1]
    assert any("they were admin, and are invited as member" in said for said in found.cannot)


def test_the_level_of_before_is_given_back_when_an_operator_says_so(bridge, world, gone, settle):
    (found,) = undo(bridge, gone(IVAN), as_before=True)
    settle(minutes=2)

    assert (found.level, found.approved_by) == (Level.ADMIN, "operator:lea")
    assert [i.level for i in world.invites_for(IVAN)] == [8]
    with bridge.db.read() as tx:
        sent = [k.entry for k in audit.read(tx) if k.entry.kind == "return.sent"]
    assert [e.approver for e in sent] == ["operator:lea"]


def test_private_projects_ride_on_the_invite_and_roles_follow_when_it_is_accepted(db, clock, world):
    bridge = wire(db, clock, world, connect(world), surroundings_every=timedelta(hours=1))
    okta = Idp(bridge)

    def settle(**amount):
        run_for(bridge, clock, **amount)

    finance = next(p for p in world.projects.values() if p.name == "Finance")
    role = world.add_role("Data team", MAYA)
    world.set_access(finance.id, "admin", email=MAYA)
    maya = okta.create(MAYA)
    settle(hours=2)  # a wide look is kept
    okta.deactivate(maya)
    settle(minutes=10)

    (found,) = undo(bridge, the_case(bridge).id)
    settle(minutes=2)
    assert found.projects == ((finance.id, "admin"),)
    assert set(found.roles) == {"Analysts", "Growth", "Data team"}
    accept(world, MAYA)
    settle(minutes=30)

    assert the_return(bridge).state is ReturnState.BACK
    seated = {m.membership for m in world.role_memberships.values() if m.role == role.id}
    assert world.membership(MAYA).id in seated


def test_nothing_goes_out_before_somebody_says_so(bridge, world, gone, settle):
    undoing.prepare(bridge, [gone(MAYA)], by="lea", reason="perhaps")
    settle(hours=1)

    assert world.invites_for(MAYA) == []
    assert the_return(bridge).state is ReturnState.PREPARED


def test_who_was_not_removed_is_not_invited(bridge, okta, settle):
    okta.deactivate(okta.create(MAYA))

    with pytest.raises(Declined, match="Nobody was removed in case 1"):
        undo(bridge, 1)


def test_undone_twice_is_said_so(bridge, gone):
    case_id = gone(MAYA)
    undo(bridge, case_id)

    with pytest.raises(Declined, match="being undone already"):
        undo(bridge, case_id)


def test_a_newer_leaving_takes_the_invite_away_and_ends_the_return(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=2)
    undo(bridge, the_case(bridge).id)
    settle(minutes=2)
    okta.activate(maya)
    okta.deactivate(maya)
    settle(minutes=5)

    assert world.invites_for(MAYA) == []
    assert the_return(bridge).state is ReturnState.DROPPED


def test_an_invite_that_nobody_accepts_is_told_and_can_be_sent_again(bridge, world, gone, settle):
    case_id = gone(MAYA)
    undo(bridge, case_id)
    settle(days=4)

    assert the_return(bridge).state is ReturnState.EXPIRED
    with bridge.db.read() as tx:
        asked = [t.text for t in todos.todos(tx) if t.kind.startswith("return:")]
    assert len(asked) == 1
    assert f"`undo {case_id}` sends another" in asked[0]
    undo(bridge, case_id)
    settle(minutes=2)
    assert len([i for i in world.invites_for(MAYA) if not i.is_expired(world.now())]) == 1


def test_a_lost_answer_to_the_invite_sends_no_second_one(bridge, world, gone, settle, transport: FaultTransport):
    case_id = gone(MAYA)
    transport.inject(When(method="POST", path="/invites/"), reset_after())
    undo(bridge, case_id)
    settle(minutes=30)

    assert the_return(bridge).state is ReturnState.SENT
    posts = [c for c in world.calls if c.method == "POST"]
    assert len(posts) == 1


def test_the_policy_may_invite_whoever_is_active_again(db, clock, world, settle):
    bridge = wire(db, clock, world, connect(world), on_reactivate=OnReactivate.INVITE)
    okta = Idp(bridge)
    ivan = okta.create(IVAN)
    okta.deactivate(ivan)
    run_for(bridge, clock, minutes=2)
    okta.activate(ivan)
    run_for(bridge, clock, minutes=2)

    found = the_return(bridge)
    assert (found.state, found.asked_by, found.level) == (ReturnState.SENT, "policy:on_reactivate", Level.MEMBER)
    with bridge.db.read() as tx:
        (asked,) = [t.text for t in todos.todos(tx) if t.kind == "reactivated"]
    assert "an invite as member goes to" in asked
    assert "They were admin before" in asked


def test_without_that_policy_nobody_is_invited(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=2)
    okta.activate(maya)
    settle(hours=1)

    assert all_returns(bridge) == []
    with bridge.db.read() as tx:
        (asked,) = [t.text for t in todos.todos(tx) if t.kind == "reactivated"]
    assert "`undo 1` invites the person again" in asked


def test_observing_invites_nobody(bridge, gone):
    case_id = gone(MAYA)
    (found,) = undoing.prepare(bridge, [case_id], by="lea", reason="x")
    only_looks = replace(bridge, policies={"main": replace(bridge.policies["main"], mode=Mode.OBSERVE)})

    with pytest.raises(Declined, match="only observes"):
        undoing.send(only_looks, [found.id], by="lea")


def test_somebody_brought_back_after_the_watch_is_not_taken_out_by_the_daily_comparison(bridge, world, gone, settle):
    case_id = gone(MAYA)
    settle(hours=25)
    assert the_case(bridge).state is CaseState.CLOSED
    undo(bridge, case_id)
    settle(minutes=2)
    accept(world, MAYA)
    settle(days=3)

    assert is_member(world, MAYA)
    assert the_return(bridge).state is ReturnState.BACK
    assert len(all_cases(bridge)) == 1


def test_the_mail_of_an_undone_person_may_be_another(bridge, world, gone, settle):
    undo(bridge, gone(MAYA), email="maya.new@example.com")
    settle(minutes=2)

    assert len(world.invites_for("maya.new@example.com")) == 1
    assert world.invites_for(MAYA) == []


def test_a_removal_that_was_a_mistake_leaves_nobody_anything_to_do_but_to_read_what_happened(bridge, okta, settle):
    decisions.remove(
        bridge,
        Subject(user_name=MAYA, emails=(MAYA,)),
        "main",
        by="lea",
        reason=Reason.SECURITY_INCIDENT,
        is_emergency=True,
    )
    settle(seconds=2)
    inquiries.run(bridge, "main")
    with bridge.db.read() as tx:
        assert len(todos.todos(tx)) > 10

    undo(bridge, 1)
    inquiries.run(bridge, "main")

    with bridge.db.read() as tx:
        assert [t.kind for t in todos.todos(tx)] == ["incident_report", "breach"]


def test_undoing_answers_what_was_asked_when_the_source_took_the_leaving_back(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=2)
    okta.activate(maya)
    settle(minutes=2)
    undo(bridge, the_case(bridge).id)
    settle(minutes=2)

    with bridge.db.read() as tx:
        found = [t.done_by for t in todos.todos(tx, only_open=False) if t.kind == "reactivated"]
    assert found == ["operator:lea"]


def test_whoever_is_hired_again_after_the_watch_is_asked_about(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(hours=26)
    assert the_case(bridge).state is CaseState.CLOSED
    okta.activate(maya)
    settle(hours=1)

    assert all_returns(bridge) == []
    with bridge.db.read() as tx:
        (asked,) = [t.text for t in todos.todos(tx) if t.kind == "reactivated"]
    assert asked.startswith(f"{MAYA} is active again in okta, and was taken out of main in this case.")
    assert "`undo 1` invites the person again" in asked


def test_whoever_is_hired_again_after_the_watch_is_invited_where_the_policy_says_so(db, clock, world, okta):
    bridge = wire(db, clock, world, connect(world), on_reactivate=OnReactivate.INVITE)
    okta = Idp(bridge)
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    run_for(bridge, clock, hours=26)
    okta.activate(maya)
    run_for(bridge, clock, minutes=2)

    assert the_return(bridge).state is ReturnState.SENT
    assert [i.level for i in world.invites_for(MAYA)] == [1]


def test_no_policy_takes_back_what_an_operator_decided(db, clock, world):
    bridge = wire(db, clock, world, connect(world), on_reactivate=OnReactivate.INVITE)
    okta = Idp(bridge)
    maya = okta.create(MAYA)
    decisions.remove(bridge, Subject(user_name=MAYA), "main", by="lea", reason=Reason.OTHER)
    okta.deactivate(maya)
    run_for(bridge, clock, hours=26)
    okta.activate(maya)
    run_for(bridge, clock, minutes=2)

    assert all_returns(bridge) == []
    with bridge.db.read() as tx:
        assert [t.case_id for t in todos.todos(tx) if t.kind == "reactivated"] == [1]


def test_nobody_is_asked_about_somebody_who_is_a_member_again_already(bridge, world, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(hours=26)
    world.add_member(MAYA, 1)
    okta.deactivate(okta.create(IVAN))
    settle(seconds=65)  # a look
    okta.activate(maya)

    with bridge.db.read() as tx:
        assert [t.kind for t in todos.todos(tx) if t.case_id == 1] == []
