"""Lists in pages: limit and offset, 100 rows unless asked otherwise, no upper limit.

Source: PostHog, posthog/settings/web.py; Django REST framework, LimitOffsetPagination. May import: the standard
library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Request

PAGE_SIZE = 100
"""Rows in a page when the caller asks for none."""


class Written(str):
    """JSON that is text already, to be sent as it is."""

    __slots__ = ()


def page(request: Request, rows: Sequence[Any]) -> dict[str, Any]:
    """One page of `rows`, with absolute links to its neighbours."""
    limit = number(request.args.get("limit"), at_least=1, otherwise=PAGE_SIZE)
    offset = number(request.args.get("offset"), at_least=0, otherwise=0)
    after, before = offset + limit, offset - limit
    return {
        "count": len(rows),
        "next": _link(request, limit, after) if after < len(rows) else None,
        "previous": _link(request, limit, max(before, 0)) if offset > 0 else None,
        "results": rows[offset:after],
    }


def page_of_texts(request: Request, rows: Sequence[str]) -> Written:
    """The same of rows that are JSON already."""
    shown = page(request, rows)
    texts = shown.pop("results")
    return Written(f'{json.dumps(shown)[:-1]}, "results": [{", ".join(texts)}]}}')


def _link(request: Request, limit: int, offset: int) -> str:
    query = dict(parse_qsl(request.query_string.decode(), keep_blank_values=True))
    query["limit"] = str(limit)
    query.pop("offset", None)
    if offset:
        query["offset"] = str(offset)
    return f"{request.base_url}?{urlencode(sorted(query.items()))}"


def number(text: str | None, *, at_least: int, otherwise: int) -> int:
    """The number in a query, or `otherwise` for whatever is none."""
    try:
        given = int(text or "")
    except ValueError:
        return otherwise
    return given if given >= at_least else otherwise
