"""Opening the store: one writer at a time, durable commits, audit entries appended last in every transaction.

SQLite has one write lock for all processes; `turns` says how ours share it. PostgreSQL gets the same order of things
from one advisory lock, so that a rule written for one writer holds on both.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import audit
from bridge.store.log import Log, StoreGone
from bridge.store.transaction import Tx, connected
from bridge.store.turns import Turns

log = structlog.get_logger()

__all__ = [
    "FAILURES",
    "PATIENCE_SECONDS",
    "Database",
    "StoreGone",
    "StoreTooNew",
    "Tx",
    "head_revision",
    "open_database",
    "open_engine",
    "upgrade",
]

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


class StoreTooNew(OSError):
    """A newer version of the bridge has changed the schema: this one would not know what it reads."""


class Database:
    """The store, open. Safe to use from several threads; after a fork call `forget_connections` in the child."""

    def __init__(
        self, engine: Engine, *, lock_path: Path | None, audit_key: bytes, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.engine = engine
        self.audit_key = audit_key
        self.patience_seconds = patience_seconds
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._lock_path = lock_path
        self.is_gone = False
        """Whether somebody met `StoreGone`."""
        self.when_gone: Callable[[], None] = lambda: None
        """Called then, in whoever's thread."""
        self.heard: dict[str, datetime] = {}
        """When each connection last said something, as far as this process has kept it."""
        self._log = self._new_log()
        self._turns = self._new_turns()
        self._mine = threading.local()

    def _new_turns(self) -> Turns | None:
        if self._log is None or self._lock_path is None:
            return None
        return Turns(self.engine, self._log, self._lock_path, self.patience_seconds, self._seal)

    def _new_log(self) -> Log | None:
        return Log(self.file) if self.file else None

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
        if self._turns is not None:
            try:
                with self._turns.taken() as tx:
                    yield tx
            except StoreGone:
                self._tell()
                raise
            self._log_told(tx)
            return
        with self._connected() as tx:
            tx.run(*BEGIN_WRITE[self.engine.dialect.name])
            yield tx
            self._seal(tx, audit.drafted(tx.entries))
            tx.run("COMMIT")
        self._log_told(tx)

    def _tell(self) -> None:
        if self._turns is not None:
            self._turns.rescue()
        self.is_gone = True
        self.when_gone()

    def _log_told(self, tx: Tx) -> None:
        for what, facts in tx.told:
            log.info(what, **facts)

    def _seal(self, tx: Tx, drafts: Sequence[audit.Draft]) -> None:
        if drafts:
            audit.append(tx, drafts, self.audit_key)

    @contextmanager
    def _connected(self) -> Iterator[Tx]:
        link = connected(self.engine)
        try:
            yield Tx(self.engine, link)
        finally:
            link.close()  # back to the pool, which rolls back what was not committed

    @contextmanager
    def read(self, *, is_one_question: bool = False) -> Iterator[Tx]:
        """A transaction that only reads. Raises: one of `FAILURES`.

        `is_one_question`: one statement is asked, which is a transaction of its own in SQLite; whether the log is still
        ours is found out by what is asked after it.
        """
        if not self.is_sqlite:
            with self._connected() as tx:
                yield tx
            return
        # Each thread keeps its connection: the pool takes more time for lending one than most readings take.
        link = self._mine.__dict__.pop("link", None)
        try:
            is_checked = link is not None and is_one_question
            if link is None:
                if self._log is not None:
                    self._log.look()
                link = connected(self.engine)
            if self._log is not None and not is_checked:
                self._log.check(link)
            tx = Tx(self.engine, link)
            if not is_one_question:
                tx.run("BEGIN")
            yield tx
            if not is_one_question:
                tx.run("ROLLBACK")
        except BaseException as error:
            if link is not None:
                link.close()
            if isinstance(error, StoreGone):
                self._tell()
            raise
        self._mine.link = link

    def remember_log(self) -> None:
        """Before a fork: know which file SQLite's log is, so that the fork notices when it was taken away meanwhile."""
        if self._log is not None:
            self._log.remember()

    def forget_connections(self) -> None:
        """Start afresh after a fork: the parent's connections and locks stay the parent's. Which log it is, is remembered."""
        self.engine.dispose(close=False)
        self._turns = self._new_turns()
        self._mine = threading.local()

    def close(self) -> None:
        """Close what is open."""
        if self._turns is not None:
            self._turns.close()
        self._mine = threading.local()
        self.engine.dispose()
        self._log = self._new_log()  # who opens the store again finds a new one
        self._turns = self._new_turns()


def open_database(
    url: str, lock_dir: Path, audit_key: bytes | None = None, *, patience_seconds: float = PATIENCE_SECONDS
) -> Database:
    """Open the store at that URL; `lock_dir` holds the writers' lock file and the audit chain's key."""
    engine = open_engine(url)
    if engine.dialect.name == "postgresql":
        _have_patience(engine, patience_seconds)
    return Database(
        engine,
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


def _have_patience(engine: Engine, seconds: float) -> None:
    """Has PostgreSQL's driver wait that long for the server and for a lock, not for ever; SQLite's writers wait in `turns`."""

    @event.listens_for(engine, "do_connect")
    def _reach(_dialect: Any, _record: Any, _arguments: Any, named: dict[str, Any]) -> None:
        named.setdefault("connect_timeout", max(1, int(seconds)))  # whole seconds; the URL may name others

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {max(1, int(seconds * 1000))}")
        connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={TURN_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        # Else what a savepoint may have to put back is written to a file: two thirds of all that a commit for several wrote.
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
