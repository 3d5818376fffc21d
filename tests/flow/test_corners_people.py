"""Who is who, in the corners: several records, reused addresses, former holders, further addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridge import decisions, intake
from bridge.core.case import CaseState
from bridge.core.events import EventKind, IdentityEvent, Reason, Subject
from bridge.core.plan import HoldCode
from bridge.ports import Connection
from bridge.store import cases
from bridge.store import tables as t
from tests.conftest import START, run_for
from tests.players import BEN, GRACE, MAYA, NOOR, SAMUEL, Idp, all_cases, audited, codes, is_member, the_case, work


def ev(bridge, kind, subject, event_id="h1", at=None, source="okta"):
    now = bridge.clock.now()
    return IdentityEvent(
        event_id=event_id, source=source, kind=kind, subject=subject, occurred_at=at or now, received_at=now
    )


def test_deleting_one_of_two_records_of_an_active_person_removes_nobody(bridge, world, okta, settle):
    old = okta.create("maya.old@example.com", external_id="x1", emails=(MAYA,))
    okta.create(MAYA, external_id="x1")
    settle(minutes=2)
    okta.delete(old)
    settle(minutes=5)
    assert is_member(world, MAYA)


def test_an_inactive_duplicate_beside_an_active_record_removes_nobody(bridge, world, okta, settle):
    okta.create(MAYA, external_id="x1")
    settle(minutes=2)
    okta.create("maya.dup@example.com", external_id="x1", active=False)
    settle(minutes=5)
    assert is_member(world, MAYA)


def test_an_old_holders_watch_leaves_the_new_holder_their_settle_time(bridge, world, okta, settle, clock):
    old = okta.create("maya.old@example.com", external_id="old", emails=(MAYA,))
    okta.deactivate(old)
    settle(minutes=10)
    new = okta.create("maya.new@example.com", external_id="new", emails=(MAYA,))
    world.add_member(MAYA, 1)
    settle(minutes=30)
    assert is_member(world, MAYA)
    with bridge.db.read() as tx:
        due = min(c.due_at for c in cases.select_cases(tx) if c.due_at)
    clock.time = due - timedelta(seconds=20)
    okta.deactivate(new)
    settle(seconds=30)
    still = is_member(world, MAYA)
    okta.activate(new)
    assert still


def test_the_daily_comparison_does_not_remove_for_an_old_holder_whom_an_operator_let_be(bridge, world, okta, settle):
    old = okta.create("maya.old@example.com", external_id="old", emails=(MAYA,))
    okta.deactivate(old)
    settle(hours=26)
    new = okta.create("maya.new@example.com", external_id="new", emails=(MAYA,))
    world.add_member(MAYA, 1)
    settle(minutes=5)
    okta.deactivate(new)
    settle(seconds=20)
    c = next(c for c in all_cases(bridge) if c.state.is_open)
    decisions.cancel(bridge, c.id, by="ada", reason="stays until Friday")
    settle(hours=30)
    assert is_member(world, MAYA)


def test_a_record_deleted_and_created_anew_takes_the_leaving_back(bridge, world, okta, settle):
    m = okta.create(MAYA, external_id="x1")
    settle(minutes=2)
    okta.delete(m)
    settle(seconds=10)
    okta.create(MAYA, external_id="x1")
    settle(hours=30)
    c = the_case(bridge)
    assert c.state in {CaseState.CLOSED, CaseState.CANCELLED}


def test_a_record_created_anew_during_the_watch_is_told(bridge, world, okta, settle):
    m = okta.create(MAYA, external_id="x1")
    okta.delete(m)
    settle(minutes=10)
    okta.create(MAYA, external_id="x1")
    settle(hours=60)
    c = the_case(bridge)
    assert c.state in {CaseState.CLOSED, CaseState.CANCELLED}


def test_a_suspension_that_becomes_a_deactivation_is_a_leaving(bridge, world, okta, settle):
    m = okta.create(MAYA, external_id="x1")
    intake.accept(
        bridge, bridge.connections["okta"], [ev(bridge, EventKind.SUSPEND, Subject(user_name=MAYA, external_id="x1"))]
    )
    settle(minutes=5)
    assert codes(the_case(bridge)) == [HoldCode.SUSPENDED]
    okta.deactivate(m)
    settle(minutes=30)
    assert not is_member(world, MAYA)


def test_an_owner_whose_address_a_leaver_listed_still_stays(bridge, world, okta, settle):
    okta.create(SAMUEL)
    g = okta.create(GRACE, emails=(GRACE, SAMUEL))
    settle(minutes=2)
    okta.deactivate(g)
    settle(minutes=5)
    assert not is_member(world, GRACE)
    assert world.level_of(NOOR) == 8


def test_an_old_event_takes_no_address_from_an_active_person(bridge, world, okta, settle):
    old = okta.create("maya.old@example.com", external_id="old", emails=(MAYA,))
    new = okta.create("maya.new@example.com", external_id="new", emails=(MAYA,))
    okta.deactivate(new)
    okta.activate(new)
    settle(minutes=2)
    s = Subject(user_name="maya.new@example.com", external_id="new", emails=(MAYA,))
    intake.accept(
        bridge, bridge.connections["okta"], [ev(bridge, EventKind.DEACTIVATE, s, at=START - timedelta(hours=1))]
    )
    okta.deactivate(old)
    settle(minutes=5)
    assert is_member(world, MAYA)


def test_link_means_whoever_is_leaving(bridge, world, okta, settle):
    old = okta.create("rosa.alvarez@example.com", external_id="old")
    settle(minutes=2)
    okta.deactivate(old)
    settle(minutes=2)
    okta.delete(old)
    okta.create("rosa.alvarez@example.com", external_id="new")
    settle(minutes=2)
    c = all_cases(bridge)[0]
    twin = world.account("rosa.alvarez+test@example.com").uuid
    decisions.link(bridge, "rosa.alvarez@example.com", twin, "main", by="ada")
    with bridge.db.read() as tx:
        rows = [(r.person_id, r.how) for r in tx.execute(t.accounts.select()).all() if r.user_uuid == twin]
    assert [p for p, _ in rows] == [c.person_id]


def test_an_account_linked_during_the_watch_is_no_return(bridge, world, okta, settle):
    okta.deactivate(okta.create("rosa.alvarez@example.com"))
    settle(minutes=2)
    decisions.link(
        bridge, "rosa.alvarez@example.com", world.account("rosa.alvarez+test@example.com").uuid, "main", by="ada"
    )
    settle(minutes=2)
    assert the_case(bridge).returns == 0


def test_a_leaving_from_one_project_does_not_make_an_owner_a_leaver(bridge, world, okta, settle):
    decisions.remove(bridge, Subject(user_name=SAMUEL), "main", by="ada", reason=Reason.ROLE_CHANGE, scope="project:7")
    okta.deactivate(okta.create(GRACE))
    settle(minutes=5)
    assert world.level_of(NOOR) == 8


def test_removing_by_a_left_behind_address_spares_its_former_holder(bridge, world, okta, settle):
    m = okta.create(MAYA)
    settle(minutes=2)
    okta.change(m, user_name="maya.lind@example.com", body=work("maya.lind@example.com"))
    world.change_email(MAYA, "maya.lind@example.com")
    settle(minutes=2)
    world.add_member(MAYA, 1)
    decisions.remove(bridge, Subject(user_name=MAYA), "main", by="ada", reason=Reason.TERMINATED)
    settle(minutes=5)
    assert is_member(world, "maya.lind@example.com")


def test_a_further_address_that_a_record_once_listed_is_only_a_question(bridge, world, okta, settle):
    world.add_member("shared.inbox@example.com", 1)
    m = okta.create(MAYA, emails=(MAYA, "shared.inbox@example.com"))
    okta.change(m, body=work(MAYA))
    settle(minutes=2)
    okta.deactivate(m)
    settle(minutes=5)
    assert is_member(world, "shared.inbox@example.com")


def test_a_second_connections_leaving_is_an_event_of_its_own(bridge, world, okta, entra, settle):
    a, b = (okta.create(MAYA), entra.create(MAYA))
    okta.deactivate(a)
    settle(minutes=5)
    entra.deactivate(b)
    settle(minutes=15)
    e = [(x.actor, x.facts["event"]) for x in audited(bridge, "event.accepted")]
    assert any(x[0] == "entra" for x in e)


def test_a_tombstones_address_is_nobodys_current_one(bridge, okta, settle):
    old = okta.create("maya.old@example.com", external_id="x1")
    okta.create(MAYA, external_id="x1")
    okta.delete(old)
    with bridge.db.read() as tx:
        cur = [r.value for r in tx.execute(t.identities.select()).all() if r.is_current and r.kind == "address"]
    assert "maya.old@example.com" not in cur


def test_an_owner_with_a_dated_removal_still_stays_until_then(bridge, world, okta, settle, clock):
    decisions.remove(
        bridge,
        Subject(user_name=SAMUEL),
        "main",
        by="ada",
        reason=Reason.CONTRACT_ENDED,
        effective_at=clock.now() + timedelta(days=30),
    )
    okta.deactivate(okta.create(GRACE))
    settle(minutes=5)
    assert world.level_of(NOOR) == 8


def test_the_account_of_a_former_key_is_no_human_owner(bridge, world, okta, settle):
    from bridge.remotes.posthog import PostHogTarget
    from bridge.sandbox.people import ORGANIZATION_ID, SCOPES
    from tests.conftest import connect

    okta.create(MAYA)
    settle(minutes=2)
    world.add_member("bridge2@example.com", 15)
    world.add_key("bridge2@example.com", "phx_second", scopes=SCOPES)
    remote = PostHogTarget(
        url="http://posthog.test", organization_id=ORGANIZATION_ID, api_key="phx_second", transport=connect(world)
    )
    b2 = replace(bridge, remote=lambda _n: remote)
    o = Idp(b2)
    for a in (GRACE, SAMUEL, NOOR):
        o.deactivate(o.create(a))
    run_for(b2, bridge.clock, minutes=10)
    assert is_member(world, GRACE) or is_member(world, SAMUEL)


def test_a_connection_removes_nobody_from_a_target_it_does_not_speak_for(bridge, world, okta, settle):
    partner = Connection(name="partner", kind="scim", targets=("other",))
    policies = {**bridge.policies, "other": bridge.policies["main"]}
    wider = replace(bridge, connections={**bridge.connections, "partner": partner}, policies=policies)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    stranger = Idp(wider, "partner")
    record = stranger.create(MAYA)
    stranger.change(record, user_name=BEN, body=work(BEN))
    settle(hours=2)

    assert is_member(world, BEN)


def test_one_human_with_two_records_that_nothing_ties_together_is_told_with_where_the_other_one_is(
    bridge, world, okta, entra, settle
):
    new = "ben.oduya@acme.example"
    ben, also_ben = okta.create(BEN), entra.create(new)
    world.change_email(BEN, new)
    okta.change(ben, user_name=new, body=work(new))
    settle(minutes=2)
    okta.deactivate(ben)
    settle(minutes=2)
    (hold,) = the_case(bridge).plan.holds
    assert hold.message == f"{new} now belongs to another person ({new}, in entra)."
    assert "If both are one human with two records, deactivate the other one, too." in hold.remedy

    entra.deactivate(also_ben)
    settle(hours=26)
    assert not is_member(world, new)
    assert {c.state for c in all_cases(bridge)} == {CaseState.CLOSED}


def test_an_account_is_one_persons_when_all_who_had_its_address_have_left(bridge, world, okta, entra, settle):
    """Each of two leavers left it to the other, and who came back in stayed in."""
    okta.deactivate(okta.create(MAYA))
    settle(hours=26)
    ben = entra.create(BEN)
    entra.change(ben, user_name=MAYA, body=work(MAYA))
    entra.deactivate(ben)
    world.login(MAYA)
    settle(hours=30)

    assert not is_member(world, MAYA)
    assert not is_member(world, BEN)
    assert {c.state for c in all_cases(bridge)} == {CaseState.CLOSED}


def test_a_record_that_is_renamed_after_an_operators_word_takes_no_other_account_with_it(bridge, world, okta, settle):
    """What an operator decided was about who the person was then; who it may be now is shown, and asked about."""
    decisions.remove(bridge, Subject(user_name=MAYA), "main", by="ada", reason=Reason.OTHER)
    settle(minutes=2)
    okta.change(okta.create(MAYA), user_name=BEN, body=work(BEN))
    settle(hours=1)
    assert codes(the_case(bridge)) == [HoldCode.AMBIGUOUS]
    settle(hours=25)

    assert not is_member(world, MAYA)
    assert is_member(world, BEN)
    assert the_case(bridge).state is CaseState.HELD  # until somebody says whose it is
