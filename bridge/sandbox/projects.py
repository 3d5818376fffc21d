"""The projects part of the API: list, retrieve, rules of access, who has access. Tokens are not open to keys.

Source: PostHog, posthog/api/project.py, ee/api/rbac/access_control.py. May import: `access`, `bodies`, `errors`,
`gate`, `paging`, `records`.
"""

from __future__ import annotations

import uuid
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.access import DEFAULT, LEVELS, RESOURCE_LEVELS, Ways, level_in, may_edit
from bridge.sandbox.errors import denied, invalid
from bridge.sandbox.gate import Action, Call, Endpoint, fields_of
from bridge.sandbox.paging import page
from bridge.sandbox.records import AccessControl, Project

WRONG_MEMBER = "Invalid organization member id. Use the 'id' field from the /api/organizations/<organization_id>/members/ endpoint."
NAMES = {1: "member", 8: "admin", 15: "owner"}
"""An organization's levels as `users_with_access` says them."""


def list_projects(call: Call) -> tuple[int, Any]:
    """The organization's projects that the caller may enter; admins see all."""
    return 200, page(call.request, [bodies.project(call.world, p) for p in visible(call, call.here.id)])


def list_own_projects(call: Call) -> tuple[int, Any]:
    """The projects of the organization that the key's owner looked at last."""
    home = call.account.current_organization or ""
    if call.key.scoped_organizations and home not in call.key.scoped_organizations:
        raise denied(f"API key does not have access to the requested organization: ID {home}.")
    return 200, page(call.request, [bodies.project(call.world, p) for p in visible(call, home)])


def retrieve_project(call: Call) -> tuple[int, Any]:
    """One project, with the caller's own level in it."""
    level = level_in(call.world, call.inside, call.caller)
    return 200, {
        **bodies.project(call.world, call.inside),
        "effective_membership_level": 8 if level == "admin" else 1,
        "user_access_level": level,
        "receive_org_level_activity_logs": call.inside.receive_org_level_activity_logs,
    }


def visible(call: Call, organization: str) -> list[Project]:
    """The projects that the caller may enter."""
    membership = call.world.membership_of(call.account.uuid, organization)
    if membership is None:
        return []
    return [p for p in call.world.projects_in(organization) if level_in(call.world, p, membership) != "none"]


def show_rules(call: Call) -> tuple[int, Any]:
    """The project's own rules."""
    rules = [r for r in call.world.access_controls.values() if r.project == call.inside.id and r.resource == "project"]
    return 200, _shown(call, rules, LEVELS, DEFAULT)


def show_resource_rules(call: Call) -> tuple[int, Any]:
    """The rules for whole kinds of resources in the project. They are kept and shown; the lists do not heed them."""
    rules = [r for r in call.world.access_controls.values() if r.project == call.inside.id and r.resource_id is None]
    return 200, _shown(call, rules, RESOURCE_LEVELS, "editor")


def _shown(call: Call, rules: list[AccessControl], levels: tuple[str, ...], default: str) -> dict[str, Any]:
    return {
        "access_controls": [bodies.access_control(r) for r in rules],
        "available_access_levels": list(levels),
        "default_access_level": default,
        "minimum_access_level": levels[0],
        "maximum_access_level": levels[-1],
        "user_access_level": level_in(call.world, call.inside, call.caller),
        "user_can_edit_access_levels": may_edit(call.world, call.inside, call.caller),
    }


def write_rule(call: Call) -> tuple[int, Any]:
    """Set or delete the rule for one member, one role or everybody."""
    return _write(call, "project", LEVELS)


def write_resource_rule(call: Call) -> tuple[int, Any]:
    """The same for a whole kind of resources, which the body names."""
    body = fields_of(call)
    if "resource" not in body:
        raise invalid("This field is required.", code="required", attr="resource")
    return _write(call, str(body["resource"]), RESOURCE_LEVELS)


def _write(call: Call, resource: str, levels: tuple[str, ...]) -> tuple[int, Any]:
    body = fields_of(call)
    if "access_level" not in body:
        raise invalid("This field is required.", code="required", attr="access_level")
    level = body["access_level"]
    if level == "":
        raise invalid("This field may not be blank.", code="blank", attr="access_level")
    if level is not None and level not in levels:
        raise invalid(f"Invalid access level. Must be one of: {', '.join(levels)}", attr="access_level")
    member, role = _member(call, body.get("organization_member")), _role(call, body.get("role"))
    if member and role:
        raise invalid("You can not scope an access control to both a member and a role.")
    if not may_edit(call.world, call.inside, call.caller):
        if resource != "project":
            raise denied("Must be an Organization admin to modify project-wide permissions.")
        raise denied(f"Must be {levels[-1]} to modify {resource} permissions.")
    if role and "role_based_access" not in call.here.features:
        raise denied("Role-based access controls require the Role-based access feature.")
    rule = call.world.set_access(call.inside.id, level, member=member, role=role, resource=resource)
    return (204, None) if rule is None else (200, bodies.access_control(rule))


def _member(call: Call, given: Any) -> str | None:
    if given is None:
        return None
    try:
        wanted = str(uuid.UUID(str(given)))
    except ValueError:
        raise invalid(WRONG_MEMBER, code="invalid", attr="organization_member") from None
    found = call.world.memberships.get(wanted)
    if found is None or found.organization != call.here.id:
        # Also for an account's UUID, which is what clients send by mistake.
        raise invalid(_no_such(wanted), code="does_not_exist", attr="organization_member")
    return wanted


def _role(call: Call, given: Any) -> str | None:
    if given is None:
        return None
    found = call.world.roles.get(str(given))
    if found is None or found.organization != call.here.id:
        raise invalid(_no_such(given), code="does_not_exist", attr="role")
    return found.id


def _no_such(given: Any) -> str:
    return f'Invalid pk "{given}" - object does not exist.'


def users_with_access(call: Call) -> tuple[int, Any]:
    """Everybody who may enter the project, with the level and the reason."""
    ways = Ways(call.world, call.inside)
    users = [
        {
            "user_id": account.uuid,
            "access_level": level,
            "access_source": ways.source(membership),
            "organization_membership_id": membership.id,
            "organization_membership_level": NAMES[membership.level],
        }
        for account, membership in call.world.members(call.here.id)
        if account.is_active and (level := ways.level(membership)) != "none"
    ]
    users.sort(key=lambda user: (LEVELS.index(str(user["access_level"])), str(user["user_id"])), reverse=True)
    return 200, {"users": users, "total_count": len(users)}


_PROJECT = "/api/projects/<seg:project>"

ENDPOINTS = (
    Endpoint(
        rule="/api/organizations/<seg:organization>/projects/",
        actions={"GET": Action(run=list_projects, scope="project:read")},
    ),
    Endpoint(rule="/api/projects/", actions={"GET": Action(run=list_own_projects, scope="project:read")}),
    Endpoint(rule=f"{_PROJECT}/", actions={"GET": Action(run=retrieve_project, scope="project:read")}),
    Endpoint(
        rule=f"{_PROJECT}/access_controls/",
        actions={
            "GET": Action(run=show_rules, scope="access_control:read"),
            "PUT": Action(run=write_rule, scope="access_control:write"),
        },
    ),
    Endpoint(
        rule=f"{_PROJECT}/resource_access_controls/",
        actions={
            "GET": Action(run=show_resource_rules, scope="access_control:read"),
            "PUT": Action(run=write_resource_rule, scope="access_control:write"),
        },
    ),
    Endpoint(
        rule=f"{_PROJECT}/users_with_access/",
        actions={"GET": Action(run=users_with_access, scope="access_control:read")},
        switch="has_users_with_access",
    ),
    # Tokens are changed in the browser only: no scope is declared for these.
    Endpoint(rule=f"{_PROJECT}/reset_token/", actions={}),
    Endpoint(rule=f"{_PROJECT}/rotate_secret_token/", actions={}),
    Endpoint(rule=f"{_PROJECT}/delete_secret_token_backup/", actions={}),
)
"""The projects part of the API."""
