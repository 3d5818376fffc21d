"""The wide look: everything around the members, in one bounded walk.

For P projects and R roles it costs 3 calls (organization, domains, roles), 1 for each project and 1 for each role: 3 + P
+ R, plus 1 for the projects where the organization does not name them, 1 for the members where a project names them in
an older way, and 1 for each further page of 500. At most 200; the rest is a gap. May import: `asking`, `access`, `domains`, `members`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bridge.core.surroundings import Grant, Project, Seat, Surroundings
from bridge.core.ways_back import DOMAINS_UNSEEN
from bridge.remotes.posthog import access, shapes
from bridge.remotes.posthog.asking import Asking
from bridge.remotes.posthog.domains import read_domains
from bridge.remotes.posthog.members import read_members


def look_around(asking: Asking, path: str, page_size: int, now: datetime) -> Surroundings:
    """One wide look. What may not be read is a gap.

    Raises: Unavailable, Refused, Unexpected when not even the organization can be read.
    """
    body = asking.get(f"{path}/")
    name = shapes.optional_text(body, "name")
    domains = asking.part(DOMAINS_UNSEEN, lambda: read_domains(asking, path, page_size)) or ()
    projects = _projects(asking, path, body, page_size)
    grants: list[Grant] = []
    known = access.Known(lambda: read_members(asking, path, page_size))
    for project in projects:
        grants.extend(_grants(asking, project, known))
    seats: list[Seat] = []
    roles = asking.part("the roles", lambda: access.read_roles(asking, path, page_size)) or {}
    for role_id, role in roles.items():
        seats.extend(_seats(asking, path, role_id, role, page_size))
    return Surroundings(
        taken_at=now,
        name=name,
        enforces_2fa=body.get("enforce_2fa") is True,
        enforces_verified_domains=body.get("enforce_verified_domains") is True,
        members_can_invite=body.get("members_can_invite") is not False,
        members_can_use_keys=body.get("members_can_use_personal_api_keys") is not False,
        features=_features(body),
        domains=domains,
        projects=projects,
        grants=tuple(grants),
        seats=tuple(seats),
        gaps=asking.gaps,
    )


def _projects(asking: Asking, path: str, body: dict[str, Any], page_size: int) -> tuple[Project, ...]:
    named = access.projects_within(body)
    return (
        named
        if named is not None
        else asking.part("the projects", lambda: access.read_projects(asking, path, page_size)) or ()
    )


def _grants(asking: Asking, project: Project, known: access.Known) -> tuple[Grant, ...]:
    what = f"who gets into the project {project.name}"
    return asking.part(what, lambda: access.read_grants(asking, project, known)) or ()


def _seats(asking: Asking, path: str, role_id: str, role: str, page_size: int) -> tuple[Seat, ...]:
    what = f"who is in the role {role}"
    return asking.part(what, lambda: access.read_seats(asking, path, role_id, role, page_size)) or ()


def _features(body: dict[str, Any]) -> tuple[str, ...]:
    """The plan's features: PostHog lists objects with a `key`, earlier versions plain texts."""
    for name in ("available_product_features", "available_features"):
        rows = body.get(name)
        if isinstance(rows, list) and rows:
            keys = (row if isinstance(row, str) else shapes.optional_text(row, "key") for row in rows)
            return tuple(sorted({key for key in keys if key}))
    return ()
