"""Returns: who is to be given access back, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from bridge.core.organization import Level
from bridge.core.returns import Return, ReturnState
from bridge.store import tables as t
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.hot import Hot

OPEN = [s.value for s in ReturnState if s.is_open]
UNDER_WAY = frozenset({ReturnState.READY, ReturnState.SENT, ReturnState.BACK})
"""Somebody said that it is to be sent, and it has not failed."""

_DUE = Hot(
    lambda target, now: (
        select(t.returns)
        .where(t.returns.c.target == target, t.returns.c.due_at <= now)
        .order_by(t.returns.c.due_at, t.returns.c.id)
        .limit(1)
    )
)
_OF_PERSON = Hot(
    lambda person_id, target: (
        select(t.returns)
        .where(t.returns.c.person_id == person_id, t.returns.c.target == target)
        .order_by(t.returns.c.id.desc())
    )
)


def add(tx: Tx, this: Return) -> Return:
    """Keep a new return and give it its number."""
    result = tx.execute(insert(t.returns).values(_columns(this)))
    return replace(this, id=int(result.inserted_primary_key[0]))  # type: ignore[index]


def save(tx: Tx, this: Return) -> Return:
    """Keep the return as it now is."""
    tx.execute(update(t.returns).where(t.returns.c.id == this.id).values(_columns(this)))
    return this


def due(tx: Tx, target: str, now: datetime) -> Return | None:
    """The return at the target that comes next, if one is due."""
    row = _DUE.first(tx, target=target, now=now)
    return None if row is None else _return(row)


def find(tx: Tx, return_id: int) -> Return | None:
    """The return with that number, or `None`."""
    row = tx.execute(select(t.returns).where(t.returns.c.id == return_id)).one_or_none()
    return None if row is None else _return(row)


def of_case(tx: Tx, case_id: int) -> tuple[Return, ...]:
    """All returns after one case, oldest first."""
    query = select(t.returns).where(t.returns.c.case_id == case_id).order_by(t.returns.c.id)
    return tuple(_return(row) for row in tx.execute(query))


def gives_back(tx: Tx, case_id: int) -> bool:
    """Whether the case's person is on the way back, or is back."""
    return any(r.state.is_open or r.state is ReturnState.BACK for r in of_case(tx, case_id))


def is_under_way(tx: Tx, case_id: int) -> bool:
    """Whether the case's person was invited back, or is back; what is only prepared does not count."""
    return any(r.state in UNDER_WAY for r in of_case(tx, case_id))


def of_person(tx: Tx, person_id: int, target: str) -> list[Return]:
    """All returns of one person at one target, newest first."""
    return [_return(row) for row in _OF_PERSON.rows(tx, person_id=person_id, target=target)]


def open_of(tx: Tx, target: str) -> Sequence[Return]:
    """What is still to come at the target."""
    query = select(t.returns).where(t.returns.c.target == target, t.returns.c.state.in_(OPEN)).order_by(t.returns.c.id)
    return [_return(row) for row in tx.execute(query)]


def accounts_of(tx: Tx, person_id: int, target: str) -> frozenset[str]:
    """The accounts at the target that are known to be the person's."""
    query = select(t.accounts.c.user_uuid).where(
        t.accounts.c.person_id == person_id, t.accounts.c.target == target, t.accounts.c.is_theirs
    )
    return frozenset(tx.execute(query).scalars())


def drop_all(tx: Tx, person_id: int, target: str, why: str, now: datetime) -> bool:
    """Let nothing more be given back: a newer removal of the same person came. Whether there ever was a return."""
    known = of_person(tx, person_id, target)
    for this in known:
        if this.state.is_open:
            drop(tx, this, why, now)
    return bool(known)


def drop(tx: Tx, this: Return, why: str, now: datetime) -> None:
    """End one that is open; nothing more of it is given back."""
    save(tx, replace(this, state=ReturnState.DROPPED, due_at=None, ended_at=now, trouble=why))
    tx.audit(entry(this, "return.dropped", "bridge", now, {"why": why}))


def entry(this: Return, kind: str, actor: str, now: datetime, facts: Mapping[str, object] | None = None) -> Entry:
    """An audit entry about the return."""
    return Entry(
        at=now,
        kind=kind,
        actor=actor,
        approver=this.approved_by,
        case_id=this.case_id,
        target=this.target,
        facts={"return": this.id, **(facts or {})},
        personal={"says": this.says},
    )


def _columns(this: Return) -> dict[str, Any]:
    return {
        "case_id": this.case_id,
        "person_id": this.person_id,
        "target": this.target,
        "state": this.state.value,
        "email": this.email,
        "first_name": this.first_name,
        "level_before": int(this.level_before),
        "level": int(this.level),
        "projects": [list(p) for p in this.projects],
        "roles": list(this.roles),
        "cannot": list(this.cannot),
        "asked_by": this.asked_by,
        "reason": this.reason,
        "asked_at": this.asked_at,
        "approved_by": this.approved_by,
        "due_at": this.due_at,
        "sent_at": this.sent_at,
        "ended_at": this.ended_at,
        "attempts": this.attempts,
        "trouble": this.trouble,
    }


def _return(row: Any) -> Return:
    return Return(
        id=row.id,
        case_id=row.case_id,
        person_id=row.person_id,
        target=row.target,
        state=ReturnState(row.state),
        email=row.email,
        first_name=row.first_name,
        level_before=Level(row.level_before),
        level=Level(row.level),
        projects=tuple((int(project), str(level)) for project, level in row.projects),
        roles=tuple(row.roles),
        cannot=tuple(row.cannot),
        asked_by=row.asked_by,
        reason=row.reason,
        asked_at=row.asked_at,
        approved_by=row.approved_by,
        due_at=row.due_at,
        sent_at=row.sent_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        trouble=row.trouble,
    )
