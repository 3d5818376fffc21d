"""What surrounds the members: the organization, its domains, the caller's account and the caller's key.

Source: PostHog's OpenAPI description; posthog/api/personal_api_key.py, posthog/api/organization_domain.py. May import:
`bodies`, `errors`, `gate`, `members`, `paging`, `projects`, `records`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.errors import ApiError, denied, invalid, not_found
from bridge.sandbox.gate import Action, Call, Endpoint, fields_of, must_be_admin
from bridge.sandbox.members import as_uuid
from bridge.sandbox.paging import page
from bridge.sandbox.projects import visible
from bridge.sandbox.records import Domain

ONLY_ITSELF = "This action does not support Personal API Key access"
"""What the keys endpoint says to a key that asks for anything but itself."""


def list_organizations(call: Call) -> tuple[int, Any]:
    """The organizations of the key's owner, as far as the key reaches."""
    shown = []
    for row in call.world.organizations.values():
        membership = call.world.membership_of(call.account.uuid, row.id)
        is_within = not call.key.scoped_organizations or row.id in call.key.scoped_organizations
        if membership is not None and is_within:
            shown.append(bodies.organization(call.world, row, membership, visible(call, row.id)))
    return 200, page(call.request, shown)


def retrieve_organization(call: Call) -> tuple[int, Any]:
    """One organization with the caller's own level in it."""
    return 200, bodies.organization(call.world, call.here, call.caller, visible(call, call.here.id))


def list_domains(call: Call) -> tuple[int, Any]:
    """The organization's authentication domains."""
    rows = sorted((d for d in call.world.domains.values() if d.organization == call.here.id), key=lambda d: d.domain)
    return 200, page(call.request, [bodies.domain(d) for d in rows])


def retrieve_domain(call: Call) -> tuple[int, Any]:
    """One of them."""
    return 200, bodies.domain(_domain(call))


def change_domain(call: Call) -> tuple[int, Any]:
    """Switch just-in-time provisioning or enforced SSO on or off. For admins."""
    must_be_admin(call)
    row, body = _domain(call), fields_of(call)
    changes = {name: body[name] for name in ("jit_provisioning_enabled", "sso_enforcement") if name in body}
    is_jit = changes.get("jit_provisioning_enabled", False)
    if not isinstance(is_jit, bool):
        raise invalid("Must be a valid boolean.", code="invalid", attr="jit_provisioning_enabled")
    if changes and not row.is_verified:
        said = "This attribute cannot be updated until the domain is verified."
        raise invalid(said, code="verification_required", attr=next(iter(changes)))
    if is_jit and "automatic_provisioning" not in call.here.features:
        said = "Automatic provisioning is not enabled for this organization."
        raise invalid(said, code="feature_not_available", attr="jit_provisioning_enabled")
    row = replace(row, **changes)
    call.world.put(row)
    return 200, bodies.domain(row)


def _domain(call: Call) -> Domain:
    row = call.world.domains.get(as_uuid(call))
    if row is None or row.organization != call.here.id:
        raise not_found()
    return row


def retrieve_user(call: Call) -> tuple[int, Any]:
    """The caller's own account; other accounts are for PostHog's staff."""
    if call.lookup not in {"@me", call.account.uuid}:
        raise not_found()
    return 200, bodies.user(call.world, call.account)


def delete_user(call: Call) -> tuple[int, Any]:
    """End the caller's own account; not while it is a member anywhere."""
    retrieve_user(call)
    if any(m.user == call.account.uuid for m in call.world.memberships.values()):
        raise ApiError(409, "server_error", "conflict", "Cannot delete user with organization memberships.")
    call.world.put(replace(call.account, is_active=False))
    return 204, None


def retrieve_key(call: Call) -> tuple[int, Any]:
    """The key that asks; it needs no scope for that, and sees no other."""
    if call.lookup not in {"@current", call.key.id}:
        raise denied(ONLY_ITSELF)
    return 200, bodies.key(call.key)


ENDPOINTS = (
    Endpoint(
        rule="/api/organizations/",
        actions={"GET": Action(run=list_organizations, scope="organization:read")},
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/",
        actions={"GET": Action(run=retrieve_organization, scope="organization:read")},
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/domains/",
        actions={"GET": Action(run=list_domains, scope="organization:read")},
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/domains/<seg:lookup>/",
        actions={
            "GET": Action(run=retrieve_domain, scope="organization:read"),
            "PATCH": Action(run=change_domain, scope="organization:write"),
        },
    ),
    # No scope is declared for these.
    Endpoint(rule="/api/organizations/<seg:organization>/domains/<seg:lookup>/verify/", actions={}),
    Endpoint(rule="/api/organizations/<seg:organization>/domains/<seg:lookup>/scim/token/", actions={}),
    Endpoint(rule="/api/organizations/<seg:organization>/domains/<seg:lookup>/scim/logs/", actions={}),
    Endpoint(
        rule="/api/users/<seg:lookup>/",
        actions={
            "GET": Action(run=retrieve_user, scope="user:read"),
            "DELETE": Action(run=delete_user, scope="user:write"),
        },
    ),
    Endpoint(rule="/api/personal_api_keys/", actions={}, refusal=ONLY_ITSELF),
    Endpoint(
        rule="/api/personal_api_keys/<seg:lookup>/",
        actions={"GET": Action(run=retrieve_key)},
        refusal=ONLY_ITSELF,
    ),
)
"""The part of the API that `check` asks."""
