"""How soon somebody is out: a whole `run` with settle at 0, one leaver at a time, PostHog's sandbox on the other side."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from benchmarks import machine, ours, posthog, process
from benchmarks.figures import NotMeasured, Row, quantile
from benchmarks.load import PATCH_OP
from benchmarks.plan import Plan
from bridge import queue_server
from bridge.core.record import Record
from bridge.store import tables as t
from bridge.worker import RedisBell

LIMIT_SECONDS = 20
CROWD = 5
"""Members for each person who is timed: as many leave as are timed in two ways, and most stay."""
PAUSE_SECONDS = 0.05
"""Between two people, so that the worker of the one before waits again; with as much again at random."""


def removal(plan: Plan) -> Iterator[Row]:
    """From the bell to the DELETE, and from the identity provider's request to the removal."""
    with (
        posthog.served(members=CROWD * plan.samples) as other_side,
        plan.folder() as folder,
        ours.made(folder, settle="0s", url=other_side.url) as bridge,
    ):
        with ours.batch(bridge.bridge) as fast:
            people = [ours.hire(fast, "okta", address) for address in other_side.members["main"][: 2 * plan.samples]]
        with process.program(bridge.command("run", "--port", "0"), bridge.log, cores=machine.CORES) as run:
            process.first_line(run, bridge.log)
            told = json.loads((bridge.data / "run.json").read_text())
            bell = RedisBell(queue_server.url(bridge.data))
            headers = {"Authorization": f"Bearer {bridge.token}", "Content-Type": "application/scim+json"}
            with httpx.Client(base_url=told["scim"]["okta"]["url"], headers=headers) as client:

                def ring(record: Record) -> float:
                    ours.leave(bridge.bridge, record)
                    began = time.perf_counter()
                    bell.ring("main")
                    return began

                def request(record: Record) -> float:
                    operation = {"op": "replace", "path": "active", "value": False}
                    began = time.perf_counter()
                    answer = client.patch(
                        f"/Users/{record.id}", json={"schemas": [PATCH_OP], "Operations": [operation]}
                    )
                    answer.raise_for_status()
                    return began

                asked = _each(bridge, people[: plan.samples], ring, other_side.asked)
                yield _row("from the bell to the DELETE", asked)
                removed = _each(bridge, people[plan.samples :], request, other_side.removed)
                yield _row("from the IdP's request to the removal", removed)


def _each(
    bridge: ours.Ours, people: Sequence[Record], begin: Callable[[Record], float], seen: list[float]
) -> list[float]:
    """Milliseconds from each person's beginning to what is seen of it."""
    took = []
    for record in people:
        known = len(seen)
        began = begin(record)
        _until(lambda known=known: len(seen) > known)  # type: ignore[misc]
        took.append((seen[known] - began) * 1000)
        _until(lambda: _is_quiet(bridge))
        time.sleep(PAUSE_SECONDS * (1 + random.random()))
    return took


def _is_quiet(bridge: ours.Ours) -> bool:
    """Whether no worker has the claim and nothing is due."""
    with bridge.bridge.db.read() as tx:
        claim = tx.execute(t.targets.select().with_only_columns(t.targets.c.claim_token)).scalar_one()
        due = tx.execute(t.cases.select().where(t.cases.c.due_at <= bridge.bridge.clock.now())).first()
    return not claim and due is None


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise NotMeasured(f"nobody was removed within {LIMIT_SECONDS} s")
        time.sleep(0.002)


def _row(what: str, took: Sequence[float]) -> Row:
    values = {"p50 ms": [quantile(took, 0.5)], "p99 ms": [quantile(took, 0.99)], "max ms": [max(took)]}
    return Row(part="removal", what=what, values=values, note=f"{len(took)} people")
