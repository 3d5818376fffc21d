"""A write asks the store for everything once: whatever is read is handed on."""

from __future__ import annotations

import re

import pytest

from bridge.store.transaction import Tx
from tests.web.conftest import DISABLE

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENABLE = {"op": "replace", "value": {"active": True}}
RENAME = {"op": "replace", "path": "userName", "value": "maya.lindqvist@example.com"}


@pytest.fixture
def asked(monkeypatch) -> list[tuple[str, tuple[object, ...]]]:
    """Every question to the store, with its values."""
    said = []
    rows = Tx.rows

    def noting(self, sql, given=()):
        if sql.startswith("SELECT"):
            said.append((sql, tuple(given)))
        return rows(self, sql, given)

    monkeypatch.setattr(Tx, "rows", noting)
    return said


def table(sql: str) -> str:
    """Which table a question went to, whatever else it looked for beside it."""
    while (outside := re.sub(r"\([^()]*\)", "", sql)) != sql:
        sql = outside
    return sql.split("FROM ")[1].split()[0]


@pytest.mark.parametrize("change", [DISABLE, ENABLE, RENAME], ids=["disable", "enable", "rename"])
@pytest.mark.parametrize("was_out", [False, True])
def test_no_write_asks_for_the_same_twice(okta, asked, change, was_out):
    person = okta.user()
    if was_out:
        okta.patch(f"/Users/{person}", DISABLE)
    asked.clear()

    assert okta.patch(f"/Users/{person}", change).status_code == 200

    assert len(asked) == len(set(asked))
    for name in ("cases", "standings", "identities", "group_members", "audit_head"):
        # What a case had superseded, and what was done for it, are questions about the case.
        about_people = [sql for sql, _ in asked if table(sql) == name and "outcome = ?" not in sql]
        assert len(about_people) <= 1


@pytest.mark.parametrize("change", [DISABLE, ENABLE, RENAME], ids=["disable", "enable", "rename"])
def test_nothing_is_asked_of_what_somebody_does_not_have(okta, asked, change):
    person = okta.user()
    asked.clear()

    assert okta.patch(f"/Users/{person}", change).status_code == 200

    assert {table(sql) for sql, _ in asked}.isdisjoint({"cases", "standings", "group_members", "people"})


def test_other_records_groups_and_cases_are_asked_for_where_there_are_some(okta, asked):
    person = okta.user(externalId="00uMAYA")
    second = okta.user("maya.second@example.com", externalId="00uMAYA")
    members = [{"value": person}]
    okta.post("/Groups", {"schemas": [GROUP], "displayName": "Analysts", "members": members})
    for each in (person, second):
        okta.patch(f"/Users/{each}", DISABLE)
    asked.clear()

    answered = okta.patch(f"/Users/{person}", DISABLE).get_json()

    assert [each["display"] for each in answered["groups"]] == ["Analysts"]
    assert {"cases", "group_members", "records"} <= {table(sql) for sql, _ in asked}


def test_of_somebody_new_nothing_is_asked_but_who_they_are(okta, asked):
    okta.user("first@example.com")
    asked.clear()

    okta.user("maya.okafor@example.com", externalId="00uMAYA")

    assert sorted(table(sql) for sql, _ in asked) == ["audit_head", "identities", "identities", "records", "tokens"]
