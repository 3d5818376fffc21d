"""The members of a target as the last look showed them, and a newer look when that is too old.

No command looks at PostHog itself for this: the workers have the key, and keep what they saw.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from bridge.core.wording import ago
from bridge.ports import Bridge, Declined
from bridge.store import members, targets

FRESH = timedelta(hours=1)
"""How old a look may be before commands that list members ask for another."""

EVERY_SECONDS = 0.3
"""How often it is asked whether the look has come."""


def seen(bridge: Bridge, target: str, *, wait_seconds: float, within: timedelta = FRESH) -> datetime:
    """When the target was last looked at, no longer ago than `within`; asks the workers and waits when it was.

    Raises: `Declined` when no look came in that time.
    """
    before = _looked_at(bridge, target)
    now = bridge.clock.now()
    if before is not None and now - before <= within:
        return before
    with bridge.db.write() as tx:
        targets.ensure(tx, [target])
        targets.want_look(tx, target, now)
    bridge.bell.ring(target)
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        time.sleep(EVERY_SECONDS)
        found = _looked_at(bridge, target)
        if found is not None and found != before:
            return found
    told = "was never looked at" if before is None else f"was last looked at {ago(before, now)}"
    raise Declined(
        f"{target} {told}, and no worker has looked at it within {wait_seconds:g} s.",
        remedy="Start `run`, or `worker` and `sweep`; `check` says whether the key works. Then try again.",
    )


def _looked_at(bridge: Bridge, target: str) -> datetime | None:
    with bridge.db.read() as tx:
        return members.as_of(tx, target)
