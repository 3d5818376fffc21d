"""Whom nobody speaks for, as the page shows it. Read anew now and then only, since it takes every member to say.

May import: `store`, `ports`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.ports import Bridge
from bridge.store import coverage
from bridge.store.coverage import Coverage
from bridge.store.db import Tx

MOST_NAMED = 3
"""Members that the page names; the command lists all."""
REST = 20
"""So many times as long as a reading took goes by until the next: at once for tens of people, seconds for thousands."""


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One target's people in numbers, and some of those for whom nobody speaks."""

    count: int
    people: int
    named: tuple[tuple[str, bool], ...]
    """Addresses, and whether they are protected."""
    more: int
    """How many more there are than those."""


class Reader:
    """Keeps what was read last. Threads may use it at once: the worst is that two of them read."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._kept: Mapping[str, Covered] = {}
        self._good_until = 0.0

    def read(self, tx: Tx) -> Mapping[str, Covered]:
        """By target; those that were never looked at are left out."""
        began = time.monotonic()
        if began >= self._good_until:
            bridge = self._bridge
            found = coverage.of_each(tx, bridge.connections, bridge.targets, bridge.policies)
            self._kept = {name: _in_short(each) for name, each in found.items() if each.as_of is not None}
            ended = time.monotonic()
            self._good_until = ended + REST * (ended - began)
        return self._kept


def _in_short(found: Coverage) -> Covered:
    uncovered = found.uncovered
    return Covered(
        count=found.covered,
        people=len(found.people),
        named=tuple((s.member.email, s.is_protected) for s in uncovered[:MOST_NAMED]),
        more=len(uncovered[MOST_NAMED:]),
    )
