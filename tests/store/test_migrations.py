"""A store of an earlier version moves forward with what is in it."""

from __future__ import annotations

from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from bridge.core.events import EventKind, Reason
from bridge.store import db as store
from bridge.store import inbox, standings
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


def test_tables_that_are_rebuilt_keep_what_is_in_them(url, tmp_path):
    migrate(url, "0011")
    engine = store.open_engine(url)
    kept = t.metadata.tables
    now = datetime(2026, 11, 24, tzinfo=UTC)
    subject = {"user_name": "maya.okafor@example.com", "external_id": "", "emails": []}
    with engine.begin() as connection:
        connection.execute(kept["people"].insert(), {"id": 7, "label": "maya.okafor@example.com", "created_at": now})
        for source, is_out in (("okta", True), ("entra", False)):
            said = {"person_id": 7, "connection": source, "is_out": is_out, "said_at": now, "activated_at": None}
            connection.execute(kept["standings"].insert(), said)
        event = dict.fromkeys(("transaction_id", "scope", "note"), "") | {"subject": subject, "person_id": 7}
        event["reason"] = Reason.UNKNOWN.value
        event |= {"id": 3, "source": "okta", "event_id": "e1", "kind": EventKind.DEACTIVATE.value, "occurred_at": now}
        event |= {"received_at": now, "is_emergency": False, "is_confirmed": False, "effective_at": None}
        connection.execute(kept["inbox"].insert(), event)
        later = {"absent_at"}  # columns that migrations after this one add
        case = {c.name: None for c in kept["cases"].columns if c.name not in later}
        case |= {"id": 5, "person_id": 7, "target": "main"}
        case |= {"scope": "organization", "state": "pending", "source": "okta", "plan": {}}
        case |= {"kind": EventKind.DEACTIVATE.value, "reason": Reason.UNKNOWN.value}
        case |= {"subject": subject, "opened_at": now, "attempts": 0, "returns": 0}
        case |= dict.fromkeys(("note", "approver", "trouble", "outcome"), "")
        case |= dict.fromkeys(("is_emergency", "is_confirmed", "is_back", "is_backlog", "counts_as_intent"), False)
        connection.execute(kept["cases"].insert(), case)
        connection.execute(kept["case_events"].insert(), {"case_id": 5, "inbox_id": 3})
    engine.dispose()

    store.upgrade(url, tmp_path)

    db = store.open_database(url, tmp_path)
    with db.read() as tx:
        assert [(s.connection, s.is_out) for s in standings.of_person(tx, 7)] == [("entra", False), ("okta", True)]
        assert [e.event_id for e in inbox.of_case(tx, 5)] == ["e1"]
        assert [c.absent_at for c in tx.execute(t.cases.select())] == [None]
        assert list(tx.execute(standings.still_out(["okta"])).scalars()) == [7]
        assert list(tx.execute(standings.still_out(["okta", "entra"])).scalars()) == []
    db.close()


def test_the_migrations_are_one_chain():
    """Several heads cannot be upgraded to, and two of one name cannot be told apart."""
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "bridge/store/migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [store.head_revision()]
