"""What is done about whom, as tables of organizations and leavers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.case import Case, Released
from bridge.core.considered import Done, Facts, Leaver
from bridge.core.events import EventKind, Subject, address_key, look_alike_key
from bridge.core.organization import Invite, Level, Member, Organization
from bridge.core.plan import HoldCode
from bridge.core.planner import departing, plan
from bridge.core.policy import Mode, OnReturn, OnSuspend, Policy

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
POLICY = Policy(mode=Mode.ENFORCE, successors=("sora@example.com",))
KEY = "key"


def member(name: str, level: Level = Level.MEMBER, **fields) -> Member:
    days = fields.pop("days", 10)
    return Member(
        user_uuid=name,
        membership_id=f"m-{name}",
        user_id=1,
        email=fields.pop("email", f"{name}@example.com"),
        level=level,
        joined_at=NOW - timedelta(days=days),
        **fields,
    )


def organization(*members: Member, invites: tuple[Invite, ...] = ()) -> Organization:
    service = member(KEY, Level.OWNER, email="bridge@example.com")
    return Organization(taken_at=NOW, key_uuid=KEY, members=(service, *members), invites=invites)


def case(name: str = "maya", **fields) -> Case:
    values = {
        "id": 1,
        "person_id": 1,
        "target": "main",
        "source": "okta",
        "kind": EventKind.DEACTIVATE,
        "subject": Subject(user_name=f"{name}@example.com"),
        "opened_at": NOW,
        "due_at": NOW,
    }
    return Case(**(values | fields))


def facts(where: Organization, name: str = "maya", *, leaving: tuple[str, ...] = (), **fields) -> Facts:
    leaver = fields.pop("leaver", Leaver(person_id=1, addresses=frozenset({f"{name}@example.com"})))
    others = [Leaver(person_id=2, addresses=frozenset({f"{n}@example.com"})) for n in leaving]
    gone = fields.pop("departing", departing(where, [leaver, *others]))
    return Facts(organization=where, leaver=leaver, departing=gone, intents=fields.pop("intents", 1), **fields)


def steps(found) -> list[str]:
    return [s.says for s in found.steps]


def codes(found) -> list[HoldCode]:
    return [h.code for h in found.holds]


def test_a_member_is_removed_in_one_step():
    found = plan(case(), facts(organization(member("maya"), member("olga", Level.OWNER))), POLICY, NOW)

    assert steps(found) == ["remove maya@example.com (member) from the organization"]
    assert found.holds == ()


def test_an_admin_is_removed_without_being_stepped_down():
    found = plan(case(), facts(organization(member("maya", Level.ADMIN))), POLICY, NOW)

    assert steps(found) == ["remove maya@example.com (admin) from the organization"]


def test_the_plan_of_a_converged_organization_is_empty():
    found = plan(case(), facts(organization(member("olga", Level.OWNER)), was_known=True), POLICY, NOW)

    assert found.is_empty


def test_invites_go_first_also_owner_level_expired_and_in_another_case():
    invites = (
        Invite(invite_id="i1", email="Maya@Example.com", level=Level.OWNER),
        Invite(invite_id="i2", email="maya@example.com", level=Level.MEMBER, is_expired=True),
        Invite(invite_id="i3", email="other@example.com", level=Level.MEMBER),
    )
    found = plan(case(), facts(organization(member("maya"), invites=invites)), POLICY, NOW)

    assert steps(found) == [
        "cancel the owner invite to Maya@Example.com",
        "cancel the member invite to maya@example.com",
        "remove maya@example.com (member) from the organization",
    ]


def test_an_owner_is_stepped_down_before_removal():
    where = organization(member("maya", Level.OWNER), member("olga", Level.OWNER))
    found = plan(case(), facts(where), POLICY, NOW)

    assert steps(found) == [
        "step down maya@example.com from owner to member",
        "remove maya@example.com (owner) from the organization",
    ]
    assert found.holds == ()


def test_the_last_human_owner_is_replaced_by_the_listed_successor_first():
    where = organization(member("maya", Level.OWNER), member("sora", Level.ADMIN), member("ann", Level.ADMIN, days=99))
    found = plan(case(), facts(where), POLICY, NOW)

    assert steps(found) == [
        "promote sora@example.com from admin to owner",
        "step down maya@example.com from owner to member",
        "remove maya@example.com (owner) from the organization",
    ]
    assert found.holds == ()


def test_the_service_account_does_not_count_as_a_human_owner():
    found = plan(case(), facts(organization(member("maya", Level.OWNER))), POLICY, NOW)

    assert codes(found) == [HoldCode.LAST_OWNER, HoldCode.NO_SUCCESSOR]


@pytest.mark.parametrize(
    ("where", "more"),
    [
        (organization(member("maya", Level.OWNER), member("sora")), {"leaving": ("sora",)}),
        (organization(member("maya", Level.OWNER), member("sora")), {"unfit": frozenset({"sora@example.com"})}),
        (organization(member("maya", Level.OWNER)), {}),
    ],
    ids=["the successor is leaving too", "inactive at the identity provider", "no member"],
)
def test_last_owner_is_held_when_no_listed_successor_can_take_over(where, more):
    found = plan(case(), facts(where, **more), POLICY, NOW)

    assert HoldCode.NO_SUCCESSOR in codes(found)
    assert HoldCode.LAST_OWNER in codes(found)
    assert "sora@example.com" in next(h.message for h in found.holds if h.code is HoldCode.NO_SUCCESSOR)


def test_a_protected_person_is_never_a_successor():
    policy = replace(POLICY, protected=frozenset({"sora@example.com"}))
    found = plan(case(), facts(organization(member("maya", Level.OWNER), member("sora"))), policy, NOW)

    assert HoldCode.NO_SUCCESSOR in codes(found)


def test_the_longest_standing_admin_takes_over_only_where_policy_allows():
    where = organization(
        member("maya", Level.OWNER), member("ann", Level.ADMIN, days=99), member("ben", Level.ADMIN, days=5)
    )
    allowed = replace(POLICY, longest_standing_admin=True)

    assert HoldCode.NO_SUCCESSOR in codes(plan(case(), facts(where), POLICY, NOW))
    assert steps(plan(case(), facts(where), allowed, NOW))[0] == "promote ann@example.com from admin to owner"


def test_two_owners_leaving_together_still_leave_an_owner_behind():
    where = organization(member("maya", Level.OWNER), member("olga", Level.OWNER), member("sora"))

    first = plan(case(), facts(where, leaving=("olga",)), POLICY, NOW)
    after = where
    for step in first.steps:
        after = step.after(after)
    second = plan(case("olga"), facts(after, "olga"), POLICY, NOW)

    assert steps(first)[0] == "promote sora@example.com from member to owner"
    assert steps(second)[0] == "step down olga@example.com from owner to member"


def test_a_release_with_a_reason_lets_the_service_account_stand_in():
    where = organization(member("maya", Level.OWNER))
    held = plan(case(), facts(where), POLICY, NOW)
    approval = Released(
        steps=frozenset(s.canonical for s in held.steps),
        codes=frozenset(h.code for h in held.holds),
        by="operator:ada",
        reason="fired",
        at=NOW,
    )
    found = plan(case(released=approval), facts(where), POLICY, NOW)

    assert found.holds == ()
    assert len(found.steps) == 2


def test_a_release_covers_smaller_plans_and_no_new_step():
    where = organization(member("maya", Level.OWNER), member("olga", Level.OWNER))
    policy = replace(POLICY, protected=frozenset({"maya@example.com"}))
    held = plan(case(), facts(where), policy, NOW)
    approval = Released(
        steps=frozenset(s.canonical for s in held.steps),
        codes=frozenset({HoldCode.PROTECTED}),
        by="operator:ada",
        reason="",
        at=NOW,
    )
    smaller = plan(case(released=approval), facts(held.steps[0].after(where)), policy, NOW)
    grown = plan(
        case(released=approval),
        facts(replace(where, invites=(Invite(invite_id="i", email="maya@example.com", level=Level.MEMBER),))),
        policy,
        NOW,
    )

    assert smaller.holds == ()
    assert codes(grown) == [HoldCode.PROTECTED]


def test_after_waiting_long_enough_the_opt_in_lets_the_service_account_stand_in():
    policy = replace(POLICY, last_owner_after=timedelta(hours=2))
    where = organization(member("maya", Level.OWNER))

    assert codes(plan(case(), facts(where), policy, NOW)) == [HoldCode.LAST_OWNER, HoldCode.NO_SUCCESSOR]
    assert codes(plan(case(opened_at=NOW - timedelta(hours=2)), facts(where), policy, NOW)) == []


def test_the_keys_own_account_is_never_touched_even_when_it_leaves():
    leaver = Leaver(person_id=1, addresses=frozenset({"bridge@example.com"}))
    found = plan(case(), facts(organization(member("olga", Level.OWNER)), leaver=leaver), POLICY, NOW)

    assert codes(found) == [HoldCode.SELF]
    assert found.steps == ()
    assert not found.holds[0].is_releasable


def test_an_owner_is_held_when_the_key_is_not_an_owners():
    where = Organization(
        taken_at=NOW,
        key_uuid=KEY,
        members=(member(KEY, Level.ADMIN), member("maya", Level.OWNER), member("olga", Level.OWNER)),
    )

    assert codes(plan(case(), facts(where), POLICY, NOW)) == [HoldCode.KEY_NOT_OWNER]


def test_a_protected_person_is_held():
    policy = replace(POLICY, protected=frozenset({"maya@example.com"}))

    assert codes(plan(case(), facts(organization(member("maya"))), policy, NOW)) == [HoldCode.PROTECTED]


def test_someone_active_in_another_connection_is_held_unless_an_operator_asks():
    where = organization(member("maya"))

    assert codes(plan(case(), facts(where, active_in=("entra",)), POLICY, NOW)) == [HoldCode.ACTIVE_ELSEWHERE]
    assert codes(plan(case(source="operator:ada"), facts(where, active_in=("entra",)), POLICY, NOW)) == []


def test_a_linked_account_is_removed_under_whatever_address_it_has_now():
    leaver = Leaver(person_id=1, accounts=frozenset({"maya"}), addresses=frozenset({"maya@example.com"}))
    where = organization(member("maya", email="maya.private@example.net"))

    assert steps(plan(case(), facts(where, leaver=leaver), POLICY, NOW)) == [
        "remove maya.private@example.net (member) from the organization"
    ]


def test_an_account_that_is_somebody_elses_now_is_held_as_recycled():
    where = organization(member("maya"))
    found = plan(case(), facts(where, claimed={"maya": "maya@example.com (new)"}), POLICY, NOW)

    assert codes(found) == [HoldCode.RECYCLED]
    assert found.blocking


def test_after_removal_a_recycled_address_is_let_be():
    where = organization(member("maya"))
    gone = case(removed_at=NOW - timedelta(hours=1))

    assert plan(gone, facts(where, claimed={"maya": "new"}, was_known=True), POLICY, NOW).is_empty


def test_a_suspension_is_held_unless_policy_says_remove():
    where = organization(member("maya"))
    suspended = case(kind=EventKind.SUSPEND)

    assert codes(plan(suspended, facts(where), POLICY, NOW)) == [HoldCode.SUSPENDED]
    assert codes(plan(suspended, facts(where), replace(POLICY, on_suspend=OnSuspend.REMOVE), NOW)) == []


def test_a_look_alike_holds_beside_an_exact_match_and_never_delays_it():
    where = organization(member("maya"), member("twin", email="maya+test@example.com"))
    found = plan(case(), facts(where), POLICY, NOW)

    assert steps(found) == ["remove maya@example.com (member) from the organization"]
    assert codes(found) == [HoldCode.AMBIGUOUS]
    assert found.blocking == ()


def test_a_look_alike_alone_is_asked_about_and_never_removed():
    found = plan(case(), facts(organization(member("twin", email="m.aya@example.com"))), POLICY, NOW)

    assert found.steps == ()
    assert [h.code for h in found.blocking] == [HoldCode.AMBIGUOUS]


def test_a_dismissed_look_alike_is_not_asked_about_again():
    leaver = Leaver(person_id=1, dismissed=frozenset({"twin"}), addresses=frozenset({"maya@example.com"}))
    where = organization(member("maya"), member("twin", email="maya+test@example.com"))

    assert codes(plan(case(), facts(where, leaver=leaver), POLICY, NOW)) == []


@pytest.mark.parametrize(
    ("one", "other"), [("straße@example.com", "strasse@example.com"), ("\u212aim@example.com", "kim@example.com")]
)
def test_letters_that_fold_together_never_choose_whom_to_remove(one, other):
    leaver = Leaver(person_id=1, addresses=frozenset({address_key(one)}))
    found = plan(case(), facts(organization(member("x", email=other)), leaver=leaver), POLICY, NOW)

    assert found.steps == ()
    assert address_key(one) != address_key(other)
    assert look_alike_key(one) == look_alike_key(other)


def test_somebody_never_seen_is_held():
    found = plan(case(), facts(organization()), POLICY, NOW)

    assert codes(found) == [HoldCode.NEVER_SEEN]
    assert found.is_unknown


def test_the_eleventh_removal_in_an_hour_is_held_with_its_numbers():
    where = organization(*(member(f"p{n}") for n in range(300)), member("maya"))
    found = plan(case(), facts(where, removals_in_window=6, intents=5), POLICY, NOW)

    assert codes(found) == [HoldCode.TOO_MANY]
    assert (
        "11 removals in 60 minutes (6 done, 5 to come) in an organization that had 308 members; 10 go"
        in found.holds[0].message
    )


def test_the_share_is_of_the_organization_as_it_was_before_the_first_removal():
    """60 % of 300 is 180, also when 150 are out already and only 150 are left."""
    policy = replace(POLICY, max_removals=1000, max_share=0.6)
    where = organization(*(member(f"p{n}") for n in range(148)), member("maya"))
    size = len(where.members) + 150
    assert int(0.6 * size) == 180
    assert not codes(plan(case(), facts(where, removals_in_window=150, intents=30), policy, NOW))
    assert codes(plan(case(), facts(where, removals_in_window=150, intents=31), policy, NOW)) == [HoldCode.TOO_MANY]


@pytest.mark.parametrize(("members", "most"), [(5, 3), (20, 3), (100, 5), (200, 10), (5000, 10)])
def test_the_limit_is_the_smaller_of_count_and_share_but_never_below_three(members, most):
    assert POLICY.most_removals(members) == most


@pytest.mark.parametrize("fields", [{"is_emergency": True}, {"source": "operator:ada"}])
def test_an_emergency_or_an_operator_is_not_held_for_the_number(fields):
    where = organization(*(member(f"p{n}") for n in range(30)), member("maya"))

    assert codes(plan(case(**fields), facts(where, removals_in_window=50), POLICY, NOW)) == []


def test_an_old_snapshot_is_never_acted_on():
    late = NOW + timedelta(seconds=61)

    assert codes(plan(case(), facts(organization(member("maya"))), POLICY, late)) == [HoldCode.STALE]


def test_a_reactivation_makes_the_plan_stale():
    assert codes(plan(case(), facts(organization(member("maya")), is_reactivated=True), POLICY, NOW)) == [
        HoldCode.STALE
    ]


def test_the_third_return_is_held_naming_when_the_person_joined_again():
    back = case(removed_at=NOW - timedelta(hours=2), is_back=True, returns=3)
    found = plan(back, facts(organization(member("maya")), was_known=True), POLICY, NOW)

    assert codes(found) == [HoldCode.RETURNED]
    assert "2026-11-10 09:00 UTC, for the third time" in found.holds[0].message


def test_the_first_return_is_met_unless_policy_holds():
    back = case(removed_at=NOW - timedelta(hours=2), is_back=True, returns=1)
    known = facts(organization(member("maya")), was_known=True)

    assert codes(plan(back, known, POLICY, NOW)) == []
    assert codes(plan(back, known, replace(POLICY, on_return=OnReturn.HOLD), NOW)) == [HoldCode.RETURNED]


def test_an_invite_by_a_current_admin_after_the_removal_is_held_naming_the_admin():
    invite = Invite(invite_id="i", email="maya@example.com", level=Level.ADMIN, created_at=NOW, created_by_uuid="ann")
    where = organization(member("ann", Level.ADMIN), invites=(invite,))
    gone = case(removed_at=NOW - timedelta(hours=1))
    found = plan(gone, facts(where, was_known=True), POLICY, NOW)

    assert codes(found) == [HoldCode.REINVITED]
    assert "ann@example.com invited maya@example.com again as admin" in found.holds[0].message


def test_an_older_invite_or_one_by_somebody_gone_is_simply_cancelled():
    by_nobody = Invite(invite_id="i", email="maya@example.com", level=Level.ADMIN, created_at=NOW, created_by_uuid="x")
    gone = case(removed_at=NOW - timedelta(hours=1))

    assert codes(plan(gone, facts(organization(invites=(by_nobody,)), was_known=True), POLICY, NOW)) == []


def test_a_step_that_succeeded_twice_and_is_still_planned_does_not_converge():
    done = tuple(Done(canonical="remove_member maya", at=NOW - timedelta(seconds=s)) for s in (5, 1))

    assert codes(plan(case(), facts(organization(member("maya")), done=done), POLICY, NOW)) == [HoldCode.NOT_CONVERGING]
    assert codes(plan(case(), facts(organization(member("maya")), done=done[:1]), POLICY, NOW)) == []


def test_a_case_that_failed_too_often_is_a_dead_letter():
    tired = case(attempts=12, trouble="500: server error")
    found = plan(tired, facts(organization(member("maya"))), POLICY, NOW)

    assert codes(found) == [HoldCode.GAVE_UP]
    assert "500: server error" in found.holds[0].message


def test_project_scope_is_held_until_it_can_be_done():
    found = plan(case(scope="project:7"), facts(organization(member("maya"))), POLICY, NOW)

    assert codes(found) == [HoldCode.NOT_SUPPORTED]
    assert found.steps == ()


def test_observing_shows_what_would_be_done_and_does_nothing():
    found = plan(case(), facts(organization(member("maya"))), Policy(), NOW)

    assert steps(found) == ["remove maya@example.com (member) from the organization"]
    assert codes(found) == [HoldCode.OBSERVE_ONLY]
    assert not found.holds[0].is_releasable


def test_the_backlog_of_observing_waits_for_approval_after_the_switch():
    found = plan(case(is_backlog=True), facts(organization(member("maya"))), POLICY, NOW)

    assert codes(found) == [HoldCode.OBSERVE_ONLY]
    assert found.holds[0].is_releasable
    assert "STILL IN" in found.holds[0].message


def test_the_digest_names_steps_and_hold_codes_and_no_times_or_counts():
    where = organization(*(member(f"p{n}") for n in range(300)), member("maya"))
    one = plan(case(), facts(where, removals_in_window=20), POLICY, NOW)
    other = plan(case(), facts(replace(where, taken_at=NOW), removals_in_window=30), POLICY, NOW + timedelta(seconds=9))
    third = plan(case(), facts(where), POLICY, NOW)

    assert one.digest == other.digest
    assert one.digest != third.digest


class TestInvitesThatTheLeaverSent:
    SENT = Invite(invite_id="i-9", email="friend@elsewhere.example", level=Level.MEMBER, created_by_uuid="maya")
    CANCELS = replace(POLICY, cancel_invites_sent=True)

    def where(self, invite: Invite | None = None) -> Organization:
        return organization(member("maya"), member("olga", Level.OWNER), invites=(invite or self.SENT,))

    def test_they_stay_unless_the_policy_says_otherwise(self):
        assert steps(plan(case(), facts(self.where()), POLICY, NOW)) == [
            "remove maya@example.com (member) from the organization"
        ]

    def test_they_are_cancelled_first_by_policy(self):
        assert steps(plan(case(), facts(self.where()), self.CANCELS, NOW)) == [
            "cancel the member invite to friend@elsewhere.example",
            "remove maya@example.com (member) from the organization",
        ]

    def test_they_are_cancelled_also_when_the_leaver_is_gone_already(self):
        leaver = Leaver(person_id=1, addresses=frozenset({"maya@example.com"}), accounts=frozenset({"maya"}))
        where = replace(self.where(), members=self.where().members[:1] + self.where().members[2:])
        found = plan(case(), facts(where, leaver=leaver, was_known=True), self.CANCELS, NOW)
        assert steps(found) == ["cancel the member invite to friend@elsewhere.example"]

    @pytest.mark.parametrize("change", [{"is_expired": True}, {"created_by_uuid": ""}, {"created_by_uuid": "olga"}])
    def test_expired_ones_and_those_of_others_stay(self, change):
        found = plan(case(), facts(self.where(replace(self.SENT, **change))), self.CANCELS, NOW)
        assert steps(found) == ["remove maya@example.com (member) from the organization"]
