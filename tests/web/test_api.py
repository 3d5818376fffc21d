"""The door for operators' programs: strict, audited in a person's name, and closed to everybody else's tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.case import CaseState
from bridge.core.events import Reason
from bridge.store import audit, tokens
from bridge.store import tables as t
from bridge.web import create_app
from tests.players import MAYA, SAMUEL, Idp, all_cases, codes, is_member, the_case


@pytest.fixture
def bridge(bridge):
    return replace(bridge, policies={"main": replace(bridge.policies["main"], protected=frozenset({SAMUEL}))})


@pytest.fixture
def token(bridge) -> str:
    with bridge.db.write() as tx:
        return tokens.create(tx, "operator:lea", bridge.clock.now())


@pytest.fixture
def ask(bridge, token):
    client = create_app(bridge).test_client()

    def send(method: str, path: str, body=None, *, token=token, **more):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return client.open(f"/api/v1{path}", method=method, json=body, headers=headers, **more)

    return send


def test_an_emergency_by_call_is_due_at_once_in_the_operators_name(ask, bridge, world, settle):
    told = ask(
        "POST", "/removals", {"emails": [MAYA], "emergency": True, "reason": "security_incident", "note": "INC-7"}
    )
    settle(seconds=1)

    case = the_case(bridge)
    assert told.status_code == 201
    assert told.json["cases"][0]["id"] == case.id
    assert (case.source, case.reason, case.note, case.is_emergency) == (
        "operator:lea",
        Reason.SECURITY_INCIDENT,
        "INC-7",
        True,
    )
    assert not is_member(world, MAYA)
    with bridge.db.read() as tx:
        opened = [k.entry for k in audit.read(tx) if k.entry.kind == "case.opened"]
    assert [e.actor for e in opened] == ["operator:lea"]


def test_a_protected_person_is_held_unless_named_twice(ask, bridge, world, settle):
    ask("POST", "/removals", {"emails": [SAMUEL], "emergency": True})
    settle(seconds=1)
    assert codes(the_case(bridge)) == ["protected"]

    ask("POST", "/removals", {"emails": [SAMUEL], "emergency": True, "even_protected": [SAMUEL.upper()]})
    settle(seconds=1)
    assert not is_member(world, SAMUEL)


@pytest.mark.parametrize("kind", ["none", "scim", "revoked", "nonsense"])
def test_no_other_token_opens_it(ask, bridge, kind):
    with bridge.db.write() as tx:
        now = bridge.clock.now()
        given = {"none": None, "scim": tokens.create(tx, "okta", now), "nonsense": "operator-x"}.get(kind)
        if kind == "revoked":
            given = tokens.create(tx, "operator:lea", now)
            tokens.revoke_all(tx, "operator:lea", now)

    told = ask("POST", "/removals", {"emails": [MAYA]}, token=given)

    assert told.status_code == 401
    assert told.headers["WWW-Authenticate"] == "Bearer"
    assert all_cases(bridge) == []


def test_an_operators_token_opens_no_scim(bridge, token):
    client = create_app(bridge).test_client()

    assert client.get("/scim/v2/okta/Users", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_case_is_seen_released_and_cancelled(ask, bridge, settle):
    okta = Idp(bridge)
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=2)
    held = ask("GET", "/cases?state=held").json["cases"]
    (case,) = held
    assert [h["code"] for h in case["holds"]] == ["protected"]
    assert ask("GET", f"/cases/{case['id']}").json["timeline"]

    wrong = ask("POST", f"/cases/{case['id']}/release", {"digest": "000000000000", "reason": "HR"})
    assert wrong.status_code == 409
    assert "shows another plan now" in wrong.json["detail"]
    assert "release that digest" in wrong.json["remedy"]

    done = ask("POST", f"/cases/{case['id']}/release", {"digest": case["plan"]["digest"], "reason": "HR"})
    assert done.json["cases"][0]["approver"] == "operator:lea"
    assert ask("POST", f"/cases/{case['id']}/retry").status_code == 200
    assert ask("POST", f"/cases/{case['id']}/cancel", {"reason": "no"}).json["cases"][0]["state"] == "CANCELLED"
    assert the_case(bridge).state is CaseState.CANCELLED


def test_the_status_is_the_command_lines(ask):
    assert ask("GET", "/status").json["cases"]["PENDING"] == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "emails must be there."),
        ({"emails": []}, "emails must be there."),
        ({"emails": [MAYA], "emergancy": True}, "There is no key 'emergancy'. Did you mean emergency?"),
        ({"emails": [MAYA], "emergency": "true"}, "emergency is true or false."),
        ({"emails": MAYA}, "emails is a list of at most"),
        ({"emails": [MAYA, "maya"]}, "'maya' is no address. Nothing was done."),
        ({"emails": [MAYA, None]}, "'None' is no address. Nothing was done."),
        ({"emails": [MAYA] * 1001}, "emails is a list of at most"),
        ({"emails": [MAYA], "target": "other"}, "target is one of main."),
        ({"emails": [MAYA], "reason": "fired"}, "reason is one of terminated"),
        ({"emails": [MAYA], "at": "2026-12-01T18:00"}, "with its zone"),
        ({"emails": [MAYA], "at": "2020-12-01T18:00Z"}, "a time to come"),
        ({"emails": [MAYA], "at": "tomorrow"}, "at is a time such as"),
        ({"emails": [MAYA], "at": "2026-12-01T18:00Z", "emergency": True}, "leave out at"),
        ({"emails": [SAMUEL], "even_protected": [SAMUEL]}, "even_protected goes with emergency"),
        ({"emails": [MAYA], "emergency": True, "even_protected": [SAMUEL]}, "not both in emails and protected"),
        ({"emails": [MAYA], "note": 7}, "note is a text"),
        ([MAYA], "no JSON object"),
    ],
)
def test_what_cannot_be_meant_opens_nothing(ask, bridge, body, sentence):
    told = ask("POST", "/removals", body)

    assert told.status_code == 400
    assert sentence in told.json["detail"]
    assert all_cases(bridge) == []


def test_a_form_is_no_json(bridge, token):
    client = create_app(bridge).test_client()
    headers = {"Authorization": f"Bearer {token}"}

    assert client.post("/api/v1/removals", data={"emails": MAYA}, headers=headers).status_code == 415
    told = client.post("/api/v1/removals", data="{", headers=headers | {"Content-Type": "application/json"})
    assert (told.status_code, told.json["detail"]) == (400, "The body is no JSON.")


def test_what_is_not_there_is_said_in_json(ask):
    assert ask("GET", "/cases/99").status_code == 404
    assert ask("GET", "/cases?state=gone").status_code == 400
    assert ask("GET", "/cases?limit=0").status_code == 400
    assert ask("GET", "/cases?limit=\u0661").status_code == 400
    wrong = ask("GET", "/removals")
    assert wrong.json["detail"] == "This address does not take that method."
    assert wrong.headers["Allow"] == "OPTIONS, POST"
    nothing = {"status": 404, "detail": "There is nothing at this address.", "remedy": ""}
    assert ask("GET", "/nothing").json == nothing


def test_a_store_that_takes_no_writes_asks_to_come_again(ask, bridge):
    with bridge.db.write() as tx:
        tx.execute(t.case_events.delete())
        tx.run("DROP TABLE inbox")

    told = ask("POST", "/removals", {"emails": [MAYA]})

    assert told.status_code == 503
    assert told.headers["Retry-After"] == "5"


def test_the_same_person_named_twice_is_one_case(ask, bridge):
    ask("POST", "/removals", {"emails": [MAYA, MAYA.upper(), f" {MAYA} "]})

    assert len(all_cases(bridge)) == 1


def test_an_operators_token_says_when_it_was_last_used(ask, bridge):
    ask("GET", "/status")

    with bridge.db.read() as tx:
        (kept,) = tokens.listed(tx, "operator:lea")
    assert kept.last_used_at == bridge.clock.now().replace(second=0, microsecond=0)


def test_a_store_that_fails_on_the_way_has_opened_no_case_and_says_so(ask, bridge):
    """Whoever is told that nothing was done must be able to think again."""
    with bridge.db.write() as tx:
        second = "(SELECT count(*) FROM cases) > 0"
        tx.run(f"CREATE TRIGGER full BEFORE INSERT ON cases WHEN {second} BEGIN SELECT RAISE(ABORT, 'full'); END")

    told = ask("POST", "/removals", {"emails": [MAYA, SAMUEL, "c@example.com"]})

    assert (told.status_code, told.json["remedy"]) == (503, "Ask again: nothing was done.")
    assert all_cases(bridge) == []


def test_a_removal_with_a_date_is_not_brought_forward_by_a_retry(ask, bridge, world, settle, clock):
    at = (clock.now() + timedelta(days=5)).isoformat()
    ask("POST", "/removals", {"emails": [MAYA], "at": at})

    told = ask("POST", "/cases/1/retry")
    settle(hours=1)

    assert told.status_code == 409
    assert told.json["detail"] == "Case 1 was not tried yet: it has a date, 2026-11-25 09:00:00 UTC."
    assert is_member(world, MAYA)


@pytest.mark.parametrize("action", ["release", "cancel"])
def test_a_decision_without_a_reason_is_none(ask, bridge, action):
    ask("POST", "/removals", {"emails": [MAYA]})

    told = ask("POST", f"/cases/1/{action}", {"reason": "  \n", **({"digest": "x"} if action == "release" else {})})

    assert (told.status_code, told.json["detail"]) == (400, "reason must be there.")
    assert the_case(bridge).state is CaseState.PENDING


@pytest.mark.parametrize(
    "raw",
    [
        r'{"emails": ["\ud800@x.example"]}',
        r'{"emails": ["a\u0000b@x.example"]}',
        r'{"emails": ["a\u001b[2J@x.example"]}',
        r'{"emails": ["a@x.example"], "note": "\ud800"}',
        r'{"emails": ["a@x.example"], "emergency": true, "emergency": false}',
        r'{"emails": ["a@x.example"], "project": "' + "9" * 200 + '"}',
        r'{"emails": ["a@x.example"], "project": "../1"}',
        r'{"emails": ["a@x.example"], "at": "9999-12-31T23:59:59-23:59"}',
    ],
)
def test_what_no_store_can_keep_and_what_is_said_twice_is_refused(bridge, token, raw):
    told = (
        create_app(bridge)
        .test_client()
        .post(
            "/api/v1/removals",
            data=raw,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
    )

    assert told.status_code == 400
    assert all_cases(bridge) == []
