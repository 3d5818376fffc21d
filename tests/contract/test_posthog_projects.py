"""Projects: where they are listed, who may enter, and which keys. PostHog: /projects/, posthog/api/routing.py."""

from __future__ import annotations

import pytest

from bridge.sandbox import MEMBER
from tests.contract.conftest import HOME, denied, envelope, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
NO_ACCESS = denied("You don't have access to the project.")
NOT_OPEN = denied("This action does not support personal API key access")


@pytest.fixture
def shop(side):
    return side.world.add_project("Test shop")


def names(answer):
    return [row["name"] for row in answer]


def test_the_organization_and_its_list_name_the_projects(side, shop):
    """GET /organizations/{id}/, GET /organizations/{id}/projects/ and GET /projects/."""
    api = side.api(ADA)
    assert shop.name in names(api.get(f"{HOME}/").json()["projects"])
    assert shop.name in names(api.get(f"{HOME}/projects/").json()["results"])
    assert shop.name in names(api.get("/api/projects/").json()["results"])


def test_a_project_says_where_it_is_and_what_the_caller_may(side, shop):
    """GET /projects/{id}/."""
    body = side.api(MAYA).get(f"/api/projects/{shop.id}/").json()
    assert (body["id"], body["name"], body["organization"]) == (shop.id, "Test shop", side.world.home.id)
    assert body["user_access_level"] == "admin"


def test_environments_are_the_same_as_projects(side, shop):
    assert side.api(ADA).get(f"/api/environments/{shop.id}/").json()["name"] == "Test shop"


@pytest.mark.parametrize("project", ["999999", "Test-shop", "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"])
def test_an_unknown_project_is_said_before_the_scope_is_looked_at(side, project):
    api = side.api(ADA, scopes=())
    assert says(api.get(f"/api/projects/{project}/access_controls/")) == missing("Project not found.")


def test_current_is_a_project_of_the_organization_that_the_owner_looked_at_last(side, shop):
    first = side.world.projects_in(side.world.home.id)[0]
    assert side.api(ADA).get("/api/projects/@current/").json()["id"] == first.id


def test_a_missing_scope_is_named(side, shop):
    api = side.api(ADA, scopes=("user:read",))
    said = denied("API key missing required scope 'project:read'")
    assert says(api.get(f"/api/projects/{shop.id}/")) == said
    assert says(api.get(f"{HOME}/projects/")) == said


def test_a_project_of_another_organization_is_refused_in_its_own_words(side):
    elsewhere = side.world.add_organization("Elsewhere")
    foreign = side.world.add_project("Theirs", organization=elsewhere.id)
    assert says(side.api(ADA).get(f"/api/projects/{foreign.id}/")) == NO_ACCESS


def test_whoever_was_removed_gets_into_no_project(side, shop):
    api = side.api(MAYA)
    side.api(ADA).delete(side.path(MAYA))
    assert says(api.get(f"/api/projects/{shop.id}/")) == NO_ACCESS
    assert api.get("/api/projects/").json()["results"] == []


def test_a_key_of_projects_reaches_those_and_no_other(side, shop):
    """The restriction `scoped_teams` of a personal API key."""
    other = side.world.add_project("Other")
    api = side.api(ADA, scoped_teams=(shop.id,))
    assert api.get(f"/api/projects/{shop.id}/").status_code == 200
    said = f"API key does not have access to the requested project: ID {other.id}."
    assert says(api.get(f"/api/projects/{other.id}/")) == denied(said)
    only_projects = denied("API keys with scoped projects are only supported on project-based endpoints.")
    assert says(api.get(f"{HOME}/projects/")) == only_projects
    assert says(api.get("/api/projects/")) == only_projects


def test_a_key_of_one_organization_reaches_no_project_of_another(side, shop):
    """The restriction `scoped_organizations` of a personal API key."""
    elsewhere = side.world.add_organization("Elsewhere")
    side.world.add_member(ADA, MEMBER, organization=elsewhere.id)
    api = side.api(ADA, scoped_organizations=(elsewhere.id,))
    said = f"API key does not have access to the requested organization: ID {side.world.home.id}."
    assert says(api.get(f"/api/projects/{shop.id}/")) == denied(said)


def test_verified_domain_enforcement_closes_the_projects_too(side, shop):
    side.world.add_member("bot@elsewhere.example", 15)
    api = side.api("bot@elsewhere.example")
    assert api.get(f"/api/projects/{shop.id}/").status_code == 200
    side.world.change_organization(enforce_verified_domains=True)
    assert api.get(f"/api/projects/{shop.id}/").status_code == 403


@pytest.mark.parametrize("action", ["reset_token", "rotate_secret_token", "delete_secret_token_backup"])
def test_project_tokens_are_not_changed_with_a_key(side, shop, action):
    """PATCH /projects/{id}/reset_token/ and its neighbours: closed even to the star and to an owner."""
    answer = side.api("grace.lindqvist@example.com").patch(f"/api/projects/{shop.id}/{action}/")
    assert says(answer) == NOT_OPEN


@pytest.mark.parametrize("name", ["token", "api_key"])
def test_a_parameter_that_looks_like_a_project_s_token_is_taken_for_one(side, shop, name):
    api, path = side.api(ADA), f"/api/projects/{shop.id}/access_controls/"
    refused = envelope(401, "authentication_error", "authentication_failed", "Incorrect authentication credentials.")
    assert says(api.get(path, params={name: "mine"})) == refused
    assert says(api.put(path, json={name: "mine", "access_level": "none"})) == refused
    token = api.get(f"/api/projects/{shop.id}/").json()["api_token"]
    assert api.get(path, params={name: token}).status_code == 200
