"""One call to PostHog, once: sent, read, and its failures put into the words of the boundary.

May import: `ports`, `answers`, `remedies`, `remotes.http`.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

from bridge.ports import Unavailable, Unexpected
from bridge.remotes.http import WRITE_TIMEOUT
from bridge.remotes.posthog import remedies
from bridge.remotes.posthog.answers import Answer, read_answer


class Untrusted(Unavailable):
    """The other side's certificate is not one that is trusted here."""

    remedy = remedies.CERTIFICATE


NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures before the request left: nothing can have happened at the other side."""


WHOLE_READ_SECONDS = 30.0
"""For a whole answer to a call that changes nothing."""
WHOLE_WRITE_SECONDS = 5.0
"""For a whole answer to a call that changes something: less than the 8 s of a claim."""
BYTES_MOST = 32 * 1024 * 1024
"""In one answer: a page of 500 members has about half a megabyte."""
DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that are no longer true of a body that was read."""


class PostHogClient:
    """Calls one PostHog host with one key. Never repeats a call, never follows a redirect, never shows the key."""

    def __init__(self, http: httpx.Client) -> None:
        self.base = http.base_url
        self._http = http

    def __repr__(self) -> str:
        return f"PostHogClient({str(self.base)!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """The JSON object at `path`.

        Raises: Unavailable, Refused, Unexpected.
        """
        return self._object(self._send("GET", httpx.URL(path, params=query) if query else httpx.URL(path)))

    def write(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Ask once for a change.

        Raises: Unavailable, not target-wide when the answer was lost on the way back; Refused; Unexpected.
        """
        return self._send(method, httpx.URL(path), body)

    def _send(self, method: str, url: httpx.URL, body: dict[str, Any] | None = None) -> Answer:
        is_read = method == "GET"
        timeout = httpx.USE_CLIENT_DEFAULT if is_read else WRITE_TIMEOUT
        try:
            response = self._read(method, url, body, timeout, WHOLE_READ_SECONDS if is_read else WHOLE_WRITE_SECONDS)
        except NOT_SENT as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Untrusted(
                    f"The certificate of {self.base.host} is not trusted here: nothing was sent."
                ) from error
            raise Unavailable(f"No connection to {self.base.host} ({_name(error)}): nothing was sent.") from error
        except httpx.HTTPError as error:
            if is_read:
                raise Unavailable(f"No answer from {self.base.host} ({_name(error)}).") from error
            raise Unavailable(
                f"The answer to {method} was lost ({_name(error)}): it may be done or not, the next look tells.",
                is_target_wide=False,
            ) from error
        return read_answer(response)

    def _read(
        self, method: str, url: httpx.URL, body: dict[str, Any] | None, timeout: Any, whole_seconds: float
    ) -> httpx.Response:
        """The whole answer, within a time and a size: httpx's own time-outs are per read, and a drip never ends."""
        ends_at = time.monotonic() + whole_seconds
        with self._http.stream(method, url, json=body, timeout=timeout) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > BYTES_MOST:
                    raise httpx.ReadError(f"more than {BYTES_MOST} bytes", request=response.request)
                if time.monotonic() > ends_at:
                    raise httpx.ReadTimeout(f"no whole answer in {whole_seconds} s", request=response.request)
        return httpx.Response(
            response.status_code,
            headers=[(k, v) for k, v in response.headers.items() if k.lower() not in DECODED],
            content=b"".join(parts),
            request=response.request,
        )

    @staticmethod
    def _object(answer: Answer) -> dict[str, Any]:
        if not isinstance(answer.body, dict):
            raise Unexpected(f"{answer.status} to GET with JSON that is no object")
        return answer.body


def _name(error: Exception) -> str:
    return type(error).__name__
