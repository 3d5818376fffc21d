"""The practice organization: who is in it, what it remembers, and its few endpoints that are not PostHog's."""

from __future__ import annotations

import ast
import json
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import bridge.sandbox
from bridge.sandbox import MEMBER, OWNER, World, create_app, default_world, practice_world
from bridge.sandbox.resources import KINDS
from tests.contract.conftest import HOME, URL, missing, says

MAYA = "maya.okafor@example.com"


@pytest.fixture
def http(world) -> httpx.Client:
    return httpx.Client(base_url=URL, transport=httpx.WSGITransport(app=create_app(world)))


def test_the_practice_organization_has_something_of_everything(world):
    levels = [membership.level for _, membership in world.members()]
    assert (len(levels), levels.count(OWNER)) == (24, 3)
    assert "sandbox" in world.home.name
    assert {account.email.rpartition("@")[2] for account, _ in world.members()} == {"example.com"}
    assert {"rosa.alvarez@example.com", "rosa.alvarez+test@example.com"} <= {a.email for a, _ in world.members()}
    invites = world.invites_in(world.home.id)
    assert {invite.is_expired(world.now()) for invite in invites} == {True, False}
    assert OWNER in {invite.level for invite in invites}


def test_the_sandbox_knows_nothing_of_ours():
    allowed = {"bridge.sandbox", "flask", "werkzeug"}
    for file in Path(bridge.sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if file.name in {
                "players.py",
                "inside.py",
            }:  # the one calls the bridge, the other is called; no server calls
                names = [name for name in names if name != "httpx"]
            for name in names:
                is_ours = any(name == known or name.startswith(f"{known}.") for known in allowed)
                assert is_ours or name.partition(".")[0] in sys.stdlib_module_names, (file.name, name)


def test_a_saved_world_comes_back_whole(clock, tmp_path):
    path = tmp_path / "folder" / "world.json"
    world = default_world(clock.now, "phx_key", path=path)
    world.remove_member(MAYA)
    world.add_key("lea.brandt@example.com", "phx_other", scopes=("user:read",), scoped_teams=(1, 2))
    again = World.load(path, clock.now)
    assert again.home == world.home
    assert again.members() == world.members()
    assert again.invites == world.invites
    assert again.domains == world.domains
    assert again.keys == world.keys
    again.add_member("somebody.new@example.com")
    assert World.load(path, clock.now).level_of("somebody.new@example.com") == MEMBER
    assert [file.name for file in path.parent.iterdir()] == ["world.json"]


def test_a_world_saved_by_an_older_version_is_loaded_with_what_it_had(clock, tmp_path):
    """The first version saved six tables, and fewer fields in each."""
    path = tmp_path / "world.json"
    world = default_world(clock.now, "phx_key", path=path)
    saved = json.loads(path.read_text(encoding="utf-8"))
    old = {name: saved[name] for name in ("organizations", "accounts", "memberships", "invites", "keys", "domains")}
    for rows, newer in (
        ("organizations", "features"),
        ("memberships", "is_guest"),
        ("invites", "private_project_access"),
    ):
        for row in old[rows]:
            del row[newer]
    path.write_text(json.dumps(old, indent=1), encoding="utf-8")
    again = World.load(path, clock.now)
    assert [a.email for a, _ in again.members()] == [a.email for a, _ in world.members()]
    assert again.projects == {}
    again.remove_member(MAYA)
    assert World.load(path, clock.now).level_of(MAYA) is None


def test_a_practice_organization_of_an_older_version_is_furnished_and_its_people_stay(clock, tmp_path):
    path = tmp_path / "world.json"
    world = default_world(clock.now, "phx_key", path=path)
    world.remove_member(MAYA)
    saved = json.loads(path.read_text(encoding="utf-8"))
    old = {name: saved[name] for name in ("organizations", "accounts", "memberships", "invites", "keys", "domains")}
    old["keys"][0]["scopes"] = ["organization_member:write", "organization:read", "user:read"]
    path.write_text(json.dumps(old), encoding="utf-8")
    for _ in range(2):
        again = practice_world(clock.now, "phx_key", path)
        assert len(again.projects) == 3
        assert again.level_of(MAYA) is None
        assert len(again.members()) == 23
        assert "activity_log:read" in again.key_with("phx_key").scopes
        assert len(again.key_with("phx_key").scopes) == len(set(again.key_with("phx_key").scopes))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"accounts": [{"id": 1}]}'])
def test_a_saved_world_that_cannot_be_read_is_set_aside(clock, tmp_path, text):
    path = tmp_path / "world.json"
    path.write_text(text, encoding="utf-8")
    assert practice_world(clock.now, "phx_key", path).key_with("phx_key")
    assert len(practice_world(clock.now, "phx_key", path).members()) == 24
    assert (tmp_path / "world.json.unreadable").read_text(encoding="utf-8") == text


def test_the_practice_organization_is_furnished_for_every_part(side):
    """Projects, a private one among them, roles, things of several people, rows of the log for each member."""
    api, home = side.api("lea.brandt@example.com"), side.world.home
    projects = api.get(f"{HOME}/projects/").json()["results"]
    assert [p["access_control"] for p in projects] == [False, False, True]
    assert len(api.get(f"{HOME}/roles/").json()["results"]) == 2
    finance = api.get(f"/api/projects/{projects[2]['id']}/users_with_access/").json()["users"]
    assert {u["access_source"] for u in finance} == {"organization_admin", "explicit_member", "explicit_role"}
    made = {r.created_by for r in side.world.resources.values()}
    assert len(made) >= 10
    for account, _ in side.world.members():
        rows = api.get(f"{HOME}/advanced_activity_logs/", params={"users": account.uuid, "page_size": 1}).json()
        assert rows["results"], account.email
    assert {a.client for a in side.world.activity.values()} == {"web", None}
    assert home.features


def test_the_bridge_s_own_key_reads_every_part_of_the_practice_organization(side):
    api, project = side.api(), side.world.projects_in(side.world.home.id)[0]
    for path in ("projects", "roles", "domains", "advanced_activity_logs", "members", "invites"):
        assert api.get(f"{HOME}/{path}/").status_code == 200, path
    for path in ("access_controls", "users_with_access", "activity_log", "persons", *KINDS):
        assert api.get(f"/api/projects/{project.id}/{path}/").status_code == 200, path


def test_a_saved_world_holds_no_key(clock, tmp_path):
    default_world(clock.now, "phx_key_of_the_bridge", path=tmp_path / "world.json")
    assert "phx_key_of_the_bridge" not in (tmp_path / "world.json").read_text(encoding="utf-8")


def test_a_world_without_a_path_is_saved_only_where_it_is_told(world, tmp_path):
    with pytest.raises(ValueError, match="no path"):
        world.save()
    world.save(tmp_path / "world.json")
    assert json.loads((tmp_path / "world.json").read_text(encoding="utf-8"))["accounts"]


def test_every_call_is_logged_with_the_key_that_made_it(side):
    side.api("lea.brandt@example.com", label="Lea's").get(f"{HOME}/members/?limit=1")
    side.api_with("phx_no").delete(side.path(MAYA))
    told = [(c.method, c.path, c.query, c.status, c.key_label, c.at) for c in side.world.calls]
    assert told == [
        ("GET", f"{HOME}/members/", "limit=1", 200, "Lea's", side.clock.now()),
        ("DELETE", side.path(MAYA), "", 401, "", side.clock.now()),
    ]


def test_the_log_of_calls_does_not_grow_for_ever(side):
    side.api("lea.brandt@example.com").get(f"{HOME}/members/?limit=1")
    one = side.world.calls[0]
    for _ in range(50_000):
        side.world.log(one)
    assert len(side.world.calls) < 50_000


def test_a_demonstration_logs_people_in_over_http(world, http):
    world.remove_member(MAYA)
    world.change_domain("example.com", sso_enforcement="saml")
    assert http.post("/_sandbox/login", json={"email": MAYA}).json()["outcome"] == "refused"
    answer = http.post("/_sandbox/login", json={"email": MAYA, "provider": "saml"})
    assert answer.json() == {"outcome": "jit", "level": MEMBER}
    assert world.level_of(MAYA) == MEMBER


def test_a_demonstration_sees_members_invites_and_calls(world, http):
    http.get(f"{HOME}/members/")
    seen = http.get("/_sandbox/members").json()
    assert len(seen["members"]) == 24
    assert len(seen["invites"]) == 5
    calls = http.get("/_sandbox/calls").json()
    assert [(c["method"], c["status"]) for c in calls["results"]] == [("GET", 401)]
    assert calls["count"] == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"email": 7}'])
def test_a_log_in_needs_an_address(http, body):
    assert http.post("/_sandbox/login", content=body).status_code == 400


def test_what_the_demonstration_lacks_is_not_posthog_s_answer(http):
    assert says(http.get("/_sandbox/nothing"))[1] != missing("Endpoint not found.")[1]
    assert http.get("/_sandbox/login").status_code == 405


def test_wrong_arrangements_are_said(world):
    with pytest.raises(ValueError, match="no member"):
        world.set_level("nobody@example.com", OWNER)
    with pytest.raises(ValueError, match="no account"):
        world.add_key("nobody@example.com", "phx_x")
    with pytest.raises(ValueError, match="no account"):
        world.deactivate("nobody@example.com")
    with pytest.raises(ValueError, match="member already"):
        world.add_member(MAYA)
    assert world.remove_member("nobody@example.com") is None


def test_a_saved_time_stays_the_same_instant(clock, tmp_path):
    world = default_world(clock.now, "phx_key", path=tmp_path / "world.json")
    invite = world.add_invite("x@example.com", created_at=clock.now() - timedelta(days=3, microseconds=1))
    assert World.load(tmp_path / "world.json", clock.now).invites[invite.id].is_expired(clock.now())
