"""Child processes of `run`: a link that tells when they are ready and ends them with their parent, and restarts.

The link is a pair of sockets. The parent never closes its end while it lives, so that end-of-file means that the parent
is gone, however it went. May import: the standard library.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Before each restart: at once, then slower."""
STEADY_SECONDS = 30.0
"""A child that lived that long failed for a new reason."""
LAST_SECONDS = 6.0
"""How long an orphan may take to end itself."""
STORE_GONE = 4
"""How a part ends that found the store's files taken away: it must not be started again."""
READY = b"R"
ALIVE = b"A"
GO = b"G"


class Link:
    """A child's end of its link to the supervisor."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self._go = threading.Event()

    def say_ready(self) -> None:
        """Tell the supervisor that this part does its work now."""
        self._socket.send(READY)

    def say_alive(self) -> None:
        """Tell the supervisor that something was done; never waits, and is lost when nobody reads."""
        with suppress(OSError):
            self._socket.send(ALIVE, socket.MSG_DONTWAIT)

    def wait_for_go(self) -> None:
        """Wait until the supervisor says that what this part needs is there."""
        self._go.wait()

    def end_with_parent(self) -> None:
        """From now on, end this process warmly when the supervisor is gone."""
        threading.Thread(target=self._watch, name="link", daemon=True).start()

    def _watch(self) -> None:
        with suppress(OSError):
            while self._socket.recv(1) == GO:
                self._go.set()
        # To the main thread by name: a signal that this thread takes would not wake it.
        main = threading.main_thread().ident or 0
        signal.pthread_kill(main, signal.SIGTERM)
        time.sleep(LAST_SECONDS)
        signal.pthread_kill(main, signal.SIGTERM)
        time.sleep(1.0)
        os._exit(1)


class Child:
    """One part of the tree: how to start it, whether it runs, when to start it again."""

    def __init__(self, name: str, launch: Callable[[socket.socket], int]) -> None:
        """`launch` starts the process, with this end of the link, and gives its id."""
        self.name = name
        self.pid = 0
        self.status = 0
        """How it ended last; negative for a signal."""
        self.is_ready = False
        self.has_go = False
        self.link: socket.socket | None = None
        self.failures = 0
        self.start_at: float | None = None
        """When to start it again, on the monotonic clock; `None` while it runs or shall not."""
        self.when_alive: Callable[[], None] = lambda: None
        """Called when it says that it has done something."""
        self._launch = launch
        self._started_at = 0.0

    def start(self) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair()
        self.link, self.is_ready, self.start_at = ours, False, None
        self._started_at = time.monotonic()
        try:
            self.pid = self._launch(theirs)
        finally:
            theirs.close()
        if self.has_go:
            self.go()

    def go(self) -> None:
        """Tell the child that what it needs is there, now and after each restart."""
        self.has_go = True
        if self.link:
            try:
                self.link.send(GO)
            except OSError:
                return

    def read(self) -> None:
        """Take what the child said on its link; a child that was killed with something unread resets it."""
        if self.link is None:
            return
        try:
            said = self.link.recv(1)
        except ConnectionError:
            said = b""
        if said == READY:
            self.is_ready = True
        elif said == ALIVE:
            self.when_alive()
        else:
            self.forget_link()

    def forget_link(self) -> None:
        """Close our end."""
        if self.link:
            self.link.close()
            self.link = None

    def has_ended(self) -> bool:
        """Whether the process ended since it was last asked; reaps it."""
        if not self.pid:
            return False
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            pid, status = self.pid, 0
        if pid:
            self.pid, self.status = 0, os.waitstatus_to_exitcode(status)
            self.is_ready = False
            self.forget_link()
        return bool(pid)

    def plan_restart(self) -> float:
        """Set the time of the next start: at once, then slower; the seconds until then."""
        now = time.monotonic()
        if now - self._started_at > STEADY_SECONDS:
            self.failures = 0
        pause = PAUSES_SECONDS[min(self.failures, len(PAUSES_SECONDS) - 1)]
        self.failures += 1
        self.start_at = now + pause
        return pause

    def signal(self, number: int) -> None:
        """Send a signal to the process while it runs."""
        if self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def execute(
    arguments: Sequence[str], environ: Mapping[str, str], link: socket.socket, *, sockets: Sequence[socket.socket] = ()
) -> int:
    """Start `python -m bridge.cli` with these arguments in a group of its own, so that Ctrl-C reaches the parent only."""
    descriptors = (link.fileno(), *(listening.fileno() for listening in sockets))
    command = [sys.executable, "-m", "bridge.cli", *arguments, "--link", str(link.fileno())]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        # Standard output is for what `run` itself says.
        stdout=2,
        env=dict(environ) | {"PYTHONPATH": python_path(environ)},
        pass_fds=descriptors,
        process_group=0,
    )
    # Reaped by `Child.has_ended`, so Popen must not warn that nobody waited.
    process.returncode = 0
    return process.pid


def reap_strangers() -> None:
    """As process 1 of a container: take leave of those whose parent died first, such as the fork of a killed worker.

    Whose of ours ends at this moment is found to be gone by `Child.has_ended` all the same.
    """
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def python_path(environ: Mapping[str, str]) -> str:
    """`PYTHONPATH` for a child: the same `bridge` in the child as here, wherever it is started."""
    own = str(Path(__file__).parent.parent)
    return os.pathsep.join(dict.fromkeys([own, *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]))


def fork(work: Callable[[Link], None], link: socket.socket, close: Sequence[int]) -> int:
    """Run `work` in a fork of this process, without the descriptors that are the parent's alone."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        for descriptor in close:
            os.close(descriptor)
        own = Link(os.dup(link.fileno()))
        link.close()
        own.end_with_parent()
        work(own)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0
    except BaseException:  # noqa: BLE001 - the fork ends here whatever comes
        import traceback

        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)
