"""Which key may do what, in which order PostHog looks, and its forms of 401, 403 and 404. Source: sections 0 and 2."""

from __future__ import annotations

import httpx
import pytest

from bridge.sandbox import MEMBER
from tests.contract.conftest import HOME, URL, denied, envelope, missing, says

ADMIN = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"
NOT_OPEN = denied("This action does not support personal API key access")


def unauthenticated(detail, code="authentication_failed"):
    return envelope(401, "authentication_error", code, detail)


def test_without_a_key_nothing_is_said(side):
    client = httpx.Client(base_url=URL, transport=side.transport)
    answer = client.get(f"{HOME}/members/")
    assert says(answer) == unauthenticated("Authentication credentials were not provided.", "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_key_is_refused(side):
    said = "Personal API key found in request Authorization header is invalid."
    assert says(side.api_with("phx_unknown").get(f"{HOME}/members/")) == unauthenticated(said)


def test_the_key_of_a_deactivated_account_is_an_unknown_key(side):
    api = side.api(ADMIN)
    side.world.deactivate(ADMIN)
    assert api.get(f"{HOME}/members/").status_code == 401


def test_a_key_is_also_taken_from_body_and_query(side):
    client = httpx.Client(base_url=URL, transport=side.transport)
    key = side.key(ADMIN)
    assert client.get(f"{HOME}/members/", params={"personal_api_key": key}).status_code == 200
    assert client.patch(side.path(MAYA), json={"personal_api_key": key, "level": 8}).status_code == 200
    said = "Personal API key found in request query string is invalid."
    assert says(client.get(f"{HOME}/members/?personal_api_key=phx_no")) == unauthenticated(said)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"{HOME}/members/", "organization_member:read"),
        ("PATCH", f"{HOME}/members/{STRANGER}/", "organization_member:write"),
        ("DELETE", f"{HOME}/members/{STRANGER}/", "organization_member:write"),
        ("GET", f"{HOME}/members/{STRANGER}/github_login/", "organization_member:read"),
        ("GET", f"{HOME}/invites/", "organization_member:read"),
        ("POST", f"{HOME}/invites/", "organization_member:write"),
        ("POST", f"{HOME}/invites/bulk/", "organization_member:write"),
        ("DELETE", f"{HOME}/invites/{STRANGER}/", "organization_member:write"),
        ("GET", f"{HOME}/", "organization:read"),
        ("GET", "/api/organizations/", "organization:read"),
        ("GET", f"{HOME}/domains/", "organization:read"),
        ("GET", "/api/users/@me/", "user:read"),
    ],
)
def test_a_missing_scope_is_named_before_anything_is_looked_up(side, method, path, scope):
    api = side.api(ADMIN, scopes=("dashboard:read",))
    assert says(api.request(method, path)) == denied(f"API key missing required scope '{scope}'")


def test_write_includes_read(side):
    assert side.api(ADMIN, scopes=("organization_member:write",)).get(f"{HOME}/members/").status_code == 200


def test_read_does_not_include_write(side):
    answer = side.api(ADMIN, scopes=("organization_member:read",)).delete(side.path(MAYA))
    assert says(answer) == denied("API key missing required scope 'organization_member:write'")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{HOME}/members/{STRANGER}/scoped_api_keys/"),
        ("GET", f"{HOME}/members/{STRANGER}/"),
        ("POST", f"{HOME}/members/"),
        ("GET", f"{HOME}/invites/{STRANGER}/"),
        ("DELETE", f"{HOME}/invites/"),
        ("OPTIONS", f"{HOME}/members/"),
    ],
)
def test_what_is_not_open_to_keys_stays_closed_even_to_the_star(side, method, path):
    assert says(side.api(ADMIN, scopes=("*",)).request(method, path)) == NOT_OPEN


def test_not_open_to_keys_comes_before_an_unknown_organization(side):
    assert says(side.api(ADMIN).get(f"/api/organizations/{STRANGER}/members/{STRANGER}/")) == NOT_OPEN


@pytest.mark.parametrize("organization", [STRANGER, "hedgehog-supplies-sandbox", "12"])
def test_an_unknown_organization_is_said_before_the_scope_is_looked_at(side, organization):
    api = side.api(ADMIN, scopes=())
    assert says(api.get(f"/api/organizations/{organization}/members/")) == missing("Organization not found.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"{HOME}/members/{MAYA}/"),
        ("GET", "/api/organisations/"),
        ("GET", f"{HOME}/members//"),
        ("GET", "/"),
    ],
)
def test_a_path_without_a_route_is_an_unknown_endpoint_even_without_a_key(side, method, path):
    client = httpx.Client(base_url=URL, transport=side.transport)
    assert says(client.request(method, path)) == missing("Endpoint not found.")


def test_a_member_lookup_that_is_no_uuid_breaks(side):
    answer = side.api(ADMIN).delete(f"{HOME}/members/maya/")
    assert says(answer) == envelope(500, "server_error", "error", "A server error occurred.")


def test_an_unknown_member_is_not_found(side):
    assert says(side.api(ADMIN).delete(f"{HOME}/members/{STRANGER}/")) == missing()


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_last_slash_is_optional_and_nothing_redirects(side, slash):
    assert side.api(ADMIN).get(f"{HOME}/members{slash}").status_code == 200
    assert side.api(ADMIN).delete(side.path(MAYA).rstrip("/") + slash).status_code == 204


def test_a_foreign_organization_is_refused_without_words(side):
    foreign = side.world.add_organization("Elsewhere")
    assert says(side.api(ADMIN).get(f"/api/organizations/{foreign.id}/members/")) == denied()
    assert says(side.api(ADMIN).delete(f"/api/organizations/{foreign.id}/members/{STRANGER}/")) == denied()


def test_a_missing_scope_is_said_before_a_foreign_organization(side):
    foreign = side.world.add_organization("Elsewhere")
    answer = side.api(ADMIN, scopes=()).get(f"/api/organizations/{foreign.id}/members/")
    assert says(answer) == denied("API key missing required scope 'organization_member:read'")


def test_a_key_of_projects_reaches_no_organization(side):
    said = "API keys with scoped projects are only supported on project-based endpoints."
    api = side.api(ADMIN, scoped_teams=(1,))
    assert says(api.get(f"{HOME}/members/")) == denied(said)
    assert api.get("/api/users/@me/").status_code == 200


def test_a_key_of_one_organization_reaches_no_other(side):
    foreign = side.world.add_organization("Elsewhere")
    side.world.add_member(ADMIN, MEMBER, organization=foreign.id)
    api = side.api(ADMIN, scoped_organizations=(foreign.id,))
    said = f"API key does not have access to the requested organization: ID {side.world.home.id}."
    assert says(api.get(f"{HOME}/members/")) == denied(said)
    assert [o["name"] for o in api.get("/api/organizations/").json()["results"]] == ["Elsewhere"]


def test_a_removed_person_s_key_lives_on_outside_the_organization(side):
    api = side.api(MAYA)
    side.api(ADMIN).delete(side.path(MAYA))
    assert says(api.get(f"{HOME}/members/")) == denied()
    me = api.get("/api/users/@me/").json()
    assert (me["email"], me["organization"], me["organizations"]) == (MAYA, None, [])
    assert says(api.get("/api/organizations/@current/")) == missing("Organization not found.")


def test_an_organization_may_forbid_keys_to_members_but_not_to_admins(side):
    side.world.change_organization(members_can_use_personal_api_keys=False)
    said = (
        f"Organization '{side.world.home.name}' does not allow using personal API keys. "
        "Contact an admin to enable personal API keys for this organization."
    )
    assert says(side.api(MAYA).get(f"{HOME}/members/")) == denied(said)
    assert side.api(ADMIN).get(f"{HOME}/members/").status_code == 200


def test_verified_domain_enforcement_locks_out_keys_of_other_domains(side):
    side.world.add_member("bot@elsewhere.example", 15)
    api = side.api("bot@elsewhere.example")
    assert api.get(f"{HOME}/members/").status_code == 200
    side.world.change_organization(enforce_verified_domains=True)
    assert says(api.get(f"{HOME}/members/")) == denied()
    assert side.api(ADMIN).get(f"{HOME}/members/").status_code == 200


def test_a_key_sees_itself_and_no_other_key(side):
    api = side.api(ADMIN, scopes=("user:read",), label="mine")
    mine = api.get("/api/personal_api_keys/@current/").json()
    assert (mine["label"], mine["scopes"], mine["scoped_teams"], mine["value"]) == ("mine", ["user:read"], [], None)
    assert api.get(f"/api/personal_api_keys/{mine['id']}/").status_code == 200
    only_itself = denied("This action does not support Personal API Key access")
    assert says(api.get("/api/personal_api_keys/")) == only_itself
    assert says(api.get(f"/api/personal_api_keys/{STRANGER}/")) == only_itself
    assert says(api.delete("/api/personal_api_keys/@current/")) == only_itself


def test_last_use_is_written_once_an_hour(side):
    api = side.api(ADMIN)
    first = api.get("/api/personal_api_keys/@current/").json()["last_used_at"]
    side.clock.advance(minutes=59)
    assert api.get("/api/personal_api_keys/@current/").json()["last_used_at"] == first
    side.clock.advance(minutes=2)
    assert api.get("/api/personal_api_keys/@current/").json()["last_used_at"] > first


def test_other_users_are_not_shown(side):
    assert says(side.api(ADMIN).get(f"/api/users/{side.uuid(MAYA)}/")) == missing()


def test_a_body_that_is_no_json_is_refused(side):
    answer = side.api(ADMIN).patch(side.path(MAYA), content=b"level=8")
    assert says(answer) == envelope(400, "invalid_request", "parse_error", "JSON parse error")


def test_nobody_deletes_the_own_account_while_being_a_member_somewhere(side):
    """DELETE /users/@me/."""
    api = side.api(MAYA)
    said = "Cannot delete user with organization memberships."
    assert says(api.delete("/api/users/@me/")) == envelope(409, "server_error", "conflict", said)
    side.api(ADMIN).delete(side.path(MAYA))
    assert says(api.delete("/api/users/@me/")) == (204, None)
    assert api.get("/api/users/@me/").status_code == 401
