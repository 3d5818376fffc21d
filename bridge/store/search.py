"""The searches that are not the everyday one: over several resource types, sorted, or page by page with a cursor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, collate, func, null, or_, select

from bridge.core.filter import Condition, Order
from bridge.core.record import Record
from bridge.store import records
from bridge.store import tables as t
from bridge.store.db import Tx
from bridge.store.documents import first_text, place
from bridge.store.filter import where


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to look for, by resource type: a condition or everything, and what to sort by or nothing."""

    conditions: Mapping[str, Condition | None]
    orders: Mapping[str, Order | None]
    is_descending: bool = False
    offset: int = 0
    after: int | None = None
    """The place of the last record of the page before, when pages follow a cursor."""
    count: int


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page. `total` counts all that answer; `last` is the place of the page's last record, for `Wanted.after`."""

    total: int
    found: list[Record]
    last: int | None = None
    has_more: bool = False


def search(tx: Tx, connection: str, wanted: Wanted) -> Page:
    """The wanted page, in the wanted order, and among equals in the order of creation.

    Source: RFC 7644, sections 3.4.2.1 and 3.4.2.3.
    """
    of_types = [_of_type(tx, name, condition) for name, condition in wanted.conditions.items()]
    living = and_(t.records.c.connection == connection, t.records.c.deleted_at.is_(None), or_(*of_types))
    total = tx.execute(select(func.count()).select_from(t.records).where(living)).scalar_one()
    if not wanted.count:
        return Page(total=total, found=[])
    query = select(t.records.c.seq, t.records.c.id).where(living).limit(wanted.count + 1)
    query = query.where(t.records.c.seq > wanted.after) if wanted.after is not None else query.offset(wanted.offset)
    if any(wanted.orders.values()):
        key = _key(tx, wanted.orders)
        query = query.order_by(key.desc().nulls_first() if wanted.is_descending else key.asc().nulls_last())
    rows = tx.execute(query.order_by(t.records.c.seq)).all()
    shown = rows[: wanted.count]
    found = records.in_order(tx, connection, [row.id for row in shown])
    return Page(total=total, found=found, last=shown[-1].seq if shown else None, has_more=len(rows) > len(shown))


def _of_type(tx: Tx, resource_type: str, condition: Condition | None) -> ColumnElement[bool]:
    is_type = t.records.c.resource_type == resource_type
    return is_type if condition is None else and_(is_type, where(condition, is_sqlite=tx.is_sqlite))


def _key(tx: Tx, orders: Mapping[str, Order | None]) -> ColumnElement[Any]:
    """What is sorted by; nothing for a type without that attribute."""
    if len(orders) == 1:
        (order,) = orders.values()
        return _value(tx, order) if order is not None else null()
    each = [
        (t.records.c.resource_type == name, _value(tx, order)) for name, order in orders.items() if order is not None
    ]
    return case(*each, else_=null())


def _value(tx: Tx, order: Order) -> ColumnElement[Any]:
    columns: dict[str, ColumnElement[Any]] = {
        "username": t.records.c.name_key,
        "displayname": t.records.c.name_key,
        "id": t.records.c.id,
        "externalid": func.nullif(t.records.c.external_id, ""),
        "meta.resourcetype": t.records.c.resource_type,
        "meta.created": t.records.c.created_at,
        "meta.lastmodified": t.records.c.modified_at,
        "active": t.records.c.is_active,
    }
    if order.is_multi:
        return first_text(order.keys, is_exact=order.is_exact, is_sqlite=tx.is_sqlite)
    if order.keys:
        node = place(order.keys, is_sqlite=tx.is_sqlite)
        return node.text() if order.is_exact else node.lower()
    column = columns[order.attribute]
    is_text = order.attribute in {"username", "displayname", "id", "externalid", "meta.resourcetype"}
    return collate(column, "C") if is_text and not tx.is_sqlite else column
