"""Who gets into which project, by which rule.

The highest level of all rules that match wins; admins and owners are always in; without the plan's feature every rule
is inert. Source: PostHog, posthog/rbac/user_access_control.py. May import: `records`, `world`.
"""

from __future__ import annotations

from bridge.sandbox.records import ADMIN, AccessControl, Membership, Project
from bridge.sandbox.world import World

LEVELS = ("none", "member", "admin")
"""A project's levels, lowest first."""
RESOURCE_LEVELS = ("none", "viewer", "editor", "manager")
"""Those of a whole kind of resources."""
DEFAULT = "admin"
"""Everybody's level in a project without a rule."""
FEATURES = {"access_control", "advanced_permissions"}
"""The plan's feature under today's and its former name."""


class Ways:
    """The ways into one project as they stand now. Made once for as many members as are asked about."""

    def __init__(self, world: World, project: Project) -> None:
        self._world = world
        self._general: list[AccessControl] = []
        self._own: dict[str, list[AccessControl]] = {}
        if not FEATURES & set(world.organizations[project.organization].features):
            return
        for rule in list(world.access_controls.values()):
            if rule.project == project.id and rule.resource == "project":
                own = self._own.setdefault(rule.organization_member, []) if rule.organization_member else self._general
                own.append(rule)

    def level(self, membership: Membership) -> str:
        """The member's effective level: `none`, `member` or `admin`."""
        return "admin" if membership.level >= ADMIN else self._ruled(membership) or DEFAULT

    def source(self, membership: Membership) -> str:
        """What PostHog names as the reason for that level."""
        if membership.level >= ADMIN:
            return "organization_admin"
        if membership.id in self._own:
            return "explicit_member"
        return "explicit_role" if any(rule.role for rule in self._matching(membership)) else "default"

    def may_edit(self, membership: Membership) -> bool:
        """Whether the member may change the project's rules: only where a rule says so, never by default."""
        return membership.level >= ADMIN or self._ruled(membership) == "admin"

    def _ruled(self, membership: Membership) -> str | None:
        levels = [rule.access_level for rule in self._matching(membership)]
        return max(levels, key=LEVELS.index) if levels else None

    def _matching(self, membership: Membership) -> list[AccessControl]:
        own = self._own.get(membership.id, [])
        if not self._general:
            return own
        roles = self._world.roles_of(membership)
        return [*own, *(rule for rule in self._general if rule.role is None or rule.role in roles)]


def level_in(world: World, project: Project, membership: Membership) -> str:
    """One member's effective level in the project."""
    return "admin" if membership.level >= ADMIN else Ways(world, project).level(membership)


def may_edit(world: World, project: Project, membership: Membership) -> bool:
    """Whether the member may change the project's rules."""
    return Ways(world, project).may_edit(membership)
