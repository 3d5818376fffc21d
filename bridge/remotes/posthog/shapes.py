"""Reads what we need out of PostHog's JSON, and names what is missing without showing any value.

Unknown fields are ignored: PostHog adds some every month. May import: `ports`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bridge.ports import Unexpected


def value_at(row: Any, path: str) -> Any:
    """The value at a dotted path, or `None` when it is not there."""
    for name in path.split("."):
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row


def text(row: Any, path: str, where: str) -> str:
    """The text at `path`, never empty.

    Raises: Unexpected.
    """
    value = value_at(row, path)
    if not isinstance(value, str) or not value:
        raise Unexpected(f"{where}.{path} should be a text and is {_kind(value)}")
    return value


def identifier(row: Any, path: str, where: str) -> str:
    """The id at `path` as text: PostHog's are UUIDs for some rows and whole numbers for others.

    Raises: Unexpected.
    """
    value = value_at(row, path)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(row, path, where)


def number(row: Any, path: str, where: str) -> int:
    """The whole number at `path`.

    Raises: Unexpected.
    """
    value = value_at(row, path)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unexpected(f"{where}.{path} should be a whole number and is {_kind(value)}")
    return value


def rows(body: Any, where: str, path: str = "results") -> list[dict[str, Any]]:
    """The objects of a list, in `results` unless it is said otherwise.

    Raises: Unexpected.
    """
    results = value_at(body, path)
    if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
        raise Unexpected(f"{where}.{path} should be a list of objects and is {_kind(results)}")
    return results


def optional_text(row: Any, path: str) -> str:
    """The text at `path`, or an empty one."""
    value = value_at(row, path)
    return value if isinstance(value, str) else ""


def optional_time(row: Any, path: str) -> datetime | None:
    """The time at `path` in UTC, or `None` when there is none that can be read."""
    try:
        at = datetime.fromisoformat(optional_text(row, path))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    return "empty" if value == "" else type(value).__name__
