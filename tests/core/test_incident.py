from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.checklist import Checklist, Template, Ticked
from bridge.core.incident import NOT_SHOWN, incident_report, incident_text
from bridge.core.organization import Invite, Level
from bridge.core.plain import plain
from bridge.core.surroundings import Deed, Deeds, Gap, LeftBehind, Project
from tests.core.removals import AT, CASE, MAYA, findings, given, resource

NOW = AT + timedelta(hours=3)
SINCE = AT - timedelta(days=30)


def deed(scope: str, activity: str = "created", hours: float = -1, **fields) -> Deed:
    known = {"item_id": "1", "name": f"{scope} one", "user_email": MAYA, "ip_address": "203.0.113.7", "project_id": 1}
    return Deed(at=AT + timedelta(hours=hours), activity=activity, scope=scope, **{**known, **fields})


def report(*rows: Deed, gaps=(), checklist=None, case=CASE, **bodies):
    deeds = Deeds(since=SINCE, until=NOW, rows=rows, gaps=gaps)
    found = findings(**{"deeds": deeds, **bodies})
    return incident_report(given(case, findings=found, checklist=checklist), NOW)


@pytest.mark.parametrize(
    ("row", "title"),
    [
        (deed("Insight", "exported"), "Exports"),
        (deed("HogFunction", "updated"), "Destinations and exports that were made or changed"),
        (deed("BatchExport"), "Destinations and exports that were made or changed"),
        (deed("HogFunction", "deleted"), "Deletions"),
        (deed("PersonalAPIKey"), "Keys"),
        (deed("OrganizationInvite"), "Invites and memberships"),
        (deed("OrganizationMembership", "updated"), "Invites and memberships"),
        (deed("SharingConfiguration"), "Sharing"),
        (deed("Dashboard", "sharing enabled"), "Sharing"),
        (deed("Team", "updated"), "Settings of the organization and its projects"),
        (deed("Dashboard", "deleted"), "Deletions"),
    ],
)
def test_what_to_look_at_first_is_grouped_by_what_it_can_do(row, title):
    assert [(g.title, g.rows) for g in report(row, deed("Dashboard")).first] == [(title, (row,))]


def test_the_report_says_what_was_done_from_where_and_what_it_cannot_show():
    late = deed("Insight", "exported", hours=2, changes="rows: 5 → 500", is_impersonated=True, project_id=None)
    left = LeftBehind(
        taken_at=AT, resources=(resource("dashboards", "Board", "has a public link"), resource("cohorts", "x"))
    )
    found = report(
        deed("Dashboard"),
        deed("Cohort", ip_address="198.51.100.4", hours=-5),
        late,
        deed("Action", ip_address=""),
        left_behind=left,
        gaps=(Gap(what="older than a week", why="The plan ends there."),),
        invites=(Invite(invite_id="i", email="x@evil.example", level=Level.ADMIN),),
    )
    named = replace(found, projects=(Project(project_id=1, name="Shop"),))
    told = incident_text(named)

    assert found.after_removal == (late,)
    assert [(a.ip_address, a.count) for a in found.addresses] == [("203.0.113.7", 2), ("198.51.100.4", 1)]
    for words in (
        "PostHog's activity log has **4 actions** of this person from 2026-10-21 09:00:00 UTC to 2026-11-20 12:00:00 UTC (30 days).",
        "**1 of them came after the removal.**",
        "- What was queried, opened or read, and what was copied from a screen: PostHog keeps no log of it.",
        "- Not read: older than a week. The plan ends there.",
        "### Exports (1)",
        "| **2026-11-20 11:00:00 UTC, after the removal** | Insight exported (by PostHog's staff in this person's name) |",
        "rows: 5 → 500 |  | 203.0.113.7 |",
        "- x@evil.example as admin",
        "[Board](<https://eu.posthog.com/project/1/dashboards/7>)",
        "| 203.0.113.7 | 2 | 2026-11-20 08:00:00 UTC | 2026-11-20 11:00:00 UTC |",
        "| 2026-11-20 08:00:00 UTC | Dashboard created | Dashboard one |  | Shop | 203.0.113.7 |",
        "## Everything, oldest first",
    ):
        assert words in told
    assert all(words[1:] in told for words in NOT_SHOWN)


def test_without_anything_to_look_at_it_says_so():
    told = incident_text(report(left_behind=LeftBehind(taken_at=AT)))

    assert "**0 actions**" in told
    assert "Nothing of the kinds that are looked at first was done." in told
    assert "None was found on what this person made." in told
    assert "The log names no addresses." in told
    assert "Everything, oldest first" not in told


def test_a_plan_without_the_log_is_named_and_no_empty_report_is_shown():
    gap = Gap(
        what="the activity log", why="402: Audit logs is part of the premium PostHog offering.", remedy="Scale plan."
    )

    assert "- Not read: the activity log. 402: Audit logs" in incident_text(report(gaps=(gap,)))


@pytest.mark.parametrize(
    ("deeds", "words"), [(None, "Still being collected."), ("401: refused", "Could not be collected: 401: refused")]
)
def test_a_log_that_was_not_read_is_no_log_without_actions(deeds, words):
    told = incident_text(report(deeds=deeds))

    assert f"**No activity can be shown.** {words}" in told
    assert "What to look at first" not in told
    assert "From where" not in told
    assert "is not listed yet" in told


def test_somebody_who_was_not_removed_can_have_a_report_too():
    told = incident_text(report(deed("Insight"), case=replace(CASE, removed_at=None)))

    assert "was not removed (case 1)" in told
    assert "after the removal" not in told


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            {},
            "**Not decided yet.** GDPR, article 33, gives 72 hours from becoming aware. Whoever decides enters it with `todo done 7 --answer",
        ),
        (
            {"done_at": AT, "done_by": "operator:lea", "answer": "No breach; Ada Byrne, DPO"},
            "No breach; Ada Byrne, DPO *Entered by lea on 2026-11-20 09:00:00 UTC.*",
        ),
    ],
)
def test_the_decision_about_a_breach_is_asked_for_or_told_with_who_took_it(item, words):
    asked = (Ticked(id=7, kind="breach", text="Breach decision. Decide.", wants_answer=True, **item),)
    checklist = Checklist(template=Template.EMERGENCY, chosen_by="the bridge", opened_at=AT, asked=asked)

    assert words in incident_text(report(checklist=checklist))


def test_where_no_decision_is_asked_for_it_says_how_to_ask():
    assert "`checklist 1 --template emergency`" in incident_text(report())


def test_the_report_is_json_too():
    found = json.loads(json.dumps(plain(report(deed("Insight", "exported")))))

    assert found["first"][0]["title"] == "Exports"
    assert found["rows"][0]["ip_address"] == "203.0.113.7"
