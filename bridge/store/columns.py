"""How times and JSON are kept in a column, the same on both databases.

Times are whole milliseconds since 1970 in UTC, so that SQLite and PostgreSQL read back what was written. The types name
plain functions: SQLAlchemy's usual way puts two calls of its own around each value.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

from bridge.packing import packed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    """The moment as whole milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(value: int) -> datetime:
    """The aware UTC time for whole milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=value)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, kept to the millisecond."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        """To milliseconds."""
        del dialect
        return _to_milliseconds

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        """From milliseconds."""
        del dialect, coltype
        return _from_milliseconds


class Document(TypeDecorator[Any]):
    """JSON as compact text: read whole, never searched inside."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """To text."""
        del dialect
        return _to_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Any]:
        """From text."""
        del dialect, coltype
        return _from_text


def _to_milliseconds(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MILLISECOND


def _from_milliseconds(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(milliseconds=value)


def _to_text(value: Any) -> str | None:
    return None if value is None else packed(value).decode()


def _from_text(value: str | None) -> Any:
    return None if value is None else json.loads(value)
