"""Who is calling and whether they may: PostHog's checks, in PostHog's order.

A key that is known, an action open to keys, an organization or project that exists, the key's restrictions, its scopes,
its owner's membership, the organization's own rules, the way into the project, and last the throttle. Source: PostHog,
posthog/api/routing.py, posthog/permissions.py, posthog/auth.py. May import: `access`, `errors`, `records`, `world`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Request

from bridge.sandbox.access import level_in
from bridge.sandbox.errors import (
    NOT_OPEN_TO_KEYS,
    ApiError,
    denied,
    invalid,
    malformed,
    not_allowed,
    not_found,
    throttled,
    unauthenticated,
)
from bridge.sandbox.records import ADMIN, Account, Key, Membership, Organization, Project, project_token
from bridge.sandbox.world import World

NO_ACCESS = "You don't have access to the project."
"""What a project says to whoever may not enter it, member of its organization or not."""
USED_AT_MOST_EVERY = timedelta(hours=1)
"""How often a key's `last_used_at` is written."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that passed the gate. Without an organization or project in the path there is none, and no membership.

    A path that names a project has the organization of that project.
    """

    world: World
    request: Request
    key: Key
    account: Account
    organization: Organization | None
    membership: Membership | None
    project: Project | None = None
    lookup: str
    within: str = ""
    """What stands in the path between the organization and `lookup`: a role's id."""

    @property
    def here(self) -> Organization:
        """The organization in the path."""
        if self.organization is None:
            raise LookupError("This path names no organization.")
        return self.organization

    @property
    def caller(self) -> Membership:
        """The caller's membership in the organization in the path."""
        if self.membership is None:
            raise LookupError("This path names no organization.")
        return self.membership

    @property
    def inside(self) -> Project:
        """The project in the path."""
        if self.project is None:
            raise LookupError("This path names no project.")
        return self.project

    @property
    def body(self) -> Any:
        """The JSON body; an empty one is an empty object.

        Raises: ApiError 400.
        """
        return _json(self.request)


Handler = Callable[[Call], tuple[int, Any]]


@dataclass(frozen=True, kw_only=True)
class Action:
    """What one method on one path does, and which scope a key needs for it (`None`: any key will do)."""

    run: Handler
    scope: str | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One path. A method without an action is refused to keys before anybody looks whether it exists.

    `switch`: the path exists only while that switch of the world is on. `opened_by`: keys may use it only then.
    """

    rule: str
    actions: Mapping[str, Action]
    refusal: str = NOT_OPEN_TO_KEYS
    switch: str = ""
    opened_by: str = ""


def admit(world: World, request: Request, endpoint: Endpoint, lookups: Mapping[str, str]) -> tuple[Call, Action]:
    """The call and its action, if the caller may.

    Raises: ApiError 401, 403, 404 or 429.
    """
    if endpoint.switch and not getattr(world, endpoint.switch):
        raise not_found("Endpoint not found.")
    key, account = authenticate(world, request)
    method = "GET" if request.method == "HEAD" else request.method
    action = endpoint.actions.get(method)
    if action is None and endpoint.actions and world.answers_otherwise:
        raise not_allowed(method)
    if action is None or (endpoint.opened_by and not getattr(world, endpoint.opened_by)):
        raise denied(endpoint.refusal)
    organization = membership = project = None
    if "organization" in lookups:
        organization = _organization(world, account, lookups["organization"])
    if "project" in lookups:
        project = _project(world, account, lookups["project"])
        _check_token(world, request)
        organization = world.organizations[project.organization]
    # The account's own endpoints are exempt from a key's restriction to projects or organizations.
    if action.scope is not None and not action.scope.startswith("user:"):
        _check_restrictions(key, organization, project)
    if action.scope is not None and not has_scope(key, action.scope):
        raise denied(f"API key missing required scope '{action.scope}'")
    if organization is not None:
        membership = _membership(world, account, organization, is_project=project is not None)
    if project is not None and membership is not None and level_in(world, project, membership) == "none":
        raise denied(NO_ACCESS)
    _check_throttle(world, key)
    call = Call(
        world=world,
        request=request,
        key=key,
        account=account,
        organization=organization,
        membership=membership,
        project=project,
        lookup=lookups.get("lookup", ""),
        within=lookups.get("within", ""),
    )
    return call, action


def authenticate(world: World, request: Request) -> tuple[Key, Account]:
    """The key that was shown, and whose it is. The header is looked at first, then the body, then the query.

    Raises: ApiError 401.
    """
    value, place = _shown(request)
    if not value:
        raise unauthenticated("Authentication credentials were not provided.", "not_authenticated")
    key = world.key_with(value)
    account = world.accounts.get(key.user) if key else None
    if key is None or account is None or not account.is_active:
        raise unauthenticated(f"Personal API key found in request {place} is invalid.")
    now = world.now()
    if key.last_used_at is None or now - key.last_used_at > USED_AT_MOST_EVERY:
        key = replace(key, last_used_at=now)
        world.put(key)
    return key, account


def must_be_admin(call: Call) -> None:
    """Return only if the caller is an admin or owner of the organization.

    Raises: ApiError 403.
    """
    if call.caller.level < ADMIN:
        raise denied("Your organization access level is insufficient.")


def fields_of(call: Call) -> dict[str, Any]:
    """The JSON body, an object.

    Raises: ApiError 400.
    """
    body = call.body
    if not isinstance(body, dict):
        raise invalid("Invalid data. Expected a dictionary.")
    return body


def has_scope(key: Key, scope: str) -> bool:
    """Whether the key may: `*` is everything, `:write` includes `:read`."""
    return "*" in key.scopes or scope in key.scopes or scope.replace(":read", ":write") in key.scopes


def _shown(request: Request) -> tuple[str, str]:
    match = re.match(r"^Bearer\s+(\S.+)$", request.headers.get("Authorization", ""))
    if match:
        return match[1].strip(), "Authorization header"
    try:
        body = _json(request)
    except ApiError:
        body = {}
    if isinstance(body, dict) and isinstance(body.get("personal_api_key"), str):
        return body["personal_api_key"], "body"
    return request.args.get("personal_api_key", ""), "query string"


def _json(request: Request) -> Any:
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if body is None:
        raise malformed("JSON parse error")
    return body


def _organization(world: World, account: Account, lookup: str) -> Organization:
    if lookup == "@current":
        lookup = account.current_organization or ""
    try:
        found = world.organizations.get(str(uuid.UUID(lookup)))
    except ValueError:
        found = None
    if found is None:
        raise not_found("Organization not found.")
    return found


def _project(world: World, account: Account, lookup: str) -> Project:
    if lookup == "@current":
        here = world.projects_in(account.current_organization or "")
        found = here[0] if here else None
    else:
        found = world.projects.get(lookup)
    if found is None:
        raise not_found("Project not found.")
    return found


def _check_token(world: World, request: Request) -> None:
    """Keys of query and body that look like a project's token are taken for one, whatever else they were meant for."""
    body = request.get_json(force=True, silent=True) if request.get_data() else None
    for told in (request.args, body if isinstance(body, dict) else {}):
        token = told.get("token") or told.get("api_key")
        if token and token not in {project_token(p) for p in world.projects.values()}:
            raise unauthenticated("Incorrect authentication credentials.")


def _check_restrictions(key: Key, organization: Organization | None, project: Project | None) -> None:
    if key.scoped_teams and project is None:
        raise denied("API keys with scoped projects are only supported on project-based endpoints.")
    if key.scoped_teams and project is not None and project.id not in key.scoped_teams:
        raise denied(f"API key does not have access to the requested project: ID {project.id}.")
    if key.scoped_organizations and organization and organization.id not in key.scoped_organizations:
        raise denied(f"API key does not have access to the requested organization: ID {organization.id}.")


def _membership(world: World, account: Account, organization: Organization, *, is_project: bool) -> Membership:
    membership = world.membership_of(account.uuid, organization.id)
    if membership is None:
        raise denied(NO_ACCESS) if is_project else denied()
    if not organization.members_can_use_personal_api_keys and membership.level < ADMIN:
        raise denied(
            f"Organization '{organization.name}' does not allow using personal API keys. "
            "Contact an admin to enable personal API keys for this organization."
        )
    if organization.enforce_verified_domains:
        host = account.email.rpartition("@")[2].lower()
        domains = [d for d in world.domains.values() if d.organization == organization.id and d.is_verified]
        if host not in {d.domain for d in domains}:
            raise denied()
    return membership


def _check_throttle(world: World, key: Key) -> None:
    if not world.is_throttling:
        return
    wait = world.throttle.wait_seconds("" if world.counts_all_keys_together else key.id, world.now())
    if wait:
        raise throttled(wait, has_retry_after=world.sends_retry_after)
