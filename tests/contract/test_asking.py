"""Collecting: what it may cost, when it stops, and that nothing is left out in silence."""

from __future__ import annotations

import httpx
import pytest

from bridge.ports import Refused, Unavailable
from bridge.remotes.http import Bearer, client
from bridge.remotes.posthog.asking import CALLS_A_MINUTE, Allowance, Asking, Spent
from bridge.remotes.posthog.client import PostHogClient
from bridge.remotes.posthog.lists import by_cursor

PLENTY = Allowance(calls=10_000, seconds=100_000)


class Watch:
    """Time that goes by only when somebody sleeps, or a call is made."""

    def __init__(self, seconds_a_call: float = 0.0) -> None:
        self.time, self.slept, self.seconds_a_call = 0.0, [], seconds_a_call

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


def asking(watch: Watch, allowance: Allowance = PLENTY, reply=None, **options) -> Asking:
    def handle(request: httpx.Request) -> httpx.Response:
        watch.time += watch.seconds_a_call
        return reply(request) if reply else httpx.Response(200, json={"path": request.url.path}, request=request)

    http = client("https://posthog.test", Bearer("phx_a"), transport=httpx.MockTransport(handle))
    return Asking(PostHogClient(http), allowance, monotonic=watch.monotonic, sleep=watch.sleep, **options)


def throttled(request: httpx.Request) -> httpx.Response:
    return httpx.Response(429, json={"detail": "x"}, headers={"Retry-After": "9"}, request=request)


def test_no_minute_has_more_than_half_of_what_posthog_allows(watch):
    watch.seconds_a_call = 0.05
    made = asking(watch)
    at = []
    for _ in range(3 * CALLS_A_MINUTE):
        made.get("/api/x/")
        at.append(watch.time)
    assert all(sum(1 for t in at if start <= t < start + 59.9) <= CALLS_A_MINUTE for start in at)
    assert made.calls == 3 * CALLS_A_MINUTE


def test_a_look_that_stays_below_it_never_waits(watch):
    made = asking(watch)
    for _ in range(CALLS_A_MINUTE):
        made.get("/api/x/")
    assert watch.slept == []


@pytest.mark.parametrize(
    ("allowance", "said"),
    [
        (Allowance(calls=3, seconds=60), "Not asked: this collection had used its 3 requests."),
        (Allowance(calls=60, seconds=2.5), "Not asked: this collection had used its 2 seconds."),
    ],
)
def test_after_the_allowance_the_rest_is_named_and_not_asked(watch, allowance, said):
    watch.seconds_a_call = 1.0
    made = asking(watch, allowance)
    found = [made.part(f"part {n}", lambda: made.get("/api/x/")) for n in range(9)]

    assert [one is not None for one in found] == [True] * 3 + [False] * 6
    (gap,) = made.gaps
    assert gap.what == "part 3, part 4, part 5 and 3 more"
    assert gap.why == said


def test_throttling_ends_it_at_once_and_is_never_asked_again(watch):
    sent = []

    def reply(request):
        sent.append(request)
        return throttled(request)

    made = asking(watch, reply=reply)
    assert made.part("one", lambda: made.get("/api/x/")) is None
    assert made.part("two", lambda: made.get("/api/y/")) is None
    assert len(sent) == 1
    assert made.gaps[0].why == "PostHog throttles this key for 9 s."


def test_whoever_needs_the_key_ends_it(watch):
    wanted = iter([True, True, False])
    made = asking(watch, go_on=lambda: next(wanted))
    made.get("/api/x/")
    made.get("/api/x/")
    with pytest.raises(Spent):
        made.get("/api/x/")


def test_no_answer_is_asked_once_more_after_a_second_and_a_refusal_is_not(watch):
    sent = []

    def reply(request):
        sent.append(request)
        if request.url.path == "/api/no/":
            return httpx.Response(403, json={"detail": "No."}, request=request)
        return httpx.Response(502, text="busy", request=request)

    made = asking(watch, reply=reply)
    with pytest.raises(Unavailable):
        made.get("/api/x/")
    assert (len(sent), watch.slept) == (2, [1.0])
    with pytest.raises(Refused):
        made.get("/api/no/")
    assert len(sent) == 3


def test_the_same_gap_is_told_once(watch):
    made = asking(watch, reply=lambda r: httpx.Response(403, json={"detail": "No."}, request=r))
    for _ in range(3):
        made.part("the roles", lambda: made.get("/api/x/"))
    assert len(made.gaps) == 1


class TestCursors:
    def pages(self, *following: str | None):
        """Pages with one row each, and where each says that the next one is."""
        seen: list[httpx.URL] = []

        def reply(request):
            seen.append(request.url)
            number = len(seen) - 1
            return httpx.Response(200, json={"next": following[number], "results": [{"id": number}]}, request=request)

        return seen, reply

    def test_only_the_query_of_next_is_followed_never_its_host(self, watch):
        seen, reply = self.pages("https://evil.example/steal?cursor=a%2Bb&page_size=1", None)
        rows, is_whole = by_cursor(asking(watch, reply=reply), "/api/log/", "log", 9, users="u")
        assert ([r["id"] for r in rows], is_whole) == ([0, 1], True)
        assert {url.host for url in seen} == {"posthog.test"}
        assert dict(seen[1].params) == {"cursor": "a+b", "page_size": "1"}

    def test_a_circle_ends(self, watch):
        _, reply = self.pages(*["?cursor=a"] * 20)
        rows, is_whole = by_cursor(asking(watch, reply=reply), "/api/log/", "log", 5)
        assert (len(rows), is_whole) == (5, False)

    def test_a_log_that_is_followed_for_ever_ends_with_an_empty_page(self, watch):
        def reply(request):
            return httpx.Response(200, json={"next": "?cursor=a", "results": []}, request=request)

        assert by_cursor(asking(watch, reply=reply), "/api/log/", "log", 5) == ([], True)
