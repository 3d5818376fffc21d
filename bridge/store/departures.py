"""Who else is leaving a target, as accounts of the members there: every plan asks, and hundreds may leave at once.

May import: `cases`, `people` and what lies below them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Integer, and_, select, type_coerce

from bridge.core.case import CaseState
from bridge.core.organization import Organization
from bridge.store import cases, people
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot


def _number(name: str, truth: ColumnElement[bool]) -> ColumnElement[int]:
    """As the driver gives it: turning it into Python's own takes longer than reading the row."""
    return type_coerce(truth, Integer).label(name)


_LEAVING = Hot(
    lambda target, later: (
        select(
            t.cases.c.person_id,
            _number("counts_as_intent", t.cases.c.counts_as_intent),
            _number("is_later", and_(t.cases.c.state == CaseState.PENDING.value, t.cases.c.due_at > later)),
            t.accounts.c.user_uuid,
            _number("is_theirs", t.accounts.c.is_theirs),
        )
        .select_from(
            t.cases.outerjoin(
                t.accounts,
                and_(t.accounts.c.person_id == t.cases.c.person_id, t.accounts.c.target == t.cases.c.target),
            )
        )
        .where(t.cases.c.target == target, t.cases.c.scope == "organization", t.cases.c.closed_at.is_(None))
    )
)
# What kind of name it is is left to Python: asked for in SQL, SQLite looks through every address that there is.
_NAMED = Hot(
    lambda target: select(
        t.identities.c.person_id, t.identities.c.kind, t.identities.c.value, t.identities.c.connection
    ).where(t.identities.c.person_id.in_(cases.people_leaving(target)))
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
    """Every member with an open case at the target as a whole, by person; whose removal is due after `later` stays till then.

    Whoever is out is watched for a day and still has a case: by far the most, and nothing is made of them here.
    """
    leaving = _LEAVING.rows(tx, target=target, later=later)
    how = {row.person_id: row for row in leaving}
    dismissed = {(row.person_id, row.user_uuid) for row in leaving if row.is_theirs == 0}
    linked = [(r.person_id, r.user_uuid) for r in leaving if r.is_theirs and r.user_uuid in organization.by_account]
    named = [
        (person, member.user_uuid)
        for person, kind, name, connection in _NAMED.rows(tx, target=target)
        if kind == "address" and name in organization.by_address and people.counts(connection, connections)
        for member in organization.by_address[name]
        if (person, member.user_uuid) not in dismissed
    ]
    found = {
        person: Departure(counts_as_intent=bool(how[person].counts_as_intent), is_later=bool(how[person].is_later))
        for person, _ in linked + named
    }
    for person, account in linked:
        found[person].linked.add(account)
    for person, account in linked + named:
        found[person].accounts.add(account)
    return found
