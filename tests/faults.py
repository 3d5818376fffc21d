"""A transport that goes wrong on purpose: what httpx's WSGI transport, which never times out or resets, cannot show.

    faults = FaultTransport(httpx.WSGITransport(app=create_app(world)))
    faults.inject(When(method="DELETE", path="/members/", nth=2), reset_after())
    faults.inject(When(method="GET"), throttled(retry_after_seconds=17))
    ...
    assert [r.method for r in faults.sent] == ["GET", "GET", "DELETE"]

`When` chooses requests: `method` (empty: any), `path` (a part of the path, empty: any), `nth` (which matching request
from now on, 1 is the next), `times` (how many in a row, `None`: for ever). The first rule that matches wins; a rule
that is used up steps aside. A fault is any function of the request and of `forward`, which really performs it:

| fault | the bridge sees | the other side |
|---|---|---|
| `answer(status, body, headers)` | that answer | is not asked |
| `throttled(retry_after_seconds, said_seconds)` | 429 as PostHog sends it, with or without the header | is not asked |
| `html(status)` | a page of some proxy | is not asked |
| `redirect(location)` | 301 | is not asked |
| `no_connection()` | `httpx.ConnectError` | is not asked |
| `reset_before()` | `httpx.ReadError` | is not asked |
| `reset_after()` | `httpx.ReadError` | **has done it** |
| `slow()` | `httpx.ReadTimeout` | is not asked |
| `slow(has_effect=True)` | `httpx.ReadTimeout` | **has done it** |
| `edited(change)` | the true answer with its JSON changed by `change(body)` | has done it |
| `meanwhile(act, is_before=False)` | the true answer; `act()` ran just after it was made (or just before) | has done it |

`meanwhile` makes races: somebody accepts an invite between two lists, a row goes while we page. `sent` keeps every
request, faulty or not; `inject` may be called again at any time, `clear` forgets all rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Forward = Callable[[], httpx.Response]
Fault = Callable[[httpx.Request, Forward], httpx.Response]


@dataclass(frozen=True, kw_only=True)
class When:
    """Which requests a fault is for."""

    method: str = ""
    path: str = ""
    nth: int = 1
    times: int | None = 1

    def matches(self, request: httpx.Request) -> bool:
        return self.method in {"", request.method} and self.path in request.url.path


@dataclass
class _Rule:
    when: When
    fault: Fault
    seen: int = 0

    def takes(self, request: httpx.Request) -> bool:
        if not self.when.matches(request):
            return False
        self.seen += 1
        last = None if self.when.times is None else self.when.nth + self.when.times
        return self.seen >= self.when.nth and (last is None or self.seen < last)


@dataclass
class FaultTransport(httpx.BaseTransport):
    """Passes requests on to `inner` unless a fault was injected for them. See the module for the faults there are."""

    inner: httpx.BaseTransport
    sent: list[httpx.Request] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)

    def inject(self, when: When, fault: Fault) -> None:
        """From now on, let `fault` answer the requests that `when` chooses. Counting starts here."""
        self._rules.append(_Rule(when, fault))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._rules.clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        # All rules count, also those behind the one that answers.
        takers = [rule for rule in self._rules if rule.takes(request)]

        def forward() -> httpx.Response:
            return self.inner.handle_request(request)

        return takers[0].fault(request, forward) if takers else forward()

    def close(self) -> None:
        self.inner.close()


def answer(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Fault:
    """That answer; a `body` that is no text is sent as JSON."""

    def fault(request: httpx.Request, _forward: Forward) -> httpx.Response:
        if body is None or isinstance(body, (str, bytes)):
            return httpx.Response(status, content=body, headers=headers, request=request)
        return httpx.Response(status, json=body, headers=headers, request=request)

    return fault


def refusal(status: int, detail: str, code: str = "permission_denied", kind: str = "authentication_error") -> Fault:
    """PostHog's error envelope."""
    return answer(status, {"type": kind, "code": code, "detail": detail, "attr": None})


def throttled(*, retry_after_seconds: int | None = None, said_seconds: int | None = None) -> Fault:
    """429. `retry_after_seconds`: in the header; `said_seconds`: in the text; `None`: not there."""
    said = "" if said_seconds is None else f" Expected available in {said_seconds} seconds."
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    body = {"type": "throttled_error", "code": "throttled", "detail": f"Request was throttled.{said}", "attr": None}
    return answer(429, body, headers)


def html(status: int = 200) -> Fault:
    """A page of some proxy, firewall or hotel network."""
    return answer(status, "<!doctype html><title>Hello</title>", {"Content-Type": "text/html; charset=utf-8"})


def redirect(location: str = "https://us.posthog.com/") -> Fault:
    """301."""
    return answer(301, "", {"Location": location})


def no_connection() -> Fault:
    """Nothing listens there."""
    return _raises(httpx.ConnectError, "connection refused", has_effect=False)


def reset_before() -> Fault:
    """The connection ends before the other side has read the request."""
    return _raises(httpx.ReadError, "connection reset", has_effect=False)


def reset_after() -> Fault:
    """The connection ends after the other side has done it, before it could say so."""
    return _raises(httpx.ReadError, "connection reset", has_effect=True)


def slow(*, has_effect: bool = False) -> Fault:
    """No answer in time. Nobody sleeps."""
    return _raises(httpx.ReadTimeout, "timed out", has_effect=has_effect)


def edited(change: Callable[[Any], Any]) -> Fault:
    """The true answer with its JSON changed: `change` returns the new body."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        true = forward()
        true.read()
        body = json.dumps(change(json.loads(true.content)))
        return httpx.Response(
            true.status_code, text=body, headers={"Content-Type": "application/json"}, request=request
        )

    return fault


def meanwhile(act: Callable[[], Any], *, is_before: bool = False) -> Fault:
    """The true answer, and something else happens just after it was made (or just before)."""

    def fault(_request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_before:
            act()
        true = forward()
        true.read()
        if not is_before:
            act()
        return true

    return fault


def _raises(error: type[httpx.TransportError], said: str, *, has_effect: bool) -> Fault:
    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        if has_effect:
            forward().read()
        raise error(said, request=request)

    return fault
