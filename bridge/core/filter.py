"""A neutral condition tree: what a SCIM filter asks, between the reader (`sources/scim`) and SQL (`store/filter`).

May import: the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Compare:
    """One comparison. `attribute` is a lower-case path: `username`, `externalid`, `id`, `emails.value`, `displayname`."""

    attribute: str
    operator: str
    """In lower case; `eq` is the only one that is answered for now."""
    value: str
    kind: str = ""
    """For `emails.value`: the wanted `type` (`work`), or empty for any."""


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


Condition = Compare | And | Or | Not
