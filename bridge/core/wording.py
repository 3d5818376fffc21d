"""How times and other people's texts are put into words, the same on the page and in the terminal.

May import: the standard library.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
"""The words for durations, with their seconds."""


def lasting(span: timedelta) -> str:
    """The duration in its two largest units, such as `3 h 12 min`; never negative."""
    seconds = max(0, int(span.total_seconds()))
    place = next((n for n, (_, size) in enumerate(UNITS) if seconds >= size), len(UNITS) - 1)
    unit, size = UNITS[place]
    rest = (seconds % size) // UNITS[place + 1][1] if place + 1 < len(UNITS) else 0
    return f"{seconds // size} {unit}" + (f" {rest} {UNITS[place + 1][0]}" if rest else "")


def ago(then: datetime, now: datetime) -> str:
    """How the time lies to now: `3 min ago` or `in 3 min`."""
    return f"in {lasting(then - now)}" if then > now else f"{lasting(now - then)} ago"


def utc(moment: datetime) -> str:
    """The time to the second, for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def rfc3339(moment: datetime | None) -> str | None:
    """The time as JSON carries it, to the millisecond in UTC; `None` stays `None`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(text: str) -> str:
    """The text without anything that steers a terminal or turns the reading direction; such characters show as `�`.

    Names come from outside: an escape sequence in one could repaint the screen on which somebody decides.
    """
    return "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c for c in text)


def scope_words(scope: str) -> str:
    """What a case is about: `the organization`, `project 42`, `role 0190…`."""
    kind, _, number = scope.partition(":")
    return f"{kind} {number}" if number else f"the {kind}"


def who(actor: str) -> str:
    """What to call an actor: a connection's or an operator's name, or `the bridge`."""
    return "the bridge" if actor == "bridge" else actor.removeprefix("operator:")


def times(number: int) -> str:
    """How often: `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun: `1 case`, `2 cases`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
