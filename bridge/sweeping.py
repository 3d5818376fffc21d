"""The sweep: rings for what is due. The store is the agenda, so a ring that was lost is rung again.

May import: `worker`, for what a ring is called, and what lies below it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from bridge import inquiries, reconcile
from bridge.ports import Bridge
from bridge.store.db import StoreGone
from bridge.worker import FOR_INQUIRIES, REPEAT_SECONDS

SWEEP_SECONDS = 1.0
INQUIRE_SECONDS = 30.0
"""How often inquiries are rung for: nobody waits for them, and one that made room is not to begin anew at once."""

log = structlog.get_logger()


def sweep(bridge: Bridge, stop: threading.Event, first: Callable[[], None]) -> None:
    """Ring for every target with something due, each second until told to stop. Harmless when two do it.

    `first` is called before each round: it looks at the clock that due times go by.
    Raises: `StoreGone` when the store's log was taken away: whoever goes on loses what is committed.
    """
    told_at: float | None = None
    ring = Ringing(bridge).ring

    def look() -> None:
        with bridge.db.write():
            pass
        first()

    while not stop.wait(SWEEP_SECONDS):
        # A clock that cannot be looked at keeps nobody in: our time goes on as it was agreed.
        for part in (look, ring):
            try:
                part()
            except StoreGone:
                raise
            except Exception as error:  # noqa: BLE001 - the store may be away for a while; the sweep must outlive that
                if told_at is None or time.monotonic() - told_at > REPEAT_SECONDS:
                    told_at = time.monotonic()
                    log.warning("sweep_failed", error=str(error), kind=type(error).__name__)


class Ringing:
    """Who is rung for in each round."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._inquired_at: float | None = None

    def ring(self) -> None:
        """Ring for what is due; when nothing is, now and then for what is to be collected.

        A pass rings for that too, but where nobody is watched any more there may be none for a day.
        """
        due = reconcile.due_targets(self._bridge)
        for target in due:
            self._bridge.bell.ring(target)
        now = time.monotonic()
        if due or (self._inquired_at is not None and now - self._inquired_at < INQUIRE_SECONDS):
            return
        self._inquired_at = now
        for target in inquiries.due_targets(self._bridge):
            self._bridge.bell.ring(FOR_INQUIRIES + target)
