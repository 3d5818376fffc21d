"""A membership that vanished by another hand: at a self-hosted PostHog it may only be hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.store import targets, todos
from tests import faults
from tests.conftest import run_for, wire
from tests.faults import When
from tests.players import MAYA, Idp, is_member, the_case


@pytest.fixture
def bridge(db, clock, world, transport):
    bridge = wire(db, clock, world, transport)
    own = {name: replace(t, is_self_hosted=True) for name, t in bridge.targets.items()}
    return replace(bridge, targets=own)


def asked_of(bridge) -> list[str]:
    with bridge.db.read() as tx:
        return [t.text for t in todos.todos(tx, only_open=False)]


def seen_once(bridge, clock) -> tuple[Idp, str]:
    okta = Idp(bridge)
    record = okta.create(MAYA)
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)
    return okta, record


def test_a_leaver_whose_account_was_deactivated_is_told_and_not_gone_and_done(bridge, clock, world):
    okta, record = seen_once(bridge, clock)
    world.deactivate(MAYA)
    okta.deactivate(record)
    run_for(bridge, clock, minutes=3)

    (asked,) = asked_of(bridge)
    assert asked.startswith(f"{MAYA} was a member of main until 2026-11-20")
    assert "activate it, let the bridge remove the member" in asked
    assert world.membership(MAYA) is not None


def test_one_who_was_removed_by_the_bridge_is_not(bridge, clock, world):
    okta, record = seen_once(bridge, clock)
    okta.deactivate(record)
    run_for(bridge, clock, hours=26)

    assert not is_member(world, MAYA)
    assert the_case(bridge).outcome == "out of the organization, and stayed out"
    assert asked_of(bridge) == []


def test_at_posthog_cloud_nobody_is_asked(bridge, clock, world):
    cloud = replace(bridge, targets={n: replace(t, is_self_hosted=False) for n, t in bridge.targets.items()})
    okta, record = seen_once(cloud, clock)
    world.deactivate(MAYA)
    okta.deactivate(record)
    run_for(cloud, clock, minutes=3)

    assert asked_of(cloud) == []


def test_one_whose_account_is_deactivated_just_before_the_removal_is_told(bridge, clock, world, transport):
    okta, record = seen_once(bridge, clock)
    okta.deactivate(record)
    hides = faults.meanwhile(lambda: world.deactivate(MAYA), is_before=True)
    transport.inject(When(method="DELETE", path="/members/"), hides)
    run_for(bridge, clock, minutes=3)

    (asked,) = asked_of(bridge)
    assert "it was not the bridge that ended it" in asked
