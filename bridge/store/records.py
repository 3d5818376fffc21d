"""SCIM records: read by key or condition, written whole, deleted as tombstones that no query returns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select, update

from bridge.core.events import address_key
from bridge.core.filter import Condition
from bridge.core.record import Record
from bridge.ports import Conflict
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.filter import equality, where
from bridge.store.hot import Hot, insertion

READ = tuple(c for c in t.records.columns if c.name not in {"seq", "name_key", "deleted_at", "seeded_at"})
"""What a living record is made of, and whom it names."""


def _looked_up(column: ColumnElement[str]) -> Hot:
    return Hot(
        lambda connection, resource_type, value, count: (
            select(*READ)
            .where(
                t.records.c.connection == connection,
                t.records.c.resource_type == resource_type,
                t.records.c.deleted_at.is_(None),
                column == value,
            )
            .order_by(t.records.c.seq)
            .limit(count)
        )
    )


_FIND = Hot(
    lambda record_id, connection, resource_type: select(*READ).where(
        t.records.c.id == record_id,
        t.records.c.connection == connection,
        t.records.c.resource_type == resource_type,
        t.records.c.deleted_at.is_(None),
    )
)
_LIVING = Hot(
    lambda person_id, connection, but: select(*READ).where(
        t.records.c.person_id == person_id,
        t.records.c.connection == connection,
        t.records.c.deleted_at.is_(None),
        t.records.c.id != but,
    )
)
_HAS_NAME = Hot(
    lambda connection, resource_type, name_key, but: select(t.records.c.id).where(
        t.records.c.connection == connection,
        t.records.c.resource_type == resource_type,
        t.records.c.name_key == name_key,
        t.records.c.deleted_at.is_(None),
        t.records.c.id != but,
    )
)
_MEMBERS = Hot(
    lambda record_id: (
        select(t.group_members).where(t.group_members.c.group_id == record_id).order_by(t.group_members.c.position)
    )
)
_GROUPS = (
    select(
        t.group_members.c.member_id,
        t.records.c.id,
        t.records.c.user_name,
        t.records.c.connection,
        t.records.c.deleted_at,
    )
    .join(t.records, t.records.c.id == t.group_members.c.group_id)
    .order_by(t.records.c.seq)
)
"""Nothing is asked of the records here: SQLite would begin with all that a connection has, not with the member's own."""
_GROUPS_OF = Hot(lambda member_id: _GROUPS.where(t.group_members.c.member_id == member_id))
_LOOK_UP = {
    column.name: _looked_up(column) for column in (t.records.c.name_key, t.records.c.external_id, t.records.c.id)
}
"""What identity providers ask before everything else, each answered by one index."""
_CHANGING = ("user_name", "is_active", "version", "body", "modified_at")
_INSERT = Hot(
    lambda: insertion(
        t.records, "id", "connection", "resource_type", "name_key", "external_id", "created_at", "person_id", *_CHANGING
    )
)
_UPDATE = Hot(
    lambda record_id: (
        update(t.records).where(t.records.c.id == record_id).values({name: bindparam(name) for name in _CHANGING})
    )
)
_RENAME = Hot(
    lambda record_id, name_key, external_id: (
        update(t.records).where(t.records.c.id == record_id).values(name_key=name_key, external_id=external_id)
    )
)
"""Apart, because SQLite writes an index anew when one of its columns is set, whether or not it changes."""
_INSERT_EMAIL = Hot(lambda: insertion(t.record_emails))
_INSERT_MEMBER = Hot(lambda: insertion(t.group_members))

MOST_AT_ONCE = 500
"""Ids in one query; a group can have thousands of members, and databases have limits."""


def find(tx: Tx, connection: str, resource_type: str, record_id: str) -> Record | None:
    """The living record with that id in that connection, or `None`."""
    row = _FIND.first(tx, record_id=record_id, connection=connection, resource_type=resource_type)
    return None if row is None else read(tx, [row])[0]


def search(
    tx: Tx, connection: str, resource_type: str, condition: Condition | None, offset: int, count: int
) -> tuple[int, list[Record]]:
    """How many living records answer the condition, and one page of them, in the order of their creation."""
    asked = equality(condition)
    if asked is not None and asked[0] in _LOOK_UP and offset == 0 and count > 0:
        column, value = asked
        found = _LOOK_UP[column].rows(tx, connection=connection, resource_type=resource_type, value=value, count=count)
        if len(found) < count:
            return len(found), read(tx, found)
    wanted: list[ColumnElement[bool]] = [
        t.records.c.connection == connection,
        t.records.c.resource_type == resource_type,
        t.records.c.deleted_at.is_(None),
    ]
    if condition is not None:
        wanted.append(where(condition, is_sqlite=tx.is_sqlite))
    if condition is None or count == 0:
        total = tx.execute(select(func.count()).select_from(t.records).where(*wanted)).scalar_one()
        if count == 0:
            return total, []
    else:
        total = -1
    query = select(t.records).where(*wanted).order_by(t.records.c.seq).offset(offset).limit(count)
    rows = tx.execute(query).all()
    if total < 0:
        whole = offset == 0 and len(rows) < count
        total = (
            len(rows) if whole else tx.execute(select(func.count()).select_from(t.records).where(*wanted)).scalar_one()
        )
    return total, read(tx, rows)


def in_order(tx: Tx, connection: str, record_ids: Sequence[str]) -> list[Record]:
    """The living records with those ids, in that order; those that are gone are left out."""
    rows = tx.execute(
        select(t.records).where(
            t.records.c.connection == connection, t.records.c.id.in_(record_ids), t.records.c.deleted_at.is_(None)
        )
    ).all()
    found = {record.id: record for record in read(tx, rows)}
    return [found[each] for each in record_ids if each in found]


def insert_record(tx: Tx, record: Record, person_id: int | None) -> None:
    """Keep a new record. Raises `Conflict` when a living one has the name."""
    _refuse_taken_name(tx, record)
    _INSERT.run(
        tx,
        id=record.id,
        connection=record.connection,
        resource_type=record.resource_type,
        name_key=record.name_key,
        external_id=record.external_id,
        created_at=record.created_at,
        person_id=person_id,
        **_changing(record),
    )
    _write_parts(tx, record)


def update_record(tx: Tx, before: Record, record: Record) -> None:
    """Keep the changed record in place of the one before. Raises `Conflict` when another living one has the name."""
    if before.name_key != record.name_key:
        _refuse_taken_name(tx, record)
    _UPDATE.run(tx, record_id=record.id, **_changing(record))
    if (before.name_key, before.external_id) != (record.name_key, record.external_id):
        _RENAME.run(tx, record_id=record.id, name_key=record.name_key, external_id=record.external_id)
    if before.body.get("emails") != record.body.get("emails") and before.emails != record.emails:
        tx.execute(delete(t.record_emails).where(t.record_emails.c.record_id == record.id))
        _write_emails(tx, record)
    if before.member_ids != record.member_ids:
        tx.execute(delete(t.group_members).where(t.group_members.c.group_id == record.id))
        _write_members(tx, record)


def bury(tx: Tx, record: Record, now: datetime) -> None:
    """Make a tombstone of the record: gone for every query, its person still known. Group memberships go with it."""
    tx.execute(update(t.records).where(t.records.c.id == record.id).values(deleted_at=now, is_active=False))
    tx.execute(delete(t.group_members).where(t.group_members.c.group_id == record.id))
    tx.execute(delete(t.group_members).where(t.group_members.c.member_id == record.id))


def insert_seed(tx: Tx, record: Record, now: datetime) -> None:
    """Keep a record that no identity provider has made: it names no person until one touches it."""
    insert_record(tx, record, None)
    tx.execute(update(t.records).where(t.records.c.id == record.id).values(seeded_at=now))


def seeds_among(tx: Tx, connection: str, record_ids: Collection[str]) -> list[Record]:
    """Those of the ids that are seeds of the connection which it has not touched yet."""
    return [
        record
        for rows in _living_users(tx, connection, record_ids, t.records.c.seeded_at.is_not(None))
        for record in read(tx, rows)
    ]


def adopt(tx: Tx, record_id: str, person_id: int) -> None:
    """The identity provider has touched the seed: from now on it is a record of that person like any other."""
    tx.execute(update(t.records).where(t.records.c.id == record_id).values(person_id=person_id, seeded_at=None))


def has_address(tx: Tx, connection: str, key: str) -> bool:
    """Whether a living User of the connection has the address as its `userName` or among its `emails`."""
    mine = (
        t.records.c.connection == connection,
        t.records.c.resource_type == "User",
        t.records.c.deleted_at.is_(None),
    )
    named = select(t.records.c.id).where(*mine, t.records.c.name_key == key)
    listed = (
        select(t.records.c.id)
        .join(t.record_emails, t.record_emails.c.record_id == t.records.c.id)
        .where(*mine, t.record_emails.c.address_key == key)
    )
    return any(tx.execute(query.limit(1)).first() is not None for query in (named, listed))


def living_of_person(tx: Tx, person_id: int, connection: str, *, but: str = "") -> list[Record]:
    """The person's living records in one connection, nearly always one; without the one that has the id `but`."""
    return read(tx, _LIVING.rows(tx, person_id=person_id, connection=connection, but=but))


def people_behind(tx: Tx, connection: str, record_ids: Collection[str]) -> dict[int, Record]:
    """The people whom those ids name in that connection, each with a record; ids that name nobody are left out."""
    found: dict[int, Record] = {}
    for rows in _living_users(tx, connection, record_ids, t.records.c.person_id.is_not(None)):
        for row, record in zip(rows, read(tx, rows), strict=True):
            found.setdefault(row.person_id, record)
    return found


def _living_users(
    tx: Tx, connection: str, record_ids: Collection[str], *wanted: ColumnElement[bool]
) -> Iterator[Sequence[Row[Any]]]:
    ids = sorted(record_ids)
    for start in range(0, len(ids), MOST_AT_ONCE):
        query = select(t.records).where(
            t.records.c.id.in_(ids[start : start + MOST_AT_ONCE]),
            t.records.c.connection == connection,
            t.records.c.resource_type == "User",
            t.records.c.deleted_at.is_(None),
            *wanted,
        )
        yield tx.execute(query).all()


def groups_of(tx: Tx, connection: str, record_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """For each record the groups that it is in, as (group id, display name)."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows: Sequence[Any]
    if len(record_ids) == 1:
        rows = _GROUPS_OF.rows(tx, member_id=record_ids[0])
    else:
        rows = tx.execute(_GROUPS.where(t.group_members.c.member_id.in_(record_ids))).all()
    for row in rows:
        if row.connection == connection and row.deleted_at is None:
            found.setdefault(row.member_id, []).append((row.id, row.user_name))
    return found


def _refuse_taken_name(tx: Tx, record: Record) -> None:
    taken = _HAS_NAME.value(
        tx,
        connection=record.connection,
        resource_type=record.resource_type,
        name_key=record.name_key,
        but=record.id,
    )
    if taken is not None and not _made_way(tx, taken):
        raise Conflict(f"{record.resource_type} {record.user_name} exists already, with id {taken}")


def _made_way(tx: Tx, record_id: str) -> bool:
    """Whether the record was a seed that nobody touched: it goes, since the provider now makes its own."""
    gone = (t.records.c.id == record_id, t.records.c.seeded_at.is_not(None))
    if tx.execute(select(t.records.c.id).where(*gone)).first() is None:
        return False
    tx.execute(delete(t.record_emails).where(t.record_emails.c.record_id == record_id))
    tx.execute(delete(t.records).where(*gone))
    return True


def _changing(record: Record) -> dict[str, Any]:
    return {
        "user_name": record.user_name,
        "is_active": record.is_active,
        "version": record.version,
        "body": dict(record.body),
        "modified_at": record.modified_at,
    }


def _write_parts(tx: Tx, record: Record) -> None:
    _write_emails(tx, record)
    _write_members(tx, record)


def _write_emails(tx: Tx, record: Record) -> None:
    rows = [
        {
            "record_id": record.id,
            "position": n,
            "type": e.type,
            "address_key": address_key(e.value),
        }
        for n, e in enumerate(record.emails)
    ]
    _INSERT_EMAIL.run_each(tx, rows)


def _write_members(tx: Tx, record: Record) -> None:
    ids = dict.fromkeys(record.member_ids)
    rows = [{"group_id": record.id, "member_id": m, "position": n} for n, m in enumerate(ids)]
    _INSERT_MEMBER.run_each(tx, rows)


def read(tx: Tx, rows: Sequence[Any]) -> list[Record]:
    """The records of those rows, which have the columns `READ`; a Group's with its members."""
    if not rows:
        return []
    members = _members_of(tx, [row.id for row in rows if row.resource_type == "Group"])
    return [
        Record(
            id=row.id,
            connection=row.connection,
            resource_type=row.resource_type,
            user_name=row.user_name,
            external_id=row.external_id,
            is_active=row.is_active,
            version=row.version,
            body=row.body,
            member_ids=tuple(members.get(row.id, ())),
            created_at=row.created_at,
            modified_at=row.modified_at,
        )
        for row in rows
    ]


def _members_of(tx: Tx, ids: Sequence[str]) -> dict[str, list[str]]:
    """The members of those groups, in their order: one statement, however many."""
    m = t.group_members
    rows: Sequence[Any] = ()
    if len(ids) == 1:
        rows = _MEMBERS.rows(tx, record_id=ids[0])
    elif ids:
        rows = tx.execute(select(m).where(m.c.group_id.in_(ids)).order_by(m.c.position)).all()
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.group_id, []).append(row.member_id)
    return found
