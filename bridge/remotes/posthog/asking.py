"""Collecting: many reads in a row, where one that fails must neither be silence nor spoil the rest.

The one place for what collecting may cost and how often a read is repeated. A pass that meets trouble pauses its
target; whoever collects stops early instead, says what is missing, and leaves the key's throttle to the removals and to
the customer's own scripts, which may share it: PostHog allows 480 requests a minute and 4,800 an hour for one key.
Source: PostHog, posthog/rate_limit.py. May import: `client`, `answers`, `remedies`, `shapes`, `core`, `ports`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bridge.core.surroundings import Gap
from bridge.ports import Refused, Unavailable, Unexpected
from bridge.remotes.posthog import remedies
from bridge.remotes.posthog.answers import NoSuchPath, Throttled
from bridge.remotes.posthog.client import PostHogClient

CALLS_A_MINUTE = 240
"""That one collection makes at most: half of what PostHog lets a key do in a minute."""
SECONDS_BEFORE_REPEAT = 1.0
"""Before a read that got no usable answer is asked once more."""
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What one collection may cost."""

    calls: int
    seconds: float


WIDE_LOOK = Allowance(calls=200, seconds=25.0)
"""Once an hour, from a worker that then has no claim: under a twentieth of the hour's requests, over within a job."""
COLLECTION = Allowance(calls=1_200, seconds=480.0)
"""For one person: a quarter of the hour's requests. Fourteen kinds in eighty projects."""


class Spent(Unavailable):
    """The allowance is used up, or somebody else needs the key: nothing more is asked."""


class Asking:
    """Asks within an allowance, and turns what cannot be read into gaps.

    `go_on` is asked before each request; when it says no, the rest is not asked. `monotonic` and `sleep` are the
    time's; tests bring their own.
    """

    def __init__(
        self,
        client: PostHogClient,
        allowance: Allowance,
        *,
        go_on: Callable[[], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._allowance = allowance
        self._go_on = go_on
        self._monotonic = monotonic
        self._sleep = sleep
        self._began = monotonic()
        self._calls = 0
        self._recent: deque[float] = deque()
        self._stopped_because = ""
        self._left_out: list[str] = []
        self._gaps: dict[Gap, None] = {}

    @property
    def calls(self) -> int:
        """How many requests were sent."""
        return self._calls

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be read, each once; last, what was not asked any more."""
        found = list(self._gaps)
        if self._left_out:
            more = f" and {len(self._left_out) - 3} more" if len(self._left_out) > 3 else ""
            what = ", ".join(self._left_out[:3]) + more
            found.append(Gap(what=what, why=self._stopped_because, remedy=remedies.THROTTLED))
        return tuple(found)

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """The JSON object at `path`; asked once more when there was no usable answer.

        Raises: Unavailable, Refused, Unexpected; Spent when nothing more may be asked.
        """
        try:
            return self._get(path, query)
        except (Throttled, Spent):
            raise
        except Unavailable:
            self._sleep(SECONDS_BEFORE_REPEAT)
            return self._get(path, query)

    def part(self, what: str, read: Callable[[], Found]) -> Found | None:
        """What `read` returns, or `None` and a gap. After the allowance is spent `read` is not called any more.

        Raises: Refused for a key that is refused altogether (401): no part could be read with it.
        """
        if self._stopped_because:
            self._left_out.append(what)
            return None
        try:
            return read()
        except Spent:
            self._left_out.append(what)
        except Throttled as throttled:
            wait = throttled.retry_after_seconds
            self._stopped_because = "PostHog throttles this key" + ("." if wait is None else f" for {wait:.0f} s.")
            self._left_out.append(what)
        except Refused as refused:
            if refused.status == 401:
                raise
            self.miss(what, refused)
        except (Unavailable, Unexpected) as trouble:
            self.miss(what, trouble)
        return None

    def miss(self, what: str, trouble: Unavailable | Refused | Unexpected) -> None:
        """Note a gap for what met that trouble."""
        self.note(gap_of(what, trouble))

    def note(self, gap: Gap) -> None:
        """Note a gap."""
        self._gaps[gap] = None

    def _get(self, path: str, query: dict[str, str | int]) -> dict[str, Any]:
        self._spend()
        return self._client.get(path, **query)

    def _spend(self) -> None:
        now = self._monotonic()
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        if len(self._recent) >= CALLS_A_MINUTE:
            self._sleep(self._recent[0] + 60 - now)
            now = self._monotonic()
        if self._go_on is not None and not self._go_on():
            self._stopped_because = "Not asked: somebody was due."
        elif self._calls >= self._allowance.calls:
            self._stopped_because = f"Not asked: this collection had used its {self._allowance.calls} requests."
        elif now - self._began > self._allowance.seconds:
            self._stopped_because = f"Not asked: this collection had used its {self._allowance.seconds:.0f} seconds."
        if self._stopped_because:
            raise Spent(self._stopped_because)
        self._calls += 1
        self._recent.append(now)


def gap_of(what: str, trouble: Unavailable | Refused | Unexpected) -> Gap:
    """Why `what` could not be read, and what would help."""
    match trouble:
        case NoSuchPath():
            return Gap(what=what, why="This PostHog does not know the path.", remedy=remedies.OLDER)
        case Refused(status=404):
            return Gap(what=what, why=f"404: {trouble.detail}", remedy=remedies.OLDER)
        case Refused():
            return Gap(what=what, why=str(trouble), remedy=trouble.remedy)
        case Throttled():
            return Gap(what=what, why=trouble.detail, remedy=remedies.THROTTLED)
        case Unavailable():
            return Gap(what=what, why=trouble.detail, remedy=trouble.remedy or remedies.UNREACHABLE)
        case _:
            return Gap(what=what, why=str(trouble), remedy=remedies.SHAPE)
