"""A `run` of one's own to practise on: a folder made anew, an environment that leads nowhere real, a child process.

May import: `children`, `queue_server`, `refusals`, `run_file`, `ports`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bridge import refusals, run_file
from bridge.children import python_path
from bridge.ports import Declined, Unavailable
from bridge.queue_server import DataFolderBusy, DataLock, QueueServer, QueueServerError

FOLDER = "demo"
"""In the data folder: a user's own `run` there is left alone."""
MARK = "made-by-demo"
"""The file without which a folder of that name is not ours to empty."""
STAYS = frozenset({MARK, "run.lock"})
"""What is left when the folder is emptied: the mark, and the lock that is held meanwhile."""
KEPT = ("BRIDGE_QUEUE__SERVER_BINARY",)
"""The only settings that the environment keeps: any other might lead to a real store, queue or organization."""
START_SECONDS = 45.0
"""How long `run` may take to say where it is, on a machine that does much else."""
STOP_SECONDS = 15.0
"""`run` gives its parts ten, and an orphan ends itself within seven."""
PATIENCE_SECONDS = 5.0
"""How long the `run` of a demonstration that was killed may still have its folder."""
POLL_SECONDS = 0.05
TOLD_LINES = 3
"""How many of the last sentences of `run` are worth showing."""


class RunEnded(Unavailable):
    """`run` ended by itself, or never came up; the text is what it said."""


@contextmanager
def fresh_folder(data_dir: Path) -> Iterator[Path]:
    """The folder `demo` in the data folder, empty, and ours for as long as this lasts.

    Raises: `Unavailable` when another demonstration or its `run` has it, or when it cannot be written; `Declined` when
    a folder of that name was not made by us.
    """
    folder, lock = data_dir / FOLDER, -1
    try:
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(data_dir / f"{FOLDER}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _lock(lock, folder)
            _empty(folder)
        except OSError as error:
            said = f"{run_file.shown(folder)} cannot be used: {refusals.why(error)}."
            raise Unavailable(f"{said} Choose another folder with --data.") from error
        yield folder
    finally:
        if lock >= 0:
            os.close(lock)


def environment(environ: Mapping[str, str], policy: Mapping[str, str]) -> dict[str, str]:
    """The environment for `run`: with this policy, and without any setting that might lead somewhere real."""
    kept = {name: value for name, value in environ.items() if not name.startswith("BRIDGE_") or name in KEPT}
    return {**kept, **policy, "PYTHONPATH": python_path(environ)}


class Run:
    """`run` on that folder, as a child that ends with us, however we end. Its log is `run.log` there."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, host: str, port: int) -> None:
        self.folder = folder
        self.environ = environ
        self._log = folder / "run.log"
        # Ours stays open for as long as we live; its end is how `run` knows that we are gone.
        self._link, theirs = socket.socketpair()
        command = [sys.executable, "-m", "bridge.cli", "run", "--data", str(folder)]
        command += ["--host", host, "--port", str(port), "--link", str(theirs.fileno())]
        with theirs, self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=dict(environ),
                pass_fds=(theirs.fileno(),),
                # Ctrl-C is ours: the story ends first, then `run` is told.
                process_group=0,
            )

    def wait(self, meanwhile: Callable[[float], None]) -> dict[str, Any]:
        """What `run` tells of itself once it is ready. `meanwhile` is called with the seconds that it took so far.

        Raises: `RunEnded`.
        """
        began = time.monotonic()
        while True:
            if told := _told(self.folder):
                return told
            self.check()
            seconds = time.monotonic() - began
            if seconds > START_SECONDS:
                raise RunEnded(f"`run` was not ready after {seconds:.0f} s. {self._last_words()}")
            meanwhile(seconds)
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Return only if it still runs. Raises: `RunEnded`."""
        if self._process.poll() is not None:
            raise RunEnded(self._last_words())

    def stop(self) -> None:
        """End it warmly, and whatever it may have left behind; a second Ctrl-C changes nothing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        told = _told(self.folder)
        if self._process.poll() is None:
            self._process.terminate()
        self._link.close()
        try:
            ended = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            ended = self._process.wait()
        if ended < 0:
            self._clear_away(told)

    def _clear_away(self, told: Mapping[str, Any]) -> None:
        """After a hard end: its parts end by themselves, but for the queue server, which waits to be adopted."""
        queue = QueueServer(self.folder)
        if queue.answers():
            with suppress(QueueServerError):
                queue.begin()
                queue.stop()
        pids = [pid for name, pid in told.get("pids", {}).items() if name != "supervisor"]
        deadline = time.monotonic() + STOP_SECONDS
        while any(_is_there(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        # Log lines are JSON; what is left are the sentences that it says to people.
        said = [line for line in lines if line.strip() and not line.startswith("{")][-TOLD_LINES:]
        ended = self._process.poll()
        how = f"`run` was killed (signal {-ended})" if ended is not None and ended < 0 else "`run` said nothing"
        return " ".join(said) or f"{how}; its log is {self._log}."


def _lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        url = _told(folder).get("url")
        where = run_file.shown(folder) + (f" ({url})" if url else "")
        raise Unavailable(f"Another demo works in {where}. Stop it, or choose another folder with --data.") from error


def _empty(folder: Path) -> None:
    mark = folder / MARK
    is_marked = mark.is_file() and not mark.is_symlink()
    if folder.is_symlink() or (folder.exists() and not is_marked and any(folder.iterdir())):
        raise Declined(
            f"{run_file.shown(folder)} would be emptied, and no demo has made it.",
            remedy="Move it away, or choose another folder with --data.",
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_marked:
        mark.write_text("`demo` empties this folder at each start.\n", encoding="utf-8")
    lock = _locked(folder)
    try:
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name not in STAYS:
                entry.unlink()
    finally:
        lock.close()


def _locked(folder: Path) -> DataLock:
    """The lock of `run` on that folder; one whose demonstration was killed has a moment to end.

    Raises: `Unavailable`.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return DataLock(folder)
        except DataFolderBusy as error:
            if time.monotonic() > deadline:
                raise Unavailable(run_file.who_has(folder)) from error
            time.sleep(POLL_SECONDS)


def _told(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / run_file.NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
