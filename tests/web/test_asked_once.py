"""A write asks the store for everything once: whatever is read is handed on."""

from __future__ import annotations

import pytest

from bridge.store.transaction import Tx
from tests.web.conftest import DISABLE

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


def tables(asked) -> list[str]:
    """Which table each question went to."""
    return [sql.rsplit("FROM ", 1)[1].split()[0] for sql, _ in asked]


@pytest.mark.parametrize("change", [DISABLE, ENABLE, RENAME], ids=["disable", "enable", "rename"])
@pytest.mark.parametrize("was_out", [False, True])
def test_no_write_asks_for_the_same_twice(okta, asked, change, was_out):
    person = okta.user()
    if was_out:
        okta.patch(f"/Users/{person}", DISABLE)
    asked.clear()

    assert okta.patch(f"/Users/{person}", change).status_code == 200

    assert len(asked) == len(set(asked))
    for table in ("cases", "standings", "identities", "group_members", "audit_head"):
        # What a case had superseded, and what was done for it, are questions about the case.
        about_people = [sql for sql, _ in asked if f"FROM {table} " in sql and "outcome = ?" not in sql]
        assert len(about_people) <= 1


def test_of_somebody_new_nothing_is_asked_but_who_they_are(okta, asked):
    okta.user("first@example.com")
    asked.clear()

    okta.user("maya.okafor@example.com", externalId="00uMAYA")

    assert sorted(tables(asked)) == ["audit_head", "identities", "identities", "records", "tokens"]
