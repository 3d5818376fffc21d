"""The SCIM endpoints on SQLite and PostgreSQL: what SQL must mean the same on both."""

from __future__ import annotations

import json
from random import Random

import psycopg
import pytest

from bridge.store import db as store
from bridge.web import create_app
from tests import postgres
from tests.conftest import connect, wire
from tests.web.conftest import DISABLE, scim_client
from tests.web.test_scim_filter_oracle import compare, populate

EXAMPLES = 600
"""Filters: a share of those that SQLite answers."""


@pytest.fixture(scope="module")
def server():
    if postgres.binaries() is None:
        postgres.missing()
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def okta(request, clock, world, tmp_path):
    if request.param == "sqlite":
        database = request.getfixturevalue("db")
    else:
        server = request.getfixturevalue("server")
        name = f"t{abs(hash(request.node.name))}"
        host = server.split("host=")[1]
        with psycopg.connect(host=host, user="bridge", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        store.upgrade(server.format(name), tmp_path)
        database = store.open_database(server.format(name), tmp_path)
    bridge = wire(database, clock, world, connect(world))
    yield scim_client(bridge, create_app(bridge), "okta")
    database.close()


def test_a_share_of_the_random_filters_finds_what_the_rfc_says(okta):
    populate(okta, Random(7))
    for resource_type, count in (("User", EXAMPLES * 4 // 5), ("Group", EXAMPLES // 5)):
        telling, wrong = compare(okta, resource_type, 7, count)
        assert wrong == []
        assert telling > 0


def test_a_value_is_only_itself(okta):
    values = ["100%", "a_b", "a\\b", "\u00e9", "e\u0301", "\u212a", "\u00df", "o'hara", '"', ":x", "%s", "{}"]
    ids = {value: okta.user(f"{n}@example.com", title=value) for n, value in enumerate(values)}
    okta.user("other@example.com", title="anything else: 100 a-b ab k ss")

    for value, wanted in ids.items():
        for operator in ("eq", "co", "sw", "ew"):
            reply = okta.get("/Users", query={"filter": f"title {operator} {json.dumps(value, ensure_ascii=False)}"})
            assert [each["id"] for each in reply.json["Resources"]] == [wanted]


def test_whatever_stands_in_the_stored_json_no_filter_fails(okta):
    odd = [5, 1.5, True, "text", [], {}, [1, "a"], {"a": {"b": []}}, ["x", {"value": ["deep"]}], "[1]", "{"]
    for n, value in enumerate(odd):
        okta.user(f"odd{n}@example.com", title=value, name=value, roles=value, addresses=value)
    for path in ("title", "name.familyName", "roles.value", "roles", "addresses.country"):
        for rest in ('eq "a"', 'ne "a"', 'co "e"', "pr", 'gt "1"', "eq null"):
            assert okta.get("/Users", query={"filter": f"{path} {rest}"}).status_code == 200
    assert okta.get("/Users", query={"filter": 'roles[value eq "a" and primary eq true]'}).status_code == 200
    assert okta.get("/Users", query={"filter": 'title eq "5"'}).json["totalResults"] == 1


def test_a_disable_is_an_event_there_too(okta):
    person = okta.user()
    assert okta.patch(f"/Users/{person}", DISABLE).json["active"] is False
    assert [each.kind.name for each in okta.events()] == ["DEACTIVATE"]
