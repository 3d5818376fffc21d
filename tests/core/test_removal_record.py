from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.case import CaseState, Released
from bridge.core.checklist import Checklist, Template, Ticked
from bridge.core.events import EventKind, Reason
from bridge.core.findings import Access, Profiles, WayBack, WaysBack
from bridge.core.incidents import incidents
from bridge.core.organization import Invite, Level
from bridge.core.plain import plain
from bridge.core.plan import Hold, HoldCode, Plan, RemoveMember
from bridge.core.removal_record import Verdict, removal_record
from bridge.core.removal_text import checklist_text, removal_text, resources_in_short
from bridge.core.surroundings import Gap, LeftBehind, Tracked
from bridge.core.verified import verified
from tests.core.removals import AT, CASE, MAYA, REMOVE, UUID, findings, given, log, resource, step

NOW = AT + timedelta(days=3)
PLAN = Plan(steps=(RemoveMember(user_uuid=UUID, email=MAYA, level=Level.MEMBER),))
TOO_MANY = Hold(code=HoldCode.TOO_MANY, message="12 removals in 60 minutes.", remedy="Release it.")
OBSERVED = Hold(code=HoldCode.OBSERVE_ONLY, message="Only observed.", remedy="Release it.")
GAP = Gap(what="flags in Shop", why="403: no scope.", remedy="Widen the scope.")


def record(case=CASE, **fields):
    return removal_record(given(case, **fields), NOW)


def text(case=CASE, **fields) -> str:
    return removal_text(record(case, **fields))


def test_a_removal_says_when_how_fast_and_that_it_was_seen():
    found = record()

    assert found.verdict is Verdict.REMOVED
    assert found.request_to_out_seconds == 60
    assert found.says == (
        f"The membership of {MAYA} in main ended on 2026-11-20 09:01:00 UTC, 1 min after the request. A fresh look on "
        "2026-11-20 09:01:01 UTC showed them out. Case closed on 2026-11-21 09:00:00 UTC: out of the organization, and "
        "stayed out."
    )
    assert text().startswith(f"# Removal record: {MAYA}\n\n**REMOVED.** ")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"state": CaseState.HELD, "plan": Plan(steps=PLAN.steps, holds=(OBSERVED,))},
            f"only observes this organization (policy.mode is observe). It would have done this: remove {MAYA}",
        ),
        ({"state": CaseState.HELD, "plan": Plan(holds=(OBSERVED,))}, "(policy.mode is observe)."),
        ({"state": CaseState.HELD, "plan": Plan(holds=(TOO_MANY,))}, "It waits for a person: 12 removals"),
        ({"state": CaseState.PENDING, "watch_until": None}, "It is not done yet."),
        ({"state": CaseState.PENDING, "watch_until": None, "trouble": "503"}, "It is not done yet: 503"),
        (
            {"state": CaseState.CANCELLED, "outcome": "cancelled by operator:lea: back"},
            "Cancelled by operator:lea: back.",
        ),
        ({"state": CaseState.WATCHING, "outcome": ""}, "There was no membership to end."),
    ],
)
def test_who_was_not_removed_is_named_so_at_the_top_with_why(fields, words):
    told = text(replace(CASE, removed_at=None, **fields), steps=())

    assert told.splitlines()[2].startswith("**NOT REMOVED.** ")
    assert words in told.splitlines()[2].replace("\\", "")
    assert "What lives on" not in told
    assert "| Out since | **not removed** |" in told


def test_who_is_back_again_is_named_so_at_the_top():
    found = record(replace(CASE, is_back=True, returns=2, state=CaseState.PENDING))

    assert found.verdict is Verdict.BACK
    assert found.says.endswith("The person came back twice after that. They are a member again now.")


def test_a_watch_that_goes_on_is_told_with_its_end():
    watching = replace(CASE, state=CaseState.WATCHING, closed_at=None, verified_at=None)

    assert record(watching).says.endswith("They are watched for coming back until 2026-11-21 09:00:00 UTC.")
    assert "goes on until 2026-11-21 09:00:00 UTC: 1 look, nobody came back" in text(watching)
    assert record(replace(watching, watch_until=None)).says.endswith("after the request.")


def test_the_first_look_that_showed_the_person_out_is_told_and_the_last():
    entries = log(("case.watching",), ("case.returned", {"returns": 1}), ("case.watching",), ("case.closed",))
    found = record(replace(CASE, returns=1, verified_at=AT + timedelta(hours=24)), log=entries)

    assert found.seen_out_at == entries[2].at
    assert "| Seen out | 2026-11-20 09:03:00 UTC, by a fresh look; last on 2026-11-21 09:00:00 UTC |" in removal_text(
        found
    )
    assert "| Seen out | not yet |" in text(replace(CASE, verified_at=None))


def test_a_project_is_named():
    found = record(replace(CASE, scope="project:42"))

    assert "in project 42 of main ended" in found.says
    assert "| Out of | main, project 42 |" in removal_text(found)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "The identity provider of connection okta said that the person is no longer active."),
        ({"kind": EventKind.DELETE}, "okta deleted the person."),
        ({"kind": EventKind.SUSPEND}, "suspended or on leave."),
        ({"source": "operator:lea", "kind": EventKind.REMOVE}, "lea asked for the removal."),
        ({"source": "operator:lea", "kind": EventKind.REMOVE, "is_emergency": True}, "removal, as an emergency."),
    ],
)
def test_who_asked_is_told_in_words(fields, words):
    assert record(replace(CASE, **fields)).asked_says.endswith(words)


@pytest.mark.parametrize(
    ("approver", "fields", "words"),
    [
        (
            "none: policy enforce",
            {},
            "nobody: policy “enforce” stood in (removals within the limits go without approval)",
        ),
        ("none: policy emergency", {}, "nobody: policy “emergency” stood in (an emergency goes without approval)"),
        (
            "none: policy observe",
            {},
            "nobody: policy “observe” stood in (nothing may be done while the policy is to observe)",
        ),
        ("operator:lea", {"source": "operator:lea"}, "lea, by asking for the removal"),
        ("operator:ada", {}, "ada"),
        (
            "operator:ada",
            {"released": Released(steps=frozenset(), codes=frozenset(), by="operator:ada", reason="layoff", at=AT)},
            "ada, on 2026-11-20 09:00:00 UTC, because: layoff",
        ),
    ],
)
def test_who_approved_or_which_policy_stood_in_is_told(approver, fields, words):
    assert record(replace(CASE, **fields), approver=approver).approval_says == words


def test_each_act_names_the_entry_that_proves_it_also_when_it_was_done_twice():
    entries = log(
        ("step.done", {"step": REMOVE, "status": 204}, {"says": "remove"}),
        ("case.returned", {"returns": 1}),
        ("step.found_done", {"step": REMOVE}, {"says": "remove"}),
    )
    later = step(ended_at=AT + timedelta(hours=1), status=None)
    found = record(replace(CASE, returns=1), steps=(step(), later, step(result="lost")), log=entries)

    assert [(a.status, a.evidence) for a in found.ended] == [(204, (1,)), (None, (3,))]
    assert found.removed_again_at == later.ended_at
    told = removal_text(found)
    assert (
        "| Out since | 2026-11-20 10:00:00 UTC, removed again after a return; first on 2026-11-20 09:01:00 UTC, 60 s"
        in told
    )
    assert "the answer was lost, and the next look showed it done (no. 3)" in told


def test_another_account_that_was_removed_later_is_no_return():
    twin = step(canonical=f"{REMOVE}-twin", ended_at=AT + timedelta(hours=2))
    told = text(steps=(step(), twin))

    assert "after a return" not in told
    assert "It was the first of 2 accounts, and the last removal was on 2026-11-20 11:00:00 UTC." in told
    assert (
        "| Out since | 2026-11-20 11:00:00 UTC, the last removal of 2 accounts; first on 2026-11-20 09:01:00 UTC"
        in told
    )


def test_a_long_way_from_the_request_to_the_removal_is_told_in_hours():
    assert "| Out since | 2026-11-20 12:30:00 UTC, 3 h 30 min after the request |" in text(
        steps=(step(ended_at=AT + timedelta(hours=3, minutes=30)),)
    )


def test_an_act_without_a_time_or_an_entry_is_told_as_far_as_it_is_known():
    told = text(steps=(step(), step(ended_at=None)), log=())

    assert f"\n- Removed {MAYA} (member) from the organization; PostHog answered 204\n" in told


def story(*entries):
    return [(i.kind, i.says, i.ended, i.evidence) for i in incidents(log(*entries))]


HELD = ("case.planned", {"holds": ["too_many"]}, {"holds": ["12 removals in 60 minutes."]})


@pytest.mark.parametrize(
    ("decision", "ended"),
    [
        (
            ("case.release", {}, {"reason": "A layoff."}, "operator:ada"),
            "Approved by ada on 2026-11-20 09:03:00 UTC: A layoff.",
        ),
        (
            ("case.cancel", {}, None, "operator:ada"),
            "Cancelled by ada on 2026-11-20 09:03:00 UTC: the reason was erased.",
        ),
        (("case.pending",), "Settled by itself on 2026-11-20 09:03:00 UTC: what held it was no longer so."),
        (("case.reactivated",), "Ended on 2026-11-20 09:03:00 UTC: active again at the source."),
    ],
)
def test_a_hold_is_told_with_how_it_was_decided(decision, ended):
    assert story(HELD, ("case.held",), decision) == [
        ("held", "Held (too_many): 12 removals in 60 minutes.", ended, (1, 3))
    ]


def test_a_hold_without_a_decision_is_told_as_open_and_erased_words_are_named_so():
    assert story(("case.planned", {"holds": ["protected"]}, None), ("case.held",)) == [
        ("held", "Held (protected): the words were erased", "", (1,))
    ]
    assert story(("case.planned", {"holds": []}, {})) == []


def test_another_plan_of_a_held_case_is_held_too():
    later = ("case.planned", {"holds": ["last_owner"]}, {"holds": ["Nobody would be left."]})

    assert [kind for kind, *_ in story(HELD, ("case.held",), later)] == ["held", "held"]


def test_what_only_stood_beside_the_plan_is_not_told_as_if_it_had_held_it():
    beside = ("case.planned", {"holds": ["ambiguous"]}, {"holds": ["m+test@example.com looks alike."]})

    assert story(beside, ("step.done", {"step": REMOVE}), ("case.watching",)) == [
        ("beside", "For a person to look at (ambiguous): m+test@example.com looks alike.", "", (1,))
    ]
    assert story(beside)[0][0] == "beside"
    assert story(("case.pending",), beside, ("case.watching",))[0][0] == "beside"


def test_returns_failures_pauses_and_clocks_are_told():
    assert story(
        ("case.returned", {"returns": 1}),
        ("step.failed", {"attempts": 2}, {"detail": "503: away."}),
        ("target.paused", {"reason": "401: the key is refused."}),
        ("target.resumed",),
        ("step.done", {"step": REMOVE}),
        ("clock.stepped", {"seconds": 3600}),
        ("finding.gave_up", {"topic": "left_behind"}, {"detail": "403"}),
        ("case.returned", {"returns": 2}),
        ("target.paused", {"reason": "503"}),
    ) == [
        ("returned", "Came back: return number 1.", "Removed again on 2026-11-20 09:05:00 UTC.", (1, 5)),
        ("failed", "Try 2 failed: 503: away.", "", (2,)),
        (
            "paused",
            "PostHog could not be worked on: 401: the key is refused.",
            "It answered again on 2026-11-20 09:04:00 UTC.",
            (3, 4),
        ),
        ("clock", "The machine's clock was put elsewhere; waiting times were kept.", "", (6,)),
        ("not_collected", "Could not be collected: what the person made. 403", "", (7,)),
        ("returned", "Came back: return number 2.", "", (8,)),
        ("paused", "PostHog could not be worked on: 503.", "", (9,)),
    ]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            ("case.planned", {"holds": ["too_many"]}, {"steps": ["remove a", "remove b"]}),
            "planned: remove a; remove b (held: too_many)",
        ),
        (("case.planned", {}, {"steps": []}), "planned: nothing"),
        (("case.planned", {}, None), "planned: the words were erased"),
        (("step.done", {"step": REMOVE, "status": 204}, {"says": "remove a"}), "done: remove a, PostHog answered 204"),
        (("step.found_done", {"step": REMOVE}, None), f"found done by the next look: {REMOVE}"),
        (
            ("finding.kept", {"topic": "deeds", "sha256": "ab" * 32}),
            "collected: what the activity log says, SHA-256 abababababab…",
        ),
        (("finding.gave_up", {"topic": "before"}), "could not be collected: what the person could do before"),
        (("finding.kept", {"topic": "something new"}), "collected: something new"),
        (("todo.done", {}, {"text": "Slack. Out of it.", "answer": ""}), "ticked: Slack"),
        (("todo.done", {}, {"text": "Slack. Out of it.", "answer": "by Okta"}), "ticked: Slack (answer: by Okta)"),
        (("todo.reopened", {}, None), "unticked: the words were erased"),
        (("checklist.chosen", {"template": "hostile"}), "the checklist was chosen: hostile"),
        (("case.closed", {"outcome": "stayed out"}), "closed: stayed out"),
        (("case.watching",), "a fresh look showed nothing left to do; the watch began"),
        (("something.new",), "something.new"),
    ],
)
def test_each_entry_of_the_log_is_called_by_what_it_is(entry, says):
    (proof,) = record(log=log(entry)).evidence

    assert proof.says == says
    assert proof.actor == "the bridge"


def whole():
    left = LeftBehind(
        taken_at=AT,
        resources=(resource("dashboards", "Revenue | weekly"), resource("alerts", "", "tells nobody")),
        gaps=(GAP,),
    )
    way = WayBack(kind="jit", says="example.com takes people back", remedy="Set SSO.")
    found = findings(
        level=Level.OWNER,
        projects=(Access(project_id=1, project="Shop", level="admin", how="organization_admin"),),
        invites=(Invite(invite_id="i", email="x@example.com", level=Level.MEMBER),),
        left_behind=left,
        ways_back=WaysBack(seen_at=AT, ways=(way, replace(way, is_open=False, says="fine")), gaps=(GAP,)),
        tracked=Profiles(taken_at=AT, tracked=(Tracked(project_id=1, project="Shop", count=1, path="/p"),)),
    )
    before = replace(
        found.before,
        roles=("Analysts",),
        surroundings_at=AT,
        accounts=(replace(found.before.accounts[0], joined_at=AT, last_login=AT, is_2fa_enabled=True),),
    )
    return replace(found, rows=(replace(found.rows[0], body=before), *found.rows[1:]))


def test_the_whole_record_says_what_ended_lives_on_was_left_and_can_bring_back():
    told = text(findings=whole())

    for words in (
        "**owner**, member since 2026-11-20 09:00:00 UTC, last login 2026-11-20 09:00:00 UTC",
        "with second factor",
        "- Roles: Analysts",
        "- Had sent an invite that was open: x@example.com as member",
        "| Shop | admin | as an admin or owner of the organization |",
        "They stay valid wherever else the account is a member",
        r"[Revenue \| weekly](<https://eu.posthog.com/project/1/dashboards/7>)",
        "| alerts | [(no name)](",
        "2 things, listed on 2026-11-20 09:00:00 UTC.",
        "- Not seen: flags in Shop. 403: no scope. Widen the scope.",
        "- **Open:** example.com takes people back. Set SSO.",
        "- fine. Set SSO.",
        "[Shop](<https://eu.posthog.com/p>): 1 profile with this address",
        "also known as m.okafor@example.com; identifier at the source: 00u1",
        "Heard on 2026-11-20 09:00:00 UTC (event okta-1:2).",
    ):
        assert words in told
    assert "revoked" not in told


def test_what_was_not_collected_is_told_instead_of_nothing():
    assert "Not known: the removal was planned before the bridge kept it." in text(findings=findings().__class__())
    assert "\nNot collected.\n" in text()
    assert "Could not be collected: 403" in text(findings=findings(left_behind="403"))
    assert "Still being collected." in text(findings=findings(ways_back=None, left_behind=None))
    tried = findings(left_behind=None)
    tried = replace(tried, rows=(tried.rows[0], replace(tried.rows[1], trouble="throttled")))
    assert "The last try failed: throttled" in text(findings=tried)
    assert "Nothing was found." in text(findings=findings(left_behind=LeftBehind(taken_at=AT)))
    assert "None was found." in text(findings=findings(ways_back=WaysBack(seen_at=AT)))
    nobody_looked = text(findings=findings(ways_back=WaysBack(seen_at=None, gaps=(GAP,))))
    assert "Nobody has looked for them." in nobody_looked
    assert "None was found." not in nobody_looked
    assert "settings as seen on" not in nobody_looked


def test_a_name_from_outside_stays_words_in_the_record():
    evil = "**APPROVED** <script>alert(1)</script> | [x](https://evil.example)"
    case = replace(CASE, subject=replace(CASE.subject, user_name=evil), note=evil)
    left = LeftBehind(taken_at=AT, resources=(resource("insights", evil, evil),))

    told = text(case, findings=findings(left_behind=left))

    assert "<script>" not in told.replace("\\<script\\>", "")
    assert "(https://evil" not in told
    assert "**APPROVED**" not in told


def checked(**fields) -> Checklist:
    mine = verified(CASE, (step(),), (), 1, findings())
    items = (
        Ticked(
            id=4,
            kind="slack",
            text="Slack. Out of the channels.",
            position=1,
            done_at=AT,
            done_by="operator:lea",
            answer="ok",
        ),
        Ticked(id=5, kind="breach", text="Breach decision. Decide.", position=2, wants_answer=True, url="https://x/1"),
        Ticked(id=6, kind="other", text="Only a title", position=3, done_at=AT, done_by="operator:lea"),
    )
    known = {"template": Template.ADMIN, "chosen_by": "the bridge", "opened_at": AT, "verified": mine, "asked": items}
    return Checklist(**{**known, **fields})


def test_a_checklist_is_printed_with_who_ticked_what():
    told = checklist_text(checked(chosen_by="operator:lea"), "Checklist of case 1", "https://x")

    assert told.splitlines()[0] == "# Checklist of case 1"
    assert "Admin: open; 2 of 3 ticked by people, 3 of 3 verified by the bridge, chosen by lea." in told
    assert "- [x] **Slack.** *Ticked by lea on 2026-11-20 09:00:00 UTC.* Answer: ok" in told
    assert (
        "- [ ] **Breach decision.** Decide. [Open it in PostHog](<https://x/1>). *Ticking it takes an answer.*" in told
    )
    assert "- [x] The membership ended: PostHog answered 204. On 2026-11-20 09:01:00 UTC." in told
    assert "- [ ] **no:** " in checklist_text(checked(verified=verified(CASE, (), (), 1, findings())), "t", "")
    assert "## Checklist" in text(checklist=checked())


def test_the_record_is_json_too():
    found = json.loads(json.dumps(plain(record(findings=whole(), checklist=checked()))))

    assert found["verdict"] == "REMOVED"
    assert found["out_at"] == "2026-11-20T09:01:00.000Z"
    assert found["findings"]["rows"][0]["body"]["accounts"][0]["level"] == "owner"
    assert found["checklist"]["asked"][0]["answer"] == "ok"


def test_the_reason_and_the_note_are_told():
    told = text(replace(CASE, reason=Reason.CONTRACT_ENDED, note="last day Friday"), key_email="")

    assert "| Reason | contract ended; last day Friday |" in told
    assert "| Performed by | posthog-bridge |" in told


def test_resources_are_counted_by_kind():
    listed = [resource("dashboards", "a"), resource("dashboards", "b"), resource("batch_exports", "c")]

    assert resources_in_short(listed) == "1 batch export, 2 dashboards"
