"""What one person made in all projects, and what stops or goes on without them.

Half of PostHog's lists cannot be filtered by creator, and a filter that a list does not know is ignored, which shows
everybody's: so each row's `created_by` is looked at, and a filter is only asked for where it is known to save pages.
Source: PostHog's OpenAPI description. May import: `asking`, `lists`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bridge.core.events import address_key
from bridge.core.organization import Member
from bridge.core.surroundings import Gap, Project, Resource
from bridge.remotes.posthog import remedies, shapes
from bridge.remotes.posthog.asking import Asking
from bridge.remotes.posthog.lists import whole_list


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of thing that people make in a project."""

    path: str
    """PostHog's path for the list."""
    words: str
    page: str
    """Where a person finds one of them, below the project; `{id}` and `{short_id}` are the row's."""
    filter: str = ""
    """The query that limits the list to a creator's numeric id; empty where none is sure."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further query that makes the list cheaper."""

    @property
    def scope(self) -> str:
        """The name of the scope that reading it needs, without `:read`."""
        return self.path.removesuffix("s")


HOG_TYPES = "destination,site_destination,internal_destination,source_webhook,site_app,transformation"
"""All of them: the list shows destinations alone unless it is asked for more."""

KINDS = (
    Kind(path="dashboards", words="dashboards", page="dashboard/{id}"),
    Kind(path="insights", words="insights", page="insights/{short_id}", extra=(("basic", "true"),)),
    Kind(path="feature_flags", words="feature flags", page="feature_flags/{id}", filter="created_by_id"),
    Kind(path="experiments", words="experiments", page="experiments/{id}", filter="created_by_id"),
    Kind(path="cohorts", words="cohorts", page="cohorts/{id}", filter="created_by_id"),
    Kind(path="surveys", words="surveys", page="surveys/{id}"),
    Kind(path="actions", words="actions", page="data-management/actions/{id}"),
    Kind(path="annotations", words="annotations", page="data-management/annotations/{id}"),
    Kind(path="notebooks", words="notebooks", page="notebooks/{short_id}"),
    Kind(path="early_access_feature", words="early access features", page="early_access_features/{id}"),
    Kind(
        path="session_recording_playlists",
        words="replay playlists",
        page="replay/playlists/{short_id}",
        filter="created_by",
    ),
    Kind(path="alerts", words="alerts", page="insights/{insight.short_id}/alerts"),
    Kind(path="subscriptions", words="subscriptions", page="insights/{insight_short_id}/subscriptions/{id}"),
    Kind(
        path="hog_functions",
        words="destinations and functions",
        page="functions/{id}",
        filter="created_by",
        extra=(("types", HOG_TYPES),),
    ),
    Kind(path="batch_exports", words="batch exports", page="pipeline/destinations/batch-export-{id}"),
)
"""Every kind that the API lists. The filters are those whose value is known to be the numeric user id."""
SENDING = "destination"
"""How the types of functions end that send data out of PostHog."""
NEVER_FILTERED = ("alerts", "subscriptions")
"""Kinds whose rows concern a person who did not make them: they send to the person's address, or to nobody else."""
WHOLE = {"admin_include_all": "true"}
"""Also what some rule hides from the key's account; for admins. Source: PostHog, posthog/api/routing.py."""
LONGEST_NAME = 200


def read_left_behind(
    asking: Asking, projects: tuple[Project, ...], member: Member, page_size: int
) -> tuple[Resource, ...]:
    """What the member made in those projects, and what sends to the member only. What may not be read is a gap.

    Raises: Refused for a key that is refused altogether.
    """
    found: list[Resource] = []
    for project in projects:
        for kind in KINDS:
            found.extend(_of_kind(asking, project, kind, member, page_size))
    return tuple(found)


def _of_kind(asking: Asking, project: Project, kind: Kind, member: Member, page_size: int) -> tuple[Resource, ...]:
    what = f"{kind.words} in {project.name}"
    query: dict[str, str | int] = {"limit": page_size, **WHOLE, **dict(kind.extra)}
    if kind.filter:
        query[kind.filter] = member.user_id

    def read() -> tuple[Resource, ...]:
        rows = whole_list(asking, f"/api/projects/{project.project_id}/{kind.path}/", kind.path, **query)
        if any("created_by" not in row for row in rows):
            asking.note(Gap(what=what, why=_nobody_named(len(rows)), remedy=remedies.CREATOR))
        return tuple(_resources(rows, project, kind, member))

    return asking.part(what, read) or ()


def _nobody_named(count: int) -> str:
    return f"{count} of them {'does' if count == 1 else 'do'} not say who made {'it' if count == 1 else 'them'}."


def _resources(rows: list[dict[str, Any]], project: Project, kind: Kind, member: Member) -> Iterator[Resource]:
    for row in rows:
        if shapes.value_at(row, "deleted") is True:
            continue
        is_theirs = _is_by(shapes.value_at(row, "created_by"), member)
        note = _note(row, kind, member, is_theirs=is_theirs)
        if is_theirs or (kind.path in NEVER_FILTERED and note):
            yield Resource(
                kind=kind.path,
                project_id=project.project_id,
                resource_id=shapes.identifier(row, "id", kind.path),
                name=_name(row)[:LONGEST_NAME],
                path=_path(row, project, kind),
                note=note,
            )


def _is_by(creator: Any, member: Member) -> bool:
    if isinstance(creator, int) and not isinstance(creator, bool):
        return creator == member.user_id
    if isinstance(creator, str):
        return creator.lower() == member.user_uuid
    uuid = shapes.optional_text(creator, "uuid").lower()
    return uuid == member.user_uuid if uuid else shapes.value_at(creator, "id") == member.user_id


def _note(row: dict[str, Any], kind: Kind, member: Member, *, is_theirs: bool) -> str:
    said = "" if is_theirs else "made by somebody else; "
    match kind.path:
        case "subscriptions":
            addresses = {address_key(a) for a in shapes.optional_text(row, "target_value").split(",")}
            return f"{said}still sends to {member.email}" if member.address in addresses else ""
        case "alerts":
            told = _subscribed(shapes.value_at(row, "subscribed_users"))
            if told and all(_is_by(user, member) for user in told):
                return f"{said}nobody else is told, so after the removal it tells nobody"
            return ""
        case "hog_functions" | "batch_exports":
            is_on = any(shapes.value_at(row, name) is on for name, on in (("enabled", True), ("paused", False)))
            if not is_on:
                return "switched off"
            # What only changes events on their way in sends nothing; a version that does not say which it is may send.
            sends = (shapes.optional_text(row, "type") or SENDING).endswith(SENDING)
            return "sends data out, and goes on" if sends else "goes on"
        case _:
            return "has a public link" if shapes.value_at(row, "is_shared") is True else ""


def _subscribed(users: Any) -> list[Any]:
    return users if isinstance(users, list) else []


def _name(row: dict[str, Any]) -> str:
    for path in ("name", "title", "derived_name", "key", "content"):
        if shapes.optional_text(row, path):
            return shapes.optional_text(row, path)
    return ""


def _path(row: dict[str, Any], project: Project, kind: Kind) -> str:
    page = kind.page
    for name in ("id", "short_id", "insight.short_id", "insight_short_id"):
        mark = f"{{{name}}}"
        if mark in page:
            value = shapes.value_at(row, name)
            if value in (None, ""):
                return f"/project/{project.project_id}/{page.partition('{')[0].rstrip('/')}"
            page = page.replace(mark, str(value))
    return f"/project/{project.project_id}/{page}"
