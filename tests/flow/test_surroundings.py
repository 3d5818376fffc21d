"""Looking around a target: now and then, never in the way of a removal, and never silent about what it could not see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import lookout, reconcile
from bridge.ports import Refused
from bridge.store import members, surroundings, targets
from tests import faults
from tests.conftest import START, run_for, wire
from tests.faults import When
from tests.players import MAYA, Idp, is_member

HOUR = timedelta(hours=1)


@pytest.fixture
def bridge(db, clock, world, transport):
    bridge = wire(db, clock, world, transport, surroundings_every=HOUR)
    with db.write() as tx:
        targets.want_look(tx, "main", START)
    return bridge


def kept(bridge):
    with bridge.db.read() as tx:
        return surroundings.last(tx, "main")


def wide_looks(transport) -> int:
    return sum(r.url.path.endswith("/domains/") for r in transport.sent)


def test_after_the_first_look_the_surroundings_are_looked_at_and_then_every_hour(bridge, clock, transport):
    run_for(bridge, clock, seconds=1)
    assert kept(bridge).surroundings.domains[0].domain == "example.com"
    assert wide_looks(transport) == 1

    for _ in range(6):  # as the sweep does, every ten minutes
        clock.advance(minutes=10)
        for name in reconcile.due_targets(bridge):
            reconcile.run_pass(bridge, name)
    assert wide_looks(transport) == 2


def test_without_an_interval_nothing_is_looked_at(db, clock, world, transport):
    bridge = wire(db, clock, world, transport, surroundings_every=None)
    with db.write() as tx:
        targets.want_look(tx, "main", START)
    run_for(bridge, clock, hours=30)

    assert wide_looks(transport) == 0


def test_whoever_is_due_goes_first_and_ends_a_look_around_that_has_begun(bridge, clock, world, transport):
    okta = Idp(bridge)
    okta.deactivate(okta.create(MAYA))
    transport.inject(When(path="/domains/"), faults.meanwhile(lambda: clock.advance(seconds=61)))
    reconcile.run_pass(bridge, "main")
    paths = [r.url.path for r in transport.sent]
    assert paths[-1].endswith("/domains/")
    assert kept(bridge).surroundings is None

    run_for(bridge, clock, minutes=3)
    assert not is_member(world, MAYA)
    assert kept(bridge).surroundings is not None


def test_a_look_around_makes_room_for_another_target_that_no_worker_takes(bridge, clock, transport):
    run_for(bridge, clock, seconds=1)
    before = kept(bridge)
    bridge = replace(bridge, targets={**bridge.targets, "other": bridge.targets["main"]})
    clock.advance(hours=1)
    with bridge.db.write() as tx:
        targets.ensure(tx, ["other"])
        targets.want_look(tx, "other", clock.now())
    transport.inject(When(path="/domains/"), faults.meanwhile(lambda: clock.advance(seconds=1)))

    lookout.look_around(bridge, "main")

    assert transport.sent[-1].url.path.endswith("/domains/")
    assert kept(bridge).surroundings == before.surroundings
    with bridge.db.read() as tx:
        assert "main" in surroundings.due(tx, clock.now() + lookout.SOON)


@pytest.mark.parametrize("fault", [faults.html(502), faults.throttled(retry_after_seconds=600), faults.reset_before()])
def test_a_failure_is_a_gap_and_never_pauses_the_target(bridge, clock, transport, fault):
    def only_the_organization(request, forward):
        return fault(request, forward) if request.url.path.rstrip("/").endswith("b0a7") else forward()

    transport.inject(When(times=None), only_the_organization)
    run_for(bridge, clock, seconds=1)

    gap = kept(bridge).gaps[-1]
    assert gap.what == "a look at the surroundings"
    assert gap.why
    with bridge.db.read() as tx:
        assert targets.state(tx, "main").paused_since is None


def test_a_part_that_the_key_may_not_see_is_a_gap_and_the_rest_is_kept(bridge, clock, transport):
    refusal = faults.refusal(403, "API key missing required scope 'access_control:read'")
    transport.inject(When(path="/domains/", times=None), refusal)
    run_for(bridge, clock, seconds=1)

    seen = kept(bridge)
    assert seen.surroundings.name == "Hedgehog Supplies (sandbox)"
    gap = next(g for g in seen.gaps if g.what == "the authentication domains")
    assert "access_control:read" in gap.remedy


def test_after_the_daily_comparison_it_is_looked_at_anew(bridge, clock, transport):
    run_for(bridge, clock, seconds=1)
    with bridge.db.write() as tx:
        surroundings.put_off(tx, "main", START + timedelta(days=30))
    run_for(bridge, clock, hours=24, minutes=30)

    assert wide_looks(transport) == 2


def test_who_is_removed_is_kept_as_last_seen(bridge, clock, world):
    run_for(bridge, clock, seconds=1)
    uuid = world.account(MAYA).uuid
    okta = Idp(bridge)
    okta.deactivate(okta.create(MAYA))
    run_for(bridge, clock, minutes=2)

    with bridge.db.read() as tx:
        former = members.former(tx, "main", uuid)
    assert former.member.user_id == world.account(MAYA).id
    assert former.member.last_login is not None


def test_two_workers_never_look_around_at_once(bridge, clock, transport):
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", START + timedelta(hours=30))
        surroundings.put_off(tx, "main", START)
    run_for(bridge, clock, seconds=1)
    with bridge.db.write() as tx:
        surroundings.put_off(tx, "main", clock.now())
    before = wide_looks(transport)

    second = faults.meanwhile(lambda: lookout.look_around(bridge, "main"))
    transport.inject(When(path="/domains/"), second)
    lookout.look_around(bridge, "main")

    assert wide_looks(transport) == before + 1


def test_it_is_the_first_thing_done_at_a_new_target_so_that_the_first_leaver_s_access_is_known(
    db, clock, world, transport
):
    bridge = wire(db, clock, world, transport, surroundings_every=HOUR)
    assert reconcile.due_targets(bridge) == ("main",)
    reconcile.run_pass(bridge, "main")

    assert kept(bridge).surroundings is not None
    assert not any(r.url.path.endswith("/members/") for r in transport.sent)
    assert reconcile.due_targets(bridge) == ()


def test_a_key_that_cannot_be_read_is_a_gap_while_nobody_is_due(db, clock, world, transport):
    def remote(_name):
        raise Refused(401, "the API key cannot be read", remedy="Set POSTHOG_API_KEY.", is_target_wide=True)

    bridge = replace(wire(db, clock, world, transport, surroundings_every=HOUR), remote=remote)
    reconcile.run_pass(bridge, "main")

    assert kept(bridge).gaps[-1].remedy == "Set POSTHOG_API_KEY."
    with bridge.db.read() as tx:
        assert targets.state(tx, "main").paused_since is None
