"""Writers take turns: ours with each other, and with a stranger who has SQLite's lock."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from bridge.store import db as store
from bridge.store import tables as t
from bridge.store import targets
from tests.conftest import START


@pytest.fixture
def file(tmp_path, empty_store):
    (tmp_path / "bridge.db").write_bytes(empty_store.read_bytes())
    return tmp_path / "bridge.db"


def opened(file, patience_seconds: float) -> store.Database:
    return store.open_database(f"sqlite:///{file}", file.parent, b"k" * 32, patience_seconds=patience_seconds)


@pytest.fixture
def stranger(file):
    """Somebody with a shell of their own, who has begun to write and went to lunch."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_a_writer_waits_for_a_strangers_lock_and_then_writes(file, stranger):
    ours = opened(file, 20.0)
    threading.Timer(0.7, stranger.rollback).start()
    with ours.write() as tx:
        targets.ensure(tx, ["main"])
    with ours.read() as tx:
        assert targets.state(tx, "main").name == "main"
    ours.close()


def test_however_many_wait_for_a_stranger_each_gives_up_after_its_own_patience(file, stranger):
    """One after the other they would wait for their patience's sum, and a request's sender would be gone."""
    ours, waited, refused = opened(file, 1.0), [], []

    def write() -> None:
        began = time.monotonic()
        try:
            with ours.write():
                pass
        except store.FAILURES as error:
            refused.append(error)
        waited.append(time.monotonic() - began)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 8
    assert max(waited) < 8 * 1.0
    ours.close()


def test_reading_goes_on_while_a_stranger_writes(file, stranger):
    ours = opened(file, 1.0)
    with ours.read() as tx:
        assert targets.due(tx, START) == ()
    ours.close()


def test_what_was_begun_is_not_kept_when_the_writer_fails(file):
    ours = opened(file, 1.0)
    with pytest.raises(RuntimeError), ours.write() as tx:
        targets.ensure(tx, ["main"])
        raise RuntimeError
    with ours.write() as tx:
        targets.ensure(tx, ["other"])
    with ours.read() as tx:
        assert tx.execute(t.targets.select()).one().name == "other"
    ours.close()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_nothing_is_committed_to_a_log_that_was_taken_away_and_what_it_held_is_kept(file, is_replaced):
    ours = opened(file, 1.0)
    with ours.write() as tx:
        targets.ensure(tx, ["main"])
    log = file.with_name("bridge.db-wal")
    log.unlink()
    if is_replaced:
        log.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(store.StoreGone, match="removed or replaced"), ours.write() as tx:
            targets.ensure(tx, ["other"])
    ours.close()
    file.with_name("bridge.db-shm").unlink(missing_ok=True)
    with opened(file, 1.0).read() as tx:
        assert tx.rows("SELECT name FROM targets") == [("main",)]
