"""Profiles that the customer's own product keeps of somebody as an end user: never a member's account.

Only counted. Deleting them is a decision of its own, apart from offboarding. Source: PostHog, posthog/api/person.py.
May import: `asking`, `access`, `lists`, `shapes`, `core`.
"""

from __future__ import annotations

from bridge.core.events import address_key
from bridge.core.surroundings import Gap, Project, Tracked
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.asking import Asking
from bridge.remotes.posthog.lists import by_cursor

PAGES_MOST = 3
"""Of profiles with one address in one project."""


def read_tracked(asking: Asking, project: Project, email: str) -> Tracked | None:
    """How many profiles with that address the project keeps, or `None` for none.

    A version that does not know the filter shows everybody, so each row is looked at again.
    Raises: Unavailable, Refused, Unexpected.
    """
    wanted, theirs = address_key(email), set()
    for spelling in dict.fromkeys((email, wanted)):  # the filter compares exactly
        where = f"/api/projects/{project.project_id}/persons/"
        rows, is_whole = by_cursor(asking, where, "persons", PAGES_MOST, email=spelling, limit=100)
        found = [row for row in rows if address_key(shapes.optional_text(row, "properties.email")) == wanted]
        theirs |= {shapes.identifier(row, "id", "persons") for row in found}
        if not is_whole and len(found) < len(rows):
            why = "This PostHog did not look for the address only, and not everybody was looked through."
            asking.note(Gap(what=f"tracked profiles in {project.name}", why=why, remedy=remedies.OLDER))
    if not theirs:
        return None
    return Tracked(
        project_id=project.project_id,
        project=project.name,
        count=len(theirs),
        path=f"/project/{project.project_id}/persons",
    )
