"""What the looks at a target leave in the store: surroundings, invites, and who is no member any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.organization import Invite, Level, Member, Organization
from bridge.core.surroundings import Domain, Gap, Grant, Project, Seat, Surroundings
from bridge.core.ways_back import DOMAINS_UNSEEN
from bridge.store import invites, members, surroundings, targets
from tests.conftest import START

MAYA = Member(
    user_uuid="u-maya",
    membership_id="m-maya",
    user_id=42,
    email="maya@example.com",
    level=Level.ADMIN,
    joined_at=START - timedelta(days=3, microseconds=7),
    last_login=START - timedelta(hours=1),
    is_2fa_enabled=True,
)
INVITE = Invite(
    invite_id="i-1",
    email="Zoe@example.com",
    level=Level.OWNER,
    created_at=START - timedelta(microseconds=1),
    created_by_uuid="u-maya",
    created_by_email="maya@example.com",
)
DOMAIN = Domain(domain_id="d-1", domain="example.com", is_verified=True, is_jit_enabled=True, sso_enforcement="")
SEEN = Surroundings(
    taken_at=START,
    name="Hedgehogs",
    enforces_2fa=True,
    features=("access_control",),
    domains=(DOMAIN,),
    projects=(Project(project_id=7, name="Web"), Project(project_id=8, name="App")),
    grants=(
        Grant(user_uuid="u-maya", project_id=7, level="admin", how="explicit_member"),
        Grant(user_uuid="u-maya", project_id=8, level="member", how="default"),
        Grant(user_uuid="u-noor", project_id=7, level="member", how="explicit_role"),
    ),
    seats=(Seat(user_uuid="u-maya", role_id="r-1", role="Analysts"),),
    gaps=(Gap(what="the roles", why="402: no", remedy="Pay."),),
)


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main"])
        yield opened


def look(tx, organization: Organization) -> None:
    found = members.difference(tx, "main", organization)
    had = surroundings.access_of(tx, "main", found.gone)
    members.part_with(tx, "main", found.left, had, organization.taken_at)
    targets.note_look(tx, targets.state(tx, "main"), organization, organization.taken_at + timedelta(days=1))
    members.keep(tx, "main", found)
    invites.keep(tx, "main", invites.difference(tx, "main", organization))


def organization(*found: Member, minutes: int = 0, open_invites: tuple[Invite, ...] = ()) -> Organization:
    at = START + timedelta(minutes=minutes)
    return Organization(taken_at=at, key_uuid="u-key", members=found, invites=open_invites)


class TestSurroundings:
    def test_what_was_seen_is_read_back_as_it_was(self, tx):
        surroundings.keep(tx, "main", SEEN)

        assert surroundings.last(tx, "main").surroundings == SEEN

    def test_nothing_is_known_before_the_first_look(self, tx):
        assert surroundings.last(tx, "main") == surroundings.Kept(surroundings=None, due_at=None, open_since={})

    def test_a_door_is_open_since_the_first_look_that_showed_it_open(self, tx):
        surroundings.keep(tx, "main", SEEN)
        surroundings.keep(tx, "main", replace(SEEN, taken_at=START + timedelta(hours=1)))
        assert surroundings.last(tx, "main").open_since == {"d-1": START}

        shut = replace(DOMAIN, sso_enforcement="saml")
        surroundings.keep(tx, "main", replace(SEEN, domains=(shut,)))
        assert surroundings.last(tx, "main").open_since == {}

    def test_who_could_come_back_is_read_without_all_the_rest(self, tx):
        assert surroundings.doors(tx, "main") == surroundings.Doors(taken_at=None)
        unseen = Gap(what=DOMAINS_UNSEEN, why="403: no", remedy="Ask.")
        surroundings.keep(tx, "main", replace(SEEN, gaps=(*SEEN.gaps, unseen)))
        surroundings.note_trouble(tx, "main", "PostHog answered 502 to GET.", "Wait.")

        seen = surroundings.doors(tx, "main")
        assert (seen.domains, seen.open_since, seen.taken_at) == ((DOMAIN,), {"d-1": START}, START)
        assert [g.why for g in seen.gaps] == ["403: no", "PostHog answered 502 to GET."]

    def test_our_own_closing_of_a_door_shows_at_once(self, tx):
        surroundings.keep(tx, "main", SEEN)
        surroundings.note_jit_off(tx, "main", "d-1")

        kept = surroundings.last(tx, "main")
        assert (kept.surroundings.domains[0].is_jit_enabled, kept.open_since) == (False, {})

    def test_a_failure_stands_beside_what_was_seen_before_until_a_look_succeeds(self, tx):
        surroundings.keep(tx, "main", SEEN)
        surroundings.note_trouble(tx, "main", "PostHog answered 502 to GET.", "Wait.")
        kept = surroundings.last(tx, "main")
        assert kept.surroundings == SEEN
        assert [g.why for g in kept.gaps] == ["402: no", "PostHog answered 502 to GET."]

        surroundings.keep(tx, "main", SEEN)
        assert [g.why for g in surroundings.last(tx, "main").gaps] == ["402: no"]

    def test_it_is_due_from_the_start_and_not_while_the_target_is_at_work_or_paused(self, tx):
        assert surroundings.due(tx, START) == ("main",)

        surroundings.put_off(tx, "main", START + timedelta(hours=1))
        assert surroundings.due(tx, START) == ()
        later = START + timedelta(hours=1)
        assert surroundings.due(tx, later) == ("main",)

        targets.pause(tx, "main", reason="x", until=later + timedelta(minutes=1), now=later)
        assert surroundings.due(tx, later) == ()

        targets.resume(tx, "main")
        assert targets.claim(tx, "main", later) is not None
        assert surroundings.due(tx, later) == ()

    def test_targets_that_are_no_longer_configured_are_forgotten(self, tx):
        surroundings.keep(tx, "main", SEEN)
        look(tx, organization(MAYA, open_invites=(INVITE,)))
        for kept in (surroundings, invites, members):
            kept.forget_others(tx, ["eu"])

        assert surroundings.last(tx, "main").surroundings is None
        assert invites.kept(tx, "main") == []


class TestInvites:
    def test_each_look_replaces_what_was_kept(self, tx):
        look(tx, organization(MAYA, open_invites=(INVITE,)))
        assert [i.email for i in invites.kept(tx, "main")] == ["Zoe@example.com"]

        look(tx, organization(MAYA, minutes=5, open_invites=(replace(INVITE, is_expired=True),)))
        assert [i.is_expired for i in invites.kept(tx, "main")] == [True]

        look(tx, organization(MAYA, minutes=6))
        assert invites.kept(tx, "main") == []

    def test_what_did_not_change_is_not_written_again(self, tx):
        whole = organization(MAYA, open_invites=(INVITE,))
        look(tx, whole)

        assert invites.difference(tx, "main", whole) == invites.Difference(gone=(), new=(), changed=())
        assert members.difference(tx, "main", whole) == members.Difference(gone=(), new=(), changed=())


class TestFormerMembers:
    def test_whoever_is_gone_is_kept_apart_with_what_they_had(self, tx):
        surroundings.keep(tx, "main", SEEN)
        look(tx, organization(MAYA))
        assert members.one(tx, "main", "u-maya").user_id == 42
        look(tx, organization(minutes=5))

        former = members.former(tx, "main", "u-maya")
        assert (former.seen_at, former.gone_at) == (START, START + timedelta(minutes=5))
        assert (former.member.level, former.member.user_id, former.member.is_2fa_enabled) == (Level.ADMIN, 42, True)
        assert former.access == {"projects": {"7": ["admin", "explicit_member"]}, "roles": {"r-1": "Analysts"}}
        assert former.member.as_member.membership_id == "m-maya"
        assert members.one(tx, "main", "u-maya") is None

    def test_they_are_found_by_when_they_went(self, tx):
        look(tx, organization(MAYA))
        look(tx, organization(minutes=5))

        assert [f.member.email for f in members.gone_between(tx, "main", START, START + timedelta(hours=1))]
        assert members.gone_between(tx, "main", START + timedelta(hours=1), START + timedelta(hours=2)) == []

    def test_a_second_leaving_replaces_the_first(self, tx):
        for minute, there in ((0, True), (1, False), (2, True), (3, False)):
            look(tx, organization(*([MAYA] if there else ()), minutes=minute))

        assert members.former(tx, "main", "u-maya").gone_at == START + timedelta(minutes=3)

    def test_they_are_forgotten_after_400_days(self, tx):
        look(tx, organization(MAYA))
        look(tx, organization(replace(MAYA, user_uuid="u-noor"), minutes=5))
        look(tx, organization(minutes=60 * 24 * 401))

        assert members.former(tx, "main", "u-maya") is None
        assert members.former(tx, "main", "u-noor") is not None
