"""Whoever takes our own account's ownership away may be keeping a way in: nothing is told before that."""

from __future__ import annotations

from bridge.ports import Bridge
from bridge.store import audit, views
from bridge.store import tables as t
from tests.players import MAYA, SAMUEL

BRIDGE = "posthog-bridge@example.com"


def status(bridge: Bridge) -> views.Status:
    with bridge.db.read() as tx:
        return views.status(
            tx,
            connections=bridge.connections,
            names=bridge.targets,
            queue=bridge.bell.look(),
            now=bridge.clock.now(),
            policies=bridge.policies,
        )


def test_the_loss_of_our_own_owner_level_is_told_first_and_once(bridge, world, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    assert status(bridge).troubles == ()

    world.set_level(BRIDGE, 8)
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=20)

    told = status(bridge).troubles
    assert told[0].what.startswith(f"The bridge's own account {BRIDGE} is no owner of main any more since")
    assert "treat it as an incident" in told[0].remedy
    with bridge.db.read() as tx:
        assert [k.entry.kind for k in audit.read(tx)].count("target.key_demoted") == 1


def test_an_owner_again_ends_it(bridge, world, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    world.set_level(BRIDGE, 8)
    settle(minutes=20)
    world.set_level(BRIDGE, 15)
    settle(minutes=20)

    assert status(bridge).troubles == ()


def test_an_account_that_never_was_an_owner_is_checks_business(bridge, world, okta, settle):
    world.set_level(BRIDGE, 8)
    okta.deactivate(okta.create(MAYA))
    settle(minutes=20)

    with bridge.db.read() as tx:
        assert tx.execute(t.targets.select()).one().key_demoted_at is None
    assert status(bridge).troubles == ()
