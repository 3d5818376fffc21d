"""How values are put on a page: escaped, without what turns the reading direction, times so that a script can move them on.

May import: markupsafe, `core`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from bridge.core import wording


def prepare(environment: Environment) -> None:
    """Have every text on a page shown printable, besides being escaped; and the filters that the pages use."""
    environment.finalize = printable
    environment.filters.update(
        lasting=wording.lasting,
        utc=wording.utc,
        counted=wording.counted,
        who=wording.who,
        iso=wording.rfc3339,
        ticks=ticks,
        when=when,
        age=age,
        left=left,
        due=due,
        clock=clock,
    )


def printable(value: Any) -> Any:
    """A text without characters that steer; anything else as it is."""
    return wording.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def ticks(text: str) -> Markup:
    """The text, escaped, with what stands between backticks as code."""
    parts = [Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(printable(text).split("`"))]
    return Markup("").join(parts)


def when(then: datetime, now: datetime) -> Markup:
    """How the time lies to now, such as `3 min ago`; goes on by itself."""
    return _time(then, wording.ago(then, now), "ago")


def age(then: datetime, now: datetime) -> Markup:
    """How long ago it was, such as `3 min`; grows by itself."""
    return _time(then, wording.lasting(now - then), "age")


def left(then: datetime, now: datetime) -> Markup:
    """How long until then, such as `3 min`; shrinks by itself, down to `0 s`."""
    return _time(then, wording.lasting(then - now), "left")


def due(then: datetime, now: datetime) -> Markup:
    """When it is, such as `in 3 min`; comes nearer by itself, and is `now` from then on."""
    return _time(then, f"in {wording.lasting(then - now)}" if then > now else "now", "due")


def clock(moment: datetime) -> Markup:
    """The time of day to the second; the day beside it, for who asks."""
    return _time(moment, moment.astimezone(UTC).strftime("%H:%M:%S"), "")


def _time(moment: datetime, text: str, moves: str) -> Markup:
    """`moves`: how the page's script keeps the text true."""
    marked = Markup(' data-moves="{}"').format(moves) if moves else ""
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
        wording.rfc3339(moment), wording.utc(moment), marked, text
    )
