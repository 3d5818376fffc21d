"""The answers of `views` as the JSON that the outside holds on to. Times are RFC 3339 in UTC, durations are seconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bridge.core.case import CaseState
from bridge.core.events import IdentityEvent
from bridge.core.evidence import StepDone
from bridge.core.returns import Return
from bridge.core.wording import rfc3339
from bridge.store import handover, story
from bridge.store.audit import Kept
from bridge.store.batches import Batch
from bridge.store.coverage import Coverage, Standing
from bridge.store.inbox import subject_out
from bridge.store.matters import Matter
from bridge.store.plans import plan_out
from bridge.store.reach import Reach
from bridge.store.targets import TargetState
from bridge.store.todos import Todo
from bridge.store.views import CaseView, Status

MOST_NAMED = 50
"""Members without coverage that the status names for one target; `coverage` lists all."""


def status_out(status: Status) -> dict[str, Any]:
    """The status. What is not known is null, never guessed."""
    return {
        "at": rfc3339(status.at),
        "cases": dict(status.cases),
        "oldest_pending_seconds": int(status.oldest_pending.total_seconds()),
        "queue": {
            "reachable": status.queue.is_reachable,
            "depth": status.queue.depth,
            "workers": status.queue.workers,
        },
        "last_event_at": {name: rfc3339(at) for name, at in status.last_event_at.items()},
        "connections": {name: _reach_out(reach, status.at) for name, reach in status.reach.items()},
        "targets": {state.name: _target_out(state, status.coverage.get(state.name)) for state in status.targets},
        "needs_a_person": list(status.needs_a_person),
        "batches": [_batch_out(b) for b in status.batches],
        "todos": [todo_out(t) for t in status.todos],
        "matters": [_matter_out(m) for m in status.matters],
        "backlog": {"still_in": status.still_in, "message": status.backlog},
        "troubles": [{"message": t.what, "remedy": t.remedy} for t in status.troubles],
    }


def case_out(view: CaseView, now: datetime) -> dict[str, Any]:
    """One case as it stands, without its history."""
    case = view.case
    plan = plan_out(case.plan)
    is_watched = case.state is CaseState.WATCHING
    lasted = view.access.lasted(now)
    return {
        "id": case.id,
        "state": case.state.value,
        "subject": subject_out(case.subject),
        "target": case.target,
        "scope": case.scope,
        "source": case.source,
        "reason": case.reason.value,
        "note": case.note,
        "emergency": case.is_emergency,
        "confirmed": case.is_confirmed,
        "approver": view.approver,
        "opened_at": rfc3339(case.opened_at),
        "due_at": rfc3339(case.due_at),
        "attempts": case.attempts,
        "trouble": case.trouble,
        "holds": plan["holds"],
        "plan": {"digest": plan["digest"], "steps": plan["steps"]},
        "batch": case.batch_id,
        "removed_at": rfc3339(case.removed_at),
        "access": {
            "still_in": view.access.still_in,
            "after_request_seconds": None if lasted is None else int(lasted.total_seconds()),
            "back_since": rfc3339(view.access.back_since),
        },
        "returns": case.returns,
        "watch": {"until": rfc3339(case.watch_until), "next": rfc3339(case.due_at) if is_watched else None},
        "outcome": case.outcome,
        "closed_at": rfc3339(case.closed_at),
        "handover": None,
        "checklist": None,
    }


def whole_case_out(view: CaseView, now: datetime) -> dict[str, Any]:
    """One case with its events, steps, looks, to-dos, audit entries, and the story in words."""
    short = case_out(view, now)
    short["watch"]["checks"] = [{"at": rfc3339(at), "result": result} for at, result in view.checks]
    return {
        **short,
        "given_back": [return_out(r) for r in view.given_back],
        "handover": handover.handover_out(view),
        "checklist": handover.checklist_out(view),
        "record": story.record(view),
        "groups": [{"connection": connection, "name": name} for connection, name in view.groups],
        "events": [_event_out(e) for e in view.events],
        "steps": [_step_out(s) for s in view.steps],
        "todos": [todo_out(t) for t in view.todos],
        "timeline": [{"at": rfc3339(m.at), "says": m.says} for m in story.timeline(view)],
        "audit": [entry_out(k) for k in view.audit],
    }


def return_out(this: Return) -> dict[str, object]:
    """What is given back, and how far that is."""
    return {
        "id": this.id,
        "case": this.case_id,
        "target": this.target,
        "state": this.state.value,
        "email": this.email,
        "level_before": this.level_before.word,
        "level": this.level.word,
        "projects": [{"id": project, "level": level} for project, level in this.projects],
        "roles": list(this.roles),
        "cannot": list(this.cannot),
        "asked_by": this.asked_by,
        "reason": this.reason,
        "asked_at": rfc3339(this.asked_at),
        "approved_by": this.approved_by,
        "sent_at": rfc3339(this.sent_at),
        "ended_at": rfc3339(this.ended_at),
        "trouble": this.trouble,
    }


def entry_out(kept: Kept) -> dict[str, Any]:
    """One audit entry; `personal` is null once erased."""
    entry = kept.entry
    return {
        "seq": kept.seq,
        "at": rfc3339(entry.at),
        "kind": entry.kind,
        "actor": entry.actor,
        "approver": entry.approver,
        "case_id": entry.case_id,
        "target": entry.target,
        "facts": dict(entry.facts),
        "personal": None if kept.personal is None else dict(kept.personal),
        "hash": kept.hash,
    }


def todo_out(todo: Todo) -> dict[str, Any]:
    """One to-do."""
    return {
        "id": todo.id,
        "case_id": todo.case_id,
        "text": todo.text,
        "opened_at": rfc3339(todo.opened_at),
        "done_at": rfc3339(todo.done_at),
        "done_by": todo.done_by,
        "answer": todo.answer,
        "url": todo.url,
        "urgent": todo.is_urgent,
    }


def _reach_out(reach: Reach, now: datetime) -> dict[str, Any]:
    connection, live = reach.connection, reach.live(now)
    ends = [k.expires_at for k in live]
    return {
        "kind": connection.kind,
        "last_event_at": rfc3339(reach.last_event_at),
        "last_call_at": rfc3339(reach.last_call_at),
        "silent_after_seconds": None
        if connection.silent_after is None
        else int(connection.silent_after.total_seconds()),
        "live_tokens": len(live),
        "last_token_ends_at": None if None in ends or not ends else rfc3339(max(e for e in ends if e is not None)),
    }


def coverage_out(coverage: Coverage, found: Iterable[Standing]) -> dict[str, Any]:
    """How much of a target is covered, and those of its members that are to be listed."""
    return {
        "as_of": rfc3339(coverage.as_of),
        "connections": list(coverage.connections),
        "people": len(coverage.people),
        "covered": coverage.covered,
        "to_look_at": coverage.to_look_at,
        "members": [_standing_out(s) for s in found],
    }


def _standing_out(standing: Standing) -> dict[str, Any]:
    return {
        "email": standing.member.email,
        "name": standing.member.name,
        "level": standing.member.level.word,
        "covered_by": list(standing.covered_by),
        "imported_into": list(standing.imported_into),
        "leaving": standing.is_leaving,
        "service_account": standing.is_service,
        "protected": standing.is_protected,
        "successor": standing.is_successor,
    }


def _target_out(state: TargetState, coverage: Coverage | None) -> dict[str, Any]:
    is_seen = state.looked_at is not None
    return {
        "reachable": False if state.paused_since else True if is_seen else None,
        "owners": state.owner_count,
        "human_owners": state.human_owner_count,
        "members": state.member_count,
        "coverage": None
        if coverage is None or coverage.as_of is None
        else coverage_out(coverage, coverage.uncovered[:MOST_NAMED]),
        "looked_at": rfc3339(state.looked_at),
        "paused_since": rfc3339(state.paused_since),
        "paused_until": rfc3339(state.paused_until),
        "pause_reason": state.pause_reason,
        "calls_left_this_hour": None,
    }


def _batch_out(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "target": batch.target,
        "size": len(batch.cases),
        "digest": batch.digest,
        "codes": list(batch.codes),
        "releasable": batch.is_releasable,
        "cases": [c.id for c in batch.cases],
    }


def _matter_out(matter: Matter) -> dict[str, Any]:
    return {
        "todo": matter.id,
        "size": len(matter.asked),
        "message": matter.says,
        "remedy": matter.remedy,
        "undoable": matter.is_undoable,
        "todos": list(matter.todo_ids),
        "cases": list(matter.case_ids),
    }


def _event_out(event: IdentityEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "source": event.source,
        "kind": event.kind.value,
        "subject": subject_out(event.subject),
        "occurred_at": rfc3339(event.occurred_at),
        "received_at": rfc3339(event.received_at),
        "note": event.note,
    }


def _step_out(step: StepDone) -> dict[str, Any]:
    return {
        "says": step.says,
        "canonical": step.canonical,
        "started_at": rfc3339(step.started_at),
        "ended_at": rfc3339(step.ended_at),
        "status": step.status,
        "result": step.result,
    }
