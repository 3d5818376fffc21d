from __future__ import annotations

import pytest

from tests.players import BEN, MAYA, SAMUEL

FIVE = ("alice.moreau", "ben.oduya", "chiara.russo", "daniel.kim", "elif.yilmaz")


def leave(okta, *names: str) -> None:
    for record in [okta.create(f"{name}@example.com") for name in names]:
        okta.deactivate(record)


def test_status_is_quiet_and_exits_0_when_nothing_needs_a_person(ran, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)

    told = ran("status")

    assert told.status == 0
    assert told.out.startswith("Nothing needs a person.")
    assert "1 watching" in told.out


def test_status_exits_1_and_gives_the_command_when_something_needs_a_person(ran, okta, entra, settle):
    entra.create(BEN)
    okta.deactivate(okta.create(BEN))
    settle(minutes=5)

    told = ran("status")

    digest = ran("plan", "1", "--json").json["digest"]
    assert told.status == 1
    assert "okta says gone, entra says active." in told.said
    assert "STILL IN, 5 min after the request." in told.said
    assert f'python3 -m bridge release 1 --digest {digest} --reason "WHY"' in told.out


def test_status_in_json_has_the_contracts_keys(ran, okta, settle):
    leave(okta, *FIVE)
    settle(minutes=2)

    told = ran("status", "--json")

    status = told.json
    assert told.status == 1
    assert status["cases"] == {"PENDING": 0, "HELD": 5, "WATCHING": 0, "CLOSED": 0, "CANCELLED": 0}
    assert status["oldest_pending_seconds"] == 0
    assert status["queue"] == {"reachable": True, "depth": status["queue"]["depth"], "workers": 0}
    assert status["last_event_at"] == {"okta": "2026-11-20T09:00:00.000Z", "entra": None}
    assert status["targets"]["main"]["reachable"] is True
    assert status["targets"]["main"]["owners"] == 3
    assert status["targets"]["main"]["calls_left_this_hour"] is None
    assert status["needs_a_person"] == [1, 2, 3, 4, 5]
    assert status["batches"][0]["size"] == 5
    assert status["batches"][0]["codes"] == ["too_many"]


def test_an_open_to_do_needs_a_person_until_it_is_ticked_off(ran, okta, settle):
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=5)
    assert "confirm your access to billing" in ran("status").said

    assert ran("todo", "done", "1").status == 0

    assert ran("status").status == 0
    assert ran("todo", "done", "1").status == 1


def test_a_target_in_trouble_for_long_needs_a_person(ran, okta, transport, settle, clock, bridge):
    from bridge.store import targets

    with bridge.db.write() as tx:
        targets.pause(tx, "main", reason="401: the key is refused", until=clock.now(), now=clock.now())
    assert ran("status").status == 0

    clock.advance(minutes=11)

    told = ran("status")
    assert told.status == 1
    assert "Nothing can be done at main since 11 min: 401: the key is refused" in told.said


def test_status_says_when_no_worker_does_what_is_due(ran, okta, clock):
    okta.deactivate(okta.create(MAYA))
    clock.advance(minutes=7)

    told = ran("status")

    assert told.status == 1
    assert "no worker does it" in told.said


def test_leavers_seen_while_observing_are_counted_as_still_in(ran, db, clock, world, transport):
    from bridge.core.policy import Mode
    from tests.conftest import run_for, wire
    from tests.players import Idp

    observing = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    leave(Idp(observing), "alice.moreau", "chiara.russo")
    run_for(observing, clock, minutes=2)

    told = ran("status", policies=observing.policies)

    assert told.status == 1
    assert "2 leavers are STILL IN: seen while the bridge only observed." in told.said
    assert "release --batch" not in told.out, "what cannot be released is not offered"


def test_cases_lists_newest_first_and_by_state(ran, okta, settle):
    leave(okta, "alice.moreau", "chiara.russo")
    settle(minutes=2)

    rows = ran("cases").out.splitlines()
    assert rows[0].split() == ["CASE", "STATE", "WHO", "TARGET", "OPENED", "STANDS"]
    assert [row.split()[0] for row in rows[1:]] == ["2", "1"]
    assert ran("cases", "--state", "held").out == "There are no such cases.\n"
    assert [c["state"] for c in ran("cases", "--state", "WATCHING", "--json").json] == ["WATCHING", "WATCHING"]


def test_a_case_tells_its_story_from_the_request_to_the_last_look(ran, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(hours=25)

    told = ran("case", "1", "--json").json

    says = [m["says"] for m in told["timeline"]]
    assert [m["at"] for m in told["timeline"]] == sorted(m["at"] for m in told["timeline"])
    assert says[0] == f"okta said that {MAYA} is no longer active."
    assert says[1] == "Case 1 was opened for main."
    assert any(s.startswith(f"Removed {MAYA} (member) from the organization. PostHog answered 204.") for s in says)
    assert any(s.startswith("Looked 14") for s in says), "a day's looks are one sentence"
    assert says[-1] == "Closed: out of the organization, and stayed out."
    assert told["access"] == {"still_in": False, "after_request_seconds": 60, "back_since": None}
    assert told["approver"] == "none: policy enforce"
    assert told["handover"] is None
    assert len(told["watch"]["checks"]) > 140


def test_the_record_says_what_is_true_of_posthog(ran, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=5)

    told = ran("case", "1")

    whole = told.said
    assert f"The membership of {MAYA} in main ended on" in whole
    assert "account itself is not deleted, and neither are its personal API keys" in whole
    assert "revoked" not in whole.lower()


def test_what_an_idp_sends_cannot_steer_the_terminal(ran, okta, settle):
    okta.deactivate(okta.create("\x1b[2Jmaya\u202e@example.com"))
    settle(minutes=2)

    for command in (("status",), ("cases",), ("case", "1"), ("plan", "1")):
        said = ran(*command).out
        assert "\x1b" not in said
        assert "\u202e" not in said
        assert "\ufffd[2Jmaya\ufffd@example.com" in said


def test_a_case_that_is_not_there_is_one_sentence_and_exit_1(ran):
    told = ran("case", "99")
    assert (told.status, told.err) == (1, "There is no case 99. `cases` lists them.\n")


@pytest.mark.parametrize("arguments", [("case", "x"), ("cases", "--state", "LOST"), ("plan",)])
def test_wrong_use_exits_2(ran, arguments):
    assert ran(*arguments).status == 2


def test_a_person_who_came_back_is_told_with_both_removals(ran, okta, world, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=3)
    world.login(MAYA)
    settle(minutes=15)

    told = ran("case", "1").said

    assert "The person is a member again: return number 1 after a removal." in told
    assert "Came back 1 time; removed again on" in told
