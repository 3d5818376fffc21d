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


def is_supported(world: World, organization: str) -> bool:
    """Whether the plan makes rules count."""
    return bool(FEATURES & set(world.organizations[organization].features))


def matching(world: World, project: Project, membership: Membership) -> list[AccessControl]:
    """The project's rules for everybody, for this member, and for the member's roles."""
    roles = world.roles_of(membership)
    return [
        rule
        for rule in list(world.access_controls.values())
        if rule.project == project.id
        and rule.resource == "project"
        and (rule.organization_member in {None, membership.id} and (rule.role is None or rule.role in roles))
    ]


def level_in(world: World, project: Project, membership: Membership) -> str:
    """The member's effective level: `none`, `member` or `admin`."""
    if membership.level >= ADMIN:
        return "admin"
    if not is_supported(world, project.organization):
        return DEFAULT
    rules = matching(world, project, membership)
    return highest(rules) if rules else DEFAULT


def source_of(world: World, project: Project, membership: Membership) -> str:
    """What PostHog names as the reason for that level."""
    if membership.level >= ADMIN:
        return "organization_admin"
    rules = matching(world, project, membership) if is_supported(world, project.organization) else []
    if any(rule.organization_member for rule in rules):
        return "explicit_member"
    return "explicit_role" if any(rule.role for rule in rules) else "default"


def may_edit(world: World, project: Project, membership: Membership) -> bool:
    """Whether the member may change the project's rules: only by a rule that says so, never by default."""
    if membership.level >= ADMIN:
        return True
    rules = matching(world, project, membership) if is_supported(world, project.organization) else []
    return bool(rules) and highest(rules) == "admin"


def highest(rules: list[AccessControl]) -> str:
    """The highest level that any of the rules gives."""
    return max((rule.access_level for rule in rules), key=LEVELS.index)
