"""The way in: what a source said becomes a record, an event, a case and an audit entry in one transaction.

Only after the commit is the bell rung, and losing that ring is harmless. Nothing is looked up at the target here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from bridge import following
from bridge.core.case import Case, CaseState
from bridge.core.copying import changed
from bridge.core.events import EventKind, IdentityEvent
from bridge.core.record import Record, event_of
from bridge.ports import Bridge, Connection, NotThere
from bridge.store import cases, groups, inbox, people, records, standings, targets
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.whose import Whose, find_with_person

LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""How old the last look must be before a repeated leaving causes another: profile pushes come by the hundred."""


def change(
    bridge: Bridge,
    connection: Connection,
    resource_type: str,
    record_id: str | None,
    fn: Callable[[Record | None], Record | None],
    see: Callable[[Tx, Record, bool], None] = lambda _tx, _record, _may_be_in_groups: None,
    *,
    now: datetime | None = None,
) -> Record | None:
    """Change one SCIM record and follow what that means, durably; returns the record as it now is.

    `fn` gets the stored record (`None` to create one) and returns the wanted one (`None` to delete it), with its id,
    version and times as they were. It may raise: then nothing was changed. `see` reads what else the answer shows of the
    record, at the end of the same transaction; it is told whether groups need to be looked for. `now`: when it was said,
    if the caller has looked at the clock.
    Raises `NotThere` for an unknown id, `Conflict` for a name that is taken.
    """
    now = now or bridge.clock.now()
    before, whose = None, None
    with bridge.db.write() as tx:
        if record_id is not None:
            before, whose = find_with_person(tx, connection.name, resource_type, record_id)
            if before is None:
                raise NotThere(f"no {resource_type} with id {record_id[:64]}")
        wanted = fn(before)
        inbox.heard_from(tx, connection.name, now, bridge.db.heard)
        if resource_type == "User":
            after, woken = _change_user(bridge, tx, connection, whose, before, wanted, now)
        else:
            after, woken = _change_group(bridge, tx, connection, before, wanted, now)
        if after is not None:
            see(tx, after, whose is None or whose.is_in_groups)
    _ring(bridge, woken)
    return after


def accept(bridge: Bridge, connection: Connection, events: Iterable[IdentityEvent]) -> int:
    """Accept events from a source that keeps no records with us; returns how many were new. All or none."""
    woken: set[str] = set()
    new = 0
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        inbox.heard_from(tx, connection.name, now, bridge.db.heard)
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
    bridge: Bridge,
    tx: Tx,
    connection: Connection,
    whose: Whose | None,
    before: Record | None,
    wanted: Record | None,
    now: datetime,
) -> tuple[Record | None, set[str]]:
    whose = whose or _meet(tx, connection, before, wanted or before, now)
    person = whose.person
    known = following.known_of(tx, person, whose)
    seeing_to_it = {c.target for c in known.open_cases if following.sees_to_it(c, bridge, now)}
    has_open_case = seeing_to_it >= set(connection.targets)
    was_out = next((s.is_out for s in known.standings if s.connection == connection.name), None)
    says_out_anew = wanted is not None and not wanted.is_active and not has_open_case
    after = _write(tx, before, wanted, person, now, even_if_same=says_out_anew)
    is_active = _know(bridge, tx, connection, whose, before, after, now)
    event = event_of(before, after, is_active=is_active, was_out=was_out, has_open_case=has_open_case, now=now)
    is_back = event is not None and event.kind is EventKind.ACTIVATE
    said = standings.stand(
        tx, person, connection.name, known.standings, is_out=not is_active, at=now, is_activation=is_back
    )
    if event is not None:  # its entry in the audit log says which record and version it is about
        known = following.Known(open_cases=known.open_cases, standings=said)
        woken = following.follow(bridge, tx, event, person, connection.targets, now, known=known)
        if woken is not None:
            return after, woken
    _audit_change(tx, before, after, now)
    if event is None and not is_active:
        return after, _look_again(tx, connection, known.open_cases, now)
    return after, set()


def _meet(tx: Tx, connection: Connection, before: Record | None, named: Record | None, now: datetime) -> Whose:
    """The person of a record that has none yet, of whom a seed may be the first record."""
    assert named is not None
    recognised = people.recognise(tx, connection.name, named.subject)
    person = people.create(tx, named.subject.label, now) if recognised is None else recognised
    if before is not None:
        records.adopt(tx, before.id, person)
        facts = {"id": before.id, "person": person}
        personal = {"name": before.user_name}
        tx.audit(Entry(at=now, kind="record.adopted", actor=connection.name, facts=facts, personal=personal))
    return Whose.new(person) if recognised is None else Whose(person)


def _change_group(
    bridge: Bridge, tx: Tx, connection: Connection, before: Record | None, wanted: Record | None, now: datetime
) -> tuple[Record | None, set[str]]:
    after = _write(tx, before, wanted, None, now)
    _audit_change(tx, before, after, now)
    if after is not None:
        new = set(after.member_ids) - (set(before.member_ids) if before else set())
        for seed in records.seeds_among(tx, connection.name, new):  # to name somebody is to know them
            whose = _meet(tx, connection, seed, seed, now)
            known = following.known_of(tx, whose.person, whose)
            is_active = _know(bridge, tx, connection, whose, seed, seed, now)
            standings.stand(tx, whose.person, connection.name, known.standings, is_out=not is_active, at=now)
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
        after = changed(wanted, version=1, created_at=now, modified_at=now)
        records.insert_record(tx, after, person)
        _audit_record(tx, "record.created", after, 1, now)
        return after
    if wanted == before and not even_if_same:
        return before
    after = changed(wanted, id=before.id, version=before.version + 1, created_at=before.created_at, modified_at=now)
    records.update_record(tx, before, after)
    return after


def _audit_change(tx: Tx, before: Record | None, after: Record | None, now: datetime) -> None:
    if before is not None and after is not None and after is not before:
        _audit_record(tx, "record.changed", after, after.version, now)


def _audit_record(tx: Tx, kind: str, record: Record, version: int, now: datetime) -> None:
    facts = {"id": record.id, "type": record.resource_type, "version": version, "active": record.is_active}
    personal = {"name": record.user_name}
    tx.audit(Entry(at=now, kind=kind, actor=record.connection, facts=facts, personal=personal))


def _know(
    bridge: Bridge,
    tx: Tx,
    connection: Connection,
    whose: Whose,
    before: Record | None,
    after: Record | None,
    now: datetime,
) -> bool:
    """Keep every name of the person, and have new names linked soon.

    Returns whether the connection has an active record of the person.
    """
    record = after or before
    assert record is not None
    others = records.living_of_person(tx, whose.person, connection.name, but=record.id) if whose.has_others else []
    living = others if after is None else [after, *others]
    has_new_names = people.note_record(tx, whose.person, record, living, now, is_new=whose.is_new)
    is_active = any(r.is_active for r in living)
    if is_active and not whose.is_new and whose.label != record.user_name:
        people.relabel(tx, whose.person, record.user_name)
    if is_active and has_new_names:
        for target in connection.targets:
            targets.want_look(tx, target, now + bridge.policies[target].settle)
    return is_active


def _look_again(tx: Tx, connection: Connection, open_cases: Iterable[Case], now: datetime) -> set[str]:
    """The same leaving, said again while its cases are open: settled ones are looked at now."""
    woken = set()
    for case in open_cases:
        if case.target not in connection.targets or case.state is CaseState.PENDING:
            continue
        looked_at = targets.state(tx, case.target).looked_at
        soon = now if looked_at is None else max(now, looked_at + LOOK_AGAIN_AFTER)
        if case.due_at is None or case.due_at > soon:
            cases.save(tx, changed(case, due_at=soon))
            woken.add(case.target)
    return woken


def _ring(bridge: Bridge, woken: Iterable[str]) -> None:
    for target in woken:
        bridge.bell.ring(target)
