"""Stopping the bridge as a kill would, at any single write: of the store (before or after commit) or of the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bridge.core.plan import Step
from bridge.ports import Applied, Bridge, Target


class Stopped(BaseException):
    """The process is gone. No `except Exception` sees it."""


@dataclass
class Points:
    """Counts the places where a kill could fall, and falls at one of them."""

    stop_at: int = 0
    """1 is the next; 0 is never."""
    passed: int = 0

    def here(self) -> None:
        self.passed += 1
        if self.passed == self.stop_at:
            raise Stopped


class StoppingDatabase:
    """The store, with a place to stop before and after each commit."""

    def __init__(self, db, points: Points) -> None:
        self._db, self._points = db, points

    @contextmanager
    def write(self) -> Iterator:
        with self._db.write() as tx:
            yield tx
            self._points.here()
        self._points.here()

    def __getattr__(self, name: str):
        return getattr(self._db, name)


class StoppingTarget:
    """The target, with a place to stop before and after each step."""

    def __init__(self, target: Target, points: Points, on_step: Callable[[Step], None]) -> None:
        self._target, self._points, self._on_step = target, points, on_step

    def apply(self, step: Step) -> Applied:
        self._points.here()
        self._on_step(step)
        answer = self._target.apply(step)
        self._points.here()
        return answer

    def __getattr__(self, name: str):
        return getattr(self._target, name)


def stopping(bridge: Bridge, points: Points, on_step: Callable[[Step], None] = lambda _step: None) -> Bridge:
    """The same bridge, that stops where `points` says."""
    return replace(
        bridge,
        db=StoppingDatabase(bridge.db, points),
        remote=lambda name: StoppingTarget(bridge.remote(name), points, on_step),
    )
