"""A machine whose clock is put forward or back: what waits lasts as long as it would have."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import decisions, reconcile, sweeping
from bridge.clock import BOOT_ID, Agreed, BridgeClock
from bridge.core.case import CaseState
from bridge.core.events import Reason, Subject
from bridge.store import cases, story, views
from bridge.timekeeping import Timekeeper
from tests.conftest import HandClock
from tests.faults import When, no_connection
from tests.players import MAYA, Idp, audited, deletes, is_member, the_case


class Machine:
    """One machine: its wall clock can be set, its steady one cannot; the sweep looks every so often.

    PostHog has a clock of its own, which is right.
    """

    def __init__(self, bridge, right: HandClock, folder) -> None:
        self.right, self.folder = right, folder
        self.is_off_by = 0.0
        self.booted_at = right.now().timestamp() - 1_000.0
        self.bridge = replace(bridge, clock=self.clock())
        self.keeper = self.sweep()

    def clock(self) -> BridgeClock:
        return BridgeClock(
            Agreed(self.folder),
            wall=lambda: self.right.now().timestamp() + self.is_off_by,
            steady=lambda: self.right.now().timestamp() - self.booted_at,
        )

    def sweep(self) -> Timekeeper:
        self.keeper = Timekeeper(self.bridge, self.clock())
        self.keeper.check()
        return self.keeper

    def reboot(self) -> None:
        (self.folder / "clock").write_text('{"boot": "the one before", "offset": 5}')
        self.booted_at = self.right.now().timestamp() - 3.0
        self.sweep()

    def set_clock(self, **by: float) -> None:
        self.is_off_by += timedelta(**by).total_seconds()

    def work(self) -> None:
        for _ in range(20):
            due = reconcile.due_targets(self.bridge)
            for target in due:
                reconcile.run_pass(self.bridge, target)
            if not due:
                break

    def run(self, *, every: float = 5.0, **amount: float) -> None:
        left = timedelta(**amount).total_seconds()
        while left > 0:
            self.right.advance(seconds=every)
            left -= every
            # Workers do not wait for the sweep: they may meet the step first.
            self.work()
            self.keeper.check()


@pytest.fixture
def machine(bridge, clock, tmp_path) -> Machine:
    return Machine(bridge, clock, tmp_path)


@pytest.fixture
def okta(machine) -> Idp:
    return Idp(machine.bridge)


def leave(okta, address: str = MAYA) -> None:
    okta.deactivate(okta.create(address))


@pytest.mark.parametrize("step", [{"hours": -1}, {"days": -400}, {"hours": 1}, {"days": 400}])
def test_a_step_while_a_leaver_settles_neither_delays_nor_hurries_the_removal(machine, okta, world, step):
    leave(okta)
    machine.run(seconds=20)
    machine.set_clock(**step)
    machine.run(seconds=20)
    assert is_member(world, MAYA)
    machine.run(seconds=40)
    assert not is_member(world, MAYA)


@pytest.mark.parametrize("step", [{"hours": -30}, {"hours": 30}])
def test_the_watch_lasts_24_real_hours_however_the_clock_is_set(machine, okta, world, step):
    leave(okta)
    machine.run(minutes=2)
    machine.set_clock(**step)
    machine.run(hours=23, every=60)
    assert the_case(machine.bridge).state is CaseState.WATCHING
    assert world.login(MAYA).outcome == "jit"
    machine.run(minutes=20, every=60)
    assert not is_member(world, MAYA), "a watch that was cut short would not have met her"
    assert len(deletes(world)) == 2


def test_a_step_forward_and_back_again_changes_nothing(machine, okta):
    leave(okta)
    machine.run(minutes=2)
    machine.set_clock(days=3)
    machine.run(seconds=10)
    machine.set_clock(days=-3)
    machine.run(hours=23, minutes=50, every=60)
    assert the_case(machine.bridge).state is CaseState.WATCHING
    machine.run(minutes=20, every=60)
    assert the_case(machine.bridge).state is CaseState.CLOSED


def test_a_clock_put_back_while_the_bridge_was_down_delays_nothing(machine, okta, world):
    leave(okta)
    machine.set_clock(days=-2)
    machine.sweep()
    machine.run(seconds=70)
    assert not is_member(world, MAYA)


def test_a_clock_put_back_by_a_reboot_delays_nothing(machine, okta, world):
    leave(okta)
    machine.set_clock(days=-2)
    machine.reboot()
    machine.run(seconds=70)
    assert not is_member(world, MAYA)


def test_a_pause_of_a_target_that_was_left_alone_ends_in_its_time(machine, okta, transport, world):
    transport.inject(When(times=8), no_connection())
    leave(okta)
    machine.run(minutes=2)
    assert is_member(world, MAYA)
    machine.set_clock(hours=-5)
    machine.run(minutes=10)
    assert not is_member(world, MAYA)


def test_a_date_that_an_operator_gave_is_not_moved(machine):
    date = machine.bridge.clock.now() + timedelta(days=2)
    subject = Subject(user_name=MAYA)
    reason = Reason.CONTRACT_ENDED
    decisions.remove(machine.bridge, subject, "main", by="kai", reason=reason, effective_at=date)
    machine.set_clock(hours=-3)
    machine.run(seconds=10)
    assert the_case(machine.bridge).due_at == date


def test_two_sweeps_of_one_machine_move_everything_once(machine, okta, bridge):
    leave(okta)
    due = the_case(bridge).due_at
    one = machine.keeper
    other = machine.sweep()
    machine.set_clock(hours=-1)
    one.check()
    other.check()
    assert the_case(bridge).due_at == due - timedelta(hours=1)
    assert len(audited(bridge, "clock.stepped")) == 1


def test_what_steers_a_clock_slowly_is_no_step(machine, okta, bridge):
    leave(okta)
    for _ in range(40):
        machine.set_clock(seconds=0.3)
        machine.run(seconds=1, every=1)
    machine.sweep()
    assert audited(bridge, "clock.stepped") == []
    assert abs(machine.bridge.clock.now().timestamp() - machine.clock().wall()) < 0.5, "our time goes along"


def test_a_step_is_told_in_the_story_of_the_case(machine, okta, bridge):
    leave(okta)
    machine.run(minutes=2)
    machine.set_clock(hours=-1)
    machine.run(seconds=10)
    assert [e.facts["seconds"] for e in audited(bridge, "clock.stepped")] == [-3600]
    with bridge.db.read() as tx:
        told = [m.says for m in story.timeline(views.one(tx, the_case(bridge).id))]
    assert any("clock was put back by 1 h" in sentence for sentence in told)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_store_that_fails_at_the_step_is_asked_again(machine, okta, bridge, db, monkeypatch, hours):
    leave(okta)
    due = the_case(bridge).due_at
    machine.set_clock(hours=hours)
    with monkeypatch.context() as patch:
        patch.setattr(db, "write", lambda: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            machine.keeper.check()
    machine.keeper.check()
    assert the_case(bridge).due_at == due + timedelta(hours=hours)


def test_a_time_that_somebody_wrote_by_the_old_clock_is_pulled_in(machine, okta, world, bridge):
    """A worker took the time, the clock was put back, and then it wrote."""
    leave(okta)
    machine.set_clock(days=-1)
    machine.keeper.check()
    with bridge.db.write() as tx:
        cases.save(tx, replace(the_case(bridge), due_at=machine.bridge.clock.now() + timedelta(days=1)))
    machine.run(seconds=80)
    assert not is_member(world, MAYA)


@pytest.mark.parametrize("offset", ["NaN", "-Infinity", "1e999", "1e12", "-1e12", '"soon"', "null"])
def test_a_clock_file_that_makes_no_sense_counts_as_none(machine, okta, world, bridge, offset):
    leave(okta)
    due = the_case(bridge).due_at
    (machine.folder / "clock").write_text(f'{{"boot": "{BOOT_ID.read_text().strip()}", "offset": {offset}}}')
    machine.keeper.check()
    assert the_case(bridge).due_at == due
    machine.run(seconds=80)
    assert not is_member(world, MAYA)


def test_where_a_step_cannot_be_written_down_nothing_is_moved_again_and_again(machine, okta, world, bridge):
    """Before, each look moved everything by another hour, and nobody was removed for as long as the disk was full."""
    leave(okta)
    due = the_case(bridge).due_at
    machine.set_clock(hours=1)
    in_the_way = machine.folder / f"clock.{os.getpid()}"
    in_the_way.mkdir()
    for _ in range(3):
        with pytest.raises(IsADirectoryError):
            machine.keeper.check()
    assert the_case(bridge).due_at == due
    in_the_way.rmdir()
    machine.run(seconds=80)
    assert not is_member(world, MAYA)


def test_a_clock_that_cannot_be_looked_at_keeps_nobody_in(machine, okta, bridge):
    leave(okta)
    machine.right.advance(minutes=2)
    rounds, bell = threading.Event(), machine.bridge.bell
    bell.rung.clear()

    def broken() -> None:
        rounds.set()  # one round is enough
        raise PermissionError(13, "Permission denied", "clock.lock")

    sweeping.sweep(machine.bridge, rounds, broken)
    assert bell.rung == ["main"]
