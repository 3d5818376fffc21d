"""Reporting a leaked key: the only way to end somebody else's. PostHog: POST /revoke_leaked_key."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.conftest import URL, envelope, invalid, says

MAYA = "maya.okafor@example.com"


@pytest.fixture
def public(side):
    return httpx.Client(base_url=URL, transport=side.transport)


def report(public, token):
    return public.post("/api/revoke_leaked_key", json={"token": token})


def test_whoever_holds_the_value_ends_the_key_at_once(side, public):
    key = side.key(MAYA)
    assert says(report(public, key)) == (200, {"found": True, "type": "personal_api_key"})
    assert side.api_with(key).get("/api/users/@me/").status_code == 401
    assert says(report(public, key)) == (200, {"found": False, "type": None})


def test_an_unknown_value_is_no_error(public):
    assert says(report(public, "phx_unknown")) == (200, {"found": False, "type": None})


def test_a_report_needs_a_value_of_at_most_200_characters(public):
    assert says(report(public, "")) == invalid("This field is required.", "required", "token")
    too_long = "Ensure this field has no more than 200 characters."
    assert says(report(public, "x" * 201)) == invalid(too_long, "max_length", "token")
    assert public.get("/api/revoke_leaked_key").status_code == 405


def test_ten_reports_a_minute_and_no_more(side, public):
    for _ in range(10):
        assert report(public, "phx_unknown").status_code == 200
    detail = "Request was throttled. Expected available in 60 seconds."
    assert says(report(public, "phx_unknown")) == envelope(429, "throttled_error", "throttled", detail)
    side.clock.advance(seconds=60)
    assert report(public, "phx_unknown").status_code == 200
