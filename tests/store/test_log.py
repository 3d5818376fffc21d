"""Who opens the store while its log is gone, and what is still saved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.store import db as store
from bridge.store.db import StoreGone
from bridge.store.log import Log


@pytest.fixture
def file(tmp_path, empty_store):
    return shutil.copy(empty_store, tmp_path / "bridge.db")


def opened(file) -> store.Database:
    return store.open_database(f"sqlite:///{file}", file.parent)


def write(db, label: str) -> None:
    with db.write() as tx:
        tx.execute(text("INSERT INTO people (label, created_at) VALUES (:label, 0)"), {"label": label})


def labels(db) -> list[str]:
    with db.read() as tx:
        return [row.label for row in tx.execute(text("SELECT label FROM people ORDER BY id"))]


def log_of(file):
    return file.with_name(f"{file.name}-wal")


def test_what_was_acknowledged_is_saved_by_whoever_notices(file):
    ours = opened(file)
    write(ours, "Maya")
    log_of(file).unlink()

    # This thread has no reading connection yet: one that was opened now would begin another log.
    with pytest.raises(StoreGone), ours.read():
        pass

    ours.close()
    later = opened(file)
    assert labels(later) == ["Maya"]
    later.close()


def test_a_process_that_opens_it_only_then_is_told_too(file):
    ours, another = opened(file), opened(file)
    write(ours, "Maya")
    log_of(file).unlink()

    with pytest.raises(StoreGone):
        write(another, "Ben")

    with pytest.raises(StoreGone):
        write(ours, "Chiara")
    another.close()
    ours.close()
    later = opened(file)
    assert labels(later) == ["Maya"]
    later.close()


def test_a_fork_knows_from_its_parent_which_log_it_was(file):
    parent, web = opened(file), opened(file)
    write(web, "Maya")
    parent.remember_log()
    parent.forget_connections()
    log_of(file).rename(log_of(file).with_name("elsewhere"))

    with pytest.raises(StoreGone):
        write(parent, "Ben")

    web.close()
    parent.close()


def test_a_log_that_ended_with_its_last_connection_was_not_taken_away(file):
    parent, web = opened(file), opened(file)
    write(web, "Maya")
    parent.remember_log()
    web.close()
    assert not log_of(file).exists()
    web = opened(file)
    write(web, "Ben")

    parent.remember_log()
    parent.forget_connections()
    write(parent, "Chiara")

    assert labels(web) == ["Maya", "Ben", "Chiara"]
    web.close()
    parent.close()


def test_what_got_the_number_of_a_log_that_ended_is_not_taken_for_it(file, tmp_path):
    """A file system gives the next new file the number that is free: mostly it is SQLite's own index beside the next log."""
    another = Path(shutil.copy(file, tmp_path / "another.db"))
    logs = [Log(file), Log(file), Log(file)]
    somebody_elses = opened(another)
    write(somebody_elses, "Maya")
    ours = opened(file)
    write(ours, "Ben")
    for log, name in zip(logs, ("bridge.db-shm", "another.db-wal", "another.db-shm"), strict=True):
        log._inode = (tmp_path / name).stat().st_ino

        log.remember()

        assert log._inode == log_of(file).stat().st_ino, name
    ours.close()
    somebody_elses.close()
