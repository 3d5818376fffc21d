"""What an event does to the person's cases: opens them, repeats them, ends them. One step of a larger transaction.

Used by both ways in, `intake` for sources and `decisions` for operators, and by the daily comparison.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge import preparing
from bridge.core import case as cases_of
from bridge.core.case import Case, CaseState
from bridge.core.events import EventKind, IdentityEvent
from bridge.core.plan import Plan
from bridge.core.returns import Return
from bridge.ports import Bridge, Connection
from bridge.store import cases, groups, inbox, members, people, records, returns, scopes, standings, todos
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.standings import Standing
from bridge.store.whose import Whose


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the store holds about one person: read once in a transaction, and handed on from there."""

    open_cases: tuple[Case, ...] = ()
    standings: tuple[Standing, ...] = ()


def known_of(tx: Tx, person: int, whose: Whose | None = None) -> Known:
    """What the store holds about the person now. `whose` comes from who has read a record of theirs."""
    whose = whose or Whose(person)
    return Known(
        open_cases=tuple(cases.open_of_person(tx, person)) if whose.has_open_cases else (),
        standings=standings.of_person(tx, person) if whose.standings is None else whose.standings,
    )


def follow(
    bridge: Bridge,
    tx: Tx,
    event: IdentityEvent,
    person: int,
    to: Iterable[str],
    now: datetime,
    *,
    known: Known | None = None,
) -> set[str] | None:
    """Keep the event and move the person's cases at those targets; the targets to wake, or `None` for a repeat.

    `known` comes from who has read it in this transaction, and has kept already what the source's records say of the
    person: how they are called, and where they stand.
    """
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
    is_noted = known is not None
    known = known or known_of(tx, person)
    speaks = not event.source.startswith("operator:")
    if speaks and _is_superseded(bridge, tx, event, known.standings, to, now):
        return set()
    if speaks and not is_noted and (event.kind.says_out or event.kind is EventKind.ACTIVATE):
        known = replace(known, standings=_note(tx, event, person, known.standings, now))
    woken: set[str] = set()
    for target in to:
        for case in _move(bridge, tx, event, person, target, known, now):
            inbox.attach(tx, inbox_id, case.id)
            if case.due_at is not None and case.due_at <= now:
                woken.add(target)
    return woken


def _note(tx: Tx, event: IdentityEvent, person: int, said: tuple[Standing, ...], now: datetime) -> tuple[Standing, ...]:
    """Keep what the event says of the person's names and standing, as far as no record of the source does."""
    is_activation = event.kind is EventKind.ACTIVATE
    if not records.living_of_person(tx, person, event.source):
        people.note_subject(tx, person, event.source, event.subject, now, is_active=is_activation)
    return standings.stand(
        tx,
        person,
        event.source,
        said,
        is_out=not is_activation,
        at=event.occurred_at,
        is_activation=is_activation,
    )


def _move(
    bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, target: str, known: Known, now: datetime
) -> list[Case]:
    """The person's cases at one target after the event: those that it opened, moved or ended."""
    mine = [c for c in known.open_cases if c.target == target]
    match event.kind:
        case EventKind.ACTIVATE:
            if not any(c.is_whole for c in mine):
                _meet_again(bridge, tx, event, person, target, known.standings, now)
            return [
                *_take_back(bridge, tx, event, mine, known.standings, now),
                *_rejoin(tx, event, mine, now, bridge.connections.values()),
            ]
        case EventKind.LEFT_GROUP | EventKind.GROUP_GONE:
            return [_open_below(bridge, tx, event, person, target, mine, known.standings, now)]
        case EventKind.JOINED_GROUP:
            return _rejoin(tx, event, mine, now, bridge.connections.values())
        case kind if kind.says_out:
            return [_open_or_repeat(bridge, tx, event, person, target, mine, known.standings, now)]
        case _:
            return []


def sees_to_it(case: Case, bridge: Bridge, now: datetime) -> bool:
    """Whether the open case already removes the person as soon as a new one would; one for a later day does not."""
    if case.scope != "organization" or case.is_suspension:
        return False
    is_waiting = case.state is CaseState.PENDING and case.due_at is not None
    return not is_waiting or (case.due_at or now) <= now + bridge.policies[case.target].settle


def _open_or_repeat(
    bridge: Bridge,
    tx: Tx,
    event: IdentityEvent,
    person: int,
    target: str,
    mine: Sequence[Case],
    said: Iterable[Standing],
    now: datetime,
) -> Case:
    same = next((c for c in mine if c.scope == event.scope), None)
    if same is not None:
        case = cases.save(tx, cases_of.repeated(same, event, bridge.policies[target], now))
        tx.audit(_about(case, "case.repeated", event, now))
        return case
    policy = bridge.policies[target]
    case = cases.insert_case(tx, cases_of.opened(event, person_id=person, target=target, policy=policy, now=now))
    tx.audit(_about(case, "case.opened", event, now))
    if case.is_whole:
        why = f"case {case.id} takes the person out again"
        came_back = returns.drop_all(tx, person, case.target, why, now) or any(s.activated_at for s in said)
        if came_back:  # of others nobody has asked, and their disable need not look for it
            todos.settle_coming_back(tx, person, case.target, f"the bridge, since {why}", now)
    tx.tell("case opened", case_id=case.id, target=target, event_id=event.event_id, source=event.source)
    if sees_to_it(case, bridge, now):
        for other in mine:
            if not other.is_whole:
                _supersede(tx, other, case, now)
    return case


def _open_below(
    bridge: Bridge,
    tx: Tx,
    event: IdentityEvent,
    person: int,
    target: str,
    mine: Sequence[Case],
    said: Iterable[Standing],
    now: datetime,
) -> Case:
    """A case about one project or role; while another takes the person out of everything, it is only kept in mind."""
    case = _open_or_repeat(bridge, tx, event, person, target, mine, said, now)
    whole = next((c for c in mine if sees_to_it(c, bridge, now)), None)
    return case if whole is None else _supersede(tx, case, whole, now)


def _supersede(tx: Tx, case: Case, whole: Case, now: datetime) -> Case:
    case = cases.save(tx, cases_of.superseded(case, by=whole.id, now=now))
    facts = {"by": whole.id, "outcome": case.outcome}
    tx.audit(Entry(at=now, kind="case.superseded", actor="bridge", case_id=case.id, target=case.target, facts=facts))
    return case


def resurface(bridge: Bridge, tx: Tx, whole: Case, still_open: Iterable[Case], now: datetime) -> None:
    """What the taken-back case had superseded is open again, unless some group grants it by now.

    `still_open` are the person's other cases at the target.
    """
    still_open = tuple(still_open)
    about = {c.scope for c in still_open}
    if any(sees_to_it(c, bridge, now) for c in still_open):
        return
    for old in scopes.superseded(tx, whole):
        who = {old.person_id}
        is_held = groups.holding(tx, bridge.connections.values(), old.target, old.scope, who) and not old.is_operators
        if old.scope in about or is_held:
            continue
        due = now + bridge.policies[old.target].settle
        case = cases.insert_case(
            tx, replace(old, id=0, state=CaseState.PENDING, due_at=due, plan=Plan(), outcome="", closed_at=None)
        )
        inbox.hand_over(tx, old.id, case.id)
        facts = {"instead_of": old.id, "taken_back": whole.id}
        tx.audit(Entry(at=now, kind="case.again", actor="bridge", case_id=case.id, target=case.target, facts=facts))


def _rejoin(
    tx: Tx, event: IdentityEvent, mine: Iterable[Case], now: datetime, granting: Collection[Connection]
) -> list[Case]:
    """Ends the cases about what some group grants the person again: one of an active record."""
    moved = []
    for case in mine:
        if case.is_whole or case.is_operators:
            continue
        if not groups.holding(tx, granting, case.target, case.scope, {case.person_id}):
            continue
        touched = any(s.may_have_effect for s in cases.steps_of(tx, case.id))
        after = cases.save(tx, cases_of.rejoined(case, touched=touched, by=event.source, now=now))
        tx.audit(_about(after, "case.reactivated", event, now))
        moved.append(after)
    return moved


def _take_back(
    bridge: Bridge, tx: Tx, event: IdentityEvent, mine: Sequence[Case], said: Iterable[Standing], now: datetime
) -> list[Case]:
    """What an ACTIVATE does: ends the case when nobody says out any more, else has it planned anew."""
    moved = []
    is_out_in = {s.connection for s in said if s.is_out}
    for case in mine:
        if not case.is_whole:
            continue
        says_out = is_out_in & set(bridge.connections_of(case.target))
        if case.is_operators or says_out:
            moved.append(cases.save(tx, cases_of.nudged(case, now) if says_out else _as_dated(tx, case, now)))
            tx.audit(_about(case, "case.active_elsewhere", event, now))
            continue
        done = [s for s in cases.steps_of(tx, case.id) if s.may_have_effect]
        after = cases.save(tx, cases_of.reactivated(case, touched=bool(done), by=event.source, now=now))
        tx.audit(_about(after, "case.reactivated", event, now))
        tx.tell("case reactivated", case_id=case.id, target=case.target, event_id=event.event_id)
        if done:
            back = preparing.by_policy(
                tx, after, bridge.policies[case.target], event.source, bridge.connections_of(case.target), now
            )
            what = "; ".join(dict.fromkeys(s.says for s in done))
            told = f"{case.subject.label} is active again in {event.source} after the bridge had begun: {what}. "
            todos.ask(tx, case.id, todos.REACTIVATED, told + _what_now(after, back, event.source), now)
        moved.append(after)
        resurface(bridge, tx, after, [c for c in mine if c is not case], now)
    return moved


def _meet_again(
    bridge: Bridge, tx: Tx, event: IdentityEvent, person: int, target: str, said: Iterable[Standing], now: datetime
) -> None:
    """Whoever was taken out and is active again after the watch (hired again) is asked about, or invited by policy."""
    last = cases.last_of_person(tx, person, target)
    if last is None or last.state is not CaseState.CLOSED or last.removed_at is None or returns.gives_back(tx, last.id):
        return
    if any(s.is_out and s.connection in bridge.connections_of(target) for s in said):
        return
    if any(members.one(tx, target, account) for account in returns.accounts_of(tx, person, target)):
        return
    back = None
    if not last.is_operators:  # what an operator decided, no policy takes back
        speaking = bridge.connections_of(target)
        back = preparing.by_policy(tx, last, bridge.policies[target], event.source, speaking, now)
    told = f"{last.subject.label} is active again in {event.source}, and was taken out of {target} in this case. "
    todos.ask(tx, last.id, todos.REACTIVATED, told + _what_now(last, back, event.source), now)


def _what_now(case: Case, back: Return | None, source: str) -> str:
    """What a person is asked to do about somebody who is active again after the removal began."""
    if case.removed_at is None:
        return (
            "No end of the membership was seen, and the rest was not given back: look in PostHog, and put it right there. "
            f"Deactivate again in {source} if they are not to stay."
        )
    if back is None:
        return (
            "Nothing was given back and the watch has ended. "
            f"`undo {case.id}` invites the person again if that is right; deactivate again in {source} if it is not."
        )
    said = f"By policy.on_reactivate an invite as {back.level.word} goes to {back.email}, and the watch has ended."
    if back.level_before > back.level:
        said += f" They were {back.level_before.word} before: give that back in PostHog if it is right."
    return f"{said} Deactivate again in {source} if they are not to come back."


def _as_dated(tx: Tx, case: Case, now: datetime) -> Case:
    """An operator's case that no source supports any more: a date that a leaving brought forward counts again."""
    if case.state is not CaseState.PENDING:
        return cases_of.nudged(case, now)
    dates = [e.effective_at for e in inbox.of_case(tx, case.id) if e.kind is EventKind.REMOVE and e.effective_at]
    return replace(case, due_at=max([case.due_at or now, *dates[-1:]]))


def _is_superseded(
    bridge: Bridge, tx: Tx, event: IdentityEvent, said: Iterable[Standing], to: Iterable[str], now: datetime
) -> bool:
    """Whether the person was activated, in whatever connection, after this leaving was said to have happened."""
    if not event.kind.says_out:
        return False
    speaking = {name for target in to for name in bridge.connections_of(target)}
    newer = sorted(
        s.connection
        for s in said
        if s.connection in speaking and not s.is_out and s.activated_at and s.activated_at > event.occurred_at
    )
    if not newer:
        return False
    facts = {"event_id": event.event_id, "activated_in": newer[0]}
    tx.audit(Entry(at=now, kind="event.superseded", actor=event.source, facts=facts))
    return True


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
