"""Notices when the machine's clock is put forward or back, and keeps what was waiting in real time.

The wall clock is compared with one that nobody can set. Without this, a clock put back by an hour would leave leavers
in for an hour longer, and one put forward by a day would end every watch at once. May import: `store`, `ports`, `core`.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import structlog

from bridge.ports import Bridge
from bridge.store import shifts
from bridge.store.audit import Entry
from bridge.store.db import Tx

log = structlog.get_logger()

FILE = "clock"
STEP_SECONDS = 2.0
"""Less than this between two looks is drift, which clocks are steered out of, and no step."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def steady_seconds() -> float:
    """Seconds since this machine started, on a clock that nobody sets; on Linux it counts while asleep, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Timekeeper:
    """One machine's clock, watched. What was seen last is kept in the data folder, so that a restart misses no step."""

    def __init__(self, bridge: Bridge, data_dir: Path, steady: Callable[[], float] = steady_seconds) -> None:
        self._bridge = bridge
        self._file = data_dir / FILE
        self._steady = steady
        self._offset: float | None = None
        """The wall clock's seconds minus the steady clock's, when last looked."""
        self._written = 0.0
        """The same as it stands in the file: drift adds up."""

    def check(self) -> None:
        """Look at the clocks, and move what waits when the wall clock stepped. Raises what the store raises."""
        offset = self._now_offset()
        if self._offset is None:
            self._begin(offset)
        elif abs(offset - self._offset) >= STEP_SECONDS:
            self._heed()
        elif abs(offset - self._written) >= STEP_SECONDS / 2:
            with self._kept() as (_, keep):
                keep(offset)
        self._offset = offset

    def _begin(self, offset: float) -> None:
        with self._kept() as (kept, keep):
            if kept is None:
                with self._bridge.db.write() as tx:
                    moved = shifts.pull_in(tx, self._bridge.policies, self._bridge.clock.now())
                    if moved:
                        self._tell(tx, 0.0, moved)
                keep(offset)
        if kept is not None and abs(offset - kept) >= STEP_SECONDS:
            self._heed()

    def _heed(self) -> None:
        """Move what waits by as much as the clock stepped, unless another sweep of this machine has done it."""
        with self._kept() as (kept, keep):
            offset = self._now_offset()
            step = 0.0 if kept is None else offset - kept
            if abs(step) < STEP_SECONDS:
                return
            try:
                with self._bridge.db.write() as tx:
                    moved = shifts.shift(tx, timedelta(seconds=step))
                    self._tell(tx, step, moved)
                    # Before the commit: a crash between the two forgets a step, and makes none twice.
                    keep(offset)
            except Exception:
                keep(offset - step)
                raise

    def _tell(self, tx: Tx, step: float, moved: int) -> None:
        facts = {"seconds": round(step, 1), "moved": moved}
        tx.audit(Entry(at=self._bridge.clock.now(), kind="clock.stepped", actor="bridge", facts=facts))
        log.warning("clock stepped", **facts)

    def _now_offset(self) -> float:
        return self._bridge.clock.now().timestamp() - self._steady()

    @contextmanager
    def _kept(self) -> Iterator[tuple[float | None, Callable[[float], None]]]:
        """The offset that was kept since this machine started, and how to keep another; one process at a time."""
        with os.fdopen(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            boot = _boot_id()
            kept = None
            with suppress(ValueError, KeyError, TypeError):
                said = json.loads(file.read())
                kept = float(said["offset"]) if said["boot"] == boot else None

            def keep(offset: float) -> None:
                _write(file, {"boot": boot, "offset": offset})
                self._written = offset

            self._written = self._written if kept is None else kept

            yield kept, keep


def _write(file: TextIO, said: dict[str, object]) -> None:
    file.seek(0)
    file.truncate()
    file.write(json.dumps(said))
    file.flush()


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
