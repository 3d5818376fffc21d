"""Who is calling and whether they may: PostHog's checks, in PostHog's order.

A key that is known, an action open to keys, an organization that exists, the key's restrictions, its scopes, its
owner's membership, the organization's own rules, and last the throttle. Source: PostHog, posthog/api/routing.py,
posthog/permissions.py, posthog/auth.py. May import: `errors`, `records`, `world`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Request

from bridge.sandbox.errors import NOT_OPEN_TO_KEYS, ApiError, denied, malformed, not_found, throttled, unauthenticated
from bridge.sandbox.records import ADMIN, Account, Key, Membership, Organization
from bridge.sandbox.world import World

USED_AT_MOST_EVERY = timedelta(hours=1)
"""How often a key's `last_used_at` is written."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that passed the gate. `organization` and `membership` are `None` where the path names none."""

    world: World
    request: Request
    key: Key
    account: Account
    organization: Organization | None
    membership: Membership | None
    lookup: str

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
    """One path. A method without an action is refused to keys before anybody looks whether it exists."""

    rule: str
    actions: Mapping[str, Action]
    refusal: str = NOT_OPEN_TO_KEYS


def admit(world: World, request: Request, endpoint: Endpoint, lookups: Mapping[str, str]) -> tuple[Call, Action]:
    """The call and its action, if the caller may.

    Raises: ApiError 401, 403, 404 or 429.
    """
    key, account = authenticate(world, request)
    method = "GET" if request.method == "HEAD" else request.method
    action = endpoint.actions.get(method)
    if action is None:
        raise denied(endpoint.refusal)
    organization = membership = None
    if "organization" in lookups:
        organization = _organization(world, account, lookups["organization"])
    # The account's own endpoints are exempt from a key's restriction to projects or organizations.
    if action.scope is not None and not action.scope.startswith("user:"):
        _check_restrictions(key, organization)
    if action.scope is not None and not has_scope(key, action.scope):
        raise denied(f"API key missing required scope '{action.scope}'")
    if organization is not None:
        membership = _membership(world, account, organization)
    _check_throttle(world, key)
    lookup = lookups.get("lookup", "")
    call = Call(
        world=world,
        request=request,
        key=key,
        account=account,
        organization=organization,
        membership=membership,
        lookup=lookup,
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


def _check_restrictions(key: Key, organization: Organization | None) -> None:
    if key.scoped_teams:
        raise denied("API keys with scoped projects are only supported on project-based endpoints.")
    if key.scoped_organizations and organization and organization.id not in key.scoped_organizations:
        raise denied(f"API key does not have access to the requested organization: ID {organization.id}.")


def _membership(world: World, account: Account, organization: Organization) -> Membership:
    membership = world.membership_of(account.uuid, organization.id)
    if membership is None:
        raise denied()
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
    wait = world.throttle.wait_seconds(key.id, world.now())
    if wait:
        raise throttled(wait, has_retry_after=world.sends_retry_after)
