"""Notices when the machine's clock is put forward or back, and keeps what was waiting in real time.

Without this, a clock put back by an hour would leave leavers in for an hour longer, and one put forward by a day would
end every watch at once. May import: `clock`, `store`, `ports`, `core`.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from bridge.clock import BridgeClock
from bridge.ports import Bridge
from bridge.store import shifts
from bridge.store.audit import Entry
from bridge.store.db import Tx

log = structlog.get_logger()

STEP_SECONDS = 2.0
"""Less than this is drift, which clocks are steered out of: time goes along with it."""
DRIFT_SECONDS = 0.1
"""How far our time may lie beside the wall clock."""
DOUBT_SECONDS = 60.0
"""How long after a step, or a start, somebody may still write a time from before it."""
PULL_SECONDS = 10.0
"""How often that is looked for meanwhile."""


class Timekeeper:
    """One machine's clock, watched. Several at once do no harm."""

    def __init__(self, bridge: Bridge, clock: BridgeClock) -> None:
        self._bridge = bridge
        self._clock = clock
        self._doubt_until = clock.steady() + DOUBT_SECONDS
        self._pull_at = clock.steady()

    def check(self) -> None:
        """Look at the clocks, and move what waits when the wall clock stepped. Raises what the store raises."""
        if abs(self._difference()) > DRIFT_SECONDS:
            with self._clock.agreed.alone():
                self._heed(self._difference())
        if self._pull_at <= self._clock.steady() <= self._doubt_until:
            self._pull_at = self._clock.steady() + PULL_SECONDS
            self._pull_in()

    def _difference(self) -> float:
        """By how much the wall clock is ahead of our time, in seconds; endless when there is none of ours yet."""
        agreed = self._clock.agreed.offset()
        return float("inf") if agreed is None else self._clock.wall() - self._clock.steady() - agreed

    def _heed(self, step: float) -> None:
        agreed, new = self._clock.agreed, self._clock.wall() - self._clock.steady()
        if step == float("inf") or abs(step) < STEP_SECONDS:
            agreed.keep(new)
        elif step > 0:
            # Our time jumps last: in between, nobody must find a watch over that was not moved yet. Where it cannot be
            # written down, nothing is moved: the next look would move it again, and the one after that.
            agree = agreed.draft(new)
            self._move(step)
            agree()
        else:
            # And first when it goes back: a crash in between forgets the step, and never makes it twice.
            agreed.keep(new)
            try:
                self._move(step)
            except Exception:
                agreed.keep(new - step)
                raise

    def _move(self, step: float) -> None:
        with self._bridge.db.write() as tx:
            moved = shifts.shift(tx, timedelta(seconds=step))
            self._tell(tx, step, moved)
        self._doubt_until = self._clock.steady() + DOUBT_SECONDS

    def _pull_in(self) -> None:
        """After a reboot nobody knows by how much the clock moved: nothing may be due later than policy allows."""
        with self._bridge.db.read() as tx:
            late = shifts.too_late(tx, self._bridge.policies, self._clock.now())
        if late.is_empty:
            return
        with self._bridge.db.write() as tx:
            shifts.pull_in(tx, late, self._clock.now())
            self._tell(tx, 0.0, len(late.cases))

    def _tell(self, tx: Tx, step: float, moved: int) -> None:
        facts = {"seconds": round(step), "moved": moved}
        tx.audit(Entry(at=self._clock.now(), kind="clock.stepped", actor="bridge", facts=facts))
        log.warning("clock stepped", **facts)
