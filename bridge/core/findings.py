"""Findings: what was collected about one leaver, when, and what could not be. Collected after the removal, never before.

A finding that is wanted and could not be had says so in the end: a list that nobody could read must not look empty. May
import: `surroundings`, `organization`, `events`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.core.organization import Invite, Level, Member
from bridge.core.surroundings import Deeds, Gap, LeftBehind, Surroundings, Tracked

CLIENT = "posthog-bridge"
"""What the activity log names as the client of our own writes."""


class Topic(StrEnum):
    """What a finding is about."""

    BEFORE = "before"
    """What the person could do before the removal."""
    WAYS_BACK = "ways_back"
    LEFT_BEHIND = "left_behind"
    TRACKED = "tracked"
    """Profiles of the person as an end user of the customer's own product."""
    DEEDS = "deeds"
    """What the activity log says that the person did."""
    OUTSIDE = "outside"
    """Of a target: removals that the bridge did not make."""


class Progress(StrEnum):
    """How far a finding is."""

    NOTED = "noted"
    """Seen while the removal was planned; the rest comes after it."""
    WANTED = "wanted"
    KEPT = "kept"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, kw_only=True)
class Access:
    """One project that somebody could get into."""

    project_id: int
    project: str
    level: str
    how: str
    """PostHog's word for what let them in; see `Grant`."""


@dataclass(frozen=True, kw_only=True)
class Before:
    """What the person could do in the organization, as last known before the removal."""

    seen_at: datetime
    """When the look was taken on which the removal was planned."""
    accounts: tuple[Member, ...] = ()
    invites_sent: tuple[Invite, ...] = ()
    """Open invites that these accounts had sent to others."""
    surroundings_at: datetime | None = None
    """When projects and roles were seen; `None` when they never were."""
    projects: tuple[Access, ...] = ()
    roles: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def level(self) -> Level:
        """The highest level of the accounts."""
        return max((m.level for m in self.accounts), default=Level.MEMBER)


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """One way on which the person could become a member again, and what closes it."""

    kind: str
    says: str
    remedy: str
    command: str = ""
    """What the bridge can do about it, as arguments of its command line."""
    is_open: bool = True
    """`False`: good to know, and nothing to be closed."""


@dataclass(frozen=True, kw_only=True)
class WaysBack:
    """All ways back that were seen."""

    seen_at: datetime | None
    """When domains and settings were looked at; `None`: by nobody, before this was collected."""
    ways: tuple[WayBack, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def open(self) -> tuple[WayBack, ...]:
        """Those that somebody has to close."""
        return tuple(w for w in self.ways if w.is_open)


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """Where the customer's own product keeps profiles with the person's address."""

    taken_at: datetime
    tracked: tuple[Tracked, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def count(self) -> int:
        """How many profiles in all projects."""
        return sum(t.count for t in self.tracked)


Body = Before | LeftBehind | WaysBack | Profiles | Deeds

BODIES: dict[Topic, type[Body]] = {
    Topic.BEFORE: Before,
    Topic.WAYS_BACK: WaysBack,
    Topic.LEFT_BEHIND: LeftBehind,
    Topic.TRACKED: Profiles,
    Topic.DEEDS: Deeds,
    Topic.OUTSIDE: Deeds,
}
"""What each topic's finding holds."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding, or the wish for one."""

    topic: Topic
    progress: Progress
    wanted_at: datetime
    kept_at: datetime | None = None
    due_at: datetime | None = None
    attempts: int = 0
    trouble: str = ""
    """Why it could not be collected, the last time that it was tried."""
    digest: str = ""
    """SHA-256 over the body, which the audit log names too."""
    body: Body | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All findings of one case."""

    rows: tuple[Finding, ...] = ()

    def of(self, topic: Topic) -> Finding | None:
        """The finding on that topic, whether kept or wanted."""
        return next((r for r in self.rows if r.topic is topic), None)

    @property
    def before(self) -> Before | None:
        """What the person could do before."""
        found = self._body(Topic.BEFORE)
        return found if isinstance(found, Before) else None

    @property
    def left_behind(self) -> LeftBehind | None:
        """What the person made."""
        found = self._body(Topic.LEFT_BEHIND)
        return found if isinstance(found, LeftBehind) else None

    @property
    def ways_back(self) -> WaysBack | None:
        """The ways back that were open."""
        found = self._body(Topic.WAYS_BACK)
        return found if isinstance(found, WaysBack) else None

    @property
    def profiles(self) -> Profiles | None:
        """The person's profiles as an end user."""
        found = self._body(Topic.TRACKED)
        return found if isinstance(found, Profiles) else None

    @property
    def deeds(self) -> Deeds | None:
        """What the person did."""
        found = self._body(Topic.DEEDS)
        return found if isinstance(found, Deeds) else None

    def _body(self, topic: Topic) -> Body | None:
        found = self.of(topic)
        return found.body if found is not None else None


def with_surroundings(before: Before, kept: Surroundings | None, removed_at: datetime) -> Before:
    """What was noted, with the projects and roles of a wide look that is older than the removal."""
    if kept is None or kept.taken_at >= removed_at:
        why = "No wide look at the organization was kept from before the removal."
        return replace(before, gaps=(*before.gaps, Gap(what="projects and roles before the removal", why=why)))
    accounts = {m.user_uuid for m in before.accounts}
    names = {p.project_id: p.name for p in kept.projects}
    projects = tuple(
        Access(project_id=g.project_id, project=names.get(g.project_id, ""), level=g.level, how=g.how)
        for g in kept.grants
        if g.user_uuid in accounts
    )
    roles = tuple(dict.fromkeys(s.role for s in kept.seats if s.user_uuid in accounts))
    gaps = (*before.gaps, *(g for g in kept.gaps if "access" in g.what or "role" in g.what or "project" in g.what))
    return replace(before, surroundings_at=kept.taken_at, projects=projects, roles=roles, gaps=gaps)


def with_grants(
    before: Before, had: Iterable[tuple[Mapping[str, Any], datetime | None]], names: Mapping[int, str]
) -> Before:
    """What was noted, with what each account had when it was last seen: `projects` {id: [level, how]}, `roles` {id: name}."""
    known = tuple(had)
    projects = tuple(
        Access(project_id=int(number), project=names.get(int(number), ""), level=level, how=how)
        for access, _ in known
        for number, (level, how) in access.get("projects", {}).items()
    )
    roles = tuple(dict.fromkeys(role for access, _ in known for role in access.get("roles", {}).values()))
    why = "Only what was granted to the person is known here; what every member or admin has is not named."
    return replace(
        before,
        surroundings_at=max((at for _, at in known if at is not None), default=None),
        projects=projects,
        roles=roles,
        gaps=(*before.gaps, Gap(what="projects open to everybody", why=why)),
    )


def outside(known: Deeds | None, found: Deeds, ours: Collection[str]) -> Deeds:
    """Who was removed by others than the bridge, with what was known before. `ours`: accounts of the bridge's keys."""
    rows = tuple(
        d for d in found.rows if d.activity == "deleted" and d.client != CLIENT and d.user_uuid not in set(ours) - {""}
    )
    if known is None:
        return replace(found, rows=rows)
    both = dict.fromkeys((*known.rows, *rows))
    return Deeds(since=known.since, until=found.until, rows=tuple(sorted(both, key=lambda d: d.at)), gaps=found.gaps)


def merged(parts: Iterable[LeftBehind], at: datetime) -> LeftBehind:
    """What several accounts of one person made, as one list; a gap that is met twice is told once."""
    parts = tuple(parts)
    return LeftBehind(
        taken_at=at,
        resources=tuple(r for p in parts for r in p.resources),
        gaps=tuple(dict.fromkeys(g for p in parts for g in p.gaps)),
    )


def merged_deeds(parts: Iterable[Deeds], since: datetime, until: datetime) -> Deeds:
    """What several accounts of one person did, oldest first."""
    parts = tuple(parts)
    rows = sorted((d for p in parts for d in p.rows), key=lambda d: d.at)
    gaps = tuple(dict.fromkeys(g for p in parts for g in p.gaps))
    return Deeds(since=since, until=until, rows=tuple(rows), gaps=gaps)
