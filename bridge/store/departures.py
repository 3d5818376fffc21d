"""Who else is leaving a target, as accounts of the members there: every plan asks, and hundreds may leave at once.

May import: `cases`, `people` and what lies below them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, and_, select, type_coerce

from bridge.core.case import Case, CaseState
from bridge.core.organization import Organization
from bridge.core.planner import departing
from bridge.store import cases, people
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot


def _number(name: str, truth: ColumnElement[bool]) -> ColumnElement[int]:
    """As the driver gives it: turning it into Python's own takes longer than reading the row."""
    return type_coerce(truth, Integer).label(name)


def _is_open(target: BindParameter[str], *, are_absent: bool) -> tuple[ColumnElement[bool], ...]:
    """Selects the cases at the target as a whole of those who may be members, or of those who were found to be none."""
    absent_at = t.cases.c.absent_at
    presence = absent_at.is_not(None) if are_absent else absent_at.is_(None)
    return t.cases.c.target == target, t.cases.c.scope == "organization", t.cases.c.closed_at.is_(None), presence


def _leaving(target: BindParameter[str], later: BindParameter[datetime], *, are_absent: bool) -> Select[Any]:
    """Each person with a row for each linked account, or one without."""
    link = and_(t.accounts.c.person_id == t.cases.c.person_id, t.accounts.c.target == t.cases.c.target)
    return (
        select(
            t.cases.c.person_id,
            _number("counts_as_intent", t.cases.c.counts_as_intent),
            _number("is_later", and_(t.cases.c.state == CaseState.PENDING.value, t.cases.c.due_at > later)),
            t.accounts.c.user_uuid,
            _number("is_theirs", t.accounts.c.is_theirs),
        )
        .select_from(t.cases.outerjoin(t.accounts, link))
        .where(*_is_open(target, are_absent=are_absent))
    )


def _named(target: BindParameter[str], *, are_absent: bool) -> Select[Any]:
    """All their names. Which kind is left to Python: asked for it here, SQLite looks through every address that there is."""
    names = t.identities.c
    people = select(t.cases.c.person_id).where(*_is_open(target, are_absent=are_absent))
    return select(names.person_id, names.kind, names.value, names.connection).where(names.person_id.in_(people))


_LEAVING = Hot(lambda target, later: _leaving(target, later, are_absent=False))
_NAMED = Hot(lambda target: _named(target, are_absent=False))
_LEAVING_ABSENT = Hot(lambda target, later: _leaving(target, later, are_absent=True))
_NAMED_ABSENT = Hot(lambda target: _named(target, are_absent=True))


class Departure(NamedTuple):
    """A member who is somebody with an open case at the target as a whole, by link or exact address; twice if by both."""

    person: int
    account: str
    counts_as_intent: bool
    is_later: bool
    """Whether they stay until a later date."""
    is_linked: bool


def departures(
    tx: Tx, target: str, connections: Collection[str], organization: Organization, later: datetime
) -> list[Departure]:
    """Every member with an open case at the target as a whole; whose removal is due after `later` stays till then.

    Whoever is out is watched for a day and still has a case: by far the most. It was kept that no member is them
    (`note_if_absent`), so that they are not even read.
    """
    leaving = _LEAVING.rows(tx, target=target, later=later)
    return _members_among(leaving, _NAMED.rows(tx, target=target), connections, organization)


def note_if_absent(tx: Tx, case: Case, connections: Collection[str], organization: Organization, now: datetime) -> None:
    """Keep it if no member is the case's person, by all that is known of them."""
    known = people.leaver_of(tx, case.target, connections, case.person_id)
    if case.is_whole and not departing(organization, [known]):
        cases.note_absent(tx, case.id, now)


def seen_again(tx: Tx, target: str, connections: Collection[str], organization: Organization) -> frozenset[int]:
    """Who has an open case, was found to be no member, and is one in this new snapshot."""
    leaving = _LEAVING_ABSENT.rows(tx, target=target, later=organization.taken_at)
    found = _members_among(leaving, _NAMED_ABSENT.rows(tx, target=target), connections, organization)
    return frozenset(d.person for d in found)


def _members_among(
    leaving: Iterable[Any], names: Iterable[Any], connections: Collection[str], organization: Organization
) -> list[Departure]:
    how: dict[int, tuple[bool, bool]] = {}
    dismissed: set[tuple[int, str]] = set()
    found: list[Departure] = []
    for person, counts_as_intent, is_later, account, is_theirs in leaving:
        how[person] = bool(counts_as_intent), bool(is_later)
        if is_theirs and account in organization.by_account:
            found.append(Departure(person, account, *how[person], True))
        elif account is not None and not is_theirs:
            dismissed.add((person, account))
    for person, kind, name, connection in names:
        if kind == "address" and people.counts(connection, connections):
            for account in organization.accounts_at(name):
                if (person, account) not in dismissed:
                    found.append(Departure(person, account, *how[person], False))  # noqa: PERF401 - a walk in three
    return found
