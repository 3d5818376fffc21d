"""The bridge as it is measured: a folder with its configuration and store, filled through its own intake, and its web process."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import load, machine, process
from bridge import bootstrap, config, intake
from bridge.core.record import Record
from bridge.ports import Bridge, QueueState
from bridge.queue_server import QueueServer
from bridge.sandbox import ORGANIZATION_ID
from bridge.sources.scim import resources
from bridge.store import tokens
from bridge.store.db import Database, Tx
from bridge.timekeeping import Timekeeper

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
AT_ONCE = 500
"""Users that share a transaction while seeding; served requests share none."""

CONFIG = """
[policy]
mode = "enforce"
settle = "{settle}"
watch_first = ["30m"]
watch_every = "30m"
max_removals = 1000000
max_share = 1.0
{targets}
[connections.okta]
kind = "okta"
targets = ["main"]
"""
TARGET = """
[targets.{name}]
url = "{url}"
organization_id = "{organization}"
api_key_file = "{key_file}"
"""
CONNECTION = """
[connections.{name}]
kind = "okta"
targets = ["{name}"]
"""
KEY = "phx_the_key_of_the_benchmark"
NOBODY = "http://127.0.0.1:9"
"""A target's address where nothing listens: nobody is removed while intake is measured."""


@dataclass
class Ours:
    """One bridge in a folder of its own."""

    folder: Path
    settings: config.Settings
    bridge: Bridge
    users: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    """By connection."""

    @property
    def token(self) -> str:
        """The token of connection `okta`."""
        return self.tokens["okta"]

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.settings.data_dir

    @property
    def log(self) -> Path:
        """Where its processes write their log lines."""
        return self.folder / "log"

    def command(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of its parts."""
        chosen = ["--config", str(self.folder / "config.toml"), "--data", str(self.data)]
        return [sys.executable, "-m", "bridge.cli", *chosen, name, *arguments]

    def grow(self, users: int) -> None:
        """Have that many users: the rows that as many POSTs would make."""
        for first in range(self.users, users, AT_ONCE):
            with batch(self.bridge) as fast:
                for number in range(first, min(first + AT_ONCE, users)):
                    hire(fast, "okta", f"user{number}@example.com")
        self.users = max(self.users, users)


@contextmanager
def made(
    folder: Path, *, settle: str = "10m", url: str = NOBODY, others: dict[str, str] | None = None
) -> Iterator[Ours]:
    """A bridge with target `main` at that URL, not started. `others`: further targets, by name their organization."""
    key_file = folder / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    organizations = {"main": ORGANIZATION_ID, **(others or {})}
    targets = [
        TARGET.format(name=name, url=url, organization=organization, key_file=key_file)
        for name, organization in organizations.items()
    ]
    connections = [CONNECTION.format(name=name) for name in others or {}]
    file = folder / "config.toml"
    file.write_text(CONFIG.format(settle=settle, targets="".join(targets)) + "".join(connections))
    settings = config.load(file, folder / "data", {})
    settings.data_dir.mkdir()
    bootstrap.prepare_store(settings)
    bridge = bootstrap.build(settings, bell=NoBell())
    Timekeeper(bridge, bootstrap.system_clock(settings.data_dir)).check()  # as `run` does before its web process starts
    ours = Ours(folder=folder, settings=settings, bridge=bridge)
    with bridge.db.write() as tx:
        for connection in settings.connections:
            ours.tokens[connection] = tokens.create(tx, connection, bridge.clock.now())
    yield ours
    bridge.db.close()


@contextmanager
def served(ours: Ours) -> Iterator[tuple[load.Server, int]]:
    """Its queue server and its web process at work, the bell on; the address to load, and the web's process id."""
    queue = QueueServer(ours.data)
    with machine.on(machine.CLIENT):
        queue.start()
    try:
        with process.program(ours.command("web", "--port", "0"), ours.log, cores=machine.SERVER) as web:
            url = process.first_line(web, ours.log).split()[-1]
            server = load.Server(url=f"{url}/scim/v2/okta", token=ours.token, users=ours.users, ids=ours.folder / "ids")
            load.take_ids(server)
            yield server, web.pid
    finally:
        queue.stop()


def hire(bridge: Bridge, connection: str, address: str) -> Record:
    """What a POST of that user does."""
    body: dict[str, Any] = {
        "schemas": [USER],
        "userName": address,
        "active": True,
        "name": {"givenName": "Ada", "familyName": "Byte"},
        "emails": [{"value": address, "type": "work", "primary": True}],
    }
    record = resources.created(
        body, resource_type="User", record_id=str(uuid.uuid4()), connection=connection, now=bridge.clock.now()
    )
    stored = intake.change(bridge, bridge.connections[connection], "User", None, lambda _: record)
    assert stored is not None
    return stored


def leave(bridge: Bridge, record: Record) -> None:
    """What a PATCH of `active` to false does."""
    intake.change(bridge, bridge.connections[record.connection], "User", record.id, _inactive)


def earlier(bridge: Bridge, **ago: float) -> Bridge:
    """The same bridge with a clock that is behind: what it opens is due already."""
    return replace(bridge, clock=_Behind(bridge, timedelta(**ago)))


@contextmanager
def batch(bridge: Bridge) -> Iterator[Bridge]:
    """The same bridge, whose writes until the end are one transaction: the same rows, one wait for the disk."""
    with bridge.db.write() as tx:
        yield replace(bridge, db=_Joined(bridge.db, tx))


class _Joined(Database):
    """A store whose transactions all join one that is open."""

    def __init__(self, db: Database, tx: Tx) -> None:
        self.__dict__.update(vars(db))
        self._tx = tx

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """The open transaction."""
        yield self._tx


class _Behind:
    def __init__(self, bridge: Bridge, ago: timedelta) -> None:
        self._clock, self._ago = bridge.clock, ago

    def now(self) -> datetime:
        return self._clock.now() - self._ago


class NoBell:
    """Rings for nobody."""

    def ring(self, target: str) -> None:
        """Nothing."""

    def look(self) -> QueueState:
        """Unreachable."""
        return QueueState(is_reachable=False)


def _inactive(stored: Record | None) -> Record:
    assert stored is not None
    return replace(stored, is_active=False)
