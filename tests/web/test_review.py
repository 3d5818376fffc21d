"""The pages of the access review: what is there to review now, and each review that was kept. They show, and never act."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bridge import reviewing
from bridge.store import reviews, targets
from bridge.store import tables as t
from tests.conftest import run_for
from tests.players import BEN, MAYA, Idp
from tests.web.test_admin import admin, page, stranger, words

__all__ = ["admin", "stranger"]
BRIDGE = "posthog-bridge@example.com"
HOSTILE = '<script>alert(1)</script>"\u202e@example.com'


def look(bridge, clock) -> None:
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)


@pytest.fixture
def looked(bridge, clock, world):
    """Everybody but Ben is known in okta."""
    okta = Idp(bridge)
    for account, _ in world.members():
        if account.email not in {BRIDGE, BEN}:
            okta.create(account.email)
    look(bridge, clock)
    return bridge


@pytest.mark.parametrize("path", ["/review", "/review/live", "/review/1", "/review/1/live"])
def test_without_a_session_it_is_shut(stranger, looked, path):
    reviewing.start(looked, "main", by="lea")

    reply = page(stranger, path)

    assert reply.status_code == 401
    assert BEN not in reply.text


def test_before_the_first_look_there_is_nothing_to_review(admin):
    reply = page(admin, "/review")

    assert reply.status_code == 200
    assert "main was not looked at yet" in words(reply)
    assert "None yet" in words(reply)


def test_what_should_not_wait_comes_first_with_why_and_the_command(admin, looked):
    reply = page(admin, "/review")
    told = words(reply)

    assert "1 line should not wait for the next review" in told
    assert "unknown to okta and entra: their leaving would never be heard of" in told
    assert reply.text.index(BEN) < reply.text.index("grace.lindqvist@example.com")
    assert "python3 -m bridge review start --target main" in told
    assert "entra has never named anybody" in told
    assert "API key is used" in told


def test_a_started_review_is_named_with_how_it_stands_and_has_a_page(admin, looked):
    review = reviewing.start(looked, "main", by="lea")
    reviewing.keep(looked, review.id, [1], by="noor", reason="<b>mine</b>")

    told = words(page(admin, "/review"))
    assert "Review 1 is open, started by lea" in told
    assert re.search(r"Review 1 of main open: (\d+) of (\d+) to decide", told)
    mine = page(admin, "/review/1")
    assert "keep by noor: &lt;b&gt;mine&lt;/b&gt;" in mine.text
    assert "not decided" in words(mine)
    assert 'python3 -m bridge review keep 1 LINE --reason "WHY"' in words(mine).replace("&#34;", '"')
    assert page(admin, "/review/2").status_code == 404


def test_a_signed_review_shows_its_signature_and_a_later_change_of_it(admin, looked):
    review = reviewing.start(looked, "main", by="lea")
    signed = reviewing.sign(looked, review.id, by="lea", leave_open="a try")
    assert f"by lea; a try; digest {signed.digest}" in words(page(admin, "/review/1"))
    assert "signed by lea" in words(page(admin, "/review"))

    with looked.db.write() as tx:
        tx.execute(t.review_lines.update().where(t.review_lines.c.number == 1).values(reason="x"))

    assert "What is kept now is not what was signed" in words(page(admin, "/review/1"))


def test_a_removal_links_its_case(admin, looked):
    review = reviewing.start(looked, "main", by="lea")
    reviewing.remove(looked, review.id, [1], by="lea")

    assert '<a href="/cases/1">remove by lea, case 1</a>' in page(admin, "/review/1").text


def test_names_from_outside_stay_text(admin, looked, clock, world):
    world.add_member(HOSTILE, 1, name="</td><script>x</script>")
    look(looked, clock)
    reviewing.start(looked, "main", by="lea")

    for path in ("/review", "/review/1"):
        text = page(admin, path).text
        assert "&lt;script&gt;alert(1)" in text
        assert "\u202e" not in text
        assert text.count("<script") == 1
        assert not re.search(r"<(form|input|button(?![^>]*data-copy))", text), "nothing on it acts"


def test_the_live_part_is_the_page_s_own(admin, looked):
    part = page(admin, "/review/live")

    assert part.text.lstrip().startswith('<div id="live"')
    assert "1 of them pressing" in part.text


def test_people_who_differ_in_nothing_else_share_a_row_until_one_is_decided(admin, looked):
    review = reviewing.start(looked, "main", by="lea")
    alone = "no second factor at PostHog"
    before = page(admin, "/review/1").text.count(alone)
    with looked.db.read() as tx:
        number = next(k.number for k in reviews.lines_in(tx, 1) if k.line.email == "elif.yilmaz@example.com")

    reviewing.keep(looked, review.id, [number], by="lea", reason="SSO only")

    assert page(admin, "/review/1").text.count(alone) == before + 2


def test_only_so_many_lines_are_shown_and_the_rest_has_a_command(admin, looked, clock, world, monkeypatch):
    for number in range(200):
        world.add_member(f"p{number}@example.com", 1)
    look(looked, clock)

    told = words(page(admin, "/review"))

    assert re.search(r"The first 150 of 2\d\d; the command below has all", told)


def test_the_status_page_leads_to_it_and_tells_when_one_is_due(admin, looked):
    from bridge.store import reminders

    assert '<a href="/review">' in page(admin).text
    with looked.db.write() as tx:
        reminders.mind(tx, "main", timedelta(days=90), looked.clock.now())

    assert "An access review of main is due since" in words(page(admin))
    assert MAYA not in words(page(admin))
