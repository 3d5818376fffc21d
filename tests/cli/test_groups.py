"""The groups as an operator sees them, and one decision about everybody who was in one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge import intake
from bridge.core.record import Record
from bridge.ports import GroupGrant
from tests.conftest import run_for
from tests.players import MAYA, Idp, all_cases, batch_of, join_many

GRANT = GroupGrant(name="Analysts", target="main", scope="project:42")


@pytest.fixture
def bridge(bridge):
    okta = replace(bridge.connections["okta"], groups=(GRANT, replace(GRANT, name="Nobody pushed this")))
    return replace(bridge, connections=bridge.connections | {"okta": okta})


def push(bridge, name: str, *member_ids: str) -> str:
    now = bridge.clock.now()
    group = Record(
        id=f"g-{name}",
        connection="okta",
        resource_type="Group",
        user_name=name,
        member_ids=member_ids,
        created_at=now,
        modified_at=now,
    )
    return intake.change(bridge, bridge.connections["okta"], "Group", None, lambda _: group).id


def test_every_group_is_listed_with_what_leaving_it_takes_away(ran, bridge):
    maya = Idp(bridge).create(MAYA)
    push(bridge, "Analysts", maya, "nested")
    push(bridge, "Lunch", maya)

    told = ran("groups")

    assert told.status == 0
    assert "Analysts 1, 1 id of nobody here project 42 of main" in told.said
    assert "Lunch 1 nothing" in told.said
    assert "okta has pushed no group “Nobody pushed this”, which the configuration names." in told.said
    assert ran("groups", "okta", "--json").json[0]["takes_away"] == [{"target": "main", "scope": "project:42"}]
    assert ran("groups", "entra").said == "No identity provider has pushed a group."
    assert ran("groups", "okat").status == 2


def test_a_case_shows_the_groups_that_the_person_is_in(ran, bridge):
    okta = Idp(bridge)
    maya = okta.create(MAYA)
    push(bridge, "Lunch", maya)
    okta.deactivate(maya)

    assert "Groups Lunch (okta)" in ran("case", "1").said
    assert ran("case", "1", "--json").json["groups"] == [{"connection": "okta", "name": "Lunch"}]


def test_a_deleted_group_is_shown_as_one_thing_and_cancelled_as_one(ran, bridge, world, clock):
    okta = Idp(bridge)
    group = push(bridge, "Analysts", *(okta.create(address) for address in join_many(world, 4)))
    intake.change(bridge, bridge.connections["okta"], "Group", group, lambda _: None)
    run_for(bridge, clock, minutes=2)
    batch = batch_of(bridge)

    told = ran("status")

    assert told.status == 1
    assert "1 thing needs a person" in told.said
    assert "okta deleted or unlinked the last group that granted project 42." in told.said
    command = f'cancel --batch {batch.id} --digest {batch.digest} --reason "WHY"'
    assert command in told.out
    assert "p0@example.com is to lose" not in told.said, "what is the same for all is said once"
    assert ran("cases").said.count("project 42 of main") == 4

    only = str(batch.cases[0].id)
    assert ran("cancel", "--batch", str(batch.id), "--reason", "no").status == 2
    assert ran("cancel", "1", "--digest", "x", "--reason", "no").status == 2
    assert ran("cancel", "--reason", "no").status == 2
    wrong = ran("cancel", "--batch", str(batch.id), "--digest", "x", "--reason", "no")
    assert (wrong.status, "has changed since" in wrong.err) == (1, True)
    some = ran("cancel", "--batch", str(batch.id), "--digest", batch.digest, "--reason", "no", "--only", only)
    assert "1 case of batch 1 cancelled by lea." in some.said
    assert len([c for c in all_cases(bridge) if c.state.is_open]) == 3
