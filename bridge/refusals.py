"""What an operating system or a database refused, in words for whoever started us.

May import: the standard library.
"""

from __future__ import annotations

import os
import pwd
import shutil
from contextlib import suppress
from pathlib import Path

LITTLE_ROOM = 8 * 1024 * 1024
"""Bytes. A new store and its log need about one megabyte."""


def why(error: OSError) -> str:
    """What the system said, with the owner of what it refused when that is somebody else."""
    owner = _owner(Path(os.fsdecode(error.filename))) if isinstance(error, PermissionError) and error.filename else ""
    return f"{error.strerror}{owner}"


def of_store(error: Exception, data_dir: Path) -> str:
    """One sentence about a store that could not be opened; never the statement, which holds values."""
    said = str(getattr(error, "orig", None) or error).partition("\n")[0].rstrip(".")
    free = shutil.disk_usage(data_dir).free
    room = f"; {data_dir} has {free // 1024} kB left" if free < LITTLE_ROOM else ""
    return f"The database cannot be used: {said}{room}."


def _owner(path: Path) -> str:
    for place in (path, *path.parents):
        with suppress(OSError):
            uid = place.stat().st_uid
            return (
                f" ({place} belongs to {_name(uid)}, and this is {_name(os.geteuid())})" if uid != os.geteuid() else ""
            )
    return ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
