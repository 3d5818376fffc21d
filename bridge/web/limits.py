"""How many requests a second a connection may make of this process, where the configuration says so.

May import: `sources.scim.errors` and the standard library.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping

from bridge.sources.scim.errors import ScimError


class TooFast(ScimError):
    """More requests than the connection may make; nothing was read or stored. RFC 6585, section 4.

    Okta pauses for `Retry-After`, which it reads as whole seconds only. Source: Okta, "Understanding SCIM", rate limiting.
    """

    status = 429

    def __init__(self, seconds: float) -> None:
        super().__init__("More requests in a second than this connection's rate_limit allows. Nothing was changed.")
        self._seconds = max(1, math.ceil(seconds))

    @property
    def headers(self) -> Mapping[str, str]:
        """When to come back."""
        return {"Retry-After": str(self._seconds)}


class Bucket:
    """Lets `rate` requests a second through, and as many at once after a quiet second. Safe in several threads."""

    def __init__(self, rate: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left = float(rate)
        self._at = monotonic()

    def take(self) -> None:
        """Counts one request. Raises: `TooFast`, and then it does not count."""
        with self._lock:
            now = self._monotonic()
            self._left = min(float(self._rate), self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                raise TooFast((1 - self._left) / self._rate)
            self._left -= 1
