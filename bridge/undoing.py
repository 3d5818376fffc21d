"""Giving back: what an operator, or the policy, prepares for somebody who was removed. `returning` sends it.

The case ends first, in the same transaction: its watch would take the invite away again. May import: `decisions` and
what lies below it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from bridge import decisions, preparing
from bridge.core.case import Case
from bridge.core.policy import Mode
from bridge.core.returns import Return, ReturnState
from bridge.core.wording import who
from bridge.ports import Bridge, Declined
from bridge.store import batches, cases, checklists, matters, returns, todos
from bridge.store.db import Tx


def prepare(
    bridge: Bridge, case_ids: Collection[int], *, by: str, reason: str, as_before: bool = False, email: str = ""
) -> list[Return]:
    """Prepare the return of everybody in these cases, all or none; nothing goes out yet. Open cases end.

    What was prepared for them before and not sent is dropped.
    `email`: where the invite is to go, for a single case; empty means the address of before.
    Raises: `Declined`.
    """
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        return [
            _prepare(
                bridge,
                tx,
                _undoable(bridge, tx, i, by, now),
                by=by,
                reason=reason,
                as_before=as_before,
                email=email,
                now=now,
            )
            for i in case_ids
        ]


def send(bridge: Bridge, return_ids: Collection[int], *, by: str) -> list[Return]:
    """Have the prepared invites sent. Raises `Declined`."""
    now = bridge.clock.now()
    done = []
    with bridge.db.write() as tx:
        for number in return_ids:
            this = returns.find(tx, number)
            if this is None or this.state is not ReturnState.PREPARED:
                raise Declined(f"Return {number} is not waiting to be sent.", remedy="`undo --list` shows what is.")
            if this.target not in bridge.policies:
                raise Declined(f"{this.target} is not configured: nobody is invited there.")
            if bridge.policies[this.target].mode is Mode.OBSERVE:
                raise Declined(
                    f"The bridge only observes at {this.target}: it invites nobody.",
                    remedy="Invite the person in PostHog, or set policy.mode to enforce.",
                )
            this = returns.save(tx, replace(this, state=ReturnState.READY, due_at=now))
            tx.audit(returns.entry(this, "return.approved", f"operator:{by}", now, {"level": this.level.word}))
            todos.settle_coming_back(tx, this.person_id, this.target, f"operator:{by}", now)
            done.append(this)
    for target in {this.target for this in done}:
        bridge.bell.ring(target)
    return done


def removed_in(bridge: Bridge, batch_id: int) -> list[int]:
    """The cases of a batch whose people were removed, as far as no invite was sent to them. Raises `Declined`."""
    with bridge.db.read() as tx:
        found = batches.cases_of(tx, batch_id)
        if not found:
            raise Declined(f"There is no batch {batch_id}.", remedy="`status` and `cases` name the batches.")
        return [c.id for c in found if c.removed_at is not None and not returns.is_under_way(tx, c.id)]


def asked_about(bridge: Bridge, todo_id: int) -> list[int]:
    """The cases of everybody about whom the to-do asks whether they come back, and of those shown with it as one.

    Raises: `Declined`.
    """
    with bridge.db.read() as tx:
        matter = matters.of(tx, todo_id)
    if matter is None:
        raise Declined(f"There is no open to-do {todo_id}.", remedy="`status` lists them.")
    if not matter.is_undoable:
        raise Declined(f"To-do {todo_id} asks for something else: {matter.says}")
    return list(matter.case_ids)


def _may_be_removed(tx: Tx, case_id: int) -> bool:
    """Whether a removal was sent whose answer nobody saw before the case ended."""
    steps = cases.steps_of(tx, case_id)
    return any(s.canonical.startswith("remove_member ") and s.may_have_effect for s in steps)


def _undoable(bridge: Bridge, tx: Tx, case_id: int, by: str, now: datetime) -> Case:
    case = cases.find(tx, case_id)
    if case is None:
        raise Declined(f"There is no case {case_id}.", remedy="`cases` lists them.")
    if not case.is_whole:
        raise Declined(f"Case {case_id} is about {case.scope} only.", remedy="Give that back in PostHog.")
    if case.target not in bridge.targets:
        raise Declined(f"Case {case_id} is about {case.target}, which is not configured.", remedy="Invite in PostHog.")
    if case.removed_at is None and not _may_be_removed(tx, case.id):
        remedy = (
            f"`cancel {case_id}` lets the person be." if case.state.is_open else f"`case {case_id}` tells its story."
        )
        raise Declined(f"Nobody was removed in case {case_id}.", remedy=remedy)
    is_mine = case.source == f"operator:{by}"
    if case.state.is_open and case.is_emergency and case.is_operators and not is_mine:
        # Whoever asked for the undoing may not have heard of the emergency yet.
        raise Declined(
            f"Case {case_id} is an emergency of {who(case.source)}, and not over.",
            remedy=f"When they agree, `cancel {case_id}` first.",
        )
    if returns.is_under_way(tx, case.id):
        raise Declined(f"Case {case_id} is being undone already.", remedy="`undo --list` shows how far that is.")
    _refuse_overtaken(tx, case)
    for before in returns.of_case(tx, case.id):
        if before.state is ReturnState.PREPARED:
            returns.drop(tx, before, "prepared anew", now)
    return case


def _refuse_overtaken(tx: Tx, case: Case) -> None:
    """What the person could do before an older removal is not what they could do in the end. Raises `Declined`."""
    newer = [c for c in cases.open_of_person(tx, case.person_id, case.target) if c.is_whole and c.id != case.id]
    if newer:
        raise Declined(
            f"{case.subject.label} is leaving again in case {newer[0].id}.", remedy=f"`cancel {newer[0].id}` first."
        )
    last = cases.last_of_person(tx, case.person_id, case.target)
    if last is not None and last.id != case.id and last.removed_at is not None:
        said = f"Case {case.id} is not the last: case {last.id} took them out again."
        raise Declined(said, remedy=f"`undo {last.id}` gives back what they had then.")


def _prepare(
    bridge: Bridge, tx: Tx, case: Case, *, by: str, reason: str, as_before: bool, email: str, now: datetime
) -> Return:
    if case.state.is_open:
        case = decisions.let_be(bridge, tx, case, by=by, reason=f"undone: {reason}", now=now)
    this = preparing.record(tx, case, by=f"operator:{by}", reason=reason, as_before=as_before, email=email, now=now)
    if not this.email:
        raise Declined(f"No address of {case.subject.label} is known.", remedy="Name one with --email.")
    _refuse_others(bridge, tx, this, is_named=bool(email))
    this = preparing.keep(tx, this, now)
    if checklists.find(tx, case.id) is not None:
        checklists.refresh(tx, case, bridge.targets[case.target], now)
    return this


def _refuse_others(bridge: Bridge, tx: Tx, this: Return, *, is_named: bool) -> None:
    """What one person had must not go to another who has the address by now. Raises `Declined`.

    `is_named`: whoever asks has named the address, and so says whose it is.
    """
    said = f"Case {this.case_id}: {this.email}"
    account = preparing.others_account(tx, this)
    if account:
        raise Declined(
            f"{said} is a member already, with an account that is not known to be theirs ({account}).",
            remedy="Name another address with --email; or `link` the account, if it is the person's.",
        )
    other = preparing.others_claim(tx, this, bridge.connections_of(this.target))
    if other and not is_named:
        raise Declined(
            f"{said} now belongs to another person ({other}).",
            remedy="Name the person's address of today with --email; the same one, if both are one human.",
        )
