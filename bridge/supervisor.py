"""`run`: queue server, web, workers, sweep and, in a sandbox, PostHog's stand-in, as one process tree.

Order of start: data folder, sockets, web (it imports while we do), queue server, store, workers, sweep. Order of stop:
web, workers, sweep, sandbox, queue server. The workers are forked from here, since what is imported before a fork is
shared; all others are programs of their own, whose environment has no API key. This process never uses a thread.
"""

from __future__ import annotations

import errno
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bridge import refusals, run_file, serving
from bridge.children import STORE_GONE, Child, Link, fork, reap_strangers
from bridge.config import SANDBOX, ConfigError, Settings, is_loopback
from bridge.programs import Programs
from bridge.pulse import Pulse
from bridge.queue_server import DataFolderBusy, DataLock, QueueServer, QueueServerError
from bridge.run_file import say

if TYPE_CHECKING:
    from bridge.ports import Bridge

READY_SECONDS = 30.0
"""How long web and sandbox may take to come up on a slow machine."""
WEB_SECONDS = 3.0
WORKERS_SECONDS = 4.0
"""A pass that takes longer is cut off, which loses nothing: the next one looks again."""
OTHERS_SECONDS = 0.7
LOOK_SECONDS = 1.0
"""How often the queue server and the files that must stay are looked after."""
PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})
"""What an operating system refuses for a while: no memory, no processes, no room. Tried again, not given up."""
DONE, WRONG_USE, FAILED = 0, 2, 3
"""Exit statuses, as the command line's; a service manager does not start again after `WRONG_USE`."""


class StartFailed(Exception):
    """A part did not come up; one sentence."""

    status = FAILED


class FilesWrong(StartFailed):
    """What we work on was taken away under us, or is not for us. A person must look before anything starts us again."""

    status = WRONG_USE


def run(
    settings: Settings, *, host: str | None = None, port: int | None = None, parent: socket.socket | None = None
) -> int:
    """Start everything, keep it running until SIGTERM or SIGINT, stop it warmly; the exit status.

    `parent`: end-of-file on it also stops; a program that started us is gone then.
    """
    # Everything kept is about people: for this user alone.
    os.umask(0o077)
    run_file.have_streams()
    try:
        lock = DataLock(settings.data_dir)
    except DataFolderBusy:
        say(run_file.who_has(settings.data_dir))
        return FAILED
    except OSError as error:
        say(
            f"{run_file.shown(settings.data_dir)} cannot be used: {refusals.why(error)}. Choose another folder with --data."
        )
        return FAILED
    tree = Tree(settings, lock, parent)
    try:
        tree.listen(host or settings.server.host, settings.server.port if port is None else port)
        tree.start()
        tree.watch()
    except (StartFailed, QueueServerError) as error:
        say(str(error))
        return getattr(error, "status", FAILED)
    except OSError as error:
        # The data folder or this Python was taken away, or the disk is full.
        say(f"It cannot go on: {error.filename or settings.data_dir}: {error.strerror}.")
        return FAILED
    finally:
        tree.stop()
    return DONE


class Tree:
    """The processes of one `run`, and what they share."""

    def __init__(self, settings: Settings, lock: DataLock, parent: socket.socket | None = None) -> None:
        self.settings = settings
        self.data_dir = settings.data_dir
        self.children: dict[str, Child] = {}
        self.queue: QueueServer | None = None
        self.is_leaving = False
        self._lock = lock
        self._pulse = Pulse()
        self._parent = parent
        self._sockets: dict[str, socket.socket] = {}
        self._tokens: dict[str, str] = {}
        self._bridge: Bridge | None = None
        self._looked_at = 0.0
        self._opened: dict[Path, int] = {}
        # Workers hand the second end on to the forks that do their jobs: those outlive a worker, and never us.
        self._life, self._lifeline = socket.socketpair()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._leave)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    # -- start -------------------------------------------------------------------------------------------------------

    def listen(self, host: str, port: int) -> None:
        """Take the web's address, before anything is started.

        Raises: `StartFailed` when it cannot be had.
        """
        if not is_loopback(host) and self.settings.is_sandbox:
            say(f"Warning: {host} is reachable from other machines, and this is a sandbox without configuration.")
        try:
            self._sockets["web"] = serving.listen(host, port)
            if self.settings.is_sandbox:
                self._sockets["sandbox"] = serving.listen("127.0.0.1", 0)
        except OSError as error:
            # For a host's name there is no such number, and the words are the resolver's.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise StartFailed(
                f"{host}:{port} cannot be listened on: {why}. Choose another --port or --host."
            ) from error

    def start(self) -> None:
        """Start all parts, and return when they do their work.

        Raises: `StartFailed`, `QueueServerError`.
        """
        if self.settings.is_sandbox:
            self._prepare_sandbox()
        if not self.settings.queue.url:
            self.queue = QueueServer(self.data_dir, self.settings.queue.server_binary)
            self.queue.begin()
        programs = Programs(self.settings, self._sockets, self.queue)
        self._add("web", programs.web).start()
        self.children["web"].when_alive = self._pulse.heard
        if self.settings.is_sandbox:
            self._add("sandbox", programs.sandbox).start()
        self._wire()
        self.children["web"].go()
        if self.queue:
            self.queue.wait()
        for number in range(self.settings.queue.workers):
            self._add(f"worker-{number + 1}", self._launch_worker).start()
        self._await_ready()
        # Nobody waits for the sweep's first round, and its imports would slow down what people do wait for.
        self._add("sweep", programs.sweep).start()
        self.children["sweep"].go()
        self._write_run_file()
        self._tell()

    def _add(self, name: str, launch: Callable[[socket.socket], int]) -> Child:
        self.children[name] = Child(name, launch)
        return self.children[name]

    def _prepare_sandbox(self) -> None:
        from dataclasses import replace

        key_file = self.data_dir / "sandbox.key"
        if not key_file.exists():
            descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write("phx_" + secrets.token_urlsafe(32).replace("-", "0").replace("_", "1"))
        target = replace(self.settings.targets[SANDBOX], url=serving.address(self._sockets["sandbox"]))
        self.settings = replace(self.settings, targets={**self.settings.targets, SANDBOX: target})

    def _wire(self) -> None:
        """Bring the store up to date and import what the workers need, while the other parts come up."""
        from bridge import bootstrap, worker
        from bridge.store import tokens
        from bridge.store.db import FAILURES, StoreTooNew

        bootstrap.set_up_logging("worker")
        try:
            bootstrap.prepare_store(self.settings)
        except StoreTooNew as error:
            raise FilesWrong(refusals.of_store(error, self.data_dir)) from error
        except ConfigError as error:
            raise FilesWrong(str(error)) from error
        except FAILURES as error:
            raise StartFailed(refusals.of_store(error, self.data_dir)) from error
        self._bridge = bridge = bootstrap.build(self.settings)
        if self.settings.is_sandbox:
            with bridge.db.write() as tx:
                for connection in self.settings.connections:
                    tokens.revoke_all(tx, connection, bridge.clock.now())
                    self._tokens[connection] = tokens.create(tx, connection, bridge.clock.now())
        worker.prepare(bridge)
        files = (self.data_dir / "run.lock", bridge.db.file)
        self._opened = {file: file.stat().st_ino for file in files if file}

    # -- the workers, which are forks of this process ----------------------------------------------------------------

    def _launch_worker(self, link: socket.socket) -> int:
        from bridge import bootstrap, worker

        bridge = self._bridge
        if bridge is None:
            raise RuntimeError("wired before the workers start")

        def work(parent: Link) -> None:
            bridge.db.forget_connections()
            parent.say_ready()
            lifeline = Link(os.dup(self._lifeline.fileno()))
            worker.work(bridge, bootstrap.queue_url(self.settings), when_forked=lifeline.end_with_parent)

        return fork(work, link, self._own_descriptors())

    def _own_descriptors(self) -> list[int]:
        """What a fork must close: the data folder's lock would outlive us in it, and so would our ends of the links."""
        links = [child.link for child in self.children.values() if child.link]
        asking = [*self._pulse.reader, *self._pulse.writer]
        held = [*links, *self._sockets.values(), *asking, self._wake, self._woken, self._life]
        return [self._lock.fd, *(end.fileno() for end in held)]

    # -- while it runs -----------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Restart what ends, until told to leave."""
        while not self.is_leaving:
            self._turn(LOOK_SECONDS)

    def _turn(self, seconds: float) -> None:
        """Wait for something to happen, at most that long, and do what it asks for."""
        links = {child.link: child for child in self.children.values() if child.link}
        moments = [self._pulse.next_at, *(child.start_at for child in self.children.values())]
        timeout = max(0.0, min([seconds, *(at - time.monotonic() for at in moments if at is not None)]))
        parents = [self._parent] if self._parent and not self.is_leaving else []
        asked, asking = self._pulse.reader, self._pulse.writer
        readable, writable, _ = select.select([self._woken, *parents, *links, *asked], asking, [], timeout)
        for link in (*readable, *writable):
            if link is self._parent:
                self.is_leaving = True
            elif link is self._woken:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
            elif link in (*asked, *asking):
                self._pulse.go_on()
            else:
                links[link].read()
        if not self.is_leaving:
            self._mend()

    def _mend(self) -> None:
        has_changed = False
        for child in self.children.values():
            if child.has_ended():
                if child.status == STORE_GONE:
                    raise FilesWrong(
                        f"{child.name} found the store taken away; its own words are above. The bridge stops."
                    )
                pause = child.plan_restart()
                say(f"{child.name} ended; it is started again" + (f" in {pause:g} s." if pause else "."))
            if child.start_at is not None and time.monotonic() >= child.start_at:
                has_changed |= self._start_again(child)
        self._mend_web()
        if os.getpid() == 1:
            reap_strangers()
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._check_files()
            has_changed |= self._mend_queue()
        if has_changed and run_file.is_there(self.data_dir):
            with suppress(OSError):  # a full disk; the processes are there all the same
                self._write_run_file()

    def _mend_web(self) -> None:
        """A web process that runs and answers nobody is killed; then it is started again as one that ended is."""
        web = self.children["web"]
        if not (web.pid and web.is_ready):
            self._pulse.stop()
        elif self._pulse.is_gone(time.monotonic(), self._sockets["web"]):
            say(f"web runs, and has answered nothing for {self._pulse.silent_seconds:g} s: it hangs, and is killed.")
            web.signal(signal.SIGKILL)
            self._pulse.stop()

    def _start_again(self, child: Child) -> bool:
        try:
            child.start()
        except OSError as error:
            if error.errno not in PASSING:
                raise
            say(f"{child.name} cannot be started: {error.strerror}. Tried again in {child.plan_restart():g} s.")
            return False
        return True

    def _mend_queue(self) -> bool:
        if self.queue is None or self.queue.is_there():
            return False
        say("The queue server ended, or lost its socket; it is started again.")
        was = self.queue.url
        try:
            self.queue.begin()
            if self.queue.url != was:
                # All parts were told where it is when they were started.
                raise StartFailed(f"The queue server's place, {was}, is gone, so the bridge stops. Start it again.")
        except (QueueServerError, OSError) as error:
            # Nothing is lost meanwhile: what is accepted is in the store, and is rung for when a server is there.
            say(f"It is tried again soon. {error}")
            return False
        return True

    def _check_files(self) -> None:
        """The lock and the store must be the files that we opened: what is written to a deleted one is lost.

        Raises: `FilesWrong`.
        """
        for file, inode in self._opened.items():
            try:
                is_there = file.stat().st_ino == inode
            except OSError:
                is_there = False
            if not is_there:
                raise FilesWrong(
                    f"{file} was removed or replaced while the bridge ran, so it stops: what is written to a deleted "
                    "file is lost. Put the right one in place before you start it again; a missing one is made anew, empty."
                )

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_leaving and not all(child.is_ready for child in self.children.values()):
            for child in self.children.values():
                if child.failures > 1 or time.monotonic() > deadline:
                    raise StartFailed(f"{child.name} did not come up; its own words are above.")
            self._turn(0.2)

    def _leave(self, _number: int, _frame: object) -> None:
        self.is_leaving = True

    # -- what others are told ----------------------------------------------------------------------------------------

    def _write_run_file(self) -> None:
        pids = {"supervisor": os.getpid()} | {name: child.pid for name, child in self.children.items()}
        if self.queue:
            pids["queue"] = self.queue.pid
        run_file.write(self.settings, url=self._public_url(), tokens=self._tokens, pids=pids)

    def _public_url(self) -> str:
        return self.settings.server.public_url or serving.address(self._sockets["web"])

    def _tell(self) -> None:
        if not self.is_leaving:
            run_file.say_ready(self.settings, serving.address(self._sockets["web"]), self._public_url())

    # -- stop --------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop what runs, in order, within ten seconds."""
        self.is_leaving = True
        run_file.remove(self.data_dir)
        self._pulse.stop()
        self._end(["web"], WEB_SECONDS)
        # The listening socket goes after the web, so that nobody is refused while the last answers go out.
        for listening in self._sockets.values():
            listening.close()
        self._end([name for name in self.children if name.startswith("worker")], WORKERS_SECONDS, signal.SIGTERM)
        self._end(["sweep"], OTHERS_SECONDS)
        self._end(["sandbox"], OTHERS_SECONDS)
        if self.queue and self.queue.pid:
            self.queue.stop()
        # A second Ctrl-C that comes while the interpreter ends must not turn a warm stop into a killed one.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._lock.close()

    def _end(self, names: list[str], seconds: float, harder: signal.Signals | None = None) -> None:
        """SIGTERM, and after the seconds the harder signal (a worker then takes its fork with it) and SIGKILL."""
        ending = [self.children[name] for name in names if name in self.children]
        for number, patience in ((signal.SIGTERM, seconds), (harder, OTHERS_SECONDS), (signal.SIGKILL, OTHERS_SECONDS)):
            deadline = time.monotonic() + patience
            for child in ending if number else ():
                child.start_at = None
                child.signal(number or 0)
            while any(not child.has_ended() and child.pid for child in ending) and time.monotonic() < deadline:
                time.sleep(0.01)
