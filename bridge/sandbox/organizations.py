"""What surrounds the members: the organization, its domains, the caller's account and the caller's key.

Source: PostHog's OpenAPI description; posthog/api/personal_api_key.py. May import: `bodies`, `errors`, `gate`,
`paging`, `projects`.
"""

from __future__ import annotations

from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.errors import denied, not_found
from bridge.sandbox.gate import Action, Call, Endpoint
from bridge.sandbox.paging import page
from bridge.sandbox.projects import visible

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
    rows = [d for d in call.world.domains.values() if d.organization == call.here.id]
    return 200, page(call.request, [bodies.domain(d) for d in rows])


def retrieve_user(call: Call) -> tuple[int, Any]:
    """The caller's own account; other accounts are for PostHog's staff."""
    if call.lookup not in {"@me", call.account.uuid}:
        raise not_found()
    return 200, bodies.user(call.world, call.account)


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
    Endpoint(rule="/api/users/<seg:lookup>/", actions={"GET": Action(run=retrieve_user, scope="user:read")}),
    Endpoint(rule="/api/personal_api_keys/", actions={}, refusal=ONLY_ITSELF),
    Endpoint(
        rule="/api/personal_api_keys/<seg:lookup>/",
        actions={"GET": Action(run=retrieve_key)},
        refusal=ONLY_ITSELF,
    ),
)
"""The part of the API that `check` asks."""
