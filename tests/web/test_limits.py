"""A limit on requests, for connections that want one: nothing is read or stored above it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.web import create_app
from bridge.web.limits import Bucket, TooFast
from tests.web.conftest import is_error, scim_client


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(bucket: Bucket) -> bool:
    try:
        bucket.take()
    except TooFast:
        return False
    return True


@given(
    rate=st.integers(25, 200),
    pauses=st.lists(st.floats(0, 0.2), min_size=1, max_size=300),
)
def test_no_second_has_more_than_twice_the_rate_and_a_slow_client_never_waits(rate, pauses):
    clock = Time()
    bucket, let_through = Bucket(rate, clock), []
    for pause in pauses:
        clock.now += pause
        if passed(bucket):
            let_through.append(clock.now)
        else:
            assert pause < 1 / rate or len(let_through) >= rate
    for at in let_through:
        assert sum(at <= other < at + 1 for other in let_through) <= 2 * rate


def test_a_steady_rate_at_the_limit_is_never_refused():
    clock = Time()
    bucket = Bucket(25, clock)
    for _ in range(1000):
        clock.now += 1 / 25
        assert passed(bucket)


def test_who_is_refused_is_told_whole_seconds():
    bucket = Bucket(25, Time())
    assert [passed(bucket) for _ in range(26)] == [True] * 25 + [False]
    with pytest.raises(TooFast) as refused:
        bucket.take()
    assert refused.value.headers == {"Retry-After": "1"}


class TestOverTheWire:
    @pytest.fixture
    def limited(self, bridge):
        okta = replace(bridge.connections["okta"], rate_limit=25)
        return replace(bridge, connections=bridge.connections | {"okta": okta})

    def test_above_the_limit_the_answer_is_429_in_scim_form_and_nothing_happens(self, limited):
        app = create_app(limited)
        okta, entra = (scim_client(limited, app, name) for name in ("okta", "entra"))
        # However slow the machine is, several times the rate at once is more than it lets through.
        replies = [okta.post("/Users", {"userName": f"p{n}@example.com"}) for n in range(300)]

        refused = [reply for reply in replies if reply.status_code == 429]
        if not refused:
            pytest.skip("this machine answers fewer than the limit in a second")
        assert is_error(refused[0], 429)
        assert int(refused[0].headers["Retry-After"]) >= 1
        known = entra.get("/Users").json["totalResults"]
        assert known == 0
        while (found := okta.get("/Users?count=0")).status_code == 429:
            pass
        assert found.json["totalResults"] == 300 - len(refused)

    def test_a_stranger_takes_nothing_from_the_connection(self, limited):
        okta = scim_client(limited, create_app(limited), "okta")
        for _ in range(60):
            assert okta.get("/Users", Authorization="Bearer wrong").status_code == 401

        assert okta.get("/Users").status_code == 200
