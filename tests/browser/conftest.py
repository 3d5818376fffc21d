"""The status page in a real browser: served from this process, on a clock of its own, over a loopback port."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bridge import login
from bridge.cli import browser as chromium
from bridge.ports import Bridge, QueueState
from bridge.store import db as store
from bridge.web import create_app
from tests.conftest import KEY, HandClock, connect, quick, run_for, wire
from tests.players import BEN, GRACE, MAYA, SAMUEL, Idp

expect.set_options(timeout=20_000)
LOST = "Failed to load resource"
"""How Chromium tells that an answer was none or an error; all else in its console is a mistake of the page."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these in one worker, so that one browser is enough."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def chrome():
    if chromium.program() is None:
        if os.environ.get("CI"):
            pytest.fail(f"{chromium.MISSING}; .ci/run does it", pytrace=False)
        pytest.skip(chromium.MISSING)
    with chromium.opened() as browser:
        yield browser


class StillBell:
    def ring(self, target: str) -> None:
        pass

    def look(self) -> QueueState:
        return QueueState(is_reachable=True, depth=0, workers=2)


class Silent(WSGIRequestHandler):
    def log(self, *_) -> None:
        pass


@dataclass
class Site:
    """A bridge whose page is served; time stands still until it is moved."""

    bridge: Bridge
    clock: HandClock
    world: object
    folder: Path
    is_sandbox: bool = False
    server: BaseWSGIServer | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def open(self) -> None:
        app = create_app(self.bridge, data_dir=self.folder, is_sandbox=self.is_sandbox)

        def counted(environ, start):
            self.asked.append(environ["PATH_INFO"])
            # Read here, since werkzeug leaves an answer open when the browser has gone before it was sent.
            with closing(app(environ, start)) as answer:
                return list(answer)

        self.server = make_server("127.0.0.1", self.port, counted, threaded=True, request_handler=Silent)
        self.server.daemon_threads = False
        self.port = self.server.port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def address(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def link(self) -> str:
        return self.address(f"/login?token={login.new_login_token(self.folder)}")

    def let_pass(self, **amount: float) -> None:
        run_for(self.bridge, self.clock, **amount)


def site(folder: Path, template: Path) -> Site:
    from bridge.sandbox import default_world

    shutil.copy(template, folder / "bridge.db")
    database = quick(store.open_database(f"sqlite:///{folder}/bridge.db", folder))
    clock = HandClock()
    world = default_world(clock.now, KEY)
    bridge = replace(wire(database, clock, world, connect(world)), bell=StillBell())
    return Site(bridge=bridge, clock=clock, world=world, folder=folder)


@pytest.fixture
def fresh(tmp_path, empty_store) -> Iterator[Site]:
    """Nothing has happened yet, and everything may."""
    found = site(tmp_path, empty_store)
    found.open()
    yield found
    found.close()
    found.bridge.db.close()


@pytest.fixture(scope="package")
def busy(tmp_path_factory, empty_store) -> Iterator[Site]:
    """Something of everything. To be looked at only.

    1 is watched and came back; 2 is held alone; 3 to 6 are one batch; 7 settles; 8 was let be.
    """
    from bridge import decisions

    found = site(tmp_path_factory.mktemp("busy"), empty_store)
    okta, entra = Idp(found.bridge), Idp(found.bridge, "entra")
    okta.deactivate(okta.create(GRACE))
    found.let_pass(minutes=25)
    found.world.login(GRACE)
    found.let_pass(minutes=25)
    entra.create(BEN)
    okta.deactivate(okta.create(BEN))
    found.let_pass(minutes=12)
    for name in ("alice.moreau", "chiara.russo", "daniel.kim", "elif.yilmaz"):
        okta.deactivate(okta.create(f"{name}@example.com"))
    found.let_pass(minutes=4)
    okta.deactivate(okta.create(MAYA))
    okta.deactivate(okta.create(SAMUEL))
    decisions.cancel(found.bridge, 8, by="lea", reason="stays until June")
    found.clock.advance(seconds=20)
    found.open()
    yield found
    found.close()
    found.bridge.db.close()


@pytest.fixture
def visit(chrome, request) -> Iterator[Callable]:
    """Opens a site's page in a browser window of its own, logged in; at the end nothing may have gone wrong in it."""
    contexts, troubles = [], []

    def to(where: Site, path: str = "/", *, is_alone: bool = False, **settings):
        """`is_alone`: the page's questions get no answer, so that only its own script moves anything."""
        context = chrome.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: said.type in {"error", "warning"} and troubles.append(said.text))
        if is_alone:
            page.route("**/live", lambda _route: None)
        page.goto(where.link())
        if path != "/":
            page.goto(where.address(path))
        return page

    to.troubles = troubles
    yield to
    for context in contexts:
        context.close()
    may_fail = request.node.get_closest_marker("server_fails") is not None
    assert [t for t in troubles if not (may_fail and t.startswith(LOST))] == []
