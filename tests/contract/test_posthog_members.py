"""What the members list shows, what a removal leaves behind, and who comes back. Source: sections 1.2, 1.6 and 5."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.sandbox import ADMIN, MEMBER, OWNER, InviteRefused
from tests.contract.conftest import HOME, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
BRIDGE = "posthog-bridge@example.com"


def listed(side, **query):
    return [row["user"]["email"] for row in side.api(ADA).get(f"{HOME}/members/", params=query).json()["results"]]


def test_whoever_joined_last_is_listed_first(side):
    assert listed(side)[0] == "wei.zhang@example.com"
    assert listed(side, order="joined_at")[0] == "grace.lindqvist@example.com"
    assert listed(side, order="email") == listed(side)


def test_a_page_has_a_hundred_rows_unless_asked_otherwise(side):
    for number in range(100):
        side.world.add_member(f"extra.{number}@example.com")
    api = side.api(ADA)
    first = api.get(f"{HOME}/members/").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (124, 100, None)
    assert first["next"] == f"https://posthog.test{HOME}/members/?limit=100&offset=100"
    second = api.get(first["next"]).json()
    assert (len(second["results"]), second["next"]) == (24, None)
    assert second["previous"] == f"https://posthog.test{HOME}/members/?limit=100"
    assert len(api.get(f"{HOME}/members/?limit=500").json()["results"]) == 124


def test_an_address_is_compared_letter_by_letter(side):
    assert listed(side, email=MAYA) == [MAYA]
    assert listed(side, email="Maya.Okafor@example.com") == []


def test_a_search_finds_parts_of_names_and_addresses(side):
    rows = side.api(ADA).get(f"{HOME}/members/?search=OKAFOR").json()["results"]
    assert [(row["user"]["email"], row["search_match_type"]) for row in rows] == [(MAYA, "exact")]
    too_long = side.api(ADA).get(f"{HOME}/members/", params={"search": "x" * 201})
    assert says(too_long) == (400, {"search": "Search query must be 200 characters or fewer."})


def test_a_search_also_finds_who_only_looks_like_it_and_says_so(side):
    """GET /members/?search=: `search_match_type` `similar` is nobody to act on."""
    rows = side.api(ADA).get(f"{HOME}/members/?search=okafa").json()["results"]
    assert [(row["user"]["email"], row["search_match_type"]) for row in rows] == [(MAYA, "similar")]


def test_members_can_be_asked_for_by_the_time_of_their_last_change(side):
    since = side.clock.now().isoformat()
    side.clock.advance(hours=1)
    side.world.set_level(MAYA, ADMIN)
    assert listed(side, updated_after=since) == [MAYA]
    assert side.api(ADA).get(f"{HOME}/members/?updated_after=yesterday").status_code == 400


def test_a_member_is_shown_with_the_fields_of_posthog(side):
    row = side.api(ADA).get(f"{HOME}/members/", params={"email": MAYA}).json()["results"][0]
    assert set(row) == {
        *("id", "user", "level", "joined_at", "updated_at"),
        *("is_2fa_enabled", "has_social_auth", "last_login"),
    }
    assert set(row["user"]) == {
        *("id", "uuid", "distinct_id", "first_name", "last_name", "email"),
        *("is_email_verified", "hedgehog_config", "role_at_organization"),
    }
    assert row["id"] != row["user"]["uuid"] == side.uuid(MAYA)


def test_a_deactivated_account_is_invisible_and_cannot_be_removed(side):
    side.world.deactivate(MAYA)
    assert MAYA not in listed(side)
    assert says(side.api(ADA).delete(side.path(MAYA))) == missing()
    assert MAYA in side.emails()


def test_posthog_s_own_bots_are_not_listed(side):
    side.world.add_member("helper@posthogbot.user")
    assert "helper@posthogbot.user" not in listed(side)


def test_members_may_be_kept_from_seeing_each_other(side):
    side.world.change_organization(members_can_see_org_members=False)
    alone = side.api(MAYA).get(f"{HOME}/members/").json()
    assert [row["user"]["email"] for row in alone["results"]] == [MAYA]
    assert len(listed(side)) == 24


def test_a_second_removal_finds_nobody(side):
    path = side.path(MAYA)
    assert side.api(ADA).delete(path).status_code == 204
    assert says(side.api(ADA).delete(path)) == missing()


def test_a_removal_leaves_account_and_invites_alone(side):
    mine = side.world.add_invite("friend@example.com", by=MAYA)
    to_her = side.world.invites_for(MAYA)
    side.api(ADA).delete(side.path(MAYA))
    assert side.world.account(MAYA).is_active
    assert side.world.invites_for(MAYA) == to_her
    assert mine in side.world.invites_for("friend@example.com")


def test_whoever_is_removed_from_the_current_organization_gets_another_one(side):
    elsewhere = side.world.add_organization("Elsewhere")
    side.world.add_member(MAYA, organization=elsewhere.id)
    assert side.world.account(MAYA).current_organization == elsewhere.id
    side.world.remove_member(MAYA, elsewhere.id)
    assert side.world.account(MAYA).current_organization == side.world.home.id


def test_a_change_of_address_keeps_the_account(side):
    before = side.uuid(MAYA)
    side.world.change_email(MAYA, "maya.lind@example.com")
    assert side.uuid("maya.lind@example.com") == before


class TestComingBack:
    @pytest.fixture(autouse=True)
    def _without_invites(self, side):
        for row in side.world.invites_for(MAYA):
            side.world.drop(row)

    def test_a_log_in_brings_a_removed_person_back_as_a_plain_member(self, side):
        side.world.set_level(MAYA, ADMIN)
        uuid = side.uuid(MAYA)
        side.api(ADA).delete(side.path(MAYA))
        assert side.world.login(MAYA).outcome == "jit"
        assert (side.world.level_of(MAYA), side.uuid(MAYA)) == (MEMBER, uuid)

    def test_without_just_in_time_provisioning_nobody_comes_back(self, side):
        side.world.change_domain("example.com", jit_provisioning_enabled=False)
        side.world.remove_member(MAYA)
        assert side.world.login(MAYA).outcome == "outsider"
        assert MAYA not in side.emails()

    def test_an_unverified_domain_lets_nobody_in(self, side):
        side.world.change_domain("example.com", verified_at=None)
        side.world.remove_member(MAYA)
        assert side.world.login(MAYA).outcome == "outsider"

    def test_enforced_sso_stops_log_ins_through_other_providers(self, side):
        side.world.change_domain("example.com", sso_enforcement="saml")
        side.world.remove_member(MAYA)
        assert side.world.login(MAYA, provider="google-oauth2").outcome == "refused"
        assert side.world.login(MAYA, provider="saml").outcome == "jit"

    def test_a_log_in_picks_up_an_open_invite_at_its_level(self, side):
        side.world.remove_member(MAYA)
        side.world.add_invite("Maya.Okafor@example.com", OWNER)
        assert side.world.login(MAYA).outcome == "invited"
        assert side.world.level_of(MAYA) == OWNER
        assert side.world.invites_for(MAYA) == []

    def test_a_log_in_does_not_pick_up_an_expired_invite(self, side):
        side.world.remove_member(MAYA)
        side.world.add_invite(MAYA, OWNER, created_at=side.clock.now() - timedelta(days=4))
        assert side.world.login(MAYA).outcome == "jit"
        assert side.world.level_of(MAYA) == MEMBER

    def test_a_deactivated_account_cannot_log_in(self, side):
        side.world.deactivate(MAYA)
        assert side.world.login(MAYA).outcome == "refused"

    def test_a_member_s_log_in_only_dates_it(self, side):
        assert side.world.login(MAYA).outcome == "member"
        assert side.world.account(MAYA).last_login == side.clock.now()

    def test_somebody_new_joins_only_through_a_verified_domain(self, side):
        assert side.world.login("new@example.com").outcome == "jit"
        assert side.world.login("new@elsewhere.example").outcome == "unknown"
        assert side.world.account("new@elsewhere.example") is None

    @pytest.mark.parametrize(
        ("age", "address", "said"),
        [
            (timedelta(days=4), None, "This invite has expired. Please ask your admin for a new one."),
            (timedelta(0), "other@example.com", "This invite is intended for another email address."),
        ],
    )
    def test_an_invite_is_accepted_in_time_and_by_the_invited(self, side, age, address, said):
        invite = side.world.add_invite("new@example.com", created_at=side.clock.now() - age)
        with pytest.raises(InviteRefused, match=said):
            side.world.accept_invite(invite.id, email=address)

    def test_a_member_accepts_no_invite(self, side):
        with pytest.raises(InviteRefused, match="already are a member"):
            side.world.accept_invite(side.world.add_invite(MAYA).id)
        with pytest.raises(InviteRefused, match="not valid"):
            side.world.accept_invite("gone")


def test_guests_are_left_out_of_the_list_and_of_the_lookup_for_removal(side):
    """GET /members/ and DELETE /members/{uuid}/ in versions that have guest memberships."""
    side.world.make_guest(MAYA)
    assert MAYA not in listed(side)
    assert MAYA in listed(side, include_guests="true")
    assert says(side.api(ADA).delete(side.path(MAYA))) == missing()


def test_an_account_that_is_active_again_is_a_member_as_before(side):
    side.world.deactivate(MAYA)
    side.world.activate(MAYA)
    assert MAYA in listed(side)


def test_a_level_written_during_a_removal_brings_the_removed_member_back(side):
    """PATCH /members/{uuid}/ reads, checks and writes the whole row back, without a lock."""
    side.world.interrupt(lambda: side.world.remove_member(MAYA))
    assert side.api(ADA).patch(side.path(MAYA), json={"level": ADMIN}).status_code == 200
    assert side.world.level_of(MAYA) == ADMIN


def test_an_owner_demoted_between_read_and_write_is_what_the_last_writer_says(side):
    """PATCH /members/{uuid}/: the row that was read before is saved whole."""
    grace = "grace.lindqvist@example.com"
    side.world.interrupt(lambda: side.world.set_level(grace, MEMBER))
    assert side.api(BRIDGE).patch(side.path(grace), json={"level": ADMIN}).status_code == 200
    assert side.world.level_of(grace) == ADMIN


def test_an_owner_made_during_a_removal_is_removed_all_the_same(side):
    """DELETE /members/{uuid}/ checks the level that it has read."""
    side.world.interrupt(lambda: side.world.set_level(MAYA, OWNER))
    assert side.api(ADA).delete(side.path(MAYA)).status_code == 204
    assert side.world.level_of(MAYA) is None


def test_a_member_who_came_back_during_a_change_of_level_has_one_membership(side):
    def out_and_in():
        side.world.remove_member(MAYA)
        side.world.login(MAYA)

    side.world.interrupt(out_and_in)
    assert side.api(ADA).patch(side.path(MAYA), json={"level": ADMIN}).status_code == 500
    assert side.emails().count(MAYA) == 1
    assert side.world.level_of(MAYA) == MEMBER
