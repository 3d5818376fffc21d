"""Our own client reads every wide part of the practice organization, and tells what an older or poorer one lacks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.organization import Level
from bridge.core.plan import RemoveMember

MAYA = "maya.okafor@example.com"
TOMAS = "tomas.reyes@example.com"
ADA = "lea.brandt@example.com"
NEW = "someone.new@example.com"


def member(side, email):
    return next(m for m in side.look().members if m.email == email)


def deeds(side, email=MAYA, **back):
    now = side.clock.now()
    return side.target().deeds(side.uuid(email), now - timedelta(**(back or {"days": 30})), now)


def test_all_that_surrounds_the_members_is_read_without_a_gap(side):
    seen = side.target().surroundings(side.clock.now())
    assert seen.gaps == ()
    assert [p.name for p in seen.projects] == ["Web shop", "Mobile app", "Finance"]
    assert {s.role for s in seen.seats} == {"Analysts", "Growth"}
    assert {g.how for g in seen.grants} == {"organization_admin", "explicit_member", "explicit_role", "default"}
    assert [(d.domain, d.is_jit_enabled) for d in seen.domains] == [("example.com", True)]


def test_an_older_version_is_a_gap_for_each_project_and_nothing_else(side):
    side.world.has_users_with_access = False
    seen = side.target().surroundings(side.clock.now())
    assert len(seen.gaps) == len(seen.projects) == 3
    assert seen.seats


def test_what_somebody_made_is_found_in_every_project_with_what_needs_a_look(side):
    left = side.target().left_behind(member(side, MAYA), side.clock.now())
    assert {r.kind for r in left.resources} >= {"dashboards", "alerts", "subscriptions", "hog_functions", "notebooks"}
    notes = {r.kind: r.note for r in left.resources}
    assert all(notes[kind] for kind in ("dashboards", "alerts", "subscriptions"))
    assert {g.what.partition(" in ")[0] for g in left.gaps} == {"batch exports", "early access features"}


def test_what_somebody_did_is_told_oldest_first_with_the_address(side):
    told = deeds(side)
    assert told.gaps == ()
    assert [r.at for r in told.rows] == sorted(r.at for r in told.rows)
    assert {"exported", "sharing enabled", "created"} <= {r.activity for r in told.rows}
    assert all(r.ip_address for r in told.rows if r.client == "web")


def test_who_changed_the_members_is_told_whoever_it_was(side):
    before = side.clock.now()
    side.world.remove_member(TOMAS, by=ADA)
    side.clock.advance(seconds=5)
    told = side.target().membership_changes(before, side.clock.now())
    assert [(r.activity, r.name, r.user_email) for r in told.rows] == [("deleted", TOMAS, ADA)]


@pytest.mark.parametrize(
    "lacking",
    [{"has_advanced_activity_logs": False}, {"opens_activity_to_keys": False}, {"features": ()}],
    ids=["404", "403", "402"],
)
def test_a_log_that_cannot_be_read_is_a_gap_with_a_remedy(side, lacking):
    for name, value in lacking.items():
        if name == "features":
            side.world.change_organization(features=value)
        else:
            side.world.switch(name, value)
    told = deeds(side)
    assert told.rows == ()
    assert [bool(g.why and g.remedy) for g in told.gaps] == [True]


def test_profiles_of_the_customer_s_product_are_counted_by_project(side):
    tracked, gaps = side.target().tracked(MAYA)
    assert ([(t.project, t.count) for t in tracked], gaps) == ([("Web shop", 1), ("Mobile app", 1)], ())


def test_an_invite_takes_projects_along(side):
    private = next(p for p in side.world.projects.values() if p.name == "Finance")
    side.target().invite(NEW, Level.MEMBER, projects=((private.id, "member"),))
    side.world.accept_invite(side.world.invites_for(NEW)[0].id)
    grants = side.target().surroundings(side.clock.now()).grants
    mine = [(g.level, g.how) for g in grants if g.user_uuid == side.uuid(NEW) and g.project_id == private.id]
    assert mine == [("member", "explicit_member")]


def test_closing_just_in_time_provisioning_closes_it(side):
    domain = side.target().surroundings(side.clock.now()).domains[0]
    side.target().disable_jit(domain.domain_id)
    side.world.remove_member(MAYA)
    assert side.world.login(MAYA).outcome == "outsider"


def test_our_own_removal_is_marked_as_ours_in_the_log(side):
    before = side.clock.now()
    gone = member(side, MAYA)
    side.target().apply(RemoveMember(user_uuid=gone.user_uuid, email=gone.email, level=gone.level))
    side.clock.advance(seconds=5)
    rows = side.target().membership_changes(before, side.clock.now()).rows
    assert [(r.activity, r.client) for r in rows] == [("deleted", "posthog-bridge")]


def test_a_function_that_only_changes_events_sends_nothing_out(side):
    project = next(p for p in side.world.projects.values() if p.name == "Web shop")
    side.world.add_resource(
        "hog_functions", project.id, "Leave out names", by=TOMAS, type="transformation", enabled=True
    )
    side.world.add_resource("hog_functions", project.id, "To a webhook", by=TOMAS, type="destination", enabled=True)

    left = side.target().left_behind(member(side, TOMAS), side.clock.now())

    notes = {r.name: r.note for r in left.resources}
    assert notes["Leave out names"] == "goes on"
    assert notes["To a webhook"] == "sends data out, and goes on"
