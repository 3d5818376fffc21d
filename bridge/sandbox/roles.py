"""The roles part of the API: list, retrieve, who is in them. Their scope is the organization's, not access control's.

Source: PostHog, ee/api/rbac/role.py. May import: `bodies`, `errors`, `gate`, `members`, `paging`, `records`.
"""

from __future__ import annotations

import uuid
from typing import Any

from bridge.sandbox import bodies
from bridge.sandbox.errors import invalid, not_found
from bridge.sandbox.gate import Action, Call, Endpoint, fields_of, must_be_admin
from bridge.sandbox.members import as_uuid
from bridge.sandbox.paging import page
from bridge.sandbox.records import ADMIN, RoleMembership


def list_roles(call: Call) -> tuple[int, Any]:
    """The organization's roles with their members."""
    rows = [bodies.role(call.world, r, seen(call, r.id)) for r in call.world.roles_in(call.here.id)]
    return 200, page(call.request, rows)


def retrieve_role(call: Call) -> tuple[int, Any]:
    """One role with its members."""
    found = call.world.roles.get(as_uuid(call))
    if found is None or found.organization != call.here.id:
        raise not_found()
    return 200, bodies.role(call.world, found, seen(call, found.id))


def list_seats(call: Call) -> tuple[int, Any]:
    """Who is in the role; of an unknown role, nobody."""
    return 200, page(call.request, [bodies.role_membership(call.world, s) for s in seen(call, call.within)])


def retrieve_seat(call: Call) -> tuple[int, Any]:
    """One membership in the role."""
    return 200, bodies.role_membership(call.world, _seat(call))


def add_seat(call: Call) -> tuple[int, Any]:
    """Put a member, named by the account's UUID, in the role."""
    must_be_admin(call)
    body = fields_of(call)
    if "user_uuid" not in body:
        raise invalid("This field is required.", code="required", attr="user_uuid")
    try:
        wanted = str(uuid.UUID(str(body["user_uuid"])))
    except ValueError:
        raise invalid("Must be a valid UUID.", code="invalid", attr="user_uuid") from None
    role = call.world.roles.get(call.within)
    if role is None or role.organization != call.here.id:
        raise invalid("Role does not exist.")
    account, membership = call.world.accounts.get(wanted), call.world.membership_of(wanted, call.here.id)
    if account is None or membership is None or not account.is_active:
        raise invalid("User does not exist.")
    if role.id in call.world.roles_of(membership):
        raise invalid("User is already part of the role.")
    return 201, bodies.role_membership(call.world, call.world.seat(role.id, membership))


def drop_seat(call: Call) -> tuple[int, Any]:
    """Take somebody out of the role, named by the id of the membership in the role."""
    must_be_admin(call)
    call.world.drop(_seat(call))
    return 204, None


def seen(call: Call, role: str) -> list[RoleMembership]:
    """The role's members as far as the caller may see members, longest first."""
    found = [s for s in list(call.world.role_memberships.values()) if s.role == role and _is_here(call, s)]
    if not call.here.members_can_see_org_members and call.caller.level < ADMIN:
        found = [s for s in found if s.user == call.account.uuid]
    return sorted(found, key=lambda s: (s.joined_at, s.id))


def _seat(call: Call) -> RoleMembership:
    found = call.world.role_memberships.get(as_uuid(call))
    if found is None or found.role != call.within or not _is_here(call, found):
        raise not_found()
    return found


def _is_here(call: Call, seat: RoleMembership) -> bool:
    return call.world.roles[seat.role].organization == call.here.id


_ROLES = "/api/organizations/<seg:organization>/roles/"

ENDPOINTS = (
    Endpoint(rule=_ROLES, actions={"GET": Action(run=list_roles, scope="organization:read")}),
    Endpoint(rule=f"{_ROLES}<seg:lookup>/", actions={"GET": Action(run=retrieve_role, scope="organization:read")}),
    Endpoint(
        rule=f"{_ROLES}<seg:within>/role_memberships/",
        actions={
            "GET": Action(run=list_seats, scope="organization:read"),
            "POST": Action(run=add_seat, scope="organization:write"),
        },
    ),
    Endpoint(
        rule=f"{_ROLES}<seg:within>/role_memberships/<seg:lookup>/",
        actions={
            "GET": Action(run=retrieve_seat, scope="organization:read"),
            "DELETE": Action(run=drop_seat, scope="organization:write"),
        },
    ),
)
"""The roles part of the API."""
