"""SQLite's write-ahead log beside the store: it must stay the file that our connections opened.

Whoever removes or replaces it under a running bridge makes every later commit vanish: our connections go on writing the
deleted one, and others, and the next start, find another. A process that opens the store only then has never seen the first one:
it learns of it from its parent, or from who still has it open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import PoolProxiedConnection


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
        if inode != known and not (known and _is_open(lambda _, open_one: open_one == known)):
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
        if not self._inode and not _is_open(lambda name, _: name == f"{self._path} (deleted)"):
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


def _is_open(is_meant: Callable[[str, int], bool]) -> bool:
    """Whether some process of ours has a file open that is meant, by its name now and its inode. Linux only; else no."""
    return any(is_meant(name, inode) for name, inode in _open_files())


def _open_files() -> Iterator[tuple[str, int]]:
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # somebody else's process, or one that has just ended
            for file in folder.iterdir():
                with suppress(OSError):
                    name = os.readlink(file)  # noqa: PTH115 - a file that is gone has no Path
                    if name.startswith("/"):
                        yield name, os.stat(file).st_ino  # noqa: PTH116
