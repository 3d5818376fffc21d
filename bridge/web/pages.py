"""What the status page and a case's page show, as values for their templates. Reads only.

May import: `store`, `ports`, `core`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bridge.core.case import CaseState
from bridge.core.policy import Mode, Policy
from bridge.core.wording import counted
from bridge.ports import Bridge
from bridge.store import board, handover, story, views, watches, ways
from bridge.store.views import CaseView, Status
from bridge.web import covered, doors, stages, strips

MOST_SHOWN = 25
"""Cases of one kind on the page; the command line lists the rest."""
MOST_DONE = 15


def overview(bridge: Bridge, reader: covered.Reader, door_reader: doors.Reader) -> dict[str, Any]:
    """How everything stands, what waits for a person before all else."""
    now, queue = bridge.clock.now(), bridge.bell.look()
    with bridge.db.read() as tx:
        status = views.status(
            tx,
            connections=bridge.connections,
            names=bridge.targets,
            queue=queue,
            now=now,
            policies={},  # coverage comes from the reader
        )
        coverage = reader.read(tx)
        ways_back = door_reader.read(tx)
        found = board.board(tx, status, most=MOST_SHOWN, most_done=MOST_DONE)
    alone = len(found.waiting) + found.more_waiting
    things = len(status.troubles) + len(status.batches) + alone + len(status.matters)
    done = status.cases[CaseState.CLOSED] + status.cases[CaseState.CANCELLED]
    moving, watched = status.cases[CaseState.PENDING], status.cases[CaseState.WATCHING]
    return {
        "status": status,
        "board": found,
        "coverage": coverage,
        "ways_back": ways_back,
        "strips": {v.case.id: strips.strip(found.watches[v.case.id], v.case, now) for v in _watched(found)},
        "settling": {v.case.id: _settle_from(v, bridge.policies.get(v.case.target), now) for v in found.moving},
        "things": things,
        "counts": {"needs": things, "moving": moving, "watched": watched, "done": done},
        "said": f"{counted(things, 'thing')} waiting for a person, {moving} moving, {watched} watched, {done} done.",
        "ailing": _ailing(status),
        "is_new": found.is_empty and not any(status.last_event_at.values()),
        "observing": [name for name, p in bridge.policies.items() if p.mode is Mode.OBSERVE],
        "now": now,
        **_words(),
    }


def case(bridge: Bridge, case_id: int) -> dict[str, Any] | None:
    """All about one case; `None` when there is none with that number."""
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        view = views.one(tx, case_id)
        if view is None:
            return None
        doors_open = ways.of_case(tx, view.case, bridge.connections_of(view.case.target))
    watch = watches.watch_of(view)
    return {
        "view": view,
        "case": view.case,
        "strip": strips.strip(watch, view.case, now) if watch else None,
        "watch": watch,
        "doors": doors_open,
        "checklist": handover.checklist(view),
        "found": handover.in_short(view),
        "settle_from": _settle_from(view, bridge.policies.get(view.case.target), now),
        "moments": story.timeline(view),
        "said": f"Case {case_id}: {story.standing(view.case, view.case.opened_at)}.",
        "now": now,
        **_words(),
    }


def _words() -> dict[str, Any]:
    return {"story": story, "stages": stages}


def _watched(found: board.Board) -> list[CaseView]:
    return [v for v in found.watched if v.case.id in found.watches]


def _settle_from(view: CaseView, policy: Policy | None, now: datetime) -> datetime | None:
    """When the settling that runs now began; `None` when none does: it is over, or the removal is dated for later."""
    due = view.case.due_at
    if policy is None or due is None or due <= now or not policy.settle:
        return None
    is_first = view.case.plan.is_empty and not view.steps and not view.case.attempts
    return due - policy.settle if is_first and due - now <= policy.settle else None


def _ailing(status: Status) -> str:
    """What is wrong with the bridge itself, in a few words; empty when all parts are well."""
    if not status.queue.is_reachable:
        return "Queue not reachable"
    if not status.queue.workers:
        return "No worker"
    paused = [t.name for t in status.targets if t.paused_since is not None]
    return f"{', '.join(paused)} paused" if paused else ""
