"""What `check` says about a key, an organization and its doors, before anything has to be removed."""

from __future__ import annotations

import pytest

from bridge.sandbox import ADMIN, MEMBER
from tests import faults
from tests.faults import When

ADA = "lea.brandt@example.com"
BRIDGE = "posthog-bridge@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"


def graded(side, grade, target=None):
    return [f for f in (target or side.target()).check() if f.grade == grade]


def only(found):
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def closed(side):
    """An organization without the one open door that the practice organization has."""
    side.world.change_domain("example.com", sso_enforcement="saml")
    return side


def test_an_owner_s_key_with_the_right_scopes_is_fit(closed):
    assert {f.grade for f in closed.target().check()} == {"ok"}
    assert [f.what for f in closed.target().check()] == [
        "the key is accepted by posthog.test",
        "the key has the scopes it needs",
        "the organization is there: Hedgehog Supplies (sandbox)",
        "the key's account is an owner",
        "the list of members can be read: 24",
        "the list of invites can be read: 5",
    ]


def test_every_complaint_has_a_remedy(side):
    side.world.set_level(BRIDGE, MEMBER)
    found = side.target(ADA, scopes=("user:read",)).check()
    assert [f for f in found if f.grade != "ok" and not f.remedy] == []


def test_an_unknown_key_is_said_once_with_the_region(side):
    found = side.target_with("phx_unknown").check()
    failed = only([f for f in found if f.grade == "fail"])
    assert "eu.posthog.com" in failed.remedy
    assert found[-1] == failed


@pytest.mark.parametrize("scope", ["organization_member:write", "organization:read", "user:read"])
def test_a_missing_scope_is_named(closed, scope):
    scopes = tuple({"organization_member:write", "organization:read", "user:read"} - {scope})
    failed = graded(closed, "fail", closed.target(BRIDGE, scopes=scopes))
    assert failed[0].what == f"the key lacks the scope {scope}"
    assert scope in failed[0].remedy


def test_what_further_scopes_would_add_is_said_and_is_no_trouble(closed):
    scopes = ("organization_member:write", "organization:read", "user:read", "dashboard:write")
    found = closed.target(BRIDGE, scopes=scopes).check()
    (told,) = [f for f in found if f.what.startswith("further scopes would add")]
    assert told.grade == "ok"
    assert "what leavers did, and who else removed members (activity_log:read)" in told.what
    assert "dashboards" not in told.what


def test_the_star_is_every_scope(closed):
    assert graded(closed, "fail", closed.target(BRIDGE, scopes=("*",))) == []


def test_a_key_limited_to_projects_fails(closed):
    failed = graded(closed, "fail", closed.target(BRIDGE, scoped_teams=(1,)))
    assert "limited to projects" in failed[0].what


def test_a_key_limited_to_another_organization_fails(closed):
    failed = graded(closed, "fail", closed.target(BRIDGE, scoped_organizations=(STRANGER,)))
    assert "another organization" in failed[0].what


def test_a_key_limited_to_this_organization_is_fit(closed):
    target = closed.target(BRIDGE, scoped_organizations=(closed.world.home.id,))
    assert graded(closed, "fail", target) == []


def test_an_admin_s_key_cannot_touch_owners(closed):
    closed.world.set_level(BRIDGE, ADMIN)
    warned = only(graded(closed, "warn", closed.target_with(closed.key(BRIDGE))))
    assert "no owners" in warned.what


def test_a_member_s_key_can_remove_nobody(closed):
    closed.world.set_level(BRIDGE, MEMBER)
    assert "nobody" in only(graded(closed, "fail")).what


def test_just_in_time_provisioning_without_enforced_sso_is_an_open_door(side):
    warned = only(graded(side, "warn"))
    assert warned.what.startswith("example.com takes removed people back")


@pytest.mark.parametrize(
    "change", [{"sso_enforcement": "saml"}, {"jit_provisioning_enabled": False}, {"verified_at": None}]
)
def test_a_closed_door_is_no_warning(side, change):
    side.world.change_domain("example.com", **change)
    assert graded(side, "warn") == []


def test_an_enforced_domain_that_is_not_the_key_s_is_warned_of(closed):
    body = faults.edited(lambda body: {**body, "enforce_verified_domains": True})
    closed.world.change_email(BRIDGE, "bot@elsewhere.example")
    organization = When(method="GET", path=f"/organizations/{closed.world.home.id}/")
    closed.transport.inject(organization, body)
    assert "verified domains" in only(graded(closed, "warn")).what


def test_a_locked_out_key_is_told_where_to_look(closed):
    closed.world.change_email(BRIDGE, "bot@elsewhere.example")
    closed.world.change_organization(enforce_verified_domains=True)
    assert "verified domains" in only(graded(closed, "fail")).remedy


def test_an_organization_that_is_being_deleted_is_warned_of(closed):
    closed.world.change_organization(is_pending_deletion=True)
    assert "being deleted" in only(graded(closed, "warn")).what


def test_an_unknown_organization_fails_with_where_to_find_its_id(side):
    target = side.target_with(side.key(BRIDGE), organization_id=STRANGER)
    assert "UUID" in only(graded(side, "fail", target)).remedy


def test_a_redirect_fails_with_the_right_addresses(side):
    side.transport.inject(When(times=None), faults.redirect())
    assert "us.posthog.com" in only(graded(side, "fail")).remedy


def test_throttling_is_a_warning_with_the_seconds(side):
    side.transport.inject(When(times=None), faults.throttled(retry_after_seconds=17))
    assert "17 s" in only(graded(side, "warn")).what


@pytest.mark.parametrize("fault", [faults.no_connection(), faults.html(200), faults.slow()])
def test_nobody_there_fails_once(side, fault):
    side.transport.inject(When(times=None), fault)
    assert only(graded(side, "fail")).remedy


def test_throttling_in_the_middle_ends_the_questions(side):
    side.transport.inject(When(path="/users/@me/"), faults.throttled())
    found = side.target().check()
    assert (found[-1].grade, len(side.transport.sent)) == ("warn", 2)


def test_a_version_that_hides_the_key_is_only_warned_of(closed):
    closed.transport.inject(
        When(path="/personal_api_keys/"), faults.refusal(403, "This action does not support Personal API Key access")
    )
    assert "scopes" in only(graded(closed, "warn")).what


def test_lists_and_domains_that_cannot_be_read_are_said(closed):
    closed.transport.inject(When(path="/members/"), faults.refusal(403, "No."))
    closed.transport.inject(When(path="/invites/"), faults.edited(lambda _body: {}))
    closed.transport.inject(When(path="/domains/"), faults.refusal(403, "No."))
    found = closed.target().check()
    assert [f.grade for f in found[-3:]] == ["fail", "fail", "warn"]


@pytest.mark.parametrize("domains", [{}, {"results": 7}, {"results": [7]}])
def test_domains_in_another_shape_are_passed_over(side, domains):
    side.transport.inject(When(path="/domains/"), faults.edited(lambda _body: domains))
    assert graded(side, "warn") == []


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("https://app.posthog.com", "https://us.posthog.com"),
        ("https://eu.i.posthog.com", "https://eu.posthog.com"),
        ("http://posthog.example.com", "https"),
    ],
)
def test_an_address_that_is_not_the_private_api_is_named(side, url, remedy):
    first = side.target_with("phx_unknown", url=url).check()[0]
    assert first.grade in {"fail", "warn"}
    assert remedy in first.remedy
