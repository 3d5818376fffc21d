"""What the set-up pages promise: the answers that they quote, the commands and keys that they name, the links."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import config
from bridge.cli import COMMANDS
from bridge.core.case import CaseState
from bridge.core.policy import Mode, Policy
from bridge.remotes.posthog.check import MORE_SCOPES, NEEDED_SCOPES
from bridge.remotes.posthog.inventory import KINDS
from bridge.store import coverage, todos
from tests.conftest import run_for, wire
from tests.players import BEN, Idp, is_member, the_case

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs" / f"setup-{kind}.md" for kind in ("okta", "entra")]
SOURCE = re.sub(r'"\s*\n\s*f?"', "", "\n".join(p.read_text() for p in sorted((ROOT / "bridge").rglob("*.py"))))
MAIN = """
[targets.main]
organization_id = "01900000-0000-7000-8000-000000000000"
api_key_env = "POSTHOG_API_KEY"
"""


@pytest.fixture(params=PAGES, ids=lambda p: p.stem)
def page(request) -> str:
    return request.param.read_text()


def test_every_answer_that_is_quoted_is_one_of_ours(page):
    quoted = re.findall(r"“([^”]+)”", page)

    assert len(quoted) >= 8
    unknown = [q for q in quoted if q not in SOURCE and q.removeprefix("userName") not in SOURCE]
    assert [q for q in unknown if q.replace("a User", "a {resource_type}") not in SOURCE] == []


def test_every_command_that_is_named_exists(page):
    named = set(re.findall(r"python3 -m bridge (\w+)", page)) | set(re.findall(r"`(\w+)(?: [a-zA-Z-]+)*`", page))
    meant = {n for n in named if n in {"coverage", "status", "cases", "check", "token", "groups", "import", "remove"}}

    assert meant >= {"coverage", "token", "import", "check", "groups"}
    assert set(re.findall(r"python3 -m bridge (\w+)", page)) <= set(COMMANDS)


def test_the_configuration_on_the_page_loads(page, tmp_path):
    blocks = [re.sub(r"(?m)^   ", "", b) for b in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    file = tmp_path / "config.toml"
    file.write_text(MAIN + "".join(blocks))

    loaded = config.load(file, tmp_path / "data", {})

    (connection,) = loaded.connections.values()
    assert len(connection.groups) == 1
    assert tomllib.loads("".join(blocks))


def test_the_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (ROOT / "docs" / link).exists()


@pytest.mark.parametrize("kind", ["okta", "entra"])
def test_a_person_goes_the_way_that_the_page_describes(db, clock, world, transport, kind):
    told = next(p for p in PAGES if p.stem == f"setup-{kind}").read_text()
    bridge = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    idp = Idp(bridge, kind)

    ben = idp.create(BEN)
    run_for(bridge, clock, minutes=2)
    with db.read() as tx:
        found = coverage.of_target(tx, "main", bridge.connections.values(), bridge.policies["main"])
    assert BEN not in {s.member.email for s in found.uncovered}

    idp.deactivate(ben)
    run_for(bridge, clock, minutes=2)
    assert the_case(bridge).state is CaseState.HELD
    assert the_case(bridge).plan.holds[-1].message in told
    idp.activate(ben)
    assert the_case(bridge).outcome in told
    assert is_member(world, BEN)

    bridge = replace(bridge, policies={"main": replace(bridge.policies["main"], mode=Mode.ENFORCE)})
    idp = Idp(bridge, kind)
    idp.deactivate(ben)
    run_for(bridge, clock, seconds=61)
    assert not is_member(world, BEN)
    idp.activate(ben)
    with db.read() as tx:
        assert len(todos.todos(tx)) == 1
    assert not is_member(world, BEN)


def test_both_pages_say_that_nobody_tried_it(page):
    assert "**Nobody has run this against a real" in page


def test_the_readme_leads_to_both():
    readme = (ROOT / "README.md").read_text()

    assert all(f"docs/{p.name}" in readme for p in PAGES)


class TestThePostHogPage:
    TEXT = (ROOT / "docs" / "setup-posthog.md").read_text()

    def test_every_command_and_key_that_is_named_exists(self, tmp_path):
        assert set(re.findall(r"python3 -m bridge ([\w-]+)", self.TEXT)) <= set(COMMANDS)
        assert {"cancel_invites_sent", "surroundings_every"} <= set(Policy.__dataclass_fields__)
        block = re.search(r"```toml\n(.*?)```", self.TEXT, re.DOTALL)[1]
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text("-----BEGIN CERTIFICATE-----\n")
        file = tmp_path / "config.toml"
        file.write_text(block.replace("/etc/ssl/our-authority.pem", str(ca_file)))
        assert config.load(file, tmp_path / "data", {}).targets["main"].is_self_hosted

    def test_every_scope_that_check_needs_is_named_with_what_fails(self):
        for scope in NEEDED_SCOPES:
            assert f"| `{scope}` | " in self.TEXT

    def test_a_scope_is_named_for_every_kind_of_resource(self):
        for kind in KINDS:
            assert f"`{kind.scope}:read`" in self.TEXT

    def test_every_further_scope_that_check_names_is_on_the_page(self):
        assert [scope for scope, _ in MORE_SCOPES if f"`{scope}`" not in self.TEXT] == []

    @pytest.mark.parametrize("quoted", ["is not trusted here: nothing was sent", "or the account was deactivated"])
    def test_what_is_quoted_is_ours(self, quoted):
        assert quoted in SOURCE
        assert f"“{quoted}”" in self.TEXT

    def test_the_links_lead_somewhere(self):
        for link in re.findall(r"\]\(([^)#:]+)\)", self.TEXT):
            assert (ROOT / "docs" / link).exists()

    def test_it_says_that_nobody_has_run_it_against_the_cloud(self):
        assert "Nobody has run this against PostHog Cloud yet." in self.TEXT
