"""Invites as PostHog shows them, expired ones included.

Source: PostHog, posthog/api/organization_invite.py. May import: `lists`, `members`, `shapes`, `core`.
"""

from __future__ import annotations

from typing import Any

from bridge.core.organization import Invite
from bridge.remotes.posthog import shapes
from bridge.remotes.posthog.lists import Reads, whole_list
from bridge.remotes.posthog.members import level_at

LONGEST_FIRST_NAME = 30
"""Characters that PostHog takes."""


def read_invites(client: Reads, organization_path: str, page_size: int) -> tuple[Invite, ...]:
    """All invites, newest first.

    Raises: Unavailable, Refused, Unexpected.
    """
    found = whole_list(client, f"{organization_path}/invites/", "invites", limit=page_size)
    return tuple(_invite(row) for row in found)


def _invite(row: dict[str, Any]) -> Invite:
    return Invite(
        invite_id=shapes.text(row, "id", "invites"),
        email=shapes.text(row, "target_email", "invites"),
        level=level_at(row, "level", "invites"),
        # An invite that does not say so counts as open: cancelling an expired one does no harm.
        is_expired=shapes.value_at(row, "is_expired") is True,
        created_at=shapes.optional_time(row, "created_at"),
        created_by_uuid=shapes.optional_text(row, "created_by.uuid").lower(),
        created_by_email=shapes.optional_text(row, "created_by.email"),
    )


def new_invite(
    email: str, level: int, *, first_name: str, message: str, projects: tuple[tuple[int, str], ...]
) -> dict[str, Any]:
    """The body of a new invite. `level` is PostHog's number; `projects`: private projects, each with a level's word."""
    body: dict[str, Any] = {"target_email": email, "level": level, "first_name": first_name[:LONGEST_FIRST_NAME]}
    if message:
        body["message"] = message
    if projects:
        body["private_project_access"] = [{"id": project, "level": word} for project, word in projects]
    return body
