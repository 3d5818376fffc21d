"""A store of an earlier version moves forward with what is in it."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from bridge.store import db as store
from bridge.store import tables as t


def migrate(url: str, revision: str) -> None:
    engine = store.open_engine(url)
    config = Config()
    config.set_main_option("script_location", "bridge/store/migrations")
    with engine.connect().execution_options(is_write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_what_an_earlier_version_kept_is_there_and_means_the_same(url, tmp_path):
    migrate(url, "0001")
    engine = store.open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO batches (target, opened_at) VALUES ('main', 0)"))
        connection.execute(
            text(
                "INSERT INTO records (id, connection, resource_type, user_name, name_key, external_id, is_active, version,"
                " body, created_at, modified_at) VALUES ('r1', 'okta', 'User', 'a@x', 'a@x', '', true, 1, '{}', 0, 0)"
            )
        )
    engine.dispose()

    store.upgrade(url, tmp_path)

    db = store.open_database(url, tmp_path)
    with db.read() as tx:
        assert tx.execute(t.batches.select()).one().about == ""
        assert tx.execute(t.records.select()).one().seeded_at is None
    db.close()


def test_the_migrations_are_one_chain():
    """Several heads cannot be upgraded to, and two of one name cannot be told apart."""
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "bridge/store/migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [store.head_revision()]
