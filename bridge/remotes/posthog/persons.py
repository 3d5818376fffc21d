"""Profiles that the customer's own product keeps of somebody as an end user: never a member's account.

Offboarding only counts them; deleting is a decision of its own, on explicit order. Source: PostHog, posthog/api/person.py.
May import: `asking`, `client`, `lists`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

from bridge.core.events import address_key
from bridge.core.surroundings import Gap, Project, Tracked
from bridge.ports import Forgotten, Refused
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.asking import Asking
from bridge.remotes.posthog.client import PostHogClient
from bridge.remotes.posthog.lists import by_cursor

PAGES_MOST = 3
"""Of profiles with one address in one project."""
AT_ONCE = 1_000
"""Profiles that PostHog deletes in one call."""


def read_tracked(asking: Asking, project: Project, email: str) -> Tracked | None:
    """How many profiles with that address the project keeps, or `None` for none.

    Raises: Unavailable, Refused, Unexpected.
    """
    theirs = _profiles(asking, project, email)
    if not theirs:
        return None
    return Tracked(
        project_id=project.project_id,
        project=project.name,
        count=len(theirs),
        path=f"/project/{project.project_id}/persons",
    )


def delete_tracked(
    client: PostHogClient, asking: Asking, project: Project, email: str, *, with_events: bool
) -> Forgotten:
    """Delete the profiles with that address in the project, each known by its id; events and recordings are queued.

    Raises: Unavailable, Refused, Unexpected; and `Refused` when not everybody could be looked through.
    """
    theirs = sorted(_profiles(asking, project, email))
    if asking.gaps:
        raise Refused(409, f"{asking.gaps[0].what}: {asking.gaps[0].why}", remedy="Delete them in PostHog by hand.")
    for start in range(0, len(theirs), AT_ONCE):
        some = theirs[start : start + AT_ONCE]
        body = {"ids": some, "delete_events": with_events, "delete_recordings": with_events}
        client.write("POST", f"/api/projects/{project.project_id}/persons/bulk_delete/", body)
    return Forgotten(profiles=len(theirs), are_events_queued=with_events and bool(theirs))


def _profiles(asking: Asking, project: Project, email: str) -> set[str]:
    """The ids of the profiles with that address.

    A version that does not know the filter shows everybody, so each row is looked at again.
    """
    wanted = address_key(email)
    theirs: set[str] = set()
    for spelling in dict.fromkeys((email, wanted)):  # the filter compares exactly
        where = f"/api/projects/{project.project_id}/persons/"
        rows, is_whole = by_cursor(asking, where, "persons", PAGES_MOST, email=spelling, limit=100)
        found = [row for row in rows if address_key(shapes.optional_text(row, "properties.email")) == wanted]
        theirs |= {shapes.identifier(row, "id", "persons") for row in found}
        if not is_whole and len(found) < len(rows):
            why = "This PostHog did not look for the address only, and not everybody was looked through."
            asking.note(Gap(what=f"tracked profiles in {project.name}", why=why, remedy=remedies.OLDER))
    return theirs
