"""The access review's pages to somebody who looks at them."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from bridge import reviewing
from bridge.store import targets
from tests.browser.test_page import ENDLESS, HOSTILE, PHONE, sideways
from tests.players import BEN, GRACE, Idp

BRIDGE = "posthog-bridge@example.com"


@pytest.fixture
def reviewed(fresh):
    """A review is open with one line decided; somebody was removed outside the bridge; names are as bad as they get."""
    okta = Idp(fresh.bridge)
    for account, _ in fresh.world.members():
        if account.email not in {BRIDGE, BEN}:
            okta.create(account.email)
    fresh.world.add_member(HOSTILE, 1, name=HOSTILE)
    fresh.world.add_member(ENDLESS, 8, name="x" * 200)
    for _ in range(2):
        with fresh.bridge.db.write() as tx:
            targets.want_look(tx, "main", fresh.clock.now())
        fresh.let_pass(seconds=1)
        fresh.world.remove_member(GRACE)
    review = reviewing.start(fresh.bridge, "main", by="lea")
    reviewing.remove(fresh.bridge, review.id, [2], by="noor", reason="nobody knows them")
    fresh.clock.advance(minutes=4)
    return fresh


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_keep_the_rules_of_accessibility_in_both_schemes(visit, reviewed, scheme):
    page = visit(reviewed, color_scheme=scheme)

    for path in ("/review", "/review/1"):
        page.goto(reviewed.address(path))
        found = Axe().run(page).response["violations"]
        assert [f"{path} {v['id']}: {v['nodes'][0]['html']}" for v in found] == []


def test_nothing_sticks_out_on_a_phone(visit, reviewed):
    page = visit(reviewed, **PHONE)

    for path in ("/review", "/review/1"):
        page.goto(reviewed.address(path))
        assert sideways(page) == 0
        boxes = page.locator("h1, h2, .command code, td, th").evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect()).map((box) => [box.left, box.right])"
        )
        assert len(boxes) > 20
        assert all(left >= 0 and right <= 360 for left, right in boxes)


def test_what_was_folded_open_stays_open_while_the_page_goes_on(visit, reviewed):
    page = visit(reviewed, "/review")
    page.locator(".unseen summary").click()
    expect(page.locator(".unseen")).to_contain_text("API key is used")

    with page.expect_response("**/review/live"):
        pass

    expect(page.locator(".unseen")).to_contain_text("API key is used")
    expect(page.locator(".unseen .rows")).to_be_visible()


def test_a_decision_shows_up_without_a_reload(visit, reviewed):
    page = visit(reviewed, "/review/1")
    page.evaluate("window.isTheSame = true")
    expect(page.locator("tbody tr").first).to_contain_text("not decided")

    reviewing.keep(reviewed.bridge, 1, [1], by="lea", reason="asked their manager")

    expect(page.locator("tbody tr").first).to_contain_text("keep by lea: asked their manager")
    assert page.evaluate("window.isTheSame")


def test_on_a_desktop_what_to_do_stands_beside_why_it_is_here(visit, reviewed):
    page = visit(reviewed)

    for path, columns in (("/review", 3), ("/review/1", 4)):
        page.goto(reviewed.address(path))
        row = page.locator("tbody tr").first.locator("th, td")
        boxes = row.evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect()).map((b) => [b.left, b.top, b.width])"
        )
        assert len(boxes) == columns
        assert len({top for _, top, _ in boxes}) == 1
        assert all(width > 120 for _, _, width in boxes)
        assert boxes == sorted(boxes)
