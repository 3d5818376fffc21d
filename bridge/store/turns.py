"""Who writes next to SQLite, and which changes become durable together.

SQLite has one write lock for all processes. Ours queue for it on a thread lock and in a `Line`, instead of in SQLite's
blind waiting (p99 from 625 ms to 31 ms with other processes writing).

Whoever has the turn and sees others of this process waiting leaves the transaction open for the next one and waits: the
last one commits for all of them, and none returns before that. One wait for the disk then serves several requests. A
change that fails is undone alone, by its savepoint. May import: `audit`, `line`, `log`, `transaction`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import OperationalError

from bridge.store.audit import Draft, drafted
from bridge.store.line import Line
from bridge.store.log import Log
from bridge.store.transaction import Tx, connected

MOST_TOGETHER = 16
"""Changes in one commit: beyond that the first one waits longer than the disk would take."""

CACHE_KIB = 8_000
"""Pages of the store that the writer keeps in memory. With SQLite's 2,000 a PATCH in a store of 100,000 users read four anew."""

LONGEST_SECONDS = 0.02
"""How long a transaction is left open for others; after that whoever has it commits."""

STALLED_SECONDS = 0.05
"""How long one waits for another's commit before seeing to it: the one who was expected may have given up."""


RESCUE_SECONDS = 2.0
"""How long it is waited for whoever has the turn while the store's log is lost."""


class StoreBusy(OSError):
    """Somebody kept the store locked for longer than a writer waits."""


class NotCommitted(OSError):
    """The commit that this change shared with others failed: nothing of it was kept."""


Seal = Callable[[Tx, Sequence[Draft]], None]
"""Appends what was said to the audit chain: once for all changes of a commit, just before it."""


class _Together:
    """Changes that one commit makes durable."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        """What began it and ends it."""
        self.drafts: list[Draft] = []
        """What the changes have said for the audit chain so far."""
        self.size = 0
        self.began = time.monotonic()
        self.is_over = False
        self.error: BaseException | None = None
        self._gate = threading.Lock()
        self._gate.acquire()

    def end(self) -> None:
        """Let everybody go who waits for it."""
        if not self.is_over:
            self.is_over = True
            self._gate.release()

    def wait(self, seconds: float) -> bool:
        """Whether it is over within that time. A bare lock, since an `Event` takes ten calls for each who waits."""
        if self._gate.acquire(timeout=seconds):
            self._gate.release()  # the next one's turn to go
        return self.is_over


class Turns:
    """The writers of one process, on one connection: what it wrote last it need not read again."""

    def __init__(self, engine: Engine, log: Log, lock_path: Path, patience_seconds: float, seal: Seal) -> None:
        self._engine = engine
        self._log = log
        self._line = Line(lock_path)
        self._patience_seconds = patience_seconds
        self._seal = seal
        self._turn = threading.Lock()
        self._link: PoolProxiedConnection | None = None
        self._open: _Together | None = None
        self._waiting: set[int] = set()

    @contextmanager
    def taken(self) -> Iterator[Tx]:
        """A transaction of one's own to write in. Sealed and durable at the end; undone on any exception.

        Raises: `StoreBusy` or SQLAlchemy's `OperationalError` when no turn came within the patience, `NotCommitted`,
        `StoreGone`.
        """
        together = self._begun(time.monotonic() + self._patience_seconds)
        is_alone = together.size == 0
        tx = together.tx.beside()
        try:
            if not is_alone:
                tx.run("SAVEPOINT mine")
            yield tx
            drafts = drafted(tx.entries)
            if not is_alone:
                tx.run("RELEASE mine")
        except BaseException:
            self._undo(together, is_alone=is_alone)
            raise
        together.size += 1
        together.drafts += drafts
        is_over = together.size >= MOST_TOGETHER or time.monotonic() - together.began > LONGEST_SECONDS
        if is_over or not self._waiting:
            self._commit(together)
        self._turn.release()
        self._await(together)

    def rescue(self) -> None:
        """Put what a lost log holds into the store's file: only a connection that was open before still has it."""
        if not self._turn.acquire(timeout=RESCUE_SECONDS):
            return
        try:
            if self._open is not None:
                self._commit(self._open)
            if self._link is not None:
                cursor = self._link.cursor()
                with suppress(Exception):  # the driver's: the disk may be gone with the log
                    cursor.execute("PRAGMA wal_checkpoint(FULL)")
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close what is open."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self._line.close()

    def _begun(self, deadline: float) -> _Together:
        """The open transaction, with this thread's turn in it.

        A stranger (a backup, a shell left open) may have SQLite's lock. Nobody of ours waits for it while others of
        ours wait for him: whoever does not get it soon goes to the end of the queue, until his patience is over.
        """
        while True:
            self._take_turn(deadline)
            try:
                if self._open is None:
                    self._open = _Together(self._begin())
            except BaseException as error:
                self._line.leave()
                self._turn.release()
                is_patient = isinstance(error, OperationalError) and _is_locked(error) and time.monotonic() < deadline
                if not is_patient:
                    raise
            else:
                return self._open

    def _take_turn(self, deadline: float) -> None:
        me = threading.get_ident()
        self._waiting.add(me)
        try:
            if not self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise StoreBusy("the store was locked for too long")
        finally:
            self._waiting.discard(me)

    def _begin(self) -> Tx:
        self._line.enter()
        is_new = self._link is None
        if self._link is None:
            self._log.look()
            self._link = connected(self._engine)
        tx = Tx(self._engine, self._link)
        if is_new:
            tx.run(f"PRAGMA cache_size=-{CACHE_KIB}")
        # Before, since SQLite may not even begin on a log that is gone; and after, since from then on nobody resets it.
        self._log.check(self._link)
        tx.run("BEGIN IMMEDIATE")
        self._log.check(self._link)
        return tx

    def _commit(self, together: _Together) -> None:
        """End the transaction for all who are in it. Never raises: `_await` tells each of them."""
        try:
            self._seal(together.tx, together.drafts)
            # Not the driver's commit(), which does nothing when the transaction is gone.
            together.tx.run("COMMIT")
        except BaseException as error:  # noqa: BLE001 - whatever it was, everybody in it has to know
            self._fail(together, error)
        else:
            self._end(together)

    def _undo(self, together: _Together, *, is_alone: bool) -> None:
        """Take back one change that failed, and let the others in the transaction go on without it."""
        try:
            if is_alone:
                self._drop_link()
                self._end(together)
                return
            together.tx.run("ROLLBACK TO mine")
            together.tx.run("RELEASE mine")
            if not self._waiting:
                self._commit(together)
        except BaseException as error:  # noqa: BLE001 - a full disk takes the whole transaction away
            self._fail(together, error)
        finally:
            self._turn.release()

    def _await(self, together: _Together) -> None:
        while not together.is_over and not together.wait(STALLED_SECONDS):
            if self._turn.acquire(blocking=False):
                try:
                    if not together.is_over:
                        self._commit(together)
                finally:
                    self._turn.release()
        if together.error is not None and together.size == 1:
            raise together.error
        if together.error is not None:
            raise NotCommitted("the change could not be made durable") from together.error

    def _fail(self, together: _Together, error: BaseException) -> None:
        together.error = error
        self._drop_link()
        self._end(together)

    def _end(self, together: _Together) -> None:
        self._open = None
        self._line.leave()
        together.end()

    def _drop_link(self) -> None:
        """Give the connection back to the pool, which rolls back what is open on it."""
        if self._link is not None:
            self._link.close()
            self._link = None


def _is_locked(error: OperationalError) -> bool:
    return isinstance(error.orig, sqlite3.OperationalError) and error.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY
