"""What tests share: a clock that is moved by hand, a store in a temporary folder, and a `Bridge` wired to the sandbox."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from bridge import reconcile
from bridge.core.policy import Mode, Policy
from bridge.ports import Bridge, Connection, QueueState, TargetSettings
from bridge.store import db as store
from bridge.store import targets
from tests.faults import FaultTransport
from tests.players import Idp

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
KEY = "phx_test_key_of_the_bridge"
ENFORCE = Policy(
    mode=Mode.ENFORCE,
    settle=timedelta(seconds=60),
    successors=("noor.haddad@example.com",),
    max_removals=10,
    surroundings_every=None,  # tests count calls; those about the surroundings switch it on
)


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def advance(self, **amount: float) -> None:
        self.time += timedelta(**amount)


@dataclass
class QuietBell:
    """Keeps who was rung for; nobody comes unless the test runs a pass."""

    rung: list[str] = field(default_factory=list)

    def ring(self, target: str) -> None:
        self.rung.append(target)

    def look(self) -> QueueState:
        return QueueState(is_reachable=True, depth=len(self.rung), workers=0)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A migrated SQLite file to copy: migrating once is enough."""
    folder = tmp_path_factory.mktemp("store")
    store.upgrade(f"sqlite:///{folder}/bridge.db", folder)
    return folder / "bridge.db"


def quick(database: store.Database) -> store.Database:
    """Without waiting for the disk: what a test loses, it makes again."""

    @event.listens_for(database.engine, "connect")
    def _relax(connection, _record) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    return database


@pytest.fixture
def db(tmp_path, empty_store) -> Iterator[store.Database]:
    shutil.copy(empty_store, tmp_path / "bridge.db")
    database = quick(store.open_database(f"sqlite:///{tmp_path}/bridge.db", tmp_path))
    yield database
    database.close()


@pytest.fixture
def world(clock):
    from bridge.sandbox import default_world

    return default_world(clock.now, KEY)


@pytest.fixture
def transport(world) -> FaultTransport:
    return connect(world)


def connect(world) -> FaultTransport:
    """How httpx reaches the sandbox without a port, with room for faults."""
    from bridge.sandbox import create_app

    return FaultTransport(httpx.WSGITransport(app=create_app(world)))


@pytest.fixture
def bridge(db, clock, world, transport) -> Bridge:
    return wire(db, clock, world, transport)


def wire(db: store.Database, clock: HandClock, world, transport: httpx.BaseTransport, **policy) -> Bridge:
    """A `Bridge` on the sandbox, as `run` would wire it but for the clock, the bell and the transport."""
    from bridge.remotes.posthog import PostHogTarget
    from bridge.sandbox.people import ORGANIZATION_ID

    settings = TargetSettings(name="main", kind="posthog", url="http://posthog.test", organization_id=ORGANIZATION_ID)
    remote = PostHogTarget(url=settings.url, organization_id=settings.organization_id, api_key=KEY, transport=transport)
    with db.write() as tx:
        targets.ensure(tx, ["main"])
    return Bridge(
        db=db,
        clock=clock,
        bell=QuietBell(),
        connections={name: Connection(name=name, kind=name, targets=("main",)) for name in ("okta", "entra")},
        targets={"main": settings},
        policies={"main": replace(ENFORCE, **policy)},
        remote=lambda _name: remote,
    )


@pytest.fixture
def settle(bridge, clock) -> Callable[..., None]:
    """Let the time go by and do what falls due, as the sweep and the workers would."""

    def run(**amount: float) -> None:
        run_for(bridge, clock, **amount)

    return run


def run_for(bridge: Bridge, clock: HandClock, **amount: float) -> None:
    """Move the clock from one due time to the next until that much has gone by, with a pass at each."""
    end = clock.now() + timedelta(**(amount or {"seconds": 90}))
    while True:
        for _ in range(50):
            due = reconcile.due_targets(bridge)
            if not due:
                break
            for name in due:
                reconcile.run_pass(bridge, name)
        upcoming = next_due(bridge)
        if upcoming is None or upcoming > end:
            clock.time = max(clock.time, end)
            return
        clock.time = max(clock.time + timedelta(milliseconds=1), upcoming)


def next_due(bridge: Bridge) -> datetime | None:
    """When something falls due next at any target, pauses and lost claims considered."""
    from sqlalchemy import func, select

    from bridge.store import tables as t

    with bridge.db.read() as tx:
        found = []
        for target in tx.execute(select(t.targets)):
            case = tx.execute(
                select(func.min(t.cases.c.due_at)).where(t.cases.c.target == target.name, t.cases.c.closed_at.is_(None))
            ).scalar()
            back = tx.execute(select(func.min(t.returns.c.due_at)).where(t.returns.c.target == target.name)).scalar()
            mine = [m for m in (case, back, target.look_due_at) if m is not None]
            if bridge.policies[target.name].surroundings_every is not None and target.looked_at is not None:
                around = select(t.surroundings.c.due_at).where(t.surroundings.c.target == target.name)
                mine.append(tx.execute(around).scalar() or START)
            if mine:
                claimed = target.claimed_until and target.claimed_until + timedelta(milliseconds=1)
                found.append(max(min(mine), *(m for m in (target.paused_until, claimed) if m is not None), START))
        return min(found, default=None)


@pytest.fixture
def okta(bridge) -> Idp:
    return Idp(bridge)


@pytest.fixture
def entra(bridge) -> Idp:
    return Idp(bridge, "entra")


@pytest.fixture
def runtime(monkeypatch) -> Iterator[Path]:
    """A short folder for sockets: pytest's own is too deep for them."""
    folder = tempfile.mkdtemp(prefix="rt-", dir="/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Deeper than a socket's path may be, and with blanks."""
    made = tmp_path / "a folder with blanks" / ("deep" * 25)
    made.mkdir(parents=True)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that start process trees in one worker: side by side they would only slow each other down."""
    for item in items:
        if item.get_closest_marker("process"):
            item.add_marker(pytest.mark.xdist_group("process"))
