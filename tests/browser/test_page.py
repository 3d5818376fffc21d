"""What the status page is to somebody who looks at it: readable everywhere, and true while they look."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from bridge.core import wording
from bridge.web import admin
from tests.players import BEN, MAYA, Idp

PHONE = {"viewport": {"width": 360, "height": 740}}
PAGES = ("/", "/cases/1", "/cases/2", "/cases/3", "/cases/7", "/cases/8")
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202egnp.exe\u2066@example.com'
ENDLESS = "x" * 240 + "@example.com"


def count_of(page, section: str):
    return page.locator(f"#{section} h2 .count")


def sideways(page) -> int:
    """How many pixels stick out."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def leave(okta: Idp, *addresses: str) -> list[str]:
    records = [okta.create(address) for address in addresses]
    for record in records:
        okta.deactivate(record)
    return records


@pytest.mark.server_fails  # one of the pages is a 404
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_keeps_the_rules_of_accessibility_in_both_schemes(visit, busy, scheme):
    page = visit(busy, color_scheme=scheme)

    for path in (*PAGES, "/cases/99"):
        page.goto(busy.address(path))
        found = Axe().run(page).response["violations"]
        assert [f"{path} {v['id']}: {v['nodes'][0]['html']}" for v in found] == []


def test_a_text_without_enough_contrast_would_be_noticed(visit, busy):
    """The test above rests on this."""
    page = visit(busy)

    page.evaluate("document.documentElement.style.setProperty('--quiet', '#999')")

    assert "color-contrast" in {v["id"] for v in Axe().run(page).response["violations"]}


def test_nothing_sticks_out_on_a_phone_and_everything_is_there(visit, busy):
    page = visit(busy, **PHONE)

    for path in PAGES:
        page.goto(busy.address(path))
        assert sideways(page) == 0
        boxes = page.locator("h1, h2, .command code, .strip, .figure, td").evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect()).map((box) => [box.left, box.right])"
        )
        assert len(boxes) > 3
        assert all(left >= 0 and right <= 360 for left, right in boxes)


def test_the_overview_begins_with_who_is_still_in_and_goes_on_to_what_is_done(visit, busy):
    page = visit(busy)

    expect(page.locator("h1")).to_have_text("3 things need a person")
    headings = [h.split("\n")[0] for h in page.locator("h2").all_inner_texts()]
    assert [re.sub(r"\s*\d+$", "", h) for h in headings] == [
        "For a person",
        "Moving",
        "Watched for coming back",
        "Done",
        "The bridge itself",
    ]
    expect(page.locator("#needs-2 .figure")).to_contain_text("STILL IN")
    expect(page.locator("#batch-1 .figure")).to_contain_text("4 STILL IN")
    expect(page.locator("#watched-1")).to_contain_text("came back 1 time")
    expect(page.locator("#done")).to_contain_text("stays until June")


def test_a_leaver_goes_from_moving_to_watched_without_a_reload(visit, fresh):
    okta = Idp(fresh.bridge)
    page = visit(fresh)
    page.evaluate("window.isTheSame = true")
    expect(page.locator("h1")).to_have_text("Nothing needs a person")

    leave(okta, MAYA)
    expect(page.locator("#moving")).to_contain_text(MAYA)
    expect(page.locator("#moving progress")).to_be_visible()
    fresh.let_pass(minutes=3)

    expect(page.locator("#watched")).to_contain_text(MAYA)
    expect(count_of(page, "moving")).to_have_text("0")
    assert page.evaluate("window.isTheSame")
    assert page.title() == "All quiet · PostHog bridge"


def test_a_hold_that_comes_up_is_in_the_title_and_told_to_who_cannot_see(visit, fresh):
    Idp(fresh.bridge, "entra").create(BEN)
    page = visit(fresh)

    leave(Idp(fresh.bridge), BEN)
    fresh.let_pass(minutes=2)

    expect(page).to_have_title("1 thing waiting · PostHog bridge")
    expect(page.get_by_role("status").first).to_contain_text("1 thing waiting for a person, 0 moving")


def test_a_cases_page_tells_what_happens_while_it_happens(visit, fresh):
    leave(Idp(fresh.bridge), MAYA)
    page = visit(fresh, "/cases/1")
    expect(page.locator(".glance .way .now")).to_have_text("Settling")

    fresh.let_pass(minutes=3)

    expect(page.locator(".glance .way .now")).to_have_text("Watching")
    expect(page.locator(".timeline")).to_contain_text(f"Removed {MAYA} (member) from the organization.")
    expect(page.locator(".strip")).to_be_visible()


def test_ages_grow_while_one_looks(visit, fresh):
    leave(Idp(fresh.bridge), MAYA)
    fresh.clock.advance(seconds=20)
    page = visit(fresh, "/cases/1", is_alone=True)
    age = page.locator(".figure time")

    expect(age).to_have_text(re.compile(r"2[2-9] s"))
    expect(page.locator(".settling")).to_contain_text(re.compile(r"3[0-8] s left"))
    assert page.locator("progress").evaluate("bar => bar.value") > 20


def test_the_script_and_the_server_have_the_same_words_for_a_time(visit, fresh):
    page = visit(fresh, is_alone=True)
    spans = (0, 1, 59, 60, 61, 3599, 3600, 3660, 86_399, 86_400, 90_000, 1_000_000)

    said = page.evaluate(
        """async (moments) => {
            const times = moments.map((moment) => {
                const time = document.createElement("time");
                time.dateTime = moment;
                time.dataset.moves = "age";
                time.append("?");
                document.getElementById("live").append(time);
                return time;
            });
            while (times[0].textContent === "?") await new Promise((done) => setTimeout(done, 20));
            return times.map((time) => time.textContent);
        }""",
        [wording.rfc3339(fresh.clock.now() - timedelta(seconds=span)) for span in spans],
    )

    for span, words in zip(spans, said, strict=True):
        assert words in {wording.lasting(timedelta(seconds=span + more)) for more in range(6)}


def test_what_somebody_marked_focused_and_scrolled_to_stays_so(visit, fresh):
    Idp(fresh.bridge, "entra").create(BEN)
    okta = Idp(fresh.bridge)
    leave(okta, BEN)
    fresh.let_pass(minutes=2)
    page = visit(fresh, viewport={"width": 900, "height": 400})
    page.locator("#needs-1 h3 a").focus()
    page.evaluate("window.scrollTo(0, 150)")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#needs-1 .why'))")
    marked = page.evaluate("getSelection().toString()")

    leave(okta, MAYA)
    expect(page.locator("#moving")).to_contain_text(MAYA)

    assert page.evaluate("getSelection().toString()") == marked
    assert "entra says active" in marked
    assert page.evaluate("window.scrollY") == 150
    assert page.evaluate("document.activeElement.textContent") == BEN


def test_whoever_has_the_focus_keeps_it_when_the_case_moves_on(visit, fresh):
    leave(Idp(fresh.bridge), MAYA)
    page = visit(fresh)
    page.locator("#moving-1 .who a").focus()

    fresh.let_pass(minutes=3)

    expect(page.locator("#watched-1")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('li').id") == "watched-1"


@pytest.mark.server_fails
def test_lost_contact_is_said_with_since_when_and_mends_itself(visit, fresh):
    leave(Idp(fresh.bridge), MAYA)
    page = visit(fresh)
    expect(page.locator(".is-live")).to_be_visible()

    fresh.close()

    expect(page.locator("#notice")).to_contain_text("No contact with the bridge since 09:00:0")
    expect(page.locator("#contact-says")).to_have_text("No contact since")
    expect(page.locator("#moving")).to_contain_text(MAYA)
    age = page.locator("#moving-1 .line + * time, #moving-1 time").last.inner_text()
    page.wait_for_timeout(1500)
    assert page.locator("#moving-1 .line + * time, #moving-1 time").last.inner_text() == age
    fresh.open()
    fresh.let_pass(minutes=3)
    expect(page.locator("#watched")).to_contain_text(MAYA)
    expect(page.locator("#notice")).to_be_empty()
    expect(page.locator(".is-live")).to_be_visible()


@pytest.mark.server_fails
def test_a_store_that_fails_is_said_apart_from_lost_contact(visit, fresh):
    page = visit(fresh)
    with fresh.bridge.db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE todos RENAME TO gone")

    expect(page.locator("#notice")).to_contain_text(
        "cannot show how it stands since 09:00:00 UTC (500); its log says why"
    )

    with fresh.bridge.db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO todos")
    expect(page.locator("#notice")).to_be_empty()


@pytest.mark.server_fails
def test_a_session_that_is_over_is_said_with_what_to_do_and_a_new_one_goes_on(visit, fresh):
    leave(Idp(fresh.bridge), MAYA)
    page = visit(fresh)
    expect(page.locator("#moving")).to_contain_text(MAYA)

    fresh.clock.advance(hours=13)

    expect(page.locator("h1")).to_have_text("Your session is over")
    expect(page.locator(".command")).to_contain_text("python3 -m bridge admin link")
    expect(page.get_by_text(MAYA)).to_have_count(0)
    other = page.context.new_page()
    other.goto(fresh.link())
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#moving")).to_contain_text(MAYA)


def test_a_hidden_page_asks_nothing_and_catches_up_when_it_is_seen_again(visit, fresh):
    page = visit(fresh)
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { get: () => window.isHidden, configurable: true });
            window.isHidden = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    page.wait_for_timeout(300)
    before = len(fresh.asked)
    leave(Idp(fresh.bridge), MAYA)
    page.wait_for_timeout(2500)
    assert len(fresh.asked) == before

    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator("#moving")).to_contain_text(MAYA)


@pytest.mark.parametrize("name", [HOSTILE, ENDLESS])
@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_a_hostile_name_does_no_harm_anywhere(visit, fresh, name, has_script):
    fresh.world.add_member(name.lower(), 1)
    okta = Idp(fresh.bridge)
    leave(okta, name)
    page = visit(fresh, **PHONE, java_script_enabled=has_script)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for minutes in (0, 2):
        fresh.let_pass(minutes=minutes)
        for path in ("/", "/cases/1"):
            page.goto(fresh.address(path))
            assert sideways(page) == 0
            text = page.inner_text("body")
            assert name[:12] in text
            assert not set("\u202e\u2066") & set(text)
            assert page.locator("img").count() == 0
            assert page.locator("script").count() == 1


def test_without_scripts_everything_is_there_and_the_page_loads_itself_anew(visit, busy):
    page = visit(busy, java_script_enabled=False)

    expect(page.locator("h1")).to_have_text("3 things need a person")
    expect(page.locator("#needs-2 .command")).to_contain_text("python3 -m bridge release 2 --digest")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    assert f'http-equiv="refresh" content="{admin.REFRESH_SECONDS}"' in page.content()
    expect(page.locator("noscript p")).to_have_text("This page loads itself anew every 30 seconds.")


def test_the_page_is_walked_with_the_keyboard_and_a_command_copied(visit, busy):
    page = visit(busy, permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()

    button = page.locator("#needs-2").get_by_role("button", name="Copy")
    button.focus()
    assert button.evaluate("b => getComputedStyle(b).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(page.locator("#needs-2 .copy")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#needs-2 .command code").inner_text()
    assert copied.startswith("python3 -m bridge release 2 --digest ")


def test_a_policy_violation_would_be_noticed(visit, fresh):
    """The other tests rest on this: what the policy forbids is said in the console."""
    page = visit(fresh)

    page.evaluate("document.body.setAttribute('style', 'color: red')")

    assert page.locator("body").evaluate("body => getComputedStyle(body).color") != "rgb(255, 0, 0)"
    (trouble,) = visit.troubles
    assert "Content Security Policy" in trouble
    visit.troubles.clear()
