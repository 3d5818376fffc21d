"""What a client wants to find: pages, order, cursor and filter, out of the parameters of a query or a search.

May import: `core.filter` and its neighbours in this folder.
Source: RFC 7644, sections 3.4.2 and 3.4.3; RFC 9865, cursor-based pagination.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.core.filter import Condition, Order
from bridge.sources.scim.attributes import Kind, asked_for
from bridge.sources.scim.discovery import DEFAULT_RESULTS, MAX_RESULTS
from bridge.sources.scim.errors import InvalidCursor, InvalidPath, InvalidValue
from bridge.sources.scim.filter import condition

HIGHEST_INDEX = 2**31 - 1
"""The last `startIndex` that a database is asked for."""

PARAMETERS = ("filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor")
"""What a query may carry; anything else is left alone, since Entra appends flags of its own."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One search. The conditions and orders are by resource type; `cursor` is where the page before ended."""

    conditions: Mapping[str, Condition | None]
    orders: Mapping[str, Order | None]
    is_descending: bool = False
    start: int = 1
    count: int = DEFAULT_RESULTS
    has_cursor: bool = False
    cursor: int | None = None
    fingerprint: str = ""
    """Of everything but the page: a cursor is good for the search that it came from only."""

    @property
    def is_everyday(self) -> bool:
        """Whether it is one resource type in the order of creation, as Okta and Entra ask."""
        return len(self.conditions) == 1 and not self.has_cursor and not any(self.orders.values())

    def next_cursor(self, place: int) -> str:
        """The cursor for what follows that place; of unreserved characters only."""
        raw = json.dumps([place, self.fingerprint]).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def question(asked: Mapping[str, Any], types: Sequence[str]) -> Question:
    """The question in a query's or a search's parameters.

    Raises: `InvalidFilter`, `InvalidValue`, `InvalidPath` for an unknown `sortBy`, `InvalidCursor`.
    """
    text, sort_by = asked.get("filter"), asked.get("sortBy")
    conditions = {
        each: None if text is None else condition(str(text), each, [t for t in types if t != each]) for each in types
    }
    orders = _orders(str(sort_by), types) if sort_by else dict.fromkeys(types)
    said = [str(text), str(sort_by or ""), str(asked.get("sortOrder") or "").lower(), *types]
    fingerprint = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    cursor = asked.get("cursor")
    return Question(
        conditions=conditions,
        orders=orders,
        is_descending=str(asked.get("sortOrder") or "").lower() == "descending",
        start=max(1, number(asked, "startIndex", 1)),
        count=min(max(0, number(asked, "count", DEFAULT_RESULTS)), MAX_RESULTS),
        has_cursor=cursor is not None,
        cursor=_place(str(cursor), fingerprint) if cursor else None,
        fingerprint=fingerprint,
    )


def number(asked: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number among the parameters; empty is the default.

    Raises: `InvalidValue`.
    """
    value = asked.get(name)
    if value is None or value == "":
        return default
    try:
        return max(-HIGHEST_INDEX, min(int(value), HIGHEST_INDEX))
    except (ValueError, TypeError, OverflowError):
        raise InvalidValue(f"{name} must be a whole number.") from None


def _orders(path: str, types: Sequence[str]) -> dict[str, Order | None]:
    orders = {each: _order(path, each) for each in types}
    if not any(orders.values()):
        raise InvalidPath(f"sortBy names nothing that can be sorted by: {path[:100]}.")
    return orders


def _order(path: str, resource_type: str) -> Order | None:
    asked = asked_for(path, resource_type)
    if asked is None or asked.compared.last.kind is Kind.COMPLEX:
        return None
    asked = asked.compared
    if asked.attribute.is_multi and asked.attribute.is_kept_apart:  # members, groups and schemas have no first
        return None
    return Order(attribute=asked.path, keys=asked.keys, is_exact=asked.last.is_exact, is_multi=asked.attribute.is_multi)


def _place(cursor: str, fingerprint: str) -> int:
    """Where the page before ended. Raises: `InvalidCursor` for another search's, or none of ours."""
    try:
        place, said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        place, said = None, ""
    is_place = isinstance(place, int) and not isinstance(place, bool) and 0 <= place <= 2**62
    if not is_place or said != fingerprint:
        raise InvalidCursor("The cursor is not one that this search gave out. Begin again with an empty cursor.")
    return int(place)
