"""What PostHog's own SCIM does to members when an identity provider speaks to it, too. PostHog: /scim/v2/, ee/api/scim."""

from __future__ import annotations

import pytest

from bridge.sandbox import ADMIN, MEMBER, OWNER

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
GRACE = "grace.lindqvist@example.com"
NEW = "someone.new@example.com"


@pytest.fixture
def scim(side):
    side.world.change_domain("example.com", has_scim=True)
    return side.world.scim_push


def test_a_deactivation_ends_the_membership_and_leaves_invites_alone(side, scim):
    side.world.add_invite(MAYA, OWNER)
    waiting = len(side.world.invites_for(MAYA))
    assert scim(MAYA, is_active=False) == "removed"
    assert side.world.level_of(MAYA) is None
    assert len(side.world.invites_for(MAYA)) == waiting


def test_an_owner_is_never_taken_out(side, scim):
    assert scim(GRACE, is_active=False) == "refused"
    assert side.world.level_of(GRACE) == OWNER


def test_an_activation_brings_a_former_admin_back_as_a_plain_member(side, scim):
    assert side.world.level_of(ADA) == ADMIN
    scim(ADA, is_active=False)
    assert scim(ADA, is_active=True) == "joined"
    assert side.world.level_of(ADA) == MEMBER


def test_whoever_was_unknown_gets_an_account(side, scim):
    assert scim(NEW, is_active=True) == "joined"
    assert NEW in side.emails()


def test_saying_it_again_changes_nothing(side, scim):
    assert scim(MAYA, is_active=True) == "unchanged"
    assert scim(NEW, is_active=False) == "unchanged"


@pytest.mark.parametrize("change", [{"has_scim": False}, {"verified_at": None}])
def test_without_scim_or_a_verified_domain_nothing_is_accepted(side, scim, change):
    side.world.change_domain("example.com", **change)
    assert scim(MAYA, is_active=False) == "refused"


def test_the_log_names_a_system_and_the_membership(side, scim):
    """Rows with scope User, `scim_deprovisioned`, and OrganizationMembership, `deleted`, both without a person."""
    before = set(side.world.activity)
    scim(MAYA, is_active=False)
    rows = [row for row in side.world.activity.values() if row.id not in before]
    assert {(r.scope, r.activity, r.user, r.is_system) for r in rows} == {
        ("User", "scim_deprovisioned", None, True),
        ("OrganizationMembership", "deleted", None, True),
    }
