"""PostHog's throttles: 480 requests a minute and 4,800 an hour, each key for itself. Source: section 3."""

from __future__ import annotations

import pytest

from bridge.ports import Unavailable
from tests.contract.conftest import HOME, envelope, says

ADA = "lea.brandt@example.com"


def spend(side, key, number):
    """Count that many requests without making them."""
    key_id = side.world.key_with(key).id
    for _ in range(number):
        assert side.world.throttle.wait_seconds(key_id, side.clock.now()) == 0


def said(seconds, unit="seconds"):
    detail = f"Request was throttled. Expected available in {seconds} {unit}."
    return envelope(429, "throttled_error", "throttled", detail)


def test_the_481st_request_in_a_minute_waits(side):
    key = side.key(ADA)
    api = side.api_with(key)
    spend(side, key, 479)
    assert api.get(f"{HOME}/members/").status_code == 200
    side.clock.advance(seconds=12.5)
    answer = api.get(f"{HOME}/members/")
    assert says(answer) == said(48)
    assert answer.headers["Retry-After"] == "48"
    side.clock.advance(seconds=47)
    assert says(api.get(f"{HOME}/members/")) == said(1, "second")
    side.clock.advance(seconds=1)
    assert api.get(f"{HOME}/members/").status_code == 200


def test_the_4801st_request_in_an_hour_waits(side):
    key = side.key(ADA)
    for _ in range(10):
        spend(side, key, 480)
        side.clock.advance(minutes=2)
    assert says(side.api_with(key).get("/api/users/@me/")) == said(40 * 60)


def test_each_key_has_a_budget_of_its_own(side):
    key = side.key(ADA)
    spend(side, key, 480)
    assert side.api_with(key).get("/api/users/@me/").status_code == 429
    assert side.api(ADA).get("/api/users/@me/").status_code == 200


def test_a_request_that_may_not_be_made_is_not_counted(side):
    key = side.key(ADA, scopes=("user:read",))
    spend(side, key, 479)
    for _ in range(3):
        assert side.api_with(key).get(f"{HOME}/members/").status_code == 403
    assert side.api_with(key).get("/api/users/@me/").status_code == 200
    assert side.api_with(key).get("/api/users/@me/").status_code == 429


def test_throttling_can_be_switched_off_as_on_self_hosted_instances(side):
    key = side.key(ADA)
    spend(side, key, 480)
    side.world.is_throttling = False
    assert side.api_with(key).get("/api/users/@me/").status_code == 200


@pytest.mark.parametrize("sends_retry_after", [True, False])
def test_the_bridge_learns_how_long_to_wait_with_and_without_the_header(side, sends_retry_after):
    side.world.sends_retry_after = sends_retry_after
    key = side.key(ADA)
    spend(side, key, 480)
    side.clock.advance(seconds=20)
    with pytest.raises(Unavailable) as told:
        side.target_with(key).key_owner()
    assert (told.value.retry_after_seconds, told.value.is_target_wide) == (40, True)


def test_all_keys_may_share_one_budget_as_the_documentation_has_it(side):
    side.world.counts_all_keys_together = True
    for number in range(2):
        key = side.key(ADA)
        for _ in range(240):
            assert side.api_with(key).get("/api/users/@me/").status_code == 200, number
    assert side.api().get("/api/users/@me/").status_code == 429
