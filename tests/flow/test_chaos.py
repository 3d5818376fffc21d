"""Hundreds of leavers while every process of the tree is killed again and again: nobody stays in, nobody is lost.

A longer run: `BRIDGE_KILLS=500 python3 -m bridge test tests/flow/test_chaos.py --timeout 0`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from bridge import queue_server
from tests.conftest import KEY
from tests.trees import Client, Posthog, Run, command, processes_of, wait_until

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

LEAVERS = 300
KILLS = int(os.environ.get("BRIDGE_KILLS", "48"))
PAUSE_SECONDS = 0.55
POLICY = {
    "settle": "0s",
    "max_removals": 10_000,
    "max_share": 1.0,
    "watch_first": ["2s"],
    "watch_every": "4s",
    "watch_for": "12s",
    "max_returns": 100,
}


class Chaos:
    """Kills parts of the tree one after the other, and starts it again where nothing else would."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.run = self._start()
        self.kinds = {
            "worker": lambda: self._kill("worker-1"),
            "other worker": lambda: self._kill("worker-2"),
            "fork": self._kill_forks,
            "worker and fork": self._kill_worker_and_fork,
            "web": lambda: self._kill("web"),
            "sweep": lambda: self._kill("sweep"),
            "queue": lambda: self._kill("queue"),
            "flush": self._flush,
            "queue and its folder": self._kill_queue_and_folder,
            "supervisor": self._kill_supervisor,
            "whole tree": self._kill_everything,
        }

    def _start(self) -> Run:
        return Run(self.folder, POSTHOG_API_KEY=KEY)

    def strike(self) -> None:
        """One more kill: each kind comes as often as any other, in no order."""
        least = min(self.done[kind] for kind in self.kinds)
        kind = self.random.choice([k for k in self.kinds if self.done[k] <= least + 1])
        self.kinds[kind]()
        self.done[kind] += 1

    def _kill(self, name: str) -> None:
        self.run.kill(self.run.pid(name))

    def _kill_forks(self) -> None:
        for _ in range(200):  # they live for milliseconds when there is little to do
            forks = self.run.forks()
            for fork in forks:
                self.run.kill(fork)
            if forks:
                return
            time.sleep(0.002)

    def _kill_worker_and_fork(self) -> None:
        worker = self.run.pid("worker-1")
        forks = self.run.forks()
        self.run.kill(worker)
        for fork in forks:
            self.run.kill(fork)

    def _flush(self) -> None:
        with suppress(redis.RedisError), redis.Redis.from_url(queue_server.url(self.folder / "data")) as queue:
            queue.flushall()

    def _kill_queue_and_folder(self) -> None:
        self._kill("queue")
        shutil.rmtree(self.folder / "data" / "queue", ignore_errors=True)

    def _kill_supervisor(self) -> None:
        self.run.end_hard()
        self.run = self._start()

    def _kill_everything(self) -> None:
        pids = self.run.told["pids"]
        forks = self.run.forks()
        self.run.end_hard()
        for pid in [*pids.values(), *forks]:
            self.run.kill(pid)
        self.run = self._start()


def test_everybody_leaves_and_nobody_else_while_every_process_is_killed(tmp_path, runtime):
    posthog = Posthog()
    world = posthog.world
    world.is_throttling = False  # another test's matter; here it would only make this one longer
    people = [f"leaver{n}@example.com" for n in range(LEAVERS)]
    accounts = {world.add_member(address).uuid: address for address in people}
    staying = {a.email for a, _ in world.members()} - set(people)
    posthog.config(tmp_path, **POLICY)
    okta = Client(tmp_path)
    chaos = Chaos(tmp_path, seed=11)
    returned: Counter[str] = Counter()
    over = threading.Event()

    def leave(address: str) -> None:
        time.sleep(PAUSE_SECONDS * KILLS / LEAVERS * 6)  # eight at a time, all through the kills
        okta.deactivate(okta.create(address))

    def come_back() -> None:
        """Now and then somebody who is out signs in again."""
        while not over.wait(1.0):
            # Of those who are still watched: after the watch only the daily comparison would meet them.
            fresh = [accounts[uuid] for uuid, status, age in posthog.removals() if status == 204 and age < 4]
            for address in fresh[-1:]:
                if world.login(address).outcome == "jit":
                    returned[address] += 1

    with ThreadPoolExecutor(8) as players:
        told = [players.submit(leave, address) for address in people]
        coming = threading.Thread(target=come_back)
        coming.start()
        for _ in range(KILLS):
            time.sleep(PAUSE_SECONDS * chaos.random.uniform(0.4, 1.6))
            chaos.strike()
        for each in told:
            each.result(timeout=120)
        over.set()
        coming.join()

    def are_closed() -> bool:
        return status_of(tmp_path)["cases"]["CLOSED"] == LEAVERS

    wait_until(are_closed, 120, lambda: how_they_stand(tmp_path))
    assert sum(chaos.done.values()) == KILLS
    assert min(chaos.done.values()) >= KILLS // len(chaos.kinds) - 1

    # Everybody who left is out, and nobody else was touched.
    assert {a.email for a, _ in world.members()} == staying
    removals = posthog.removals()
    assert {uuid for uuid, _, _ in removals} == set(accounts)
    # A second success for the same person follows a return that was seen; any other repetition met nobody.
    took = Counter(uuid for uuid, status, _ in removals if status == 204)
    assert {status for _, status, _ in removals} <= {204, 404}
    for uuid, address in accounts.items():
        assert took[uuid] == 1 + returned[address], address
    # What was acknowledged is there, once, and so is what was done about it.
    cases = json.loads(command(tmp_path, "cases", "--limit", "1000", "--json"))
    assert sorted(case["subject"]["user_name"] for case in cases) == sorted(people)
    assert json.loads(command(tmp_path, "audit", "verify", "--json"))["holds"]
    chaos.run.stop()
    assert processes_of(tmp_path) == []
    posthog.close()


def status_of(folder: Path) -> dict:
    return json.loads(command(folder, "status", "--json", statuses=(0, 1)))


def how_they_stand(folder: Path) -> str:
    cases = json.loads(command(folder, "cases", "--limit", "1000", "--json"))
    return str(Counter((case["state"], *(hold["code"] for hold in case["holds"])) for case in cases))
