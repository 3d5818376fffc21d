"""What stands in the practice organization beside its people: projects, roles, rules, things they made, what they did.

May import: `records`, `world`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bridge.sandbox.records import Project
from bridge.sandbox.world import World

FEATURES = (
    *("access_control", "role_based_access", "audit_logs", "automatic_provisioning", "sso_enforcement"),
    "organization_invite_settings",
)
"""The plan of the practice organization: one that has everything the bridge can make use of, but PostHog's own SCIM."""

SHOP, APP, FINANCE = "Web shop", "Mobile app", "Finance"
PROJECTS = ((2101, SHOP, 880), (2102, APP, 520), (2103, FINANCE, 300))
"""Number, name, days since it was made. Nobody but admins gets into the last one without a rule."""

ROLES = {
    "Growth": ("maya", "tomas", "alice", "ben"),
    "Analysts": ("chiara", "daniel", "maya"),
}
"""Who is in which role: first names stand for addresses."""

MADE: tuple[tuple[str, str, str, str, int, dict[str, Any]], ...] = (
    ("maya", "dashboards", SHOP, "Checkout funnel", 210, {"is_shared": True}),
    ("maya", "insights", SHOP, "Orders by week", 200, {}),
    ("maya", "feature_flags", SHOP, "new-basket", 90, {}),
    ("maya", "subscriptions", SHOP, "Weekly orders", 150, {"target_value": "maya.okafor@example.com"}),
    ("maya", "hog_functions", SHOP, "Orders to a sheet", 2, {}),
    ("maya", "notebooks", APP, "What we learned in spring", 160, {}),
    ("tomas", "experiments", APP, "Shorter onboarding", 60, {}),
    ("tomas", "cohorts", APP, "Came back within a week", 75, {}),
    ("tomas", "session_recording_playlists", SHOP, "Broken baskets", 40, {}),
    ("ivan", "hog_functions", SHOP, "Orders to a webhook", 120, {"enabled": True}),
    ("ivan", "batch_exports", SHOP, "Nightly to a bucket", 300, {"destination": {"type": "S3", "config": {}}}),
    ("ivan", "hog_functions", APP, "Leave out addresses", 110, {"type": "transformation"}),
    ("samuel", "dashboards", FINANCE, "Revenue", 280, {}),
    ("samuel", "actions", FINANCE, "Paid an invoice", 270, {}),
    ("grace", "dashboards", SHOP, "Company numbers", 700, {"is_shared": True}),
    ("grace", "surveys", APP, "How likely are you to tell a friend?", 90, {}),
    ("noor", "annotations", SHOP, "Price change", 30, {}),
    ("lea", "early_access_feature", APP, "Dark mode", 50, {}),
    ("alice", "insights", APP, "Crashes by version", 45, {}),
    ("ben", "dashboards", APP, "Store ratings", 100, {}),
    ("chiara", "insights", FINANCE, "Refunds", 80, {}),
    ("daniel", "notebooks", FINANCE, "Closing the quarter", 20, {}),
    ("elif", "feature_flags", APP, "faster-start", 15, {"active": False}),
)
"""Who made what in which project, its name, days ago, and further fields."""

ALERTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("maya", "Fewer orders than usual", ("maya",)),
    ("tomas", "Onboarding got slower", ("tomas", "alice")),
)
"""Who made an alert, its name, and who is told. Of the first, nobody is left when its maker leaves."""

DEEDS: tuple[tuple[str, str, str, str, str, int], ...] = (
    ("maya", "exported", "Insight", "Orders by week", SHOP, 26),
    ("maya", "exported", "Cohort", "All customers", SHOP, 25),
    ("maya", "sharing enabled", "Dashboard", "Checkout funnel", SHOP, 24),
    ("tomas", "updated", "Experiment", "Shorter onboarding", APP, 50),
    ("ivan", "created", "Integration", "S3", SHOP, 90),
    ("ivan", "exported", "Person", "Persons", APP, 70),
    ("ivan", "updated", "HogFunction", "Orders to a webhook", SHOP, 5),
    ("samuel", "exported", "Insight", "Revenue", FINANCE, 12),
    ("grace", "updated", "Organization", "Settings", "", 200),
    ("grace", "sharing enabled", "Dashboard", "Company numbers", SHOP, 190),
)
"""Who did what to what, its name, where, hours ago. PostHog logs no looking, only doing."""

TRACKED = (("maya", SHOP), ("maya", APP), ("samuel", SHOP), ("rosa", SHOP))
"""Who is also an end user of the organization's own products."""


def furnish(world: World) -> None:
    """Put all of it into the practice organization, as far as its people are there."""
    with world.at_once():
        at = world.now()
        world.change_organization(features=FEATURES)
        projects = {
            name: world.add_project(name, id=number, created_at=at - timedelta(days=days))
            for number, name, days in PROJECTS
        }
        for name, members in ROLES.items():
            world.add_role(name, *[email for m in members if (email := _member(world, m))])
        _rules(world, projects[FINANCE])
        for who, kind, where, name, days, fields in MADE:
            made_at = at - timedelta(days=days, hours=3)
            world.add_resource(kind, projects[where].id, name, by=_address(world, who), created_at=made_at, **fields)
        for who, name, told in ALERTS:
            users = [a.uuid for t in told if (a := world.account(_address(world, t)))]
            made_at = at - timedelta(days=130)
            by = _address(world, who)
            world.add_resource("alerts", projects[SHOP].id, name, by=by, created_at=made_at, subscribed_users=users)
        _deeds(world, projects)
        for who, where in TRACKED:
            address = _address(world, who)
            world.add_person(projects[where].id, address, created_at=at - timedelta(days=50))
        # Plan, roles and rules have been there for long: the log does not say that they are new.
        for row in list(world.activity.values()):
            if row.created_at == at and row.scope in {"Organization", "Role", "AccessControl"}:
                world.activity.pop(row.id)


def _rules(world: World, finance: Project) -> None:
    """Finance is private: one role and one member are let in beside the admins."""
    world.set_access(finance.id, "none")
    role = next(r for r in world.roles_in(world.home.id) if r.name == "Analysts")
    world.set_access(finance.id, "member", role=role.id)
    if email := _member(world, "elif"):
        world.set_access(finance.id, "admin", email=email)


def _deeds(world: World, projects: dict[str, Project]) -> None:
    at = world.now()
    for who, activity, scope, name, where, hours in DEEDS:
        world.add_deed(
            _address(world, who),
            activity,
            scope,
            name=name,
            project=projects[where].id if where else None,
            item_id=next((r.id for r in world.resources.values() if r.name == name), None),
            at=at - timedelta(hours=hours),
            client="web",
            ip_address="198.51.100.23" if who == "ivan" and hours < 10 else "203.0.113.20",
        )
    # Everybody changes something now and then.
    for number, (account, _) in enumerate(world.members()):
        world.add_deed(
            account.email,
            "updated",
            "Insight",
            name="Visits",
            project=projects[SHOP].id,
            at=at - timedelta(hours=9 * number + 30),
            client="web",
            ip_address=f"203.0.113.{30 + number}",
        )


def _address(world: World, first_name: str) -> str:
    """The address of whoever has that first name; a plus address never comes first."""
    found = [a.email for a in world.accounts.values() if a.email.partition(".")[0] == first_name]
    return min(found, key=len, default="")


def _member(world: World, first_name: str) -> str:
    email = _address(world, first_name)
    return email if email and world.membership(email) is not None else ""
