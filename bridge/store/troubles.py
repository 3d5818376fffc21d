"""What is no case's own and does not mend itself: told on the page and in the terminal until it is mended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from bridge.core.organization import Level
from bridge.core.wording import counted, lasting
from bridge.store import reach, reminders
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.reach import Reach
from bridge.store.targets import TargetState

LONG_PAUSE = timedelta(minutes=10)
"""A target that is left alone for longer than this does not mend itself: somebody should look."""

OVERDUE = timedelta(minutes=5)
"""Work that lies for longer than this, at a target that nobody looks at, means that no worker runs."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is no case's own and does not mend itself."""

    what: str
    remedy: str


def standing(
    tx: Tx, states: Collection[TargetState], reached: Mapping[str, Reach], names: Collection[str], now: datetime
) -> tuple[Trouble, ...]:
    """Everything of that kind, the worst first. `reached`: by connection; `names`: the targets."""
    unheard = [
        Trouble(what=f"{name}: {what}.", remedy=remedy)
        for name, each in reached.items()
        for what, remedy in reach.troubles(each, now)
    ]
    reminded = [Trouble(what=r.what, remedy=r.remedy) for r in reminders.standing(tx) if r.target in names]
    return (*_demotions(states, now), *_ownerless(states), *_stuck(tx, states, now), *unheard, *reminded)


def _demotions(states: Iterable[TargetState], now: datetime) -> Iterable[Trouble]:
    for state in states:
        if state.key_demoted_at is not None:
            yield Trouble(
                what=f"The bridge's own account {state.key_email} is no owner of {state.name} any more since "
                f"{lasting(now - state.key_demoted_at)}: it can take no owner out, and stand in for none.",
                remedy="If none of you did this, treat it as an incident: somebody may be keeping a way in. An owner makes it "
                "one again in PostHog, under Settings, Members.",
            )


def _ownerless(states: Iterable[TargetState]) -> Iterable[Trouble]:
    """Told for as long as it lasts, whoever's hand it was."""
    for state in states:
        if state.human_owner_count == 0:
            only = f": only the bridge's account {state.key_email} is one" if state.key_level == Level.OWNER else ""
            yield Trouble(
                what=f"No human is an owner of {state.name}{only}.",
                remedy="Make a person owner in PostHog, under Settings, Members. Until then nobody can change billing or "
                "make others owner, and the bridge has nobody to hand over to.",
            )


def _stuck(tx: Tx, states: Iterable[TargetState], now: datetime) -> Iterable[Trouble]:
    """Targets that are left alone for long, or that nobody works on."""
    for state in states:
        if state.paused_since is not None and now - state.paused_since >= LONG_PAUSE:
            yield Trouble(
                what=f"Nothing can be done at {state.name} since {lasting(now - state.paused_since)}: "
                f"{state.pause_reason}",
                remedy="Run `check`, which says how to mend it. The bridge tries again by itself.",
            )
            continue
        is_seen = state.looked_at is not None and now - state.looked_at < OVERDUE
        late = tx.execute(
            select(func.count(), func.min(t.cases.c.due_at)).where(
                t.cases.c.target == state.name, t.cases.c.closed_at.is_(None), t.cases.c.due_at < now - OVERDUE
            )
        ).one()
        if late[0] and not is_seen and state.paused_since is None:
            yield Trouble(
                what=f"{counted(late[0], 'case')} at {state.name} should have been looked at, the first "
                f"{lasting(now - late[1])} ago, and no worker does it.",
                remedy="Start `run`, or `worker` and `sweep`; if they run, read their log.",
            )
