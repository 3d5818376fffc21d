"""SQLite's write-ahead log beside the store: it must stay the file that our connections opened.

Whoever removes or replaces it under a running bridge makes every later commit vanish: our connections go on writing the
deleted one, and others, and the next start, find another.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import PoolProxiedConnection


class StoreGone(OSError):
    """The log was removed or replaced while it was in use: what is committed to a deleted one is lost."""


class Log:
    """One process's word for which file the log is, from its first connection on."""

    def __init__(self, file: Path) -> None:
        """`file`: the store's."""
        self._path = str(file.with_name(f"{file.name}-wal"))
        self._inode = 0

    def check(self, link: PoolProxiedConnection) -> None:
        """Return only if the log that others find is the one that we opened.

        Raises: `StoreGone`, after what the lost log holds was put into the store's file, as far as this connection can.
        """
        try:
            inode = os.stat(self._path).st_ino  # noqa: PTH116 - four times for each write
        except FileNotFoundError:
            inode = 0
        if not self._inode:
            self._inode = inode  # the first connection makes it
        if inode == self._inode:
            return
        cursor = link.cursor()
        for sql in ("ROLLBACK", "PRAGMA wal_checkpoint(PASSIVE)"):
            with suppress(Exception):  # the driver's: nothing was begun, or the disk is gone with the log
                cursor.execute(sql)
        raise StoreGone(f"{self._path} was removed or replaced while the bridge ran")
