"""Connections are tenants: what one has, no other sees, changes, names or counts."""

from __future__ import annotations

import pytest

from bridge.store import tokens
from tests.web.conftest import DISABLE, is_error

MAYA = "maya.okafor@example.com"
FILTERS = (
    'userName eq "maya.okafor@example.com"',
    'externalId eq "x-1"',
    'id eq "{id}"',
    'emails[type eq "work"].value eq "maya.okafor@example.com"',
    'emails.value eq "maya.okafor@example.com"',
)


@pytest.fixture
def maya(okta) -> str:
    emails = [{"type": "work", "value": MAYA, "primary": True}]
    return okta.user(MAYA, externalId="x-1", emails=emails)


@pytest.mark.parametrize("filter_", FILTERS)
def test_no_filter_finds_anothers_people(okta, entra, maya, filter_):
    asked = {"filter": filter_.format(id=maya)}

    assert okta.post("/Users/.search", asked).json["totalResults"] == 1
    assert entra.post("/Users/.search", asked).json["totalResults"] == 0
    assert entra.get("/Users").json["totalResults"] == 0


@pytest.mark.parametrize("collection", ["Users", "Groups"])
@pytest.mark.parametrize("verb", ["get", "put", "patch", "delete"])
def test_no_verb_reaches_anothers_resources(okta, entra, maya, collection, verb):
    group = okta.group("Analysts", maya)
    one = f"/{collection}/{maya if collection == 'Users' else group}"
    before = okta.get(one).json
    send = {
        "get": lambda: entra.get(one),
        "put": lambda: entra.put(one, {"userName": MAYA, "displayName": "Analysts", "active": False, "members": []}),
        "patch": lambda: entra.patch(one, DISABLE, {"op": "replace", "path": "members", "value": []}),
        "delete": lambda: entra.delete(one),
    }

    assert is_error(send[verb](), 404)

    assert okta.get(one).json == before
    assert entra.events() == []


def test_a_name_is_taken_within_one_connection_only(okta, entra, maya):
    okta.group("Analysts")

    assert entra.user(MAYA) != maya
    assert entra.group("Analysts")
    assert is_error(okta.post("/Users", {"userName": MAYA}), 409, "uniqueness")


def test_anothers_token_opens_nothing_and_looks_like_any_wrong_one(okta, entra, maya):
    wrong = okta.get(f"/Users/{maya}", Authorization=f"Bearer {entra.token}")
    unknown = okta.get(f"/Users/{maya}", Authorization="Bearer nonsense")

    assert is_error(wrong, 401)
    assert (wrong.json, dict(wrong.headers)) == (unknown.json, dict(unknown.headers))


def test_a_group_that_names_anothers_people_shows_and_reaches_none_of_them(okta, entra, maya):
    group = entra.group("Analysts", maya)

    assert okta.get(f"/Users/{maya}").json["groups"] == []
    assert entra.get(f"/Groups/{group}").json["members"] == [{"value": maya}]
    assert is_error(entra.get(f"/Users/{maya}"), 404)


def test_a_deactivation_says_nothing_for_another_connection(okta, entra, maya):
    there = entra.user(MAYA)

    okta.patch(f"/Users/{maya}", DISABLE)

    assert entra.get(f"/Users/{there}").json["active"] is True
    assert entra.events() == []


@pytest.mark.parametrize("header", ["Bearer {}", "bearer   {}", "BEARER {}"])
def test_a_token_opens_its_connection_in_every_form_that_is_sent(okta, header):
    assert okta.get("/Users", Authorization=header.format(okta.token)).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic {}", "{} x", "{}", "non-token"])
def test_no_other_form_opens_it(okta, header):
    assert is_error(okta.get("/Users", Authorization=header.format(okta.token)), 401)


def test_two_tokens_open_a_connection_at_once_and_a_revoked_one_does_not(bridge, okta):
    with bridge.db.write() as tx:
        second = tokens.create(tx, "okta", bridge.clock.now())
        first = tokens.listed(tx, "okta")[0]
    assert okta.get("/Users").status_code == okta.get("/Users", Authorization=f"Bearer {second}").status_code == 200

    with bridge.db.write() as tx:
        tokens.revoke(tx, first.id, bridge.clock.now())

    assert is_error(okta.get("/Users"), 401)
    assert okta.get("/Users", Authorization=f"Bearer {second}").status_code == 200
