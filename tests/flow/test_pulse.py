"""A server that hangs is told from one that only has much to do, or whose watcher was not there."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
import urllib.request

import pytest
import waitress

from bridge import pulse, serving
from bridge.children import Child, Link
from bridge.pulse import EVERY_SECONDS, MISSES, Pulse
from bridge.serving import Telling


@pytest.fixture
def listening():
    """Where a process listens that takes nothing and answers nothing, as one that is stopped does."""
    with serving.listen("127.0.0.1", 0) as made:
        yield made


class Watcher:
    """Does what the supervisor does with a pulse, at times of the test's own."""

    def __init__(self, listening: socket.socket) -> None:
        self.pulse = Pulse()
        self.listening = listening
        self.now = 1_000.0
        self.is_gone = self.pulse.is_gone(self.now, listening)

    def wait(self, seconds: float = EVERY_SECONDS) -> bool:
        """Whether the server hangs, that much later."""
        for _ in range(2):  # once to send, once to read
            readable, writable, _ = select.select(self.pulse.reader, self.pulse.writer, [], 0.005)
            if readable or writable:
                self.pulse.go_on()
        self.now += seconds
        return self.pulse.is_gone(self.now, self.listening)


def misses(watcher: Watcher, count: int) -> list[bool]:
    return [watcher.wait() for _ in range(count)]


@pytest.fixture
def watcher(listening):
    made = Watcher(listening)
    yield made
    made.pulse.stop()


def answer(listening: socket.socket, said: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
    asker, _ = listening.accept()
    with asker:
        assert asker.recv(1024).startswith(b"GET /healthz ")
        asker.sendall(said)


def test_a_server_that_answers_nothing_hangs_after_forty_seconds(watcher):
    assert misses(watcher, MISSES) == [False] * (MISSES - 1) + [True]
    assert watcher.pulse.silent_seconds == 40


def test_an_answer_that_comes_late_is_one_and_the_count_begins_anew(watcher, listening):
    assert not any(misses(watcher, MISSES - 1))
    answer(listening)
    assert misses(watcher, MISSES + 1) == [False] * MISSES + [True]


def test_a_refusal_is_an_answer(watcher, listening):
    for _ in range(MISSES):
        assert not watcher.wait()
        answer(listening, b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
        assert not watcher.wait(0.1)
        assert not watcher.wait()
        assert not watcher.wait()


def test_while_others_are_answered_the_question_may_wait_its_turn(watcher):
    for _ in range(3 * MISSES):
        watcher.pulse.heard()
        assert not watcher.wait()


def test_a_watcher_that_was_not_there_has_missed_nothing(watcher):
    """The machine slept, or it was so busy that we did not run ourselves."""
    assert not any(misses(watcher, MISSES - 1))
    assert not watcher.wait(2 * EVERY_SECONDS)
    assert not any(misses(watcher, MISSES - 1))
    assert watcher.wait()


def test_where_nobody_can_be_asked_nobody_hangs():
    """A firewall between us and our own address must not end a server that answers everybody else."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and does not listen: whoever asks there is refused
        watcher = Watcher(deaf)
        assert not any(misses(watcher, 3 * MISSES))
        watcher.pulse.stop()


def test_the_one_that_comes_after_it_answers_the_question_that_waits(watcher, listening):
    assert misses(watcher, MISSES)[-1]
    watcher.pulse.stop()  # killed, and another one started in its place
    assert not any(misses(watcher, 2))
    listening.accept()[0].close()  # whom nobody waits for any more
    answer(listening)
    assert not any(misses(watcher, MISSES))


def test_a_store_that_is_locked_under_load_is_no_hang(monkeypatch):
    """Eight times as long as a question is waited for: all threads wait for the store, and requests for the threads."""
    monkeypatch.setattr(pulse, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(serving, "TELL_SECONDS", 0.01)
    watched = Pulse()

    def locked(_environ, start_response):
        time.sleep(0.1)  # seven fit into what is a hang
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return [b""]

    listening = serving.listen("127.0.0.1", 0)
    server = waitress.create_server(Telling(locked, watched.heard), sockets=[listening], threads=1)
    threading.Thread(target=server.run, daemon=True).start()
    for _ in range(12):
        threading.Thread(target=_ask, args=(serving.address(listening),), daemon=True).start()
    time.sleep(0.05)  # they are before us
    until, was_gone = time.monotonic() + 1.2, False
    while time.monotonic() < until:
        readable, writable, _ = select.select(watched.reader, watched.writer, [], 0.005)
        if readable or writable:
            watched.go_on()
        was_gone |= watched.is_gone(time.monotonic(), listening)
    server.close()
    watched.stop()
    assert not was_gone


def _ask(url: str) -> None:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return


def test_a_part_that_says_that_it_is_alive_is_not_taken_for_gone_and_never_waits_for_who_reads():
    theirs: list[int] = []
    child = Child("web", lambda link: theirs.append(os.dup(link.fileno())) or 0)
    child.start()
    link = Link(theirs[0])
    heard: list[bool] = []
    child.when_alive = lambda: heard.append(True)
    for _ in range(5_000):  # more than the socket holds; a supervisor that is stopped reads none
        link.say_alive()
    child.read()
    assert heard == [True]
    assert child.link is not None
    child.forget_link()
    link._socket.close()
