"""From a neutral condition to SQL over `records`. Knows columns and stored JSON; never sees SCIM text.

Every leaf is true or false, never unknown: SQL's third value would make `not` lie. Text is compared by code point, and
without case in ASCII only, the same on SQLite and PostgreSQL.
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, collate, exists, false, func, literal, not_, or_, select, true

from bridge.core.events import address_key
from bridge.core.filter import And, Compare, Condition, Element, Not, Or
from bridge.store import tables as t
from bridge.store.documents import Place, elements, names, place

MILLISECOND = timedelta(milliseconds=1)
"""What times are kept to."""

TEXTS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "username": ("name_key", address_key),
    "displayname": ("name_key", address_key),
    "externalid": ("external_id", str),
    "id": ("id", str),
    "meta.resourcetype": ("resource_type", str),
}
"""Attributes that have a column of text, and how a value is compared with it."""

Leaf = Callable[[Compare], ColumnElement[bool]]


class CannotAnswer(ValueError):
    """A condition that no column answers: refused, never widened to all rows."""


def equality(condition: Condition | None) -> tuple[str, str] | None:
    """The column that must be equal to which value, for a condition that is no more than that; else `None`."""
    if not isinstance(condition, Compare) or condition.operator != "eq" or not condition.value or condition.keys:
        return None
    if condition.attribute not in TEXTS:
        return None
    column, key = TEXTS[condition.attribute]
    return column, key(str(condition.value))


def where(condition: Condition, *, is_sqlite: bool) -> ColumnElement[bool]:
    """The condition as an SQL expression. Raises `CannotAnswer` for what is not kept."""
    return _Words(is_sqlite=is_sqlite).of(condition)


class _Words:
    """Conditions over one row of `records`, in the words of one database."""

    def __init__(self, *, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite

    def of(self, condition: Condition) -> ColumnElement[bool]:
        """The condition about a whole record."""
        return self._tree(condition, self._about_record)

    def _tree(self, condition: Condition, leaf: Leaf) -> ColumnElement[bool]:
        match condition:
            case And(terms=terms):
                return and_(true(), *(self._tree(term, leaf) for term in terms))
            case Or(terms=terms):
                return or_(false(), *(self._tree(term, leaf) for term in terms))
            case Not(term=term):
                return not_(self._tree(term, leaf))
            case Element():
                return self._element(condition)
            case Compare():
                return leaf(condition)

    def _about_record(self, compare: Compare) -> ColumnElement[bool]:
        if compare.attribute == "schemas":
            return self._schemas(compare)
        if compare.is_multi:
            return self._of_a_list(compare)
        if compare.keys:
            return self._stored(compare, place(compare.keys, is_sqlite=self._is_sqlite))
        if compare.attribute == "emails.value" and compare.operator == "eq":
            return _address(compare)
        return self._column(compare)

    def _column(self, compare: Compare) -> ColumnElement[bool]:
        """A comparison with what has a column of its own."""
        c, name = t.records.c, compare.attribute
        if name in {"meta.created", "meta.lastmodified"}:
            return _moment(compare, c.created_at if name == "meta.created" else c.modified_at)
        if name == "active":
            return _boolean(compare, c.is_active)
        if name == "meta" and compare.operator == "pr":
            return true()
        if name not in TEXTS:
            raise CannotAnswer(f"cannot search by {name}")
        if (asked := equality(compare)) is not None:
            return c[asked[0]] == asked[1]  # bare, so that its index is used
        column, key = TEXTS[name]
        return self._text(compare, func.nullif(c[column], ""), key)

    def _stored(self, compare: Compare, node: Place) -> ColumnElement[bool]:
        """A comparison with one place in stored JSON."""
        if isinstance(compare.value, bool):
            return _boolean(compare, node.boolean())
        if compare.operator == "pr" or compare.value is None:
            return not_(node.is_there()) if compare.operator == "eq" else node.is_there()
        if compare.is_exact:
            return self._text(compare, node.text(), str)
        return self._text(compare, node.lower(), _lower)

    def _of_a_list(self, compare: Compare) -> ColumnElement[bool]:
        """Of any element, with `ne` of all of them; a list without elements has no value."""
        is_whole = compare.operator == "pr" and not compare.attribute.endswith(f".{compare.keys[-1].lower()}")
        source, element = elements(compare.keys if is_whole else compare.keys[:-1], is_sqlite=self._is_sqlite)
        node = element if is_whole else element.child(compare.keys[-1])
        is_all = compare.operator == "ne"
        one = self._stored(_with(compare, "eq") if is_all else compare, node)
        found = _any(source, one)
        if compare.value is None and compare.operator != "pr":  # null: nothing there, or an element without it
            found = or_(found, not_(_any(source, true())))
        return not_(found) if is_all else found

    def _element(self, element: Element) -> ColumnElement[bool]:
        """Whether one element of a list, or one row of a table of its own, meets the whole term."""
        if element.keys:
            source, node = elements(element.keys, is_sqlite=self._is_sqlite)

            def of_node(compare: Compare) -> ColumnElement[bool]:
                return self._stored(compare, node.child(*compare.keys))

            return _any(source, self._tree(element.term, of_node))
        if element.attribute == "members":
            return self._membership(element, t.group_members.c.group_id, t.group_members.c.member_id)
        if element.attribute == "groups":
            return self._membership(element, t.group_members.c.member_id, t.group_members.c.group_id)
        raise CannotAnswer(f"cannot search in {element.attribute}")

    def _membership(self, element: Element, own: Any, other: Any) -> ColumnElement[bool]:
        group = t.records.alias()

        def of_row(compare: Compare) -> ColumnElement[bool]:
            if compare.attribute == "value":
                return self._text(compare, other, str)
            return self._text(compare, group.c.name_key, address_key)

        rows = select(literal(1)).select_from(t.group_members).where(own == t.records.c.id)
        if element.attribute == "groups":
            rows = rows.where(
                group.c.id == t.group_members.c.group_id,
                group.c.connection == t.records.c.connection,
                group.c.deleted_at.is_(None),
            )
        return exists(rows.where(self._tree(element.term, of_row)).correlate(t.records))

    def _schemas(self, compare: Compare) -> ColumnElement[bool]:
        """The core schema of its type, and each extension that has a place in the body."""
        if compare.operator == "pr" or compare.value is None:
            return true() if compare.operator != "eq" else false()
        is_all = compare.operator == "ne"
        asked = _with(compare, "eq") if is_all else compare
        source, key = names(is_sqlite=self._is_sqlite)
        core = literal("urn:ietf:params:scim:schemas:core:2.0:").concat(func.lower(t.records.c.resource_type))
        extensions = _any(source, and_(key.like("urn:%"), self._text(asked, key, _lower)))
        found = or_(self._text(asked, func.lower(core), _lower), extensions)
        return not_(found) if is_all else found

    def _text(self, compare: Compare, column: Any, key: Callable[[str], str]) -> ColumnElement[bool]:
        """A comparison of text by code point; a column without a value meets `ne` alone."""
        if compare.operator == "pr" or compare.value is None:
            is_there: ColumnElement[bool] = func.coalesce(column, "") != ""
            return not_(is_there) if compare.operator == "eq" else is_there
        value, met = _key(str(compare.value), key), None
        match compare.operator:
            case "eq" | "ne":
                met = column == value
            case "co":
                met = (func.instr(column, value) if self._is_sqlite else func.strpos(column, value)) > 0
            case "sw":
                met = func.substr(column, 1, len(value)) == value
            case "ew":
                length = func.length(column)
                met = and_(length >= len(value), func.substr(column, length - len(value) + 1) == value)
            case _:
                met = _ordered(compare.operator, column if self._is_sqlite else collate(column, "C"), value)
        sure: ColumnElement[bool] = func.coalesce(met, false())
        return not_(sure) if compare.operator == "ne" else sure


def _any(source: Any, one: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(literal(1)).select_from(source).where(one))


def _lower(text: str) -> str:
    """The text as SQL's `lower` has it: ASCII's letters only."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def _key(text: str, key: Callable[[str], str]) -> str:
    """The compare key of a text or a part of one, with the blanks around it."""
    bare = text.strip()
    return text.replace(bare, key(bare), 1) if bare else text


def _with(compare: Compare, operator: str) -> Compare:
    return Compare(
        attribute=compare.attribute,
        operator=operator,
        value=compare.value,
        keys=compare.keys,
        is_exact=compare.is_exact,
    )


def _ordered(operator: str, column: Any, value: Any) -> ColumnElement[bool]:
    ways: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
        "gt": operators.gt,
        "ge": operators.ge,
        "lt": operators.lt,
        "le": operators.le,
    }
    if operator not in ways:
        raise CannotAnswer(f"cannot compare with {operator}")
    return ways[operator](column, value)


def _moment(compare: Compare, column: Any) -> ColumnElement[bool]:
    """A comparison of times, which are kept to the millisecond and always there."""
    if not isinstance(compare.value, datetime):
        return false() if compare.operator == "eq" else true()
    whole = compare.value - timedelta(microseconds=compare.value.microsecond % 1000)
    is_exact = whole == compare.value
    match compare.operator:
        case "eq":
            return column == whole if is_exact else false()
        case "ne":
            return column != whole if is_exact else true()
        case "ge" | "lt" if not is_exact:
            return _ordered(compare.operator, column, whole + MILLISECOND)
        case _:
            return _ordered(compare.operator, column, whole)


def _boolean(compare: Compare, column: Any) -> ColumnElement[bool]:
    """`eq` and `ne` with true, false or nothing; a column without a value meets `ne` alone."""
    if compare.operator == "pr" or compare.value is None:
        is_missing: ColumnElement[bool] = column.is_(None)
        return is_missing if compare.operator == "eq" else not_(is_missing)
    sure: ColumnElement[bool] = func.coalesce(column == literal(compare.value is True), false())
    return not_(sure) if compare.operator == "ne" else sure


def _address(compare: Compare) -> ColumnElement[bool]:
    """An exact address, of a wanted type or any. Asked from the address on, so that its index leads to the record."""
    named = t.records.alias()
    rows = (
        select(named.c.seq)
        .join(t.record_emails, t.record_emails.c.record_id == named.c.id)
        .where(t.record_emails.c.address_key == address_key(str(compare.value)))
    )
    if compare.kind:
        rows = rows.where(func.lower(t.record_emails.c.type) == compare.kind.lower())
    return t.records.c.seq.in_(rows)
