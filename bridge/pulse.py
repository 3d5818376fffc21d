"""Whether a server that runs still answers: asked from outside, again and again, beside all that the asker does.

A process that ended is seen by its parent. One that hangs is not: stopped by a debugger, or with every thread stuck. May
import: the standard library.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

EVERY_SECONDS = 5.0
"""Between two questions."""
MISSES = 8
"""So many times in a row without any sign of life, and it hangs. Longer than a request waits for a locked store (4 s), and than
silent connections, all of them taken, may keep a new one waiting (35 s)."""
QUESTION = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
CONNECTING = frozenset({0, errno.EINPROGRESS, errno.EAGAIN})


class Pulse:
    """One server's signs of life. Never waits: `writer` and `reader` go into the caller's `select`, `look` comes after it.

    A question stays open until it is answered: behind many requests that wait for a locked store the answer comes late, and
    `heard` says meanwhile that others were answered. Times are seconds on the monotonic clock.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._has_asked = False
        self._next_at: float | None = None
        self._misses = 0
        self._was_heard = False

    @property
    def writer(self) -> list[socket.socket]:
        """What to wait for until it can be written to: the question is not sent yet."""
        return [self._socket] if self._socket and not self._has_asked else []

    @property
    def reader(self) -> list[socket.socket]:
        """What to wait for until it can be read: the answer is not there yet."""
        return [self._socket] if self._socket and self._has_asked else []

    @property
    def next_at(self) -> float | None:
        """When `is_gone` has something to do; `None` when nothing is asked."""
        return self._next_at

    @property
    def silent_seconds(self) -> float:
        """For how long there was no sign of life, in whole questions."""
        return self._misses * EVERY_SECONDS

    def heard(self) -> None:
        """The server gave a sign of life by itself."""
        self._was_heard = True

    def go_on(self) -> None:
        """Send the question when it can be sent, or take what there is of the answer."""
        if self._socket is None:
            return
        try:
            if not self._has_asked:
                self._socket.send(QUESTION)
                self._has_asked = True
                return
            # Any answer will do: whether it can do its work is asked elsewhere.
            self._was_heard |= bool(self._socket.recv(64))
        except BlockingIOError:
            return
        except OSError:
            pass  # refused, or cut off: it may just have ended, which its parent sees
        self._drop()

    def is_gone(self, now: float, listening: socket.socket) -> bool:
        """Count, and ask where the server listens. True when there was no sign of life for so long that it hangs.

        What nobody could be asked is no miss; and an asker that comes late counts nothing: it was not there to hear an
        answer, or the machine slept.
        """
        if self._next_at is not None and now < self._next_at:
            return False
        is_late = self._next_at is None or now - self._next_at >= EVERY_SECONDS
        is_missed = bool(self.reader) and not is_late and not self._was_heard
        self._misses = self._misses + 1 if is_missed else 0
        self._was_heard = False
        self._next_at = now + EVERY_SECONDS
        if self._socket is None:
            self._ask(listening)
        return self._misses >= MISSES

    def stop(self) -> None:
        """Ask no more, and count anew when it goes on."""
        self._drop()
        self._next_at, self._misses, self._was_heard = None, 0, False

    def _ask(self, listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        self._has_asked = False
        asking = socket.socket(listening.family, socket.SOCK_STREAM)
        asking.setblocking(False)
        if asking.connect_ex(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)) in CONNECTING:
            self._socket = asking
        else:
            asking.close()

    def _drop(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None
