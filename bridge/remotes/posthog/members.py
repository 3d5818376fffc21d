"""Members as PostHog shows them, and the numbers of its levels.

Source: PostHog, posthog/api/organization_member.py. May import: `lists`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

from typing import Any

from bridge.core.organization import Level, Member
from bridge.ports import Unexpected
from bridge.remotes.posthog import shapes
from bridge.remotes.posthog.lists import Reads, whole_list

WIRE_LEVELS = {Level.MEMBER: 1, Level.ADMIN: 8, Level.OWNER: 15}
"""PostHog's numbers for our levels."""
LEVELS = {number: level for level, number in WIRE_LEVELS.items()}
"""Our levels for PostHog's numbers."""


def level_at(row: Any, path: str, where: str) -> Level:
    """The level at `path`.

    Raises: Unexpected for a number that we do not know: guessing could take an owner for a member.
    """
    level = LEVELS.get(shapes.number(row, path, where))
    if level is None:
        raise Unexpected(f"{where}.{path} is a number other than 1, 8 and 15")
    return level


def read_members(client: Reads, organization_path: str, page_size: int) -> tuple[Member, ...]:
    """All members, longest-standing first: whoever joins while we page comes last and shifts nobody.

    Raises: Unavailable, Refused, Unexpected.
    """
    found = whole_list(client, f"{organization_path}/members/", "members", limit=page_size, order="joined_at")
    return tuple(_member(row) for row in found)


def _member(row: dict[str, Any]) -> Member:
    names = (shapes.optional_text(row, "user.first_name"), shapes.optional_text(row, "user.last_name"))
    return Member(
        user_uuid=shapes.text(row, "user.uuid", "members").lower(),
        membership_id=shapes.text(row, "id", "members"),
        user_id=shapes.number(row, "user.id", "members"),
        email=shapes.text(row, "user.email", "members"),
        level=level_at(row, "level", "members"),
        name=" ".join(n for n in names if n),
        joined_at=shapes.optional_time(row, "joined_at"),
        last_login=shapes.optional_time(row, "last_login"),
        is_2fa_enabled=shapes.value_at(row, "is_2fa_enabled") is True,
    )
