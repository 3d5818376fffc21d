"""The other side: the sandbox's PostHog in a thread of ours, with as many members as wanted and no throttle.

It keeps when each DELETE of a member arrived and when it was done, on the clock of `time.perf_counter`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import waitress

from benchmarks import machine
from benchmarks.ours import KEY
from bridge import serving
from bridge.sandbox import ORGANIZATION_ID, OWNER, World, create_app
from bridge.sandbox.people import BRIDGE, SCOPES

THREADS = 4


@dataclass(kw_only=True)
class OtherSide:
    """A PostHog that answers."""

    url: str
    organizations: dict[str, str]
    """Ids by name, without the one that is named `main`."""
    members: dict[str, list[str]]
    """Addresses by the organization's name."""
    asked: list[float] = field(default_factory=list)
    """When each DELETE of a member arrived."""
    removed: list[float] = field(default_factory=list)
    """When it was done."""
    slow_seconds: float = 0.0
    """How long each DELETE of a member takes more than it has to."""


@contextmanager
def served(others: Sequence[str] = (), members: int = 0) -> Iterator[OtherSide]:
    """PostHog with that many members in `main` and in each other organization, on the client's core."""
    world = World(lambda: datetime.now(UTC))  # noqa: TID251 - the other side has a clock of its own
    world.is_throttling = False
    world.add_organization("main", organization_id=ORGANIZATION_ID)
    ids = {"main": ORGANIZATION_ID} | {name: world.add_organization(name).id for name in others}
    addresses = {name: [f"{name}{number}@example.com" for number in range(members)] for name in ids}
    for name, organization in ids.items():
        world.add_member(BRIDGE, OWNER, organization=organization)
        for address in addresses[name]:
            world.add_member(address, organization=organization)
    world.add_key(BRIDGE, KEY, scopes=SCOPES)
    listening = serving.listen("127.0.0.1", 0)
    this = OtherSide(
        url=serving.address(listening),
        organizations={name: each for name, each in ids.items() if name != "main"},
        members=addresses,
    )
    server = waitress.create_server(_Noting(create_app(world), this), sockets=[listening], threads=THREADS)
    with machine.on(machine.CLIENT):
        threading.Thread(target=server.run, name="posthog", daemon=True).start()
    try:
        yield this
    finally:
        server.close()


class _Noting:
    def __init__(self, application: Any, this: OtherSide) -> None:
        self._application, self._this = application, this

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_removal = environ["REQUEST_METHOD"] == "DELETE" and "/members/" in environ["PATH_INFO"]
        if is_removal:
            self._this.asked.append(time.perf_counter())
            time.sleep(self._this.slow_seconds)
        answer: Iterable[bytes] = self._application(environ, start_response)
        if is_removal:
            self._this.removed.append(time.perf_counter())
        return answer
