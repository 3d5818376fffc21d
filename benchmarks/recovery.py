"""How soon a case moves again after one part of `run` was killed with -9: with all defaults, but no settle time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import httpx

from benchmarks import machine, ours, posthog, process
from benchmarks.figures import NotMeasured, Row
from benchmarks.load import PATCH_OP
from benchmarks.plan import Plan
from bridge import queue_server
from bridge.core.record import Record
from bridge.worker import connect

LIMIT_SECONDS = 60
SLOW_SECONDS = 1.0
"""How long PostHog takes for a DELETE here, so that there is time to kill who waits for it."""
STEADY_SECONDS = 2.0
"""Before each kill everything has been up for that long."""
RETRY_SECONDS = 0.2
"""When an identity provider that got no answer asks again."""
OUT = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "active", "value": False}]}


def recovery(plan: Plan) -> Iterator[Row]:
    """From the kill to the next DELETE that reaches PostHog: for somebody who leaves at that moment, or is half-way."""
    kinds: tuple[tuple[str, Callable[[Tree], None], bool], ...] = (
        ("web", lambda tree: tree.kill("web"), False),
        ("both workers, idle", lambda tree: tree.kill("worker-1", "worker-2"), False),
        ("sweep", lambda tree: tree.kill("sweep"), False),
        ("queue server", lambda tree: tree.kill("queue"), False),
        ("queue emptied (FLUSHALL)", Tree.flush, False),
        ("the fork that does the job", Tree.kill_forks, True),
        ("a worker whose fork does the job", Tree.kill_busy_worker, True),
        ("a worker and the fork that does its job", Tree.kill_busy_worker_and_fork, True),
        ("supervisor, with the next start", Tree.start_again, False),
    )
    with (
        posthog.served(members=4 * len(kinds) * plan.recoveries) as other_side,
        plan.folder() as folder,
        ours.made(folder, settle="0s", url=other_side.url) as bridge,
        Tree(bridge, other_side) as tree,
    ):
        with ours.batch(bridge.bridge) as fast:
            people = [ours.hire(fast, "okta", address) for address in other_side.members["main"]]
        for what, strike, is_half_way in kinds:
            took = [tree.measure(people, strike, is_half_way=is_half_way) for _ in range(plan.recoveries)]
            yield Row(part="recovery", what=what, values={"s": took})


class Tree:
    """A `run`, and people who leave while parts of it are killed."""

    def __init__(self, bridge: ours.Ours, other_side: posthog.OtherSide) -> None:
        self._bridge, self._other_side = bridge, other_side
        self._opened = ExitStack()
        self._run = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._opened.close()

    def _start(self) -> subprocess.Popen[str]:
        command = self._bridge.command("run", "--port", "0")
        run = self._opened.enter_context(process.program(command, self._bridge.log, cores=machine.CORES))
        process.first_line(run, self._bridge.log)
        return run

    def measure(self, people: list[Record], strike: Callable[[Tree], None], *, is_half_way: bool) -> float:
        """Seconds from the kill to the next DELETE."""
        time.sleep(STEADY_SECONDS)
        seen = self._other_side.asked
        if is_half_way:
            self._other_side.slow_seconds = SLOW_SECONDS
            known = len(seen)
            for _ in range(3):
                self._leave(people.pop())
            process.until(lambda: len(seen) > known, LIMIT_SECONDS)
            known, began = len(seen), time.perf_counter()
            strike(self)
        else:
            known, began = len(seen), time.perf_counter()
            strike(self)
            self._leave(people.pop())
        process.until(lambda: len(seen) > known, LIMIT_SECONDS)
        self._other_side.slow_seconds = 0.0
        took = seen[known] - began
        self._until_all_are_out()
        return took

    def _leave(self, record: Record) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError, OSError, ValueError):
                url = self._told()["scim"]["okta"]["url"]
                headers = {"Authorization": f"Bearer {self._bridge.token}"}
                if httpx.patch(f"{url}/Users/{record.id}", json=OUT, headers=headers, trust_env=False).is_success:
                    return
            time.sleep(RETRY_SECONDS)
        raise NotMeasured(f"the request was not taken within {LIMIT_SECONDS} s")

    def _until_all_are_out(self) -> None:
        removed = self._other_side.removed
        known = -1
        while known != len(removed):
            known = len(removed)
            time.sleep(STEADY_SECONDS)

    def kill(self, *names: str) -> None:
        """Kill these parts."""
        pids = self._told()["pids"]
        for name in names:
            _kill(pids[name])

    def flush(self) -> None:
        """Empty the queue."""
        with connect(queue_server.url(self._bridge.data)) as queue:
            queue.flushall()

    def kill_forks(self) -> None:
        """Kill what does the job, and nothing else."""
        for fork in self._forks():
            _kill(fork)

    def kill_busy_worker(self) -> None:
        """Kill the worker whose fork does the job; the fork goes on."""
        for worker in self._busy():
            _kill(worker)

    def kill_busy_worker_and_fork(self) -> None:
        """Kill both: then only the lease says that nobody is there any more."""
        busy, forks = self._busy(), self._forks()
        for pid in (*busy, *forks):
            _kill(pid)

    def start_again(self) -> None:
        """Kill the supervisor, and start it again as a service manager would."""
        self._run.kill()
        self._run.wait()
        self._run = self._start()

    def _workers(self) -> list[int]:
        return [pid for name, pid in self._told()["pids"].items() if name.startswith("worker")]

    def _busy(self) -> list[int]:
        return [worker for worker in self._workers() if _children(worker)]

    def _forks(self) -> list[int]:
        return [fork for worker in self._workers() for fork in _children(worker)]

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self._bridge.data / "run.json").read_text())
        return told


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
