"""PostHog's error envelope: exactly `type`, `code`, `detail` and `attr`.

Source: PostHog, posthog/api tests; the envelope is drf-exceptions-hog's. May import: the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_OPEN_TO_KEYS = "This action does not support personal API key access"
"""What every action without a declared scope answers to a personal API key, even one with scope `*`."""


class ApiError(Exception):
    """An answer other than 2xx."""

    def __init__(
        self,
        status: int,
        kind: str,
        code: str,
        detail: str,
        *,
        attr: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.kind = kind
        self.code = code
        self.detail = detail
        self.attr = attr
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The envelope."""
        return {"type": self.kind, "code": self.code, "detail": self.detail, "attr": self.attr}


def denied(detail: str = "You do not have permission to perform this action.") -> ApiError:
    """403. Its `type` is `authentication_error`, odd as that is."""
    return ApiError(403, "authentication_error", "permission_denied", detail)


def unauthenticated(detail: str, code: str = "authentication_failed") -> ApiError:
    """401."""
    return ApiError(401, "authentication_error", code, detail, headers={"WWW-Authenticate": "Bearer"})


def invalid(detail: str, *, code: str = "invalid_input", attr: str | None = None) -> ApiError:
    """400 for a value that is refused."""
    return ApiError(400, "validation_error", code, detail, attr=attr)


def malformed(detail: str) -> ApiError:
    """400 for a body that cannot be read."""
    return ApiError(400, "invalid_request", "parse_error", detail)


def not_found(detail: str = "Not found.") -> ApiError:
    """404."""
    return ApiError(404, "invalid_request", "not_found", detail)


def not_allowed(method: str) -> ApiError:
    """405."""
    return ApiError(405, "invalid_request", "method_not_allowed", f'Method "{method}" not allowed.')


def payment_required(feature: str, *, is_newest: bool = False) -> ApiError:
    """402: the plan lacks it. Which `type` it has is not established; the error library falls back to this one."""
    name = feature.replace("_", " ").capitalize()
    if is_newest:
        detail = f"{name} requires a paid PostHog plan. Please upgrade to access this feature."
    else:
        detail = f"{name} is part of the premium PostHog offering. "
        detail += "To use it, subscribe to PostHog Cloud with a generous free tier."
    return ApiError(402, "server_error", "payment_required", detail)


def throttled(wait_seconds: int, *, has_retry_after: bool) -> ApiError:
    """429. PostHog's error handler may lose the `Retry-After` header, so both forms exist."""
    unit = "second" if wait_seconds == 1 else "seconds"
    detail = f"Request was throttled. Expected available in {wait_seconds} {unit}."
    headers = {"Retry-After": str(wait_seconds)} if has_retry_after else {}
    return ApiError(429, "throttled_error", "throttled", detail, headers=headers)


def broken() -> ApiError:
    """500, as a lookup by something that is no UUID may end."""
    return ApiError(500, "server_error", "error", "A server error occurred.")
