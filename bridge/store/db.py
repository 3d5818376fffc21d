"""Opening the store: one writer at a time, durable commits, audit entries appended last in every transaction.

SQLite has one write lock for all processes, so writers queue on a thread lock and an `flock` instead of SQLite's blind
waiting (p99 from 625 ms to 31 ms with other processes writing). PostgreSQL gets the same order of things from one
advisory lock, so that a rule written for one writer holds on both.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    PoolProxiedConnection,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from bridge.store import audit

TURN_MILLISECONDS = 250
"""How long one of our writers waits in SQLite for a stranger's lock before it lets the next of ours try."""

PATIENCE_SECONDS = 10.0
"""How long a writer waits for its turn altogether, strangers' locks included, before it gives up."""

CONNECTIONS = 10
"""Kept open; one per thread that serves requests, and a few."""

WRITER_LOCK = 0x706F7374
"""The PostgreSQL advisory lock that every writing transaction takes."""

BEGIN_WRITE: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "sqlite": ("BEGIN IMMEDIATE", ()),
    "postgresql": ("SELECT pg_advisory_xact_lock(%s)", (WRITER_LOCK,)),
}
"""How a writing transaction begins. psycopg's begin by themselves."""

FAILURES = (SQLAlchemyError, OSError)
"""What a store that cannot be used now raises: locked, full, gone, unreachable."""


class StoreBusy(OSError):
    """Somebody kept the store locked for longer than a writer waits."""


class StoreTooNew(OSError):
    """A newer version of the bridge has changed the schema: this one would not know what it reads."""


class StoreGone(OSError):
    """SQLite's log was removed or replaced while it was in use: what is committed to a deleted one is lost."""


class Tx:
    """One open transaction. What is handed to `audit` is appended to the chain just before the commit.

    It is begun and ended on the driver's connection: Core takes 32 µs for that, the pool and the driver 8. Core comes in
    when a statement is given to `execute`; `hot` statements go to the driver.
    """

    def __init__(self, engine: Engine, link: PoolProxiedConnection) -> None:
        self.dialect = engine.dialect
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.entries: list[audit.Entry] = []
        self.kept = link.info
        """What is known of the connection, for as long as it is open."""
        self._engine = engine
        self._link = link
        self._cursor = link.cursor()

    @cached_property
    def _core(self) -> Connection:
        return Connection(self._engine, self._link)

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

    def audit(self, entry: audit.Entry) -> None:
        """Have the entry appended with this transaction, or not at all."""
        self.entries.append(entry)

    def lease_now(self, clock_now: datetime) -> datetime:
        """The time that leases go by: PostgreSQL's own, since its machines' clocks may differ; else the clock's."""
        if self.is_sqlite:
            return clock_now
        return self.execute(select(func.clock_timestamp())).scalar_one()  # type: ignore[no-any-return]


class Database:
    """The store, open. Safe to use from several threads; after a fork call `forget_connections` in the child."""

    def __init__(
        self, engine: Engine, *, lock_path: Path | None, audit_key: bytes, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.engine = engine
        self.audit_key = audit_key
        self.patience_seconds = patience_seconds
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.is_gone = False
        """Whether a writer met `StoreGone`."""
        self.when_gone: Callable[[], None] = lambda: None
        """Called then, in the writer's thread."""
        self._begin_write = BEGIN_WRITE[engine.dialect.name]
        self._lock_path = lock_path
        self._thread_lock = threading.Lock()
        self._lock_fd: int | None = None

    @property
    def file(self) -> Path | None:
        """SQLite's file; `None` for a database elsewhere."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name else None

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that may write: commits at the end, rolls back on any exception. Never held over a call.

        Raises: one of `FAILURES` when the store cannot be had within `patience_seconds`, or takes no writes.
        """
        with self._begun() as tx:
            yield tx
            if tx.entries:
                audit.append(tx, tx.entries, self.audit_key)
            tx.run("COMMIT")  # not the driver's commit(), which does nothing when the transaction is gone

    @contextmanager
    def _begun(self) -> Iterator[Tx]:
        """A writing transaction.

        A stranger (a backup, a shell left open) may have SQLite's lock. Nobody of ours waits for it while others of
        ours wait for him: whoever does not get it soon goes to the end of the queue, until his patience is over.
        """
        deadline = time.monotonic() + self.patience_seconds
        while True:
            with ExitStack() as stack:
                stack.enter_context(self._writers_turn(deadline))
                tx = stack.enter_context(self._connected())
                try:
                    tx.run(*self._begin_write)
                except OperationalError as error:
                    if not _is_locked(error) or time.monotonic() >= deadline:
                        raise
                    continue
                self._check_log(tx)
                yield tx
                return

    def _check_log(self, tx: Tx) -> None:
        """Return only if what we commit goes to the log that others find, too.

        Raises: `StoreGone`, after what is in the lost log was put into the store's file.
        """
        if self.file is None:
            return
        try:
            inode = self.file.with_name(f"{self.file.name}-wal").stat().st_ino
        except FileNotFoundError:
            inode = 0
        if inode and tx.kept.setdefault("log", inode) == inode:
            return
        tx.run("ROLLBACK")
        tx.rows("PRAGMA wal_checkpoint(PASSIVE)")
        self.is_gone = True
        self.when_gone()
        raise StoreGone(f"{self.file}-wal was removed or replaced while the bridge ran")

    @contextmanager
    def _connected(self) -> Iterator[Tx]:
        link = self.engine.raw_connection()
        try:
            yield Tx(self.engine, link)
        finally:
            link.close()  # back to the pool, which rolls back what was not committed

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads."""
        with self._connected() as tx:
            if self.is_sqlite:
                tx.run("BEGIN")
            yield tx

    @contextmanager
    def _writers_turn(self, deadline: float) -> Iterator[None]:
        if not self.is_sqlite or self._lock_path is None:
            yield
            return
        if not self._thread_lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise StoreBusy("the store was locked for too long")
        try:
            if self._lock_fd is None:
                self._lock_fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_fd, fcntl.LOCK_UN)
        finally:
            self._thread_lock.release()

    def forget_connections(self) -> None:
        """Start afresh after a fork: the parent's connections and locks stay the parent's."""
        self.engine.dispose(close=False)
        self._thread_lock = threading.Lock()
        self._lock_fd = None

    def close(self) -> None:
        """Close what is open."""
        self.engine.dispose()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def open_database(
    url: str, lock_dir: Path, audit_key: bytes | None = None, *, patience_seconds: float = PATIENCE_SECONDS
) -> Database:
    """Open the store at that URL; `lock_dir` holds the writers' lock file and the audit chain's key."""
    return Database(
        open_engine(url),
        lock_path=_lock_path(url, lock_dir),
        audit_key=audit_key if audit_key is not None else audit.key_in(lock_dir),
        patience_seconds=patience_seconds,
    )


def open_engine(url: str) -> Engine:
    """An engine with our connection rules, not connected yet."""
    # The connection that wrote last has its pages still in memory, so it is taken first.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), pool_size=CONNECTIONS, pool_use_lifo=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def upgrade(url: str, lock_dir: Path) -> None:
    """Bring the schema to this version's, one process at a time; returns at once when it is.

    Raises: `StoreTooNew` when a newer version has worked on it, and what opening it raises.
    """
    # The lock comes before the first connection: two that turn a new SQLite file to WAL at once do not wait, they fail.
    fd = os.open(lock_dir / "upgrade.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    engine = open_engine(url)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        found, ours = _revision(engine), head_revision()
        if found is not None and found > ours:
            raise StoreTooNew(
                f"its schema is {found}, and this version of the bridge knows {ours} and older: start a newer one"
            )
        if found != ours:
            _upgrade_locked(engine)
    finally:
        engine.dispose()
        os.close(fd)


def head_revision() -> str:
    """The newest migration that this version ships, without importing Alembic."""
    folder = Path(__file__).parent / "migrations" / "versions"
    return max(path.stem.split("_")[0] for path in folder.glob("[0-9]*.py"))


def _upgrade_locked(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # A start that cannot wait for its turn would fail where a request would only be asked for again.
            connection.connection.execute(f"PRAGMA busy_timeout={int(PATIENCE_SECONDS * 1000)}")
        with connection.begin():
            connection.exec_driver_sql(*BEGIN_WRITE[engine.dialect.name])
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection, connection.begin():
        if not engine.dialect.has_table(connection, "alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _lock_path(url: str, lock_dir: Path) -> Path | None:
    database = make_url(url).database
    return lock_dir / "store.lock" if url.startswith("sqlite") and database else None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={TURN_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_locked(error: OperationalError) -> bool:
    return isinstance(error.orig, sqlite3.OperationalError) and error.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY
