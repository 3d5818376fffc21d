"""What people made in a project: fifteen lists, their creator filters, and whom they write to. PostHog: /projects/{id}/…"""

from __future__ import annotations

import json

import pytest

from tests.contract.conftest import denied, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
TOMAS = "tomas.reyes@example.com"

SCOPES = {
    "dashboards": "dashboard",
    "insights": "insight",
    "feature_flags": "feature_flag",
    "experiments": "experiment",
    "cohorts": "cohort",
    "notebooks": "notebook",
    "surveys": "survey",
    "actions": "action",
    "annotations": "annotation",
    "alerts": "alert",
    "subscriptions": "subscription",
    "hog_functions": "hog_function",
    "batch_exports": "batch_export",
    "early_access_feature": "early_access_feature",
    "session_recording_playlists": "session_recording_playlist",
}
NUMBERS = ("feature_flags", "experiments", "cohorts", "hog_functions", "session_recording_playlists")
"""Kinds whose filter wants the numeric id of the account."""
UNFILTERED = ("dashboards", "surveys", "actions", "annotations", "alerts", "batch_exports", "early_access_feature")


@pytest.fixture
def shop(side):
    return side.world.add_project("Test shop")


def listed(side, shop, kind, **query):
    answer = side.api(ADA).get(f"/api/projects/{shop.id}/{kind}/", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def two(side, shop, kind):
    """One thing of Maya's and one of Tomas's; Maya's account number and UUID."""
    side.world.add_resource(kind, shop.id, "hers", by=MAYA)
    side.world.add_resource(kind, shop.id, "his", by=TOMAS)
    account = side.world.account(MAYA)
    return account.id, account.uuid


@pytest.mark.parametrize("kind", SCOPES)
def test_each_list_is_paged_and_has_a_scope_of_its_own(side, shop, kind):
    """GET on the list of that kind."""
    two(side, shop, kind)
    path = f"/api/projects/{shop.id}/{kind}/"
    body = side.api(ADA, scopes=(f"{SCOPES[kind]}:read",)).get(path, params={"limit": 1}).json()
    assert (body["count"], len(body["results"]), body["previous"]) == (2, 1, None)
    assert len(side.api(ADA).get(body["next"]).json()["results"]) == 1
    refused = side.api(ADA, scopes=("project:read",)).get(path)
    assert says(refused) == denied(f"API key missing required scope '{SCOPES[kind]}:read'")


@pytest.mark.parametrize("kind", sorted(set(SCOPES) - {"batch_exports", "early_access_feature"}))
def test_a_row_names_its_creator_and_nobody_for_what_has_none(side, shop, kind):
    two(side, shop, kind)
    side.world.add_resource(kind, shop.id, "nobody's")
    creators = [row["created_by"] for row in listed(side, shop, kind)]
    assert {c["email"] for c in creators if c} == {MAYA, TOMAS}
    assert creators.count(None) == 1
    assert {"id", "uuid", "email", "first_name"} <= set(next(c for c in creators if c))


@pytest.mark.parametrize("kind", ["batch_exports", "early_access_feature"])
def test_batch_exports_and_early_access_features_do_not_say_who_made_them(side, shop, kind):
    two(side, shop, kind)
    assert all("created_by" not in row for row in listed(side, shop, kind))


@pytest.mark.parametrize("kind", NUMBERS)
def test_some_creator_filters_want_the_number_of_the_account(side, shop, kind):
    number, uuid = two(side, shop, kind)
    name = "created_by" if kind in {"hog_functions", "session_recording_playlists"} else "created_by_id"
    assert len(listed(side, shop, kind, **{name: number})) == 1
    assert len(listed(side, shop, kind, **{name: uuid})) == 2


def test_insights_want_a_list_of_numbers(side, shop):
    number, uuid = two(side, shop, "insights")
    assert [r["name"] for r in listed(side, shop, "insights", created_by=json.dumps([number]))] == ["hers"]
    for wrong in (number, uuid, "[", '{"id": 1}'):
        assert len(listed(side, shop, "insights", created_by=wrong)) == 2


@pytest.mark.parametrize("kind", ["notebooks", "subscriptions"])
def test_notebooks_and_subscriptions_want_the_uuid(side, shop, kind):
    number, uuid = two(side, shop, kind)
    assert [r["title"] for r in listed(side, shop, kind, created_by=uuid)] == ["hers"]
    assert len(listed(side, shop, kind, created_by=number)) == 2


def test_notebooks_of_the_caller_are_asked_for_with_user(side, shop):
    two(side, shop, "notebooks")
    side.world.add_resource("notebooks", shop.id, "Ada's", by=ADA)
    assert [r["title"] for r in listed(side, shop, "notebooks", user="true")] == ["Ada's"]


@pytest.mark.parametrize("kind", UNFILTERED)
def test_a_filter_that_the_list_does_not_know_returns_everybody_s(side, shop, kind):
    number, uuid = two(side, shop, kind)
    for wrong in ({"created_by": number}, {"created_by": uuid}, {"created_by_id": number}, {"creator": uuid}):
        assert len(listed(side, shop, kind, **wrong)) == 2


def test_the_wrong_name_of_a_filter_returns_everybody_s_too(side, shop):
    number, _ = two(side, shop, "feature_flags")
    assert len(listed(side, shop, "feature_flags", created_by=number)) == 2


def test_hog_functions_are_destinations_unless_others_are_asked_for(side, shop):
    """GET hog_functions/ with `type` or `types`."""
    side.world.add_resource("hog_functions", shop.id, "To a bucket", by=MAYA)
    side.world.add_resource("hog_functions", shop.id, "Drop addresses", by=MAYA, type="transformation")
    assert [r["name"] for r in listed(side, shop, "hog_functions")] == ["To a bucket"]
    assert [r["name"] for r in listed(side, shop, "hog_functions", type="transformation")] == ["Drop addresses"]
    assert len(listed(side, shop, "hog_functions", types="destination,transformation")) == 2


def test_deleted_things_are_not_listed_and_others_are_searched_by_name(side, shop):
    side.world.add_resource("dashboards", shop.id, "Old", by=MAYA, deleted=True)
    side.world.add_resource("dashboards", shop.id, "Sales in June", by=MAYA, is_shared=True)
    side.world.add_resource("dashboards", shop.id, "Visits", by=MAYA)
    assert {r["name"] for r in listed(side, shop, "dashboards")} == {"Sales in June", "Visits"}
    assert [r["is_shared"] for r in listed(side, shop, "dashboards", search="june")] == [True]


def test_flags_have_a_key_and_numbers_where_surveys_have_a_uuid(side, shop):
    side.world.add_resource("feature_flags", shop.id, "new-basket", by=MAYA)
    side.world.add_resource("surveys", shop.id, "How was it?", by=MAYA)
    flag = listed(side, shop, "feature_flags")[0]
    assert (flag["key"], flag["name"], type(flag["id"])) == ("new-basket", "", int)
    assert len(listed(side, shop, "surveys")[0]["id"]) == 36


def test_what_somebody_made_stays_theirs_after_they_left_and_when_they_are_back(side, shop):
    side.world.add_resource("dashboards", shop.id, "Sales", by=MAYA)
    side.api(ADA).delete(side.path(MAYA))
    assert listed(side, shop, "dashboards")[0]["created_by"]["email"] == MAYA
    side.world.login(MAYA)
    assert listed(side, shop, "dashboards")[0]["created_by"]["email"] == MAYA


def test_an_alert_still_names_who_left_but_writes_to_members_only(side, shop):
    """GET alerts/: `subscribed_users`; the membership is looked at when the alert is sent."""
    subscribed = [side.uuid(MAYA), side.uuid(TOMAS)]
    alert = side.world.add_resource("alerts", shop.id, "Fewer orders", by=MAYA, subscribed_users=subscribed)
    side.api(ADA).delete(side.path(MAYA))
    assert [u["email"] for u in listed(side, shop, "alerts")[0]["subscribed_users"]] == [MAYA, TOMAS]
    assert [m["to"] for m in side.world.mail() if m["id"] == alert.id] == [TOMAS]
    side.api(ADA).delete(side.path(TOMAS))
    assert [m["to"] for m in side.world.mail() if m["id"] == alert.id] == []


def test_a_subscription_keeps_writing_to_the_address_of_who_left(side, shop):
    """GET subscriptions/: `target_type`, `target_value`."""
    weekly = side.world.add_resource("subscriptions", shop.id, "Weekly", by=MAYA, target_value=f"{MAYA},{TOMAS}")
    side.world.add_resource("subscriptions", shop.id, "Chat", by=MAYA, target_type="slack", target_value="C01|#sales")
    side.api(ADA).delete(side.path(MAYA))
    assert [m["to"] for m in side.world.mail() if m["kind"] == "subscriptions" and m["id"] == weekly.id] == [
        MAYA,
        TOMAS,
    ]
    assert "C01|#sales" not in [m["to"] for m in side.world.mail()]


def test_a_project_one_may_not_enter_lists_nothing(side, shop):
    side.world.change_organization(features=("access_control",))
    side.world.set_access(shop.id, "none")
    refused = side.api(MAYA).get(f"/api/projects/{shop.id}/dashboards/")
    assert says(refused) == denied("You don't have access to the project.")
