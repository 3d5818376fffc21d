"""What our own client shows of everything around the members, asked of the whole other side."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.organization import Level
from bridge.core.plan import RemoveMember
from bridge.core.surroundings import Grant, Seat
from bridge.ports import Refused, Unavailable, Unexpected
from tests import faults
from tests.conftest import START
from tests.faults import When

MAYA = "maya.okafor@example.com"
QUINN = "quinn.abara@example.com"
"""A member whom the practice organization does not know: without a past there."""
BEN = "ben.oduya@example.com"
LEA = "lea.brandt@example.com"
BRIDGE = "posthog-bridge@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"
DAY = timedelta(days=1)


@pytest.fixture
def rich(side):
    """An organization on a plan with everything, one private project and one role; the key may do all."""
    side.world.change_organization(features=("access_control", "role_based_access", "audit_logs"))
    side.world.add_member(QUINN)
    side.shop = side.world.add_project("Shop")
    side.analysts = side.world.add_role("Analysts", MAYA)
    side.all = side.target(BRIDGE)
    return side


def around(side):
    return side.all.surroundings(side.clock.now())


def of(side, email):
    return next(m for m in side.look(side.all).members if m.email == email)


class TestTheWideLook:
    def test_it_shows_settings_domains_projects_and_who_gets_in(self, rich):
        seen = around(rich)

        assert seen.gaps == ()
        assert seen.name == "Hedgehog Supplies (sandbox)"
        assert "access_control" in seen.features
        assert [d.domain for d in seen.domains if d.is_jit_enabled] == ["example.com"]
        assert "Shop" in {p.name for p in seen.projects}
        assert Seat(user_uuid=rich.uuid(MAYA), role_id=rich.analysts.id, role="Analysts") in seen.seats
        owner = Grant(user_uuid=rich.uuid(LEA), project_id=rich.shop.id, level="admin", how="organization_admin")
        assert owner in seen.grants

    def test_whoever_is_shut_out_of_a_private_project_has_no_grant(self, rich):
        path = f"/api/projects/{rich.shop.id}/access_controls/"
        api = rich.api(LEA)
        assert api.put(path, json={"access_level": "none"}).status_code == 200
        member = rich.world.membership(MAYA)
        assert api.put(path, json={"access_level": "member", "organization_member": member.id}).status_code == 200

        found = {g.user_uuid: (g.level, g.how) for g in around(rich).grants if g.project_id == rich.shop.id}
        assert found[rich.uuid(MAYA)] == ("member", "explicit_member")
        assert rich.uuid(BEN) not in found

    def test_it_costs_3_calls_and_1_for_each_project_and_role(self, rich):
        before = len(rich.transport.sent)
        seen = around(rich)
        roles = len({s.role_id for s in seen.seats})
        assert len(rich.transport.sent) - before == 3 + len(seen.projects) + roles

    def test_the_bridge_s_usual_key_sees_domains_and_says_what_it_may_not_see(self, rich):
        seen = rich.target(BRIDGE, scopes=("organization_member:write", "organization:read")).surroundings(START)
        assert seen.domains
        assert any("access_control:read" in gap.remedy for gap in seen.gaps)

    def test_an_older_version_without_the_call_is_a_gap(self, rich):
        rich.world.switch("has_users_with_access", False)
        gaps = around(rich).gaps
        assert [g.why for g in gaps if "Shop" in g.what] == ["This PostHog does not know the path."]

    def test_throttling_ends_it_and_names_what_was_not_asked(self, rich):
        rich.transport.inject(When(path="/users_with_access/", times=None), faults.throttled(retry_after_seconds=40))
        before = len(rich.transport.sent)
        seen = around(rich)
        assert seen.domains
        assert seen.gaps[-1].why == "PostHog throttles this key for 40 s."
        assert len(rich.transport.sent) - before == 3  # the organization, its domains, and one project

    def test_one_bad_gateway_is_asked_again(self, rich):
        rich.transport.inject(When(path="/domains/"), faults.html(502))
        assert around(rich).gaps == ()

    def test_without_the_organization_there_is_nothing_to_tell(self, rich):
        rich.transport.inject(When(times=None), faults.html(502))
        with pytest.raises(Unavailable):
            around(rich)

    def test_a_refused_key_is_refused_and_no_gap(self, rich):
        refusal = faults.refusal(401, "Personal API key found in request Authorization header is invalid.")
        rich.transport.inject(When(path="/domains/", times=None), refusal)
        with pytest.raises(Refused):
            around(rich)


class TestWhatSomebodyLeavesBehind:
    def test_everything_they_made_in_all_projects_and_nothing_of_others(self, rich):
        other = rich.world.add_project("App")
        kinds = ("dashboards", "insights", "feature_flags", "experiments", "cohorts", "surveys", "actions", "notebooks")
        for kind in kinds:
            rich.world.add_resource(kind, rich.shop.id, f"Quinn's {kind}", by=QUINN)
            rich.world.add_resource(kind, rich.shop.id, f"Ben's {kind}", by=BEN)
        rich.world.add_resource("hog_functions", other.id, "To a webhook", by=QUINN, type="transformation")

        left = rich.all.left_behind(of(rich, QUINN), START)

        assert {r.kind for r in left.resources} == {*kinds, "hog_functions"}
        assert not [r for r in left.resources if r.name.startswith("Ben")]
        flag = next(r for r in left.resources if r.kind == "feature_flags")
        assert flag.path == f"/project/{rich.shop.id}/feature_flags/{flag.resource_id}"
        function = next(r for r in left.resources if r.kind == "hog_functions")
        assert (function.project_id, function.note) == (other.id, "goes on")

    def test_what_rules_hide_from_the_key_s_account_is_asked_for_too(self, rich):
        before = len(rich.transport.sent)
        rich.all.left_behind(of(rich, QUINN), START)
        lists = [r.url for r in rich.transport.sent[before:] if "/api/projects/" in r.url.path]
        assert len(lists) >= 15
        assert {url.params.get("admin_include_all") for url in lists} == {"true"}

    def test_a_subscription_that_goes_on_sending_to_them_is_told_whoever_made_it(self, rich):
        rich.world.add_resource("subscriptions", rich.shop.id, "Weekly", by=BEN, target_value=f"{BEN},{QUINN.upper()}")
        rich.world.add_resource("subscriptions", rich.shop.id, "Daily", by=BEN, target_value=BEN)
        (found,) = rich.all.left_behind(of(rich, QUINN), START).resources
        assert found.note == f"made by somebody else; still sends to {QUINN}"

    def test_an_alert_that_tells_nobody_else_is_told(self, rich):
        alert = rich.world.add_resource
        alert("alerts", rich.shop.id, "Only Quinn", by=BEN, subscribed_users=(rich.uuid(QUINN),))
        alert("alerts", rich.shop.id, "Both", by=BEN, subscribed_users=(rich.uuid(QUINN), rich.uuid(BEN)))
        found = rich.all.left_behind(of(rich, QUINN), START).resources
        assert [(r.name, "nobody else is told" in r.note) for r in found] == [("Only Quinn", True)]

    def test_a_public_link_is_told(self, rich):
        rich.world.add_resource("dashboards", rich.shop.id, "Numbers", by=QUINN, is_shared=True)
        (found,) = rich.all.left_behind(of(rich, QUINN), START).resources
        assert found.note == "has a public link"

    def test_what_does_not_say_who_made_it_is_a_gap(self, rich):
        rich.world.add_resource("batch_exports", rich.shop.id, "To S3", by=QUINN)
        left = rich.all.left_behind(of(rich, QUINN), START)
        said = "1 of them does not say who made it."
        assert "batch exports in Shop" in {g.what for g in left.gaps if g.why == said}

    def test_a_key_that_may_not_read_a_kind_says_which_scope(self, rich):
        scopes = ("organization_member:read", "organization:read", "dashboard:read")
        left = rich.target(BRIDGE, scopes=scopes).left_behind(of(rich, QUINN), START)
        assert any("insight:read" in g.remedy for g in left.gaps)
        assert not any("dashboard:read" in g.remedy for g in left.gaps)

    def test_a_list_of_many_pages_is_read_whole(self, rich):
        for number in range(7):
            rich.world.add_resource("dashboards", rich.shop.id, f"D{number}", by=QUINN)
        left = rich.target(BRIDGE, page_size=3).left_behind(of(rich, QUINN), START)
        assert sorted(r.name for r in left.resources) == [f"D{n}" for n in range(7)]


class TestWhatSomebodyDid:
    def test_only_their_rows_in_that_time_oldest_first(self, rich):
        rich.world.add_deed(QUINN, "exported", "Insight", name="Revenue", at=START - DAY)
        rich.world.add_deed(QUINN, "created", "HogFunction", name="Hook", at=START - 2 * DAY, project=rich.shop.id)
        rich.world.add_deed(QUINN, "created", "Dashboard", name="Old", at=START - 40 * DAY)
        rich.world.add_deed(BEN, "created", "Dashboard", name="Ben's", at=START - DAY)

        found = rich.all.deeds(rich.uuid(QUINN), START - 30 * DAY, START)

        assert [d.name for d in found.rows] == ["Hook", "Revenue"]
        assert (found.rows[0].project_id, found.rows[0].user_email, found.gaps) == (rich.shop.id, QUINN, ())

    def test_all_pages_are_read(self, rich):
        for number in range(250):
            rich.world.add_deed(
                QUINN, "updated", "Insight", name=f"I{number}", at=START - timedelta(minutes=number + 1)
            )
        assert len(rich.all.deeds(rich.uuid(QUINN), START - DAY, START).rows) == 250

    def test_a_plan_without_the_log_is_a_gap_that_says_so(self, rich):
        rich.world.change_organization(features=())
        found = rich.all.deeds(rich.uuid(QUINN), START - DAY, START)
        assert found.rows == ()
        assert found.gaps[0].why.startswith("402:")
        assert "plan" in found.gaps[0].remedy

    def test_a_version_without_it_and_one_that_keeps_it_from_keys_are_gaps(self, rich):
        rich.world.switch("opens_activity_to_keys", False)
        assert "browser sessions" in rich.all.deeds(rich.uuid(QUINN), START - DAY, START).gaps[0].remedy
        rich.world.switch("has_advanced_activity_logs", False)
        assert "version" in rich.all.deeds(rich.uuid(QUINN), START - DAY, START).gaps[0].remedy

    def test_who_joined_left_or_changed_level_is_found_whoever_did_it(self, rich):
        rich.world.add_member("new@example.com")
        rich.clock.advance(seconds=5)
        rich.world.set_level("new@example.com", 8, by=LEA)
        rich.clock.advance(seconds=5)
        rich.world.remove_member("new@example.com", by=LEA)
        rich.clock.advance(minutes=1)

        found = rich.all.membership_changes(START - DAY, rich.clock.now())
        mine = [d for d in found.rows if d.name == "new@example.com"]
        assert [d.activity for d in mine][-2:] == ["updated", "deleted"]
        assert mine[-1].user_email == LEA
        assert "level" in mine[-2].changes

    def test_our_own_removals_carry_our_mark(self, rich):
        rich.all.apply(RemoveMember(user_uuid=rich.uuid(QUINN), email=QUINN, level=Level.MEMBER))
        rich.clock.advance(minutes=1)
        found = rich.all.membership_changes(START - DAY, rich.clock.now()).rows
        assert [d.client for d in found if d.activity == "deleted"] == ["posthog-bridge"]


class TestTrackedProfiles:
    def test_they_are_counted_by_project_in_whatever_case(self, rich):
        rich.world.add_person(rich.shop.id, QUINN)
        rich.world.add_person(rich.shop.id, BEN)
        found, gaps = rich.all.tracked(QUINN.replace("quinn", "Quinn"))
        assert [(t.project, t.count) for t in found] == [("Shop", 1)]
        assert gaps == ()

    def test_nobody_is_nothing(self, rich):
        assert rich.all.tracked(QUINN) == ((), ())

    def test_a_key_that_may_not_read_them_says_so(self, rich):
        _, gaps = rich.target(BRIDGE, scopes=("organization:read",)).tracked(QUINN)
        assert all("person:read" in g.remedy for g in gaps)
        assert gaps


class TestChanges:
    def test_an_invite_is_sent_at_its_level_with_projects(self, rich):
        answer = rich.all.invite(
            "zoe@example.com", Level.ADMIN, first_name="Zoe" * 20, projects=((rich.shop.id, "member"),)
        )
        (invite,) = rich.world.invites_for("zoe@example.com")
        assert (answer.status, invite.level, len(invite.first_name)) == (201, 8, 30)

    def test_a_member_cannot_be_invited_and_that_is_no_trouble_of_the_target(self, rich):
        with pytest.raises(Refused) as told:
            rich.all.invite(MAYA, Level.MEMBER)
        assert not told.value.is_target_wide
        assert "Nothing to do" in told.value.remedy

    def test_just_in_time_provisioning_is_switched_off(self, rich):
        (domain,) = around(rich).domains
        assert rich.all.disable_jit(domain.domain_id).status == 200
        assert not around(rich).domains[0].is_jit_enabled

    def test_a_key_that_may_not_is_told_the_scope(self, rich):
        (domain,) = around(rich).domains
        with pytest.raises(Refused) as told:
            rich.target(BRIDGE, scopes=("organization:read",)).disable_jit(domain.domain_id)
        assert "organization:write" in told.value.remedy

    def test_a_yes_that_changed_nothing_is_not_believed(self, rich):
        (domain,) = around(rich).domains
        still_on = faults.edited(lambda body: {**body, "jit_provisioning_enabled": True})
        rich.transport.inject(When(method="PATCH"), still_on)
        with pytest.raises(Unexpected):
            rich.all.disable_jit(domain.domain_id)

    @pytest.mark.parametrize("odd", ["example.com", "", "@me"])
    def test_an_id_that_is_no_uuid_is_never_sent(self, rich, odd):
        sent = len(rich.transport.sent)
        with pytest.raises(Unexpected):
            rich.all.disable_jit(odd)
        with pytest.raises(Unexpected):
            rich.all.deeds(odd, START - DAY, START)
        assert len(rich.transport.sent) == sent
