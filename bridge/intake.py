"""The way in: what a source said becomes a record, an event, a case and an audit entry in one transaction.

Only after the commit is the bell rung, and losing that ring is harmless. Nothing is looked up at the target here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge import following
from bridge.core.case import Case, CaseState
from bridge.core.events import IdentityEvent
from bridge.core.record import Record, event_of
from bridge.ports import Bridge, Connection, NotThere
from bridge.store import cases, groups, inbox, people, records, targets
from bridge.store.audit import Entry
from bridge.store.db import Tx

LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""How old the last look must be before a repeated leaving causes another: profile pushes come by the hundred."""


def change(
    bridge: Bridge,
    connection: Connection,
    resource_type: str,
    record_id: str | None,
    fn: Callable[[Record | None], Record | None],
) -> Record | None:
    """Change one SCIM record and follow what that means, durably; returns the record as it now is.

    `fn` gets the stored record (`None` to create one) and returns the wanted one (`None` to delete it). It may raise:
    then nothing was changed. Raises `NotThere` for an unknown id, `Conflict` for a name that is taken.
    """
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        before = None if record_id is None else records.find(tx, connection.name, resource_type, record_id)
        if record_id is not None and before is None:
            raise NotThere(f"no {resource_type} with id {record_id[:64]}")
        wanted = fn(before)
        inbox.heard_from(tx, connection.name, now)
        if resource_type == "User":
            after, woken = _change_user(bridge, tx, connection, before, wanted, now)
        else:
            after, woken = _change_group(bridge, tx, connection, before, wanted, now)
    _ring(bridge, woken)
    return after


def accept(bridge: Bridge, connection: Connection, events: Iterable[IdentityEvent]) -> int:
    """Accept events from a source that keeps no records with us; returns how many were new. All or none."""
    woken: set[str] = set()
    new = 0
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        inbox.heard_from(tx, connection.name, now)
        for event in events:
            person = people.recognise(tx, connection.name, event.subject)
            if person is None:
                person = people.create(tx, event.subject.label, now)
                people.note_subject(tx, person, connection.name, event.subject, now, is_active=False)
            woken_by_it = following.follow(bridge, tx, event, person, connection.targets, now)
            if woken_by_it is not None:
                new += 1
                woken |= woken_by_it
    _ring(bridge, woken)
    return new


def _change_user(
    bridge: Bridge, tx: Tx, connection: Connection, before: Record | None, wanted: Record | None, now: datetime
) -> tuple[Record | None, set[str]]:
    person = None if before is None else records.person_of(tx, before.id)
    if person is None:
        person = _meet(tx, connection, before, wanted or before, now)
    open_cases = cases.open_of_person(tx, person)
    seeing_to_it = {c.target for c in open_cases if following.sees_to_it(c, bridge, now)}
    has_open_case = seeing_to_it >= set(connection.targets)
    said = people.standings(tx, person, [connection.name])
    was_out = said[0].is_out if said else None
    says_out_anew = wanted is not None and not wanted.is_active and not has_open_case
    after = _write(tx, before, wanted, person, now, even_if_same=says_out_anew)
    is_active = _know(bridge, tx, connection, person, before, after, now)
    event = event_of(before, after, is_active=is_active, was_out=was_out, has_open_case=has_open_case, now=now)
    if event is not None:
        return after, following.follow(bridge, tx, event, person, connection.targets, now, is_noted=True) or set()
    if not is_active:
        return after, _look_again(tx, connection, open_cases, now)
    return after, set()


def _meet(tx: Tx, connection: Connection, before: Record | None, named: Record | None, now: datetime) -> int:
    """The person of a record that has none yet: a new one, or a seed that the provider touches for the first time."""
    assert named is not None
    person = people.recognise(tx, connection.name, named.subject)
    if person is None:
        person = people.create(tx, named.subject.label, now)
    if before is not None:
        records.adopt(tx, before.id, person)
        facts = {"id": before.id, "person": person}
        personal = {"name": before.user_name}
        tx.audit(Entry(at=now, kind="record.adopted", actor=connection.name, facts=facts, personal=personal))
    return person


def _change_group(
    bridge: Bridge, tx: Tx, connection: Connection, before: Record | None, wanted: Record | None, now: datetime
) -> tuple[Record | None, set[str]]:
    after = _write(tx, before, wanted, None, now)
    if after is not None:
        new = set(after.member_ids) - (set(before.member_ids) if before else set())
        for seed in records.seeds_among(tx, connection.name, new):  # to name somebody is to know them
            _know(bridge, tx, connection, _meet(tx, connection, seed, seed, now), seed, seed, now)
    woken: set[str] = set()
    for said in groups.follow_write(tx, bridge.connections.values(), connection, before, after, now):
        woken |= following.follow(bridge, tx, said.event, said.person, [said.target], now) or set()
    return after, woken


def _write(
    tx: Tx,
    before: Record | None,
    wanted: Record | None,
    person: int | None,
    now: datetime,
    *,
    even_if_same: bool = False,
) -> Record | None:
    if wanted is None:
        assert before is not None
        records.bury(tx, before, now)
        _audit_record(tx, "record.deleted", before, before.version + 1, now)
        return None
    if before is None:
        after = replace(wanted, version=1, created_at=now, modified_at=now)
        records.insert_record(tx, after, person)
        _audit_record(tx, "record.created", after, 1, now)
        return after
    after = replace(
        wanted, id=before.id, version=before.version, created_at=before.created_at, modified_at=before.modified_at
    )
    if after == before and not even_if_same:
        return before
    after = replace(after, version=before.version + 1, modified_at=now)
    records.update_record(tx, before, after)
    _audit_record(tx, "record.changed", after, after.version, now)
    return after


def _audit_record(tx: Tx, kind: str, record: Record, version: int, now: datetime) -> None:
    facts = {"id": record.id, "type": record.resource_type, "version": version, "active": record.is_active}
    personal = {"name": record.user_name}
    tx.audit(Entry(at=now, kind=kind, actor=record.connection, facts=facts, personal=personal))


def _know(
    bridge: Bridge,
    tx: Tx,
    connection: Connection,
    person: int,
    before: Record | None,
    after: Record | None,
    now: datetime,
) -> bool:
    """Keep every name of the person, where the connection says they stand, and have new names linked soon.

    Returns whether the connection has an active record of the person.
    """
    record = after or before
    assert record is not None
    living = records.living_of_person(tx, person, connection.name)
    is_new = people.note_record(tx, person, record, now, living=living)
    is_active = any(r.is_active for r in living)
    people.stand(tx, person, connection.name, is_out=not is_active, at=now)
    if is_active:
        people.relabel(tx, person, record.user_name)
    if is_new and is_active:
        for target in connection.targets:
            targets.want_look(tx, target, now + bridge.policies[target].settle)
    return is_active


def _look_again(tx: Tx, connection: Connection, open_cases: list[Case], now: datetime) -> set[str]:
    """The same leaving, said again while its cases are open: settled ones are looked at now."""
    woken = set()
    for case in open_cases:
        if case.target not in connection.targets or case.state is CaseState.PENDING:
            continue
        looked_at = targets.state(tx, case.target).looked_at
        soon = now if looked_at is None else max(now, looked_at + LOOK_AGAIN_AFTER)
        if case.due_at is None or case.due_at > soon:
            cases.save(tx, replace(case, due_at=soon))
            woken.add(case.target)
    return woken


def _ring(bridge: Bridge, woken: Iterable[str]) -> None:
    for target in woken:
        bridge.bell.ring(target)
