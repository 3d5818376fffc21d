"""Programs that are measured or needed for it: started on given cores, waited for, and ended by their own number."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from benchmarks import machine
from benchmarks.figures import NotMeasured

START_SECONDS = 60
STOP_SECONDS = 12
TOLD_CHARACTERS = 600
"""How much of a program's last words is worth showing."""


@contextmanager
def program(
    command: Sequence[str], log: Path, *, cores: Sequence[int], environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The running program, its standard output to be read; what it says otherwise goes to the log. Ended at the end."""
    with log.open("a") as said, machine.on(cores):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, env=environ, text=True, start_new_session=True
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End the program warmly, or with everything that descends from it when it does not go."""
    descendants = machine.family(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in descendants:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)
    if process.stdout:
        process.stdout.close()


def first_line(process: subprocess.Popen[str], log: Path) -> str:
    """The first line of its standard output. Raises: `NotMeasured` when it ends without one."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise NotMeasured(f"{process.args!r} ended: {last_words(log)}")
    return line


def wait_for(url: str, process: subprocess.Popen[str], log: Path) -> None:
    """Wait until anything is answered at that URL. Raises: `NotMeasured`."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError):
            httpx.get(url, timeout=2, trust_env=False)
            return
        time.sleep(0.02)
    raise NotMeasured(f"{url} does not answer: {last_words(log)}")


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Returns as soon as it holds. Raises: `NotMeasured` when it does not within that time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise NotMeasured(f"nothing moved within {seconds:g} s")
        time.sleep(0.002)


def last_words(log: Path) -> str:
    """What a program said last."""
    return log.read_text(errors="replace").strip()[-TOLD_CHARACTERS:] or "it said nothing"


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
