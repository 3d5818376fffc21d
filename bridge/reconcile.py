"""One pass over a target: claim it, then observe, plan and apply the first step of whatever is due, until nothing is.

There is no other loop: a crash, a repeated event, an operator's click and a watch that falls due all come through
here. Nothing is remembered between passes but what is in the store.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from bridge import lookout
from bridge.core import case as cases_of
from bridge.core.case import Case, CaseState
from bridge.core.organization import Level, Organization
from bridge.core.plan import Plan, RemoveMember, SetLevel, Step, shows_as_done
from bridge.core.planner import plan
from bridge.core.policy import OnNoMatch
from bridge.ports import Applied, BoundaryError, Bridge, ClaimLost, Refused, Target, Unavailable
from bridge.store import cases, findings, people, surroundings, targets
from bridge.store.audit import Entry
from bridge.store.db import FAILURES, Tx
from bridge.store.facts import gather
from bridge.telling import ask_about_owners, entry

log = structlog.get_logger()

PASS_FOR = timedelta(seconds=30)
"""After this long a pass hands over to a fresh job, so that no job grows old and no target waits for another."""

RENEW_EVERY_SECONDS = 2.0
"""How often the claim is renewed while a pass runs: a quarter of the lease."""


@dataclass(kw_only=True)
class Pass:
    """What one pass knows: its claim, and the snapshot it works on."""

    bridge: Bridge
    target: str
    token: str
    remote: Target
    organization: Organization | None = None
    is_fresh: bool = False
    """Nothing was written since the organization was observed."""
    waiting: set[int] = field(default_factory=set)
    """Cases whose plan is empty on a snapshot that is not fresh: to be verified on the next one."""

    def observe(self) -> None:
        """Look at the target now."""
        self.organization = lookout.look(self.bridge, self.target, self.token, self.remote)
        self.is_fresh = True
        self.waiting.clear()

    def forget(self) -> None:
        """Trust the snapshot no longer."""
        self.organization = None
        self.is_fresh = False

    def is_usable(self) -> bool:
        """Whether plain members may be planned on the snapshot."""
        if self.organization is None:
            return False
        age = self.bridge.clock.now() - self.organization.taken_at
        # A snapshot from the future was taken before the clock was put back: nobody knows how old it is.
        return timedelta(0) <= age < self.bridge.policies[self.target].snapshot_for


@dataclass(frozen=True, kw_only=True)
class Intended:
    """One step that is about to be sent, and on whose account."""

    case: Case
    step: Step
    step_id: int


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
    with bridge.db.write() as tx:
        token = targets.claim(tx, target_name, bridge.clock.now(), holder)
    if token is None:
        return
    try:
        with _renewed(bridge, target_name, token):
            this = Pass(bridge=bridge, target=target_name, token=token, remote=bridge.remote(target_name))
            _do_what_is_due(this)
        lookout.look_around(bridge, target_name, this.remote)
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
        case = _next_case(this)
        if case is None:
            return
        if not this.is_usable():
            this.observe()
        try:
            intended = _plan_one(this, case.id)
            if intended is not None:
                _apply_one(this, intended)
        except (BoundaryError, *FAILURES):
            raise
        except Exception as bug:  # one case must never keep the others waiting
            log.exception("pass failed on a case", case_id=case.id, target=this.target)
            _fail(this, case.id, None, f"internal error: {type(bug).__name__}: {bug}", None)
            this.forget()
    with this.bridge.db.write() as tx:
        targets.let_go(tx, this.target, this.token)
    this.bridge.bell.ring(this.target)


def _look_is_due(this: Pass) -> bool:
    with this.bridge.db.read() as tx:
        state = targets.state(tx, this.target)
    return state.look_due_at is not None and state.look_due_at <= this.bridge.clock.now()


def _next_case(this: Pass) -> Case | None:
    """The next due case; looks afresh when the rest only waits to be verified; lets the claim go when none is due."""
    while True:
        now = this.bridge.clock.now()
        with this.bridge.db.write() as tx:
            targets.hold_on(tx, this.target, this.token, now)
            case = cases.due_at(tx, this.target, now, leaving_out=this.waiting)
            if case is None and not this.waiting:
                lookout.resume(tx, this.target, now)
                targets.let_go(tx, this.target, this.token)
        if case is not None or not this.waiting:
            return case
        this.observe()


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
            tx.audit(_entry(case, "case.returned", this, {"returns": case.returns}))
            log.info("came back", case_id=case.id, target=this.target, returns=case.returns)
        after = cases_of.planned(
            case, found, is_verified=this.is_fresh, on_no_match=facts.on_no_match, policy=policy, now=now
        )
        _keep(tx, this, case, after, was_watched=was_watched)
        _link_matches(tx, this, after, found)
        if found.blocking or not found.steps:
            if after.state.is_open and after.due_at is not None and after.due_at <= now:
                this.waiting.add(case.id)
            return None
        step = found.steps[0]
        if any(d.canonical == step.canonical and abs(now - d.at) < cases_of.FIRST_RETRY for d in facts.done):
            _keep_failure(tx, this, after, f"PostHog answered “{step.says}”, and it is still to do", None)
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
        tx.audit(_entry(case, "step.found_done", this, {"step": canonical, "sent_at": str(sent_at)}, {"says": says}))
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
        tx.audit(_entry(after, "case.planned", this, facts, personal))
    if after.state is not before.state:
        facts = {"from": before.state.value, "to": after.state.value, "outcome": after.outcome}
        tx.audit(_entry(after, f"case.{after.state.value.lower()}", this, facts))
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


def _apply_one(this: Pass, intended: Intended) -> None:
    """Send one step and keep how it was answered. A target-wide trouble ends the pass and costs the case nothing."""
    step = intended.step
    try:
        answer = this.remote.apply(step)
    except BoundaryError as trouble:
        is_wide = isinstance(trouble, Unavailable | Refused) and trouble.is_target_wide
        this.forget()
        if is_wide:
            with this.bridge.db.write() as tx:
                _end_step(tx, intended, "refused", getattr(trouble, "status", None), this)
            raise
        retry_after = getattr(trouble, "retry_after_seconds", None)
        result = "declined" if isinstance(trouble, Refused) else "lost"
        _fail(this, intended.case.id, intended, str(trouble), retry_after, result=result)
        return
    _succeed(this, intended, answer)


def _succeed(this: Pass, intended: Intended, answer: Applied) -> None:
    step = intended.step
    now = this.bridge.clock.now()
    assert this.organization is not None
    before = this.organization
    this.organization = step.after(before)
    this.is_fresh = False
    if isinstance(step, SetLevel) or answer.was_gone or step.level is Level.OWNER:
        this.forget()
    with this.bridge.db.write() as tx:
        targets.hold_on(tx, this.target, this.token, now)
        lookout.resume(tx, this.target, now)
        _end_step(tx, intended, "gone" if answer.was_gone else "done", answer.status, this)
        case = cases.find(tx, intended.case.id)
        if case is None:
            return
        if not answer.was_gone:
            case = cases_of.applied(case, step, now)
        elif case.state.is_open:
            case = replace(case, due_at=now)
        cases.save(tx, case)
        if intended.case.plan.steps == (step,):
            this.waiting.add(case.id)
        ask_about_owners(tx, case, step, before, now)
        tx.audit(
            _entry(
                case,
                "step.done" if not answer.was_gone else "step.gone",
                this,
                {"step": step.canonical, "status": answer.status},
                {"says": step.says},
            )
        )
    log.info("step done", case_id=case.id, target=this.target, step=step.canonical.split()[0], status=answer.status)


def _fail(
    this: Pass,
    case_id: int,
    intended: Intended | None,
    detail: str,
    retry_after: float | None,
    *,
    result: str = "lost",
) -> None:
    bridge, now = this.bridge, this.bridge.clock.now()
    with bridge.db.write() as tx:
        targets.hold_on(tx, this.target, this.token, now)
        if intended is not None:
            _end_step(tx, intended, result, None, this)
        case = cases.find(tx, case_id)
        if case is None or not case.state.is_open:
            return
        _keep_failure(tx, this, case, detail, retry_after)


def _keep_failure(tx: Tx, this: Pass, case: Case, detail: str, retry_after: float | None) -> None:
    """Have the case tried again later, twice as late each time."""
    bridge, now = this.bridge, this.bridge.clock.now()
    wish = None if retry_after is None else min(lookout.LONGEST_WISH, timedelta(seconds=retry_after))
    case = cases.save(tx, cases_of.failed(case, detail[:500], retry_after=wish, jitter=bridge.jitter(), now=now))
    tx.audit(_entry(case, "step.failed", this, {"attempts": case.attempts}, {"detail": detail[:500]}))
    log.warning("step failed", case_id=case.id, target=this.target, attempts=case.attempts)


def _end_step(tx: Tx, intended: Intended, result: str, status: int | None, this: Pass) -> None:
    cases.end_step(tx, intended.step_id, result=result, status=status, now=this.bridge.clock.now())


def _touches_an_owner(found: Plan, organization: Organization) -> bool:
    owners = {m.user_uuid for m in organization.owners}
    return any(isinstance(s, SetLevel) or (isinstance(s, RemoveMember) and s.user_uuid in owners) for s in found.steps)


def _entry(
    case: Case, kind: str, this: Pass, facts: Mapping[str, object], personal: Mapping[str, object] | None = None
) -> Entry:
    return entry(case, kind, this.bridge.clock.now(), facts, personal)


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
