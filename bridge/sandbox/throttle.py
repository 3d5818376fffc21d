"""PostHog's two default throttles: 480 requests a minute and 4,800 an hour, counted per personal API key.

Source: PostHog, posthog/rate_limit.py; sliding windows as in Django REST framework. May import: the standard library.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime, timedelta

LIMITS = ((480, timedelta(minutes=1)), (4800, timedelta(hours=1)))
"""Requests and window: burst, then sustained."""


class Throttle:
    """Remembers when each key called. Refused calls are not counted by the window that refused them."""

    def __init__(self, limits: tuple[tuple[int, timedelta], ...] = LIMITS) -> None:
        self._limits = limits
        self._calls: dict[tuple[str, int], deque[datetime]] = {}

    def wait_seconds(self, key_id: str, now: datetime) -> int:
        """0 when the call is allowed (it is counted then), otherwise whole seconds to wait."""
        waits = [self._wait(key_id, index, now) for index in range(len(self._limits))]
        return math.ceil(max(waits))

    def _wait(self, key_id: str, index: int, now: datetime) -> float:
        limit, window = self._limits[index]
        calls = self._calls.setdefault((key_id, index), deque())
        while calls and calls[0] <= now - window:
            calls.popleft()
        if len(calls) < limit:
            calls.append(now)
            return 0.0
        return (calls[0] + window - now).total_seconds()
