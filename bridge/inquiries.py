"""Inquiries: what is collected about a leaver after the removal, and never in its way.

They have a job of their own, without the claim on the target: a pass rings for it, and the sweep where no pass comes.
Whenever something is due that no worker takes, an inquiry is left where it is, and begun anew later. What cannot be had is
tried again, later each time, and has a last word.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from bridge.core.case import Case
from bridge.core.events import Reason
from bridge.core.findings import (
    Before,
    Body,
    Profiles,
    Topic,
    WayBack,
    WaysBack,
    merged,
    merged_deeds,
    outside,
)
from bridge.core.organization import Level
from bridge.core.policy import IncidentOf, Policy
from bridge.core.surroundings import Deeds, Gap
from bridge.ports import BoundaryError, Bridge, Refused, Target, Unavailable
from bridge.store import before_removal, cases, checklists, findings, surroundings, targets, ways
from bridge.store import outside as outside_removals
from bridge.store.audit import Entry
from bridge.store.db import FAILURES, Tx
from bridge.store.findings import Wanted
from bridge.telling import entry

log = structlog.get_logger()

Found = TypeVar("Found")

INQUIRE_FOR = timedelta(seconds=500)
"""After this long a job begins no other inquiry; one alone may take eight minutes, since it keeps below half of the throttle."""
TAKEN_FOR = timedelta(minutes=10)
"""How long an inquiry is nobody else's: longer than it may take, so that a key is never asked twice as much at once."""
AFTER = timedelta(minutes=1)
"""How long after a removal the first inquiry waits: others may be due, and the activity log is some minutes late."""
DEEDS_AFTER, DEEDS_AGAIN = timedelta(minutes=5), timedelta(hours=1)
"""The same for the activity log; and when it is read once more after it was read sooner, in an emergency."""
NEEDED_SECONDS = 0.5
"""How long something may be due without a worker before an inquiry is left: a free worker takes it within a tenth of that."""
POLL_SECONDS = 0.1
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=2)
"""The first back-off, and where it stops growing."""
MOST_TRIES = 10
"""After so many an inquiry has its last word: with back-off after some nine hours."""
ENDED_EARLY = ("Not asked:", "PostHog throttles")
"""How a gap begins whose rest can be had later. Source: `remotes.posthog.asking`."""
KINDS, PROJECTS = 15, 10
"""Lists that an inventory asks for in each project, and how many projects are thought to be there before it is known."""
CALLS_AN_HOUR = 1_600
"""That inventories may make: a third of what PostHog lets a key do, which removals and other scripts need too."""
OUTSIDE_EVERY, OUTSIDE_SINCE, OUTSIDE_AGAIN = timedelta(days=1), timedelta(days=92), timedelta(hours=2)
"""How often the activity log is asked who else removed members; how far back at first; and how much it is asked twice,
since rows come late."""


class Needed(Exception):
    """Something is due, and no worker takes it."""


def are_wanted(bridge: Bridge, target: str) -> bool:
    """Whether there is something to collect at the target now."""
    with bridge.db.read() as tx:
        return findings.is_wanted(tx, target, bridge.clock.now())


def due_targets(bridge: Bridge) -> tuple[str, ...]:
    """Where something is to be collected, and nobody is at it. A target that is left alone would only cost tries."""
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        wanted = [n for n in bridge.targets if findings.is_wanted(tx, n, now) and not findings.is_busy(tx, n, now)]
        return tuple(name for name in wanted if targets.state(tx, name).paused_since is None)


def run(bridge: Bridge, target: str) -> None:
    """Collect what is wanted at the target, one finding after the other. Raises nothing that the world can cause.

    Between two it is looked whether somebody waits: many short ones are as much in the way as a long one.
    """
    began = bridge.clock.now()
    _open(bridge, target)
    while began <= bridge.clock.now() < began + INQUIRE_FOR:
        if _somebody_waits(bridge):
            log.info("inquiries made room", target=target)
            return
        now = bridge.clock.now()
        with bridge.db.write() as tx:
            wanted = findings.take(tx, target, now, now + TAKEN_FOR)
            if wanted is not None and wanted.topic is Topic.LEFT_BEHIND and not _may_list(tx, target, now):
                findings.let_go(tx, wanted)
                findings.put_off_topic(tx, target, Topic.LEFT_BEHIND, LONGEST_WAIT / 8, now)
                continue
        if wanted is None:
            return
        try:
            _inquire(bridge, target, wanted)
        except Needed:
            with bridge.db.write() as tx:
                findings.let_go(tx, wanted)
            log.info("inquiry made room", target=target, topic=wanted.topic.value)
            return
        except FAILURES:
            raise  # the store's own trouble: nothing can be kept about it, and it is due again when it was taken for
        except BoundaryError as trouble:
            _put_off(bridge, target, wanted, trouble)
        except Exception as bug:
            log.exception("inquiry failed", target=target, topic=wanted.topic.value)
            _put_off(bridge, target, wanted, Unavailable(f"internal error: {type(bug).__name__}", is_target_wide=False))


def _open(bridge: Bridge, target: str) -> None:
    """Want what is to be known of everybody who is out since, and begin their checklists."""
    now = bridge.clock.now()
    with bridge.db.read() as tx:
        if not findings.is_wanted(tx, target, now):
            return
        noted = findings.noted(tx, target)
    for case_id, before in noted:
        if _somebody_waits(bridge):
            return
        with bridge.db.write() as tx:
            case = cases.find(tx, case_id)
            if case is None or case.removed_at is None:
                continue
            whole = before_removal.whole(tx, target, before, case.removed_at)
            _keep_entry(tx, case, Topic.BEFORE, findings.complete(tx, case_id, whole, now), now)
            for topic, after in _topics(case, whole, bridge.policies[target]):
                due = now if case.is_emergency else max(now, case.removed_at + after)
                findings.want(tx, case_id, target, topic, due, now)
            checklists.refresh(tx, case, bridge.targets[target], now)
            if findings.of_target(tx, target, Topic.OUTSIDE) is None:
                findings.want(tx, None, target, Topic.OUTSIDE, now + DEEDS_AFTER, now)


def _topics(case: Case, before: Before, policy: Policy) -> list[tuple[Topic, timedelta]]:
    """What is to be collected about the leaver, each with how long after the removal."""
    topics = [(Topic.WAYS_BACK, AFTER), (Topic.LEFT_BEHIND, AFTER), (Topic.TRACKED, AFTER)]
    is_bad = case.is_emergency or case.reason in {Reason.SECURITY_INCIDENT, Reason.TERMINATED}
    if is_bad or before.level >= Level.ADMIN or policy.incident_of is IncidentOf.EVERYONE:
        topics.append((Topic.DEEDS, DEEDS_AFTER))
    return topics


def _may_list(tx: Tx, target: str, now: datetime) -> bool:
    """Whether another inventory stays within what they may cost in an hour."""
    kept = surroundings.last(tx, target).surroundings
    projects = len(kept.projects) if kept and kept.projects else PROJECTS
    most = max(1, CALLS_AN_HOUR // (KINDS * projects))
    return findings.kept_since(tx, target, Topic.LEFT_BEHIND, now - timedelta(hours=1)) < most


def _inquire(bridge: Bridge, target: str, wanted: Wanted) -> None:
    """Collect one finding and keep it."""
    if wanted.case_id is None:
        _inquire_outside(bridge, target, wanted)
        return
    with bridge.db.read() as tx:
        case, before = cases.find(tx, wanted.case_id), findings.of_case(tx, wanted.case_id).before
    assert case is not None
    assert before is not None
    known, policy, began = before, bridge.policies[target], bridge.clock.now()
    if wanted.topic is Topic.WAYS_BACK:
        body: Body = _ways_back(bridge, case)
    else:
        remote = bridge.remote(target)
        body = _patiently(bridge, lambda: _ask(remote, wanted.topic, case, known, policy, began))
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        _keep_entry(tx, case, wanted.topic, findings.keep(tx, wanted.id, body, now), now)
        again = _again_at(case, wanted.topic, body, began)
        if again is not None:
            findings.want(tx, case.id, target, wanted.topic, again, now)
        checklists.refresh(tx, case, bridge.targets[target], now)
    log.info("inquiry done", target=target, case_id=case.id, topic=wanted.topic.value)


def _again_at(case: Case, topic: Topic, body: Body, began: datetime) -> datetime | None:
    """When to ask once more: a log that was read at once, and what ended early; for a day, then what is there stays."""
    removed_at = case.removed_at
    if removed_at is None:
        return None
    if topic is Topic.DEEDS and began < removed_at + DEEDS_AFTER:
        return removed_at + DEEDS_AGAIN
    ended_early = any(g.why.startswith(ENDED_EARLY) for g in body.gaps)
    return began + LONGEST_WAIT if ended_early and began < removed_at + timedelta(days=1) else None


def _inquire_outside(bridge: Bridge, target: str, wanted: Wanted) -> None:
    """Keep who else removed members since the last time, and ask again in a day."""
    with bridge.db.read() as tx:
        kept, state = findings.of_target(tx, target, Topic.OUTSIDE), targets.state(tx, target)
    known = kept.body if kept is not None and isinstance(kept.body, Deeds) else None
    until = bridge.clock.now()
    since = known.until - OUTSIDE_AGAIN if known is not None else until - OUTSIDE_SINCE
    remote = bridge.remote(target)
    found = _patiently(bridge, lambda: remote.membership_changes(since, until))
    ours = {state.key_uuid, *state.former_key_uuids}
    now = bridge.clock.now()
    with bridge.db.write() as tx:
        all_of_it = outside(known, found, ours)
        findings.keep(tx, wanted.id, all_of_it, now)
        outside_removals.note_answer(tx, outside_removals.to_ask(tx, target, now), all_of_it, now)
        findings.want(tx, None, target, Topic.OUTSIDE, now + OUTSIDE_EVERY, now)


def _ways_back(bridge: Bridge, case: Case) -> WaysBack:
    """The ways back as they stood open after the removal; the last looks showed them, so nothing is asked."""
    with bridge.db.read() as tx:
        found = ways.of_case(tx, case, bridge.connections_of(case.target))
    if found is None:
        gap = Gap(what="ways back", why="The case had ended before they were looked at.")
        return WaysBack(seen_at=None, gaps=(gap,))
    gaps = found.gaps
    if found.as_of is None:
        gaps = (*gaps, Gap(what="domains and their log-in rules", why="No wide look was taken yet."))
    shown = tuple(
        WayBack(kind=w.code.value, says=w.what, remedy=w.remedy, command=w.command, is_open=w.is_open)
        for w in found.ways
    )
    return WaysBack(seen_at=found.as_of, ways=shown, gaps=gaps)


def _ask(remote: Target, topic: Topic, case: Case, before: Before, policy: Policy, now: datetime) -> Body:
    """What the target says of the leaver's accounts on that topic."""
    if topic is Topic.LEFT_BEHIND:
        return merged([remote.left_behind(m, now) for m in before.accounts], now)
    if topic is Topic.DEEDS:
        since = (case.removed_at or now) - timedelta(days=policy.incident_days)
        return merged_deeds([remote.deeds(m.user_uuid, since, now) for m in before.accounts], since, now)
    addresses = dict.fromkeys([*(m.address for m in before.accounts), *case.subject.addresses])
    asked = [remote.tracked(address) for address in addresses]
    gaps = tuple(dict.fromkeys(g for _, gaps in asked for g in gaps))
    return Profiles(taken_at=now, tracked=tuple(one for found, _ in asked for one in found), gaps=gaps)


def _patiently(bridge: Bridge, call: Callable[[], Found]) -> Found:
    """What the call returns; it runs beside, so that this worker can make room.

    A call that is left goes on until the process ends, which the job's end is; it only reads.
    Raises: what the call raises, and `Needed`.
    """
    found: list[Found] = []
    failed: list[BaseException] = []

    def run_it() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    thread = threading.Thread(target=run_it, name="inquiry", daemon=True)
    thread.start()
    needed_since: float | None = None
    while True:
        thread.join(POLL_SECONDS)
        if not thread.is_alive():
            break
        if not _somebody_waits(bridge):
            needed_since = None
        elif needed_since is None:
            needed_since = time.monotonic()
        elif time.monotonic() - needed_since >= NEEDED_SECONDS:
            raise Needed
    if failed:
        raise failed[0]
    return found[0]


def _somebody_waits(bridge: Bridge) -> bool:
    """Whether something is due at some target, and no worker is at it."""
    with bridge.db.read() as tx:
        return any(name in bridge.targets for name in targets.due(tx, bridge.clock.now()))


def _put_off(bridge: Bridge, target: str, wanted: Wanted, trouble: BoundaryError) -> None:
    """Try again later, twice as late each time; after too many tries the trouble is the last word."""
    now = bridge.clock.now()
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(wanted.attempts, 20)) * bridge.jitter()
    wish = trouble.retry_after_seconds if isinstance(trouble, Unavailable) else None
    wait = max(wait, timedelta(seconds=min(wish or 0.0, LONGEST_WAIT.total_seconds())))
    remedy = trouble.remedy if isinstance(trouble, Refused) else ""
    words = f"{trouble} {remedy}".strip()[:500]
    is_over = wanted.case_id is not None and wanted.attempts + 1 >= MOST_TRIES
    with bridge.db.write() as tx:
        findings.put_off(tx, wanted, words, None if is_over else now + wait)
        if isinstance(trouble, Unavailable | Refused) and trouble.is_target_wide:
            findings.put_off_all(tx, target, now + wait)
        case = cases.find(tx, wanted.case_id) if wanted.case_id is not None else None
        if is_over and case is not None:
            facts = {"topic": wanted.topic.value, "attempts": wanted.attempts + 1}
            tx.audit(entry(case, "finding.gave_up", now, facts, {"detail": words}))
            checklists.refresh(tx, case, bridge.targets[target], now)
    log.warning("inquiry put off", target=target, topic=wanted.topic.value, attempts=wanted.attempts + 1)


def _keep_entry(tx: Tx, case: Case, topic: Topic, digest: str, now: datetime) -> None:
    tx.audit(
        Entry(
            at=now,
            kind="finding.kept",
            actor="bridge",
            case_id=case.id,
            target=case.target,
            facts={"topic": topic.value, "sha256": digest},
        )
    )
