"""What surrounds the members of a target: its settings, domains and projects, and what one person did and left there.

Built by `remotes/posthog`, kept by the store, told by pages, commands and records. Whatever could not be read is a
`Gap`, never silence: a list that is empty because nobody may read it must not look like one that is empty. May import:
`organization`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that could not be read, why, and what would help."""

    what: str
    why: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One authentication domain of the organization. Source: PostHog, posthog/api/organization_domain.py."""

    domain_id: str
    domain: str
    is_verified: bool
    is_jit_enabled: bool
    """Whether a log-in with such an address makes a member of whoever is none (just-in-time provisioning)."""
    sso_enforcement: str
    """The provider that log-ins must use; empty when any will do."""
    has_saml: bool = False
    has_scim: bool = False


@dataclass(frozen=True, kw_only=True)
class Project:
    """One project of the organization."""

    project_id: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What lets one member into one project."""

    user_uuid: str
    project_id: int
    level: str
    """`member` or `admin`: PostHog's words."""
    how: str
    """`explicit_member`, `explicit_role`, `organization_admin`, `project_admin`, `creator` or `default`."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One member's membership in one role."""

    user_uuid: str
    role_id: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """One wide look at the organization: everything but its members and invites."""

    taken_at: datetime
    name: str = ""
    enforces_2fa: bool = False
    enforces_verified_domains: bool = False
    members_can_invite: bool = True
    members_can_use_keys: bool = True
    features: tuple[str, ...] = ()
    """The plan's features, as PostHog names them."""
    domains: tuple[Domain, ...] = ()
    projects: tuple[Project, ...] = ()
    grants: tuple[Grant, ...] = ()
    seats: tuple[Seat, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Something that a person made and that stays: a dashboard, a flag, a destination."""

    kind: str
    """PostHog's path for it, such as `feature_flags`."""
    project_id: int
    resource_id: str
    name: str
    path: str
    """Where a person finds it, below the host."""
    note: str = ""
    """What about it needs a look: it sends to the person's address, or nobody else is told."""


@dataclass(frozen=True, kw_only=True)
class LeftBehind:
    """What one person made in all projects."""

    taken_at: datetime
    resources: tuple[Resource, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One row of PostHog's activity log."""

    at: datetime
    activity: str
    """`created`, `updated`, `deleted`, `exported` …"""
    scope: str
    """`Dashboard`, `OrganizationMembership` …"""
    item_id: str
    name: str
    user_uuid: str = ""
    """Who did it; empty for PostHog's own SCIM and other systems."""
    user_email: str = ""
    project_id: int | None = None
    ip_address: str = ""
    client: str = ""
    """What `x-posthog-client` said: `posthog-bridge` for our own."""
    is_impersonated: bool = False
    changes: str = ""
    """What changed, in one line; empty when the row does not say."""


@dataclass(frozen=True, kw_only=True)
class Deeds:
    """A stretch of the activity log, oldest first."""

    since: datetime
    until: datetime
    rows: tuple[Deed, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """Profiles that the customer's own product may keep of somebody as an end user, in one project."""

    project_id: int
    project: str
    count: int
    path: str
    """Where a person finds them, below the host."""
