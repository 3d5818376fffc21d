"""The way in: what a source said becomes a record, an event, a case and an audit entry in one transaction.

Only after the commit is the bell rung, and losing that ring is harmless. Nothing is looked up at the target here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bridge.core import case as cases_of
from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, IdentityEvent
from bridge.core.plan import Plan
from bridge.core.record import Record, event_of
from bridge.ports import Bridge, Connection, NotThere
from bridge.store import cases, groups, inbox, people, records, scopes, targets
from bridge.store.audit import Entry
from bridge.store.db import Tx

log = structlog.get_logger()

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
            woken_by_it = follow(bridge, tx, event, person, connection.targets, now)
            if woken_by_it is not None:
                new += 1
                woken |= woken_by_it
    _ring(bridge, woken)
    return new


def follow(
    bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, to: Iterable[str], now: datetime
) -> set[str] | None:
    """Keep the event and move the person's cases at those targets; the targets to wake, or `None` for a repeat."""
    inbox_id = inbox.receive(tx, event, person)
    if inbox_id is None:
        return None
    tx.audit(
        Entry(
            at=now,
            kind="event.accepted",
            actor=event.source,
            facts={"event_id": event.event_id, "event": event.kind.value, "person": person},
            personal={"subject": inbox.subject_out(event.subject), "note": event.note},
        )
    )
    speaks = not event.source.startswith("operator:")
    if speaks and _is_superseded(bridge, tx, event, person, to, now):
        return set()
    if speaks and (event.kind.says_out or event.kind is EventKind.ACTIVATE):
        is_activation = event.kind is EventKind.ACTIVATE
        if not records.living_of_person(tx, person, event.source):  # a source that keeps records has noted them itself
            people.note_subject(tx, person, event.source, event.subject, now, is_active=is_activation)
        at = event.occurred_at
        people.stand(tx, person, event.source, is_out=not is_activation, at=at, is_activation=is_activation)
    woken: set[str] = set()
    for target in to:
        for case in _move(bridge, tx, event, person, target, now):
            inbox.attach(tx, inbox_id, case.id)
            if case.due_at is not None and case.due_at <= now:
                woken.add(target)
    return woken


def _move(bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, target: str, now: datetime) -> list[Case]:
    """The person's cases at one target after the event: those that it opened, moved or ended."""
    match event.kind:
        case EventKind.ACTIVATE:
            return [
                *_take_back(bridge, tx, event, person, target, now),
                *_rejoin(tx, event, person, target, now, bridge.connections.values()),
            ]
        case EventKind.LEFT_GROUP | EventKind.GROUP_GONE:
            return [_open_below(bridge, tx, event, person, target, now)]
        case EventKind.JOINED_GROUP:
            return _rejoin(tx, event, person, target, now, bridge.connections.values())
        case kind if kind.says_out:
            return [_open_or_repeat(bridge, tx, event, person, target, now)]
        case _:
            return []


def _change_user(
    bridge: Bridge, tx: Tx, connection: Connection, before: Record | None, wanted: Record | None, now: datetime
) -> tuple[Record | None, set[str]]:
    person = None if before is None else records.person_of(tx, before.id)
    if person is None and wanted is not None:
        person = people.recognise(tx, connection.name, wanted.subject)
        person = people.create(tx, wanted.subject.label, now) if person is None else person
    assert person is not None
    open_cases = cases.open_of_person(tx, person)
    seeing_to_it = {c.target for c in open_cases if _sees_to_it(c, bridge, now)}
    has_open_case = seeing_to_it >= set(connection.targets)
    said = people.standings(tx, person, [connection.name])
    was_out = said[0].is_out if said else None
    says_out_anew = wanted is not None and not wanted.is_active and not has_open_case
    after = _write(tx, before, wanted, person, now, even_if_same=says_out_anew)
    is_active = _know(bridge, tx, connection, person, before, after, now)
    event = event_of(before, after, is_active=is_active, was_out=was_out, has_open_case=has_open_case, now=now)
    if event is not None:
        return after, follow(bridge, tx, event, person, connection.targets, now) or set()
    if not is_active:
        return after, _look_again(tx, connection, open_cases, now)
    return after, set()


def _change_group(
    bridge: Bridge, tx: Tx, connection: Connection, before: Record | None, wanted: Record | None, now: datetime
) -> tuple[Record | None, set[str]]:
    after = _write(tx, before, wanted, None, now)
    woken: set[str] = set()
    for said in groups.follow_write(tx, bridge.connections.values(), connection, before, after, now):
        woken |= follow(bridge, tx, said.event, said.person, [said.target], now) or set()
    return after, woken


def _sees_to_it(case: Case, bridge: Bridge, now: datetime) -> bool:
    """Whether the open case already removes the person as soon as a new one would."""
    if case.scope != "organization" or case.is_suspension:
        return False
    is_waiting = case.state is CaseState.PENDING and case.due_at is not None
    return not is_waiting or (case.due_at or now) <= now + bridge.policies[case.target].settle


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
    is_new = people.note_record(tx, person, record, now)
    living = records.living_of_person(tx, person, connection.name)
    is_active = any(r.is_active for r in living)
    people.stand(tx, person, connection.name, is_out=not is_active, at=now)
    if is_active:
        people.relabel(tx, person, record.user_name)
    if is_new and is_active:
        for target in connection.targets:
            targets.want_look(tx, target, now + bridge.policies[target].settle)
    return is_active


def _open_or_repeat(bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, target: str, now: datetime) -> Case:
    known = [c for c in cases.open_of_person(tx, person, target) if c.scope == event.scope]
    if known:
        case = cases.save(tx, cases_of.repeated(known[0], event, bridge.policies[target], now))
        tx.audit(_about(case, "case.repeated", event, now))
        return case
    policy = bridge.policies[target]
    case = cases.insert_case(tx, cases_of.opened(event, person_id=person, target=target, policy=policy, now=now))
    tx.audit(_about(case, "case.opened", event, now))
    log.info("case opened", case_id=case.id, target=target, event_id=event.event_id, source=event.source)
    if case.is_whole:
        for other in cases.open_of_person(tx, person, target):
            if not other.is_whole:
                _supersede(tx, other, case, now)
    return case


def _open_below(bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, target: str, now: datetime) -> Case:
    """A case about one project or role; while another takes the person out of everything, it is only kept in mind."""
    case = _open_or_repeat(bridge, tx, event, person, target, now)
    whole = next((c for c in cases.open_of_person(tx, person, target) if c.is_whole), None)
    return case if whole is None else _supersede(tx, case, whole, now)


def _supersede(tx: Tx, case: Case, whole: Case, now: datetime) -> Case:
    case = cases.save(tx, cases_of.superseded(case, by=whole.id, now=now))
    facts = {"by": whole.id, "outcome": case.outcome}
    tx.audit(Entry(at=now, kind="case.superseded", actor="bridge", case_id=case.id, target=case.target, facts=facts))
    return case


def resurface(bridge: Bridge, tx: Tx, whole: Case, now: datetime) -> None:
    """What the taken-back case had superseded is open again, unless some group grants it by now."""
    about = {c.scope for c in cases.open_of_person(tx, whole.person_id, whole.target)}
    for old in scopes.superseded(tx, whole):
        who = {old.person_id}
        is_held = groups.holding(tx, bridge.connections.values(), old.target, old.scope, who) and not old.is_operators
        if old.scope in about or "organization" in about or is_held:
            continue
        due = now + bridge.policies[old.target].settle
        case = cases.insert_case(
            tx, replace(old, id=0, state=CaseState.PENDING, due_at=due, plan=Plan(), outcome="", closed_at=None)
        )
        inbox.hand_over(tx, old.id, case.id)
        facts = {"instead_of": old.id, "taken_back": whole.id}
        tx.audit(Entry(at=now, kind="case.again", actor="bridge", case_id=case.id, target=case.target, facts=facts))


def _rejoin(
    tx: Tx, event: IdentityEvent, person: int, target: str, now: datetime, granting: Collection[Connection]
) -> list[Case]:
    """Ends the cases about what some group grants the person again: one of an active record."""
    moved = []
    for case in cases.open_of_person(tx, person, target):
        if case.is_whole or case.is_operators or not groups.holding(tx, granting, target, case.scope, {person}):
            continue
        touched = any(s.may_have_effect for s in cases.steps_of(tx, case.id))
        after = cases.save(tx, cases_of.rejoined(case, touched=touched, by=event.source, now=now))
        tx.audit(_about(after, "case.reactivated", event, now))
        moved.append(after)
    return moved


def _take_back(bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, target: str, now: datetime) -> list[Case]:
    """What an ACTIVATE does: ends the case when nobody says out any more, else has it planned anew."""
    moved = []
    standings = people.standings(tx, person, bridge.connections_of(target))
    says_out = [s.connection for s in standings if s.is_out]
    for case in cases.open_of_person(tx, person, target):
        if not case.is_whole:
            continue
        if case.is_operators or says_out:
            moved.append(cases.save(tx, cases_of.nudged(case, now) if says_out else _as_dated(tx, case, now)))
            tx.audit(_about(case, "case.active_elsewhere", event, now))
            continue
        done = [s for s in cases.steps_of(tx, case.id) if s.may_have_effect]
        after = cases.save(tx, cases_of.reactivated(case, touched=bool(done), by=event.source, now=now))
        tx.audit(_about(after, "case.reactivated", event, now))
        log.info("case reactivated", case_id=case.id, target=target, event_id=event.event_id)
        if done:
            what = "; ".join(dict.fromkeys(s.says for s in done))
            cases.ask(
                tx,
                case.id,
                "reactivated",
                f"{case.subject.label} is active again in {event.source} after the bridge had begun: {what}. Nothing "
                "was given back and the watch has ended. Invite the person again if that is right; deactivate again "
                f"in {event.source} if it is not.",
                now,
            )
        moved.append(after)
        resurface(bridge, tx, after, now)
    return moved


def _as_dated(tx: Tx, case: Case, now: datetime) -> Case:
    """An operator's case that no source supports any more: a date that a leaving brought forward counts again."""
    if case.state is not CaseState.PENDING:
        return cases_of.nudged(case, now)
    dates = [e.effective_at for e in inbox.of_case(tx, case.id) if e.kind is EventKind.REMOVE and e.effective_at]
    return replace(case, due_at=max([case.due_at or now, *dates[-1:]]))


def _is_superseded(bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, to: Iterable[str], now: datetime) -> bool:
    """Whether the person was activated, in whatever connection, after this leaving was said to have happened."""
    if not event.kind.says_out:
        return False
    speaking = {name for target in to for name in bridge.connections_of(target)}
    known = people.standings(tx, person, speaking)
    newer = [s for s in known if s.activated_at is not None and s.activated_at > event.occurred_at and not s.is_out]
    if not newer:
        return False
    facts = {"event_id": event.event_id, "activated_in": newer[0].connection}
    tx.audit(Entry(at=now, kind="event.superseded", actor=event.source, facts=facts))
    return True


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


def _about(case: Case, kind: str, event: IdentityEvent, now: datetime) -> Entry:
    return Entry(
        at=now,
        kind=kind,
        actor=event.source,
        case_id=case.id,
        target=case.target,
        facts={
            "event_id": event.event_id,
            "person": case.person_id,
            "scope": case.scope,
            "reason": case.reason.value,
            "state": case.state.value,
        },
    )


def _ring(bridge: Bridge, woken: Iterable[str]) -> None:
    for target in woken:
        bridge.bell.ring(target)
