"""The invites endpoints: list, create, create several, delete. There is no way to retrieve one or delete several.

Source: PostHog, posthog/api/organization_invite.py. May import: `access`, `bodies`, `errors`, `gate`, `members`,
`paging`, `records`, `rules`.
"""

from __future__ import annotations

import re
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.access import LEVELS as LEVELS_IN_PROJECT
from bridge.sandbox.access import level_in
from bridge.sandbox.errors import denied, invalid, not_found
from bridge.sandbox.gate import Action, Call, Endpoint
from bridge.sandbox.members import as_uuid
from bridge.sandbox.paging import page
from bridge.sandbox.records import ADMIN, LEVELS, MEMBER, Invite
from bridge.sandbox.rules import check_invite

PROJECTS = "private_project_access"
NO_PROJECT = "Project does not exist on this organization, or it is private and you do not have access to it."
BULK_MOST = 20
"""Invites in one bulk call."""


def list_invites(call: Call) -> tuple[int, Any]:
    """All invites, newest first, expired ones included; nothing filters them."""
    rows = call.world.invites_in(call.here.id)
    return 200, page(call.request, [bodies.invite(call.world, row) for row in rows])


def create_invite(call: Call) -> tuple[int, Any]:
    """Invite one person; older invites for exactly that address go."""
    return 201, bodies.invite(call.world, _made(call, _checked(call, call.body)))


def create_invites(call: Call) -> tuple[int, Any]:
    """Invite several people at once. All are looked through before the first is invited, but members are met one by one."""
    body = call.body
    if not isinstance(body, list):
        raise invalid("Expected a list of items.", code="not_a_list")
    if len(body) > BULK_MOST:
        raise invalid("A maximum of 20 invites can be sent in a single request.", code="max_length")
    checked = [_checked(call, one) for one in body]
    return 201, [bodies.invite(call.world, _made(call, each)) for each in checked]


def delete_invite(call: Call) -> tuple[int, Any]:
    """Delete one invite; every member may."""
    wanted = as_uuid(call)
    row = call.world.invites.get(wanted)
    if row is None or row.organization != call.here.id:
        raise not_found()
    call.world.interrupted()
    if row.id not in call.world.invites:
        raise not_found()  # accepted meanwhile
    call.world.drop(row)
    return 204, None


def _checked(call: Call, body: Any) -> dict[str, Any]:
    is_limited = "organization_invite_settings" in call.here.features and not call.here.members_can_invite
    if is_limited and call.caller.level < ADMIN:
        raise denied()
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
    projects = _projects(call, body.get("private_project_access"))
    local, _, host = address.rpartition("@")
    return {
        # Only the domain loses its capitals: the address kept here may differ in case from the account's.
        "email": f"{local}@{host.lower()}",
        "level": level,
        "first_name": str(body.get("first_name") or ""),
        "message": body.get("message"),
        "private_project_access": projects,
    }


def _made(call: Call, checked: dict[str, Any]) -> Invite:
    address = checked["email"]
    if call.world.membership(address, call.here.id) is not None:
        raise invalid("A user with this email address already belongs to the organization.")
    for older in call.world.invites_in(call.here.id):
        if older.target_email == address:
            call.world.drop(older)
    return call.world.add_invite(by=call.account.email, organization=call.here.id, **checked)


def _projects(call: Call, given: Any) -> tuple[dict[str, Any], ...]:
    """The projects that ride on the invite, if the inviter may give them.

    Raises: ApiError 400.
    """
    if not given:
        return ()
    if not isinstance(given, list):
        raise invalid("The field must be a list of dictionaries.", attr=PROJECTS)
    return tuple(_project(call, wanted) for wanted in given)


def _project(call: Call, wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, dict):
        raise invalid("Each item in the list must be a dictionary.", attr=PROJECTS)
    if "id" not in wanted or "level" not in wanted:
        raise invalid('Each dictionary must contain "id" and "level" keys.', attr=PROJECTS)
    project = call.world.projects.get(str(wanted["id"]))
    if project is None or project.organization != call.here.id:
        raise invalid(NO_PROJECT, attr=PROJECTS)
    own = level_in(call.world, project, call.caller)
    if own == "none":
        raise invalid(NO_PROJECT, attr=PROJECTS)
    if wanted["level"] not in LEVELS_IN_PROJECT:
        raise invalid('The "level" field must be a valid access level.', attr=PROJECTS)
    if LEVELS_IN_PROJECT.index(wanted["level"]) > LEVELS_IN_PROJECT.index(own):
        raise invalid("You cannot invite to a private project with a higher level than your own.", attr=PROJECTS)
    return {"id": project.id, "level": wanted["level"]}


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
