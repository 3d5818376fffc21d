"""What a case's page shows of its checklist and its findings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from werkzeug.test import Client

from bridge import decisions, login
from bridge.core.checklist import Template
from bridge.core.surroundings import Resource
from bridge.store import todos
from bridge.web import create_app
from tests.inquiring import Telling, inquire
from tests.players import MAYA, Idp
from tests.web.test_admin import LOCAL, page, words

EVIL = "<script>alert(1)</script>\u202e"


@pytest.fixture
def okta(bridge) -> Idp:
    return Idp(bridge)


@pytest.fixture
def admin(bridge, tmp_path) -> Client:
    client = Client(create_app(bridge, data_dir=tmp_path))
    client.get(f"/login?token={login.new_login_token(tmp_path)}", environ_overrides=LOCAL)
    return client


@pytest.fixture
def gone(bridge, okta, settle, clock):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    made = Resource(
        kind="subscriptions", project_id=1, resource_id="7", name=EVIL, path="/p", note="still sends to her"
    )
    telling = Telling(bridge.remote("main"), resources=(made, replace(made, kind="dashboards", note="")))
    clock.advance(minutes=6)
    inquire(replace(bridge, remote=lambda _name: telling))


def test_the_page_shows_the_checklist_and_what_was_found_in_short(admin, bridge, gone):
    shown = words(page(admin, "/cases/1"))

    assert "Handover Before member Made 1 dashboard, 1 subscription End user 0 profiles" in shown
    assert "Employee: open; 0 of 8 ticked by people" in shown
    assert "✓ The membership ended: PostHog answered 204." in shown
    assert "☐ Slack" in shown
    assert "python3 -m bridge checklist 1" in shown
    assert "To do by a person" not in shown

    with bridge.db.read() as tx:
        slack = next(t for t in todos.todos(tx, case_id=1) if t.kind == "slack")
    decisions.tick(bridge, slack.id, by="lea", answer="<b>done</b>")
    ticked = page(admin, "/cases/1")
    assert "☑ Slack ticked by lea," in words(ticked)
    assert "&lt;b&gt;done&lt;/b&gt;" in ticked.text


def test_what_asks_at_once_has_its_own_place_and_its_command(admin, bridge, gone):
    decisions.choose_checklist(bridge, 1, Template.EMERGENCY, by="lea")

    shown = words(page(admin, "/cases/1"))
    assert "To do by a person" in shown
    assert "Breach decision." in shown
    assert "Breach decision." in words(page(admin))


def test_before_the_removal_there_is_no_handover(admin, okta):
    okta.deactivate(okta.create(MAYA))

    assert "Handover" not in words(page(admin, "/cases/1"))


def test_no_name_from_posthog_becomes_markup(admin, gone):
    assert "<script>alert" not in page(admin, "/cases/1").text
