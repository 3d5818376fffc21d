"""Whole lists out of pages, consistent in themselves.

PostHog pages by offset: a row that goes while we page shifts the others, and one of them is never shown. So each page
but the first begins with the last row of the page before: when it does not, or the count moved, or a row came twice,
the list is thrown away and read anew. That costs no extra call. `next` is not followed: it would not overlap.
The activity log and persons page by a cursor instead, which no row that goes can shift: `by_cursor`.
May import: `shapes`, `ports`.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from bridge.ports import Unavailable, Unexpected
from bridge.remotes.posthog import shapes

REREADS_MOST = 3
"""How often a list that moved under us is read again before we give up for now."""
PAGES_MOST = 1000
"""Pages in one list: more is no organization but a circle."""


class Reads(Protocol):
    """Whoever reads one JSON object at a time: `PostHogClient`, or an `Asking` that counts."""

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """The JSON object at `path`."""
        ...


def whole_list(client: Reads, path: str, where: str, **query: str | int) -> list[dict[str, Any]]:
    """Every row at `path`, each once. `where` names the list in errors.

    Raises: Unavailable when it changed each time we read it; Refused; Unexpected.
    """
    for _ in range(1 + REREADS_MOST):
        found = _read_once(client, path, where, query)
        if found is not None:
            return found
    raise Unavailable(f"The {where} changed while they were read, {1 + REREADS_MOST} times in a row.")


def _read_once(client: Reads, path: str, where: str, query: dict[str, str | int]) -> list[dict[str, Any]] | None:
    """The rows, or `None` when they cannot be all."""
    body = client.get(path, **query)
    count = shapes.number(body, "count", where)
    found = shapes.rows(body, where)
    for _ in range(PAGES_MOST):
        ids = [shapes.identifier(row, "id", where) for row in found]
        if len(set(ids)) != len(ids) or len(found) > count:
            return None
        if len(found) == count:
            return found
        body = client.get(path, **query, offset=max(0, len(found) - 1))
        page = shapes.rows(body, where)
        follows = bool(page) and bool(ids) and shapes.identifier(page[0], "id", where) == ids[-1]
        if shapes.number(body, "count", where) != count or not follows or len(page) == 1:
            return None
        found = [*found, *page[1:]]
    raise Unexpected(f"{where}: more than {PAGES_MOST} pages")


def by_cursor(
    client: Reads, path: str, where: str, pages_most: int, **query: str | int
) -> tuple[list[dict[str, Any]], bool]:
    """The rows from page to page, and whether there are no more. Of `next` only the query is taken, never the host.

    Raises: Unavailable, Refused, Unexpected.
    """
    body = client.get(path, **query)
    found = shapes.rows(body, where)
    for _ in range(pages_most - 1):
        following = _query_of(body.get("next"))
        if not following:
            return found, True
        body = client.get(path, **following)
        page = shapes.rows(body, where)
        found = [*found, *page]
        if not page:  # an activity log that is followed has a `next` for ever
            return found, True
    return found, not _query_of(body.get("next"))


def _query_of(following: Any) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(following).query)) if isinstance(following, str) else {}
