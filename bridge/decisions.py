"""What operators decide: remove, release, cancel, retry, link, tick off. Each is an event in the inbox and audited."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge import following
from bridge.core import case as cases_of
from bridge.core.case import Case
from bridge.core.checklist import Template
from bridge.core.events import EventKind, IdentityEvent, Reason, Subject, address_key
from bridge.core.findings import Topic
from bridge.core.wording import utc, who
from bridge.ports import Bridge, Declined
from bridge.store import batches, cases, checklists, findings, inbox, matters, people, targets, todos
from bridge.store.audit import Entry
from bridge.store.db import Tx
from bridge.store.todos import Todo


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What an operator asks for: the same for everybody who is named with it."""

    target: str
    by: str
    reason: Reason
    note: str = ""
    scope: str = "organization"
    is_emergency: bool = False
    effective_at: datetime | None = None


def remove(
    bridge: Bridge,
    subject: Subject,
    target: str,
    *,
    by: str,
    reason: Reason,
    note: str = "",
    scope: str = "organization",
    is_emergency: bool = False,
    is_confirmed: bool = False,
    effective_at: datetime | None = None,
) -> Case:
    """Open an operator's own removal of one person; it outranks the identity providers until it is cancelled.

    `is_confirmed`: in an emergency, the operator was told that the person is protected and said it again.
    """
    asked = Removal(
        target=target,
        by=by,
        reason=reason,
        note=note,
        scope=scope,
        is_emergency=is_emergency,
        effective_at=effective_at,
    )
    return remove_all(bridge, asked, {subject: is_confirmed})[0]


def remove_all(bridge: Bridge, asked: Removal, people_meant: Mapping[Subject, bool]) -> list[Case]:
    """The same for several people at once, all or none; each with whether they were confirmed, see `remove`."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        opened = [open_removal(bridge, tx, asked, who, now, is_confirmed=sure) for who, sure in people_meant.items()]
    bridge.bell.ring(asked.target)
    return opened


def open_removal(
    bridge: Bridge, tx: Tx, asked: Removal, subject: Subject, now: datetime, *, is_confirmed: bool = False
) -> Case:
    """One person's, in a transaction that is open; whoever commits it rings the bell."""
    event = IdentityEvent(
        event_id=str(uuid.uuid4()),
        source=f"operator:{asked.by}",
        kind=EventKind.REMOVE,
        subject=subject,
        occurred_at=now,
        received_at=now,
        reason=asked.reason,
        scope=asked.scope,
        note=asked.note,
        is_emergency=asked.is_emergency,
        is_confirmed=is_confirmed,
        effective_at=asked.effective_at,
    )
    person = people.recognise(tx, event.source, subject)
    if person is None:
        person = people.create(tx, subject.label, now)
    people.note_subject(tx, person, event.source, subject, now, is_active=False)
    following.follow(bridge, tx, event, person, [asked.target], now)
    return next(c for c in cases.open_of_person(tx, person, asked.target) if c.scope == asked.scope)


def release(bridge: Bridge, case_id: int, digest: str, *, by: str, reason: str) -> Case:
    """Approve the plan that the operator saw, and no other. Raises `Declined`."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        case = _open_case(tx, case_id)
        if digest != case.plan.digest:
            raise Declined(
                f"Case {case_id} shows another plan now ({case.plan.digest}) than the one you saw ({digest}).",
                remedy=f"Look again with `plan {case_id}` and release that digest.",
            )
        case = _release(tx, case, by=by, reason=reason, now=now)
    bridge.bell.ring(case.target)
    return case


def release_batch(
    bridge: Bridge, batch_id: int, digest: str, *, by: str, reason: str, only: Collection[int] = ()
) -> list[Case]:
    """Approve a batch as the operator saw it, all of it or a subset. All or nothing. Raises `Declined`."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        done = [_release(tx, c, by=by, reason=reason, now=now) for c in _chosen(tx, batch_id, digest, only)]
    bridge.bell.ring(done[0].target)
    return done


def cancel(bridge: Bridge, case_id: int, *, by: str, reason: str) -> Case:
    """Let the person be. What was done already stays done."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        return let_be(bridge, tx, _open_case(tx, case_id), by=by, reason=reason, now=now)


def cancel_batch(
    bridge: Bridge, batch_id: int, digest: str, *, by: str, reason: str, only: Collection[int] = ()
) -> list[Case]:
    """Let everybody in a batch be, as the operator saw it, or a subset. All or nothing. Raises `Declined`."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        return [let_be(bridge, tx, c, by=by, reason=reason, now=now) for c in _chosen(tx, batch_id, digest, only)]


def retry(bridge: Bridge, case_id: int, *, by: str) -> Case:
    """Try a case again now, with a clean slate of attempts. Raises `Declined`, also for one that has a date."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        case = _open_case(tx, case_id)
        policy = bridge.policies.get(case.target)
        if policy is not None and cases_of.is_dated(case, policy, now):
            raise Declined(
                f"Case {case_id} was not tried yet: it has a date, {utc(case.due_at or now)}.",
                remedy="`remove EMAIL --emergency` takes the person out before it.",
            )
        case = cases.save(tx, cases_of.retried(case, now))
        _note(tx, case, EventKind.RETRY, by=by, reason="", now=now)
    bridge.bell.ring(case.target)
    return case


def leaving_as(bridge: Bridge, who: str, target: str) -> list[Case]:
    """The open cases of whom `link` would mean at the target: an account that is theirs goes with them.

    Raises `Declined`.
    """
    with bridge.db.read() as tx:
        return cases.open_of_person(tx, _meant(tx, who, target), target)


def link(bridge: Bridge, who: str, user_uuid: str, target: str, *, by: str, is_theirs: bool = True) -> list[Case]:
    """Say that an account is a person's, or is not; their open cases at the target are planned anew now.

    `who` is an address or an external id that some source or operator has named. Raises `Declined`.
    """
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        person = _meant(tx, who, target)
        people.link(tx, person, target, user_uuid, is_theirs=is_theirs, how=f"operator:{by}", now=now)
        moved = [cases.save(tx, cases_of.nudged(c, now)) for c in cases.open_of_person(tx, person, target)]
        targets.want_look(tx, target, now)
        facts = {"person": person, "account": user_uuid, "is_theirs": is_theirs}
        tx.audit(Entry(at=now, kind="person.linked", actor=f"operator:{by}", target=target, facts=facts))
    bridge.bell.ring(target)
    return moved


def tick(bridge: Bridge, todo_id: int, *, by: str, answer: str = "", with_alike: bool = False) -> int:
    """Say that a to-do is done, or it and those that are shown with it as one; how many.

    Raises: `Declined` when there is no such open one, or when it asks for an answer.
    """
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        matter = matters.of(tx, todo_id) if with_alike else None
        ticked = matter.todo_ids if matter is not None else (todo_id,)
        for number in ticked:
            _tick(tx, number, by=by, answer=answer.strip(), now=now)
    return len(ticked)


def _tick(tx: Tx, todo_id: int, *, by: str, answer: str, now: datetime) -> None:
    todo = todos.find(tx, todo_id)
    if todo is not None and todo.wants_answer and not answer:
        raise Declined(f"To-do {todo_id} asks for an answer: {todo.text}", remedy="Give it with --answer TEXT.")
    if todo is None or not todos.tick(tx, todo_id, f"operator:{by}", now, answer):
        raise Declined(f"There is no open to-do {todo_id}.", remedy="`case ID` lists a case's to-dos.")
    _note_todo(tx, todo, "todo.done", by, answer, now)


def untick(bridge: Bridge, todo_id: int, *, by: str) -> None:
    """Say that a to-do is not done after all. Raises `Declined` when there is no such done one."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        todo = todos.find(tx, todo_id)
        if todo is None or not todos.untick(tx, todo_id):
            raise Declined(f"There is no ticked to-do {todo_id}.", remedy="`case ID` lists a case's to-dos.")
        _note_todo(tx, todo, "todo.reopened", by, "", now)


def choose_checklist(bridge: Bridge, case_id: int, template: Template, *, by: str) -> None:
    """Have the case's checklist made from another template; what was ticked stays. Raises `Declined`."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        case = _known_case(tx, case_id)
        checklists.begin(tx, case_id, template, f"operator:{by}", now)
        checklists.refresh(tx, case, bridge.targets.get(case.target), now)
        facts = {"template": template.value}
        actor = f"operator:{by}"
        tx.audit(Entry(at=now, kind="checklist.chosen", actor=actor, case_id=case_id, target=case.target, facts=facts))


def want(bridge: Bridge, case_id: int, topic: Topic) -> None:
    """Have something collected about a leaver, once more if it was. Raises `Declined` when nobody was taken out."""
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        case = _known_case(tx, case_id)
        if findings.of_case(tx, case_id).before is None or case.removed_at is None:
            said = f"Nothing can be collected for case {case_id}: it has taken no account out."
            raise Declined(said, remedy=f"`case {case_id}` shows where it stands.")
        findings.want(tx, case_id, case.target, topic, now, now)
    bridge.bell.ring(case.target)


def _note_todo(tx: Tx, todo: Todo, kind: str, by: str, answer: str, now: datetime) -> None:
    case = cases.find(tx, todo.case_id)
    tx.audit(
        Entry(
            at=now,
            kind=kind,
            actor=f"operator:{by}",
            case_id=todo.case_id,
            target=case.target if case is not None else "",
            facts={"todo": todo.id, "kind": todo.kind},
            personal={"text": todo.text, "answer": answer},
        )
    )


def _known_case(tx: Tx, case_id: int) -> Case:
    case = cases.find(tx, case_id)
    if case is None:
        raise Declined(f"There is no case {case_id}.", remedy="`cases` lists them.")
    return case


def _meant(tx: Tx, who: str, target: str) -> int:
    """The person whom an operator means: whoever is leaving the target, before anybody else of that name."""
    known = people.named(tx, address_key(who) if "@" in who else who)
    if not known:
        raise Declined(
            f"No source has ever named {who}.", remedy="Give an address or an external id as the source sends it."
        )
    leaving = [p for p in known if cases.open_of_person(tx, p, target)]
    if len(leaving) > 1 or (not leaving and len(known) > 1):
        raise Declined(
            f"{who} has named {len(known)} people.", remedy="Give the external id that the source sends instead."
        )
    return leaving[0] if leaving else known[0]


def _chosen(tx: Tx, batch_id: int, digest: str, only: Collection[int]) -> list[Case]:
    """The cases of a batch, or those of them that are named, if it is still as the operator saw it."""
    found = batches.waiting_batch(tx, batch_id)
    if found is None:
        raise Declined(f"Batch {batch_id} holds nothing.", remedy="`status` lists the batches that wait.")
    if digest != found.digest:
        raise Declined(
            f"Batch {batch_id} has changed since you saw it: its digest is {found.digest} now, not {digest}.",
            remedy="Look again with `status` and name that digest.",
        )
    strangers = set(only) - {c.id for c in found.cases}
    if strangers:
        raise Declined(f"Not in batch {batch_id}: {', '.join(map(str, sorted(strangers)))}.")
    return [_open_case(tx, c.id) for c in found.cases if not only or c.id in only]


def _open_case(tx: Tx, case_id: int) -> Case:
    case = _known_case(tx, case_id)
    if not case.state.is_open:
        raise Declined(f"Case {case_id} is {case.state.value}: {case.outcome}.")
    return case


def let_be(bridge: Bridge, tx: Tx, case: Case, *, by: str, reason: str, now: datetime) -> Case:
    """End an open case by an operator's word, in a transaction that is open."""
    case = cases.save(tx, cases_of.cancelled(case, by=f"operator:{by}", reason=reason, now=now))
    _note(tx, case, EventKind.CANCEL, by=by, reason=reason, now=now)
    if case.is_whole:
        still_open = cases.open_of_person(tx, case.person_id, case.target)
        following.resurface(bridge, tx, case, still_open, now)
    return case


def _release(tx: Tx, case: Case, *, by: str, reason: str, now: datetime) -> Case:
    if not case.plan.holds:
        raise Declined(f"Case {case.id} is not held.", remedy=f"`case {case.id}` shows where it stands.")
    if cases_of.is_released(case):
        assert case.released is not None
        raise Declined(
            f"Case {case.id} was released already, by {who(case.released.by)}.",
            remedy=f"`case {case.id}` shows how it goes on.",
        )
    stuck = [h for h in case.plan.blocking if not h.is_releasable]
    if stuck:
        raise Declined(f"Case {case.id} cannot be released: {stuck[0].message}", remedy=stuck[0].remedy)
    if any(h.needs_reason for h in case.plan.holds) and not reason.strip():
        raise Declined(f"Case {case.id} is released only with a reason.", remedy="Say why with --reason.")
    case = cases.save(tx, cases_of.released(case, by=f"operator:{by}", reason=reason, now=now))
    _note(tx, case, EventKind.RELEASE, by=by, reason=reason, now=now)
    return case


def _note(tx: Tx, case: Case, kind: EventKind, *, by: str, reason: str, now: datetime) -> None:
    """Keep the decision as an event of the case, and in the audit log."""
    event = IdentityEvent(
        event_id=str(uuid.uuid4()),
        source=f"operator:{by}",
        kind=kind,
        subject=case.subject,
        occurred_at=now,
        received_at=now,
        note=reason,
    )
    inbox_id = inbox.receive(tx, event, case.person_id)
    assert inbox_id is not None
    inbox.attach(tx, inbox_id, case.id)
    tx.audit(
        Entry(
            at=now,
            kind=f"case.{kind.value}",
            actor=event.source,
            approver=event.source if kind is EventKind.RELEASE else "",
            case_id=case.id,
            target=case.target,
            facts={"digest": case.plan.digest, "holds": [h.code.value for h in case.plan.holds]},
            personal={"reason": reason, "steps": [s.says for s in case.plan.steps]},
        )
    )
