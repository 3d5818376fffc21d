"""One line in the log for each write, and none for what was not kept."""

from __future__ import annotations

import pytest
import structlog

from bridge.store.transaction import Tx
from tests.web.conftest import DISABLE

ENABLE = {"op": "replace", "value": {"active": True}}
TITLE = {"op": "replace", "path": "title", "value": "Engineer"}


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as said:
        yield said


def test_a_write_that_opens_or_ends_a_case_is_told_of_by_the_case(okta, lines):
    person = okta.user()
    lines.clear()

    okta.patch(f"/Users/{person}", DISABLE)
    okta.patch(f"/Users/{person}", ENABLE)

    assert [(line["event"], line["event_id"]) for line in lines] == [
        ("case opened", f"{person}:2"),
        ("case reactivated", f"{person}:3"),
    ]


def test_any_other_write_is_told_of_by_itself(okta, lines):
    person = okta.user()
    okta.patch(f"/Users/{person}", TITLE)

    assert [(line["event"], line["record_id"], line["version"]) for line in lines] == [
        ("scim.create", person, 1),
        ("scim.change", person, 2),
    ]


def test_what_could_not_be_made_durable_is_not_told_of(okta, lines, monkeypatch):
    person = okta.user()
    lines.clear()
    run = Tx.run

    def failing(self, sql, given=()):
        if sql == "COMMIT":
            raise OSError(28, "No space left on device")
        return run(self, sql, given)

    monkeypatch.setattr(Tx, "run", failing)
    assert okta.patch(f"/Users/{person}", DISABLE).status_code >= 400

    assert [line["event"] for line in lines] == ["request.failed"]
