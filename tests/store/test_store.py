"""One writer at a time, durable, and the same rules on SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from bridge.core.case import Case, opened
from bridge.core.events import EventKind, IdentityEvent, Subject
from bridge.core.policy import Policy
from bridge.ports import ClaimLost
from bridge.store import cases, inbox, people, targets, tokens
from bridge.store import db as store
from bridge.store import tables as t
from tests.conftest import START

MAYA = Subject(user_name="maya.okafor@example.com", external_id="00u1", emails=("maya.okafor@example.com",))


def event(event_id: str = "1", **fields) -> IdentityEvent:
    values = {
        "event_id": event_id,
        "source": "okta",
        "kind": EventKind.DEACTIVATE,
        "subject": MAYA,
        "occurred_at": START,
        "received_at": START,
    }
    return IdentityEvent(**(values | fields))


def open_case(tx, person: int, **fields) -> Case:
    case = opened(event(**fields), person_id=person, target="main", policy=Policy(), now=START)
    return cases.insert_case(tx, case)


def test_the_migrations_make_exactly_the_tables_that_the_code_names(db, url):
    with db.engine.connect() as connection, connection.begin():
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, t.metadata) == []


def test_upgrading_twice_changes_nothing(url, tmp_path):
    store.upgrade(url, tmp_path)
    store.upgrade(url, tmp_path)


def test_two_first_starts_at_once_both_end_with_a_schema(url, tmp_path):
    failures = []

    def start() -> None:
        try:
            store.upgrade(url, tmp_path)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_the_same_event_is_received_once(db):
    with db.write() as tx:
        first = inbox.receive(tx, event(), None)
        second = inbox.receive(tx, event(), None)

    assert first is not None
    assert second is None


def test_what_fails_leaves_nothing_behind(db):
    with pytest.raises(RuntimeError), db.write() as tx:
        inbox.receive(tx, event(), None)
        raise RuntimeError

    with db.read() as tx:
        assert inbox.all_events(tx) == []


def test_a_person_has_one_open_case_per_target_and_scope(db):
    with db.write() as tx:
        person = people.create(tx, "maya", START)
        first = open_case(tx, person)
    with pytest.raises(IntegrityError), db.write() as tx:
        open_case(tx, person, event_id="2")
    with db.write() as tx:
        tx.execute(t.cases.update().where(t.cases.c.id == first.id).values(closed_at=START))
        open_case(tx, person, event_id="3")


def test_a_case_reads_back_as_it_was_written(db):
    with db.write() as tx:
        case = open_case(tx, people.create(tx, "maya", START))
    with db.read() as tx:
        assert cases.find(tx, case.id) == case


def test_two_workers_cannot_both_claim_a_target(db, url):
    with db.write() as tx:
        targets.ensure(tx, ["main"])
        assert targets.claim(tx, "main", START) is not None
        assert targets.claim(tx, "main", START) is None


def test_an_expired_claim_is_taken_over_and_the_old_holder_can_write_no_more(db):
    if not db.is_sqlite:
        with db.write() as tx:
            targets.ensure(tx, ["main"])
            old = targets.claim(tx, "main", START)
            tx.execute(t.targets.update().values(claimed_until=tx.lease_now(START) - timedelta(seconds=1)))
            new = targets.claim(tx, "main", START)
    else:
        with db.write() as tx:
            targets.ensure(tx, ["main"])
            old = targets.claim(tx, "main", START)
            new = targets.claim(tx, "main", START + targets.LEASE + timedelta(seconds=1))

    assert new is not None
    with pytest.raises(ClaimLost), db.write() as tx:
        targets.hold_on(tx, "main", old, START)


def test_leases_on_postgresql_go_by_its_own_clock(db):
    with db.write() as tx:
        far_away = START + timedelta(days=400)

        assert (tx.lease_now(far_away) == far_away) is db.is_sqlite


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_on_postgresql_too_nobody_waits_for_a_lock_longer_than_its_patience(url, db, tmp_path):
    """For ever, with every thread of the web process, it was before."""
    ours = store.open_database(url, tmp_path, patience_seconds=0.2)
    with ours.write() as tx:
        targets.ensure(tx, ["main"])
    for _ in range(2):  # a refusal leaves the connection as it was
        began = time.monotonic()
        with db.write(), pytest.raises(store.FAILURES), ours.write():
            pass
        assert 0.2 <= time.monotonic() - began < 5
    with ours.write() as tx:
        assert targets.state(tx, "main").name == "main"
    ours.close()


def test_a_postgresql_that_takes_connections_and_answers_nothing_is_given_up_after_the_patience(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://bridge@127.0.0.1:{silent.getsockname()[1]}/bridge?sslmode=disable"
        ours = store.open_database(url, tmp_path, patience_seconds=1)
        began = time.monotonic()
        with pytest.raises(store.FAILURES), ours.write():
            pass
        assert time.monotonic() - began < 8
        ours.close()


def test_writers_in_many_threads_all_commit(db):
    def write(number: int) -> None:
        for n in range(10):
            with db.write() as tx:
                inbox.receive(tx, event(f"{number}-{n}"), None)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with db.read() as tx:
        assert len(inbox.all_events(tx)) == 60


def test_a_token_is_kept_as_a_hash_only(db):
    with db.write() as tx:
        clear = tokens.create(tx, "okta", START)
        rows = tx.execute(t.tokens.select()).all()

    assert clear not in str(rows)
    with db.read() as tx:
        assert tokens.connection_of(tx, tokens.digest(clear), START) == "okta"


def test_a_connection_has_at_most_two_live_tokens(db):
    with db.write() as tx:
        tokens.create(tx, "okta", START)
        tokens.create(tx, "okta", START)
        with pytest.raises(tokens.TooManyTokens):
            tokens.create(tx, "okta", START)
        tokens.revoke(tx, tokens.listed(tx)[0].id, START)
        tokens.create(tx, "okta", START)


def test_a_revoked_or_expired_token_opens_nothing(db):
    with db.write() as tx:
        short = tokens.create(tx, "okta", START, expires_at=START + timedelta(days=1))
        revoked = tokens.create(tx, "okta", START)
        tokens.revoke(tx, tokens.listed(tx)[1].id, START)

        assert tokens.connection_of(tx, tokens.digest(short), START + timedelta(days=2)) is None
        assert tokens.connection_of(tx, tokens.digest(revoked), START) is None
        assert tokens.connection_of(tx, tokens.digest("scim-guess"), START) is None


def test_times_come_back_to_the_millisecond_and_aware(db):
    moment = START + timedelta(milliseconds=123)
    with db.write() as tx:
        tx.execute(insert(t.people).values(label="x", created_at=moment))
        assert tx.execute(t.people.select()).one().created_at == moment


def test_a_store_that_a_newer_version_has_changed_is_left_alone(tmp_path, empty_store):
    shutil.copy(empty_store, tmp_path / "bridge.db")
    with closing(sqlite3.connect(tmp_path / "bridge.db")) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(store.StoreTooNew, match=r"its schema is 0999, .* start a newer one"):
        store.upgrade(f"sqlite:///{tmp_path}/bridge.db", tmp_path)
