"""Writers take turns: ours with each other, and with a stranger who has SQLite's lock."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from bridge.store import audit, targets, turns
from bridge.store import db as store
from bridge.store import tables as t
from bridge.store.audit import Entry
from bridge.store.transaction import Tx
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


def test_the_writer_keeps_more_pages_in_memory_than_each_reader(file):
    ours = opened(file, 1.0)
    for _ in range(2):
        with ours.write() as tx:
            assert tx.rows("PRAGMA cache_size") == [(-turns.CACHE_KIB,)]
        with ours.read() as tx:
            assert tx.rows("PRAGMA cache_size") == [(-2_000,)]
        with pytest.raises(ValueError, match="a mistake"), ours.write():  # its connection is given back
            raise ValueError("a mistake")
    ours.close()


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


def together(ours: store.Database, writers: int, change, monkeypatch) -> list[BaseException | None]:
    """Has that many threads write, the first one's turn lasting until all others wait for theirs; what each met."""
    monkeypatch.setattr(turns, "LONGEST_SECONDS", 60.0)
    met: list[BaseException | None] = [None] * writers
    has_begun, are_waiting = threading.Event(), threading.Event()

    def write(number: int) -> None:
        try:
            with ours.write() as tx:
                if number == 0:
                    has_begun.set()
                    assert are_waiting.wait(30)
                change(tx, number)
        except Exception as error:
            met[number] = error

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for number, thread in enumerate(threads):
        thread.start()
        assert has_begun.wait(30)
        while len(ours._turns._waiting) < number:
            time.sleep(0.001)
    are_waiting.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return met


def note(tx, number: int) -> None:
    targets.ensure(tx, [f"t{number}"])
    tx.audit(Entry(at=START, kind="test.change", actor="test", facts={"number": number}))


@pytest.fixture
def commits(monkeypatch) -> list[str]:
    """Every COMMIT that is sent."""
    sent = []
    run = Tx.run

    def noting(self, sql, given=()):
        if sql == "COMMIT":
            sent.append(sql)
        return run(self, sql, given)

    monkeypatch.setattr(Tx, "run", noting)
    return sent


def kept(ours: store.Database) -> set[str]:
    with ours.read() as tx:
        assert audit.verify(tx, ours.audit_key)[1] == ""
        return set(tx.execute(t.targets.select()).scalars())


def test_whoever_waits_for_the_turn_shares_the_commit(file, commits, monkeypatch):
    ours = opened(file, 20.0)

    assert together(ours, 6, note, monkeypatch) == [None] * 6

    assert len(commits) == 1
    assert kept(ours) == {f"t{n}" for n in range(6)}
    ours.close()


def test_a_change_that_fails_is_undone_alone(file, commits, monkeypatch):
    ours = opened(file, 20.0)

    def fail_third(tx, number: int) -> None:
        note(tx, number)
        if number == 3:
            raise RuntimeError

    met = together(ours, 6, fail_third, monkeypatch)

    assert [type(each) for each in met] == [type(None)] * 3 + [RuntimeError] + [type(None)] * 2
    assert len(commits) == 1
    assert kept(ours) == {"t0", "t1", "t2", "t4", "t5"}
    ours.close()


def test_what_cannot_be_written_into_the_audit_log_fails_alone(file, monkeypatch):
    ours = opened(file, 20.0)

    def say_nonsense(tx, number: int) -> None:
        note(tx, number)
        if number == 2:
            tx.audit(Entry(at=START, kind="test.change", actor="test", facts={"what": object()}))

    met = together(ours, 4, say_nonsense, monkeypatch)

    assert [type(each) for each in met] == [type(None), type(None), TypeError, type(None)]
    assert kept(ours) == {"t0", "t1", "t3"}
    ours.close()


def test_changes_that_share_a_commit_are_in_the_audit_log_in_the_order_of_their_turns(file, monkeypatch):
    ours = opened(file, 20.0)
    turns_taken = []

    def change(tx, number: int) -> None:
        turns_taken.append(number)
        note(tx, number)
        note(tx, number)

    together(ours, 5, change, monkeypatch)

    assert kept(ours) == {f"t{n}" for n in range(5)}
    with ours.read() as tx:
        said = [k.entry.facts["number"] for k in audit.read(tx)]
    assert said == [number for number in turns_taken for _ in range(2)]
    ours.close()


def test_the_last_one_failing_leaves_the_others_durable(file, commits, monkeypatch):
    ours = opened(file, 20.0)

    def fail_last(tx, number: int) -> None:
        note(tx, number)
        if number == 3:
            raise RuntimeError

    met = together(ours, 4, fail_last, monkeypatch)

    assert met[:3] == [None] * 3
    assert kept(ours) == {"t0", "t1", "t2"}
    ours.close()


def test_when_the_shared_commit_fails_everybody_knows_and_nothing_is_kept(file, monkeypatch):
    ours = opened(file, 20.0)
    run = Tx.run

    def failing(self, sql, given=()):
        if sql == "COMMIT":
            raise OSError(28, "No space left on device")
        return run(self, sql, given)

    monkeypatch.setattr(Tx, "run", failing)
    met = together(ours, 4, note, monkeypatch)
    monkeypatch.setattr(Tx, "run", run)

    assert all(isinstance(each, store.FAILURES) for each in met)
    assert kept(ours) == set()
    with ours.write() as tx:
        note(tx, 9)
    assert kept(ours) == {"t9"}
    ours.close()


def test_when_the_database_takes_the_whole_transaction_away_nobody_is_told_success(file, monkeypatch):
    ours = opened(file, 20.0)

    def lose_it(tx, number: int) -> None:
        note(tx, number)
        if number == 2:
            tx.run("ROLLBACK")  # as SQLite does by itself when the disk is full
            raise RuntimeError

    met = together(ours, 3, lose_it, monkeypatch)

    # No order is promised among those who wait: whoever comes after the loss has a transaction of their own.
    assert isinstance(met[0], store.FAILURES)
    assert isinstance(met[2], RuntimeError)
    assert met[1] is None or isinstance(met[1], store.FAILURES)
    assert kept(ours) == ({"t1"} if met[1] is None else set())
    ours.close()


def test_nobody_waits_for_a_commit_that_was_left_to_somebody_who_gave_up(file, commits):
    ours = opened(file, 20.0)
    ours._turns._waiting.add(-1)  # counted, but never coming

    with ours.write() as tx:
        note(tx, 1)

    assert len(commits) == 1
    assert kept(ours) == {"t1"}
    ours.close()
