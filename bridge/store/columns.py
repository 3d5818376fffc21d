"""How times and JSON are kept in a column, the same on both databases.

Times are whole milliseconds since 1970 in UTC, so that SQLite and PostgreSQL read back what was written.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """The moment as whole milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(value: int) -> datetime:
    """The aware UTC time for whole milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=value)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, kept to the millisecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To milliseconds."""
        del dialect
        return None if value is None else milliseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """From milliseconds."""
        del dialect
        return None if value is None else moment_of(value)


class Document(TypeDecorator[Any]):
    """JSON as compact text: read whole, never searched inside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:
        """To text."""
        del dialect
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        """From text."""
        del dialect
        return None if value is None else json.loads(value)
