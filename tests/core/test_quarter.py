from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.core.case import CaseState, Released
from bridge.core.events import Reason
from bridge.core.plain import plain
from bridge.core.plan import HoldCode
from bridge.core.quarter import Outside, quarter, quarter_csv, quarter_of, quarter_text, removal_of, span_of
from bridge.core.removal_record import Verdict
from bridge.core.surroundings import Gap
from tests.core.removals import AT, CASE, step

BERLIN = ZoneInfo("Europe/Berlin")
Q4 = quarter_of("2026Q4", BERLIN, "Europe/Berlin")
NOW = datetime(2027, 1, 4, 8, 0, tzinfo=UTC)


def row(case=CASE, *, steps=None, approver: str = "none: policy enforce", still_open=None, span=Q4):
    return removal_of(case, (step(),) if steps is None else steps, approver, still_open, span)


def report(*rows, now=NOW, **fields):
    return quarter(Q4, rows, targets=("main",), now=now, **fields)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026Q4", "2026-10-01T00:00:00+02:00", "2027-01-01T00:00:00+01:00"),
        ("2026-q1", "2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
        (" 2026Q2 ", "2026-04-01T00:00:00+02:00", "2026-07-01T00:00:00+02:00"),
    ],
)
def test_a_quarter_begins_and_ends_where_its_reader_lives(text, since, until):
    span = quarter_of(text, BERLIN, "Europe/Berlin")

    assert (span.since.isoformat(), span.until.isoformat()) == (since, until)
    assert span.holds(span.since)
    assert not span.holds(span.until)
    assert not span.holds(None)


@pytest.mark.parametrize("text", ["2026", "2026Q5", "Q4", "26Q4"])
def test_what_is_no_quarter_is_refused(text):
    with pytest.raises(ValueError, match="is no quarter"):
        quarter_of(text, UTC, "UTC")


def test_a_stretch_of_days_has_both_ends():
    span = span_of(date(2026, 11, 1), date(2026, 11, 2), UTC, "UTC")

    assert span.label == "2026-11-01 to 2026-11-02"
    assert span.until - span.since == timedelta(days=2)
    with pytest.raises(ValueError, match="is before"):
        span_of(date(2026, 11, 2), date(2026, 11, 1), UTC, "UTC")


def test_the_numbers_are_counted_over_those_who_were_removed():
    slow = replace(CASE, id=2, reason=Reason.RESIGNED)
    found = report(
        row(still_open=0),
        row(slow, steps=(step(ended_at=AT + timedelta(hours=2)),), approver="operator:ada", still_open=3),
        row(replace(CASE, id=3), steps=(step(ended_at=AT + timedelta(minutes=3)),)),
        row(replace(CASE, id=4, state=CaseState.CANCELLED, outcome="cancelled by x"), steps=()),
    )
    told = quarter_text(found, BERLIN)

    assert (found.median_seconds, found.longest_seconds) == (180, 7200)
    assert found.reasons == {"unknown": 2, "resigned": 1}
    for words in (
        "Organization: main. From 2026-10-01 00:00:00 CEST to 2026-12-31 23:59:59 CET. All times are in Europe/Berlin.",
        "| Removed | 3 |",
        "| From request to out, median | 3 min |",
        "| From request to out, longest | 2 h |",
        "| **Not removed** | **1** |",
        "| Approved by, or the policy that stood in | policy enforce: 2, ada: 1 |",
        "| 2 | maya.okafor@example.com | main | 2026-11-20 10:00:00 CET | 2026-11-20 12:00:00 CET | 2 h | okta | ada | resigned |  | 3 open |",
        "| done |",
        "Cancelled by x. |",
    ):
        assert words in told
    assert "is not over" not in told


def test_a_quarter_without_anybody_says_so():
    told = quarter_text(report(now=AT), UTC)

    assert "**This stretch of time is not over: the numbers will change.**" in told
    assert told.count("Nobody.") == 2
    assert "None is known of." in told
    assert "| Reasons | none |" in told


def test_who_was_out_after_the_end_was_not_removed_within_it():
    late = row(steps=(step(ended_at=Q4.until + timedelta(hours=1)),))

    assert late.verdict is Verdict.NOT_REMOVED
    assert late.approved_by == ""
    assert late.why_not.startswith("Removed after the end of this report, 41 d")


@pytest.mark.parametrize(
    ("fields", "exceptions"),
    [
        ({}, ()),
        ({"is_emergency": True}, ("emergency",)),
        ({"returns": 2}, ("came back twice",)),
        ({"closed_at": AT + timedelta(hours=1)}, ("the watch ended early",)),
        (
            {
                "released": Released(
                    steps=frozenset(), codes=frozenset({HoldCode.TOO_MANY}), by="operator:ada", reason="x", at=AT
                )
            },
            ("held (too_many), approved by ada",),
        ),
        ({"released": Released(steps=frozenset(), codes=frozenset(), by="operator:ada", reason="x", at=AT)}, ()),
    ],
)
def test_what_was_out_of_the_ordinary_is_named(fields, exceptions):
    assert row(replace(CASE, **fields)).exceptions == exceptions


def test_who_is_back_again_and_what_is_about_a_project_is_named():
    found = report(row(replace(CASE, is_back=True, scope="project:42")))

    assert found.removed[0].verdict is Verdict.BACK
    told = quarter_text(found, UTC)
    assert "main, project:42" in told
    assert "back again now" in told


def test_memberships_that_others_ended_are_listed_apart_with_what_nobody_knows():
    log = Outside(at=AT, person="wei@example.com", target="main", by="grace@example.com", known_from="the log")
    unknown = replace(log, at=AT - timedelta(days=1), by="", person="| evil |")
    found = report(outside=(log, unknown), gaps=(Gap(what="the log", why="402: no plan.", remedy="Another plan."),))
    told = quarter_text(found, UTC)

    assert [o.by for o in found.outside] == ["", "grace@example.com"]
    assert r"| \| evil \| | main | not known | the log |" in told
    assert "- Not seen: the log. 402: no plan. Another plan." in told
    assert found.removed == ()


def test_a_spreadsheet_gets_every_row_and_runs_none():
    evil = replace(CASE, subject=replace(CASE.subject, user_name="=cmd|' /C calc'!A0"))
    outside = Outside(at=AT, person="+1", target="main", by="x", known_from="y")
    rows = list(quarter_csv(report(row(evil, still_open=2), row(steps=()), outside=(outside,))))

    assert {len(r) for r in rows} == {15}
    assert rows[1][1] == "'=cmd|' /C calc'!A0"
    assert rows[1][9:11] == ("2026-11-20T09:01:00.000Z", "60")
    assert rows[2][4] == "NOT REMOVED"
    assert rows[3][1:5] == ("'+1", "main", "organization", "OUTSIDE THE BRIDGE")


def test_the_report_is_json_too():
    found = json.loads(json.dumps(plain(report(row()))))

    assert found["removed"][0]["request_to_out_seconds"] == 60
    assert found["span"]["since"] == "2026-09-30T22:00:00.000Z"
