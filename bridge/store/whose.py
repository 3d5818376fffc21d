"""Whose a record is: the person whom it names, with what there is of them beside it, in one statement."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import exists, select

from bridge.core.record import Record
from bridge.store import records
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.hot import Hot
from bridge.store.standings import Standing

_OTHER = t.records.alias("other")
_FIND_WITH_PERSON = Hot(
    lambda record_id, connection, resource_type: (
        select(
            *records.READ,
            t.people.c.label,
            exists()
            .where(
                _OTHER.c.person_id == t.records.c.person_id,
                _OTHER.c.connection == t.records.c.connection,
                _OTHER.c.deleted_at.is_(None),
                _OTHER.c.id != t.records.c.id,
            )
            .label("has_others"),
            exists().where(t.group_members.c.member_id == t.records.c.id).label("is_in_groups"),
            exists()
            .where(t.cases.c.person_id == t.records.c.person_id, t.cases.c.closed_at.is_(None))
            .label("has_open_cases"),
            t.standings.c.connection.label("speaker"),
            t.standings.c.is_out,
            t.standings.c.said_at,
            t.standings.c.activated_at,
        )
        .outerjoin(t.people, t.people.c.id == t.records.c.person_id)
        .outerjoin(t.standings, t.standings.c.person_id == t.records.c.person_id)
        .where(
            t.records.c.id == record_id,
            t.records.c.connection == connection,
            t.records.c.resource_type == resource_type,
            t.records.c.deleted_at.is_(None),
        )
        .order_by(t.standings.c.connection)
    )
)


class Whose(NamedTuple):
    """The person whom a record names, with what there is of them beside it: nobody asks for what there is not."""

    person: int
    is_new: bool = False
    """Made in this transaction: nothing else is known of them."""
    label: str = ""
    """What the person is called; empty where that was not looked at."""
    has_others: bool = True
    """Whether the connection may have other living records of the person."""
    is_in_groups: bool = True
    has_open_cases: bool = True
    standings: tuple[Standing, ...] | None = None
    """What each connection says of the person; `None` where that was not looked at."""

    @classmethod
    def new(cls, person: int) -> Whose:
        """Somebody of whom this is the first record."""
        return cls(person, is_new=True, has_others=False, is_in_groups=False, has_open_cases=False, standings=())


def find_with_person(tx: Tx, connection: str, resource_type: str, record_id: str) -> tuple[Record | None, Whose | None]:
    """The living record with that id in that connection, and whom it names: no person, if a Group or an untouched seed."""
    rows = _FIND_WITH_PERSON.rows(tx, record_id=record_id, connection=connection, resource_type=resource_type)
    if not rows:
        return None, None
    row = rows[0]
    (record,) = records.read(tx, [row])
    if row.person_id is None:
        return record, None
    said = tuple(
        Standing(connection=r.speaker, is_out=r.is_out, said_at=r.said_at, activated_at=r.activated_at)
        for r in rows
        if r.speaker is not None
    )
    return record, Whose(
        row.person_id,
        label=row.label,
        has_others=row.has_others,
        is_in_groups=row.is_in_groups,
        has_open_cases=row.has_open_cases,
        standings=said,
    )
