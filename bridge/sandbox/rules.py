"""Who may change whose level, and what PostHog answers when not.

Source: PostHog, OrganizationMembership.validate_update and User.leave. May import: `records`, `errors`.
"""

from __future__ import annotations

from bridge.sandbox.errors import denied, invalid
from bridge.sandbox.records import ADMIN, OWNER, Membership


def check_edit(caller: Membership, target: Membership, new_level: int | None = None) -> None:
    """Return only if `caller` may edit `target` (and give it `new_level`).

    Raises: ApiError 403 with PostHog's own words.
    """
    if new_level is not None:
        if target.user == caller.user:
            raise denied("You can't change your own access level.")
        if new_level == OWNER and caller.level != OWNER:
            raise denied("You can only make another member owner if you're this organization's owner.")
        if new_level > caller.level:
            raise denied("You can only change access level of others to lower or equal to your current one.")
    if target.user != caller.user:
        if caller.level < ADMIN:
            raise denied("You can only edit others if you are an admin.")
        if target.level > caller.level:
            raise denied("You can only edit others with level lower or equal to you.")


def check_leave(target: Membership) -> None:
    """Return only if `target` may leave: owners never do, however many there are.

    Raises: ApiError 400.
    """
    if target.level == OWNER:
        raise invalid("Cannot leave the organization as its owner!")


def check_invite(caller: Membership, level: int) -> None:
    """Return only if `caller` may invite somebody at `level`.

    Raises: ApiError 403.
    """
    if level > caller.level:
        raise denied("You cannot invite a user with a higher permission level than your own.")
