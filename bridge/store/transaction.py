"""One open transaction, on the driver's connection: Core's for what is asked now and then, the driver's for what is hot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, CursorResult, Engine, Executable, PoolProxiedConnection, func, select
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor

    from bridge.store.audit import Entry


def connected(engine: Engine) -> PoolProxiedConnection:
    """A connection of the driver's, from the pool. Raises: what opening it raises, as SQLAlchemy's own."""
    driver = engine.dialect.loaded_dbapi
    try:
        return engine.raw_connection()
    except driver.Error as error:
        raise DBAPIError.instance(None, None, error, driver.Error, dialect=engine.dialect) from error


class Tx:
    """One open transaction. What is handed to `audit` is appended to the chain just before the commit.

    It is begun and ended on the driver's connection: Core takes 32 µs for that, the pool and the driver 8. Core comes in
    when a statement is given to `execute`; `hot` statements go to the driver.
    """

    def __init__(self, engine: Engine, link: PoolProxiedConnection, cursor: DBAPICursor | None = None) -> None:
        self.dialect = engine.dialect
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.entries: list[Entry] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._engine = engine
        self._link = link
        self._cursor = cursor or link.cursor()

    @cached_property
    def _core(self) -> Connection:
        return Connection(self._engine, self._link)

    def beside(self) -> Tx:
        """Another one in the same transaction, with audit entries of its own."""
        return Tx(self._engine, self._link, self._cursor)

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement."""
        return self._core.execute(statement, parameters)

    def run(self, sql: str, given: Any = ()) -> int:
        """Run SQL as the driver wants it; how many rows it touched. Raises: as `execute` does."""
        try:
            self._cursor.execute(sql, given)
        except self.dialect.loaded_dbapi.Error as error:
            raise self._told(sql, error) from error
        return int(self._cursor.rowcount)

    def run_each(self, sql: str, given: Sequence[Any]) -> None:
        """Run SQL once for each of the given rows. Raises: as `execute` does."""
        try:
            self._cursor.executemany(sql, given)
        except self.dialect.loaded_dbapi.Error as error:
            raise self._told(sql, error) from error

    def rows(self, sql: str, given: Any = ()) -> Sequence[Any]:
        """The rows of SQL as the driver wants it, as the driver gives them. Raises: as `execute` does."""
        try:
            self._cursor.execute(sql, given)
            return self._cursor.fetchall()
        except self.dialect.loaded_dbapi.Error as error:
            raise self._told(sql, error) from error

    def _told(self, sql: str, error: Exception) -> BaseException:
        """The driver's error as SQLAlchemy raises it; without the values, which name people."""
        base = self.dialect.loaded_dbapi.Error
        if self.dialect.is_disconnect(error, self._link.dbapi_connection, self._cursor):  # type: ignore[arg-type]
            self._link.invalidate(error)
        return DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=self.dialect)

    def audit(self, entry: Entry) -> None:
        """Have the entry appended with this transaction, or not at all."""
        self.entries.append(entry)

    def tell(self, event: str, **facts: Any) -> None:
        """Have a line about it in the log once it is durable, and not at all if it never is."""
        self.told.append((event, facts))

    def lease_now(self, clock_now: datetime) -> datetime:
        """The time that leases go by: PostgreSQL's own, since its machines' clocks may differ; else the clock's."""
        if self.is_sqlite:
            return clock_now
        return self.execute(select(func.clock_timestamp())).scalar_one()  # type: ignore[no-any-return]
