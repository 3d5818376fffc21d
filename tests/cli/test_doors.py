from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.remotes.posthog import PostHogTarget
from bridge.store import surroundings, targets
from tests.conftest import START, run_for, wire
from tests.players import MAYA, audited

DOMAIN = "example.com"


@pytest.fixture
def bridge(db, clock, world, transport):
    """A bridge that has looked around."""
    bridge = wire(db, clock, world, transport, surroundings_every=timedelta(hours=1))
    with db.write() as tx:
        targets.want_look(tx, "main", START)
    run_for(bridge, clock, seconds=1)
    return bridge


def test_an_open_door_is_told_with_its_command_and_exits_1(ran):
    told = ran("ways-back")

    assert told.status == 1
    assert f"{DOMAIN} takes removed people back at their next log-in" in told.said
    assert "(since 2026-11-20 09:00:00 UTC)" in told.said
    assert f"close-way jit {DOMAIN} --target main" in told.out


def test_as_json_it_says_the_same(ran):
    (way,) = ran("ways-back", "--json").json["ways"]

    assert (way["code"], way["is_open"], way["since"]) == ("jit", True, "2026-11-20T09:00:00.000Z")


def test_nothing_is_changed_before_somebody_said_yes(ran, world):
    told = ran("close-way", "jit", DOMAIN)

    assert told.status == 2
    assert "add --yes" in told.err
    assert all(d.jit_provisioning_enabled for d in world.domains.values())


def test_an_invite_is_cancelled_and_that_is_audited(ran, bridge, world):
    invite = world.invites_for("new.colleague@example.com")[0]

    told = ran("close-way", "invite", invite.id, "--yes")

    assert told.said == "The member invite to new.colleague@example.com is cancelled."
    assert world.invites_for("new.colleague@example.com") == []
    (entry,) = audited(bridge, "way.closed")
    assert (entry.actor, entry.facts["way"]) == ("operator:lea", "invite")


def test_an_invite_that_was_accepted_before_is_not_called_cancelled(ran, bridge, world):
    """Whoever accepted it is inside: that is no way back that was closed."""
    invite = world.invites_for("new.colleague@example.com")[0]
    world.accept_invite(invite.id)

    told = ran("close-way", "invite", invite.id, "--yes")

    assert told.status == 1
    assert "was not there any more: it was accepted or cancelled before" in told.said
    assert [e.facts["status"] for e in audited(bridge, "way.closed")] == [404]


@pytest.mark.parametrize("arguments", [("jit", "nowhere.example"), ("invite", "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a")])
def test_what_is_not_there_is_refused_and_nothing_is_asked(ran, arguments):
    told = ran("close-way", *arguments, "--yes")

    assert told.status == 1
    assert "nowhere.example is no authentication domain" in told.err or "listed no invite" in told.err


def test_a_case_tells_the_ways_that_its_person_has(ran, bridge, clock, okta):
    okta.deactivate(okta.create(MAYA))

    told = ran("case", "1")
    assert "an open member invite to Maya.Okafor@example.com" not in told.said  # it has expired
    assert f"{DOMAIN} takes removed people back" in told.said
    assert {w["code"] for w in ran("case", "1", "--json").json["ways_back"]["ways"]} == {"jit"}

    run_for(bridge, clock, hours=26)
    assert "ways back" not in ran("case", "1").said.lower()
    assert ran("case", "1", "--json").json["ways_back"] is None


def test_a_look_around_that_failed_is_told(ran, bridge):
    with bridge.db.write() as tx:
        surroundings.note_trouble(tx, "main", "PostHog answered 502 to GET.", "Wait.")

    assert "Not seen: a look at the surroundings. PostHog answered 502 to GET." in ran("ways-back").said


def test_with_fresh_eyes_it_is_looked_at_now(ran, world):
    world.change_domain(DOMAIN, sso_enforcement="saml")
    told = ran("ways-back", "--fresh")

    assert told.status == 0
    assert "lets nobody log in but through saml" in told.said


def test_just_in_time_provisioning_is_switched_off_and_the_way_is_closed_at_once(ran, bridge, world, transport):
    world.add_key("posthog-bridge@example.com", "phx_all")
    organization_id = bridge.targets["main"].organization_id
    remote = PostHogTarget(
        url="http://127.0.0.1:1", organization_id=organization_id, api_key="phx_all", transport=transport
    )

    told = ran("close-way", "jit", DOMAIN.upper(), "--yes", remote=lambda _name: remote)

    assert told.said == "Nobody becomes a member of main by logging in with an address at example.com any more."
    assert not any(d.jit_provisioning_enabled for d in world.domains.values())
    assert ran("ways-back").status == 0
    assert audited(bridge, "way.closed")[0].facts["way"] == "jit"


def test_a_key_that_may_not_switch_it_off_is_told_the_scope(ran, bridge, world, transport):
    world.add_key("posthog-bridge@example.com", "phx_reads", scopes=("organization:read",))
    organization_id = bridge.targets["main"].organization_id
    remote = PostHogTarget(
        url="http://127.0.0.1:1", organization_id=organization_id, api_key="phx_reads", transport=transport
    )

    told = ran("close-way", "jit", DOMAIN, "--yes", remote=lambda _name: remote)

    assert told.status == 1
    assert "organization:write" in told.err
    assert audited(bridge, "way.closed") == []
