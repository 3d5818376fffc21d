"""Answers of which two forms are thought possible: our own client lives with both. PostHog: members, activity logs."""

from __future__ import annotations

import pytest

from bridge.core.plan import RemoveMember
from tests.contract.conftest import HOME, envelope, invalid, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"


@pytest.fixture
def otherwise(side):
    side.world.answers_otherwise = True
    return side


def test_a_method_that_a_path_lacks_may_be_405(otherwise):
    """GET /members/{uuid}/."""
    answer = otherwise.api(ADA).get(otherwise.path(MAYA))
    assert says(answer) == envelope(405, "invalid_request", "method_not_allowed", 'Method "GET" not allowed.')


def test_what_is_closed_to_keys_as_a_whole_stays_403(otherwise):
    """GET /members/{uuid}/scoped_api_keys/."""
    assert otherwise.api(ADA).get(f"{otherwise.path(MAYA)}scoped_api_keys/").status_code == 403


def test_an_unknown_member_may_be_told_with_the_model_s_name(otherwise):
    """DELETE /members/{uuid}/."""
    said = missing("No OrganizationMembership matches the given query.")
    assert says(otherwise.api(ADA).delete(f"{HOME}/members/{STRANGER}/")) == said


def test_a_lookup_that_is_no_uuid_may_be_404(otherwise):
    """DELETE /members/{uuid}/: a 404 never says that somebody is gone."""
    assert says(otherwise.api(ADA).delete(f"{HOME}/members/maya/")) == missing()


def test_a_search_that_is_too_long_may_be_told_in_the_usual_envelope(otherwise):
    """GET /members/?search=."""
    answer = otherwise.api(ADA).get(f"{HOME}/members/", params={"search": "x" * 201})
    assert says(answer) == invalid("Search query must be 200 characters or fewer.", attr="search")


def test_the_plan_that_is_lacking_has_newer_words(otherwise):
    """GET advanced_activity_logs/: 402."""
    otherwise.world.change_organization(features=())
    said = "Audit logs requires a paid PostHog plan. Please upgrade to access this feature."
    answer = otherwise.api(ADA).get(f"{HOME}/advanced_activity_logs/")
    assert says(answer) == envelope(402, "server_error", "payment_required", said)


@pytest.mark.parametrize("is_otherwise", [False, True])
def test_our_client_takes_both_forms_alike(side, is_otherwise):
    side.world.answers_otherwise = is_otherwise
    gone = next(m for m in side.look().members if m.email == MAYA)
    side.world.remove_member(MAYA)
    step = RemoveMember(user_uuid=gone.user_uuid, email=gone.email, level=gone.level)
    assert side.target().apply(step).was_gone
    assert [f.grade for f in side.target().check() if f.grade == "fail"] == []
    side.world.change_organization(features=())
    now = side.clock.now()
    assert len(side.target().deeds(gone.user_uuid, now, now).gaps) == 1
