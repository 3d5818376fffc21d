"""How much is measured: enough for a figure that can be quoted, or a short look."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of everything."""

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    """Users in the store."""
    runs: int = 5
    seconds: int = 4
    """Of each run under load."""
    samples: int = 300
    """People who are removed one by one."""
    leavers: int = 240
    """People who wait for each of two workers when a run begins beside them: more than it removes meanwhile."""
    starts: int = 5
    recoveries: int = 5
    """How often each part is killed."""
    idle_seconds: int = 60
    within: Path = Path(tempfile.gettempdir())
    """Where the temporary folders are made, and so whose disk is measured."""

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder, gone at the end."""
        with tempfile.TemporaryDirectory(prefix="bench-", dir=self.within) as folder:
            yield Path(folder)


FULL = Plan()
QUICK = Plan(sizes=(300,), runs=1, seconds=1, samples=10, leavers=10, starts=1, recoveries=1, idle_seconds=2)
"""To see that it works; its figures say little."""
