"""The web application behind a real waitress on loopback, in a process of its own, and a way to talk raw bytes to it."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from bridge import serving
from bridge.ports import Bridge
from bridge.web import create_app


@contextmanager
def served(bridge: Bridge, *, most_body_bytes: int | None = None) -> Iterator[str]:
    """The URL of a server that answers with this bridge's store, with the limits that `run` gives it."""
    listening = serving.listen("127.0.0.1", 0)
    limit = most_body_bytes or 2 * bridge.max_body_bytes
    context = multiprocessing.get_context("fork")
    ready = context.Event()

    def run() -> None:
        bridge.db.forget_connections()
        serving.serve(create_app(bridge), listening, max_body_bytes=limit, when_ready=ready.set)

    process = context.Process(target=run)
    process.start()
    try:
        assert ready.wait(20)
        yield serving.address(listening)
    finally:
        process.terminate()
        process.join(10)
        listening.close()


def talk(url: str, said: bytes) -> bytes:
    """What the server answers to exactly these bytes, until it closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            """It answered before everything was said."""
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
        except ConnectionResetError:
            """It closed with something of ours unread."""
        return answer
