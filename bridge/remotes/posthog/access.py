"""Projects, who gets into which and how, and roles.

PostHog computes the effective access itself (highest of default, member, role and organization level), so the answer is
asked for and not computed again here. Source: PostHog, posthog/rbac/user_access_control.py, ee/api/rbac. May import:
`asking`, `lists`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from bridge.core.organization import Member
from bridge.core.surroundings import Gap, Grant, Project, Seat
from bridge.ports import Unexpected
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.asking import Asking
from bridge.remotes.posthog.lists import Reads, whole_list

LEVELS = ("none", "member", "admin")
"""PostHog's words for project levels; whoever has `none` is not in."""


class Known:
    """The members by everything that rows may name them by; read when the first row names nobody by account UUID."""

    def __init__(self, read: Callable[[], tuple[Member, ...]]) -> None:
        self._read = read
        self._accounts: dict[str, str] | None = None

    def account(self, name: str) -> str | None:
        """The account UUID of the member with that numeric id or membership id."""
        if self._accounts is None:
            members = self._read()
            self._accounts = {str(m.user_id): m.user_uuid for m in members}
            self._accounts |= {m.membership_id.lower(): m.user_uuid for m in members}
        return self._accounts.get(name)


def read_projects(client: Reads, organization_path: str, page_size: int) -> tuple[Project, ...]:
    """All projects of the organization, by id.

    Raises: Unavailable, Refused, Unexpected.
    """
    found = whole_list(client, f"{organization_path}/projects/", "projects", limit=page_size)
    return tuple(sorted((_project(row) for row in found), key=lambda p: p.project_id))


def projects_within(organization: dict[str, Any]) -> tuple[Project, ...] | None:
    """The projects that the organization itself names, which costs no further call; `None` when it names none."""
    for name in ("projects", "teams"):
        rows = organization.get(name)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return tuple(sorted((_project(row) for row in rows), key=lambda p: p.project_id))
    return None


def read_grants(asking: Asking, project: Project, known: Known) -> tuple[Grant, ...]:
    """Who gets into the project, and how. Whoever is in the answer and no member we know of becomes a gap.

    Raises: Unavailable, Refused, Unexpected.
    """
    where = "users_with_access"
    body = asking.get(f"/api/projects/{project.project_id}/users_with_access/")
    grants, strangers = [], 0
    for row in shapes.rows(body, where, "users"):
        level = shapes.text(row, "access_level", where)
        if level not in LEVELS:
            raise Unexpected(f"{where}.access_level is a word other than {', '.join(LEVELS)}")
        account = _account(row, known)
        if account is None:
            strangers += 1
        elif level != "none":
            how = shapes.optional_text(row, "access_source") or "unknown"
            grants.append(Grant(user_uuid=account, project_id=project.project_id, level=level, how=how))
    if strangers:
        why = f"{strangers} of those who have access are no members that could be told apart."
        asking.note(Gap(what=f"everybody in project {project.name}", why=why, remedy=remedies.SHAPE))
    return tuple(grants)


def read_roles(asking: Reads, organization_path: str, page_size: int) -> dict[str, str]:
    """The roles' names by their ids.

    Raises: Unavailable, Refused, Unexpected.
    """
    found = whole_list(asking, f"{organization_path}/roles/", "roles", limit=page_size)
    return {shapes.text(row, "id", "roles"): shapes.text(row, "name", "roles") for row in found}


def read_seats(asking: Asking, organization_path: str, role_id: str, role: str, page_size: int) -> tuple[Seat, ...]:
    """Who is in the role.

    Raises: Unavailable, Refused, Unexpected.
    """
    path = f"{organization_path}/roles/{role_id}/role_memberships/"
    found = whole_list(asking, path, "role_memberships", limit=page_size)
    return tuple(Seat(user_uuid=_seated(row), role_id=role_id, role=role) for row in found)


def _seated(row: dict[str, Any]) -> str:
    for path in ("user.uuid", "organization_member.user.uuid", "user_uuid"):
        if shapes.optional_text(row, path):
            return shapes.text(row, path, "role_memberships").lower()
    return shapes.text(row, "user.uuid", "role_memberships").lower()


def _project(row: dict[str, Any]) -> Project:
    number = shapes.number(row, "id", "projects")
    return Project(project_id=number, name=shapes.optional_text(row, "name") or str(number))


def _account(row: dict[str, Any], known: Known) -> str | None:
    """Whose row it is: versions name the account by UUID, by number, or by its membership."""
    for path in ("user_uuid", "user.uuid", "user_id"):
        name = shapes.optional_text(row, path).lower()
        if _is_uuid(name):
            return name
    others = ("user_id", "organization_membership_id", "membership_id", "organization_member")
    said = [str(value).lower() for name in others if (value := row.get(name)) not in (None, "")]
    return next((account for name in said if (account := known.account(name)) is not None), None)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
