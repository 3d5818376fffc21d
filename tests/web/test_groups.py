"""What groups mean: leaving the last one that grants something opens a case about that, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from bridge import decisions
from bridge.core.case import CaseState
from bridge.core.events import EventKind, Reason, Subject
from bridge.core.plan import HoldCode
from bridge.ports import Declined, GroupGrant
from bridge.store import batches, groups
from tests.conftest import run_for
from tests.players import GRACE, MAYA, SAMUEL, all_cases, audited, batch_of, codes, is_member, join_many, the_case
from tests.web.conftest import DISABLE, scim_client

TOMAS, ALICE = "tomas.reyes@example.com", "alice.moreau@example.com"
ROLE = "role:01900000-0000-7000-8000-000000000001"
GRANTS = (
    GroupGrant(name="Analysts", target="main", scope="project:42"),
    GroupGrant(name="Readers", target="main", scope="project:42"),
    GroupGrant(name="Admins", target="main", scope=ROLE),
    GroupGrant(name="0f9c2e51-group", target="main", scope="project:7"),
    *(GroupGrant(name=f"g{n}", target="main", scope=f"project:{100 + n}") for n in range(4)),
)


@pytest.fixture
def bridge(bridge):
    """Both connections map the same groups, so that one may keep what the other takes away."""
    mapped = {name: replace(c, groups=GRANTS) for name, c in bridge.connections.items()}
    return replace(bridge, connections=mapped)


@pytest.fixture
def settle(bridge, clock):
    return lambda **amount: run_for(bridge, clock, **amount)


def member(*ids: str) -> list[dict[str, str]]:
    return [{"value": each} for each in ids]


def facts_of(bridge, kind: str = "group.left"):
    return [dict(entry.facts) for entry in audited(bridge, kind)]


def leave(client, group: str, *ids: str) -> None:
    assert (
        client.patch(f"/Groups/{group}", {"op": "remove", "path": "members", "value": member(*ids)}).status_code == 200
    )


def by_filter(one: str, _stays: str):
    return {"op": "remove", "path": f'members[value eq "{one}"]'}


def by_filter_in_capitals(one: str, _stays: str):
    return {"op": "Remove", "path": f'Members[Value EQ "{one}"]'}


def by_values(one: str, _stays: str):
    return {"op": "Remove", "path": "members", "value": [{"value": one}]}


def by_a_bare_value(one: str, _stays: str):
    return {"op": "Remove", "path": "members", "value": one}


def by_replacing(_one: str, stays: str):
    return {"op": "replace", "path": "members", "value": member(stays)}


def by_replacing_without_a_path(_one: str, stays: str):
    return {"op": "Replace", "value": {"members": member(stays)}}


@pytest.mark.parametrize(
    "operation",
    [by_filter, by_filter_in_capitals, by_values, by_a_bare_value, by_replacing, by_replacing_without_a_path],
)
def test_leaving_a_mapped_group_in_any_dialect_opens_a_case_about_what_it_grants(
    bridge, entra, world, settle, operation
):
    maya, tomas = entra.user(MAYA), entra.user(TOMAS)
    group = entra.group("Analysts", maya, tomas)

    entra.patch(f"/Groups/{group}", operation(maya, tomas))

    (event,) = entra.events()
    assert (event.kind, event.scope, event.subject.user_name) == (EventKind.LEFT_GROUP, "project:42", MAYA)
    assert "Analysts" in event.note
    case = the_case(bridge)
    assert (case.scope, case.state, case.source) == ("project:42", CaseState.PENDING, "entra")
    settle(minutes=2)
    case = the_case(bridge)
    assert (case.state, codes(case)) == (CaseState.HELD, [HoldCode.NOT_SUPPORTED])
    assert "maya.okafor@example.com is to lose project 42 and nothing else" in case.plan.holds[0].message
    assert "by hand in PostHog" in case.plan.holds[0].remedy
    assert is_member(world, MAYA)


def test_a_put_without_the_member_is_leaving_too(bridge, okta):
    maya, tomas = okta.user(MAYA), okta.user(TOMAS)
    group = okta.group("Admins", maya, tomas)

    okta.put(f"/Groups/{group}", {"displayName": "Admins"})
    assert all_cases(bridge) == []
    okta.put(f"/Groups/{group}", {"displayName": "Admins", "members": member(tomas)})

    assert (the_case(bridge).scope, the_case(bridge).subject.user_name) == (ROLE, MAYA)


def test_one_request_that_takes_one_out_and_puts_another_in_is_one_leaving(bridge, okta):
    maya, tomas = okta.user(MAYA), okta.user(TOMAS)
    group = okta.group("Analysts", maya)

    okta.patch(f"/Groups/{group}", by_filter(maya, ""), {"op": "add", "path": "members", "value": member(tomas)})

    assert the_case(bridge).subject.user_name == MAYA


def test_the_log_tells_of_the_group_s_write_and_of_the_case_that_it_opens(okta):
    maya = okta.user(MAYA)
    group = okta.group("Analysts", maya)

    with structlog.testing.capture_logs() as lines:
        leave(okta, group, maya)

    assert [(line["event"], line.get("record_id")) for line in lines] == [("case opened", None), ("scim.change", group)]


def test_leaving_one_of_two_groups_that_grant_the_same_does_nothing_but_is_told(bridge, okta):
    maya = okta.user(MAYA)
    analysts, readers = okta.group("Analysts", maya), okta.group("Readers", maya)

    leave(okta, analysts, maya)
    assert all_cases(bridge) == []
    (told,) = facts_of(bridge)
    assert (told["lost_it"], len(told["kept_it_by_another_group"])) == ([], 1)

    leave(okta, readers, maya)
    assert the_case(bridge).scope == "project:42"


def test_another_connections_group_keeps_what_this_one_takes_away(bridge, okta, entra):
    here, there = okta.user(MAYA), entra.user(MAYA)
    analysts, readers = okta.group("Analysts", here), entra.group("Readers", there)

    leave(okta, analysts, here)
    assert all_cases(bridge) == []

    leave(entra, readers, there)
    assert the_case(bridge).source == "entra"


def test_a_membership_of_somebody_who_is_inactive_there_keeps_nothing(bridge, okta, entra):
    here, there = okta.user(MAYA), entra.user(MAYA)
    analysts = okta.group("Analysts", here)
    entra.group("Readers", there)
    entra.patch(f"/Users/{there}", DISABLE)
    decisions.cancel(bridge, the_case(bridge).id, by="ada", reason="still works here")

    leave(okta, analysts, here)

    assert [c.scope for c in all_cases(bridge)] == ["organization", "project:42"]


def test_groups_that_nobody_mapped_are_kept_and_mean_nothing(bridge, okta):
    maya = okta.user(MAYA)
    lunch = okta.group("Lunch", maya)
    with bridge.db.read() as tx:
        (kept,) = groups.listed(tx, bridge.connections.values())
    assert (kept.name, kept.people, kept.others, kept.grants) == ("Lunch", 1, 0, ())

    leave(okta, lunch, maya)
    okta.delete(f"/Groups/{lunch}")

    assert okta.events() == []


def test_back_in_the_group_takes_the_case_back(bridge, okta, settle):
    maya = okta.user(MAYA)
    group = okta.group("Analysts", maya)
    leave(okta, group, maya)
    settle(minutes=2)
    assert the_case(bridge).state is CaseState.HELD

    okta.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": member(maya)})

    case = the_case(bridge)
    assert (case.state, case.outcome) == (CaseState.CANCELLED, "back in a group of okta before anything was done")


def test_joining_another_group_that_grants_the_same_takes_the_case_back_too(bridge, okta):
    maya = okta.user(MAYA)
    leave(okta, okta.group("Analysts", maya), maya)

    okta.group("Readers", maya)

    assert the_case(bridge).state is CaseState.CANCELLED


def test_joining_a_group_opens_nothing_and_leaves_an_operators_case_alone(bridge, okta):
    decisions.remove(bridge, Subject(user_name=MAYA), "main", by="ada", reason=Reason.OTHER, scope="project:42")

    okta.group("Analysts", okta.user(MAYA))

    assert the_case(bridge).state is CaseState.PENDING


def test_a_renamed_group_keeps_its_mapping(bridge, okta):
    maya, tomas = okta.user(MAYA), okta.user(TOMAS)
    group = okta.group("Analysts", maya, tomas)

    okta.patch(f"/Groups/{group}", {"op": "replace", "value": {"id": group, "displayName": "Data people"}})
    assert all_cases(bridge) == []
    leave(okta, group, maya)

    assert the_case(bridge).subject.user_name == MAYA


def test_a_rename_and_a_leaving_in_one_request_is_a_leaving(bridge, okta):
    maya = okta.user(MAYA)
    group = okta.group("Analysts", maya)

    okta.put(f"/Groups/{group}", {"displayName": "Data people", "members": []})

    assert the_case(bridge).scope == "project:42"


def test_a_group_that_is_renamed_into_a_mapping_grants_from_then_on(bridge, okta):
    maya = okta.user(MAYA)
    leave(okta, okta.group("Analysts", maya), maya)
    other = okta.group("Lunch", maya)

    okta.patch(f"/Groups/{other}", {"op": "replace", "path": "displayName", "value": "READERS"})

    assert the_case(bridge).state is CaseState.CANCELLED


def test_a_group_may_be_mapped_by_its_external_id(bridge, entra):
    maya = entra.user(MAYA)
    made = entra.post("/Groups", {"displayName": "Product", "externalId": "0f9c2e51-group", "members": member(maya)})

    leave(entra, made.json["id"], maya)

    assert the_case(bridge).scope == "project:7"


def test_a_deleted_group_is_one_question_and_takes_nothing_from_anybody(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 5)]
    group = okta.group("Analysts", *people)

    okta.delete(f"/Groups/{group}")
    settle(minutes=2)

    found = all_cases(bridge)
    assert {(c.state, c.scope, c.kind) for c in found} == {(CaseState.HELD, "project:42", EventKind.GROUP_GONE)}
    batch = batch_of(bridge)
    assert len(batch.cases) == len(found) == 5
    assert batch.shared.code is HoldCode.GROUP_GONE
    assert "says nothing about any one of its members" in batch.shared.message
    assert batch.others == ()
    assert not batch.is_releasable


def test_everybody_in_a_deleted_group_may_keep_it_by_one_decision(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 4)]
    okta.delete(f"/Groups/{okta.group('Analysts', *people)}")
    settle(minutes=2)
    batch = batch_of(bridge)

    with pytest.raises(Declined, match="has changed since"):
        decisions.cancel_batch(bridge, batch.id, "000000000000", by="ada", reason="unlinked")
    some = decisions.cancel_batch(bridge, batch.id, batch.digest, by="ada", reason="unlinked", only=[batch.cases[0].id])
    assert [c.state for c in some] == [CaseState.CANCELLED]
    with bridge.db.read() as tx:
        rest = batches.waiting_batch(tx, batch.id)
    decisions.cancel_batch(bridge, batch.id, rest.digest, by="ada", reason="unlinked")

    assert {c.state for c in all_cases(bridge)} == {CaseState.CANCELLED}


def test_a_group_that_is_pushed_again_ends_the_question_for_those_who_are_in_it(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 3)]
    okta.delete(f"/Groups/{okta.group('Analysts', *people)}")
    settle(minutes=2)

    again = okta.group("Analysts")
    settle(minutes=30)
    assert {c.state for c in all_cases(bridge)} == {CaseState.HELD}
    okta.patch(f"/Groups/{again}", {"op": "add", "path": "members", "value": member(*people[:2])})

    assert [c.state for c in all_cases(bridge)] == [CaseState.CANCELLED, CaseState.CANCELLED, CaseState.HELD]
    assert codes(all_cases(bridge)[2])[0] is HoldCode.GROUP_GONE


def test_deleting_one_of_two_groups_that_grant_the_same_asks_nothing(bridge, okta):
    maya = okta.user(MAYA)
    okta.group("Readers", maya)

    okta.delete(f"/Groups/{okta.group('Analysts', maya)}")

    assert all_cases(bridge) == []
    assert len(facts_of(bridge, "group.gone")[0]["kept_it_by_another_group"]) == 1


def test_a_group_that_is_emptied_by_one_request_meets_the_limit(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 4)]
    group = okta.group("Analysts", *people)

    okta.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": []})
    settle(minutes=2)

    batch = batch_of(bridge)
    assert len(batch.cases) == 4
    assert batch.shared.message == (
        "4 of the 4 people with project 42 left its groups within 60 minutes; 3 go without approval."
    )
    settle(hours=3)
    assert batch_of(bridge).digest == batch.digest, "the limit does not wear off by waiting"


def test_many_who_leave_one_after_the_other_meet_the_limit_too(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 12)]
    group = okta.group("Analysts", *people)

    for each in people[:4]:
        leave(okta, group, each)
    settle(minutes=2)

    assert {codes(c)[0] for c in all_cases(bridge)} == {HoldCode.TOO_MANY}


def test_a_few_from_each_of_many_groups_are_many_as_well(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 4)]
    for n, each in enumerate(people):
        leave(okta, okta.group(f"g{n}", each), each)
    settle(minutes=2)

    held = {h.message for c in all_cases(bridge) for h in c.plan.holds if h.code is HoldCode.TOO_MANY}
    assert held == {
        "4 people left groups with projects or roles within 60 minutes, in an organization of 28; 3 go without approval."
    }


def test_leavings_that_are_days_apart_are_no_crowd(bridge, world, okta, settle):
    people = [okta.user(address) for address in join_many(world, 5)]
    group = okta.group("Analysts", *people)

    for each in people:
        leave(okta, group, each)
        settle(hours=5)

    assert {tuple(codes(c)) for c in all_cases(bridge)} == {(HoldCode.NOT_SUPPORTED,)}


def test_members_that_are_no_people_here_do_no_harm(bridge, okta, entra):
    maya, foreign = okta.user(MAYA), entra.user(TOMAS)
    nested = okta.group("Everyone", maya)
    group = okta.group("Analysts", nested, foreign, "no-such-id", "00u-unknown", maya)

    leave(okta, group, nested, foreign, "no-such-id")
    okta.patch(f"/Groups/{group}", {"op": "remove", "path": 'members[value eq "00u-unknown"]'})

    assert okta.get(f"/Groups/{group}").json["members"] == [{"value": maya}]
    assert all_cases(bridge) == []
    assert okta.events() == []
    leave(okta, group, maya)
    assert the_case(bridge).subject.user_name == MAYA


def test_whoever_is_only_in_a_nested_group_holds_nothing(bridge, okta):
    maya = okta.user(MAYA)
    analysts = okta.group("Analysts", maya)
    okta.group("Readers", okta.group("Everyone", maya))

    leave(okta, analysts, maya)

    assert the_case(bridge).subject.user_name == MAYA


class TestTheWholeOrganization:
    def test_a_removal_from_everything_takes_over_what_a_group_began(self, bridge, world, okta, settle):
        maya = okta.user(MAYA)
        leave(okta, okta.group("Analysts", maya), maya)

        okta.patch(f"/Users/{maya}", DISABLE)

        below, whole = all_cases(bridge)
        assert below.state is CaseState.CANCELLED
        assert below.outcome == f"superseded by case {whole.id}, which takes the person out of the whole organization"
        settle(minutes=2)
        assert not is_member(world, MAYA)
        assert all_cases(bridge)[0].state is CaseState.CANCELLED

    def test_a_group_left_during_a_removal_from_everything_asks_nothing(self, bridge, okta):
        maya = okta.user(MAYA)
        group = okta.group("Analysts", maya)
        okta.patch(f"/Users/{maya}", DISABLE)

        leave(okta, group, maya)

        assert [c.state for c in all_cases(bridge)] == [CaseState.PENDING, CaseState.CANCELLED]

    @pytest.mark.parametrize("by", ["the provider", "an operator"])
    def test_a_removal_that_is_taken_back_leaves_the_group_case_to_be_seen_to(self, bridge, okta, settle, by):
        maya = okta.user(MAYA)
        group = okta.group("Analysts", maya)
        okta.patch(f"/Users/{maya}", DISABLE)
        leave(okta, group, maya)

        if by == "the provider":
            okta.patch(f"/Users/{maya}", {"op": "replace", "value": {"active": True}})
        else:
            decisions.cancel(bridge, all_cases(bridge)[0].id, by="ada", reason="a mistake")

        *_, again = all_cases(bridge)
        assert (again.scope, again.state) == ("project:42", CaseState.PENDING)
        settle(minutes=2)
        assert codes(all_cases(bridge)[-1]) == [HoldCode.NOT_SUPPORTED]

    def test_nothing_comes_up_again_for_whoever_is_in_the_group_by_then(self, bridge, okta):
        maya = okta.user(MAYA)
        group = okta.group("Analysts", maya)
        leave(okta, group, maya)
        okta.patch(f"/Users/{maya}", DISABLE)
        okta.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": member(maya)})

        okta.patch(f"/Users/{maya}", {"op": "replace", "value": {"active": True}})

        assert {c.state for c in all_cases(bridge)} == {CaseState.CANCELLED}

    def test_back_in_the_group_while_inactive_counts_from_the_activation_on(self, bridge, okta):
        maya = okta.user(MAYA)
        group = okta.group("Analysts", maya)
        okta.patch(f"/Users/{maya}", DISABLE)
        leave(okta, group, maya)
        decisions.cancel(bridge, all_cases(bridge)[0].id, by="ada", reason="stays")
        okta.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": member(maya)})
        assert all_cases(bridge)[-1].state is CaseState.PENDING

        okta.patch(f"/Users/{maya}", {"op": "replace", "value": {"active": True}})

        assert all_cases(bridge)[-1].state is CaseState.CANCELLED

    def test_a_deleted_person_is_the_organizations_case_alone(self, bridge, okta):
        maya = okta.user(MAYA)
        okta.group("Analysts", maya)

        okta.delete(f"/Users/{maya}")
        okta.user(MAYA)

        assert [(c.scope, c.state) for c in all_cases(bridge)] == [("organization", CaseState.CANCELLED)]

    def test_an_activation_does_not_put_anybody_back_into_a_group(self, bridge, okta):
        maya = okta.user(MAYA)
        leave(okta, okta.group("Analysts", maya), maya)
        okta.patch(f"/Users/{maya}", DISABLE)
        decisions.cancel(bridge, all_cases(bridge)[1].id, by="ada", reason="stays")
        assert all_cases(bridge)[-1].state is CaseState.PENDING

        okta.patch(f"/Users/{maya}", {"op": "replace", "value": {"active": True}})

        assert all_cases(bridge)[-1].state is CaseState.PENDING

    def test_who_is_a_member_all_the_same_is_found_by_the_daily_look_also_beside_a_group_case(
        self, bridge, world, okta, settle
    ):
        maya = okta.user(MAYA)
        group = okta.group("Analysts", maya)
        okta.patch(f"/Users/{maya}", DISABLE)
        settle(hours=25)
        leave(okta, group, maya)
        world.add_member(MAYA, 1)
        settle(minutes=5)
        assert all_cases(bridge)[-1].scope == "project:42"

        settle(hours=25)

        assert not is_member(world, MAYA)

    def test_an_operators_no_to_a_group_case_is_no_no_to_the_removal(self, bridge, world, okta, settle):
        maya = okta.user(MAYA)
        leave(okta, okta.group("Analysts", maya), maya)
        settle(minutes=2)
        decisions.cancel(bridge, the_case(bridge).id, by="ada", reason="keeps it")
        okta.patch(f"/Users/{maya}", DISABLE)
        settle(hours=25)
        world.add_member(MAYA, 1)
        settle(hours=25)

        assert not is_member(world, MAYA)

    def test_a_removal_for_a_later_day_waits_for_nobody_else(self, bridge, clock, okta):
        maya = okta.user(MAYA)
        group = okta.group("Analysts", maya)
        decisions.remove(
            bridge,
            Subject(user_name=MAYA),
            "main",
            by="ada",
            reason=Reason.CONTRACT_ENDED,
            effective_at=clock.now() + timedelta(days=20),
        )

        leave(okta, group, maya)

        assert [(c.scope, c.state) for c in all_cases(bridge)] == [
            ("organization", CaseState.PENDING),
            ("project:42", CaseState.PENDING),
        ]

    def test_a_removal_for_a_later_day_leaves_what_a_group_began(self, bridge, clock, okta):
        maya = okta.user(MAYA)
        leave(okta, okta.group("Analysts", maya), maya)
        decisions.remove(
            bridge,
            Subject(user_name=MAYA),
            "main",
            by="ada",
            reason=Reason.CONTRACT_ENDED,
            effective_at=clock.now() + timedelta(days=20),
        )

        assert {c.state for c in all_cases(bridge)} == {CaseState.PENDING}


def test_whoever_is_no_member_has_nothing_to_lose(bridge, world, okta, settle):
    maya = okta.user(MAYA)
    group = okta.group("Analysts", maya)
    settle(minutes=5)
    world.remove_member(MAYA)

    leave(okta, group, maya)
    settle(minutes=5)
    assert the_case(bridge).state is CaseState.WATCHING
    settle(hours=25)

    assert the_case(bridge).outcome == "was not a member, and did not become one"


def test_an_admin_has_every_project_and_the_hold_says_so(bridge, okta, settle):
    lea = okta.user("lea.brandt@example.com")
    leave(okta, okta.group("Analysts", lea), lea)
    settle(minutes=2)

    assert "is admin, and PostHog gives those every project" in the_case(bridge).plan.holds[0].message


def test_an_owner_who_leaves_a_group_is_no_owner_who_leaves(bridge, world, okta, settle):
    okta.patch(f"/Users/{okta.user(SAMUEL)}", DISABLE)
    settle(minutes=2)
    grace = okta.user(GRACE)

    leave(okta, okta.group("Admins", grace), grace)
    settle(minutes=2)

    assert codes(all_cases(bridge)[-1]) == [HoldCode.NOT_SUPPORTED]
    assert world.level_of(GRACE) == 15


def test_everything_is_in_the_audit_log_and_the_chain_holds(bridge, okta):
    from bridge.store import audit

    maya = okta.user(MAYA)
    group = okta.group("Analysts", maya)
    leave(okta, group, maya)
    okta.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": member(maya)})
    okta.delete(f"/Groups/{group}")

    with bridge.db.read() as tx:
        kinds = [k.entry.kind for k in audit.read(tx)]
        assert audit.verify(tx, bridge.db.audit_key)[1] == ""
    assert [k for k in kinds if k.startswith(("group.", "case."))] == [
        "group.left",
        "case.opened",
        "case.reactivated",
        "group.gone",
        "case.opened",
    ]


def test_a_name_means_the_group_that_has_it_now_and_those_that_had_it(bridge, okta):
    maya, tomas = okta.user(MAYA), okta.user(TOMAS)
    old = okta.group("Analysts", maya, tomas)
    okta.patch(f"/Groups/{old}", {"op": "replace", "path": "displayName", "value": "Analysts (old)"})
    new = okta.group("Analysts", maya)

    leave(okta, old, maya, tomas)

    assert the_case(bridge).subject.user_name == TOMAS
    leave(okta, new, maya)
    assert {c.subject.user_name for c in all_cases(bridge)} == {MAYA, TOMAS}


def test_a_mapping_that_is_configured_later_holds_for_those_who_are_in_already(bridge, app, okta, settle):
    maya = okta.user(MAYA)
    bare = replace(bridge, connections={n: replace(c, groups=()) for n, c in bridge.connections.items()})
    from bridge.web import create_app

    before = scim_client(bare, create_app(bare), "entra")
    alice = before.user(ALICE)
    group = before.group("Analysts", alice)
    leave(before, before.group("Readers", alice), alice)
    assert all_cases(bridge) == []
    assert maya

    after = scim_client(bridge, app, "entra")
    leave(after, group, alice)

    assert the_case(bridge).scope == "project:42"
