"""Load on one HTTP server: wrk on the client's core, eight connections, every answer checked for its status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from benchmarks import machine
from benchmarks.figures import NotMeasured

CONNECTIONS = 8
"""What the figures of other servers are measured with, and what an identity provider's provisioning job opens."""
SPARE_SECONDS = 30
SCRIPT = Path(__file__).with_suffix(".lua")
PATCHED = 200
"""How many of the users are deactivated and activated in turn."""
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_runs = count(1)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A SCIM server that answers, and the users in it: `user0@example.com` and so on."""

    url: str
    """Up to the connection's name."""
    token: str
    users: int
    ids: Path
    """A file with the ids of `PATCHED` of them."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run: answers a second, and how long they took in milliseconds."""

    rate: float
    p50: float
    p99: float


def need_wrk() -> None:
    """Raises: `NotMeasured` on a machine without wrk."""
    if shutil.which("wrk") is None:
        raise NotMeasured("wrk is not on this machine. On Debian and Ubuntu: apt-get install -y wrk")


def run(server: Server, mode: str, seconds: int) -> Load:
    """One run of `filter`, `patch` or `post`. Raises: `NotMeasured` when any request was refused."""
    address = httpx.URL(server.url)
    environ = os.environ | {
        "MODE": mode,
        "BASE": address.path.rstrip("/"),
        "TOKEN": server.token,
        "USERS": str(server.users),
        "IDS": str(server.ids),
        "RUN": f"{os.getpid()}x{next(_runs)}",
    }
    origin = f"{address.scheme}://{address.host}:{address.port}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", str(SCRIPT), origin]
    with machine.on(machine.CLIENT):
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=seconds + SPARE_SECONDS, check=False
        )
    said = [line for line in done.stdout.splitlines() if line.startswith('{"seconds"')]
    if not said:
        raise NotMeasured(f"wrk said: {(done.stderr or done.stdout).strip()[-500:]}")
    told = json.loads(said[0])
    if told["refused"] or told["failed"] or not told["requests"]:
        raise NotMeasured(
            f"{mode}: {told['refused']} of {told['requests']} requests were refused and {told['failed']} failed."
        )
    return Load(rate=told["requests"] / told["seconds"], p50=told["p50"], p99=told["p99"])


def rounds(turns: Mapping[str, Callable[[], Load]], runs: int) -> dict[str, list[Load]]:
    """Every turn once, and again, `runs` times, so that neighbours in time can be compared; each turn's runs."""
    found: dict[str, list[Load]] = {name: [] for name in turns}
    for _ in range(runs):
        for name, turn in turns.items():
            found[name].append(turn())
    return found


def take_ids(server: Server) -> None:
    """Look up the ids to patch, and see that a deactivation has effect. Raises: `NotMeasured` when it has none."""
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/scim+json"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client, server.ids.open("w") as file:
        for number in range(0, server.users, max(1, server.users // PATCHED)):
            answer = client.get("/Users", params={"filter": f'userName eq "user{number}@example.com"'})
            found = answer.json().get("Resources", [])
            if len(found) != 1:
                raise NotMeasured(
                    f"user{number}@example.com was found {len(found)} times (status {answer.status_code})"
                )
            file.write(found[0]["id"] + "\n")
        one = f"/Users/{found[0]['id']}"
        for active in (False, True):
            operation = {"op": "replace", "path": "active", "value": active}
            client.patch(one, json={"schemas": [PATCH_OP], "Operations": [operation]})
            if client.get(one).json().get("active") is not active:
                raise NotMeasured(f"active: {active} was answered and had no effect")
