from __future__ import annotations

import csv
import io
import json

from bridge.store import tables as t
from tests.players import MAYA


def test_the_log_is_exported_as_lines_of_json_in_order(ran, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)

    entries = [json.loads(line) for line in ran("audit", "export").out.splitlines()]

    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert {e["kind"] for e in entries} >= {"event.accepted", "case.opened", "step.done"}


def test_one_cases_entries_alone_and_as_csv(ran, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)

    rows = list(csv.DictReader(io.StringIO(ran("audit", "export", "--case", "1", "--format", "csv").out)))

    assert rows
    assert {row["case_id"] for row in rows} == {"1"}


def test_no_cell_of_the_csv_is_a_spreadsheets_formula(ran, bridge):
    from bridge.store.audit import Entry

    with bridge.db.write() as tx:
        tx.audit(
            Entry(at=bridge.clock.now(), kind="case.opened", actor="=cmd()", target="+1", personal={"n": "\u202e"})
        )

    (row,) = csv.DictReader(io.StringIO(ran("audit", "export", "--format", "csv").out))

    assert (row["actor"], row["target"], row["personal"]) == ("'=cmd()", "'+1", '{"n": "\ufffd"}')


def test_no_line_of_the_export_steers_a_terminal(ran, bridge, okta):
    okta.create("maya\u202e\x9b31m@example.com")

    told = ran("audit", "export").out

    assert "maya\\u202e\\u009b31m@example.com" in told
    assert not {"\u202e", "\x9b"} & set(told)
    assert any("\x9b" in json.loads(line)["personal"].get("name", "") for line in told.splitlines())


def test_verify_says_how_many_hold_and_what_that_proves(ran, okta):
    okta.create(MAYA)

    told = ran("audit", "verify")

    assert told.status == 0
    assert "and every one holds" in told.said
    assert "It proves nothing against somebody who has both" in told.said


def test_a_changed_entry_is_found_and_exits_1(ran, okta, bridge):
    okta.deactivate(okta.create(MAYA))
    with bridge.db.write() as tx:
        tx.execute(t.audit.update().where(t.audit.c.seq == 2).values(actor="somebody"))

    told = ran("audit", "verify")

    assert told.status == 1
    assert "BROKEN after 1 entry: entry 2 was changed" in told.said
    assert ran("audit", "verify", "--json").json["holds"] is False
