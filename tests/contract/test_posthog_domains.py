"""Authentication domains: the way back in that an admin can close. PostHog: /organizations/{id}/domains/."""

from __future__ import annotations

import pytest

from tests.contract.conftest import HOME, denied, invalid, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"
NOT_OPEN = denied("This action does not support personal API key access")


@pytest.fixture
def domain(side):
    return next(d for d in side.world.domains.values() if d.domain == "example.com")


def path(domain):
    return f"{HOME}/domains/{domain.id}/"


def test_every_member_reads_them_with_their_doors(side, domain):
    """GET domains/ and GET domains/{id}/."""
    listed = side.api(MAYA).get(f"{HOME}/domains/").json()["results"]
    shown = side.api(MAYA).get(path(domain)).json()
    assert shown in listed
    assert set(shown) == {
        *("id", "domain", "is_verified", "verified_at", "verification_challenge", "jit_provisioning_enabled"),
        *("sso_enforcement", "has_saml", "has_scim", "scim_base_url", "has_id_jag"),
        *("saml_identity_provider_config_id", "scim_identity_provider_config_id", "id_jag_identity_provider_config_id"),
    }
    assert says(side.api(MAYA).get(f"{HOME}/domains/{STRANGER}/")) == missing()


def test_an_admin_closes_the_door_of_just_in_time_provisioning(side, domain):
    """PATCH domains/{id}/ with `jit_provisioning_enabled`."""
    answer = side.api(ADA).patch(path(domain), json={"jit_provisioning_enabled": False})
    assert (answer.status_code, answer.json()["jit_provisioning_enabled"]) == (200, False)
    side.world.remove_member(MAYA)
    assert side.world.login(MAYA).outcome == "outsider"


def test_plain_members_and_keys_without_the_scope_do_not(side, domain):
    body = {"jit_provisioning_enabled": False}
    insufficient = denied("Your organization access level is insufficient.")
    assert says(side.api(MAYA).patch(path(domain), json=body)) == insufficient
    reader = side.api(ADA, scopes=("organization:read",))
    assert says(reader.patch(path(domain), json=body)) == denied("API key missing required scope 'organization:write'")


def test_an_unverified_domain_has_nothing_to_switch(side):
    domain = side.world.add_domain("new.example", is_verified=False)
    said = "This attribute cannot be updated until the domain is verified."
    answer = side.api(ADA).patch(path(domain), json={"sso_enforcement": "saml"})
    assert says(answer) == invalid(said, "verification_required", "sso_enforcement")
    assert side.api(ADA).patch(path(domain), json={}).status_code == 200


def test_opening_the_door_needs_the_plan_s_feature_and_closing_it_does_not(side, domain):
    side.world.change_organization(features=())
    api = side.api(ADA)
    assert api.patch(path(domain), json={"jit_provisioning_enabled": False}).status_code == 200
    said = "Automatic provisioning is not enabled for this organization."
    refused = api.patch(path(domain), json={"jit_provisioning_enabled": True})
    assert says(refused) == invalid(said, "feature_not_available", "jit_provisioning_enabled")
    side.world.change_organization(features=("automatic_provisioning",))
    assert api.patch(path(domain), json={"jit_provisioning_enabled": True}).status_code == 200
    wrong = invalid("Must be a valid boolean.", "invalid", "jit_provisioning_enabled")
    assert says(api.patch(path(domain), json={"jit_provisioning_enabled": "off"})) == wrong


def test_a_domain_of_another_organization_is_not_found(side):
    elsewhere = side.world.add_organization("Elsewhere")
    theirs = side.world.add_domain("theirs.example", organization=elsewhere.id)
    assert says(side.api(ADA).patch(path(theirs), json={})) == missing()


@pytest.mark.parametrize(("method", "action"), [("POST", "verify"), ("POST", "scim/token"), ("GET", "scim/logs")])
def test_the_rest_of_a_domain_is_not_open_to_keys(side, domain, method, action):
    assert says(side.api(ADA).request(method, f"{path(domain)}{action}/")) == NOT_OPEN
