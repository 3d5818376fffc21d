"""Whether identity providers reach us: tokens that end, and silence, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bridge.ports import Connection
from bridge.store import inbox, reach, tokens
from tests.conftest import START

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ENTRA = Connection(name="entra", kind="entra", targets=("main",), silent_after=6 * HOUR)
OKTA = Connection(name="okta", kind="okta", targets=("main",))


@pytest.fixture
def tx(db):
    with db.write() as opened:
        yield opened


def token(tx, connection: str = "entra", *, ends_in: timedelta | None = None) -> str:
    clear = tokens.create(tx, connection, START, None if ends_in is None else START + ends_in)
    return tokens.digest(clear)


def told(tx, after: timedelta, connection: Connection = ENTRA) -> list[str]:
    found = reach.of_each(tx, [connection])[connection.name]
    return [what for what, _ in reach.troubles(found, START + after)]


def test_a_silent_provider_is_told_of_after_its_time_and_not_before(tx):
    used = token(tx)
    tokens.note_use(tx, used, START + HOUR)

    assert told(tx, 7 * HOUR) == []
    assert told(tx, 7 * HOUR + timedelta(minutes=1)) == ["no provisioning call for 6 h 1 min"]


def test_a_burst_writes_when_it_was_heard_once_a_second(tx):
    heard: dict[str, datetime] = {}
    for milliseconds in (0, 300, 900, 1_200, 1_900):
        inbox.heard_from(tx, "entra", START + timedelta(milliseconds=milliseconds), heard)
        assert reach.of_each(tx, [ENTRA])["entra"].last_event_at == START + timedelta(seconds=milliseconds // 1_000)
    assert heard == {"entra": START + timedelta(seconds=1)}


def test_a_call_is_a_read_too_and_a_change_alone_counts_by_its_token(tx):
    used = token(tx)
    inbox.heard_from(tx, "entra", START, {})
    tokens.note_use(tx, used, START + 5 * HOUR)

    found = reach.of_each(tx, [ENTRA])["entra"]

    assert (found.last_event_at, found.last_call_at) == (START, START + 5 * HOUR)
    assert told(tx, 10 * HOUR) == []


def test_a_token_that_was_never_used_counts_from_when_it_was_made(tx):
    token(tx)

    assert told(tx, 5 * HOUR) == []
    assert told(tx, 7 * HOUR) == ["no provisioning call for 7 h"]


def test_where_silence_means_nothing_nothing_is_said(tx):
    token(tx, "okta")

    assert told(tx, 90 * DAY, OKTA) == []


def test_a_connection_that_was_never_set_up_is_no_trouble(tx):
    assert told(tx, 90 * DAY) == []


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_provider_without_a_live_token_is_locked_out_and_that_is_the_only_news(tx, how):
    token(tx, ends_in=DAY if how == "expired" else None)
    if how == "revoked":
        tokens.revoke(tx, tokens.listed(tx)[0].id, START)

    assert told(tx, 2 * DAY) == ["no live token any more: its identity provider is locked out"]


def test_the_end_of_the_last_token_is_told_thirty_days_ahead(tx):
    token(tx, "okta", ends_in=90 * DAY)

    assert told(tx, 59 * DAY, OKTA) == []
    (what,) = told(tx, 61 * DAY, OKTA)
    assert what == "token 1 ends in 29 d, on 2027-02-18 09:00:00 UTC"


def test_a_successor_that_is_in_use_ends_the_warning(tx):
    old, new = token(tx, "okta", ends_in=20 * DAY), token(tx, "okta")
    tokens.note_use(tx, old, START)
    tokens.note_use(tx, new, START + HOUR)

    assert told(tx, DAY, OKTA) == []


def test_a_successor_that_was_never_pasted_over_does_not(tx):
    old = token(tx, "okta", ends_in=20 * DAY)
    token(tx, "okta")
    tokens.note_use(tx, old, START)

    found = reach.of_each(tx, [OKTA])["okta"]
    ((what, remedy),) = reach.troubles(found, START + DAY)

    assert what.startswith("token 1 ends in 19 d")
    assert remedy == "Paste token 2 at the identity provider: the one that ends is still in use there."


def test_of_two_that_were_used_in_the_same_minute_the_longer_one_counts(tx):
    for each in (token(tx, "okta", ends_in=20 * DAY), token(tx, "okta", ends_in=300 * DAY)):
        tokens.note_use(tx, each, START)

    assert told(tx, DAY, OKTA) == []


def test_two_that_both_end_soon_are_told_by_the_one_in_use(tx):
    first = token(tx, "okta", ends_in=5 * DAY)
    token(tx, "okta", ends_in=20 * DAY)

    assert told(tx, DAY, OKTA)[0].startswith("token 2")
    tokens.note_use(tx, first, START)
    assert told(tx, DAY, OKTA)[0].startswith("token 1")
