"""What Okta and Entra look people up by is found by an index, however many there are."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bridge.sources.scim.filter import condition
from bridge.store import db as store
from bridge.store import tables as t
from bridge.store.filter import where


@pytest.fixture
def sqlite(tmp_path):
    store.upgrade(f"sqlite:///{tmp_path}/bridge.db", tmp_path)
    database = store.open_database(f"sqlite:///{tmp_path}/bridge.db", tmp_path)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("asked", "resource_type", "way"),
    [
        ('userName eq "maya@example.com"', "User", "name_key=?"),
        ('displayName eq "Data"', "Group", "name_key=?"),
        ('externalId eq "x"', "User", "external_id=?"),
        ('id eq "x"', "User", "(id=?)"),
        ('emails[type eq "work"].value eq "maya@example.com"', "User", "seq=?"),
        ('emails eq "maya@example.com"', "User", "seq=?"),
        ('id eq "x" and manager eq "y"', "User", "(id=?)"),
        ('userName eq "maya@example.com" and active eq true', "User", "name_key=?"),
    ],
)
def test_a_look_up_never_walks_through_everybody(sqlite, asked, resource_type, way):
    query = (
        select(t.records.c.id)
        .where(
            t.records.c.connection == "entra",
            t.records.c.resource_type == resource_type,
            t.records.c.deleted_at.is_(None),
            where(condition(asked, resource_type), is_sqlite=True),
        )
        .order_by(t.records.c.seq)
        .limit(100)
    )
    compiled = query.compile(sqlite.engine, compile_kwargs={"literal_binds": True})
    with sqlite.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]

    assert way in plan[0], plan
    assert not any(step.startswith("SCAN") for step in plan), plan
