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
    whole = (t.cases.c.target == target, t.cases.c.scope == "organization", t.cases.c.closed_at.is_(None))
    is_later = and_(t.cases.c.state == CaseState.PENDING.value, t.cases.c.due_at > later)
    found = {
        person: Departure(counts_as_intent=counts, is_later=bool(waits))
        for person, counts, waits in tx.execute(
            select(t.cases.c.person_id, t.cases.c.counts_as_intent, is_later).where(*whole)
        ).all()
    }
    leaving = cases.people_leaving(target)
    members = {m.user_uuid for m in organization.members}
    by_address = {m.address: m.user_uuid for m in organization.members}
    dismissed: dict[int, set[str]] = defaultdict(set)
    for person, uuid, is_theirs in tx.execute(
        select(t.accounts.c.person_id, t.accounts.c.user_uuid, t.accounts.c.is_theirs).where(
            t.accounts.c.target == target, t.accounts.c.person_id.in_(leaving)
        )
    ).all():
        if not is_theirs:
            dismissed[person].add(uuid)
        elif uuid in members:
            found[person].linked.add(uuid)
    for person, address in tx.execute(
        select(t.identities.c.person_id, t.identities.c.value).where(
            t.identities.c.kind == "address", t.identities.c.person_id.in_(leaving), people.speaks(connections)
        )
    ).all():
        if address in by_address:
            found[person].accounts.add(by_address[address])
    for person, departure in found.items():
        departure.accounts = (departure.accounts | departure.linked) - dismissed[person]
    return found
