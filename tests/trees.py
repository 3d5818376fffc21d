"""Real process trees for tests: start one, talk to it as an identity provider does, kill parts of it, look at the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

import bridge
from bridge import serving
from bridge.sandbox import World, create_app, default_world
from bridge.sandbox.people import ORGANIZATION_ID
from tests.conftest import KEY

PACKAGE = Path(bridge.__file__).parent.parent
PROGRAM = ("-m", "bridge.cli")
PATCH_OUT = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "value": {"active": False}}],
}
TRY_AGAIN = frozenset({0, 429, 500, 502, 503, 504})
"""Answers after which an identity provider asks again; 0 is no answer at all."""


class Run:
    """One `run`, and what it said."""

    def __init__(self, folder: Path, *arguments: str, program: tuple[str, ...] = PROGRAM, **environ: str) -> None:
        self.folder = folder
        with (folder / "said").open("a") as said:
            self.process = subprocess.Popen(
                [sys.executable, *program, "run", *arguments],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(PACKAGE)} | environ,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self.ready = self.process.stdout.readline() if self.process.stdout else ""
        self.file = folder / "data" / "run.json"
        assert self.ready.startswith("Ready: http://127.0.0.1:"), self.said

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    @property
    def told(self) -> dict:
        return json.loads(self.file.read_text())

    def pid(self, name: str) -> int:
        return self.told["pids"][name]

    def forks(self) -> list[int]:
        """The forks that do a job now."""
        found = []
        for name, pid in self.told["pids"].items():
            if name.startswith("worker"):
                found += children(pid)
        return found

    def kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def end_hard(self) -> None:
        """Kill the supervisor, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> float:
        began = time.monotonic()
        self.process.terminate()
        assert self.process.wait(timeout=12) == 0, self.said
        self.process.stdout.close()
        return time.monotonic() - began


class Posthog:
    """The sandbox over real HTTP, served from this process, so that its world and its log of calls outlive the bridge."""

    def __init__(self, *, slow_seconds: float = 0.0) -> None:
        self.world: World = default_world(now, KEY)
        self.slow_seconds = slow_seconds
        self._app = create_app(self.world)
        listening = serving.listen("127.0.0.1", 0)
        self.url = serving.address(listening)
        self._server = serving.waitress.create_server(self._answer, sockets=[listening], threads=8)
        threading.Thread(target=self._server.run, daemon=True).start()

    def _answer(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "DELETE":
            time.sleep(self.slow_seconds)
        return self._app(environ, start_response)

    def close(self) -> None:
        self._server.close()

    def removals(self) -> list[tuple[str, int, float]]:
        """Every DELETE of a member so far: the account, the answer and its age in seconds, in order."""
        calls = [c for c in list(self.world.calls) if c.method == "DELETE" and "/members/" in c.path]
        return [(c.path.rstrip("/").rpartition("/")[2], c.status, (now() - c.at).total_seconds()) for c in calls]

    def config(self, folder: Path, **policy: object) -> None:
        """Write the configuration of a bridge that works on this organization, with that policy."""
        lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in policy.items())
        (folder / "config.toml").write_text(
            f"""
[server]
port = 0
[policy]
mode = "enforce"
{lines}
[targets.main]
url = "{self.url}"
organization_id = "{ORGANIZATION_ID}"
api_key_env = "POSTHOG_API_KEY"
[connections.okta]
kind = "okta"
targets = ["main"]
[connections.entra]
kind = "entra"
targets = ["main"]
"""
        )


class Client:
    """Okta or Entra at one connection: asks again until it is answered, wherever the bridge is by then."""

    def __init__(self, folder: Path, connection: str = "okta", token: str = "") -> None:
        self._folder, self._connection = folder, connection
        self._token = token or command(folder, "token", "create", connection).strip()

    def ask(self, method: str, path: str, body: object = None, *, seconds: float = 30.0) -> tuple[int, dict]:
        """One request; status 0 when nobody answers."""
        try:
            told = json.loads((self._folder / "data" / "run.json").read_text())
            url = told["scim"][self._connection]["url"] + path
        except (OSError, ValueError):
            return 0, {}
        request = urllib.request.Request(
            url,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/scim+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                return response.status, json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}
        except (OSError, ValueError, HTTPException):
            return 0, {}

    def insist(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        """The same until there is an answer that is not "try again"; the pause is shorter than an IdP's."""
        while True:
            status, answered = self.ask(method, path, body)
            if status not in TRY_AGAIN:
                return status, answered
            time.sleep(0.1)

    def create(self, address: str) -> str:
        """The record's id, whether it was made now or by an earlier try whose answer was lost."""
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": address,
            "externalId": f"x-{address}",
            "active": True,
            "emails": [{"value": address, "type": "work", "primary": True}],
        }
        status, answered = self.insist("POST", "/Users", body)
        if status == 409:
            wanted = quote(f'userName eq "{address}"')
            status, answered = self.insist("GET", f"/Users?filter={wanted}")
            return answered["Resources"][0]["id"]
        assert status == 201, status
        return answered["id"]

    def deactivate(self, record_id: str) -> None:
        status, answered = self.insist("PATCH", f"/Users/{record_id}", PATCH_OUT)
        assert (status, answered["active"]) == (200, False)


def command(folder: Path, *arguments: str, statuses: tuple[int, ...] = (0,)) -> str:
    """What a command of ours prints."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE), "POSTHOG_API_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in statuses, done.stdout + done.stderr
    return done.stdout


def children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def processes_of(folder: Path) -> list[int]:
    """Every living process that works in that folder."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                where = (each / "cwd").resolve()
            except OSError:
                continue
            if where.is_relative_to(folder) and is_alive(int(each.name)):
                found.append(int(each.name))
    return found


def answer(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_until(condition, seconds: float = 10.0, said=lambda: "it did not happen") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def are_steady(run: Run, seconds: float = 1.5) -> bool:
    before = run.told["pids"]
    time.sleep(seconds)
    return run.told["pids"] == before and all(is_alive(pid) for pid in before.values())


def now() -> datetime:
    """The real time: these processes have no other."""
    return datetime.fromtimestamp(time.time(), UTC)
