"""A stop before and after each single write of the walk: whoever starts again ends where the uninterrupted walk ends."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from bridge.core.case import CaseState
from bridge.sandbox import default_world
from bridge.store import audit
from bridge.store import db as store
from tests.conftest import KEY, HandClock, connect, quick, run_for, wire
from tests.flow.stopping import Points, Stopped, stopping
from tests.players import GRACE, MAYA, NOOR, SAMUEL, Idp, all_cases, deletes

WALKS = {
    "a member with an invite": ([MAYA], lambda _world: None),
    "one of two owners": ([GRACE], lambda _world: None),
    "the last human owner with a successor": ([GRACE], lambda world: world.remove_member(SAMUEL)),
    "two owners together": ([GRACE, SAMUEL], lambda _world: None),
}


def walk(folder, template, leavers, prepare, stop_at: int) -> Points:
    """One whole walk in a store of its own, stopped once, started again, and checked at its end."""
    folder.mkdir()
    shutil.copy(template, folder / "bridge.db")
    db = quick(store.open_database(f"sqlite:///{folder}/bridge.db", folder, b"k" * 32))
    clock = HandClock()
    world = default_world(clock.now, KEY)
    prepare(world)
    whole = wire(db, clock, world, connect(world), settle=timedelta(seconds=10), watch_for=timedelta(minutes=12))
    records = [Idp(whole).create(address) for address in leavers]
    run_for(whole, clock, minutes=2)
    points = Points(stop_at=stop_at)
    fragile = stopping(whole, points)
    try:
        for record in records:
            Idp(fragile).deactivate(record)
        run_for(fragile, clock, minutes=3)
    except Stopped:
        clock.advance(seconds=9)
        for record in records:  # the identity provider got no answer, so it asks again
            Idp(whole).deactivate(record)
    run_for(whole, clock, hours=1)

    assert [a for a in leavers if world.membership(a)] == []
    assert {c.state for c in all_cases(whole)} == {CaseState.CLOSED}
    assert any(m.level == 15 for a, m in world.members() if a.email in {GRACE, SAMUEL, NOOR})
    assert world.level_of("posthog-bridge@example.com") == 15
    uuids = [path.rstrip("/").split("/")[-1] for path in deletes(world)]
    assert set(uuids) == {world.account(a).uuid for a in leavers}
    assert all(c.status in {200, 204, 404} for c in world.calls)
    with db.read() as tx:
        assert audit.verify(tx, db.audit_key)[1] == ""
    db.close()
    return points


@pytest.mark.parametrize("name", WALKS)
def test_a_stop_at_any_single_write_changes_nothing_about_the_end(tmp_path, empty_store, name):
    leavers, prepare = WALKS[name]
    uninterrupted = walk(tmp_path / "0", empty_store, leavers, prepare, 0)
    assert uninterrupted.passed > 20

    for stop_at in range(1, uninterrupted.passed + 1):
        points = walk(tmp_path / str(stop_at), empty_store, leavers, prepare, stop_at)
        assert points.passed >= stop_at
