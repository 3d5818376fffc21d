"""The activity log: who may read it, what it tells, how late, and in pages. PostHog: advanced_activity_logs, activity_log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.sandbox import ADMIN, MEMBER
from bridge.sandbox.journal import row_id
from tests.contract.conftest import HOME, denied, envelope, invalid, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
TOMAS = "tomas.reyes@example.com"
BRIDGE = "posthog-bridge@example.com"
LOG = f"{HOME}/advanced_activity_logs/"
CLOSED_IN_2025 = denied("This action does not support Personal API Key access")


@pytest.fixture
def log(side):
    """The organization's log as an admin reads it, on a plan that has it."""
    side.world.change_organization(features=("audit_logs", "access_control", "role_based_access"))
    side.world.activity.clear()

    def read(**query):
        answer = side.api(ADA).get(LOG, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    return read


def late(side):
    side.clock.advance(seconds=side.world.activity_delay_seconds)


def test_a_removal_through_the_api_is_told_with_who_whence_and_with_what(side, log):
    """DELETE /members/{uuid}/ writes OrganizationMembership `deleted`; the header x-posthog-client is kept."""
    membership = side.world.membership(MAYA)
    side.api(ADA).delete(
        side.path(MAYA), headers={"x-posthog-client": "posthog-bridge", "X-Forwarded-For": "198.51.100.9"}
    )
    late(side)
    row = log(scopes="OrganizationMembership")[0]
    assert set(row) == {
        *("id", "user", "unread", "team_id", "organization_id", "was_impersonated", "is_system", "client"),
        *("ip_address", "activity", "item_id", "scope", "detail", "created_at"),
    }
    assert (row["activity"], row["item_id"]) == ("deleted", membership.id)
    assert (row["user"]["email"], row["client"], row["ip_address"]) == (ADA, "posthog-bridge", "198.51.100.9")
    assert (row["organization_id"], row["team_id"], row["is_system"]) == (side.world.home.id, None, False)
    assert row["detail"]["context"]["user_email"] == MAYA
    assert row["detail"]["context"]["organization_name"] == side.world.home.name


def test_a_row_is_there_a_little_after_the_change(side, log):
    side.world.activity_delay_seconds = 5.0
    side.api(ADA).delete(side.path(MAYA))
    assert log(activities="deleted", scopes="OrganizationMembership") == []
    side.clock.advance(seconds=4.9)
    assert log(activities="deleted", scopes="OrganizationMembership") == []
    side.clock.advance(seconds=0.1)
    assert len(log(activities="deleted", scopes="OrganizationMembership")) == 1


def test_a_change_of_level_tells_before_and_after(side, log):
    """PATCH /members/{uuid}/ writes OrganizationMembership `updated`."""
    side.api(ADA).patch(side.path(MAYA), json={"level": ADMIN})
    late(side)
    row = log(activities="updated", scopes="OrganizationMembership")[0]
    assert [(c["field"], c["before"], c["after"]) for c in row["detail"]["changes"]] == [("level", MEMBER, ADMIN)]


def test_joining_by_just_in_time_provisioning_is_a_system_s_row(side, log):
    side.world.remove_member(MAYA)
    side.world.login(MAYA)
    late(side)
    row = log(activities="created", scopes="OrganizationMembership")[0]
    assert (row["user"], row["is_system"], row["detail"]["context"]["user_email"]) == (None, True, MAYA)


def test_a_removal_in_the_browser_names_the_admin_who_did_it(side, log):
    side.world.set_level(TOMAS, ADMIN, by=ADA)
    side.world.remove_member(MAYA, by=ADA)
    late(side)
    assert [(r["activity"], r["user"]["email"], r["client"]) for r in log(scopes="OrganizationMembership")] == [
        ("deleted", ADA, "web"),
        ("updated", ADA, "web"),
    ]


def test_rows_of_one_instant_are_told_in_the_order_they_were_written(side):
    """However many there are, and however many the process wrote before."""
    at = side.clock.now()
    ids = [row_id(at) for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert row_id(at - timedelta(milliseconds=1)) < ids[0] < row_id(at + timedelta(milliseconds=1))


def test_invites_rules_and_roles_are_told_too(side, log):
    project, role = side.world.add_project("Test shop"), side.world.add_role("Test role")
    api = side.api(ADA)
    side.world.activity.clear()
    sent = api.post(f"{HOME}/invites/", json={"target_email": "new@example.com"}).json()
    api.delete(f"{HOME}/invites/{sent['id']}/")
    for level in ("member", None):
        body = {"access_level": level, "organization_member": side.world.membership(MAYA).id}
        api.put(f"/api/projects/{project.id}/access_controls/", json=body)
    api.post(f"{HOME}/roles/{role.id}/role_memberships/", json={"user_uuid": side.uuid(MAYA)})
    late(side)
    told = [(r["scope"], r["activity"], r["team_id"]) for r in reversed(log())]
    assert sorted(told, key=str) == sorted(
        [
            ("OrganizationInvite", "created", None),
            ("OrganizationInvite", "deleted", None),
            ("AccessControl", "created", project.id),
            ("AccessControl", "deleted", project.id),
            ("Role", "created", None),
        ],
        key=str,
    )
    assert {r["user"]["email"] for r in log()} == {ADA}


def test_what_did_not_change_is_not_told(side, log):
    api = side.api(ADA)
    side.world.activity.clear()
    api.patch(side.path(MAYA), json={"level": MEMBER})
    late(side)
    assert log() == []


def test_other_deeds_can_be_put_into_the_log_and_found_by_person(side, log):
    """Filters `users`, `activities`, `scopes`, `item_ids`, `clients`, `ip_addresses`, `start_date`, `end_date`."""
    project = side.world.add_project("Test shop")
    side.world.activity.clear()
    at = side.clock.now()
    side.world.add_deed(
        MAYA, "exported", "Insight", name="Revenue", project=project.id, at=at, ip_address="203.0.113.7"
    )
    side.world.add_deed(MAYA, "created", "HogFunction", name="To a bucket", at=at - timedelta(days=40), client="mcp")
    side.world.add_deed(TOMAS, "exported", "Insight", name="Visits", at=at, item_id="77", was_impersonated=True)
    side.world.add_deed("", "scim_deprovisioned", "User", name="Somebody", at=at)

    def found(**query):
        return sorted(r["detail"]["name"] for r in log(**query))

    assert found(users=side.uuid(MAYA)) == ["Revenue", "To a bucket"]
    assert found(users=[side.uuid(MAYA), side.uuid(TOMAS)], activities="exported") == ["Revenue", "Visits"]
    assert found(users=f'["{side.uuid(TOMAS)}"]') == ["Visits"]
    assert found(users=side.uuid(MAYA), start_date=(at - timedelta(days=30)).isoformat()) == ["Revenue"]
    assert found(users=side.uuid(MAYA), end_date=(at - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M")) == [
        "To a bucket"
    ]
    assert found(item_ids="77") == found(was_impersonated="true") == ["Visits"]
    assert found(clients="mcp") == found(scopes=["HogFunction", "Dashboard"]) == ["To a bucket"]
    assert found(ip_addresses="203.0.113.*") == found(team_ids=project.id) == found(search_text="reven") == ["Revenue"]
    assert found(ip_addresses="203.0.113.8") == []
    assert found(is_system="true") == ["Somebody"]
    assert found(nonsense="7") == ["Revenue", "Somebody", "To a bucket", "Visits"]


def test_a_comma_in_a_list_is_part_of_the_one_value(side, log):
    side.world.add_deed(MAYA, "exported", "Insight")
    assert log(scopes="Insight,Dashboard") == []
    assert log(scopes="[Insight") == []
    wrong = side.api(ADA).get(LOG, params={"users": f"{side.uuid(MAYA)},{side.uuid(TOMAS)}"})
    assert says(wrong) == invalid("Must be a valid UUID.", "invalid", "users__0")


@pytest.mark.parametrize(
    ("query", "attr", "code"),
    [
        ({"start_date": "yesterday"}, "start_date", "invalid"),
        ({"ordering": "name"}, "ordering", "invalid_choice"),
        ({"page_size": 1001}, "page_size", "max_value"),
        ({"team_ids": "shop"}, "team_ids__0", "invalid"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_by_name(side, log, query, attr, code):
    body = side.api(ADA).get(LOG, params=query).json()
    assert (body["type"], body["code"], body["attr"]) == ("validation_error", code, attr)


@pytest.mark.parametrize("ordering", ["created_at", "-created_at"])
def test_pages_are_followed_by_a_cursor_that_tells_no_count(side, log, ordering):
    for number in range(7):
        side.world.add_deed(
            MAYA, "exported", "Insight", name=str(number), at=side.clock.now() + timedelta(seconds=number // 3)
        )
    late(side)
    late(side)
    late(side)
    api, seen, url = side.api(ADA), [], f"{LOG}?page_size=3&ordering={ordering}"
    while url:
        body = api.get(url).json()
        assert set(body) == {"next", "previous", "results"}
        seen += [r["detail"]["name"] for r in body["results"]]
        url = body["next"]
    times = [int(name) // 3 for name in seen]
    assert sorted(seen) == list("0123456")
    assert times == sorted(times, reverse=ordering.startswith("-"))


def test_a_row_that_comes_while_pages_are_read_shifts_nothing(side, log):
    for number in range(4):
        side.world.add_deed(
            MAYA, "exported", "Insight", name=str(number), at=side.clock.now() + timedelta(seconds=number)
        )
    side.clock.advance(seconds=10)
    api = side.api(ADA)
    first = api.get(LOG, params={"page_size": 2}).json()
    side.world.add_deed(MAYA, "exported", "Insight", name="late", at=side.clock.now())
    second = api.get(first["next"]).json()
    assert [r["detail"]["name"] for r in first["results"] + second["results"]] == ["3", "2", "1", "0"]
    assert second["previous"]


def test_a_follower_keeps_the_cursor_and_stops_at_an_empty_page(side, log):
    """`ordering=created_at` with `follow=true`."""
    side.world.add_deed(MAYA, "exported", "Insight", name="first")
    api = side.api(ADA)
    body = api.get(LOG, params={"ordering": "created_at", "follow": "true", "scopes": "Insight"}).json()
    empty = api.get(body["next"]).json()
    assert (empty["results"], empty["next"]) == ([], body["next"])
    side.world.add_deed(MAYA, "exported", "Insight", name="second", at=side.clock.now() + timedelta(seconds=1))
    side.clock.advance(seconds=2)
    assert [r["detail"]["name"] for r in api.get(empty["next"]).json()["results"]] == ["second"]
    assert says(api.get(f"{LOG}?cursor=nonsense")) == missing("Invalid cursor")


def test_pages_by_number_tell_the_count(side, log):
    for number in range(3):
        side.world.add_deed(
            MAYA, "exported", "Insight", name=str(number), at=side.clock.now() - timedelta(hours=number)
        )
    body = side.api(ADA).get(LOG, params={"page": 2, "page_size": 2}).json()
    assert (body["count"], body["next"], [r["detail"]["name"] for r in body["results"]]) == (3, None, ["2"])
    assert "page=1" in body["previous"]
    assert says(side.api(ADA).get(LOG, params={"page": 3, "page_size": 2})) == missing("Invalid page.")


def test_without_the_plan_s_feature_nothing_is_told_on_cloud(side, log):
    """402 Payment Required, before the caller's level is looked at."""
    side.world.change_organization(features=())
    said = (
        "Audit logs is part of the premium PostHog offering. "
        "To use it, subscribe to PostHog Cloud with a generous free tier."
    )
    project = side.world.add_project("Test shop")
    for path in (
        LOG,
        f"/api/projects/{project.id}/activity_log/",
        f"/api/projects/{project.id}/advanced_activity_logs/",
    ):
        assert says(side.api(MAYA).get(path)) == envelope(402, "server_error", "payment_required", said)
    side.world.is_cloud = False
    assert side.api(ADA).get(LOG).status_code == 200


def test_plain_members_do_not_read_the_organization_s_log(side, log):
    said = "Only organization admins and owners can view organization-wide activity logs."
    assert says(side.api(MAYA).get(LOG)) == denied(said)


def test_the_plan_may_limit_how_far_back_one_sees(side, log):
    side.world.add_deed(MAYA, "exported", "Insight", at=side.clock.now() - timedelta(days=31))
    assert len(log()) == 1
    side.world.change_organization(activity_lookback_days=30)
    assert log() == []


def test_a_key_needs_the_log_s_own_scope(side, log):
    answer = side.api(ADA, scopes=("organization:read",)).get(LOG)
    assert says(answer) == denied("API key missing required scope 'activity_log:read'")


def test_a_project_s_log_shows_the_organization_s_rows_only_where_it_is_set_to(side, log):
    """GET /projects/{id}/activity_log/ and its filters `user`, `scope`, `scopes`, `item_id`."""
    shop, club = (
        side.world.add_project("Test shop"),
        side.world.add_project("Club", receive_org_level_activity_logs=True),
    )
    side.world.add_resource("dashboards", shop.id, "Sales", by=MAYA)
    side.api(ADA).patch(side.path(TOMAS), json={"level": ADMIN})
    late(side)

    def told(project, **query):
        body = side.api(MAYA).get(f"/api/projects/{project.id}/activity_log/", params=query).json()
        return [(r["scope"], r["activity"]) for r in body["results"]]

    assert told(shop) == [("Dashboard", "created")]
    assert ("OrganizationMembership", "updated") in told(club)
    assert told(shop, user=side.uuid(MAYA), scope="Dashboard", scopes="Dashboard,Insight") == [("Dashboard", "created")]
    assert told(shop, user=side.uuid(TOMAS)) == told(shop, scope="Insight") == told(shop, item_id="1") == []
    assert told(shop, scopes="Insight,Cohort") == []
    assert side.api(MAYA).get(f"/api/projects/{shop.id}/activity_log/?user=maya").status_code == 500
    advanced = side.api(MAYA).get(f"/api/projects/{shop.id}/advanced_activity_logs/").json()["results"]
    assert [r["detail"]["name"] for r in advanced] == ["Sales"]


@pytest.mark.parametrize("place", ["organization", "project"])
def test_older_versions_have_no_advanced_logs_or_keep_them_from_keys(side, log, place):
    project = side.world.add_project("Test shop")
    path = LOG if place == "organization" else f"/api/projects/{project.id}/advanced_activity_logs/"
    side.world.opens_activity_to_keys = False
    assert says(side.api(ADA).get(path)) == CLOSED_IN_2025
    side.world.has_advanced_activity_logs = False
    assert says(side.api(ADA).get(path)) == missing("Endpoint not found.")
    assert side.api(ADA).get(f"/api/projects/{project.id}/activity_log/").status_code == 200


def test_keys_are_told_without_their_value(side, log):
    side.api(MAYA, label="laptop").get("/api/users/@me/")
    late(side)
    row = log(scopes="PersonalAPIKey", users=side.uuid(MAYA))[0]
    assert (row["activity"], row["detail"]["name"]) == ("created", "laptop")


def test_the_log_does_not_grow_for_ever(side, log):
    for _ in range(10_050):
        side.world.add_deed(MAYA, "exported", "Insight")
    assert len(side.world.activity) < 10_000
