"""The bridge's own time: a clock that nobody sets, plus the difference to the wall clock that was last agreed on.

A wall clock can be set while people are being removed and watched. No process of ours sees that before everything that
waits was moved with it: `timekeeping` does that, and keeps the new difference here. May import: the standard library.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

FILE = "clock"
"""In the data folder; it is about this machine since its start, and worthless after the next one."""
LATEST_SECONDS = 7_258_118_400
"""The year 2200. A start of this machine that lies beyond, or before 1970, was not written by us."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def wall_seconds() -> float:
    """Seconds since 1970, as the machine's clock has it."""
    return time.time()


def steady_seconds() -> float:
    """Seconds since this machine started, on a clock that nobody sets; on Linux it counts while asleep, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Agreed:
    """The difference between wall clock and steady clock, in seconds, that all processes of this machine go by."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE
        self._name = str(self._file)
        self._boot = _boot_id()
        self._seen: tuple[int, int] | None = None
        self._offset: float | None = None

    def offset(self) -> float | None:
        """The difference; `None` when none was agreed on since this machine started."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - several times for each request
        except OSError:
            return None
        seen = (found.st_ino, found.st_mtime_ns)
        if seen != self._seen:
            self._offset, self._seen = self._read(), seen
        return self._offset

    def keep(self, offset: float) -> None:
        """Agree on another one."""
        self.draft(offset)()

    def draft(self, offset: float) -> Callable[[], None]:
        """Write another one down beside it, for what is returned to agree on: on a full disk this fails, and not that."""
        part = self._file.with_name(f"{FILE}.{os.getpid()}")
        part.write_text(json.dumps({"boot": self._boot, "offset": offset}), encoding="utf-8")

        def agree() -> None:
            part.replace(self._file)

        return agree

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from agreeing on something meanwhile."""
        with self._file.with_name(f"{FILE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> float | None:
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
            # Without an id of this start nobody knows whether it is of this one.
            offset = float(said["offset"]) if self._boot and said["boot"] == self._boot else -1.0
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return offset if 0 <= offset <= LATEST_SECONDS else None


class BridgeClock:
    """The time for everything that we do and keep: the wall clock's, but never set under a running bridge."""

    def __init__(
        self, agreed: Agreed, wall: Callable[[], float] = wall_seconds, steady: Callable[[], float] = steady_seconds
    ) -> None:
        self.agreed = agreed
        self.wall = wall
        self.steady = steady

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        offset = self.agreed.offset()
        return datetime.fromtimestamp(self.wall() if offset is None else self.steady() + offset, UTC)


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
