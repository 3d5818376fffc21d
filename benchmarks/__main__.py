"""`python3 -m bridge bench`: measures, prints medians with their spread, and ends what it started."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import structlog

from benchmarks import intake, machine, others, plan, recovery, removal, tree
from benchmarks.figures import NotMeasured, Row
from benchmarks.load import need_wrk

PARTS: dict[str, Callable[[plan.Plan], Iterator[Row]]] = {
    "intake": intake.intake,
    "beside": intake.beside,
    "removal": removal.removal,
    "start": tree.starts,
    "memory": tree.memory,
    "recovery": recovery.recovery,
}
"""In the order in which they run."""
PEERS = "peers"
"""The part that installs other people's servers, so that it runs only when it is asked for."""
LOADED = {"intake", "beside", PEERS}
"""Parts that need wrk."""
LIMIT_SECONDS = 3_600
"""The whole run ends then, whatever hangs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; 0 when all of it was measured."""
    asked = _parser().parse_args(arguments)
    parts = asked.only or list(PARTS)
    if asked.peers:
        parts = [*asked.only, PEERS]
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _leave)
    signal.alarm(LIMIT_SECONDS)
    chosen = replace(plan.QUICK if asked.quick else plan.FULL, within=asked.folder)
    chosen = replace(chosen, **{name: value for name in ("runs", "seconds") if (value := getattr(asked, name))})
    if asked.idle:
        chosen = replace(chosen, idle_seconds=asked.idle)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="bench-run-") as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime  # the queue servers' sockets
        try:
            return _measure(parts, chosen, asked.json)
        except NotMeasured as problem:
            print(f"Not measured: {problem}", file=sys.stderr)
            return 1


def _measure(parts: Sequence[str], chosen: plan.Plan, file: Path | None) -> int:
    if LOADED & set(parts):
        need_wrk()
    with chosen.folder() as folder:
        told = machine.description(folder)
    print(", ".join(f"{name} {value}" for name, value in told.items()))
    rows: list[Row] = []
    missing = 0
    for part in parts:
        print(f"\n{part}: {(_part(part).__doc__ or '').splitlines()[0]}", flush=True)
        try:
            for row in _part(part)(chosen):
                print(row.shown(), flush=True)
                rows.append(row)
        except NotMeasured as problem:
            missing += 1
            print(f"  not measured: {problem}", flush=True)
        if file:
            file.write_text(json.dumps({"machine": told, "rows": [row.as_json() for row in rows]}, indent=2) + "\n")
    return 1 if missing else 0


def _part(name: str) -> Callable[[plan.Plan], Iterator[Row]]:
    return others.peers if name == PEERS else PARTS[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m bridge bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short look; the figures say little")
    parser.add_argument("--only", action="append", choices=PARTS, default=[], help="this part; may be repeated")
    parser.add_argument("--peers", action="store_true", help="side by side with scim2-flask and scimmy-routers")
    parser.add_argument("--json", type=Path, help="write all runs to this file too")
    parser.add_argument("--runs", type=int, help="how often each load is run")
    parser.add_argument("--seconds", type=int, help="how long each load lasts")
    parser.add_argument("--idle", type=int, help="seconds over which an idle tree is watched")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where to write: that disk is measured"
    )
    return parser


def _leave(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
