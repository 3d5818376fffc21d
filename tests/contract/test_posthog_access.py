"""Rules of access to a project, and who gets in by which. PostHog: /projects/{id}/access_controls/."""

from __future__ import annotations

import pytest

from bridge.sandbox import ADMIN
from tests.contract.conftest import denied, invalid, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
TOMAS = "tomas.reyes@example.com"
FEATURES = ("access_control", "role_based_access")
WRONG_MEMBER = "Invalid organization member id. Use the 'id' field from the /api/organizations/<organization_id>/members/ endpoint."


@pytest.fixture
def shop(side):
    side.world.change_organization(features=FEATURES)
    return side.world.add_project("Test shop")


def put(side, project, by=ADA, **body):
    return side.api(by).put(f"/api/projects/{project.id}/access_controls/", json=body)


def rules(side, project):
    return side.api(ADA).get(f"/api/projects/{project.id}/access_controls/").json()


def membership(side, email):
    return side.world.membership(email).id


def who(side, project, email):
    """How that person is listed by GET /projects/{id}/users_with_access/: level and source, or `None`."""
    users = side.api(ADA).get(f"/api/projects/{project.id}/users_with_access/").json()["users"]
    found = [u for u in users if u["user_id"] == side.uuid(email)]
    return (found[0]["access_level"], found[0]["access_source"]) if found else None


def test_a_project_without_rules_shows_the_levels_there_are(side, shop):
    """GET access_controls."""
    assert rules(side, shop) == {
        "access_controls": [],
        "available_access_levels": ["none", "member", "admin"],
        "default_access_level": "admin",
        "minimum_access_level": "none",
        "maximum_access_level": "admin",
        "user_access_level": "admin",
        "user_can_edit_access_levels": True,
    }


def test_a_rule_names_the_membership_and_has_no_id(side, shop):
    """PUT access_controls with `organization_member`."""
    answer = put(side, shop, access_level="member", organization_member=membership(side, MAYA))
    assert answer.status_code == 200
    row = answer.json()
    assert set(row) == {
        *("access_level", "resource", "resource_id", "organization_member", "role"),
        *("created_by", "created_at", "updated_at"),
    }
    assert (row["access_level"], row["resource"], row["resource_id"]) == ("member", "project", str(shop.id))
    assert row["organization_member"] == membership(side, MAYA)
    assert rules(side, shop)["access_controls"] == [row]


def test_a_second_rule_for_the_same_member_replaces_the_first(side, shop):
    for level in ("member", "none"):
        put(side, shop, access_level=level, organization_member=membership(side, MAYA))
    assert [r["access_level"] for r in rules(side, shop)["access_controls"]] == ["none"]


def test_null_deletes_the_rule_and_says_the_same_when_there_was_none(side, shop):
    put(side, shop, access_level="member", organization_member=membership(side, MAYA))
    for _ in range(2):
        assert says(put(side, shop, access_level=None, organization_member=membership(side, MAYA))) == (204, None)
    assert rules(side, shop)["access_controls"] == []


def test_neither_member_nor_role_is_the_rule_for_everybody(side, shop):
    put(side, shop, access_level="none")
    assert who(side, shop, MAYA) is None
    assert side.api(ADA).get(f"/api/projects/{shop.id}/").json()["access_control"] is True


def test_something_that_is_no_membership_id_is_refused_with_where_to_find_it(side, shop):
    wrong = invalid(WRONG_MEMBER, "invalid", "organization_member")
    assert says(put(side, shop, access_level="member", organization_member="maya")) == wrong


def test_the_account_s_uuid_is_no_membership_id(side, shop):
    said = f'Invalid pk "{side.uuid(MAYA)}" - object does not exist.'
    answer = put(side, shop, access_level="member", organization_member=side.uuid(MAYA))
    assert says(answer) == invalid(said, "does_not_exist", "organization_member")


def test_a_rule_is_for_a_member_or_a_role_and_not_both(side, shop):
    role = side.world.add_role("Test role")
    answer = put(side, shop, access_level="member", organization_member=membership(side, MAYA), role=role.id)
    assert says(answer) == invalid("You can not scope an access control to both a member and a role.")


@pytest.mark.parametrize("level", ["editor", "owner", 8])
def test_other_levels_are_refused(side, shop, level):
    said = "Invalid access level. Must be one of: none, member, admin"
    assert says(put(side, shop, access_level=level)) == invalid(said, attr="access_level")


def test_the_level_must_be_there(side, shop):
    assert says(put(side, shop)) == invalid("This field is required.", "required", "access_level")
    blank = invalid("This field may not be blank.", "blank", "access_level")
    assert says(put(side, shop, access_level="")) == blank


def test_a_plain_member_changes_no_rule(side, shop):
    said = "Must be admin to modify project permissions."
    assert says(put(side, shop, by=TOMAS, access_level="none")) == denied(said)


def test_a_member_whom_a_rule_makes_admin_of_the_project_may(side, shop):
    side.world.set_access(shop.id, "admin", email=TOMAS)
    assert put(side, shop, by=TOMAS, access_level="none").status_code == 200


def test_roles_need_the_plan_s_feature(side, shop):
    side.world.change_organization(features=("access_control",))
    role = side.world.add_role("Test role")
    said = "Role-based access controls require the Role-based access feature."
    assert says(put(side, shop, access_level="member", role=role.id)) == denied(said)


def test_reading_and_writing_have_scopes_of_their_own(side, shop):
    path = f"/api/projects/{shop.id}/access_controls/"
    reader = side.api(ADA, scopes=("access_control:read",))
    assert reader.get(path).status_code == 200
    assert reader.get(f"/api/projects/{shop.id}/users_with_access/").status_code == 200
    said = "API key missing required scope 'access_control:write'"
    assert says(reader.put(path, json={"access_level": "none"})) == denied(said)


def test_without_any_rule_everybody_is_in_as_admin_by_default(side, shop):
    """GET users_with_access."""
    assert who(side, shop, MAYA) == ("admin", "default")


def test_admins_and_owners_are_always_in(side, shop):
    put(side, shop, access_level="none")
    put(side, shop, access_level="none", organization_member=membership(side, ADA))
    assert who(side, shop, ADA) == ("admin", "organization_admin")
    side.world.set_level(MAYA, ADMIN)
    assert who(side, shop, MAYA) == ("admin", "organization_admin")


def test_a_single_rule_for_a_member_shuts_that_member_out(side, shop):
    put(side, shop, access_level="none", organization_member=membership(side, MAYA))
    assert who(side, shop, MAYA) is None
    assert who(side, shop, TOMAS) == ("admin", "default")
    refused = denied("You don't have access to the project.")
    assert says(side.api(MAYA).get(f"/api/projects/{shop.id}/")) == refused


@pytest.mark.parametrize("default", ["member", "admin"])
def test_the_highest_level_wins_so_that_none_does_not_help_against_a_default(side, shop, default):
    put(side, shop, access_level=default)
    put(side, shop, access_level="none", organization_member=membership(side, MAYA))
    assert who(side, shop, MAYA) == (default, "explicit_member")


def test_a_role_lets_in_where_the_own_rule_does_not(side, shop):
    role = side.world.add_role("Test role", MAYA)
    put(side, shop, access_level="none")
    put(side, shop, access_level="member", role=role.id)
    assert who(side, shop, MAYA) == ("member", "explicit_role")
    put(side, shop, access_level="none", organization_member=membership(side, MAYA))
    assert who(side, shop, MAYA) == ("member", "explicit_member")
    assert who(side, shop, TOMAS) is None


def test_rules_are_inert_without_the_plan_s_feature(side, shop):
    put(side, shop, access_level="none")
    side.world.change_organization(features=())
    assert who(side, shop, MAYA) == ("admin", "default")
    assert [r["access_level"] for r in rules(side, shop)["access_controls"]] == ["none"]


def test_users_with_access_name_account_and_membership(side, shop):
    answer = side.api(ADA).get(f"/api/projects/{shop.id}/users_with_access/").json()
    assert answer["total_count"] == len(answer["users"]) == 24
    mine = next(u for u in answer["users"] if u["user_id"] == side.uuid(MAYA))
    assert mine["organization_membership_id"] == membership(side, MAYA)
    assert mine["organization_membership_level"] == "member"


def test_deactivated_accounts_have_no_access_to_show(side, shop):
    side.world.deactivate(MAYA)
    assert who(side, shop, MAYA) is None


def test_the_member_s_rules_go_with_the_membership_and_do_not_come_back(side, shop):
    put(side, shop, access_level="member", organization_member=membership(side, MAYA))
    side.api(ADA).delete(side.path(MAYA))
    assert rules(side, shop)["access_controls"] == []
    side.world.login(MAYA)
    assert rules(side, shop)["access_controls"] == []


def test_rules_for_a_whole_kind_of_resources_have_levels_of_their_own(side, shop):
    """GET and PUT resource_access_controls."""
    path = f"/api/projects/{shop.id}/resource_access_controls/"
    api = side.api(ADA)
    required = invalid("This field is required.", "required", "resource")
    assert says(api.put(path, json={"access_level": "viewer"})) == required
    assert api.put(path, json={"access_level": "viewer", "resource": "dashboard"}).json()["resource_id"] is None
    shown = api.get(path).json()
    assert shown["available_access_levels"] == ["none", "viewer", "editor", "manager"]
    assert [r["resource"] for r in shown["access_controls"]] == ["dashboard"]
    said = "Must be an Organization admin to modify project-wide permissions."
    refused = side.api(TOMAS).put(path, json={"access_level": "none", "resource": "dashboard"})
    assert says(refused) == denied(said)


def test_older_versions_do_not_know_who_has_access(side, shop):
    side.world.has_users_with_access = False
    answer = side.api(ADA).get(f"/api/projects/{shop.id}/users_with_access/")
    assert says(answer) == missing("Endpoint not found.")


def test_nobody_is_let_in_who_is_no_member(side, shop):
    with pytest.raises(ValueError, match="no member"):
        side.world.set_access(shop.id, "member", email="nobody@example.com")
