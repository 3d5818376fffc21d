"""Roles and who is in them. PostHog: /organizations/{id}/roles/, ee/api/rbac/role.py."""

from __future__ import annotations

import pytest

from tests.contract.conftest import HOME, denied, invalid, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
TOMAS = "tomas.reyes@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"


@pytest.fixture
def role(side):
    return side.world.add_role("Test role", MAYA)


def seats(role):
    return f"{HOME}/roles/{role.id}/role_memberships/"


def test_roles_are_listed_with_their_members(side, role):
    """GET roles/ and GET roles/{id}/."""
    api = side.api(TOMAS)
    row = next(r for r in api.get(f"{HOME}/roles/").json()["results"] if r["id"] == role.id)
    assert set(row) == {"id", "name", "created_at", "created_by", "members", "is_default"}
    assert [m["user"]["email"] for m in row["members"]] == [MAYA]
    assert api.get(f"{HOME}/roles/{role.id}/").json() == row
    assert says(api.get(f"{HOME}/roles/{STRANGER}/")) == missing()


def test_a_seat_names_the_membership_and_the_account(side, role):
    """GET role_memberships/ and GET role_memberships/{id}/."""
    row = side.api(ADA).get(seats(role)).json()["results"][0]
    assert set(row) == {"id", "role_id", "organization_member", "user", "joined_at", "updated_at"}
    assert row["organization_member"]["id"] == side.world.membership(MAYA).id
    assert side.api(ADA).get(f"{seats(role)}{row['id']}/").json() == row
    assert side.api(ADA).get(f"{HOME}/roles/{STRANGER}/role_memberships/").json()["results"] == []


def test_a_member_is_put_in_by_the_account_s_uuid_and_taken_out_by_the_seat_s_id(side, role):
    """POST and DELETE role_memberships/."""
    answer = side.api(ADA).post(seats(role), json={"user_uuid": side.uuid(TOMAS)})
    assert answer.status_code == 201
    path = f"{seats(role)}{answer.json()['id']}/"
    assert says(side.api(ADA).delete(path)) == (204, None)
    assert says(side.api(ADA).delete(path)) == missing()


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (MAYA, invalid("User is already part of the role.")),
        ("gone@example.com", invalid("User does not exist.")),
        ("wei.zhang@example.com", invalid("User does not exist.")),
    ],
)
def test_whoever_is_in_already_or_is_no_active_member_is_refused(side, role, user, said):
    side.world.add_account("gone@example.com")
    side.world.deactivate("wei.zhang@example.com")
    assert says(side.api(ADA).post(seats(role), json={"user_uuid": side.uuid(user)})) == said


def test_a_body_without_an_account_is_refused(side, role):
    api = side.api(ADA)
    assert says(api.post(seats(role), json={})) == invalid("This field is required.", "required", "user_uuid")
    wrong = invalid("Must be a valid UUID.", "invalid", "user_uuid")
    assert says(api.post(seats(role), json={"user_uuid": MAYA})) == wrong
    assert says(api.post(seats(role), json=[])) == invalid("Invalid data. Expected a dictionary.")
    unknown = api.post(f"{HOME}/roles/{STRANGER}/role_memberships/", json={"user_uuid": side.uuid(TOMAS)})
    assert says(unknown) == invalid("Role does not exist.")


def test_plain_members_read_and_do_not_write(side, role):
    said = denied("Your organization access level is insufficient.")
    api = side.api(TOMAS)
    assert says(api.post(seats(role), json={"user_uuid": side.uuid(TOMAS)})) == said
    assert says(api.delete(f"{seats(role)}{STRANGER}/")) == said


def test_the_scope_of_roles_is_the_organization_s(side, role):
    reader = side.api(ADA, scopes=("organization:read",))
    assert reader.get(f"{HOME}/roles/").status_code == 200
    said = denied("API key missing required scope 'organization:write'")
    assert says(reader.post(seats(role), json={"user_uuid": side.uuid(TOMAS)})) == said


def test_a_removed_member_is_in_no_role_any_more(side, role):
    side.api(ADA).delete(side.path(MAYA))
    assert side.api(ADA).get(seats(role)).json()["results"] == []
    side.world.login(MAYA)
    assert side.api(ADA).get(seats(role)).json()["results"] == []


def test_everybody_who_joins_gets_the_default_role_also_by_just_in_time_provisioning(side, role):
    side.world.change_organization(default_role_id=role.id)
    side.world.remove_member(TOMAS)
    side.world.login(TOMAS)
    listed = side.api(ADA).get(f"{HOME}/roles/{role.id}/").json()
    assert listed["is_default"] is True
    assert {m["user"]["email"] for m in listed["members"]} == {MAYA, TOMAS}
    assert side.api(ADA).get(f"{HOME}/").json()["default_role_id"] == role.id


def test_where_members_do_not_see_each_other_roles_show_only_oneself(side, role):
    side.world.change_organization(members_can_see_org_members=False)
    assert side.api(TOMAS).get(seats(role)).json()["results"] == []
    assert [s["user"]["email"] for s in side.api(MAYA).get(seats(role)).json()["results"]] == [MAYA]


def test_roles_of_another_organization_are_not_found(side):
    elsewhere = side.world.add_organization("Elsewhere")
    theirs = side.world.add_role("Theirs", organization=elsewhere.id)
    assert says(side.api(ADA).get(f"{HOME}/roles/{theirs.id}/")) == missing()
    with pytest.raises(ValueError, match="no member"):
        side.world.add_to_role(theirs.id, MAYA)
