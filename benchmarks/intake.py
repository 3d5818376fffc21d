"""The SCIM endpoint under load: finding and writing in stores of several sizes, and writing beside two workers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import load, machine, ours, posthog, process
from benchmarks.figures import Row, ratios
from benchmarks.plan import Plan
from bridge.core.record import Record

WRITES = {"patch": "PATCH active false, true, …", "post": "POST /Users"}
MODES = {"filter": 'GET userName eq "…"', **WRITES}
START_SECONDS = 30
"""In which the workers have begun."""
WORKERS = ("left", "right")
"""Each has a target of its own to work on, since only one worker at a time has the claim on a target."""


def intake(plan: Plan) -> Iterator[Row]:
    """Answers a second with everything on disk before each, beside a plain Flask + SQLite insert."""
    with plan.folder() as folder, ours.made(folder) as bridge, _baseline(folder) as plain:
        for size in plan.sizes:
            bridge.grow(size)
            with ours.served(bridge) as (server, web):
                turns = {what: partial(load.run, server, mode, plan.seconds) for mode, what in MODES.items()}
                turns["plain Flask + SQLite insert"] = partial(load.run, plain, "post", plan.seconds)
                found = load.rounds(turns, plan.runs)
                *mine, (other, baseline) = found.items()
                for what, loads in mine:
                    compared = ratios([each.rate for each in loads], [each.rate for each in baseline])
                    yield row("intake", f"{what}, {size:,} users", loads, **{"x plain": compared})
                yield row("intake", other, baseline)
                memory = {"MB": [machine.memory_mb(web)]}
                yield Row(part="intake", what=f"memory of the web process, {size:,} users", values=memory)


def beside(plan: Plan) -> Iterator[Row]:
    """Writing while two workers remove people from two organizations, on the other core."""
    people = plan.leavers * plan.runs * len(WRITES)
    with ExitStack() as stack:
        other_side = stack.enter_context(posthog.served(WORKERS, people))
        folder = stack.enter_context(plan.folder())
        made = ours.made(folder, url=other_side.url, others=other_side.organizations)
        bridge = stack.enter_context(made)
        bridge.grow(plan.sizes[0])
        waiting = [_hired(bridge, name, other_side.members[name]) for name in WORKERS]
        server, _ = stack.enter_context(ours.served(bridge))
        for part in ("worker", "worker", "sweep"):
            stack.enter_context(process.program(bridge.command(part), bridge.log, cores=machine.CLIENT))
        gone = 0
        for mode, what in WRITES.items():
            found, removed = [], []
            for _ in range(plan.runs):
                more = plan.leavers - (gone - len(other_side.removed)) // len(WORKERS)
                for people_there in waiting:
                    _go(bridge, [people_there.pop() for _ in range(more)])
                gone += more * len(WORKERS)
                known = len(other_side.removed)  # the sweep rings for them: until then nobody would work beside
                process.until(lambda known=known: len(other_side.removed) > known, START_SECONDS)  # type: ignore[misc]
                before = len(other_side.removed)
                found.append(load.run(server, mode, plan.seconds))
                removed.append((len(other_side.removed) - before) / plan.seconds)
            yield row("beside", what, found, **{"removed/s": removed})


def row(part: str, what: str, loads: Sequence[load.Load], **more: Sequence[float]) -> Row:
    """The runs as a row."""
    values = {
        "/s": [each.rate for each in loads],
        "p50 ms": [each.p50 for each in loads],
        "p99 ms": [each.p99 for each in loads],
    }
    return Row(part=part, what=what, values=values | more)


def _hired(bridge: ours.Ours, connection: str, addresses: Sequence[str]) -> list[Record]:
    with ours.batch(bridge.bridge) as fast:
        return [ours.hire(fast, connection, address) for address in addresses]


def _go(bridge: ours.Ours, people: Sequence[Record]) -> None:
    """Have those people leave long enough ago that they are due."""
    with ours.batch(ours.earlier(bridge.bridge, minutes=11)) as fast:
        for each in people:
            ours.leave(fast, each)


@contextmanager
def _baseline(folder: Path) -> Iterator[load.Server]:
    port = process.free_port()
    command = [sys.executable, "-m", "benchmarks.baseline", str(folder / "baseline.db"), str(port)]
    log = folder / "baseline.log"
    with process.program(command, log, cores=machine.SERVER) as running:
        url = f"http://127.0.0.1:{port}"
        process.wait_for(url, running, log)
        yield load.Server(url=url, token="", users=0, ids=folder / "none")
