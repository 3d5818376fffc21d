"""What is collected about a leaver after the removal, and that it is never in a removal's way."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import decisions, inquiries, lookout, reconcile, sweeping
from bridge.core.checklist import Template
from bridge.core.events import Reason, Subject
from bridge.core.findings import Progress, Topic
from bridge.core.organization import Level
from bridge.core.policy import IncidentOf
from bridge.core.surroundings import Deed, Gap, Grant, Project, Resource, Seat, Surroundings
from bridge.ports import Unavailable, Unexpected
from bridge.store import cases, checklists, findings, surroundings, targets, todos
from tests.inquiring import Telling
from tests.inquiring import inquire as in_a_quiet_moment
from tests.players import GRACE, IVAN, MAYA, audited, deactivate_many, the_case

DASHBOARD = Resource(
    kind="dashboards", project_id=1, resource_id="7", name="Revenue", path="/project/1/dashboard/7", note=""
)


@pytest.fixture
def telling(bridge) -> Telling:
    return Telling(bridge.remote("main"), resources=(DASHBOARD,))


@pytest.fixture
def asking(bridge, telling):
    return replace(bridge, remote=lambda _name: telling)


def found(bridge, case_id: int = 1):
    with bridge.db.read() as tx:
        return findings.of_case(tx, case_id)


def inquire(bridge, clock, **later) -> None:
    clock.advance(**(later or {"minutes": 6}))
    in_a_quiet_moment(bridge)


def test_what_a_leaver_made_is_listed_after_the_removal_and_its_digest_is_audited(bridge, asking, okta, settle, clock):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)

    left = found(bridge).left_behind
    row = found(bridge).of(Topic.LEFT_BEHIND)
    assert left.resources == (DASHBOARD,)
    assert row.progress is Progress.KEPT
    assert {"topic": "left_behind", "sha256": row.digest} in [e.facts for e in audited(bridge, "finding.kept")]


def test_nothing_is_asked_before_the_removal_nor_in_the_first_minute_after_it(bridge, asking, telling, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(seconds=30)
    inquiries.run(asking, "main")
    assert found(bridge).rows == ()

    settle(seconds=40)
    inquiries.run(asking, "main")

    assert the_case(bridge).removed_at is not None
    assert telling.asked == []


def test_in_an_emergency_it_is_asked_at_once(bridge, asking, telling, settle):
    subject = Subject(user_name=MAYA, emails=(MAYA,))
    decisions.remove(bridge, subject, "main", by="ada", reason=Reason.SECURITY_INCIDENT, is_emergency=True)
    settle(seconds=1)
    inquiries.run(asking, "main")

    assert {what for what, _ in telling.asked} == {"left_behind", "tracked", "deeds"}


def test_a_log_that_was_read_at_once_is_read_once_more_since_its_rows_come_late(bridge, asking, telling, settle, clock):
    subject = Subject(user_name=MAYA, emails=(MAYA,))
    decisions.remove(bridge, subject, "main", by="ada", reason=Reason.SECURITY_INCIDENT, is_emergency=True)
    settle(seconds=1)
    inquiries.run(asking, "main")
    late = Deed(at=clock.now(), activity="exported", scope="Insight", item_id="1", name="All users")
    telling.rows = (late,)
    inquire(asking, clock, minutes=50)
    assert found(bridge).deeds.rows == ()

    inquire(asking, clock, minutes=11)
    inquire(asking, clock, hours=2)

    assert found(bridge).deeds.rows == (late,)
    assert len([1 for what, _ in telling.asked if what == "deeds"]) == 2


def test_the_level_before_is_the_one_before_an_owner_was_stepped_down(bridge, asking, okta, settle, clock):
    okta.deactivate(okta.create(GRACE))
    settle(minutes=2)
    inquire(asking, clock)

    before = found(bridge).before
    assert before.level is Level.OWNER
    assert [m.email for m in before.accounts] == [GRACE]
    assert before.accounts[0].user_id > 0


def test_the_numeric_id_by_which_resources_name_their_creator_is_known_after_the_removal(
    asking, telling, world, okta, settle, clock
):
    number = world.account(MAYA).id
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)

    assert [about.user_id for what, about in telling.asked if what == "left_behind"] == [number]


def test_the_activity_log_is_read_for_admins_and_owners_and_for_everyone_by_policy(
    bridge, asking, telling, okta, settle, clock
):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)
    assert "deeds" not in dict(telling.asked)

    okta.deactivate(okta.create(IVAN))
    settle(minutes=2)
    inquire(asking, clock)
    assert "deeds" in dict(telling.asked)

    telling.asked.clear()
    everyone = replace(asking, policies={"main": replace(asking.policies["main"], incident_of=IncidentOf.EVERYONE)})
    okta.deactivate(okta.create("ben.oduya@example.com"))
    settle(minutes=2)
    inquire(everyone, clock)
    assert "deeds" in dict(telling.asked)


def test_the_activity_log_is_read_for_as_many_days_as_the_policy_says(bridge, asking, okta, settle, clock):
    short = replace(asking, policies={"main": replace(asking.policies["main"], incident_days=7)})
    okta.deactivate(okta.create(IVAN))
    settle(minutes=2)
    inquire(short, clock)

    assert found(bridge).deeds.since == the_case(bridge).removed_at - timedelta(days=7)


def test_an_inquiry_that_fails_is_tried_again_and_no_removal_waits_for_it(bridge, asking, telling, okta, settle, clock):
    telling.trouble = Unavailable("throttled", retry_after_seconds=600)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock, minutes=1)
    with bridge.db.read() as tx:
        assert not findings.is_wanted(tx, "main", clock.now() + timedelta(minutes=9))

    okta.deactivate(okta.create("ben.oduya@example.com"))
    settle(minutes=2)
    with bridge.db.read() as tx:
        assert cases.find(tx, 2).removed_at is not None

    telling.trouble = None
    inquire(asking, clock, minutes=20)
    assert found(bridge).left_behind.resources == (DASHBOARD,)


def test_what_can_never_be_had_has_a_last_word(bridge, asking, telling, okta, settle, clock):
    telling.trouble = Unexpected("a list that is none")
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    for _ in range(inquiries.MOST_TRIES):
        inquire(asking, clock, hours=3)

    row = found(bridge).of(Topic.LEFT_BEHIND)
    assert row.progress is Progress.GAVE_UP
    assert row.trouble == "unexpected answer: a list that is none"
    assert {e.facts["topic"] for e in audited(bridge, "finding.gave_up")} == {"left_behind", "tracked"}
    telling.asked.clear()
    inquire(asking, clock, hours=3)
    assert {what for what, _ in telling.asked} <= {"membership_changes"}


def test_a_mistake_of_ours_in_an_inquiry_pauses_no_target(bridge, asking, telling, okta, settle, clock):
    telling.trouble = KeyError("nobody thought of that")
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)

    assert "internal error: KeyError" in found(bridge).of(Topic.TRACKED).trouble
    okta.deactivate(okta.create("ben.oduya@example.com"))
    settle(minutes=2)
    with bridge.db.read() as tx:
        assert cases.find(tx, 2).removed_at is not None


def test_an_inquiry_makes_room_when_something_falls_due_that_no_worker_takes(
    bridge, asking, telling, okta, settle, clock
):
    goes_on = threading.Event()

    def meanwhile(_member, _now):
        okta.deactivate(okta.create("ben.oduya@example.com"))
        clock.advance(minutes=2)
        goes_on.wait(20)

    telling.left_behind = meanwhile
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)
    goes_on.set()

    row = found(bridge).of(Topic.LEFT_BEHIND)
    assert row.progress is Progress.WANTED
    assert row.attempts == 0
    with bridge.db.read() as tx:
        assert findings.is_wanted(tx, "main", clock.now())


def test_many_short_inquiries_make_room_as_a_long_one_does(bridge, asking, telling, okta, settle, clock):
    def another_leaves():
        okta.deactivate(okta.create("ben.oduya@example.com"))
        clock.advance(minutes=2)
        return (), ()

    telling.tracked = lambda _email: another_leaves()
    for address in (MAYA, GRACE):
        okta.deactivate(okta.create(address))
    settle(minutes=2)
    inquire(asking, clock)

    rows = [row for case_id in (1, 2) for row in found(bridge, case_id).rows]
    assert Progress.WANTED in {row.progress for row in rows}
    assert [what for what, _ in telling.asked].count("left_behind") < 2

    telling.tracked = lambda _email: ((), ())
    inquire(asking, clock)
    rows = [row for case_id in (1, 2) for row in found(bridge, case_id).rows]
    assert {row.progress for row in rows} == {Progress.KEPT}


def test_a_list_that_ended_early_is_kept_and_asked_for_again_within_the_day(
    bridge, asking, telling, okta, settle, clock
):
    telling.gaps = (Gap(what="flags in Shop", why="PostHog throttles this key for 600 s."),)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)
    assert found(bridge).left_behind.gaps == telling.gaps

    telling.gaps = ()
    inquire(asking, clock, hours=1)
    assert found(bridge).left_behind.gaps != ()
    inquire(asking, clock, hours=2)

    assert found(bridge).left_behind.gaps == ()
    assert found(bridge).of(Topic.LEFT_BEHIND).progress is Progress.KEPT


def test_two_workers_never_inquire_at_one_target_at_once(bridge, okta, settle, clock):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    clock.advance(minutes=5)
    reconcile.run_pass(bridge, "main")
    inquiries._open(bridge, "main")
    clock.advance(minutes=5)
    with bridge.db.write() as tx:
        assert findings.take(tx, "main", clock.now(), clock.now() + inquiries.TAKEN_FOR) is not None
        assert findings.take(tx, "main", clock.now(), clock.now() + inquiries.TAKEN_FOR) is None


def test_many_inventories_are_spread_over_hours(asking, telling, okta, world, settle, clock):
    bridge = replace(asking, policies={"main": replace(asking.policies["main"], max_removals=50, max_share=1.0)})
    deactivate_many(world, okta, 15)
    from tests.conftest import run_for

    run_for(bridge, clock, minutes=2)
    inquire(bridge, clock)
    first = [a for what, a in telling.asked if what == "left_behind"]
    for _ in range(8):
        inquire(bridge, clock, minutes=20)

    assert len(first) == 10
    assert len([a for what, a in telling.asked if what == "left_behind"]) == 15


def test_a_checklist_begins_with_the_removal_and_asks_what_was_found(bridge, asking, telling, okta, settle, clock):
    telling.resources = (
        replace(DASHBOARD, kind="subscriptions", name="Weekly", note=f"still sends to {MAYA}"),
        DASHBOARD,
    )
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    with bridge.db.read() as tx:
        assert todos.todos(tx) == []
    inquire(asking, clock)

    with bridge.db.read() as tx:
        chosen, asked = checklists.find(tx, 1), todos.todos(tx, case_id=1)
        urgent = todos.todos(tx, only_urgent=True)
    assert chosen.template is Template.EMPLOYEE
    assert {"subscriptions", "handover", "farewell"} <= {a.kind for a in asked}
    assert urgent == []


def test_the_ways_back_that_stood_open_after_the_removal_are_kept(bridge, asking, okta, settle, clock):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    hourly = replace(bridge.policies["main"], surroundings_every=timedelta(hours=1))
    lookout.look_around(replace(bridge, policies={"main": hourly}), "main")
    inquire(asking, clock)

    ways = found(bridge).ways_back
    assert [w.kind for w in ways.open] == ["jit"]
    with bridge.db.read() as tx:
        assert any(t.kind == "way_back:1" and "just-in-time" in t.text for t in todos.todos(tx, case_id=1))


def test_ways_back_of_a_case_that_has_ended_are_a_gap_and_not_an_empty_list(bridge, asking, okta, settle, clock):
    okta.deactivate(okta.create(MAYA))
    settle(hours=25)
    inquire(asking, clock)
    inquire(asking, clock)

    assert found(bridge).ways_back.gaps[0].why == "The case had ended before they were looked at."
    assert found(bridge).ways_back.seen_at is None


def test_where_no_wide_look_was_taken_nobody_has_looked_for_ways_back(bridge, asking, okta, settle, clock):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)

    assert found(bridge).ways_back.seen_at is None
    assert "No wide look was taken yet." in [g.why for g in found(bridge).ways_back.gaps]


def test_projects_and_roles_before_come_from_the_last_wide_look_before_the_removal(bridge, asking, okta, settle, clock):
    seen = Surroundings(taken_at=clock.now(), projects=(Project(project_id=1, name="Shop"),))
    with bridge.db.write() as tx:
        surroundings.keep(tx, "main", seen)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)

    assert found(bridge).before.surroundings_at == seen.taken_at


def test_a_wide_look_after_the_removal_takes_nothing_away_that_was_known(bridge, asking, okta, settle, clock, world):
    uuid = world.account(MAYA).uuid
    had = Surroundings(
        taken_at=clock.now(),
        projects=(Project(project_id=1, name="Shop"),),
        grants=(Grant(user_uuid=uuid, project_id=1, level="admin", how="explicit_member"),),
        seats=(Seat(user_uuid=uuid, role_id="r1", role="Analysts"),),
    )
    with bridge.db.write() as tx:
        surroundings.keep(tx, "main", had)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    with bridge.db.write() as tx:
        surroundings.keep(tx, "main", replace(had, taken_at=clock.now(), grants=(), seats=()))
    inquire(asking, clock)

    before = found(bridge).before
    assert [(p.project, p.level) for p in before.projects] == [("Shop", "admin")]
    assert before.roles == ("Analysts",)


def test_the_next_wide_look_comes_after_what_the_last_one_knew_was_noted(bridge, asking, okta, settle, clock):
    hourly = replace(bridge, policies={"main": replace(bridge.policies["main"], surroundings_every=timedelta(hours=1))})
    maya = okta.create(MAYA)
    settle(minutes=2)
    lookout.look_around(hourly, "main")
    with bridge.db.read() as tx:
        first = surroundings.last(tx, "main").surroundings
    okta.deactivate(maya)
    settle(minutes=70)
    lookout.look_around(hourly, "main")
    with bridge.db.read() as tx:
        assert surroundings.last(tx, "main").surroundings.taken_at > first.taken_at
    inquire(asking, clock)

    before = found(bridge).before
    assert before.surroundings_at == first.taken_at
    assert [p.project for p in before.projects] == ["Web shop", "Mobile app", "Finance"]
    assert set(before.roles) == {"Growth", "Analysts"}


def test_removals_by_others_are_found_in_the_activity_log_once_a_day(bridge, asking, telling, okta, settle, clock):
    def deed(**fields):
        known = {
            "at": clock.now(),
            "activity": "deleted",
            "scope": "OrganizationMembership",
            "item_id": "m",
            "name": "x@y",
        }
        return Deed(**{**known, **fields})

    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(asking, clock)
    telling.rows = (
        deed(user_email="grace@example.com", user_uuid="u1"),
        deed(client="posthog-bridge"),
        deed(activity="created"),
    )
    inquire(asking, clock, minutes=10)
    clock.advance(days=1)
    telling.rows = (*telling.rows, deed(name="z@y"))
    inquire(asking, clock, hours=1)

    with bridge.db.read() as tx:
        kept = findings.of_target(tx, "main", Topic.OUTSIDE)
    assert [d.name for d in kept.body.rows] == ["x@y", "z@y"]
    assert kept.progress is Progress.WANTED
    assert len([1 for what, _ in telling.asked if what == "membership_changes"]) == 2


def test_nothing_is_collected_about_whom_nothing_was_done(bridge, asking, telling, okta, settle, clock):
    okta.deactivate(okta.create("never.seen@example.com"))
    settle(minutes=5)
    inquire(asking, clock)

    assert telling.asked == []
    assert found(bridge).rows == ()


class Rounds:
    """Lets the sweep go round so many times, without waiting."""

    def __init__(self, count: int) -> None:
        self.left = count

    def wait(self, _seconds: float) -> bool:
        self.left -= 1
        return self.left < 0


def swept(bridge, rounds: int = 1) -> list[str]:
    """For whom the sweep rings."""
    bridge.bell.rung.clear()
    sweeping.sweep(bridge, Rounds(rounds), lambda: None)
    return bridge.bell.rung


@pytest.fixture
def wanted(bridge, asking, okta, settle, clock) -> None:
    """What an admin did is to be collected now, and no pass will come: the case ended when the leaving was taken back."""
    ivan = okta.create(IVAN)
    okta.deactivate(ivan)
    settle(minutes=2)
    inquiries.run(asking, "main")
    okta.activate(ivan)
    clock.advance(minutes=10)
    assert reconcile.due_targets(bridge) == ()


def test_what_is_to_be_collected_waits_for_no_pass(bridge, asking, wanted):
    """Once a day the members are compared; that long an incident report lacked what the person did."""
    assert swept(bridge) == ["Inquiries-main"]

    inquiries.run(asking, "main")
    assert found(bridge).of(Topic.DEEDS).progress is Progress.KEPT
    assert swept(bridge) == []


def test_a_ring_for_an_inquiry_that_was_lost_is_rung_again_soon_but_not_each_second(bridge, wanted):
    assert swept(bridge, rounds=5) == ["Inquiries-main"]
    assert swept(bridge) == ["Inquiries-main"]


def test_nobody_is_rung_for_what_somebody_collects_already(bridge, clock, wanted):
    with bridge.db.write() as tx:
        findings.take(tx, "main", clock.now(), clock.now() + inquiries.TAKEN_FOR)
    assert swept(bridge) == []

    clock.advance(minutes=11)  # and died over it
    assert swept(bridge) == ["Inquiries-main"]


def test_a_target_that_is_left_alone_is_asked_nothing_which_would_cost_tries(bridge, clock, wanted):
    with bridge.db.write() as tx:
        targets.pause(tx, "main", reason="away", until=clock.now() + timedelta(hours=1), now=clock.now())
    assert swept(bridge) == []


def test_whoever_is_to_be_removed_comes_before_what_is_to_be_collected(bridge, okta, clock, wanted):
    okta.deactivate(okta.create(MAYA))
    clock.advance(minutes=2)
    assert swept(bridge) == ["main"]


@pytest.mark.parametrize("is_own", [True, False])
def test_an_account_is_to_be_deactivated_where_the_target_is_self_hosted(bridge, asking, okta, settle, clock, is_own):
    settings = {name: replace(t, is_self_hosted=is_own) for name, t in bridge.targets.items()}
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    inquire(replace(asking, targets=settings), clock)

    with bridge.db.read() as tx:
        assert ("self_hosted_account" in {t.kind for t in todos.todos(tx, case_id=1)}) is is_own
