from __future__ import annotations

from dataclasses import replace

import pytest

from bridge import inquiries
from bridge.core.policy import Mode
from bridge.core.surroundings import Resource
from tests.conftest import run_for
from tests.inquiring import Telling
from tests.players import GRACE, MAYA


@pytest.fixture
def gone(bridge, okta, settle, clock):
    """Maya has left, and what is to be known of it was collected."""
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    made = Resource(kind="dashboards", project_id=1, resource_id="7", name="Revenue", path="/project/1/dashboard/7")
    telling = Telling(bridge.remote("main"), resources=(made,))
    clock.advance(minutes=6)
    inquiries.run(replace(bridge, remote=lambda _name: telling), "main")


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
    assert "1 of 8 ticked by people" in ticked.out
    assert f"✓ {item['id']}. Slack" in ticked.out
    assert "Ticked by lea on" in ticked.out
    assert "Answer: done in Okta" in ticked.said
    assert "ticked: Slack." in ran("report", "1").out

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


def test_before_the_removal_there_is_no_checklist_but_one_can_be_chosen(ran, okta):
    okta.deactivate(okta.create(GRACE))

    told = ran("checklist", "1")
    assert told.status == 1
    assert "has no checklist yet" in told.err
    assert ran("checklist", "1", "--template", "contractor").status == 0
    assert ran("checklist", "9", "--template", "contractor").status == 1


def test_case_json_has_the_checklist_and_the_handover(ran, gone):
    found = ran("case", "1", "--json").json

    assert found["checklist"]["template"] == "employee"
    assert found["handover"]["before"]["level"] == "member"
    assert found["handover"]["left_behind"]["kinds"] == {"dashboards": 1}
    assert found["handover"]["left_behind"]["state"] == "kept"
    assert ran("cases", "--json").json[0]["checklist"] is None
