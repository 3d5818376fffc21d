"""What a removal asks the store for does not grow with how many people are known, nor with what was done before."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import event

from bridge.core.case import CaseState
from bridge.store import departures
from tests.players import BEN, GRACE, MAYA, join_many

GROWING = {
    "accounts", "audit", "case_events", "cases", "checks", "group_members", "identities", "inbox", "people",
    "record_emails", "records", "standings", "steps",
}  # fmt: skip
"""Tables with rows for everybody who was ever known, or for everything that was ever done."""

NARROWS_NOTHING = {"kind=?", "connection=?", "resource_type=?", "is_removal=?"}
"""An index of which no more than this is used finds nearly the whole table."""

ONLY_WHO_IS_OUT = "ix_standings_out"
"""It has no rows of anybody active: who is out is compared with the members at each look, before it takes the lock."""


@pytest.fixture
def statements(bridge) -> set[str]:
    """Every statement from here on, with its values in it."""
    said: set[str] = set()

    @event.listens_for(bridge.db.engine, "connect")
    def _listen(connection, _record) -> None:
        connection.set_trace_callback(said.add)

    bridge.db.close()  # those that are open already tell nobody
    return said


def long_readings(file, statements: set[str]) -> dict[str, list[str]]:
    """Those that read a growing table from end to end, as SQLite plans without statistics, which nobody makes."""
    found = {}
    with closing(sqlite3.connect(file)) as store:
        for sql in sorted(statements):
            if sql.split()[0] not in {"SELECT", "UPDATE", "DELETE", "INSERT"}:
                continue
            plan = [row[3] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}")]
            if long := [step for step in plan if is_long(step, sql)]:
                found[without_values(sql)] = long
    return found


def is_long(step: str, sql: str) -> bool:
    way, table = step.split()[:2]
    if table not in GROWING or table not in sql:  # the second is a foreign key's check, planned and mostly not run
        return False
    used = re.search(r"\(([^()]*)\)$", step)
    return way == "SCAN" or (used is not None and used[1] in NARROWS_NOTHING and ONLY_WHO_IS_OUT not in step)


def without_values(sql: str) -> str:
    return " ".join(re.sub(r"'(?:[^']|'')*'|\b\d+\b", "?", sql).split())


def a_removal(tale) -> None:
    tale.employs(MAYA, GRACE)
    tale.deactivates(MAYA, GRACE)
    tale.later(minutes=30)


def a_return(tale) -> None:
    tale.employs(BEN)
    tale.deactivates(BEN)
    tale.later(minutes=30)
    join_many(tale.world, 3)
    tale.world.add_member(BEN)
    tale.later(minutes=30)


def somebody_who_is_back_for_good(tale) -> None:
    tale.employs(BEN)
    tale.deactivates(BEN)
    tale.later(hours=26)
    tale.activates(BEN)
    tale.renames(BEN, "ben@example.com")
    tale.later(hours=1)


@pytest.mark.parametrize("happens", [a_removal, a_return, somebody_who_is_back_for_good])
def test_nothing_that_happens_reads_everybody(tale, bridge, statements, happens: Callable[..., None]):
    happens(tale)

    assert len(statements) > 100
    assert long_readings(bridge.db.file, statements) == {}


def test_whoever_is_watched_is_not_read_for_the_plans_of_others(tale, bridge):
    tale.employs(MAYA, BEN)
    tale.deactivates(MAYA)
    tale.later(minutes=30)
    tale.deactivates(BEN)

    with bridge.db.read() as tx:
        assert [row.person_id for row in departures._LEAVING.rows(tx, target="main", later=bridge.clock.now())] == [
            tale.case_of(BEN).person_id
        ]
        assert tale.case_of(MAYA).state is CaseState.WATCHING
