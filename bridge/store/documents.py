"""Looking into stored JSON with SQL, in SQLite's words and in PostgreSQL's. Whatever stands there, no look fails.

Text and numbers are text, a boolean is a boolean; an object or a list is no value, only there or not. The keys and
columns here are ours, never a client's: they are written into the statement, which keeps it small and quick to compile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Boolean, ColumnElement, Text, TextClause, false, func, literal_column, select, text

_VALUE = '$.** ? (@.type() == "number" || @.type() == "boolean" || (@.type() == "string" && @ != ""))'
"""PostgreSQL's path to everything in a document that is a value."""

BODY = "records.body"
"""The column whose documents are looked into."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place in a document: the document, as SQL, and the keys that lead there."""

    document: str
    keys: tuple[str, ...]
    is_sqlite: bool

    def child(self, *keys: str) -> Place:
        """A place further in."""
        return Place(document=self.document, keys=self.keys + keys, is_sqlite=self.is_sqlite)

    def text(self) -> ColumnElement[str]:
        """The text or number that stands there, as text; NULL for anything else."""
        return literal_column(self._text(), Text)

    def lower(self) -> ColumnElement[str]:
        """The same with ASCII's letters in lower case."""
        return literal_column(f"lower({self._text()})", Text)

    def boolean(self) -> ColumnElement[bool]:
        """The boolean that stands there; NULL for anything else."""
        if self.is_sqlite:
            kind = f"json_type({self.document}, {_path(self.keys)})"
            return literal_column(f"CASE {kind} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END", Boolean)
        inner = self._inner()
        return literal_column(f"CASE WHEN jsonb_typeof({inner}) = 'boolean' THEN CAST({inner} AS boolean) END", Boolean)

    def is_there(self) -> ColumnElement[bool]:
        """Whether there is a value, however deep: no null, no empty text, no object or list without a value."""
        if self.is_sqlite:
            parts = f"json_tree({self.document}, {_path(self.keys)}) WHERE atom IS NOT NULL AND atom <> ''"
            return literal_column(f"EXISTS (SELECT 1 FROM {parts})", Boolean)  # noqa: S608 - no word of a client's
        return literal_column(f"coalesce(jsonb_path_exists({self._inner()}, '{_VALUE}'), false)", Boolean)

    def _inner(self) -> str:
        """What stands there, as PostgreSQL's JSON."""
        keys = "".join(f", '{key}'" for key in self.keys)
        return f"jsonb_extract_path({self.document}{keys})" if keys else self.document

    def _text(self) -> str:
        if self.is_sqlite:
            where = f"{self.document}, {_path(self.keys)}"
            kinds = "'text', 'integer', 'real'"
            return f"CASE WHEN json_type({where}) IN ({kinds}) THEN CAST(json_extract({where}) AS TEXT) END"
        inner = self._inner()
        shown = f"CASE WHEN jsonb_typeof({inner}) IN ('string', 'number') THEN {inner} #>> '{{}}' END"
        return f'({shown}) COLLATE "C"'  # letters of ASCII only, and by code point, as SQLite does it


def place(keys: Sequence[str], *, is_sqlite: bool) -> Place:
    """The place in a record's document to which the keys lead."""
    document = BODY if is_sqlite else f"CAST({BODY} AS jsonb)"
    return Place(document=document, keys=tuple(keys), is_sqlite=is_sqlite)


def elements(keys: Sequence[str], *, is_sqlite: bool) -> tuple[TextClause, Place]:
    """The elements of a list, to select from, and one of them as a place. What is no list has no elements."""
    if is_sqlite:
        # Text that is not JSON would be an error in the next look.
        document = "CASE element.type WHEN 'object' THEN element.value END"
        rows = f"json_each({BODY}, {_path(tuple(keys))}) AS element"
    else:
        whole = place(keys, is_sqlite=False)._inner()  # noqa: SLF001 - a place of our own
        listed = f"CASE WHEN jsonb_typeof({whole}) = 'array' THEN {whole} ELSE CAST('[]' AS jsonb) END"
        document, rows = "element.value", f"jsonb_array_elements({listed}) WITH ORDINALITY AS element(value, position)"
    return text(rows.replace(":", r"\:")), Place(document=document, keys=(), is_sqlite=is_sqlite)


def first_text(keys: Sequence[str], *, is_exact: bool, is_sqlite: bool) -> ColumnElement[str]:
    """One sub-attribute of a list's primary element, or of its first when none is primary; the last key names it."""
    source, element = elements(keys[:-1], is_sqlite=is_sqlite)
    node, primary = element.child(keys[-1]), element.child("primary").boolean()
    found = select(node.text() if is_exact else node.lower()).select_from(source)
    position: ColumnElement[int] = literal_column("element.key" if is_sqlite else "element.position")
    return found.order_by(func.coalesce(primary, false()).desc(), position).limit(1).scalar_subquery()


def names(*, is_sqlite: bool) -> tuple[TextClause, ColumnElement[str]]:
    """The keys of a record's document, to select from, and one of them in lower case."""
    if is_sqlite:
        return text(f"json_each({BODY}) AS name"), literal_column("lower(name.key)", Text)
    return text(f"jsonb_object_keys(CAST({BODY} AS jsonb)) AS name(key)"), literal_column(
        'lower(name.key COLLATE "C")', Text
    )


def _path(keys: tuple[str, ...]) -> str:
    """SQLite's path, quoted: `'$."name"."familyName"'`."""
    return "'$" + "".join(f".{json.dumps(key)}" for key in keys) + "'"
