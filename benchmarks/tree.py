"""What `run` costs: until it is ready, in memory, and while nothing happens."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine, process
from benchmarks.figures import Row
from benchmarks.plan import Plan

ROOT = Path(__file__).parent.parent
SETTLING_SECONDS = 3
"""After the ready line: the sweep comes up, the first looks are taken."""


def starts(plan: Plan) -> Iterator[Row]:
    """From the command to the ready line: in a new folder without compiled files, and again."""
    with plan.folder() as folder:
        cold: list[float] = []
        warm: list[float] = []
        for number in range(plan.starts):
            compiled = {"PYTHONPYCACHEPREFIX": str(folder / f"compiled{number}")}
            for took in (cold, warm):
                with _running(folder, f"data{number}", compiled) as seconds:
                    took.append(seconds)
        yield Row(part="start", what="first start: new data folder, nothing compiled", values={"s": cold})
        yield Row(part="start", what="later starts", values={"s": warm})


def memory(plan: Plan) -> Iterator[Row]:
    """The memory of each process of `run`, and what the tree costs while nothing happens."""
    with plan.folder() as folder, _running(folder, "data", {}):
        time.sleep(SETTLING_SECONDS)
        pids: dict[str, int] = json.loads((folder / "data" / "run.json").read_text())["pids"]
        before, began = _spent(pids), time.monotonic()
        time.sleep(plan.idle_seconds)
        share = (_spent(pids) - before) / (time.monotonic() - began) * 100
        shares = {name: machine.memory_mb(pid) for name, pid in pids.items()}
        for name, share_mb in shares.items():
            yield Row(part="memory", what=name, values={"MB": [share_mb]})
        yield Row(part="memory", what="the whole tree", values={"MB": [sum(shares.values())]})
        note = f"over {plan.idle_seconds} s in which nothing happens"
        yield Row(part="memory", what="processor, the whole tree", values={"% of a core": [share]}, note=note)


def _spent(pids: dict[str, int]) -> float:
    return sum(machine.cpu_seconds(pid) for pid in pids.values())


@contextmanager
def _running(folder: Path, data: str, environ: dict[str, str]) -> Iterator[float]:
    """A `run` as a user starts it, with a sandbox; gives the seconds until it was ready."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    command = [base, "-m", "bridge", "run", "--port", "0", "--data", str(folder / data)]
    log = folder / "log"
    given = os.environ | {"PYTHONPATH": str(ROOT)} | environ
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # as some containers set it: then no start is ever a later one
    began = time.perf_counter()
    with process.program(command, log, cores=machine.CORES, environ=given) as run:
        process.first_line(run, log)
        yield time.perf_counter() - began
