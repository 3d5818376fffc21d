"""From a neutral condition to SQL over `records`. Knows columns; never sees SCIM text."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select

from bridge.core.events import address_key
from bridge.core.filter import And, Compare, Condition, Not, Or
from bridge.store import tables as t


class CannotAnswer(ValueError):
    """A condition that no column answers: refused, never widened to all rows."""


def where(condition: Condition) -> ColumnElement[bool]:
    """The condition as an SQL expression. Raises `CannotAnswer` for what is not kept in a column."""
    match condition:
        case And(terms=terms):
            return and_(*(where(term) for term in terms))
        case Or(terms=terms):
            return or_(*(where(term) for term in terms))
        case Not(term=term):
            return not_(where(term))
        case Compare(operator="eq"):
            return _equals(condition)
        case _:
            raise CannotAnswer(f"cannot compare {condition.attribute} with {condition.operator}")


def _equals(compare: Compare) -> ColumnElement[bool]:
    match compare.attribute:
        case "username" | "displayname":
            return t.records.c.name_key == address_key(compare.value)
        case "externalid":
            return t.records.c.external_id == compare.value
        case "id":
            return t.records.c.id == compare.value
        case "emails.value":
            rows = select(t.record_emails.c.record_id).where(
                t.record_emails.c.record_id == t.records.c.id,
                t.record_emails.c.address_key == address_key(compare.value),
            )
            if compare.kind:
                rows = rows.where(func.lower(t.record_emails.c.type) == compare.kind.lower())
            return exists(rows)
        case _:
            raise CannotAnswer(f"cannot search by {compare.attribute}")
