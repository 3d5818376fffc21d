"""The line in which the writers of all processes stand: one writes, one is next, the rest wait behind.

The kernel wakes everybody who waits for an `flock` and gives it to whoever comes first: mostly to somebody whose processor is
awake, again and again. So they wait for being next, and whoever is next has no rival for the lock. What a process that
is killed had is free at once.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Line:
    """One process's place in it. Enter it from one thread at a time, and not again before leaving."""

    def __init__(self, lock_path: Path) -> None:
        """`lock_path`: the file whose lock the writer has; beside it lies one for who is next."""
        self._paths = (lock_path.with_suffix(".next"), lock_path)
        self._fds: list[int] = []

    def enter(self) -> None:
        """Wait until nobody else writes; for as long as it takes. Raises: `OSError` when the files cannot be made."""
        for path in self._paths[len(self._fds) :]:
            self._fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        place, lock = self._fds
        fcntl.flock(place, fcntl.LOCK_EX)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(place, fcntl.LOCK_UN)

    def leave(self) -> None:
        """Let the next one write. Harmless for who does not write."""
        for fd in self._fds[1:]:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave for good."""
        while self._fds:
            os.close(self._fds.pop())
