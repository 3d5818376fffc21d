"""What each of PostHog's answers means to us: a value, or one of the errors of the boundary.

Source: PostHog's error envelope (`type`, `code`, `detail`, `attr`), posthog/permissions.py, posthog/rate_limit.py.
May import: `ports`, `remedies`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.ports import BoundaryError, Refused, Unavailable, Unexpected
from bridge.remotes.posthog import remedies

DETAIL_MOST = 200
"""Characters of the other side's text that we keep."""
NO_ANSWER_THERE = object()


class Throttled(Unavailable):
    """PostHog counts too many requests with this key."""


class NoSuchPath(Unexpected):
    """PostHog knows no such path: a wrong url, or a version without it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A usable answer; `body` is `None` when there was none. Status 404 is left to the caller only after DELETE."""

    status: int
    body: Any = None


REFUSALS_OF_THE_KEY = (
    (r"does not support personal api key", remedies.NOT_OPEN),
    (r"scoped projects|access to the requested project", remedies.PROJECT_KEY),
    (r"is invalid|authentication credentials|invalid token", remedies.KEY),
    (r"access to the requested organization", remedies.ORGANIZATION_KEY),
    (r"does not allow using personal api keys", remedies.KEYS_FORBIDDEN),
    (r"do not have permission to perform this action", remedies.NO_ACCESS),
)
"""Texts of 403 that will meet every call alike, and their remedies."""
REFUSALS = (
    (
        r"you can only (edit|make|change)|you can't change your own|you cannot invite|cannot edit other",
        remedies.LEVEL_RULE,
    ),
    (r"only organization admins and owners|organization access level is insufficient", remedies.LEVEL_ADMIN),
    (r"^must be \w+ to modify", remedies.LEVEL_PROJECT),
    (r"don't have access to the project", remedies.LEVEL_PROJECT),
    (r"role-based access|premium posthog offering|self-hosted licenses|not available on your plan", remedies.PLAN),
    (r"as its owner", remedies.OWNER_STAYS),
    (r"already belongs to the organization|already part of the role", remedies.THERE_ALREADY),
    (r"a maximum of \d+ invites", remedies.FEWER),
    (r"invalid organization member id|role does not exist|user does not exist|project not found", remedies.LOOK_AGAIN),
    (r"to both a member and a role|invalid access level|search query must be|can only pass 1000", remedies.OURS),
    (r"with organization memberships", remedies.ACCOUNT_STAYS),
    (r"invite is intended for another|invite has expired|invite id is not valid", remedies.INVITE_ANEW),
)
"""Texts of refusals that are about one person, one project or the plan, and their remedies."""


def read_answer(response: httpx.Response) -> Answer:
    """What the response says.

    Raises: Unavailable for 429, 5xx, and anything that is not JSON though it should be; Refused for redirects, 401,
    403, 404 and other 4xx; Unexpected for a path that PostHog does not know.
    """
    status = response.status_code
    method = response.request.method
    is_read = method == "GET"
    if status == 429:
        wait = _retry_after(response)
        raise Throttled("PostHog throttles this key (429).", retry_after_seconds=wait)
    if status >= 500:
        raise Unavailable(
            f"PostHog answered {status} to {method}.",
            retry_after_seconds=_header_seconds(response),
            is_target_wide=is_read,
        )
    if 300 <= status < 400:
        raise Refused(status, f"{method} was redirected.", remedy=remedies.REDIRECT, is_target_wide=True)
    if status < 300 and method == "DELETE" and not response.content:
        return Answer(status=status)
    body = _json(response)
    if body is NO_ANSWER_THERE:
        raise Unavailable(
            f"Something other than PostHog answered {method}: {status}, not JSON ({_content_type(response)}).",
            is_target_wide=is_read,
        )
    if status < 300:
        return Answer(status=status, body=body)
    if status == 404 and method == "DELETE" and _is_gone(body):
        return Answer(status=status, body=body)
    raise _refusal(status, method, body)


_SECRET = re.compile(r"ph[a-z]_\w+|bearer\s+\S+", re.IGNORECASE)
"""A key that the other side echoes: what it says is kept in the audit log for good."""


def detail_of(body: Any) -> str:
    """The other side's words, at most 200 characters on one line; empty when it said nothing readable."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if detail is None and isinstance(body, dict) and len(body) == 1:
        # Some refusals are a bare object with the field's name. Source: PostHog, posthog/api/organization_member.py.
        name, said = next(iter(body.items()))
        first = said[0] if isinstance(said, list) and said else said
        detail = f"{name}: {first}" if isinstance(first, str) and " " in first else None
    if not isinstance(detail, str):
        return ""
    detail = _SECRET.sub("[redacted]", detail)
    line = " ".join("".join(c if c.isprintable() else " " for c in detail[: 4 * DETAIL_MOST]).split())
    return line if len(line) <= DETAIL_MOST else line[: DETAIL_MOST - 1] + "…"


def _refusal(status: int, method: str, body: Any) -> BoundaryError:
    detail = detail_of(body)
    is_read = method == "GET"
    words = detail.lower()
    if status == 401:
        said = detail or "The key is not accepted."
        return Refused(status, said, remedy=remedies.KEY, is_target_wide=True)
    if status == 403:
        return _no_permission(detail, is_read=is_read)
    if status == 404 and "organization not found" in words:
        return Refused(status, detail, remedy=remedies.ORGANIZATION_ID, is_target_wide=True)
    if status == 404 and "endpoint not found" in words:
        return NoSuchPath(f"404 to {method}: PostHog does not know this path")
    if not detail:
        return Unexpected(f"{status} to {method} without a detail text")
    otherwise = {402: remedies.PLAN, 404: remedies.GONE}.get(status, remedies.REFUSED)
    return Refused(status, detail, remedy=_remedy(words, otherwise), is_target_wide=is_read)


def _remedy(words: str, otherwise: str) -> str:
    return next((remedy for pattern, remedy in REFUSALS if re.search(pattern, words)), otherwise)


def _no_permission(detail: str, *, is_read: bool) -> Refused:
    words = detail.lower()
    missing = re.search(r"missing required scope '([\w:]{1,60})'", detail)
    if missing:
        return Refused(403, detail, remedy=remedies.scope(missing[1]), is_target_wide=True)
    for pattern, remedy in REFUSALS_OF_THE_KEY:
        if re.search(pattern, words):
            return Refused(403, detail, remedy=remedy, is_target_wide=True)
    remedy = _remedy(words, remedies.REFUSED)
    return Refused(403, detail or "No reason was given.", remedy=remedy, is_target_wide=is_read)


def _is_gone(body: Any) -> bool:
    # "Endpoint not found." and "Organization not found." have the same code, and mean a wrong address instead.
    words = detail_of(body).lower()
    if "endpoint" in words or "organization not found" in words:
        return False
    is_said = words.startswith(("not found", "no organizationmembership", "no organizationinvite"))
    return isinstance(body, dict) and (body.get("code") == "not_found" or is_said)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return NO_ANSWER_THERE


def _content_type(response: httpx.Response) -> str:
    stated = str(response.headers.get("content-type", "no content type"))
    return stated.partition(";")[0][:60]


def _header_seconds(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else None


def _retry_after(response: httpx.Response) -> float | None:
    # PostHog's error handler may lose the header; the text still says the seconds.
    seconds = _header_seconds(response)
    if seconds is not None:
        return seconds
    said = re.search(r"available in ([0-9]{1,6}) second", detail_of(_json(response)))
    return float(said[1]) if said else None
