"""Many people about whom the same is asked are one matter: told in one line, and settled by one command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.core.policy import OnReactivate
from bridge.store import returns, todos
from tests.faults import When, reset_after
from tests.players import BEN, MAYA, all_cases, join_many


@pytest.fixture
def removed(ran, bridge, world, okta, settle):
    """Takes so many out through Okta, as one batch that somebody released; their records."""

    def leave(count: int = 8) -> list[str]:
        records = [okta.create(address) for address in join_many(world, count)]
        for record in records:
            okta.deactivate(record)
        settle(minutes=2)
        (batch,) = ran("status", "--json").json["batches"]
        ran("release", "--batch", str(batch["id"]), "--digest", batch["digest"], "--reason", "HR said so")
        settle(minutes=5)
        return records

    return leave


@pytest.fixture
def mistake(removed, okta) -> list[str]:
    """Eight whom an import took out, and whom the provider has active again; their records."""
    records = removed()
    for record in records:
        okta.activate(record)
    return records


def shown(ran):
    return ran("status", "--json").json["matters"]


def states(bridge):
    with bridge.db.read() as tx:
        return [r.state.value for c in all_cases(bridge) for r in returns.of_case(tx, c.id)]


def test_an_import_that_was_undone_is_one_thing_for_a_person(ran, mistake):
    told = ran("status")

    assert "1 thing needs a person." in told.said
    assert "8 people who were taken out of main in batch 1 are active again at the identity provider." in told.said
    assert "p0@example.com, p1@example.com, p2@example.com, p3@example.com, p4@example.com, …" in told.said
    assert 'undo --todo 1 --reason "WHY"' in told.said
    assert "p5@example.com" not in told.said
    assert told.status == 1


def test_for_programs_each_has_a_to_do_of_its_own_and_the_matter_names_them(ran, mistake):
    status = ran("status", "--json").json
    (matter,) = status["matters"]

    assert (matter["todo"], matter["size"], matter["undoable"]) == (1, 8, True)
    assert matter["todos"] == [t["id"] for t in status["todos"]] == list(range(1, 9))
    assert matter["cases"] == [t["case_id"] for t in status["todos"]]


def test_who_they_are_is_one_command_away(ran, mistake):
    told = ran("todo", "show", "1")

    assert all(f"p{n}@example.com" in told.out for n in range(8))
    assert "8 people" in told.said


def test_one_command_invites_all_of_them_and_answers_what_was_asked(ran, bridge, world, mistake, settle):
    assert ran("undo", "--todo", "1", "--reason", "an import went wrong", "--yes").status == 0
    settle(minutes=5)

    assert [len(world.invites_for(f"p{n}@example.com")) for n in range(8)] == [1] * 8
    assert shown(ran) == []
    assert ran("status").status == 0


def test_whoever_of_the_batch_stays_deactivated_is_not_invited_with_the_others(ran, world, removed, okta, settle):
    records = removed()
    for record in records[1:]:
        okta.activate(record)
    ran("undo", "--todo", "1", "--reason", "an import went wrong", "--yes")
    settle(minutes=5)

    assert [len(world.invites_for(f"p{n}@example.com")) for n in range(8)] == [0] + [1] * 7


def test_it_may_be_prepared_first_and_is_sent_by_the_same_command(ran, bridge, mistake):
    told = ran("undo", "--todo", "1", "--reason", "an import went wrong")
    assert "`undo --todo 1` sends it." in told.said
    assert states(bridge) == ["prepared"] * 8

    assert ran("undo", "--todo", "1", "--yes").status == 0
    assert states(bridge) == ["ready"] * 8


def test_or_all_of_it_is_ticked_off_at_once(ran, bridge, world, mistake, settle):
    told = ran("todo", "done", "3", "--alike")
    settle(minutes=5)

    assert "To-do 3 is done, and so are 7 like it." in told.said
    assert shown(ran) == []
    assert states(bridge) == []


def test_one_of_them_may_be_ticked_off_alone(ran, mistake):
    assert "To-do 1 is done." in ran("todo", "done", "1").said

    assert [(m["todo"], m["size"]) for m in shown(ran)] == [(2, 7)]


def test_deactivated_again_answers_it_and_the_others_can_be_given_back(ran, bridge, world, mistake, okta, settle):
    okta.deactivate(mistake[0])

    assert [(m["todo"], m["size"]) for m in shown(ran)] == [(2, 7)]
    assert ran("undo", "--todo", "2", "--reason", "an import went wrong", "--yes").status == 0
    settle(minutes=5)
    assert [len(world.invites_for(f"p{n}@example.com")) for n in range(8)] == [0] + [1] * 7
    with bridge.db.read() as tx:
        (first,) = [t for t in todos.todos(tx, only_open=False) if t.id == 1]
    assert first.done_by == "the bridge, since case 9 takes the person out again"


def test_few_are_read_one_by_one(ran, removed, okta):
    for record in removed()[:3]:
        okta.activate(record)

    assert [m["size"] for m in shown(ran)] == [1, 1, 1]
    assert "3 things need a person." in ran("status").said


def test_somebody_who_is_hired_again_is_no_part_of_a_batch_that_was_a_mistake(ran, removed, okta, settle):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=2)
    records = removed()
    for record in [*records, maya]:
        okta.activate(record)

    assert sorted(m["size"] for m in shown(ran)) == [1, 8]


def test_invites_that_nobody_accepts_are_one_matter_and_are_sent_again_together(ran, world, mistake, clock, settle):
    ran("undo", "--todo", "1", "--reason", "an import went wrong", "--yes")
    settle(minutes=5)
    clock.advance(days=4)
    settle(minutes=5)

    (matter,) = shown(ran)
    assert (matter["size"], matter["undoable"]) == (8, True)
    assert "are not back: nobody accepted the invite" in matter["message"]
    again = ran("undo", "--todo", str(matter["todo"]), "--reason", "once more", "--yes")
    settle(minutes=5)
    assert again.status == 0
    assert shown(ran) == []
    fresh = [i for n in range(8) for i in world.invites_for(f"p{n}@example.com") if not i.is_expired(world.now())]
    assert len(fresh) == 8


def test_who_was_invited_by_the_policy_is_told_as_one_and_not_invited_twice(ran, bridge, removed, okta, settle):
    records = removed()
    policies = {"main": replace(bridge.policies["main"], on_reactivate=OnReactivate.INVITE)}
    inviting = type(okta)(replace(bridge, policies=policies))
    for record in records:
        inviting.activate(record)
    settle(minutes=5)

    (matter,) = shown(ran)
    assert (matter["size"], matter["undoable"]) == (8, False)
    assert "By policy.on_reactivate they are invited again." in matter["message"]
    assert "undo --todo" not in ran("status").said
    refused = ran("undo", "--todo", str(matter["todo"]), "--reason", "x", "--yes")
    assert refused.status == 1
    assert "asks for something else" in refused.err


def test_a_to_do_that_there_is_not_is_said_so(ran, mistake):
    assert "There is no open to-do 99." in ran("undo", "--todo", "99", "--reason", "x").err
    assert "There is no open to-do 99." in ran("todo", "done", "99", "--alike").err
    assert "There is no open to-do 99" in ran("todo", "show", "99").err


def test_about_somebody_whose_removal_was_not_seen_nothing_is_promised(ran, world, okta, transport, settle):
    transport.inject(When(method="DELETE", path="/members/"), reset_after())
    ben = okta.create(BEN)
    okta.deactivate(ben)
    settle(seconds=61)
    okta.activate(ben)

    (matter,) = shown(ran)
    assert "look in PostHog, and put it right there" in matter["message"]
    assert "undo" not in matter["message"]
    assert not matter["undoable"]
