"""The inbox: every event as it was received, once. The same event again is recognised by source and id."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from bridge.core.events import EventKind, IdentityEvent, Reason, Subject
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot, insertion

_INSERT = Hot(lambda: insertion(t.inbox, unless=("source", "event_id")).returning(t.inbox.c.id))
_ATTACH = Hot(lambda: insertion(t.case_events))
_HEARD = Hot(lambda connection: select(t.connections.c.last_event_at).where(t.connections.c.name == connection))


def receive(tx: Tx, event: IdentityEvent, person_id: int | None) -> int | None:
    """Keep the event and give its number, or `None` when it is here already."""
    number = _INSERT.value(
        tx,
        source=event.source,
        event_id=event.event_id,
        kind=event.kind.value,
        person_id=person_id,
        subject=subject_out(event.subject),
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        transaction_id=event.transaction_id,
        reason=event.reason.value,
        scope=event.scope,
        note=event.note,
        is_emergency=event.is_emergency,
        is_confirmed=event.is_confirmed,
        effective_at=event.effective_at,
    )
    return None if number is None else int(number)


def all_events(tx: Tx) -> list[IdentityEvent]:
    """Every event, in the order of arrival."""
    return [_event(row) for row in tx.execute(select(t.inbox).order_by(t.inbox.c.id))]


def of_case(tx: Tx, case_id: int) -> list[IdentityEvent]:
    """The events that opened or moved one case."""
    query = (
        select(t.inbox)
        .join(t.case_events, t.case_events.c.inbox_id == t.inbox.c.id)
        .where(t.case_events.c.case_id == case_id)
        .order_by(t.inbox.c.id)
    )
    return [_event(row) for row in tx.execute(query)]


def first_sources(tx: Tx, case_ids: Collection[int]) -> dict[int, str]:
    """Who asked first in each of those cases: an operator may have taken one over later."""
    first = (
        select(t.case_events.c.case_id, func.min(t.case_events.c.inbox_id).label("inbox_id"))
        .where(t.case_events.c.case_id.in_(case_ids))
        .group_by(t.case_events.c.case_id)
        .subquery()
    )
    query = select(first.c.case_id, t.inbox.c.source).join(t.inbox, t.inbox.c.id == first.c.inbox_id)
    return {case_id: str(source) for case_id, source in tx.execute(query)}


def attach(tx: Tx, inbox_id: int, case_id: int) -> None:
    """Say that the event belongs to the case."""
    _ATTACH.run(tx, case_id=case_id, inbox_id=inbox_id)


def hand_over(tx: Tx, from_case: int, to_case: int) -> None:
    """Say that the events of one case belong to another too."""
    events = select(t.case_events.c.inbox_id).where(t.case_events.c.case_id == from_case)
    for inbox_id in tx.execute(events).scalars().all():
        attach(tx, inbox_id, to_case)


def heard_from(tx: Tx, connection: str, now: datetime, heard: dict[str, datetime]) -> None:
    """Keep when the connection last said something; to the second, so that a burst does not rewrite the row.

    `heard` is what this process has kept of it. With a change that fails a second may be lost; the next one is kept.
    """
    now = now.replace(microsecond=0)
    if heard.get(connection) == now:
        return
    heard[connection] = now
    row = _HEARD.first(tx, connection=connection)
    if row is None:
        tx.execute(insert(t.connections).values(name=connection, last_event_at=now))
    elif row.last_event_at is None or row.last_event_at < now:
        tx.execute(update(t.connections).where(t.connections.c.name == connection).values(last_event_at=now))


def subject_out(subject: Subject) -> dict[str, Any]:
    """The subject as JSON, in the contract's words."""
    return {
        "user_name": subject.user_name,
        "external_id": subject.external_id,
        "emails": list(subject.emails),
    }


def subject_in(value: dict[str, Any]) -> Subject:
    """The subject from its JSON."""
    return Subject(user_name=value["user_name"], external_id=value["external_id"], emails=tuple(value["emails"]))


def _event(row: Row[*tuple[Any, ...]]) -> IdentityEvent:
    return IdentityEvent(
        event_id=row.event_id,
        source=row.source,
        kind=EventKind(row.kind),
        subject=subject_in(row.subject),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        transaction_id=row.transaction_id,
        reason=Reason(row.reason),
        scope=row.scope,
        note=row.note,
        is_emergency=row.is_emergency,
        is_confirmed=row.is_confirmed,
        effective_at=row.effective_at,
    )
