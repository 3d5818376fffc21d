"""How soon somebody is out: a whole `run` with settle at 0, one leaver at a time, PostHog's sandbox on the other side."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from benchmarks import machine, ours, posthog, process
from benchmarks.figures import Row, quantile
from benchmarks.load import PATCH_OP
from benchmarks.plan import Plan
from bridge import queue_server
from bridge.core.record import Record
from bridge.store import tables as t
from bridge.worker import RedisBell

LIMIT_SECONDS = 20
MEMBERS = 60
"""In each organization: how long a look takes depends on it."""
LEAVERS = 30
"""Of them leave, half of them in each of the two ways; the next ones leave an organization of their own."""
PAUSE_SECONDS = 0.05
"""Between two people, so that the worker of the one before waits again; with as much again at random."""


def removal(plan: Plan) -> Iterator[Row]:
    """From the bell to the DELETE, and from the identity provider's request to the removal."""
    each = min(plan.samples, LEAVERS // 2)
    others = [f"other{number}" for number in range(1, -(-plan.samples // each))]
    with (
        posthog.served(others, members=MEMBERS) as other_side,
        plan.folder() as folder,
        ours.made(folder, settle="0s", url=other_side.url, others=other_side.organizations) as bridge,
    ):
        people = {}
        with ours.batch(bridge.bridge) as fast:
            for target, connection in {"main": "okta", **dict(zip(others, others, strict=True))}.items():
                leavers = other_side.members[target][: 2 * each]
                people[target] = [ours.hire(fast, connection, address) for address in leavers]
        with process.program(bridge.command("run", "--port", "0"), bridge.log, cores=machine.CORES) as run:
            process.first_line(run, bridge.log)
            told = json.loads((bridge.data / "run.json").read_text())
            bell = RedisBell(queue_server.url(bridge.data))
            # The first looks at so many organizations belong to the start.
            process.until(lambda: _is_quiet(bridge), LIMIT_SECONDS)
            with httpx.Client(headers={"Content-Type": "application/scim+json"}) as client:

                def ring(target: str, record: Record) -> float:
                    ours.leave(bridge.bridge, record)
                    began = time.perf_counter()
                    bell.ring(target)
                    return began

                def request(_target: str, record: Record) -> float:
                    url = told["scim"][record.connection]["url"]
                    operation = {"op": "replace", "path": "active", "value": False}
                    body = {"schemas": [PATCH_OP], "Operations": [operation]}
                    headers = {"Authorization": f"Bearer {bridge.tokens[record.connection]}"}
                    began = time.perf_counter()
                    client.patch(f"{url}/Users/{record.id}", json=body, headers=headers).raise_for_status()
                    return began

                asked = [t for n, p in people.items() for t in _each(bridge, n, p[:each], ring, other_side.asked)]
                yield _row("from the bell to the DELETE", asked)
                removed = [
                    t for n, p in people.items() for t in _each(bridge, n, p[each:], request, other_side.removed)
                ]
                yield _row("from the IdP's request to the removal", removed)


def _each(
    bridge: ours.Ours, target: str, people: Sequence[Record], begin: Callable[[str, Record], float], seen: list[float]
) -> list[float]:
    """Milliseconds from each person's beginning to what is seen of it."""
    took = []
    for record in people:
        known = len(seen)
        began = begin(target, record)
        process.until(lambda known=known: len(seen) > known, LIMIT_SECONDS)  # type: ignore[misc]
        took.append((seen[known] - began) * 1000)
        process.until(lambda: _is_quiet(bridge), LIMIT_SECONDS)
        time.sleep(PAUSE_SECONDS * (1 + random.random()))
    return took


def _is_quiet(bridge: ours.Ours) -> bool:
    """Whether no worker has the claim and nothing is due."""
    with bridge.bridge.db.read() as tx:
        claim = any(tx.execute(t.targets.select().with_only_columns(t.targets.c.claim_token)).scalars())
        due = tx.execute(t.cases.select().where(t.cases.c.due_at <= bridge.bridge.clock.now())).first()
    return not claim and due is None


def _row(what: str, took: Sequence[float]) -> Row:
    values = {"p50 ms": [quantile(took, 0.5)], "p99 ms": [quantile(took, 0.99)], "max ms": [max(took)]}
    return Row(part="removal", what=what, values=values, note=f"{len(took)} people, {MEMBERS} members")
