"""SQLite's write-ahead log beside the store: it must stay the file that our connections opened.

Whoever removes or replaces it under a running bridge makes every later commit vanish: our connections go on writing the
deleted one, and others, and the next start, find another. A process that opens the store only then has never seen the first one:
it learns of it from its parent, or from who still has it open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import PoolProxiedConnection

LOG_BEGINS = bytes.fromhex("377f06")
"""Then comes 82 or 83, by the byte order of the checksums."""


class StoreGone(OSError):
    """The log was removed or replaced while it was in use: what is committed to a deleted one is lost."""


class Log:
    """One process's word for which file the log is, from its first connection on."""

    def __init__(self, file: Path) -> None:
        """`file`: the store's."""
        self._path = os.path.realpath(file.with_name(f"{file.name}-wal"))
        self._inode = 0

    def remember(self) -> None:
        """Know which file the log is before a fork opens the store. One that nobody has open was not taken away: it ended."""
        inode, known = self._found(), self._inode
        if inode != known and not (
            known and any(each.inode == known and self._is_ours(each) for each in _open_files())
        ):
            self._inode = inode

    def look(self) -> None:
        """Return only if a connection that is opened now would find the log that we know. A new one would begin another.

        Raises: `StoreGone`.
        """
        if self._inode and self._found() != self._inode:
            raise StoreGone(f"{self._path} was removed or replaced while the bridge ran")

    def check(self, link: PoolProxiedConnection) -> None:
        """Return only if the log that others find is the one that we opened.

        Raises: `StoreGone`, after what the lost log holds was put into the store's file, as far as this connection can.
        """
        inode = self._found()
        if not self._inode and not any(each.name == f"{self._path} (deleted)" for each in _open_files()):
            self._inode = inode  # the first connection makes it
            return
        if inode == self._inode != 0:
            return
        cursor = link.cursor()
        for sql in ("ROLLBACK", "PRAGMA wal_checkpoint(PASSIVE)"):
            with suppress(Exception):  # the driver's: nothing was begun, or the disk is gone with the log
                cursor.execute(sql)
        raise StoreGone(f"{self._path} was removed or replaced while the bridge ran")

    def _found(self) -> int:
        """The inode of the log that a new connection would find; 0 for none."""
        try:
            return os.stat(self._path).st_ino  # noqa: PTH116 - four times for each write
        except FileNotFoundError:
            return 0

    def _is_ours(self, each: _OpenFile) -> bool:
        """Whether a file with our log's inode is the log. When it ended, the number was free for any new file.

        Most often SQLite's own `-shm` beside the next log gets it; and sometimes the log of another store.
        """
        store = each.name.removesuffix("-wal")
        is_anothers = each.name not in (self._path, store) and os.path.exists(store)  # noqa: PTH110 - a text
        return not is_anothers and each.is_log()


@dataclass(frozen=True)
class _OpenFile:
    """One file that some process of ours has open. `name` is its name now, which may end with ` (deleted)`."""

    fd: Path
    name: str
    inode: int

    def is_log(self) -> bool:
        """Whether a write-ahead log stands in it. Source: SQLite's file format, section 4.1."""
        try:
            with self.fd.open("rb") as file:
                return file.read(len(LOG_BEGINS)) == LOG_BEGINS
        except OSError:
            return False


def _open_files() -> Iterator[_OpenFile]:
    """Linux only; nothing elsewhere."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # somebody else's process, or one that has just ended
            for fd in folder.iterdir():
                with suppress(OSError):
                    name = os.readlink(fd)  # noqa: PTH115 - a file that is gone has no Path
                    if name.startswith("/"):
                        yield _OpenFile(fd, name, os.stat(fd).st_ino)  # noqa: PTH116
