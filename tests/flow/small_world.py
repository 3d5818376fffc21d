"""What a random world is made of: one small organization at PostHog, connections, a policy in a hurry, and two clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.core.policy import OnNoMatch
from bridge.ports import Connection
from bridge.sandbox import World, create_app
from tests.conftest import KEY, HandClock
from tests.flow.deeds import ANALYSTS, LEVELS, PEOPLE, SERVICE

SHORT = {
    "settle": timedelta(seconds=10),
    "watch_for": timedelta(minutes=4),
    "watch_every": timedelta(minutes=1),
    "watch_first": (timedelta(seconds=10),),
    "hold_look_every": timedelta(minutes=20),
    "drift_every": timedelta(minutes=30),
    "window": timedelta(minutes=20),
}
"""A day in an hour, so that a story ends soon."""
CONNECTIONS = (
    Connection(name="okta", kind="okta", targets=("main",), groups=(ANALYSTS,)),
    Connection(name="entra", kind="entra", targets=("main",)),
    Connection(name="partner", kind="scim", targets=("main",), on_no_match=OnNoMatch.CLOSE),
    Connection(name="hook", kind="okta-hook", targets=("main",), on_no_match=OnNoMatch.CLOSE),
)


class Played:
    """The world whose turn it is: making PostHog's side of the wire anew for each would take an eighth of the time."""

    world: World

    def __getattr__(self, name: str):
        return getattr(self.world, name)


PLAYED = Played()
POSTHOG = create_app(PLAYED)


class SteppedClock(HandClock):
    """The bridge's own idea of the time: PostHog's, and however far this machine's clock is from it."""

    def __init__(self, true: HandClock) -> None:
        self.true, self.skew = true, timedelta(0)

    @property
    def time(self) -> datetime:
        return self.true.time + self.skew

    @time.setter
    def time(self, wanted: datetime) -> None:
        self.true.time = wanted - self.skew


def small_world(clock: HandClock, levels: tuple[int, ...] = LEVELS[0]) -> World:
    """One organization of six, with just-in-time provisioning."""
    from bridge.sandbox.people import ORGANIZATION_ID, SCOPES

    world = World(clock.now)
    world.is_throttling = False
    world.add_organization("Small", organization_id=ORGANIZATION_ID)
    world.add_member(SERVICE, 15)
    for address, level in zip(PEOPLE, levels, strict=True):
        world.add_member(address, level)
    world.add_domain("example.com", jit_provisioning_enabled=True)
    world.add_key(SERVICE, KEY, scopes=SCOPES)
    return world
