"""Hot statements: the values and errors of Core, and none that grows with the store."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

import bridge.store
from bridge.store import tables as t
from bridge.store.hot import Hot, insertion
from tests.conftest import START

SMALL = {"audit_head"}
"""Tables of one row."""


def statements() -> dict[str, Hot]:
    found = {}
    for info in pkgutil.iter_modules(bridge.store.__path__):
        if info.ispkg:
            continue
        module = importlib.import_module(f"bridge.store.{info.name}")
        for name, value in vars(module).items():
            each = value if isinstance(value, dict) else {"": value}
            found |= {f"{info.name}.{name}{key}": hot for key, hot in each.items() if isinstance(hot, Hot)}
    return found


@pytest.mark.parametrize("name", sorted(statements()))
def test_no_hot_statement_reads_more_of_a_table_than_it_asks_for(name, empty_store, tmp_path):
    """On an empty store, as nobody ever runs ANALYZE: SQLite plans by its own guesses."""
    from bridge.store.db import open_engine

    hot = statements()[name]
    with open_engine(f"sqlite:///{empty_store}").connect() as connection:
        statement = hot._build(*map(bindparam, inspect.signature(hot._build).parameters))
        sql = str(statement.compile(dialect=connection.dialect))
        values = dict.fromkeys(range(1, sql.count("?") + 1))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", tuple(values.values())).all()
    steps = [row[3] for row in plan]
    # A foreign key's check is planned, too, and run only while some constraint waits: those tables are not named.
    grow = {name for name in t.metadata.tables if name in sql} - SMALL
    assert [s for s in steps if s.startswith("SCAN") and s.split()[1] in grow] == []
    assert not any("ix_records_page" in s for s in steps), "all records of a connection"
    assert not any("(kind=?)" in s for s in steps), "all names of a kind"


_PERSON = Hot(lambda label: select(t.people).where(t.people.c.label == label))
_NEW = Hot(lambda: insertion(t.people).returning(t.people.c.id))
_RENAME = Hot(lambda label, to: update(t.people).where(t.people.c.label == label).values(label=to))
_RECORD = Hot(lambda: insertion(t.records))


def test_values_pass_through_the_columns_types_both_ways(db):
    with db.write() as tx:
        number = _NEW.value(tx, label="Maya", created_at=START + timedelta(microseconds=1999))
        row = _PERSON.first(tx, label="Maya")

        assert (row.id, row.label, row.created_at) == (number, "Maya", START + timedelta(milliseconds=1))
        assert _PERSON.rows(tx, label="Noor") == []
        assert _PERSON.value(tx, label="Noor") is None
        assert _RENAME.run(tx, label="Maya", to="Maya O.") == 1
        assert _RENAME.run(tx, label="Maya", to="?") == 0


def test_hot_statements_and_cores_are_of_one_transaction(db):
    with pytest.raises(RuntimeError), db.write() as tx:
        _NEW.run(tx, label="Maya", created_at=START)
        assert tx.execute(select(t.people.c.label)).scalars().all() == ["Maya"]
        tx.execute(t.people.insert().values(label="Noor", created_at=START))
        assert _PERSON.first(tx, label="Noor") is not None
        raise RuntimeError

    with db.read() as tx:
        assert tx.execute(select(t.people)).all() == []


def test_an_error_is_sqlalchemys_and_brings_no_value_along(db):
    values = dict.fromkeys(c.name for c in t.records.columns) | {"user_name": "maya.okafor@example.com"}
    with pytest.raises(IntegrityError) as told, db.write() as tx:
        _RECORD.run(tx, **values)

    assert told.value.params is None


def test_what_is_no_statement_at_all_is_an_error_too(db):
    with pytest.raises(DBAPIError), db.write() as tx:
        tx.rows("SELECT nothing FROM nowhere")
    with db.read() as tx:
        assert tx.execute(text("SELECT 1")).scalar() == 1


def test_who_left_and_came_back_often_costs_no_more_than_anybody(empty_store):
    """Each write asks for the person's open cases; the closed ones are not looked at for that."""
    from bridge.store import cases, scopes
    from bridge.store.db import open_engine

    with open_engine(f"sqlite:///{empty_store}").connect() as connection:
        for hot, index in ((cases._OPEN, "person_id=? AND closed_at=?"), (scopes._WITH_OUTCOME, "ix_cases_below")):
            statement = hot._build(*map(bindparam, inspect.signature(hot._build).parameters))
            sql = str(statement.compile(dialect=connection.dialect))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).all()
            assert any(index in row[3] for row in plan), plan
