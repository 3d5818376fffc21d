"""Serving a WSGI application with waitress: our limits, who is believed about the client, and a stop that loses no answer.

May import: waitress and the standard library.
"""

from __future__ import annotations

import ipaddress
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import waitress

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = 8
"""With one write lock more threads only wait: 838 durable requests a second with 8."""
IDLE_SECONDS = 30
"""After which a silent connection is closed."""
CLEANUP_SECONDS = 5
"""How often that is looked for."""
MOST_CONNECTIONS = 1_000
"""At once. With waitress's own 100, a hundred silent ones from anybody kept everybody out for a minute."""
OWN_FILES = 60
"""Descriptors that the web needs for itself: modules, the store's files for each thread, the queue, the log."""
LAST_SECONDS = 2.5
"""How long requests in hand may take when the server is told to stop."""
PATIENCE_SECONDS = 4.0
"""How long a request waits for a locked store before its sender is asked to send it again."""
TELL_SECONDS = 1.0
"""How often it is worth telling that requests are answered."""
SHORT_BYTES = 18_000
"""Answers up to this are sent by the thread that reads the sockets, head and body at once: a seventh less for each search."""
BACKLOG = 1_024
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises: `OSError` when the address cannot be had.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)


def address(listening: socket.socket) -> str:
    """The URL under which this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


def most_connections(files: int) -> int:
    """How many to have at once where a process may have that many files open; -1 means any number.

    Beyond them waitress would try to take the next one again and again, with a line in the log each time.
    """
    return MOST_CONNECTIONS if files < 0 else max(4, min(MOST_CONNECTIONS, files - OWN_FILES))


def serve(
    application: WSGIApplication,
    listening: socket.socket,
    *,
    max_body_bytes: int,
    trusted_proxy: Sequence[str] = (),
    threads: int = THREADS,
    when_ready: Callable[[], None] = lambda: None,
    when_answered: Callable[[], None] | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those in hand. `when_answered`: see `Telling`."""
    forwarded = ForwardedHeaders(application, trusted_proxy)
    server = waitress.create_server(
        Telling(forwarded, when_answered) if when_answered is not None else forwarded,
        sockets=[listening],
        threads=threads,
        max_request_body_size=max_body_bytes,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=CLEANUP_SECONDS,
        connection_limit=most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        backlog=BACKLOG,
        # `ForwardedHeaders` knows networks; waitress knows one exact address or everybody.
        clear_untrusted_proxy_headers=False,
        asyncore_use_poll=True,
        ident="",
    )
    server.adj.send_bytes = SHORT_BYTES
    leaving = _Leaving(server)
    signal.signal(signal.SIGTERM, leaving.begin)
    signal.signal(signal.SIGINT, leaving.begin)
    when_ready()
    server.run()


class _Leaving:
    """The end of a server: nothing new is accepted, and it goes when the last answer is out."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._deadline = 0.0

    def begin(self, _number: int, _frame: object) -> None:
        if self._deadline:
            raise SystemExit(0)
        self._deadline = time.monotonic() + LAST_SECONDS
        self._server.accepting = False
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.02)

    def _look(self, _number: int, _frame: object) -> None:
        is_busy = any(
            channel.requests or channel.request or channel.total_outbufs_len
            for channel in list(self._server.active_channels.values())
        )
        if not is_busy or time.monotonic() > self._deadline:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise SystemExit(0)


class Telling:
    """WSGI: tells, once a second at most, that a request was answered, however it was."""

    def __init__(self, application: WSGIApplication, tell: Callable[[], None]) -> None:
        self._application = application
        self._tell = tell
        self._next_at = 0.0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._application(environ, start_response)
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + TELL_SECONDS
            self._tell()
        return answer


class ForwardedHeaders:
    """WSGI: believes `X-Forwarded-*` from the trusted networks, and hides what anybody else says there."""

    def __init__(self, application: WSGIApplication, trusted: Sequence[str]) -> None:
        self._application = application
        self._networks = tuple(ipaddress.ip_network(network) for network in trusted)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        sent = {name: environ.pop(name, "") for name in FORWARDED}
        if self._networks and self._is_trusted(environ.get("REMOTE_ADDR", "")):
            # Each proxy appends who spoke to it: the last one that is not ours is the client.
            for hop in reversed([part.strip() for part in sent["HTTP_X_FORWARDED_FOR"].split(",") if part.strip()]):
                environ["REMOTE_ADDR"] = hop
                if not self._is_trusted(hop):
                    break
            if sent["HTTP_X_FORWARDED_PROTO"] in {"http", "https"}:
                environ["wsgi.url_scheme"] = sent["HTTP_X_FORWARDED_PROTO"]
            if sent["HTTP_X_FORWARDED_HOST"]:
                environ["HTTP_HOST"] = sent["HTTP_X_FORWARDED_HOST"].split(",")[-1].strip()
        return self._application(environ, start_response)

    def _is_trusted(self, host: str) -> bool:
        try:
            client = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(client in network for network in self._networks)
