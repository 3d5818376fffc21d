"""A neutral condition tree: what a SCIM filter asks, between the reader (`sources/scim`) and SQL (`store/filter`).

May import: the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Value = str | bool | datetime | None


@dataclass(frozen=True, kw_only=True)
class Compare:
    """One comparison. `attribute` is a lower-case path: `username`, `name.familyname`; below `Element` a sub-attribute.

    A list meets it when one of its elements does; `ne` and `eq` with `None` are said of all of them.
    """

    attribute: str
    operator: str
    """`eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr`."""
    value: Value
    """`None` for JSON's null, and with `pr`."""
    kind: str = ""
    """For `emails.value` with `eq`: the wanted `type` (`work`), or empty for any. The look-up that Entra really makes."""
    keys: tuple[str, ...] = ()
    """The keys that lead to the value in the resource's JSON, the list's own last but one: `("name", "familyName")`."""
    is_exact: bool = False
    """Whether upper and lower case differ."""
    is_multi: bool = False
    """Whether the value stands in each element of a list."""


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element of a list meets the whole term: `emails[type eq "work" and value co "@example.com"]`."""

    attribute: str
    term: Condition
    keys: tuple[str, ...] = ()
    """The keys that lead to the list."""


@dataclass(frozen=True, kw_only=True)
class And:
    """All of them."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True)
class Or:
    """Any of them."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True)
class Not:
    """None of it."""

    term: Condition


Condition = Compare | Element | And | Or | Not


@dataclass(frozen=True, kw_only=True)
class Order:
    """One attribute that results are sorted by, named as in `Compare`; of a list the primary element's, else the first's."""

    attribute: str
    keys: tuple[str, ...] = ()
    is_exact: bool = False
    is_multi: bool = False
