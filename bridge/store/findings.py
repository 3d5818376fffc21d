"""What was collected about each leaver: noted while the removal is planned, wanted after it, kept with its digest.

`inquiries` collects; nothing here is ever waited for by a removal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, update

from bridge.core.findings import BODIES, Before, Body, Finding, Findings, Progress, Topic
from bridge.core.organization import Organization
from bridge.core.plain import plain, valued
from bridge.packing import packed
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot, insertion

_NOTED = Hot(
    lambda case_id, topic: select(t.findings.c.id, t.findings.c.body).where(
        t.findings.c.case_id == case_id, t.findings.c.topic == topic
    )
)
_INSERT = Hot(lambda: insertion(t.findings))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One finding that is to be collected now, and for whom."""

    id: int
    case_id: int | None
    topic: Topic
    attempts: int


def note_before(tx: Tx, case_id: int, target: str, organization: Organization, user_uuid: str, now: datetime) -> None:
    """Note what the account is before it is removed, once: its level, its numeric id, the open invites that it sent.

    Called while a removal is planned, so it costs one look and, the first time, one row.
    """
    member = organization.member(user_uuid)
    known = _NOTED.first(tx, case_id=case_id, topic=Topic.BEFORE.value)
    if member is None or (known is not None and any(a["user_uuid"] == user_uuid for a in known.body["accounts"])):
        return
    sent = tuple(i for i in organization.invites if i.created_by_uuid == user_uuid and not i.is_expired)
    if known is None:
        noted = Before(seen_at=organization.taken_at, accounts=(member,), invites_sent=sent)
        _INSERT.run(tx, **_row(case_id, target, Topic.BEFORE, Progress.NOTED, now), body=plain(noted))
        return
    before = valued(Before, known.body)
    both = replace(before, accounts=(*before.accounts, member), invites_sent=(*before.invites_sent, *sent))
    tx.execute(update(t.findings).where(t.findings.c.id == known.id).values(body=plain(both)))


def noted(tx: Tx, target: str) -> list[tuple[int, Before]]:
    """The cases whose person is out since, and for whom nothing else is wanted yet: number, and what was noted."""
    query = (
        select(t.findings.c.case_id, t.findings.c.body)
        .join(t.cases, t.cases.c.id == t.findings.c.case_id)
        .where(t.findings.c.target == target, t.findings.c.progress == Progress.NOTED.value)
        .where(t.cases.c.removed_at.is_not(None))
        .order_by(t.cases.c.id)
    )
    return [(case_id, valued(Before, body)) for case_id, body in tx.execute(query)]


def note_more(tx: Tx, case_id: int, before: Before) -> None:
    """Note more of what was before the removal; the rest is still to come."""
    mine = (t.findings.c.case_id == case_id, t.findings.c.topic == Topic.BEFORE.value)
    tx.execute(update(t.findings).where(*mine).values(body=plain(before)))


def of_case(tx: Tx, case_id: int) -> Findings:
    """All findings of the case."""
    query = select(t.findings).where(t.findings.c.case_id == case_id).order_by(t.findings.c.id)
    return Findings(rows=tuple(_finding(row) for row in tx.execute(query)))


def of_target(tx: Tx, target: str, topic: Topic) -> Finding | None:
    """The target's own finding on that topic."""
    row = tx.execute(_of_target(target, topic)).one_or_none()
    return None if row is None else _finding(row)


def want(tx: Tx, case_id: int | None, target: str, topic: Topic, due_at: datetime, now: datetime) -> None:
    """Have it collected by then, once more if it was; nothing happens while it is wanted already."""
    known = tx.execute(_mine(case_id, target, topic)).one_or_none()
    if known is None:
        row = {**_row(case_id, target, topic, Progress.WANTED, now), "due_at": due_at, "body": None}
        tx.execute(insert(t.findings).values(**row))
    elif known.progress != Progress.WANTED.value:
        fresh = {"progress": Progress.WANTED.value, "due_at": due_at, "attempts": 0, "trouble": ""}
        tx.execute(update(t.findings).where(t.findings.c.id == known.id).values(**fresh))


def hasten(tx: Tx, target: str, topic: Topic, due_at: datetime, now: datetime) -> None:
    """Have the target's own finding on that topic collected by then, and earlier if it is wanted earlier already."""
    want(tx, None, target, topic, due_at, now)
    mine = (t.findings.c.case_id.is_(None), t.findings.c.target == target, t.findings.c.topic == topic.value)
    tx.execute(update(t.findings).where(*mine, t.findings.c.due_at > due_at).values(due_at=due_at))


def is_wanted(tx: Tx, target: str, now: datetime) -> bool:
    """Whether something is to be collected at the target now."""
    noted_and_out = (
        select(t.findings.c.id)
        .join(t.cases, t.cases.c.id == t.findings.c.case_id)
        .where(t.findings.c.target == target, t.findings.c.progress == Progress.NOTED.value)
        .where(t.cases.c.removed_at.is_not(None))
    )
    due = select(t.findings.c.id).where(*_is_due(target, now))
    return any(tx.execute(query.limit(1)).first() is not None for query in (due, noted_and_out))


def is_busy(tx: Tx, target: str, now: datetime) -> bool:
    """Whether somebody collects at the target now."""
    busy = select(t.findings.c.id).where(t.findings.c.target == target, t.findings.c.taken_until > now)
    return tx.execute(busy.limit(1)).first() is not None


def take(tx: Tx, target: str, now: datetime, until: datetime) -> Wanted | None:
    """The finding that comes first, emergencies before all, for this caller only until then.

    `None` when none is due, or when somebody collects at the target already: one key has one throttle.
    """
    if is_busy(tx, target, now):
        return None
    query = (
        select(t.findings.c.id, t.findings.c.case_id, t.findings.c.topic, t.findings.c.attempts)
        .outerjoin(t.cases, t.cases.c.id == t.findings.c.case_id)
        .where(*_is_due(target, now))
        .order_by(func.coalesce(t.cases.c.is_emergency, False).desc(), t.findings.c.due_at, t.findings.c.id)
        .limit(1)
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        return None
    tx.execute(update(t.findings).where(t.findings.c.id == row.id).values(taken_until=until))
    return Wanted(id=row.id, case_id=row.case_id, topic=Topic(row.topic), attempts=row.attempts)


def keep(tx: Tx, finding_id: int, body: Body, now: datetime) -> str:
    """Keep what was found; its digest, for the audit log."""
    document = plain(body)
    digest = hashlib.sha256(packed(document)).hexdigest()
    done = {"progress": Progress.KEPT.value, "kept_at": now, "due_at": None, "taken_until": None, "trouble": ""}
    tx.execute(update(t.findings).where(t.findings.c.id == finding_id).values(**done, body=document, digest=digest))
    return digest


def complete(tx: Tx, case_id: int, before: Before, now: datetime) -> str:
    """Keep what was noted before the removal, now whole; its digest."""
    row = _NOTED.first(tx, case_id=case_id, topic=Topic.BEFORE.value)
    return keep(tx, row.id, before, now)


def put_off(tx: Tx, wanted: Wanted, trouble: str, due_at: datetime | None) -> None:
    """It could not be collected: again then, or never when `None`."""
    progress = Progress.WANTED if due_at is not None else Progress.GAVE_UP
    tried = {"attempts": wanted.attempts + 1, "trouble": trouble, "due_at": due_at, "taken_until": None}
    tx.execute(update(t.findings).where(t.findings.c.id == wanted.id).values(progress=progress.value, **tried))


def let_go(tx: Tx, wanted: Wanted) -> None:
    """Somebody else needs the worker: it stays due, and has cost no try."""
    tx.execute(update(t.findings).where(t.findings.c.id == wanted.id).values(taken_until=None))


def put_off_all(tx: Tx, target: str, until: datetime) -> None:
    """The target does not answer, or throttles: nothing is collected there before then."""
    is_earlier = (t.findings.c.progress == Progress.WANTED.value, t.findings.c.due_at < until)
    tx.execute(update(t.findings).where(t.findings.c.target == target, *is_earlier).values(due_at=until))


def kept_since(tx: Tx, target: str, topic: Topic, since: datetime) -> int:
    """How many findings on that topic were kept, or tried, at the target since then."""
    query = select(func.count()).where(
        t.findings.c.target == target, t.findings.c.topic == topic.value, t.findings.c.kept_at > since
    )
    return int(tx.execute(query).scalar_one())


def put_off_topic(tx: Tx, target: str, topic: Topic, by: timedelta, now: datetime) -> None:
    """Findings on that topic that are due wait that much longer: the key's throttle is everybody's."""
    waiting = (t.findings.c.topic == topic.value, *_is_due(target, now))
    tx.execute(update(t.findings).where(*waiting).values(due_at=now + by))


def _is_due(target: str, now: datetime) -> tuple[Any, ...]:
    return (
        t.findings.c.target == target,
        t.findings.c.progress == Progress.WANTED.value,
        t.findings.c.due_at <= now,
        or_(t.findings.c.taken_until.is_(None), t.findings.c.taken_until <= now),
    )


def _of_target(target: str, topic: Topic) -> Select[Any]:
    return select(t.findings).where(
        t.findings.c.case_id.is_(None), t.findings.c.target == target, t.findings.c.topic == topic.value
    )


def _mine(case_id: int | None, target: str, topic: Topic) -> Select[Any]:
    if case_id is None:
        return _of_target(target, topic)
    return select(t.findings).where(t.findings.c.case_id == case_id, t.findings.c.topic == topic.value)


def _row(case_id: int | None, target: str, topic: Topic, progress: Progress, now: datetime) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "target": target,
        "topic": topic.value,
        "progress": progress.value,
        "wanted_at": now,
        "kept_at": None,
        "due_at": None,
        "taken_until": None,
        "attempts": 0,
        "trouble": "",
        "digest": "",
    }


def _finding(row: Any) -> Finding:
    topic = Topic(row.topic)
    return Finding(
        topic=topic,
        progress=Progress(row.progress),
        wanted_at=row.wanted_at,
        kept_at=row.kept_at,
        due_at=row.due_at,
        attempts=row.attempts,
        trouble=row.trouble,
        digest=row.digest,
        body=None if row.body is None else valued(BODIES[topic], row.body),
    )
