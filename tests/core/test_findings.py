from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.findings import (
    BODIES,
    Access,
    Before,
    Finding,
    Findings,
    Profiles,
    Progress,
    Topic,
    WayBack,
    WaysBack,
    merged,
    merged_deeds,
    outside,
    with_grants,
    with_surroundings,
)
from bridge.core.organization import Invite, Level, Member
from bridge.core.plain import plain, valued
from bridge.core.surroundings import (
    Deed,
    Deeds,
    Gap,
    Grant,
    LeftBehind,
    Project,
    Resource,
    Seat,
    Surroundings,
    Tracked,
)

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
UUID = "01900000-0000-7000-8000-000000000001"
MAYA = Member(user_uuid=UUID, membership_id="m1", user_id=7, email="maya@example.com", level=Level.ADMIN, joined_at=AT)
GAP = Gap(what="flags in Shop", why="403", remedy="a wider scope")
BEFORE = Before(
    seen_at=AT,
    accounts=(MAYA, replace(MAYA, level=Level.OWNER, joined_at=None)),
    invites_sent=(Invite(invite_id="i1", email="x@example.com", level=Level.MEMBER),),
    projects=(Access(project_id=1, project="Shop", level="admin", how="organization_admin"),),
    roles=("Analysts",),
    gaps=(GAP,),
)
DEED = Deed(at=AT, activity="created", scope="Dashboard", item_id="1", name="Revenue")
KEPT = {
    Topic.BEFORE: BEFORE,
    Topic.WAYS_BACK: WaysBack(
        seen_at=AT, ways=(WayBack(kind="jit", says="a", remedy="b", is_open=False),), gaps=(GAP,)
    ),
    Topic.LEFT_BEHIND: LeftBehind(
        taken_at=AT,
        resources=(Resource(kind="dashboards", project_id=1, resource_id="1", name="<b>", path="/project/1"),),
    ),
    Topic.TRACKED: Profiles(taken_at=AT, tracked=(Tracked(project_id=1, project="Shop", count=2, path="/p"),)),
    Topic.DEEDS: Deeds(since=AT, until=AT, rows=(DEED, replace(DEED, project_id=4))),
    Topic.OUTSIDE: Deeds(since=AT, until=AT, gaps=(GAP,)),
}


@pytest.mark.parametrize("topic", Topic)
def test_what_was_kept_reads_as_what_was_found(topic):
    assert valued(BODIES[topic], plain(KEPT[topic])) == KEPT[topic]


def test_a_field_that_a_newer_version_wrote_is_left_out_and_one_that_is_missing_has_its_default():
    assert valued(Gap, {"what": "a", "why": "b", "who": "c"}) == Gap(what="a", why="b", remedy="")


def test_plain_json_is_read_as_words_and_times():
    assert plain({"level": Level.OWNER, "topic": Topic.DEEDS, "at": AT, "list": (1, None)}) == {
        "level": "owner",
        "topic": "deeds",
        "at": "2026-11-20T09:00:00.000Z",
        "list": [1, None],
    }


def test_the_findings_of_a_case_are_asked_for_by_topic():
    rows = tuple(Finding(topic=t, progress=Progress.KEPT, wanted_at=AT, body=b) for t, b in KEPT.items())
    found = Findings(rows=rows)

    assert found.before == BEFORE
    assert found.before.level is Level.OWNER
    assert found.left_behind == KEPT[Topic.LEFT_BEHIND]
    assert found.ways_back.open == ()
    assert found.profiles.count == 2
    assert found.deeds.rows[0] == DEED
    assert Findings().of(Topic.DEEDS) is None
    for name in ("before", "left_behind", "ways_back", "profiles", "deeds"):
        assert getattr(Findings(), name) is None
    assert Before(seen_at=AT).level is Level.MEMBER


def test_projects_and_roles_come_from_a_wide_look_that_is_older_than_the_removal():
    kept = Surroundings(
        taken_at=AT,
        projects=(Project(project_id=1, name="Shop"),),
        grants=(
            Grant(user_uuid=UUID, project_id=1, level="admin", how="organization_admin"),
            Grant(user_uuid="somebody", project_id=1, level="member", how="default"),
        ),
        seats=(Seat(user_uuid=UUID, role_id="r1", role="Analysts"), Seat(user_uuid="x", role_id="r2", role="Others")),
        gaps=(Gap(what="roles", why="403"), Gap(what="domains", why="403")),
    )
    noted = Before(seen_at=AT, accounts=(MAYA,))

    whole = with_surroundings(noted, kept, AT + timedelta(minutes=1))

    assert [p.project for p in whole.projects] == ["Shop"]
    assert whole.roles == ("Analysts",)
    assert [g.what for g in whole.gaps] == ["roles"]
    assert whole.surroundings_at == AT


@pytest.mark.parametrize("kept", [None, Surroundings(taken_at=AT + timedelta(hours=1))])
def test_a_wide_look_from_after_the_removal_says_nothing_of_before(kept):
    whole = with_surroundings(Before(seen_at=AT, accounts=(MAYA,)), kept, AT + timedelta(minutes=1))

    assert whole.projects == ()
    assert whole.surroundings_at is None
    assert whole.gaps[0].what == "projects and roles before the removal"


def test_what_was_granted_is_known_of_an_account_that_is_gone():
    had = [({"projects": {"1": ["admin", "explicit_role"]}, "roles": {"r": "Analysts"}}, AT), ({}, None)]

    whole = with_grants(Before(seen_at=AT, accounts=(MAYA,)), had, {1: "Shop"})

    assert whole.projects == (Access(project_id=1, project="Shop", level="admin", how="explicit_role"),)
    assert whole.roles == ("Analysts",)
    assert whole.surroundings_at == AT
    assert whole.gaps[0].what == "projects open to everybody"
    assert with_grants(whole, [], {}).surroundings_at is None


def test_only_removals_by_others_count_as_outside():
    gone = replace(DEED, scope="OrganizationMembership", activity="deleted", user_uuid="admin")
    rows = (
        gone,
        replace(gone, client="posthog-bridge"),
        replace(gone, user_uuid="key"),
        replace(gone, activity="created"),
    )
    first = outside(None, Deeds(since=AT, until=AT, rows=rows), ["key", ""])
    later = replace(gone, at=AT + timedelta(hours=1), user_uuid="")
    both = outside(first, Deeds(since=AT, until=later.at, rows=(later, gone), gaps=(GAP,)), ["key", ""])

    assert first.rows == (gone,)
    assert both == Deeds(since=AT, until=later.at, rows=(gone, later), gaps=(GAP,))


def test_what_two_accounts_of_one_person_made_and_did_is_one_list():
    left = merged([KEPT[Topic.LEFT_BEHIND], LeftBehind(taken_at=AT, gaps=(GAP, GAP))], AT)
    later = replace(DEED, at=AT + timedelta(hours=1))
    deeds = merged_deeds([Deeds(since=AT, until=AT, rows=(later,)), KEPT[Topic.DEEDS]], AT, AT)

    assert len(left.resources) == 1
    assert left.gaps == (GAP,)
    assert [d.at for d in deeds.rows] == [AT, AT, later.at]
