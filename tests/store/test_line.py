"""The line of those who write, each a process of its own; here each has files of its own open, which is the same to the kernel."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bridge.store.line import Line


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "store.lock"


def wait_until_somebody_is_next(lock) -> None:
    fd = os.open(lock.with_suffix(".next"), os.O_RDWR)
    deadline = time.monotonic() + 5
    try:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(fd, fcntl.LOCK_UN)
            time.sleep(0.001)
    finally:
        os.close(fd)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("round_", range(20))
def test_whoever_has_just_written_comes_after_whoever_is_next(lock, round_):
    written = []
    mine, another = Line(lock), Line(lock)
    mine.enter()

    def write() -> None:
        another.enter()
        written.append("another")
        another.leave()

    waiting = threading.Thread(target=write)
    waiting.start()
    wait_until_somebody_is_next(lock)

    mine.leave()
    mine.enter()
    written.append("mine")
    mine.leave()

    waiting.join()
    assert written == ["another", "mine"]
    mine.close()
    another.close()


@pytest.mark.parametrize("is_next", [False, True], ids=["who writes", "who is next"])
def test_the_place_of_a_process_that_is_killed_is_free(lock, is_next):
    mine = Line(lock)
    mine.enter()
    if not is_next:
        mine.leave()
    child = os.fork()
    if child == 0:
        Line(lock).enter()
        signal.pause()
    if is_next:
        wait_until_somebody_is_next(lock)
    else:
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    if is_next:
        mine.leave()
    mine.enter()
    mine.close()


def test_one_that_cannot_be_opened_is_an_error_each_time_and_costs_nothing(tmp_path):
    line = Line(tmp_path / "nowhere" / "store.lock")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            line.enter()
        line.leave()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_after_it_was_closed_it_can_be_entered_again(lock):
    line = Line(lock)
    for _ in range(2):
        line.enter()
        line.leave()
        line.close()
