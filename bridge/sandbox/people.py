"""The organization that `run` practises on: two dozen invented people at example.com.

May import: `furniture`, `records`, `world`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bridge.sandbox.furniture import furnish
from bridge.sandbox.records import ADMIN, MEMBER, OWNER
from bridge.sandbox.world import World

ORGANIZATION_ID = "01900000-5a4d-7000-8000-00000000b0a7"
"""The practice organization's UUID, the same in every world so that a configuration can name it."""
ORGANIZATION_NAME = "Hedgehog Supplies (sandbox)"
"""Nobody shall take it for a real one."""
BRIDGE = "posthog-bridge@example.com"
"""The service account that the bridge's key belongs to. It is an owner: only an owner can step an owner down."""
SCOPES = ("organization_member:write", "organization:read", "user:read")
"""What the bridge's key needs."""
MORE_SCOPES = (
    *("organization:write", "project:read", "access_control:write", "activity_log:read", "person:read"),
    *("dashboard:read", "insight:read", "feature_flag:read", "experiment:read", "cohort:read", "notebook:read"),
    *("survey:read", "action:read", "annotation:read", "alert:read", "subscription:read", "hog_function:read"),
    *("batch_export:read", "early_access_feature:read", "session_recording_playlist:read"),
)
"""What its key may do beside that in the practice organization, so that there is something to see."""
LABEL = "posthog-bridge"
"""What the bridge's key is called."""

PEOPLE = (
    ("grace.lindqvist@example.com", "Grace Lindqvist", OWNER, 900),
    ("samuel.adeyemi@example.com", "Samuel Adeyemi", OWNER, 700),
    ("lea.brandt@example.com", "Lea Brandt", ADMIN, 650),
    ("ivan.petrov@example.com", "Ivan Petrov", ADMIN, 500),
    ("noor.haddad@example.com", "Noor Haddad", ADMIN, 320),
    ("maya.okafor@example.com", "Maya Okafor", MEMBER, 480),
    ("tomas.reyes@example.com", "Tomas Reyes", MEMBER, 410),
    ("alice.moreau@example.com", "Alice Moreau", MEMBER, 400),
    ("ben.oduya@example.com", "Ben Oduya", MEMBER, 390),
    ("chiara.russo@example.com", "Chiara Russo", MEMBER, 360),
    ("daniel.kim@example.com", "Daniel Kim", MEMBER, 340),
    ("elif.yilmaz@example.com", "Elif Yilmaz", MEMBER, 300),
    ("farid.rahimi@example.com", "Farid Rahimi", MEMBER, 280),
    ("hana.suzuki@example.com", "Hana Suzuki", MEMBER, 260),
    ("jonas.weber@example.com", "Jonas Weber", MEMBER, 240),
    ("kavya.nair@example.com", "Kavya Nair", MEMBER, 210),
    ("luca.ferrari@example.com", "Luca Ferrari", MEMBER, 190),
    ("mei.chen@example.com", "Mei Chen", MEMBER, 160),
    ("oskar.nowak@example.com", "Oskar Nowak", MEMBER, 140),
    ("priya.shah@example.com", "Priya Shah", MEMBER, 110),
    ("rosa.alvarez@example.com", "Rosa Alvarez", MEMBER, 80),
    ("rosa.alvarez+test@example.com", "Rosa Alvarez", MEMBER, 75),
    ("wei.zhang@example.com", "Wei Zhang", MEMBER, 30),
)
"""Address, name, level, days since joining. The two Rosas differ by a plus address only."""

INVITES = (
    ("Maya.Okafor@example.com", MEMBER, timedelta(days=40)),
    ("tomas.reyes@example.com", OWNER, timedelta(hours=20)),
    ("ivan.petrov@example.com", OWNER, timedelta(hours=6)),
    ("new.colleague@example.com", MEMBER, timedelta(hours=5)),
    ("zoe.martin@example.com", ADMIN, timedelta(days=12)),
)
"""Address, level, age. PostHog would refuse a new invite for a member, but keeps old ones."""


def default_world(now: Callable[[], datetime], key: str, *, path: Path | None = None) -> World:
    """The practice organization, with `key` as the bridge's personal API key.

    `now` returns the time, aware. `path`: where the world is saved from now on, or `None` for memory only.
    """
    world = World(now)
    world.add_organization(ORGANIZATION_NAME, organization_id=ORGANIZATION_ID)
    at = now()
    world.add_member(BRIDGE, OWNER, name="PostHog Bridge", joined_at=at - timedelta(days=60))
    for number, (email, name, level, days) in enumerate(PEOPLE):
        world.add_member(
            email,
            level,
            name=name,
            joined_at=at - timedelta(days=days),
            date_joined=at - timedelta(days=days),
            last_login=at - timedelta(hours=7 * number + 1),
            is_2fa_enabled=number % 3 == 0,
            has_social_auth=number % 2 == 0,
        )
    for email, level, age in INVITES:
        world.add_invite(email, level, by="lea.brandt@example.com", created_at=at - age)
    world.add_domain("example.com", jit_provisioning_enabled=True)
    world.add_key(BRIDGE, key, scopes=(*SCOPES, *MORE_SCOPES), label=LABEL)
    furnish(world)
    if path is not None:
        world.path = path
        world.save()
    return world


def practice_world(now: Callable[[], datetime], key: str, path: Path) -> World:
    """The world that is saved at `path`, or a new one. One of an older version is furnished first.

    A file that cannot be read is set aside, beside its place, with `.unreadable` at its end.
    """
    if not path.exists():
        return default_world(now, key, path=path)
    try:
        world = World.load(path, now)
    except (ValueError, KeyError, TypeError, AttributeError):
        path.replace(path.with_name(f"{path.name}.unreadable"))
        return default_world(now, key, path=path)
    if world.organizations and world.home.id == ORGANIZATION_ID and not world.projects:
        with world.at_once():
            furnish(world)
            for row in [k for k in world.keys.values() if k.label == LABEL]:
                world.put(replace(row, scopes=(*row.scopes, *MORE_SCOPES)))
    return world
