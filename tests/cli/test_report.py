from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import decisions
from bridge.core.events import Reason, Subject
from bridge.core.findings import Progress, Topic
from bridge.core.policy import Mode
from bridge.core.surroundings import Deed, Resource
from bridge.store import findings
from tests.conftest import run_for
from tests.inquiring import Telling, inquire
from tests.players import GRACE, MAYA


@pytest.fixture
def gone(bridge, okta, settle, clock):
    """Maya has left, and what is to be known of it was collected."""
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    made = Resource(kind="dashboards", project_id=1, resource_id="7", name="Revenue", path="/project/1/dashboard/7")
    telling = Telling(bridge.remote("main"), resources=(made,))
    clock.advance(minutes=6)
    inquire(replace(bridge, remote=lambda _name: telling))


def test_the_record_is_printed_and_is_json_too(ran, gone):
    printed, found = ran("report", "1"), ran("report", "1", "--format", "json").json

    assert printed.status == 0
    assert printed.out.startswith(
        f"# Removal record: {MAYA}\n\n**REMOVED.** The membership of {MAYA} in main ended on "
    )
    assert "[Revenue](<http://posthog.test/project/1/dashboard/7>)" in printed.out
    assert found["verdict"] == "REMOVED"
    assert found["request_to_out_seconds"] == 60
    assert [e["seq"] for e in found["evidence"]] == sorted(e["seq"] for e in found["evidence"])


def test_the_record_of_an_observed_case_says_not_removed(ran, bridge, okta, clock):
    observing = replace(bridge, policies={"main": replace(bridge.policies["main"], mode=Mode.OBSERVE)})
    okta.deactivate(okta.create(MAYA))
    run_for(observing, clock, minutes=2)

    assert "**NOT REMOVED.**" in ran("report", "1").out.splitlines()[2]


def test_a_case_that_is_not_there_has_no_record(ran):
    told = ran("report", "9")

    assert (told.status, told.out) == (1, "")
    assert "There is no case 9." in told.err


def test_an_item_is_ticked_with_its_name_and_unticked_again(ran, gone):
    item = next(i for i in ran("checklist", "1", "--format", "json").json["items"] if i["kind"] == "slack")

    assert ran("todo", "done", str(item["id"]), "--answer", "done in Okta").status == 0
    ticked = ran("checklist", "1")
    assert "1 of 7 ticked by people" in ticked.out
    assert f"✓ {item['id']}. Slack" in ticked.out
    assert "Ticked by lea on" in ticked.out
    assert "Answer: done in Okta" in ticked.said
    assert "ticked: Slack (answer: done in Okta)" in ran("report", "1").out

    assert ran("todo", "reopen", str(item["id"])).status == 0
    assert ran("todo", "reopen", str(item["id"])).status == 1
    assert f"☐ {item['id']}. Slack." in ran("checklist", "1").out


def test_several_items_are_ticked_at_once_and_the_checklist_is_done_with_the_last(ran, gone, settle):
    items = [i["id"] for i in ran("checklist", "1", "--format", "json").json["items"]]
    ran("todo", "done", *map(str, items))
    assert ran("checklist", "1", "--format", "json").json["done"] is False

    settle(hours=25)

    assert ran("checklist", "1", "--format", "json").json["done"] is True
    assert "Employee: done" in ran("checklist", "1").out


def test_an_operator_may_choose_another_template(ran, gone):
    assert "Farewell." in ran("checklist", "1").out

    chosen = ran("checklist", "1", "--template", "hostile", "--format", "md")

    assert chosen.status == 0
    assert "chosen by lea" in chosen.out
    assert "Farewell" not in chosen.out
    assert "**Incident report.**" in chosen.out


def test_a_decision_about_a_breach_cannot_be_ticked_without_an_answer(ran, gone, bridge):
    ran("checklist", "1", "--template", "emergency")
    breach = next(i for i in ran("checklist", "1", "--format", "json").json["items"] if i["kind"] == "breach")
    assert breach["urgent"]
    assert "Breach decision." in ran("status").out

    refused = ran("todo", "done", str(breach["id"]))
    assert refused.status == 1
    assert "asks for an answer" in refused.err

    assert ran("todo", "done", str(breach["id"]), "--answer", "No breach: Ada Byrne, DPO").status == 0
    assert "Answer: No breach: Ada Byrne, DPO" in ran("checklist", "1").said


def test_the_checklist_asks_nothing_of_the_status_unless_it_is_urgent(ran, gone):
    assert ran("status").status == 0
    assert "Slack" not in ran("status").out


def test_checklists_that_are_not_done_are_listed_and_counted_without_asking(ran, gone):
    listed = ran("checklist")

    assert listed.out.splitlines()[0].split() == ["CASE", "WHO", "TEMPLATE", "OPEN", "BEGUN"]
    assert listed.out.splitlines()[1].split()[:6] == ["1", MAYA, "employee", "7", "of", "7"]
    assert ran("checklist", "--format", "json").json[0]["open"] == 7
    assert "Checklists 1 is not done, the oldest for" in ran("status").said
    assert ran("status", "--json").json["checklists"][0]["case_id"] == 1
    assert ran("checklist", "--template", "hostile").status == 2

    items = [i["id"] for i in ran("checklist", "1", "--format", "json").json["items"]]
    ran("todo", "done", *map(str, items))
    assert ran("checklist").out == "Every checklist is done.\n"
    assert "Checklists" not in ran("status").out


def test_before_the_removal_there_is_no_checklist_but_one_can_be_chosen(ran, okta):
    okta.deactivate(okta.create(GRACE))

    told = ran("checklist", "1")
    assert told.status == 1
    assert "has no checklist yet" in told.err
    assert ran("checklist", "1", "--template", "contractor").status == 0
    assert ran("checklist", "9", "--template", "contractor").status == 1


@pytest.fixture
def fired(bridge, settle, clock):
    """Grace was taken out in an emergency, and what she did was read."""
    subject = Subject(user_name=GRACE, emails=(GRACE,))
    decisions.remove(bridge, subject, "main", by="ada", reason=Reason.SECURITY_INCIDENT, is_emergency=True)
    settle(minutes=1)
    exported = Deed(
        at=clock.now() - timedelta(days=2), activity="exported", scope="Insight", item_id="1", name="All users"
    )
    telling = Telling(bridge.remote("main"), rows=(exported,))
    inquire(replace(bridge, remote=lambda _name: telling))


def test_the_incident_report_is_printed_and_is_json_too(ran, fired):
    printed, found = ran("report", "1", "--incident"), ran("report", "1", "--incident", "--format", "json").json

    assert printed.out.startswith(f"# Incident report: {GRACE}\n")
    assert "### Exports (1)" in printed.out
    assert found["rows"][0]["name"] == "All users"


def test_an_incident_report_that_nobody_asked_for_before_has_the_log_read(ran, gone, bridge):
    told = ran("report", "1", "--incident", "--wait", "0")

    assert "**No activity can be shown.** Still being collected." in told.out
    with bridge.db.read() as tx:
        assert findings.of_case(tx, 1).of(Topic.DEEDS).progress is Progress.WANTED


def test_of_somebody_who_was_not_removed_no_log_is_read(ran, okta):
    okta.deactivate(okta.create(MAYA))

    assert "**No activity can be shown.** Not collected." in ran("report", "1", "--incident").out


def test_a_log_that_has_come_is_shown_without_waiting_longer(ran, gone, bridge, monkeypatch):
    telling = Telling(bridge.remote("main"))
    workers = threading.Timer(0.2, lambda: inquire(replace(bridge, remote=lambda _name: telling)))
    workers.start()

    assert "**0 actions**" in ran("report", "1", "--incident", "--wait", "20").out
    workers.join()


def test_all_removals_of_a_quarter_are_printed_in_a_stated_time_zone(ran, gone, fired, world, settle):
    world.remove_member("wei.zhang@example.com")
    settle(hours=1)
    printed = ran("report", "--quarter", "2026Q4", "--timezone", "Europe/Berlin")
    found = ran("report", "--quarter", "2026Q4", "--format", "json").json
    rows = ran("report", "--from", "2026-11-01", "--to", "2026-11-30", "--target", "main", "--format", "csv").out

    assert printed.status == 0
    assert "| Removed | 2 |" in printed.out
    assert "2026-11-20 10:01:00 CET" in printed.out
    assert "| wei.zhang@example.com | main | not known | two looks compared; a member until 2026-11-20 " in printed.out
    assert [r["case_id"] for r in found["removed"]] == [1, 2]
    assert len(rows.splitlines()) == 4
    assert "| Removed | 0 |" in ran("report", "--quarter", "2026Q3").out
    assert "2026-11-20 to 2026-11-20" in ran("report", "--from", "2026-11-20").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name one case"),
        (("1", "--quarter", "2026Q4"), "Name one case"),
        (("--quarter", "2026Q4", "--incident"), "--incident goes with one case"),
        (("1", "--format", "csv"), "--format csv goes with"),
        (("--quarter", "2026Q9"), '"2026Q9" is no quarter'),
        (("--quarter", "2026Q4", "--from", "2026-10-01"), "Either --quarter"),
        (("--from", "2026-10-01", "--to", "2026-09-01"), "is before"),
        (("--from", "yesterday"), "yesterday"),
        (("--quarter", "2026Q4", "--timezone", "Europe/Bertin"), "There is no time zone"),
        (("--quarter", "2026Q4", "--timezone", "../etc/passwd"), "There is no time zone"),
        (("--quarter", "2026Q4", "--target", "mian"), 'There is no target "mian"'),
    ],
)
def test_a_wrong_use_is_told_in_a_sentence(ran, arguments, words):
    told = ran("report", *arguments)

    assert told.status == 2
    assert words in told.err
    assert "Traceback" not in told.err


def test_case_shows_the_handover_in_short(ran, gone):
    told = ran("case", "1")

    assert "Handover" in told.out
    assert "Made" in told.out
    assert "1 dashboard\n" in told.out
    assert "employee: open; 0 of 7 ticked by people" in told.said
    assert "python3 -m bridge report 1" in told.out
    assert "To do by a person" not in told.out


def test_case_json_has_the_checklist_and_the_handover(ran, gone):
    found = ran("case", "1", "--json").json

    assert found["checklist"]["template"] == "employee"
    assert found["handover"]["before"]["level"] == "member"
    assert found["handover"]["left_behind"]["kinds"] == {"dashboards": 1}
    assert found["handover"]["left_behind"]["state"] == "kept"
    assert ran("cases", "--json").json[0]["checklist"] is None
