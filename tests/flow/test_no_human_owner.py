"""An organization without a human owner is told of until one is named, whoever took the last one away."""

from __future__ import annotations

from bridge import decisions
from bridge.store import todos
from tests.flow.test_key_demoted import status
from tests.players import GRACE, NOOR, SAMUEL, audited, the_case


def troubles(bridge) -> list[str]:
    return [trouble.what for trouble in status(bridge).troubles]


def test_the_loss_of_the_last_human_owner_by_somebody_elses_hand_is_told_until_one_is_named(
    bridge, world, okta, settle
):
    okta.create(NOOR)
    settle(minutes=2)
    assert troubles(bridge) == []

    world.set_level(SAMUEL, 1)
    world.remove_member(GRACE)
    settle(hours=25)
    assert troubles(bridge) == [
        "No human is an owner of main: only the bridge's account posthog-bridge@example.com is one."
    ]

    world.set_level(NOOR, 15)
    settle(hours=25)
    assert troubles(bridge) == []
    assert [len(audited(bridge, kind)) for kind in ("target.no_human_owner", "target.human_owner")] == [1, 1]


def test_the_to_do_after_a_stand_in_is_done_by_itself_once_a_human_owner_is_seen(bridge, world, okta, settle):
    world.set_level(SAMUEL, 1)
    world.remove_member(NOOR)
    okta.deactivate(okta.create(GRACE))
    settle(minutes=2)
    held = the_case(bridge)
    decisions.release(bridge, held.id, held.plan.digest, by="lea", reason="tonight, whatever it costs")
    settle(minutes=5)
    assert asked(bridge) == [("name-an-owner", False)]

    world.set_level(SAMUEL, 15)
    settle(minutes=15)
    assert asked(bridge) == [("name-an-owner", True)]


def asked(bridge) -> list[tuple[str, bool]]:
    with bridge.db.read() as tx:
        return [(t.kind, t.done_at is not None) for t in todos.todos(tx, only_open=False) if t.kind == "name-an-owner"]
