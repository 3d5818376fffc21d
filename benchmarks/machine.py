"""The machine that measures: its cores, and what a process costs of it."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
SYNCS = 200
"""Enough for a median; under a second on any disk that is worth using."""

CORES = sorted(os.sched_getaffinity(0))
SERVER, CLIENT = CORES[:1], CORES[-1:]
"""Who is measured has one core, who measures and everybody else the other; on one core they share it."""


@contextmanager
def on(cores: Sequence[int]) -> Iterator[None]:
    """What this thread starts in here (threads and processes) stays on those cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def description(folder: Path) -> dict[str, Any]:
    """What a reader needs to compare figures: processor, memory, system, and how long the folder's disk takes to sync."""
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(CORES),
        "memory_mb": int(_line("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', '')}, Linux {platform.release()}",
        "python": platform.python_version(),
        "sync_ms": round(_sync_seconds(folder) * 1000, 3),
        "load_before": os.getloadavg()[0],
    }


def family(pid: int) -> list[int]:
    """The process and everything that descends from it."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return found


def memory_mb(pid: int) -> float:
    """The process's proportional share of memory (PSS): shared pages are counted once over all who share them."""
    with suppress(OSError):
        return int(_line(f"/proc/{pid}/smaps_rollup", "Pss").split()[0]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """The processor time that the process and its ended children have used."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    return 0.0


def _line(file: str, name: str) -> str:
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _sync_seconds(folder: Path) -> float:
    """The median time of one durable write of a page, which bounds what any durable server can do alone."""
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    (folder / "sync").unlink()
    return statistics.median(took)
