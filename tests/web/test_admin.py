from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from http import HTTPStatus

import pytest
from werkzeug.test import Client

from bridge import login
from bridge.core.surroundings import Domain, Surroundings
from bridge.ports import GroupGrant
from bridge.store import surroundings, tokens
from bridge.web import create_app
from tests.conftest import run_for
from tests.players import BEN, MAYA, Idp, join_many
from tests.web.conftest import scim_client

LOCAL = {"HTTP_HOST": "127.0.0.1:8080"}
OWN_SCRIPT = '<script src="/static/live.js" defer>'


@pytest.fixture
def okta(bridge) -> Idp:
    return Idp(bridge)


@pytest.fixture
def entra(bridge) -> Idp:
    return Idp(bridge, "entra")


@pytest.fixture
def stranger(bridge, tmp_path) -> Client:
    return Client(create_app(bridge, data_dir=tmp_path, public_url="https://bridge.example.com"))


@pytest.fixture
def admin(stranger, tmp_path) -> Client:
    """Somebody who came through the link."""
    reply = stranger.get(f"/login?token={login.new_login_token(tmp_path)}", environ_overrides=LOCAL)
    assert reply.status_code == HTTPStatus.SEE_OTHER
    return stranger


def page(client: Client, path: str = "/", **environ: str):
    return client.get(path, environ_overrides=LOCAL | environ)


def words(reply) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", reply.text).split())


@pytest.mark.parametrize("path", ["/", "/cases/1", "/cases/99"])
def test_without_a_session_pages_answer_401_and_say_how_to_get_in(stranger, path):
    reply = page(stranger, path)

    assert reply.status_code == 401
    assert "python3 -m bridge admin link" in reply.text


def test_a_login_link_works_once(stranger, bridge, tmp_path):
    link = f"/login?token={login.new_login_token(tmp_path)}"

    assert page(stranger, link).headers["Location"] == "/"
    assert page(stranger).status_code == 200
    other = Client(create_app(bridge, data_dir=tmp_path))
    assert page(other, link).status_code == 401
    assert page(other).status_code == 401


def test_a_new_link_makes_the_one_before_it_worthless(stranger, tmp_path):
    first, second = (login.new_login_token(tmp_path) for _ in range(2))

    assert page(stranger, f"/login?token={first}").status_code == 401
    assert page(stranger, f"/login?token={second}").status_code == 303


@pytest.mark.parametrize("token", ["", "x", "%00", "ä"])
def test_a_wrong_token_opens_nothing_and_leaves_the_right_one_as_it_is(stranger, tmp_path, token):
    right = login.new_login_token(tmp_path)

    assert page(stranger, f"/login?token={token}").status_code == 401
    assert page(stranger, f"/login?token={right}").status_code == 303


def test_a_preview_of_the_link_does_not_use_it_up(stranger, tmp_path):
    link = f"/login?token={login.new_login_token(tmp_path)}"

    stranger.head(link, environ_overrides=LOCAL)

    assert page(stranger, link).status_code == 303


def test_what_is_kept_for_logins_is_readable_by_its_owner_only_and_not_the_token(admin, tmp_path):
    token = login.new_login_token(tmp_path)

    for name in (login.LINK_FILE, login.SECRET_FILE):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert token not in (tmp_path / name).read_text()


def test_the_session_cookie_is_for_this_page_only_and_ends(stranger, tmp_path, clock):
    reply = page(stranger, f"/login?token={login.new_login_token(tmp_path)}")

    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    clock.advance(hours=13)
    assert page(stranger).status_code == 401


@pytest.mark.parametrize(
    "forge", [lambda c: c[:-1] + "0", lambda c: "9" + c, lambda c: "", lambda c: "a.b.ä", lambda c: "."]
)
def test_a_forged_session_is_none(bridge, tmp_path, clock, forge):
    genuine = login.new_session(tmp_path, clock.now())
    assert login.is_session(tmp_path, genuine, clock.now())

    forged = forge(genuine)

    assert forged == genuine or not login.is_session(tmp_path, forged, clock.now())


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "bridge.example.com.evil.example"])
def test_a_foreign_host_is_refused_even_with_a_session(admin, host):
    reply = page(admin, HTTP_HOST=host)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost:1", "[::1]:80", "127.0.0.1", "bridge.example.com", "BRIDGE.example.com:443"]
)
def test_loopback_and_the_public_name_are_not_foreign(stranger, host):
    assert page(stranger, HTTP_HOST=host).status_code == 401


EVERYWHERE = (
    "/",
    "/live",
    "/cases/1",
    "/cases/1/live",
    "/cases/99/live",
    "/review",
    "/review/1",
    "/login",
    "/static/live.js",
    "/static/none",
)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_nothing_is_kept_framed_or_run_but_the_script_beside_the_page(admin, okta, settle, path):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=3)

    with page(admin, path) as reply:
        text = reply.text
        headers = reply.headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    rules = dict(rule.partition(" ")[::2] for rule in headers["Content-Security-Policy"].split("; "))
    assert rules.pop("default-src") == "'none'"
    assert set(rules.values()) == {"'self'", "'none'"}
    if headers["Content-Type"].startswith("text/html"):
        assert set(re.findall(r"<script[^>]*>[^<]*", text)) <= {OWN_SCRIPT}
        assert not re.search(r"""\s(on\w+|style)\s*=|javascript:|data:""", text)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_a_foreign_host_gets_nothing_at_all(admin, path):
    reply = page(admin, path, HTTP_HOST="evil.example")

    assert reply.status_code == 400
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/live", "/cases/1/live"])
def test_when_the_session_is_over_the_part_says_so_and_how_to_get_in(stranger, admin, clock, path):
    clock.advance(hours=13)

    reply = page(admin, path)

    assert reply.status_code == 401
    assert reply.text.startswith('<div id="live"')
    assert "Your session is over" in reply.text
    assert "python3 -m bridge admin link" in reply.text


@pytest.mark.parametrize("path", ["/", "/cases/1"])
def test_the_part_that_changes_is_what_the_page_shows(admin, okta, settle, path):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=3)

    whole, part = page(admin, path).text, page(admin, path.rstrip("/") + "/live").text

    inner = re.search(r'<div id="live"[^>]*>(.*)</div>', part, re.DOTALL).group(1)
    assert "Looked" in inner or "look" in inner
    assert inner in whole
    assert "<html" not in part


def test_pages_escape_what_an_idp_sends(admin, okta, settle):
    okta.deactivate(okta.create('<script>alert("x")</script>\u202e@example.com', external_id='"><img src=x>'))
    settle(minutes=2)

    for path in ("/", "/live", "/cases/1", "/cases/1/live"):
        text = page(admin, path).text.replace(OWN_SCRIPT, "")
        assert "<script" not in text
        assert "<img" not in text
        assert "\u202e" not in text
        assert "&lt;script&gt;" in text


def test_what_needs_a_person_comes_first_with_why_and_the_command(admin, okta, entra, settle):
    entra.create(BEN)
    okta.deactivate(okta.create(BEN))
    okta.deactivate(okta.create(MAYA))
    settle(minutes=12)

    said = words(page(admin))

    digest = re.search(r"--digest ([0-9a-f]{12})", said).group(1)
    order = [
        "1 thing needs a person",
        f"{BEN} Case 1 at main, asked by okta",
        "STILL IN 12 min after the request.",
        "okta says gone, entra says active.",
        "Deactivate the person there too",
        f"python3 -m bridge release 1 --digest {digest} --reason",
        "Watched for coming back 1",
        MAYA,
        "Connection okta last heard from 12 min ago",
    ]
    places = [said.find(each) for each in order]
    assert -1 not in places, [e for e, p in zip(order, places, strict=True) if p < 0]
    assert places == sorted(places)


def test_a_quiet_page_says_so(admin):
    said = words(page(admin))
    assert "Nothing needs a person" in said
    assert "Ready, and nothing has happened yet" in said
    assert "https://bridge.example.com/scim/v2/entra" in said
    assert "python3 -m bridge token create entra" in said
    assert "Connection entra never heard from" in said


def test_a_batch_is_one_card_with_one_command(admin, okta, settle):
    for name in ("alice.moreau", "ben.oduya", "chiara.russo", "daniel.kim", "elif.yilmaz"):
        okta.deactivate(okta.create(f"{name}@example.com"))
    settle(minutes=2)

    said = words(page(admin))

    assert "1 thing needs a person" in said
    assert "5 cases wait for one decision" in said
    assert "5 STILL IN, the first 2 min after the request." in said
    assert said.count("release --batch") == 1


def test_a_paused_target_and_its_reason_are_shown(admin, bridge, clock):
    from bridge.store import targets

    with bridge.db.write() as tx:
        targets.pause(tx, "main", reason="401: key <refused>", until=clock.now(), now=clock.now())
    clock.advance(minutes=1)

    reply = page(admin)

    assert "paused" in words(reply)
    assert "401: key &lt;refused&gt;" in reply.text


def test_a_cases_page_tells_its_story_and_plan(admin, okta, world, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=3)

    said = words(page(admin, "/cases/1"))

    for each in (
        f"okta said that {MAYA} is no longer active.",
        f"Removed {MAYA} (member) from the organization.",
        "the account and its personal API keys live on elsewhere",
        "Approved by none: policy enforce",
        "Looked again: not in the organization.",
    ):
        assert each in said
    assert "revoked" not in said


def test_a_case_that_is_not_there_is_404_for_who_may_know(admin):
    assert page(admin, "/cases/99").status_code == 404


def test_the_style_is_served_beside_it_and_scim_needs_no_session(stranger):
    with page(stranger, "/static/style.css") as style:
        assert style.status_code == 200
    assert page(stranger, "/healthz").status_code == 200
    assert page(stranger, "/scim/v2/okta/Users").status_code == 401


def test_without_a_data_folder_there_is_no_page(bridge):
    assert page(Client(create_app(bridge))).status_code == 404


def test_a_fresh_sandbox_tells_how_to_practise(bridge, tmp_path):
    client = Client(create_app(bridge, data_dir=tmp_path, is_sandbox=True))
    page(client, f"/login?token={login.new_login_token(tmp_path)}")

    said = words(page(client))

    assert "A sandbox to practise in" in said
    assert f"python3 -m bridge remove {MAYA} --reason resigned" in said


def test_what_is_on_its_way_shows_how_far_it_is(admin, okta, clock):
    okta.deactivate(okta.create(MAYA))
    clock.advance(seconds=20)

    reply = page(admin)

    assert "Settles until 09:01:00 UTC, 40 s left" in words(reply)
    assert 'max="60.0" value="20.0"' in reply.text


def test_a_watch_is_a_strip_that_says_the_same_in_words(admin, okta, world, settle):
    okta.deactivate(okta.create(MAYA))
    settle(hours=2)
    world.login(MAYA)
    settle(hours=1)

    for path in ("/", "/cases/1"):
        text = page(admin, path).text
        (said,) = re.findall(r'class="strip[^"]*" role="img" aria-label="([^"]+)"', text)
        assert "met 1 time, first on 2026-11-20 11:10:00 UTC; the watch ends in" in said
        assert text.count('class="met"') == 1


def test_who_had_access_for_how_long_stays_readable_when_it_is_over(stranger, tmp_path, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(hours=25)
    page(stranger, f"/login?token={login.new_login_token(tmp_path)}")

    said = words(page(stranger))

    assert f"{MAYA} main 50 min ago 1 min out of the organization, and stayed out" in said


def test_many_who_are_active_again_are_one_line_and_their_names_are_folded_away(admin, bridge, clock, world):
    bridge.policies["main"] = replace(bridge.policies["main"], max_removals=100, max_share=1.0)
    okta = Idp(bridge)
    people = join_many(world, 12)
    records = [okta.create(address) for address in people]
    for record in records:
        okta.deactivate(record)
    run_for(bridge, clock, minutes=2)
    for record in records:
        okta.activate(record)

    reply = page(admin)

    assert "1 thing needs a person" in words(reply)
    assert "12 people who were taken out of main are active again" in words(reply)
    assert "python3 -m bridge undo --todo 1 --reason" in reply.text
    assert "python3 -m bridge todo done 1 --alike" in reply.text
    card = reply.text.partition('id="todos"')[2].partition("</article>")[0]
    shown, folded = card.split("<details")
    assert not any(address in shown for address in people)
    assert all(f">{address}<" in folded for address in people)


def test_a_batch_about_a_deleted_group_has_the_command_that_lets_everybody_be(bridge, clock, tmp_path):
    grants = (GroupGrant(name="Analysts", target="main", scope="project:42"),)
    mapped = replace(bridge, connections={n: replace(c, groups=grants) for n, c in bridge.connections.items()})
    app = create_app(mapped, data_dir=tmp_path)
    okta = scim_client(mapped, app, "okta")
    group = okta.group("Analysts", okta.user(MAYA), okta.user(BEN))
    okta.delete(f"/Groups/{group}")
    run_for(mapped, clock, minutes=2)
    client = Client(app)
    page(client, f"/login?token={login.new_login_token(tmp_path)}")

    said = words(page(client))

    assert "2 cases wait for one decision" in said
    assert "do it by hand in PostHog" in said
    assert re.search(r"python3 -m bridge cancel --batch 1 --digest [0-9a-f]{12} --reason", said)
    assert "must not be in project 42 of main" in words(page(client, "/cases/1"))


@pytest.mark.parametrize("path", ["/", "/live"])
def test_a_store_that_fails_says_nothing_about_itself_and_opens_nothing(admin, bridge, path):
    with bridge.db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE todos RENAME TO gone")

    reply = page(admin, path)

    assert reply.status_code == 500
    assert "todos" not in reply.text
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_the_page_says_how_much_of_a_target_is_covered_and_who_is_not(admin, bridge, clock, okta):
    okta.create(MAYA)
    run_for(bridge, clock, minutes=2)

    told = words(page(admin))

    assert "1 of 23 people covered by an identity provider; not grace.lindqvist@example.com" in told
    assert "and 19 more. coverage lists them" in told


def test_a_connection_that_only_calls_was_heard_from_and_a_change_is_the_newest_of_all(admin, bridge, okta, clock):
    with bridge.db.write() as tx:
        token = tokens.create(tx, "okta", clock.now())
        tokens.create(tx, "entra", clock.now())
    client = Client(create_app(bridge))
    client.get("/scim/v2/okta/Users", headers={"Authorization": f"Bearer {token}"})
    clock.advance(minutes=5)

    assert "Connection okta last heard from 5 min ago no change yet" in words(page(admin))
    okta.create(MAYA)
    assert "Connection okta last heard from 0 s ago Connection entra never heard from" in words(page(admin))
    clock.advance(minutes=5)
    client.get("/scim/v2/okta/Users", headers={"Authorization": f"Bearer {token}"})
    assert "Connection okta last heard from 0 s ago last change 5 min ago" in words(page(admin))


@pytest.mark.parametrize("kept", ["", "00", "g" * 64, "\udcff"])
def test_a_secret_that_is_none_signs_nobody_in(stranger, bridge, tmp_path, kept):
    """A power cut may leave an empty file. With an empty key anybody could sign a session."""
    (tmp_path / login.SECRET_FILE).write_text(kept, errors="surrogateescape")
    said = f"{int(bridge.clock.now().timestamp()) + 1000}.x"
    key = bytes.fromhex(kept) if kept in {"", "00"} else b""
    forged = f"{said}.{hmac.new(key, said.encode(), hashlib.sha256).hexdigest()}"

    stranger.set_cookie("bridge_session", forged, domain="127.0.0.1")
    assert page(stranger).status_code == 401
    page(stranger, f"/login?token={login.new_login_token(tmp_path)}")
    assert page(stranger).status_code == 200


def test_the_ways_back_are_on_the_page_and_in_each_open_case(admin, bridge, clock, okta):
    with bridge.db.write() as tx:
        surroundings.keep(
            tx,
            "main",
            Surroundings(
                taken_at=clock.now(),
                domains=(
                    Domain(
                        domain_id="d", domain="example.com", is_verified=True, is_jit_enabled=True, sso_enforcement=""
                    ),
                ),
            ),
        )
    okta.deactivate(okta.create(MAYA))

    assert "Ways back into main example.com takes removed people back at their next log-in" in words(page(admin))
    told = words(page(admin, "/cases/1"))
    assert "Ways back example.com takes removed people back" in told
    assert "close-way jit example.com --target main" in told
