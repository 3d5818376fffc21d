"""What a log line never shows, and the form in which it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import structlog

from bridge import bootstrap


@pytest.mark.parametrize(
    "said",
    [
        "phx_AbCdEf0123456789",
        "key=phc_AbCdEf0123456789.",
        "scim-AAAAAAAAAAAAAAAAAAAAAAAA",
        "Authorization: Bearer abc.def",
        "redis://:hunter2@queue.example.com/0",
        "postgresql://bridge:hunter2@db.example.com/bridge",
    ],
)
def test_no_secret_is_written_wherever_it_stands(said):
    cleaned = bootstrap.redacted({"error": said, "deeper": [{"said": said}]})

    for secret in ("AbCdEf0123456789", "AAAAAAAA", "abc.def", "hunter2"):
        assert secret not in json.dumps(cleaned)
    assert json.dumps(cleaned).count("[redacted]") == 2


def test_a_field_whose_name_says_secret_is_not_written_either():
    assert bootstrap.redacted({"api_key": "anything"}) == {"api_key": "[redacted]"}


def test_a_person_can_be_followed_and_not_read():
    lines = [bootstrap.redacted({"who": f"by {a}"}) for a in ("Maya.O@example.com", "maya.o@example.com")]

    assert lines[0] == lines[1]
    assert "maya" not in str(lines).lower()


def test_a_line_is_json_in_ascii_whatever_stands_in_it():
    event = {"at": datetime(2026, 11, 24, tzinfo=UTC), "who": "Zoë", "n": 2**70, "error": ValueError("no")}

    line = bootstrap._as_json(None, "info", event)

    assert line.isascii()
    assert json.loads(line) == {"at": "2026-11-24 00:00:00+00:00", "who": "Zoë", "n": 2**70, "error": "no"}


def test_a_line_says_who_says_it_when_and_what_went_wrong_without_secrets():
    error = ValueError("phx_AbCdEf0123456789 is no good")

    said = bootstrap.told("web")(None, "exception", {"event": "broken", "exc_info": error})

    assert (said["part"], said["event"], said["level"]) == ("web", "broken", "error")
    assert said["timestamp"].endswith("Z")
    assert "[redacted] is no good" in said["exception"]
    assert "AbCdEf" not in json.dumps(said)


def test_what_is_only_practised_is_told_when_something_is_wrong():
    line = bootstrap.told("worker")

    with pytest.raises(structlog.DropEvent):
        line(None, "info", {"event": "case opened", "is_silent": True})
    assert line(None, "warning", {"event": "odd", "is_silent": True})["event"] == "odd"
