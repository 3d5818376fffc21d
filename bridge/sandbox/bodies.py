"""How PostHog shows its rows in JSON.

Source: PostHog's OpenAPI description and serializers. May import: `records`, `world`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from bridge.sandbox.records import (
    AccessControl,
    Account,
    Activity,
    Domain,
    Invite,
    Key,
    Membership,
    Organization,
    Person,
    Project,
    Role,
    RoleMembership,
    project_token,
)
from bridge.sandbox.world import World


def time(at: datetime | None) -> str | None:
    """A time as Django REST framework writes it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def basic_user(account: Account) -> dict[str, Any]:
    """An account as it is nested in other rows."""
    return {
        "id": account.id,
        "uuid": account.uuid,
        "distinct_id": hashlib.sha256(account.uuid.encode()).hexdigest()[:43],
        "first_name": account.first_name,
        "last_name": account.last_name,
        "email": account.email,
        "is_email_verified": True if account.has_social_auth else None,
        "hedgehog_config": None,
        "role_at_organization": None,
    }


def member(account: Account, membership: Membership) -> dict[str, Any]:
    """One row of the members list."""
    return {
        "id": membership.id,
        "user": basic_user(account),
        "level": membership.level,
        "joined_at": time(membership.joined_at),
        "updated_at": time(membership.updated_at),
        "is_2fa_enabled": account.is_2fa_enabled,
        "has_social_auth": account.has_social_auth,
        "last_login": time(account.last_login),
    }


def member_text(world: World, account: Account, membership: Membership) -> str:
    """The same as JSON text, made once for rows that did not change: the list is what everybody asks for all the time."""
    seen = world.texts.get(membership.id)
    if seen is None or seen[0] is not account or seen[1] is not membership:
        seen = (account, membership, json.dumps(member(account, membership)))
        world.texts[membership.id] = seen
    return seen[2]


def invite(world: World, row: Invite) -> dict[str, Any]:
    """One row of the invites list."""
    inviter = world.accounts.get(row.created_by) if row.created_by else None
    return {
        "id": row.id,
        "target_email": row.target_email,
        "first_name": row.first_name,
        "emailing_attempt_made": False,
        "level": row.level,
        "is_expired": row.is_expired(world.now()),
        "created_by": basic_user(inviter) if inviter else None,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
        "message": row.message,
        "private_project_access": [dict(wanted) for wanted in row.private_project_access],
    }


def project(world: World, row: Project) -> dict[str, Any]:
    """One project."""
    return {
        "id": row.id,
        "uuid": str(uuid.uuid5(uuid.UUID(row.organization), f"project {row.id}")),
        "organization": row.organization,
        "organization_id": row.organization,
        "project_id": row.id,
        "api_token": project_token(row),
        "name": row.name,
        "created_at": time(row.created_at),
        "completed_snippet_onboarding": True,
        "has_completed_onboarding_for": {},
        "ingested_event": True,
        "is_demo": False,
        "timezone": "UTC",
        "access_control": any(
            r.project == row.id and r.organization_member is None and r.role is None and r.access_level == "none"
            for r in list(world.access_controls.values())
        ),
    }


def access_control(row: AccessControl) -> dict[str, Any]:
    """One rule. It is shown without an id, and PostHog never fills in who made it."""
    return {
        "access_level": row.access_level,
        "resource": row.resource,
        "resource_id": row.resource_id,
        "organization_member": row.organization_member,
        "role": row.role,
        "created_by": None,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def role_membership(world: World, row: RoleMembership) -> dict[str, Any]:
    """One member in one role."""
    account, membership = world.accounts[row.user], world.memberships.get(row.membership)
    return {
        "id": row.id,
        "role_id": row.role,
        "organization_member": None if membership is None else member(account, membership),
        "user": basic_user(account),
        "joined_at": time(row.joined_at),
        "updated_at": time(row.updated_at),
    }


def role(world: World, row: Role, seats: list[RoleMembership]) -> dict[str, Any]:
    """One role with those members."""
    made_by = world.accounts.get(row.created_by) if row.created_by else None
    return {
        "id": row.id,
        "name": row.name,
        "created_at": time(row.created_at),
        "created_by": None if made_by is None else basic_user(made_by),
        "members": [role_membership(world, seat) for seat in seats],
        "is_default": world.organizations[row.organization].default_role_id == row.id,
    }


def activity(world: World, row: Activity) -> dict[str, Any]:
    """One row of the activity log."""
    account = world.accounts.get(row.user) if row.user else None
    return {
        "id": row.id,
        "user": None if account is None else basic_user(account),
        "unread": True,
        "team_id": row.project,
        "organization_id": row.organization,
        "was_impersonated": row.was_impersonated,
        "is_system": row.is_system,
        "client": row.client,
        "ip_address": row.ip_address,
        "activity": row.activity,
        "item_id": row.item_id,
        "scope": row.scope,
        "detail": row.detail,
        "created_at": time(row.created_at),
    }


def person(row: Person) -> dict[str, Any]:
    """One end user of the customer's product."""
    return {
        "id": row.id,
        "uuid": row.id,
        "type": "person",
        "name": row.name or row.email,
        "distinct_ids": list(row.distinct_ids),
        "properties": {"email": row.email, **({"name": row.name} if row.name else {})},
        "created_at": time(row.created_at),
    }


def organization(world: World, row: Organization, caller: Membership | None, projects: list[Project]) -> dict[str, Any]:
    """An organization as its member sees it, with the projects that the member may enter."""
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "logo_media_id": None,
        "created_at": time(row.created_at),
        "updated_at": time(row.created_at),
        "membership_level": caller.level if caller else None,
        "plugins_access_level": 3,
        "teams": [project(world, p) for p in projects],
        "projects": [project(world, p) for p in projects],
        "available_product_features": [{"key": f, "name": f.replace("_", " ").capitalize()} for f in row.features],
        "is_member_join_email_enabled": True,
        "metadata": {},
        "customer_id": None,
        "enforce_2fa": row.enforce_2fa,
        "enforce_verified_domains": row.enforce_verified_domains,
        "members_can_invite": row.members_can_invite,
        "members_can_create_projects": row.members_can_create_projects,
        "members_can_use_personal_api_keys": row.members_can_use_personal_api_keys,
        "members_can_see_org_members": row.members_can_see_org_members,
        "member_count": sum(1 for account, _ in world.members(row.id) if account.is_active),
        "default_role_id": row.default_role_id,
        "is_active": row.is_active,
        "is_not_active_reason": row.is_not_active_reason,
        "is_pending_deletion": row.is_pending_deletion,
    }


def user(world: World, account: Account) -> dict[str, Any]:
    """The caller's own account."""
    rows = [m for m in list(world.memberships.values()) if m.user == account.uuid]
    homes = [_short(world.organizations[m.organization], m) for m in rows]
    current = next((h for h in homes if h["id"] == account.current_organization), None)
    here = world.projects_in(current["id"]) if current else []
    return {
        "date_joined": time(account.date_joined),
        **basic_user(account),
        "pending_email": None,
        "notification_settings": {},
        "anonymize_data": False,
        "has_password": not account.has_social_auth,
        "is_staff": account.is_staff,
        "is_2fa_enabled": account.is_2fa_enabled,
        "has_social_auth": account.has_social_auth,
        "has_sso_enforcement": False,
        "team": None if not here else project(world, here[0]),
        "organization": current,
        "organizations": homes,
    }


def _short(row: Organization, membership: Membership) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "slug": row.slug, "membership_level": membership.level}


def key(row: Key) -> dict[str, Any]:
    """A personal API key as it sees itself: never its value."""
    return {
        "id": row.id,
        "label": row.label,
        "value": None,
        "mask_value": row.mask_value,
        "created_at": time(row.created_at),
        "last_used_at": time(row.last_used_at),
        "last_rolled_at": time(row.last_rolled_at),
        "scopes": list(row.scopes),
        "scoped_teams": list(row.scoped_teams),
        "scoped_organizations": list(row.scoped_organizations),
    }


def domain(row: Domain) -> dict[str, Any]:
    """One authentication domain."""
    return {
        "id": row.id,
        "domain": row.domain,
        "is_verified": row.is_verified,
        "verified_at": time(row.verified_at),
        "verification_challenge": hashlib.sha256(row.id.encode()).hexdigest()[:32],
        "jit_provisioning_enabled": row.jit_provisioning_enabled,
        "sso_enforcement": row.sso_enforcement,
        "has_saml": row.has_saml,
        "has_scim": row.has_scim,
        "scim_base_url": None,
        "has_id_jag": False,
        "saml_identity_provider_config_id": None,
        "scim_identity_provider_config_id": None,
        "id_jag_identity_provider_config_id": None,
    }
