"""How PostHog shows its rows in JSON.

Source: PostHog's OpenAPI description and serializers. May import: `records`, `world`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from bridge.sandbox.records import Account, Domain, Invite, Key, Membership, Organization
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
        "private_project_access": [],
    }


def organization(world: World, row: Organization, caller: Membership | None) -> dict[str, Any]:
    """An organization as its member sees it."""
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "logo_media_id": None,
        "created_at": time(row.created_at),
        "updated_at": time(row.created_at),
        "membership_level": caller.level if caller else None,
        "plugins_access_level": 3,
        "teams": [],
        "projects": [],
        "available_product_features": [],
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
        "default_role_id": None,
        "is_active": row.is_active,
        "is_not_active_reason": row.is_not_active_reason,
        "is_pending_deletion": row.is_pending_deletion,
    }


def user(world: World, account: Account) -> dict[str, Any]:
    """The caller's own account."""
    rows = [m for m in list(world.memberships.values()) if m.user == account.uuid]
    homes = [_short(world.organizations[m.organization], m) for m in rows]
    current = next((h for h in homes if h["id"] == account.current_organization), None)
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
        "team": None,
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
