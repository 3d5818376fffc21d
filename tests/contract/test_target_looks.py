"""What the bridge sees of the other side: whole lists, consistent in themselves, or nothing."""

from __future__ import annotations

import httpx
import pytest

from bridge.core.organization import Level
from bridge.ports import Refused, Unavailable, Unexpected
from bridge.sandbox import ADMIN, MEMBER
from tests.contract.conftest import HOME
from tests.faults import When, edited, meanwhile

BRIDGE = "posthog-bridge@example.com"
GRACE = "grace.lindqvist@example.com"
MAYA = "maya.okafor@example.com"
MEMBERS = When(method="GET", path="/members/")
INVITES = When(method="GET", path="/invites/")


def member(look, email):
    return next(m for m in look.members if m.email == email)


def with_rows(change):
    """The list with each row changed in place."""

    def changed(body):
        for row in body["results"]:
            change(row)
        return body

    return edited(changed)


def test_the_key_s_owner_is_known(side):
    owner = side.target().key_owner()
    assert (owner.user_uuid, owner.email) == (side.uuid(BRIDGE), BRIDGE)


def test_a_look_shows_everybody_with_their_levels(side):
    look = side.look()
    assert {m.email for m in look.members} == set(side.emails())
    assert (look.taken_at, look.key_uuid) == (side.clock.now(), side.uuid(BRIDGE))
    assert {m.email for m in look.human_owners} == {GRACE, "samuel.adeyemi@example.com"}
    assert {m.level for m in look.members} == {Level.MEMBER, Level.ADMIN, Level.OWNER}
    maya = member(look, MAYA)
    account = side.world.account(MAYA)
    membership = side.world.membership(MAYA)
    assert (maya.user_uuid, maya.user_id, maya.membership_id) == (account.uuid, account.id, membership.id)
    assert (maya.name, maya.joined_at, maya.last_login) == ("Maya Okafor", membership.joined_at, account.last_login)


def test_a_look_shows_open_and_expired_invites(side):
    look = side.look()
    shown = {(i.email, i.level, i.is_expired) for i in look.invites}
    assert ("Maya.Okafor@example.com", Level.MEMBER, True) in shown
    assert ("tomas.reyes@example.com", Level.OWNER, False) in shown
    assert {i.created_by_email for i in look.invites} == {"lea.brandt@example.com"}


def test_an_ordinary_look_is_two_calls(side):
    target = side.target()
    owner = target.key_owner()
    before = len(side.world.calls)
    target.observe(owner.user_uuid, side.clock.now())
    assert [c.path for c in side.world.calls[before:]] == [f"{HOME}/invites/", f"{HOME}/members/"]
    assert "limit=500" in side.world.calls[-1].query


def test_a_look_goes_through_all_pages(side):
    assert {m.email for m in side.look(side.target(page_size=5)).members} == set(side.emails())


def test_the_key_never_follows_a_link_to_another_host(side):
    def elsewhere(body):
        return {**body, "next": body["next"] and body["next"].replace("posthog.test", "thief.example")}

    side.transport.inject(When(method="GET", path="/members/", times=None), edited(elsewhere))
    assert len(side.look(side.target(page_size=10)).members) == 24
    assert {request.url.host for request in side.transport.sent} == {"posthog.test"}


def test_each_further_page_costs_one_call(side):
    target = side.target(page_size=10)
    owner = target.key_owner()
    before = len(side.world.calls)
    look = target.observe(owner.user_uuid, side.clock.now())
    assert len(look.members) == 24
    assert len(side.world.calls) - before == 4  # one page of invites, three of members


def test_unknown_fields_are_ignored(side):
    side.transport.inject(MEMBERS, with_rows(lambda row: row.update(is_guest=False, user={**row["user"], "new": [1]})))
    assert len(side.look().members) == 24


def test_missing_fields_that_nobody_needs_are_forgiven(side):
    def bare(row):
        row["user"] = {name: row["user"][name] for name in ("id", "uuid", "email")}
        for name in ("joined_at", "last_login", "is_2fa_enabled", "has_social_auth", "updated_at"):
            del row[name]

    side.transport.inject(MEMBERS, with_rows(bare))
    maya = member(side.look(), MAYA)
    assert (maya.name, maya.joined_at, maya.last_login, maya.is_2fa_enabled) == ("", None, None, False)


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda row: row.pop("id"), "members.id should be a text and is missing"),
        (lambda row: row["user"].pop("uuid"), "members.user.uuid should be a text and is missing"),
        (lambda row: row["user"].update(email=""), "members.user.email should be a text and is empty"),
        (lambda row: row["user"].update(id="7"), "members.user.id should be a whole number and is str"),
        (lambda row: row.update(user=None), "members.user.uuid should be a text and is missing"),
        (lambda row: row.update(level=True), "members.level should be a whole number and is bool"),
        (lambda row: row.update(level=20), "members.level is a number other than 1, 8 and 15"),
    ],
)
def test_a_missing_field_is_named_without_any_value(side, change, shape):
    side.transport.inject(MEMBERS, with_rows(change))
    with pytest.raises(Unexpected) as told:
        side.look()
    assert told.value.shape == shape


@pytest.mark.parametrize("body", [[], {}, {"count": 1}, {"count": 0, "results": {}}])
def test_a_list_in_another_shape_is_unexpected(side, body):
    side.transport.inject(MEMBERS, edited(lambda _body: body))
    with pytest.raises(Unexpected):
        side.look()


def test_nobody_is_overlooked_when_a_row_goes_while_the_list_is_paged(side):
    target = side.target(page_size=5)
    side.transport.inject(MEMBERS, meanwhile(lambda: side.world.remove_member(GRACE)))
    look = side.look(target)
    assert {m.email for m in look.members} == set(side.emails())
    assert member(look, MAYA)


def test_nobody_is_overlooked_when_somebody_leaves_and_somebody_joins_at_once(side):
    def swap():
        side.world.remove_member(GRACE)
        side.world.add_member("somebody.new@example.com")

    side.transport.inject(MEMBERS, meanwhile(swap))
    # Neither the count nor the sum moves, and yet one of the first reading's rows was never shown.
    assert {m.email for m in side.look(side.target(page_size=5)).members} == set(side.emails())


def test_a_list_that_never_stands_still_is_given_up_for_now(side):
    def shrink():
        side.world.remove_member(next(email for email in side.emails() if email != BRIDGE))

    side.transport.inject(When(method="GET", path="/members/", times=None), meanwhile(shrink))
    with pytest.raises(Unavailable) as told:
        side.look(side.target(page_size=10))
    assert told.value.is_target_wide
    firsts = [r for r in side.transport.sent if r.url.path.endswith("/members/") and "offset" not in str(r.url)]
    assert len(firsts) == 4


def test_rows_that_repeat_are_read_again(side):
    side.transport.inject(MEMBERS, edited(lambda body: {**body, "results": body["results"] * 2}))
    assert len(side.look().members) == 24


def test_a_count_that_differs_from_the_rows_is_read_again(side):
    side.transport.inject(MEMBERS, edited(lambda body: {**body, "count": 25}))
    assert len(side.look().members) == 24


def test_pages_without_end_are_given_up(side):
    def onward(request):
        start = int(request.url.params.get("offset", 0))
        rows = [{"id": f"row-{n}"} for n in (start, start + 1)]
        return httpx.Response(200, json={"count": 9_999_999, "results": rows}, request=request)

    target = side.target_with("phx_any", transport=httpx.MockTransport(onward))
    with pytest.raises(Unexpected, match="more than 1000 pages"):
        target.observe(side.uuid(BRIDGE), side.clock.now())


def test_whoever_accepts_an_invite_between_the_two_lists_is_seen_as_a_member(side):
    invite = side.world.add_invite("somebody.new@example.com")
    side.transport.inject(INVITES, meanwhile(lambda: side.world.accept_invite(invite.id)))
    assert "somebody.new@example.com" in {m.email for m in side.look().members}


def test_a_key_that_may_not_see_everybody_shows_nobody(side):
    side.world.set_level(BRIDGE, MEMBER)
    side.world.change_organization(members_can_see_org_members=False)
    with pytest.raises(Refused) as told:
        side.look()
    assert told.value.is_target_wide
    assert "owner" in told.value.remedy


def test_an_admin_s_key_sees_everybody(side):
    side.world.set_level(BRIDGE, ADMIN)
    assert not side.look().key_is_owner


def test_a_list_without_the_key_s_own_account_is_not_believed(side):
    with pytest.raises(Unexpected, match="not among them"):
        side.target().observe("0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a", side.clock.now())
