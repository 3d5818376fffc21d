"""Looking at a target, and leaving it alone while it is in trouble.

Every look also links people whom it shows for the first time, and opens cases for those who are out in our records
but members all the same (drift). Now and then somebody looks around: at everything but members and invites. That is
never in the way of a removal: it has no claim, ends when somebody falls due, and a failure is kept as a gap.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bridge import following
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.organization import Level, Organization
from bridge.ports import BoundaryError, Bridge, ClaimLost, KeyOwner, Target, Unavailable
from bridge.store import (
    before_removal,
    cases,
    claims,
    departures,
    invites,
    members,
    outside,
    people,
    reminders,
    standings,
    surroundings,
    targets,
    todos,
)
from bridge.store.audit import Entry
from bridge.store.db import Tx

log = structlog.get_logger()

FIRST_PAUSE = timedelta(seconds=2)
"""What a pause doubles from while a target stays in trouble."""

LONGEST_PAUSE = timedelta(minutes=5)
"""Where pauses stop growing: how long after an outage the work may lie."""

SOON = timedelta(minutes=2)
"""When a look around that ended for somebody who fell due is tried again."""

ROOM_AFTER = timedelta(seconds=0.5)
"""How long something may be due at another target without a worker before a look around makes room for it."""

LONGEST_WISH = timedelta(hours=1)
"""The longest Retry-After that is honoured: PostHog's own throttle counts by the hour."""


def look(bridge: Bridge, target: str, token: str, remote: Target) -> Organization:
    """Look at the target now. Raises what the target raises, and `ClaimLost`."""
    key = _key_owner(bridge, target, remote)
    seen = remote.observe(key.user_uuid, bridge.clock.now())
    now = bridge.clock.now()
    organization = replace(seen, taken_at=now)  # its age counts from its end: a slow look is not a stale one
    with bridge.db.read() as tx:
        who = members.difference(tx, target, organization)
        invited = invites.difference(tx, target, organization)
        had = surroundings.access_of(tx, target, who.gone) if who.gone else {}
        new = people.unlinked(tx, target, bridge.connections_of(target), organization)
        back = departures.seen_again(tx, target, bridge.connections_of(target), organization)
        strange = outside.unexplained(tx, target, who.gone) if who.gone and _shows_everybody(organization) else ()
    with bridge.db.write() as tx:
        targets.hold_on(tx, target, token, now)
        before = targets.state(tx, target)
        is_daily = before.look_due_at is not None and before.look_due_at <= now
        next_look = now + bridge.policies[target].drift_every
        if before.look_due_at is not None and not is_daily:
            next_look = min(next_look, before.look_due_at)
        members.part_with(tx, target, who.left, had, now)
        outside.note(tx, target, strange, now)
        outside.note_back(tx, target, who.new, now)
        if targets.note_look(tx, before, organization, next_look):
            tx.audit(Entry(at=now, kind="target.key_demoted", actor="bridge", target=target))
            log.error("key_demoted", target=target, note="our own account is no owner any more")
        _note_owners(tx, target, before.human_owner_count, organization, now)
        members.keep(tx, target, who)
        invites.keep(tx, target, invited)
        people.link_by_address(tx, target, new, now)
        people.may_be_in(tx, back)
        if new:
            tx.audit(Entry(at=now, kind="people.linked", actor="bridge", target=target, facts={"count": len(new)}))
        if is_daily or before.looked_at is None:
            _open_drift(bridge, tx, target, organization, now)
            surroundings.put_off(tx, target, now)  # due from now on
            reminders.mind(tx, target, bridge.policies[target].review_every, now)
    if strange:
        log.warning("members gone outside the bridge", target=target, count=len(strange))
    return organization


def _note_owners(tx: Tx, target: str, before: int | None, organization: Organization, now: datetime) -> None:
    """Keep in the audit log when the last human owner went, by whatever hand, and when there is one again."""
    owners = [m.email for m in organization.human_owners]
    if not owners and before != 0:
        tx.audit(Entry(at=now, kind="target.no_human_owner", actor="bridge", target=target))
        log.error("no_human_owner", target=target, note="no human is an owner")
    elif owners and before == 0:
        personal = {"owners": owners}
        tx.audit(Entry(at=now, kind="target.human_owner", actor="bridge", target=target, personal=personal))
        todos.settle(tx, target, "name-an-owner", "the bridge, which saw a human owner", now)


def is_all_that_is_due(bridge: Bridge, target: str) -> bool:
    """Whether there is nothing to do at the target but to look around: that takes no claim, and pauses nothing."""
    now = bridge.clock.now()
    if bridge.policies[target].surroundings_every is None:
        return False
    with bridge.db.read() as tx:
        is_free = targets.state(tx, target).paused_since is None and not targets.is_due(tx, target, now)
        return is_free and target in surroundings.due(tx, now)


def look_around(bridge: Bridge, target: str) -> None:
    """Look at everything around the members, if that is due and nobody else is. Raises nothing that the world can cause."""
    every, now = bridge.policies[target].surroundings_every, bridge.clock.now()
    if every is None:
        return
    with bridge.db.write() as tx:
        if target not in surroundings.due(tx, now) or targets.is_due(tx, target, now):
            return
        surroundings.put_off(tx, target, now + every)  # nobody else begins it meanwhile; after a crash, the next hour
    was_ended = False

    def go_on() -> bool:
        nonlocal was_ended
        with bridge.db.read() as tx:
            at = bridge.clock.now()
            is_needed = not bridge.targets.keys().isdisjoint(targets.due(tx, at - ROOM_AFTER))
            was_ended = was_ended or is_needed or targets.is_due(tx, target, at)
        return not was_ended

    seen = None
    try:
        seen = bridge.remote(target).surroundings(now, go_on=go_on)
    except BoundaryError as error:
        trouble, remedy = str(error), error.remedy
    except Exception as bug:  # told, and tried again in an hour; removals never hear of it
        log.exception("looking around failed", target=target)
        trouble, remedy = f"internal error: {type(bug).__name__}", ""
    with bridge.db.write() as tx:
        if was_ended:
            surroundings.put_off(tx, target, bridge.clock.now() + SOON)
        elif seen is not None:
            before_removal.fill_in(tx, target)
            surroundings.keep(tx, target, seen)
            log.info("looked around", target=target, projects=len(seen.projects), gaps=len(seen.gaps))
        else:
            log.warning("surroundings not seen", target=target, detail=trouble)
            surroundings.note_trouble(tx, target, trouble, remedy)


def _shows_everybody(organization: Organization) -> bool:
    """Whether the list can be trusted to be whole: PostHog may show a plain member no more than themselves."""
    key = organization.member(organization.key_uuid)
    return key is not None and key.level >= Level.ADMIN


def resume(tx: Tx, target: str, now: datetime) -> None:
    """End the target's pause, if there is one: a step was answered, or nothing is left that could meet the trouble.

    A look that succeeds is not enough: a key may read and yet be refused every write.
    """
    paused = targets.resume(tx, target)
    if paused is not None:
        facts = {"paused_since": str(paused.paused_since), "reason": paused.pause_reason}
        tx.audit(Entry(at=now, kind="target.resumed", actor="bridge", target=target, facts=facts))
        log.info("target resumed", target=target)


def pause(bridge: Bridge, target: str, token: str, trouble: BoundaryError) -> None:
    """Leave the target alone for a while, longer each time in a row, and tell it once."""
    now = bridge.clock.now()
    try:
        with bridge.db.write() as tx:
            targets.hold_on(tx, target, token, now)
            pauses = targets.state(tx, target).pauses
            wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(pauses, 20)) * bridge.jitter()
            if isinstance(trouble, Unavailable) and trouble.retry_after_seconds is not None:
                wait = max(wait, min(LONGEST_WISH, timedelta(seconds=trouble.retry_after_seconds)))
            reason = _reason(trouble)
            is_first = targets.pause(tx, target, reason=reason, until=now + wait, now=now)
            targets.let_go(tx, target, token)
            if is_first:
                facts = {"reason": reason}
                tx.audit(Entry(at=now, kind="target.paused", actor="bridge", target=target, facts=facts))
    except ClaimLost:
        return
    log.warning("target paused", target=target, reason=reason, seconds=round(wait.total_seconds()))


def _reason(trouble: BoundaryError) -> str:
    return f"{trouble} {trouble.remedy}".strip()[:500]


def _key_owner(bridge: Bridge, target: str, remote: Target) -> KeyOwner:
    """Whose key it is: asked once per key."""
    with bridge.db.read() as tx:
        known = targets.state(tx, target)
    if known.key_owner is not None and known.key_fingerprint == remote.key_fingerprint:
        return known.key_owner
    owner = remote.key_owner()
    with bridge.db.write() as tx:
        targets.note_key(tx, target, remote.key_fingerprint, owner)
        now = bridge.clock.now()
        facts = {"account": owner.user_uuid, "fingerprint": remote.key_fingerprint}
        personal = {"email": owner.email}
        tx.audit(Entry(at=now, kind="target.key", actor="bridge", target=target, facts=facts, personal=personal))
    return owner


def _open_drift(bridge: Bridge, tx: Tx, target: str, organization: Organization, now: datetime) -> None:
    """Open a case for everyone who is out in our records and active in none, but a member."""
    connections = bridge.connections_of(target)
    for person, leaver in people.leavers(tx, target, connections, standings.still_out(connections)).items():
        theirs = organization.known_as(leaver.accounts, leaver.addresses)
        is_leaving = any(c.is_whole for c in cases.open_of_person(tx, person, target))
        if not theirs or is_leaving or cases.was_let_be(tx, person, target):
            continue
        claimed = claims.of_others(tx, target, connections, person, (), {m.user_uuid: m.address for m in theirs})
        if all(m.user_uuid in claimed for m in theirs):
            continue
        standing = next(s for s in standings.of_person(tx, person, connections) if s.is_out)
        event = IdentityEvent(
            event_id=f"drift:{target}:{person}:{now:%Y-%m-%dT%H:%M:%S}",
            source=standing.connection,
            kind=EventKind.DEACTIVATE,
            subject=Subject(user_name=people.label_of(tx, person), emails=tuple(sorted(leaver.addresses))),
            occurred_at=now,
            received_at=now,
            note="found by the daily comparison: inactive in our records, but a member",
        )
        following.follow(bridge, tx, event, person, [target], now)
