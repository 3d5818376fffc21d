"""How far a case has come, as the stations of its way, and which steps are done, now and next.

May import: `core`, `store`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.core.case import Case, CaseState
from bridge.core.evidence import StepDone
from bridge.store.views import CaseView

ASKED = ("Ask", "Asking", "Asked")
SETTLE = ("Settle", "Settling", "Settled")
DECIDE = ("Decide", "For a person", "Decided")
REMOVE = ("Remove", "Removing", "Removed")
WATCH = ("Watch", "Watching", "Watched")
CLOSE = ("Close", "Closing", "Closed")
"""Each station before, while and after it is reached."""


@dataclass(frozen=True, kw_only=True)
class Station:
    """One station on a case's way."""

    name: str
    when: str
    """`done`, `now`, `next`, or `waits` where only a person moves it on."""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Act:
    """One step in PostHog, with what became of it."""

    says: str
    when: str
    """`done`, `now`, `next`, or `waits` for a decision."""
    status: int | None = None


def stations(case: Case) -> tuple[Station, ...]:
    """The way of the case. The one that it is at has no time yet."""
    if case.state is CaseState.CANCELLED:
        ended = Station(name="Let be", when="done", at=case.closed_at)
        return (Station(name=ASKED[2], when="done", at=case.opened_at), ended)
    is_decided = case.state is CaseState.HELD or case.released is not None
    way = [ASKED, SETTLE, *([DECIDE] if is_decided else []), REMOVE, WATCH, CLOSE]
    times = {ASKED: case.opened_at, REMOVE: case.removed_at, CLOSE: case.closed_at}
    if case.released is not None:
        times[DECIDE] = case.released.at
    here = _here(case)
    place = way.index(here) if here else len(way)
    return tuple(
        Station(
            name=_name(case, words, n - place),
            when="done" if n < place else "next" if n > place else "waits" if words is DECIDE else "now",
            at=times.get(words) if n < place else None,
        )
        for n, words in enumerate(way)
    )


def acts(view: CaseView) -> tuple[Act, ...]:
    """What was done in PostHog and what is planned, in order."""
    done = [s for s in view.steps if s.result in {"done", "gone"}]
    answered = {s.canonical for s in done} if not view.case.is_back else set()
    planned = [s for s in view.case.plan.steps if s.canonical not in answered]
    shown = [Act(says=_sentence(s.says), when="done", status=s.status) for s in _last_of_each(done)]
    first, others = ("waits", "waits") if view.case.plan.blocking else ("now", "next")
    return (*shown, *(Act(says=_sentence(s.says), when=others if n else first) for n, s in enumerate(planned)))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _last_of_each(done: list[StepDone]) -> list[StepDone]:
    """Whoever came back three times was removed three times; the last time is enough for a glance."""
    return list({s.canonical: s for s in done}.values())


def _here(case: Case) -> tuple[str, str, str] | None:
    """The station that the case is at; `None` when it has passed all."""
    match case.state:
        case CaseState.CLOSED:
            return None
        case CaseState.HELD:
            return DECIDE
        case CaseState.WATCHING:
            return WATCH
        case _:
            return REMOVE if case.plan.steps or case.removed_at or case.released else SETTLE


def _name(case: Case, words: tuple[str, str, str], distance: int) -> str:
    """What the station is called, that many places after the one that the case is at."""
    if distance > 0:
        return words[0]
    if words is REMOVE and distance < 0 and case.removed_at is None:
        return "No removal"
    if words is WATCH and distance < 0 and case.watch_from is None:
        return "No watch"
    if words is REMOVE and distance == 0 and case.is_back:
        return "Removing again"
    if words is REMOVE and distance == 0 and case.removed_at and not case.plan.steps:
        return "Verifying"
    return words[2 if distance < 0 else 1]
