"""Side by side with other SCIM servers: the same load, the same cores, turn by turn, so that ratios can be read.

Their SQLite runs with synchronous=NORMAL and stores the resource; ours runs with FULL and stores event, case and audit
beside it. What is not installed yet is installed into `.bench/`, with pip and npm, at the first run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import load, machine, ours, process
from benchmarks.figures import NotMeasured, Row, ratios
from benchmarks.intake import MODES, row
from benchmarks.plan import Plan

HERE = Path(__file__).parent / "peers"
KEPT = Path(__file__).parent.parent / ".bench"
"""Where the peers' libraries stay between runs; nothing else is ever in it."""
INSTALL_SECONDS = 600
TOKEN = "secret"
PYTHON_PACKAGES = ("scim2-flask>=0.1.1", "gunicorn>=23")
NODE_PACKAGES = ("express", "scimmy", "scimmy-routers", "better-sqlite3")


def peers(plan: Plan) -> Iterator[Row]:
    """Ours and others with the largest store: web process on one core, bell on, no worker."""
    size = plan.sizes[-1]
    with ExitStack() as stack:
        found: dict[str, load.Server] = {}
        folder = stack.enter_context(plan.folder())
        bridge = stack.enter_context(ours.made(folder))
        bridge.grow(size)
        found["ours"], web = stack.enter_context(ours.served(bridge))
        missing: list[str] = []
        for name, start in PEERS.items():
            try:
                found[name] = stack.enter_context(_served(start, stack.enter_context(plan.folder()), size))
            except NotMeasured as problem:
                missing.append(f"{name}: {problem}")
        for mode, what in MODES.items():
            turns = {name: partial(load.run, server, mode, plan.seconds) for name, server in found.items()}
            loads = load.rounds(turns, plan.runs)
            mine = [each.rate for each in loads["ours"]]
            for name, theirs in loads.items():
                compared = {} if name == "ours" else {"ours to it": ratios(mine, [each.rate for each in theirs])}
                yield row("peers", f"{what}, {size:,} users, {name}", theirs, **compared)
        memory = {"MB": [machine.memory_mb(web)]}
        yield Row(part="peers", what=f"memory of our web process, {size:,} users", values=memory)
    if missing:
        raise NotMeasured("; ".join(missing))


def scim2_flask(port: int) -> list[str]:
    """scim2-flask under gunicorn: one process, four threads. Raises: `NotMeasured` when it cannot be installed."""
    python = KEPT / "venv" / "bin" / "python"
    if not python.with_name("gunicorn").exists():
        _install([sys.executable, "-m", "venv", str(KEPT / "venv")])
        _install([str(python), "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES])
    threads = ["-k", "gthread", "--threads", "4", "-w", "1", "--keep-alive", "60", "--timeout", "300"]
    where = ["--chdir", str(HERE), "-b", f"127.0.0.1:{port}", "--log-level", "warning"]
    return [str(python), "-m", "gunicorn", *threads, *where, "scim2_flask_sqlite:create_app()"]


def scimmy_routers(_port: int) -> list[str]:
    """scimmy-routers on Express. Raises: `NotMeasured` without Node.js, or when it cannot be installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotMeasured("Node.js with npm is not on this machine (Debian and Ubuntu: apt-get install -y npm)")
    there = KEPT / "node"
    if not (there / "node_modules" / "scimmy-routers").is_dir():
        there.mkdir(parents=True, exist_ok=True)
        _install([npm, "install", "--no-audit", "--no-fund", "--prefix", str(there), *NODE_PACKAGES])
    script = there / "scimmy_sqlite.mjs"  # Node looks for libraries beside the script
    shutil.copy(HERE / script.name, script)
    return [node, str(script)]


PEERS: Mapping[str, Callable[[int], list[str]]] = {
    "scim2-flask": scim2_flask,
    "scimmy-routers": scimmy_routers,
}


@contextmanager
def _served(start: Callable[[int], list[str]], folder: Path, users: int) -> Iterator[load.Server]:
    port, log = process.free_port(), folder / "log"
    environ = os.environ | {"BENCH_DIR": str(folder), "SEED": str(users), "TOKEN": TOKEN, "PORT": str(port)}
    with process.program(start(port), log, cores=machine.SERVER, environ=environ) as running:
        server = load.Server(url=f"http://127.0.0.1:{port}/scim/v2", token=TOKEN, users=users, ids=folder / "ids")
        process.wait_for(f"{server.url}/ServiceProviderConfig", running, log)
        load.take_ids(server)
        yield server


def _install(command: list[str]) -> None:
    KEPT.mkdir(exist_ok=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMeasured(f"it cannot be installed: {error}") from error
    if done.returncode:
        raise NotMeasured(f"it cannot be installed: {(done.stderr or done.stdout).strip()[-300:]}")
