"""The invites endpoints: list, create, create several, delete. There is no way to retrieve one or delete several.

Source: PostHog, posthog/api/organization_invite.py. May import: `bodies`, `errors`, `gate`, `members`, `paging`,
`records`, `rules`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.errors import invalid, not_found
from bridge.sandbox.gate import Action, Call, Endpoint
from bridge.sandbox.members import as_uuid
from bridge.sandbox.paging import page
from bridge.sandbox.records import LEVELS, MEMBER, Invite
from bridge.sandbox.rules import check_invite

BULK_MOST = 20
"""Invites in one bulk call."""


def list_invites(call: Call) -> tuple[int, Any]:
    """All invites, newest first, expired ones included; nothing filters them."""
    rows = call.world.invites_in(call.here.id)
    return 200, page(call.request, [bodies.invite(call.world, row) for row in rows])


def create_invite(call: Call) -> tuple[int, Any]:
    """Invite one person; older invites for exactly that address go."""
    return 201, bodies.invite(call.world, _create(call, call.body))


def create_invites(call: Call) -> tuple[int, Any]:
    """Invite several people at once."""
    body = call.body
    if not isinstance(body, list):
        raise invalid("Expected a list of items.", code="not_a_list")
    if len(body) > BULK_MOST:
        raise invalid("A maximum of 20 invites can be sent in a single request.", code="max_length")
    return 201, [bodies.invite(call.world, _create(call, one)) for one in body]


def delete_invite(call: Call) -> tuple[int, Any]:
    """Delete one invite; every member may."""
    wanted = as_uuid(call.lookup)
    row = call.world.invites.get(wanted)
    if row is None or row.organization != call.here.id:
        raise not_found()
    call.world.interrupted()
    if row.id not in call.world.invites:
        raise not_found()  # accepted meanwhile
    call.world.drop(row)
    return 204, None


def _create(call: Call, body: Any) -> Invite:
    if not isinstance(body, dict):
        raise invalid("Invalid data. Expected a dictionary.")
    if "target_email" not in body:
        raise invalid("This field is required.", code="required", attr="target_email")
    address = str(body["target_email"]).strip()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise invalid("Enter a valid email address.", code="invalid", attr="target_email")
    level = body.get("level", MEMBER)
    if level not in LEVELS:
        raise invalid(f'"{level}" is not a valid choice.', code="invalid_choice", attr="level")
    check_invite(call.caller, level)
    local, _, host = address.rpartition("@")
    # Only the domain loses its capitals: the address kept here may differ in case from the account's.
    address = f"{local}@{host.lower()}"
    if call.world.membership(address, call.here.id) is not None:
        raise invalid("A user with this email address already belongs to the organization.")
    for older in call.world.invites_in(call.here.id):
        if older.target_email == address:
            call.world.drop(older)
    row = call.world.add_invite(address, level, by=call.account.email, organization=call.here.id)
    row = replace(row, first_name=str(body.get("first_name") or ""), message=body.get("message"))
    call.world.put(row)
    return row


ENDPOINTS = (
    Endpoint(
        rule="/api/organizations/<seg:organization>/invites/",
        actions={
            "GET": Action(run=list_invites, scope="organization_member:read"),
            "POST": Action(run=create_invite, scope="organization_member:write"),
        },
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/invites/bulk/",
        actions={"POST": Action(run=create_invites, scope="organization_member:write")},
    ),
    Endpoint(
        rule="/api/organizations/<seg:organization>/invites/<seg:lookup>/",
        actions={"DELETE": Action(run=delete_invite, scope="organization_member:write")},
    ),
)
"""The invites part of the API."""
