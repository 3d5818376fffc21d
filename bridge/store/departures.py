"""Who else is leaving a target, as accounts of the members there: every plan asks, and hundreds may leave at once.

May import: `cases`, `people` and what lies below them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, select

from bridge.core.case import CaseState
from bridge.core.organization import Organization
from bridge.store import cases, people
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot

_LEAVING = Hot(
    lambda target, later: select(
        t.cases.c.person_id,
        t.cases.c.counts_as_intent,
        and_(t.cases.c.state == CaseState.PENDING.value, t.cases.c.due_at > later).label("is_later"),
    ).where(t.cases.c.target == target, t.cases.c.scope == "organization", t.cases.c.closed_at.is_(None))
)
_LINKED = Hot(
    lambda target: select(t.accounts.c.person_id, t.accounts.c.user_uuid, t.accounts.c.is_theirs).where(
        t.accounts.c.target == target, t.accounts.c.person_id.in_(cases.people_leaving(target))
    )
)
_NAMED = Hot(
    lambda target: select(t.identities.c.person_id, t.identities.c.value, t.identities.c.connection).where(
        t.identities.c.kind == "address", t.identities.c.person_id.in_(cases.people_leaving(target))
    )
)


@dataclass(kw_only=True)
class Departure:
    """One person with an open case at the target as a whole."""

    counts_as_intent: bool
    is_later: bool
    """Whether they stay until a later date."""
    accounts: set[str] = field(default_factory=set)
    """Members who are this person, by link or exact address."""
    linked: set[str] = field(default_factory=set)
    """Those that are linked."""


def departures(
    tx: Tx, target: str, connections: Collection[str], organization: Organization, later: datetime
) -> dict[int, Departure]:
    """Everyone with an open case at the target as a whole; whose removal is due after `later` stays until then."""
    found = {
        row.person_id: Departure(counts_as_intent=row.counts_as_intent, is_later=bool(row.is_later))
        for row in _LEAVING.rows(tx, target=target, later=later)
    }
    members = {m.user_uuid for m in organization.members}
    by_address = {m.address: m.user_uuid for m in organization.members}
    dismissed: dict[int, set[str]] = defaultdict(set)
    for row in _LINKED.rows(tx, target=target):
        if not row.is_theirs:
            dismissed[row.person_id].add(row.user_uuid)
        elif row.user_uuid in members:
            found[row.person_id].linked.add(row.user_uuid)
    for row in _NAMED.rows(tx, target=target):
        if row.value in by_address and people.counts(row.connection, connections):
            found[row.person_id].accounts.add(by_address[row.value])
    for person, departure in found.items():
        departure.accounts = (departure.accounts | departure.linked) - dismissed[person]
    return found
