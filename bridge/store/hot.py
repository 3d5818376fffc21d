"""Hot statements: those on the way of every request and every pass. Written in Core, turned into SQL once per database.

Core builds, caches and wraps anew each time a statement is run: about 110 µs, where SQLite itself needs 1 to 4. A `Hot`
statement is the same Core text beside the function that means it, but what Core makes of it is kept and run on the
driver's own cursor. Values still pass through the columns' types, both ways.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Boolean, Dialect, Table, bindparam, insert
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from bridge.store.transaction import Tx

Process = Callable[[Any], Any]


class Hot:
    """One statement, given as a function of its parameters, each of which stands for one value (so no `in_`).

        _LABEL = Hot(lambda person_id: select(t.people.c.label).where(t.people.c.id == person_id))
        label = _LABEL.value(tx, person_id=7)

    Rows are named tuples. Raises: what `Tx.execute` raises.
    """

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self._prepared: dict[str, _Prepared] = {}

    def rows(self, tx: Tx, **values: Any) -> list[Any]:
        """All rows."""
        prepared = self._of(tx)
        return list(map(prepared.read, tx.rows(prepared.sql, prepared.given(values))))

    def first(self, tx: Tx, **values: Any) -> Any:
        """The first row, or `None`."""
        prepared = self._of(tx)
        found = tx.rows(prepared.sql, prepared.given(values))
        return prepared.read(found[0]) if found else None

    def value(self, tx: Tx, **values: Any) -> Any:
        """The first value of the first row, or `None`."""
        prepared = self._of(tx)
        found = tx.rows(prepared.sql, prepared.given(values))
        return prepared.first_value(found[0]) if found else None

    def run(self, tx: Tx, **values: Any) -> int:
        """Run it for its effect; how many rows it touched."""
        prepared = self._of(tx)
        return tx.run(prepared.sql, prepared.given(values))

    def run_each(self, tx: Tx, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it once for each of the rows."""
        prepared = self._of(tx)
        given = [prepared.given(row) for row in rows]
        if given:
            tx.run_each(prepared.sql, given)

    def _of(self, tx: Tx) -> _Prepared:
        return self._prepared.get(tx.dialect.name) or self._prepare(tx.dialect)

    def _prepare(self, dialect: Dialect) -> _Prepared:
        names = inspect.signature(self._build).parameters
        prepared = _Prepared(self._build(*map(bindparam, names)), dialect)
        return self._prepared.setdefault(dialect.name, prepared)


def insertion(table: Table, *names: str, unless: Sequence[str] = ()) -> Any:
    """An INSERT of those columns, whose parameters have the columns' names. None named: all that it cannot fill itself.

    `unless`: unique columns; where a row has these values already nothing is inserted, and nothing returned.
    """
    names = names or tuple(c.name for c in table.columns if c is not table.autoincrement_column)
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    if not unless:
        return insert(table).values(values)
    # PostgreSQL's words for it are SQLite's too, whose compiler reads the very same clause.
    return postgresql.insert(table).values(values).on_conflict_do_nothing(index_elements=unless)


class _Prepared:
    """A statement as one database wants it, with what turns values into its parameters and its rows into values."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert not compiled.post_compile_params, f"not one value per parameter: {compiled}"
        self.sql: str = compiled.string
        binds: Mapping[str, BindParameter[Any]] = {name: bind for bind, name in compiled.bind_names.items()}
        self._is_positional = compiled.positiontup is not None
        self._names = tuple(compiled.positiontup or binds)
        self._values = _values_of(self._names)
        inputs = [_input(binds[name], dialect) for name in self._names]
        self._inputs = [(index, process) for index, process in enumerate(inputs) if process]
        self._fixed = {name: bind.value for name, bind in binds.items() if not bind.required}
        columns = list(getattr(statement, "exported_columns", ()))
        outputs = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
        self._outputs = [(index, process) for index, process in enumerate(outputs) if process]
        self._first = outputs[0] if outputs else None
        row = namedtuple("Row", [c.name for c in columns])  # type: ignore[misc] # noqa: PYI024
        self._row: Any = partial(tuple.__new__, row)  # as its own `_make`, which only counts the cells besides
        self.read: Callable[[Sequence[Any]], Any] = self._turned if self._outputs else self._row
        """Makes a row of what the driver gives."""

    def given(self, values: Mapping[str, Any]) -> Any:
        """The values as the driver wants them."""
        if self._fixed:
            values = {**self._fixed, **values}
        given = self._values(values)
        if self._inputs:
            given = list(given)
            for index, process in self._inputs:
                given[index] = process(given[index])
        return given if self._is_positional else dict(zip(self._names, given, strict=True))

    def first_value(self, cells: Sequence[Any]) -> Any:
        """The first value of a row as the driver gives it."""
        return self._first(cells[0]) if self._first else cells[0]

    def _turned(self, cells: Sequence[Any]) -> Any:
        read = list(cells)
        for index, process in self._outputs:
            read[index] = process(read[index])
        return self._row(read)


def _values_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """What takes those values, in that order."""
    if len(names) == 1:
        (name,) = names
        return lambda values: (values[name],)
    return itemgetter(*names) if names else lambda _values: ()


def _input(bind: BindParameter[Any], dialect: Dialect) -> Process | None:
    if isinstance(bind.type, Boolean):  # every driver takes Python's own
        return None
    return bind.type.dialect_impl(dialect).bind_processor(dialect)
