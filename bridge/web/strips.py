"""The strip of a watch: where on it everything lies, in percent of its width, and the same in one sentence.

May import: `core`, `store`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.core.case import Case
from bridge.core.wording import ago, counted, lasting, utc
from bridge.store.watches import Watch

MOST_MARKS = 6
"""Times of day under a strip: more do not fit beside each other on a phone."""
SECONDS = (5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
"""How far apart those may be."""
_GRID_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One time of day under the strip."""

    at: float
    says: str


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Places in percent of the width, from the first removal to the end of the watch."""

    now: float
    """100 when the watch is over."""
    looks: str
    """The looks that found nobody, as a path in a box of 1000 by 10."""
    met: tuple[float, ...]
    """When the person was there again, or invited."""
    marks: tuple[Mark, ...]
    says: str
    """All of it in words."""


def strip(watch: Watch, case: Case, now: datetime) -> Strip:
    """The strip as it is now."""
    span = max(watch.until - watch.start, timedelta(seconds=1))

    def place(moment: datetime) -> float:
        return round(min(100.0, max(0.0, 100 * ((moment - watch.start) / span))), 2)

    return Strip(
        now=place(case.closed_at or now),
        looks="".join(f"M{round(10 * place(at), 1):g} 0V10" for at in watch.looks),
        met=tuple(place(at) for at in watch.met),
        marks=tuple(Mark(at=place(at), says=said) for at, said in _marks(watch, span)),
        says=_says(watch, case, now),
    )


def _says(watch: Watch, case: Case, now: datetime) -> str:
    out = f"Out since {utc(case.removed_at)}" if case.removed_at else f"Not a member since {utc(watch.start)}"
    if case.is_back:
        out = "Back in"
    looks = counted(watch.count, "look") if watch.count else "no look yet"
    newest = f", the newest {ago(watch.last, now)}" if watch.last else ""
    back = f"; met {counted(len(watch.met), 'time')}, first on {utc(watch.met[0])}" if watch.met else ""
    over = "is over" if case.closed_at else f"ends in {lasting(watch.until - now)}"
    return f"{out}; {looks}{newest}{back}; the watch {over}."


def _marks(watch: Watch, span: timedelta) -> list[tuple[datetime, str]]:
    """Round times of day within the watch, as many as fit."""
    apart = next((s for s in SECONDS if span.total_seconds() / s < MOST_MARKS), SECONDS[-1])
    step, form = timedelta(seconds=apart), "%H:%M:%S" if apart < 60 else "%H:%M"
    first = watch.start + (_GRID_ORIGIN - watch.start) % step
    count = min(MOST_MARKS, int((watch.until - first) / step) + 1)
    return [(at, at.strftime(form)) for at in (first + n * step for n in range(count))]
