"""One pass over a target: claim it, then observe, plan and apply the first step of whatever is due, until nothing is.

There is no other loop: a crash, a repeated event, an operator's click and a watch that falls due all come through
here. Nothing is remembered between passes but what is in the store.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bridge import applying, lookout, returning
from bridge.core import case as cases_of
from bridge.core.case import Case, CaseState
from bridge.core.organization import Organization
from bridge.core.plan import Plan, RemoveMember, SetLevel, shows_as_done
from bridge.core.planner import plan
from bridge.core.policy import OnNoMatch
from bridge.core.returns import Return
from bridge.passing import Intended, Pass
from bridge.ports import BoundaryError, Bridge, ClaimLost, Unavailable
from bridge.store import cases, departures, findings, people, returns, surroundings, targets
from bridge.store.db import FAILURES, Tx
from bridge.store.facts import gather
from bridge.telling import ask_about_hidden

log = structlog.get_logger()

PASS_FOR = timedelta(seconds=30)
"""After this long a pass hands over to a fresh job, so that no job grows old and no target waits for another."""

RENEW_EVERY_SECONDS = 2.0
"""How often the claim is renewed while a pass runs: a quarter of the lease."""


def due_targets(bridge: Bridge) -> tuple[str, ...]:
    """The targets that some worker should look after now."""
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        found = dict.fromkeys(targets.due(tx, now))
        for target in surroundings.due(tx, now):
            if target in bridge.targets and bridge.policies[target].surroundings_every is not None:
                found[target] = None
    return tuple(t for t in found if t in bridge.targets)


def run_pass(bridge: Bridge, target_name: str, holder: str = "") -> None:
    """Do all that is due at the target, unless another worker is at it. Raises nothing that the world can cause.

    `holder` is whoever can say later that this pass died, see `let_go_of_dead`.
    """
    if lookout.is_all_that_is_due(bridge, target_name):
        lookout.look_around(bridge, target_name)
        return
    with bridge.db.write() as tx:
        token = targets.claim(tx, target_name, bridge.clock.now(), holder)
    if token is None:
        return
    try:
        with _renewed(bridge, target_name, token):
            this = Pass(bridge=bridge, target=target_name, token=token, remote=bridge.remote(target_name))
            _do_what_is_due(this)
        lookout.look_around(bridge, target_name)
    except ClaimLost as lost:
        log.warning("claim lost", target=target_name, detail=str(lost))
    except BoundaryError as trouble:
        lookout.pause(bridge, target_name, token, trouble)
    except FAILURES:
        raise  # the store's own trouble: nothing can be kept about it, and the sweep rings again
    except Exception as bug:  # also a job's time-out: told and tried later, instead of met at every ring
        log.exception("pass failed", target=target_name)
        lookout.pause(bridge, target_name, token, Unavailable(f"The pass failed: {type(bug).__name__}."))


def let_go_of_dead(bridge: Bridge, holder: str) -> None:
    """The holder's pass died without a word: its targets are free at once, and somebody is asked to go on."""
    with bridge.db.write() as tx:
        freed = targets.free(tx, holder)
    for target in freed:
        log.warning("pass died", target=target)
        bridge.bell.ring(target)


def _do_what_is_due(this: Pass) -> None:
    clock = this.bridge.clock
    began = clock.now()
    if _look_is_due(this):
        this.observe()
    while began <= clock.now() < began + PASS_FOR:  # a clock that was put back ends the pass too
        found = _next_due(this)
        if found is None:
            return
        if not this.is_usable():
            this.observe()
        if isinstance(found, Return):
            returning.go_on(this, found)
            continue
        try:
            intended = _plan_one(this, found.id)
            if intended is not None:
                applying.apply(this, intended)
        except (BoundaryError, *FAILURES):
            raise
        except Exception as bug:  # one case must never keep the others waiting
            log.exception("pass failed on a case", case_id=found.id, target=this.target)
            applying.fail(this, found.id, None, f"internal error: {type(bug).__name__}: {bug}", None)
            this.forget()
    with this.bridge.db.write() as tx:
        targets.let_go(tx, this.target, this.token)
    this.bridge.bell.ring(this.target)


def _look_is_due(this: Pass) -> bool:
    with this.bridge.db.read() as tx:
        state = targets.state(tx, this.target)
    return state.look_due_at is not None and state.look_due_at <= this.bridge.clock.now()


def _next_due(this: Pass) -> Case | Return | None:
    """The next due case, then the next return; looks afresh when the rest only waits to be verified.

    Lets the claim go when nothing is due, in one transaction with having seen that: who falls due later is rung for.
    """
    while True:
        now = this.bridge.clock.now()
        with this.bridge.db.read() as tx:
            found = _first_due(tx, this, now)
        if found is not None:
            return found
        if this.waiting:
            this.observe()
            continue
        with this.bridge.db.write() as tx:
            targets.hold_on(tx, this.target, this.token, now)
            found = _first_due(tx, this, now)
            if found is None:
                lookout.resume(tx, this.target, now)
                targets.let_go(tx, this.target, this.token)
        return found


def _first_due(tx: Tx, this: Pass, now: datetime) -> Case | Return | None:
    case = cases.due_at(tx, this.target, now, leaving_out=this.waiting)
    return case or (None if this.waiting else returns.due(tx, this.target, now))


def _plan_one(this: Pass, case_id: int) -> Intended | None:
    """Plan the case on the snapshot and keep what comes of it; the step to send, or `None`."""
    bridge, organization = this.bridge, this.organization
    policy, now = bridge.policies[this.target], bridge.clock.now()
    assert organization is not None
    with bridge.db.write() as tx:
        targets.hold_on(tx, this.target, this.token, now)
        case = cases.find(tx, case_id)
        if case is None or not case.state.is_open or case.due_at is None or case.due_at > now:
            return None
        if this.is_fresh:
            case = _settle_unanswered(tx, this, case, organization)
        connection = bridge.connections.get(case.source)
        facts = gather(
            tx,
            case,
            organization,
            policy,
            connections=bridge.connections_of(this.target),
            on_no_match=connection.on_no_match if connection else OnNoMatch.HOLD,
            now=now,
            granting=tuple(bridge.connections.values()),
        )
        found = plan(case, facts, policy, now)
        if _touches_an_owner(found, organization) and not this.is_fresh:
            this.forget()
            return None
        was_watched = case.state is CaseState.WATCHING
        if _is_return(case, found, organization):
            case = cases_of.came_back(case)
            found = plan(case, facts, policy, now)
            tx.audit(this.entry(case, "case.returned", {"returns": case.returns}))
            log.info("came back", case_id=case.id, target=this.target, returns=case.returns)
        after = cases_of.planned(
            case, found, is_verified=this.is_fresh, on_no_match=facts.on_no_match, policy=policy, now=now
        )
        _keep(tx, this, case, after, was_watched=was_watched)
        if not found.steps:
            departures.note_if_absent(tx, after, bridge.connections_of(this.target), organization, now)
        _link_matches(tx, this, after, found)
        if found.is_empty and after.state is not case.state and bridge.targets[this.target].is_self_hosted:
            ask_about_hidden(tx, after, facts.leaver.accounts, now)
        if found.blocking or not found.steps:
            if after.state.is_open and after.due_at is not None and after.due_at <= now:
                this.waiting.add(case.id)
            return None
        step = found.steps[0]
        if any(d.canonical == step.canonical and abs(now - d.at) < cases_of.FIRST_RETRY for d in facts.done):
            applying.keep_failure(tx, this, after, f"PostHog answered “{step.says}”, and it is still to do", None)
            return None
        step_id = cases.begin_step(tx, after, step, now)
    return Intended(case=after, step=step, step_id=step_id)


def _settle_unanswered(tx: Tx, this: Pass, case: Case, organization: Organization) -> Case:
    """Find out what became of steps whose answer was lost, by a crash or on the way: the look shows it."""
    for step_id, canonical, says, sent_at in cases.unsettled(tx, case.id):
        was_done = shows_as_done(canonical, organization)
        cases.end_step(tx, step_id, result="done" if was_done else "undone", status=None, now=sent_at)
        if not was_done:
            continue
        if canonical.startswith("remove_member"):
            case = cases.save(tx, replace(case, removed_at=sent_at, is_back=False))
        tx.audit(this.entry(case, "step.found_done", {"step": canonical, "sent_at": str(sent_at)}, {"says": says}))
    return case


def _is_return(case: Case, found: Plan, organization: Organization) -> bool:
    """Whether somebody who was out is a member again; an account that was only now found to be theirs is none."""
    members = [organization.member(s.user_uuid) for s in found.steps if isinstance(s, RemoveMember)]
    joined = [m.joined_at for m in members if m is not None]
    if case.state is CaseState.WATCHING:
        out_since = case.removed_at or case.watch_from
        return any(at is None or out_since is None or at > out_since for at in joined)
    # No look has shown the person out yet, but who joined after the removal was out in between.
    removed_at = None if case.is_back else case.removed_at
    return removed_at is not None and any(at is not None and at > removed_at for at in joined)


def _keep(tx: Tx, this: Pass, before: Case, after: Case, *, was_watched: bool) -> None:
    """Keep the planned case, and audit what is new about it."""
    now = this.bridge.clock.now()
    after = cases.save(tx, after)
    if was_watched:
        cases.note_check(tx, after.id, "a member or invited again" if after.plan.steps else "absent", now)
    if after.plan.digest != before.plan.digest and not after.plan.is_empty:
        facts = {"digest": after.plan.digest, "holds": [h.code.value for h in after.plan.holds]}
        personal = {"steps": [s.says for s in after.plan.steps], "holds": [h.message for h in after.plan.holds]}
        tx.audit(this.entry(after, "case.planned", facts, personal))
    if after.state is not before.state:
        facts = {"from": before.state.value, "to": after.state.value, "outcome": after.outcome}
        tx.audit(this.entry(after, f"case.{after.state.value.lower()}", facts))
        log.info("case moved", case_id=after.id, target=this.target, state=after.state.value)


def _link_matches(tx: Tx, this: Pass, case: Case, found: Plan) -> None:
    """Remember the accounts that are about to be removed: a changed address must not open a way around."""
    if found.blocking:
        return
    now = this.bridge.clock.now()
    for step in found.steps:
        if isinstance(step, RemoveMember):
            people.link(tx, case.person_id, this.target, step.user_uuid, is_theirs=True, how="removal", now=now)
            assert this.organization is not None
            findings.note_before(tx, case.id, this.target, this.organization, step.user_uuid, now)


def _touches_an_owner(found: Plan, organization: Organization) -> bool:
    owners = {m.user_uuid for m in organization.owners}
    return any(isinstance(s, SetLevel) or (isinstance(s, RemoveMember) and s.user_uuid in owners) for s in found.steps)


@contextmanager
def _renewed(bridge: Bridge, target: str, token: str) -> Iterator[None]:
    """Keep the claim alive from a thread of its own while slow calls run."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_EVERY_SECONDS):
            try:
                with bridge.db.write() as tx:
                    targets.hold_on(tx, target, token, bridge.clock.now())
            except ClaimLost:
                return
            except Exception:  # the next write of the pass finds out
                log.exception("claim not renewed", target=target)

    thread = threading.Thread(target=renew, name=f"claim-{target}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
