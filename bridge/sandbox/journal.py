"""Which rows of the activity log a change makes, and who did it.

Source: PostHog docs, contents/docs/settings/activity-logs.mdx; posthog/models/activity_logging; the scope names of
invites, domains, keys and access rules are inferred. May import: `records`.
"""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Protocol

from bridge.sandbox.records import (
    AccessControl,
    Account,
    Activity,
    Domain,
    Invite,
    Key,
    Membership,
    Organization,
    Project,
    Resource,
    Role,
    RoleMembership,
    Row,
)

SCOPES = {
    "dashboards": "Dashboard",
    "insights": "Insight",
    "feature_flags": "FeatureFlag",
    "experiments": "Experiment",
    "cohorts": "Cohort",
    "notebooks": "Notebook",
    "surveys": "Survey",
    "actions": "Action",
    "annotations": "Annotation",
    "alerts": "AlertConfiguration",
    "subscriptions": "Subscription",
    "hog_functions": "HogFunction",
    "batch_exports": "BatchExport",
    "early_access_feature": "EarlyAccessFeature",
    "session_recording_playlists": "SessionRecordingPlaylist",
}
"""What the log calls the resources of each list."""
QUIET = {"updated_at", "last_used_at"}
"""Fields whose change is no news."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who makes the changes of one request. `user` is an account's UUID, or `None` for a system."""

    user: str | None = None
    client: str | None = None
    ip_address: str | None = None


NOBODY = Actor()
_COUNTER = itertools.count()
_ACTOR: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What is changed inside is that actor's doing."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)


class Looked(Protocol):
    """What the journal must be able to look up."""

    accounts: dict[str, Account]
    organizations: dict[str, Organization]
    memberships: dict[str, Membership]
    roles: dict[str, Role]
    projects: dict[str, Project]

    def now(self) -> datetime:
        """The time, aware."""

    @property
    def activity_delay(self) -> timedelta:
        """How long after a change its row can be read."""


@dataclass(frozen=True, kw_only=True)
class _Note:
    scope: str
    item_id: str
    name: str
    organization: str
    context: dict[str, Any]
    project: int | None = None
    by: str | None = None
    at: datetime | None = None


def of_change(world: Looked, before: Row | None, after: Row | None) -> tuple[Activity, ...]:
    """The rows that this change writes; none when nothing changed that the log tells."""
    row = after or before
    note = None if row is None else _note(world, row)
    changes = _changes(note.scope, before, after) if note and before and after else []
    if note is None or (before and after and not changes):
        return ()
    activity = "updated" if before and after else "created" if after else "deleted"
    return (written(world, activity, note, changes),)


def written(world: Looked, activity: str, note: _Note, changes: list[dict[str, Any]]) -> Activity:
    """The row, by whoever acts now."""
    actor = _ACTOR.get()
    is_made_now = activity != "created" or note.at is None
    at = world.now() if is_made_now or note.at is None else note.at
    user = actor.user or (note.by if activity == "created" else None)
    return Activity(
        id=row_id(at),
        organization=note.organization,
        project=note.project,
        user=user,
        activity=activity,
        scope=note.scope,
        item_id=note.item_id,
        detail={"name": note.name, "short_id": None, "type": None, "changes": changes, "context": note.context},
        created_at=at,
        visible_at=at + world.activity_delay,
        client=actor.client,
        ip_address=actor.ip_address,
        is_system=user is None,
    )


def row_id(at: datetime) -> str:
    """An id that is later in order than those made before at the same time, as PostHog's are."""
    count = next(_COUNTER)
    number = int(at.timestamp() * 1000) << 80
    number |= (count >> 32 & 0xFFF) << 64
    number |= (count & 0xFFFFFFFF) << 30 | secrets.randbits(30)
    return str(uuid.UUID(int=number, version=4))


def _note(world: Looked, row: Row) -> _Note | None:
    writer = _WRITERS.get(type(row))
    return writer(world, row) if writer else None


def _membership(world: Looked, row: Membership) -> _Note:
    account, home = world.accounts[row.user], world.organizations[row.organization]
    name = f"{account.first_name} {account.last_name}".strip()
    return _Note(
        scope="OrganizationMembership",
        item_id=row.id,
        name=name or account.email,
        organization=row.organization,
        context={
            "user_uuid": account.uuid,
            "user_email": account.email,
            "user_name": name,
            "organization_id": home.id,
            "organization_name": home.name,
            "level": row.level,
        },
        at=row.joined_at,
    )


def _invite(world: Looked, row: Invite) -> _Note:
    home = world.organizations[row.organization]
    return _Note(
        scope="OrganizationInvite",
        item_id=row.id,
        name=row.target_email,
        organization=row.organization,
        context={
            "target_email": row.target_email,
            "level": row.level,
            "organization_id": home.id,
            "organization_name": home.name,
        },
        by=row.created_by,
        at=row.created_at,
    )


def _rule(world: Looked, row: AccessControl) -> _Note:
    project = world.projects[str(row.project)]
    whose: dict[str, Any] = {}
    if row.organization_member in world.memberships:
        account = world.accounts[world.memberships[row.organization_member].user]
        whose = {"user_uuid": account.uuid, "user_email": account.email}
    if row.role in world.roles:
        whose = {"role_id": row.role, "role_name": world.roles[row.role].name}
    return _Note(
        scope="AccessControl",
        item_id=row.resource_id or str(row.project),
        name=project.name,
        organization=project.organization,
        project=row.project,
        context={"resource": row.resource, "access_level": row.access_level, **whose},
    )


def _seat(world: Looked, row: RoleMembership) -> _Note:
    role, account = world.roles[row.role], world.accounts[row.user]
    return _Note(
        scope="Role",
        item_id=role.id,
        name=role.name,
        organization=role.organization,
        context={"user_uuid": account.uuid, "user_email": account.email, "role_name": role.name},
    )


def _domain(world: Looked, row: Domain) -> _Note:
    context = {"organization_name": world.organizations[row.organization].name}
    return _Note(
        scope="OrganizationDomain", item_id=row.id, name=row.domain, organization=row.organization, context=context
    )


def _organization(_world: Looked, row: Organization) -> _Note:
    return _Note(
        scope="Organization", item_id=row.id, name=row.name, organization=row.id, context={}, at=row.created_at
    )


def _key(world: Looked, row: Key) -> _Note | None:
    home = world.accounts[row.user].current_organization
    if home is None:
        return None
    return _Note(
        scope="PersonalAPIKey",
        item_id=row.id,
        name=row.label,
        organization=home,
        context={"user_email": world.accounts[row.user].email},
        by=row.user,
        at=row.created_at,
    )


def _resource(world: Looked, row: Resource) -> _Note:
    return _Note(
        scope=SCOPES.get(row.kind, row.kind),
        item_id=row.id,
        name=row.name,
        organization=world.projects[str(row.project)].organization,
        project=row.project,
        context={},
        by=row.created_by,
        at=row.created_at,
    )


_WRITERS: dict[type[Row], Any] = {
    Membership: _membership,
    Invite: _invite,
    AccessControl: _rule,
    RoleMembership: _seat,
    Domain: _domain,
    Organization: _organization,
    Key: _key,
    Resource: _resource,
}


def _changes(scope: str, before: Row, after: Row) -> list[dict[str, Any]]:
    told = []
    for f in fields(after):
        old, new = getattr(before, f.name), getattr(after, f.name)
        if old == new or f.name in QUIET:
            continue
        # A key's value is never told, not even as a digest.
        old, new = ("masked", "masked") if f.name in {"digest", "mask_value"} else (_plain(old), _plain(new))
        told.append({"type": scope, "action": "changed", "field": f.name, "before": old, "after": new})
    return told


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value
