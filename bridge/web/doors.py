"""The ways back at each target, as the page shows them. Read anew now and then only, since it takes every member.

May import: `store`, `ports`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from bridge.ports import Bridge
from bridge.store import ways
from bridge.store.db import Tx
from bridge.store.ways import Ways
from bridge.web.covered import REST


class Reader:
    """Keeps what was read last. Threads may use it at once: the worst is that two of them read."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._kept: Mapping[str, Ways] = {}
        self._good_until = 0.0

    def read(self, tx: Tx) -> Mapping[str, Ways]:
        """By target; those without a way and without a gap are left out."""
        began = time.monotonic()
        if began >= self._good_until:
            found = {name: ways.of_target(tx, name) for name in self._bridge.targets}
            self._kept = {name: each for name, each in found.items() if each.ways or each.gaps}
            ended = time.monotonic()
            self._good_until = ended + REST * (ended - began)
        return self._kept
