"""The sandbox's own doors: what a test, a demonstration or a person at a terminal does to it, and what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from bridge.sandbox import ADMIN, MEMBER, OWNER, create_app
from tests.contract.conftest import HOME, KEY, URL

MAYA = "maya.okafor@example.com"
ADA = "lea.brandt@example.com"
NEW = "someone.new@example.com"


@pytest.fixture
def http(world) -> httpx.Client:
    return httpx.Client(base_url=URL, transport=httpx.WSGITransport(app=create_app(world)))


def do(http, deed, **told):
    return http.post(f"/_sandbox/{deed}", json=told)


def test_people_are_arranged_from_outside(http, world):
    assert do(http, "add_member", email=NEW, name="Someone New").json()["row"]["email"] == NEW
    do(http, "set_level", email=NEW, level=ADMIN, by=ADA)
    assert world.level_of(NEW) == ADMIN
    do(http, "change_email", old=NEW, new="other@example.com")
    do(http, "deactivate", email="other@example.com")
    assert world.account("other@example.com").is_active is False
    do(http, "activate", email="other@example.com")
    do(http, "make_guest", email="other@example.com")
    assert world.membership("other@example.com").is_guest is True
    do(http, "remove_member", email="other@example.com")
    assert world.level_of("other@example.com") is None


def test_an_invite_is_sent_and_accepted_from_outside(http, world):
    sent = do(http, "add_invite", email=NEW, level=OWNER, by=ADA).json()["row"]
    assert do(http, "accept_invite", email=NEW).json()["row"]["email"] == NEW
    assert world.level_of(NEW) == OWNER
    refused = do(http, "accept_invite", id=sent["id"])
    assert (refused.status_code, refused.json()["detail"]) == (409, "The provided invite ID is not valid.")
    assert do(http, "accept_invite", email="nobody@example.com").status_code == 409


def test_an_expired_invite_is_not_accepted_by_its_address(http, world, clock):
    world.add_invite(NEW)
    clock.advance(days=4)
    assert do(http, "accept_invite", email=NEW).status_code == 409


def test_projects_and_what_is_in_them_are_arranged_from_outside(http, world):
    project = do(http, "add_project", name="Test shop").json()["row"]["id"]
    do(http, "change_organization", features=["audit_logs", "access_control"])
    do(http, "set_access", project_id=project, level="none")
    do(http, "add_resource", kind="dashboards", project_id=project, name="Sales", by=MAYA, is_shared=True)
    do(http, "add_person", project_id=project, email=MAYA)
    do(http, "add_deed", email=MAYA, activity="exported", scope="Insight", name="Sales", at="2026-11-01T10:00:00+00:00")
    do(http, "change_domain", domain="example.com", sso_enforcement="saml")
    api = httpx.Client(base_url=URL, transport=http._transport, headers={"Authorization": f"Bearer {KEY}"})
    world.add_key(ADA, "phx_all")
    api.headers["Authorization"] = "Bearer phx_all"
    assert [d["name"] for d in api.get(f"/api/projects/{project}/dashboards/").json()["results"]] == ["Sales"]
    assert len(api.get(f"/api/projects/{project}/persons/").json()["results"]) == 1
    rows = api.get(f"{HOME}/advanced_activity_logs/?activities=exported&start_date=2026-11-01&end_date=2026-11-02")
    assert [r["detail"]["name"] for r in rows.json()["results"]] == ["Sales"]


def test_a_deed_can_wait_for_the_middle_of_the_next_write(http, world):
    """How a race is staged: after a request has read its row, before it writes it."""
    answer = do(http, "remove_member", email=MAYA, in_between=True)
    assert (answer.status_code, world.level_of(MAYA)) == (202, MEMBER)
    world.add_key(ADA, "phx_all")
    path = f"{HOME}/members/{world.account(MAYA).uuid}/"
    http.patch(path, json={"level": ADMIN}, headers={"Authorization": "Bearer phx_all"})
    assert world.level_of(MAYA) == ADMIN


def test_posthog_s_own_scim_is_played_from_outside(http, world):
    do(http, "change_domain", domain="example.com", has_scim=True)
    assert do(http, "scim_push", email=MAYA, is_active=False).json() == {"done": True, "outcome": "removed"}
    assert do(http, "scim_push", email=MAYA, is_active=False).json() == {"done": False, "outcome": "unchanged"}


@pytest.mark.parametrize(
    ("deed", "told", "said"),
    [
        ("set_level", {"email": MAYA}, "needs level"),
        ("set_level", {"email": "nobody@example.com", "level": 1}, "no member"),
        ("change_organization", {"colour": "red"}, "colour"),
        ("change_domain", {"domain": "nowhere.example"}, "Nothing was done"),
        ("add_deed", {"email": MAYA, "activity": "a", "scope": "b", "at": "yesterday"}, "yesterday"),
    ],
)
def test_what_cannot_be_done_is_said(http, deed, told, said):
    answer = do(http, deed, **told)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_switches_are_shown_and_switched(http, world):
    shown = http.get("/_sandbox/switches").json()
    assert shown == world.switches()
    assert shown["sends_retry_after"] is True
    changed = do(http, "switches", sends_retry_after=False, activity_delay_seconds=7)
    assert (changed.status_code, world.sends_retry_after, world.activity_delay_seconds) == (200, False, 7.0)


@pytest.mark.parametrize("told", [{"is_fast": True}, {"is_cloud": 1}, {"activity_delay_seconds": True}])
def test_an_unknown_switch_or_a_wrong_value_switches_nothing(http, world, told):
    before = world.switches()
    assert do(http, "switches", **told).status_code == 400
    assert world.switches() == before


def test_the_log_is_shown_before_posthog_would_show_it(http, world):
    world.remove_member(MAYA)
    last = http.get("/_sandbox/activity").json()["results"][-1]
    assert (last["scope"], last["activity"]) == ("OrganizationMembership", "deleted")


def test_mail_shows_whom_alerts_and_subscriptions_would_write_to(http, world):
    project = world.add_project("Test shop")
    world.add_resource("subscriptions", project.id, "Weekly", target_value=MAYA)
    assert {"kind": "subscriptions", "name": "Weekly", "to": MAYA}.items() <= http.get("/_sandbox/mail").json()[
        "results"
    ][-1].items()


def test_every_door_and_every_switch_is_in_the_documentation(world):
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    doors = {rule.rule.rpartition("/")[2] for rule in create_app(world).url_map.iter_rules() if "_sandbox" in rule.rule}
    assert [
        name for name in sorted(doors | set(world.switches())) if not re.search(rf"`(POST |GET )?{name}`", page)
    ] == []
