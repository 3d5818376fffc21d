"""One search, from its parameters to a ListResponse: the everyday one by its own quick way, all others by the general one.

May import: `store`, `sources.scim`, `core`.
Source: RFC 7644, sections 3.4.2 and 3.4.3; RFC 9865.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.core.record import Record
from bridge.sources.scim import resources
from bridge.sources.scim.searching import Question, question
from bridge.store import records, search
from bridge.store.db import Tx

Render = Callable[[list[Record]], list[dict[str, Any]]]


def asked_in_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """A SearchRequest's parameters in the form that a query has them; names in any case."""
    spelled = {
        name.lower(): name
        for name in (
            "filter",
            "startIndex",
            "count",
            "sortBy",
            "sortOrder",
            "cursor",
            "attributes",
            "excludedAttributes",
        )
    }
    asked = {spelled[key.lower()]: value for key, value in body.items() if key.lower() in spelled}
    for name in ("attributes", "excludedAttributes"):
        named = asked.pop(name, None) or []
        asked[name] = ",".join(map(str, named)) if isinstance(named, list) else str(named)
    return asked


def answered(tx: Tx, connection: str, asked: Mapping[str, Any], types: Sequence[str], render: Render) -> dict[str, Any]:
    """The ListResponse. Raises: what `question` raises."""
    wanted = question(asked, types)
    if wanted.is_everyday:
        (resource_type, condition), *_ = wanted.conditions.items()
        total, found = records.search(tx, connection, resource_type, condition, wanted.start - 1, wanted.count)
        return resources.list_response(render(found), total=total, start=wanted.start)
    is_sorted = any(wanted.orders.values())
    begun = wanted.cursor or 0 if wanted.has_cursor else wanted.start - 1
    page = search.search(tx, connection, _wanted(wanted, begun, is_sorted=is_sorted))
    listed = resources.list_response(render(page.found), total=page.total, start=wanted.start)
    if wanted.has_cursor:
        del listed["startIndex"]
        if page.has_more and page.last is not None:
            listed["nextCursor"] = wanted.next_cursor(begun + len(page.found) if is_sorted else page.last)
    return listed


def _wanted(wanted: Question, begun: int, *, is_sorted: bool) -> search.Wanted:
    """Unsorted pages go on after the last record, whatever came and went; sorted ones after as many as there were."""
    is_after = wanted.has_cursor and not is_sorted
    return search.Wanted(
        conditions=wanted.conditions,
        orders=wanted.orders,
        is_descending=wanted.is_descending,
        offset=0 if is_after else begun,
        after=begun if is_after else None,
        count=wanted.count,
    )
