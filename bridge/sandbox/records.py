"""The rows that the sandbox keeps, each frozen: a change replaces the row.

May import: the standard library.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

MEMBER = 1
"""PostHog's number for a plain member."""
ADMIN = 8
"""PostHog's number for an administrator."""
OWNER = 15
"""PostHog's number for an owner."""
LEVELS = (MEMBER, ADMIN, OWNER)
"""Every level that the API accepts."""
INVITE_VALIDITY = timedelta(days=3)
"""How long an invite can be accepted. Source: PostHog docs, organizations (INVITE_DAYS_VALIDITY)."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row that can be written as JSON and read back unchanged."""

    TABLE: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """What the row is found by in its table."""
        return str(getattr(self, "uuid", None) or getattr(self, "id", ""))

    def as_json(self) -> dict[str, Any]:
        """The row as JSON values; times in ISO 8601."""
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The row that `as_json` wrote, also by an older version that had fewer fields."""
        read: dict[str, Any] = {}
        for f in fields(cls):
            if f.name not in values:
                continue
            value = values[f.name]
            if value is not None and "datetime" in str(f.type):
                value = datetime.fromisoformat(value)
            elif "tuple" in str(f.type):
                value = tuple(value)
            read[f.name] = value
        return cls(**read)


@dataclass(frozen=True, kw_only=True)
class Account(Row):
    """One PostHog user, global across organizations. Removal from an organization leaves it untouched."""

    TABLE = "accounts"

    id: int
    uuid: str
    email: str
    first_name: str = ""
    last_name: str = ""
    is_active: bool = True
    """`False` blocks log-in and keys, and hides the person from members lists."""
    is_staff: bool = False
    is_2fa_enabled: bool = False
    has_social_auth: bool = False
    date_joined: datetime
    last_login: datetime | None = None
    current_organization: str | None = None


@dataclass(frozen=True, kw_only=True)
class Organization(Row):
    """One organization and the settings that the API shows."""

    TABLE = "organizations"

    id: str
    name: str
    slug: str
    created_at: datetime
    enforce_2fa: bool = False
    enforce_verified_domains: bool = False
    members_can_invite: bool = True
    members_can_create_projects: bool = True
    members_can_use_personal_api_keys: bool = True
    members_can_see_org_members: bool = True
    is_active: bool = True
    is_not_active_reason: str | None = None
    is_pending_deletion: bool = False
    default_role_id: str | None = None
    """The role that everybody who joins is put in."""
    features: tuple[str, ...] = ()
    """What the plan has, as PostHog names it: `access_control`, `audit_logs` and so on."""
    activity_lookback_days: int | None = None
    """How far back the plan lets the activity log be read; `None`: all of it."""


@dataclass(frozen=True, kw_only=True)
class Membership(Row):
    """One account in one organization."""

    TABLE = "memberships"

    id: str
    organization: str
    user: str
    """The account's UUID."""
    level: int
    joined_at: datetime
    updated_at: datetime
    is_guest: bool = False
    """Guests are hidden from the members list and from DELETE's lookup, in versions that have them."""


@dataclass(frozen=True, kw_only=True)
class Invite(Row):
    """One invite; it stays listed after it has expired."""

    TABLE = "invites"

    id: str
    organization: str
    target_email: str
    first_name: str = ""
    level: int
    message: str | None = None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    private_project_access: tuple[dict[str, Any], ...] = ()
    """Projects (`id`) with the level (`level`) that the invited person gets there."""

    def is_expired(self, now: datetime) -> bool:
        """Whether it can no longer be accepted."""
        return self.created_at + INVITE_VALIDITY < now


@dataclass(frozen=True, kw_only=True)
class Key(Row):
    """One personal API key; only its SHA-256 is kept."""

    TABLE = "keys"

    id: str
    label: str
    digest: str
    mask_value: str
    user: str
    scopes: tuple[str, ...]
    scoped_teams: tuple[int, ...] = ()
    scoped_organizations: tuple[str, ...] = ()
    created_at: datetime
    last_used_at: datetime | None = None
    last_rolled_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Domain(Row):
    """One authentication domain of an organization."""

    TABLE = "domains"

    id: str
    organization: str
    domain: str
    verified_at: datetime | None = None
    jit_provisioning_enabled: bool = False
    sso_enforcement: str = ""
    has_saml: bool = False
    has_scim: bool = False

    @property
    def is_verified(self) -> bool:
        """Whether the organization has proved that the domain is its own."""
        return self.verified_at is not None


@dataclass(frozen=True, kw_only=True)
class Project(Row):
    """One project of an organization."""

    TABLE = "projects"

    id: int
    organization: str
    name: str
    created_at: datetime
    receive_org_level_activity_logs: bool = False
    """Whether the project's own activity log shows the organization's rows, too."""


def project_token(row: Project) -> str:
    """The project's token, which is public by nature: it stands in every page that sends events."""
    return f"phc_{hashlib.sha256(f'{row.organization} {row.id}'.encode()).hexdigest()[:43]}"


@dataclass(frozen=True, kw_only=True)
class Role(Row):
    """One role of an organization."""

    TABLE = "roles"

    id: str
    organization: str
    name: str
    created_at: datetime
    created_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class RoleMembership(Row):
    """One member in one role. It hangs on the membership and goes with it."""

    TABLE = "role_memberships"

    id: str
    role: str
    membership: str
    user: str
    joined_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class AccessControl(Row):
    """One rule: a level in a project for one member, one role, or (with neither) everybody.

    `resource_id` is `None` for a rule about all resources of one kind. The API never shows the rule's own id.
    """

    TABLE = "access_controls"

    id: str
    project: int
    resource: str = "project"
    resource_id: str | None
    access_level: str
    organization_member: str | None = None
    """The membership's id, never the account's UUID."""
    role: str | None = None
    created_by: str | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Resource(Row):
    """Something that somebody made in a project: a dashboard, a flag, a destination."""

    TABLE = "resources"

    kind: str
    """PostHog's path for its list, such as `feature_flags`."""
    id: str
    """A number or a UUID, as the kind has it."""
    project: int
    name: str
    created_by: str | None
    created_at: datetime
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields as the API shows them; for alerts `subscribed_users` as UUIDs of accounts."""

    @property
    def key(self) -> str:
        """Ids are only unique within their kind."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, kw_only=True)
class Person(Row):
    """An end user of the customer's product, as a project tracks them. Never a PostHog account."""

    TABLE = "persons"

    id: str
    project: int
    distinct_ids: tuple[str, ...]
    email: str
    name: str = ""
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Activity(Row):
    """One row of the activity log, to be read from `visible_at` on."""

    TABLE = "activity"

    id: str
    organization: str
    project: int | None = None
    user: str | None = None
    """Who did it; `None` for PostHog's own SCIM and other systems."""
    activity: str
    scope: str
    item_id: str
    detail: dict[str, Any]
    created_at: datetime
    visible_at: datetime
    client: str | None = None
    """What the header `x-posthog-client` said."""
    ip_address: str | None = None
    was_impersonated: bool = False
    is_system: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that the sandbox answered, for counting."""

    method: str
    path: str
    query: str
    status: int
    key_label: str
    """Empty when no known key was shown."""
    at: datetime
