from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.case import CaseState
from bridge.core.checklist import Checklist, Template, Ticked, Verdict, asks, choose
from bridge.core.events import Reason
from bridge.core.findings import Access, Profiles, WayBack, WaysBack
from bridge.core.organization import Invite, Level
from bridge.core.surroundings import Gap, LeftBehind, Tracked
from bridge.core.verified import verified
from tests.core.removals import AT, CASE, MAYA, REMOVE, findings, log, resource, step

CLOUD = "https://eu.posthog.com"
GAP = Gap(what="flags in Shop", why="403")


def kinds(template: Template, found=None, case=CASE, url: str = CLOUD) -> list[str]:
    return [a.kind for a in asks(template, case, found or findings(), url)]


def text_of(kind: str, template: Template = Template.EMPLOYEE, found=None, url: str = CLOUD) -> str:
    return next(a.text for a in asks(template, CASE, found or findings(), url) if a.kind == kind)


@pytest.mark.parametrize(
    ("fields", "level", "template"),
    [
        ({}, Level.MEMBER, Template.EMPLOYEE),
        ({"reason": Reason.RESIGNED}, Level.MEMBER, Template.EMPLOYEE),
        ({"reason": Reason.CONTRACT_ENDED}, Level.MEMBER, Template.CONTRACTOR),
        ({"reason": Reason.CONTRACT_ENDED}, Level.ADMIN, Template.ADMIN),
        ({}, Level.OWNER, Template.ADMIN),
        ({"reason": Reason.TERMINATED}, Level.MEMBER, Template.HOSTILE),
        ({"reason": Reason.SECURITY_INCIDENT}, Level.OWNER, Template.HOSTILE),
        ({"is_emergency": True}, Level.MEMBER, Template.EMERGENCY),
    ],
)
def test_the_template_follows_from_the_case(fields, level, template):
    assert choose(replace(CASE, **fields), level) is template


@pytest.mark.parametrize("template", Template)
def test_nobody_who_may_wish_harm_gets_a_farewell(template):
    assert ("farewell" in kinds(template)) is (template not in {Template.HOSTILE, Template.EMERGENCY})


@pytest.mark.parametrize("template", Template)
def test_no_checklist_ever_says_that_a_key_was_revoked(template):
    found = findings(level=Level.OWNER, left_behind=LeftBehind(taken_at=AT))

    words = " ".join(a.text for a in asks(template, CASE, found, CLOUD))

    assert "revoke" not in words.lower()
    assert "stay valid elsewhere, and revive if the person returns" in words


@pytest.mark.parametrize("template", Template)
def test_every_item_has_a_kind_of_its_own_that_fits_its_column(template):
    projects = tuple(Access(project_id=n, project=f"P{n}", level="admin", how="x") for n in (1, 2))
    found = kinds(template, findings(projects=projects))

    assert len(found) == len(set(found))
    assert max(map(len, found)) <= 64


def test_a_project_token_is_rotated_by_hand_with_its_warning_and_three_ticks():
    projects = (Access(project_id=42, project="Shop", level="admin", how="organization_admin"),)
    found = asks(Template.ADMIN, CASE, findings(projects=projects), CLOUD)
    token, *ticks = (a for a in found if a.kind.startswith("token:42"))

    assert token.url == "https://eu.posthog.com/project/42/settings/project"
    assert "the old token stops at once in every SDK, there is no backup token" in token.text
    assert [t.kind for t in ticks] == ["token:42:sdks", "token:42:deployed", "token:42:tested"]


def test_many_projects_are_one_item_about_tokens():
    projects = tuple(Access(project_id=n, project="", level="admin", how="x") for n in range(6))

    assert "each of 6 projects" in text_of("token:0", Template.ADMIN, findings(projects=projects))
    assert "token:0" in kinds(Template.HOSTILE)
    assert "token:0" not in kinds(Template.EMPLOYEE)
    one = findings(projects=(Access(project_id=3, project="", level="member", how="x"),))
    assert "Project token of project 3." in text_of("token:3", Template.ADMIN, one)


def test_what_stops_or_goes_on_without_the_person_is_asked_by_name():
    left = LeftBehind(
        taken_at=AT,
        resources=(
            resource("subscriptions", "Weekly", f"still sends to {MAYA}"),
            resource("subscriptions", "Others"),
            resource("alerts", "Sign-ups", "nobody else is told, so after the removal it tells nobody"),
            resource("hog_functions", "To Zapier", "sends data out, and goes on"),
            resource("hog_functions", "Old", "switched off"),
            resource("insights", "Public", "has a public link"),
            *(resource("dashboards", f"D{n}") for n in range(5)),
        ),
    )
    found = findings(left_behind=left)

    assert "There is 1, and PostHog goes on sending" in text_of("subscriptions", found=found)
    assert text_of("subscriptions", found=found).endswith("Weekly.")
    assert "Sign-ups." in text_of("alerts", found=found)
    assert text_of("destinations", found=found).endswith("To Zapier.")
    assert text_of("public_links", found=found).endswith("Public.")
    assert "There are 7" in text_of("handover", found=found)
    many = LeftBehind(taken_at=AT, resources=tuple(resource("hog_functions", "") for _ in range(5)))
    assert text_of("destinations", found=findings(left_behind=many)).endswith("hog_functions 7 and 2 more.")


def test_invites_and_profiles_and_ways_back_are_asked_about():
    found = findings(
        invites=(Invite(invite_id="i", email="x@evil.example", level=Level.OWNER),),
        tracked=Profiles(taken_at=AT, tracked=(Tracked(project_id=1, project="Shop", count=2, path="/p"),)),
        ways_back=WaysBack(
            seen_at=AT,
            ways=(
                WayBack(kind="jit", says="example.com takes people back", remedy="Set SSO."),
                WayBack(kind="enforced_jit", says="b", remedy="c", is_open=False),
            ),
        ),
    )

    assert "x@evil.example (owner)" in text_of("invites_sent", found=found)
    assert "2 profiles with this address: Shop (2)" in text_of("customer_profile", found=found)
    assert text_of("way_back:1", found=found) == "Way back in. example.com takes people back. Set SSO."
    assert "way_back:2" not in kinds(Template.EMPLOYEE, found)
    urgent = {a.kind for a in asks(Template.HOSTILE, CASE, found, CLOUD) if a.is_urgent}
    assert "way_back:1" in urgent
    assert not any(a.is_urgent for a in asks(Template.EMPLOYEE, CASE, found, CLOUD))


def test_what_the_bridge_could_not_see_is_asked_of_a_person():
    left = LeftBehind(taken_at=AT, gaps=tuple(Gap(what=f"flags in {n}", why="403") for n in range(7)))

    assert "flags in 5 and 2 more." in text_of("not_seen", found=findings(left_behind=left, tracked="403"))
    assert "flags in Shop. The removal" in text_of("not_seen", found=findings(left_behind=replace(left, gaps=(GAP,))))
    assert "not_seen" not in kinds(Template.EMPLOYEE)


def test_an_emergency_asks_for_the_breach_decision_and_who_took_it():
    breach = next(a for a in asks(Template.EMERGENCY, CASE, findings(), CLOUD) if a.kind == "breach")

    assert breach.wants_answer
    assert breach.is_urgent
    assert "breach" not in kinds(Template.HOSTILE)
    assert "breach" in kinds(Template.HOSTILE, case=replace(CASE, reason=Reason.SECURITY_INCIDENT))


@pytest.mark.parametrize("is_own", [True, False])
def test_an_account_can_be_deactivated_on_ones_own_posthog_only(is_own):
    found = asks(Template.EMPLOYEE, CASE, findings(), "https://ph.example.com", is_self_hosted=is_own)
    told = {a.kind: a for a in found}

    assert ("self_hosted_account" in told) is is_own
    if is_own:
        assert "Deactivate, do not delete" in told["self_hosted_account"].text
        assert told["self_hosted_account"].url == "https://ph.example.com/admin/posthog/user/"


def test_a_contractors_agency_is_told():
    assert {"agency", "known_keys"} <= set(kinds(Template.CONTRACTOR))


def table_of(case=CASE, steps=None, entries=(), looks: int = 3, found=None):
    sent = (step(),) if steps is None else steps
    return {v.kind: v for v in verified(case, sent, entries, looks, found or findings())}


def test_what_the_bridge_verified_has_its_time_and_its_evidence():
    entries = log(
        ("step.done", {"step": "cancel_invite i1"}),
        ("step.done", {"step": REMOVE}),
        ("case.watching",),
        ("finding.kept", {"topic": "left_behind"}),
        ("case.closed",),
    )
    steps = (step("cancel_invite i1", says="cancel the owner invite"), step())
    left = LeftBehind(taken_at=AT, resources=(resource("insights", "a"),), gaps=(GAP,))
    found = table_of(steps=steps, entries=entries, found=findings(left_behind=left, ways_back=WaysBack(seen_at=AT)))

    assert {k: (v.verdict, v.evidence) for k, v in found.items()} == {
        "out": (Verdict.YES, (2,)),
        "seen_out": (Verdict.YES, (3,)),
        "invite_cancelled": (Verdict.YES, (1,)),
        "watch": (Verdict.YES, (5,)),
        "ways_back": (Verdict.YES, ()),
        "left_behind": (Verdict.YES, (4,)),
    }
    assert found["left_behind"].says == "Listed what the person made in PostHog: 1 thing. Not seen: flags in Shop."
    assert found["watch"].says == "Watched to the end: 3 looks, nobody came back."


@pytest.mark.parametrize(
    ("fields", "kind", "verdict", "words"),
    [
        ({"is_back": True, "returns": 2}, "out", Verdict.NO, "after 2 returns"),
        ({"is_back": True}, "seen_out", Verdict.NOT_YET, "No fresh look"),
        ({"returns": 1}, "watch", Verdict.YES, "1 return met"),
        ({"closed_at": AT + timedelta(hours=2), "outcome": "active again"}, "watch", Verdict.NO, "ended early: active"),
        ({"state": CaseState.WATCHING, "closed_at": None}, "watch", Verdict.NOT_YET, "until 2026-11-21 09:00:00 UTC"),
        ({"state": CaseState.PENDING, "watch_until": None}, "watch", Verdict.NOT_YET, "not begun"),
        ({"state": CaseState.CANCELLED, "outcome": "cancelled by x"}, "watch", Verdict.NO, "ended early: cancelled"),
    ],
)
def test_what_is_not_so_or_not_yet_is_said_so(fields, kind, verdict, words):
    found = table_of(replace(CASE, **fields))[kind]

    assert found.verdict is verdict
    assert words in found.says


def test_a_removal_whose_answer_was_lost_says_how_it_is_known():
    assert "its answer was lost" in table_of(steps=(step(status=None),))["out"].says
    assert table_of(steps=())["out"].verdict is Verdict.NO


@pytest.mark.parametrize("topic", ["ways_back", "left_behind"])
@pytest.mark.parametrize(
    ("body", "verdict", "words"), [(None, Verdict.NOT_YET, "being collected"), ("403.", Verdict.NO, "(403)")]
)
def test_what_could_not_be_collected_yet_or_ever_is_no_tick(topic, body, verdict, words):
    found = table_of(found=findings(**{topic: body}))[topic]

    assert found.verdict is verdict
    assert words in found.says


def test_a_last_try_that_failed_is_told_while_it_goes_on():
    found = findings(left_behind=None)
    trying = replace(found, rows=(found.rows[0], replace(found.rows[1], trouble="throttled")))

    assert "the last try failed: throttled" in table_of(found=trying)["left_behind"].says


def test_an_open_way_back_is_no_tick_and_one_that_was_not_seen_is_none_either():
    way = WayBack(kind="jit", says="a", remedy="b")

    assert table_of(found=findings(ways_back=WaysBack(seen_at=AT, ways=(way,))))["ways_back"].verdict is Verdict.NO
    assert table_of(found=findings(ways_back=WaysBack(seen_at=AT, gaps=(GAP,))))["ways_back"].verdict is Verdict.NOT_YET
    nobody = table_of(found=findings(ways_back=WaysBack(seen_at=None, gaps=(GAP,))))["ways_back"]
    assert (nobody.verdict, nobody.at) == (Verdict.NOT_YET, None)
    assert nobody.says.startswith("Nobody has looked for ways back.")


def test_a_checklist_is_done_when_everybody_has_done_their_part():
    items = tuple(Ticked(kind=str(n), text=str(n), position=n, done_at=AT if n == 1 else None) for n in (1, 2))
    mine = tuple(table_of().values())
    open_one = Checklist(template=Template.ADMIN, chosen_by="the bridge", opened_at=AT, verified=mine, asked=items)
    done = replace(open_one, asked=items[:1])

    assert not open_one.is_done
    assert [a.kind for a in open_one.open] == ["2"]
    assert open_one.says == "admin: open; 1 of 2 ticked by people, 3 of 3 verified by the bridge"
    assert done.is_done
    assert done.says.startswith("admin: done")
