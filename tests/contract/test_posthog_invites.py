"""Invites: listed for ever, several per address, deleted one by one by anybody. Source: section 4."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.sandbox import ADMIN, MEMBER, OWNER
from tests.contract.conftest import HOME, denied, invalid, missing, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"
NEW = "someone.new@example.com"
NO_PROJECT = "Project does not exist on this organization, or it is private and you do not have access to it."


def rows(side):
    return side.api(ADA).get(f"{HOME}/invites/").json()["results"]


def invite(side, by=ADA, **body):
    return side.api(by).post(f"{HOME}/invites/", json=body)


def test_expired_invites_stay_listed_newest_first(side):
    listed = rows(side)
    assert [row["created_at"] for row in listed] == sorted((row["created_at"] for row in listed), reverse=True)
    assert {row["is_expired"] for row in listed} == {True, False}


def test_an_invite_is_good_for_three_days(side):
    side.world.add_invite(NEW)
    side.clock.advance(days=3)
    assert not rows(side)[0]["is_expired"]
    side.clock.advance(seconds=1)
    assert rows(side)[0]["is_expired"]


def test_an_invite_is_shown_with_the_fields_of_posthog(side):
    row = rows(side)[0]
    assert set(row) == {
        *("id", "target_email", "first_name", "emailing_attempt_made", "level", "is_expired", "created_by"),
        *("created_at", "updated_at", "message", "private_project_access"),
    }
    assert row["created_by"]["email"] == ADA


def test_only_the_domain_of_the_address_loses_its_capitals(side):
    answer = invite(side, target_email="Someone.New@Example.COM")
    assert (answer.status_code, answer.json()["target_email"]) == (201, "Someone.New@example.com")


def test_a_new_invite_replaces_older_ones_for_exactly_that_address(side):
    for address in (NEW, NEW, "Someone.New@example.com"):
        side.world.add_invite(address, created_at=side.clock.now() - timedelta(days=1))
    invite(side, target_email=NEW, level=ADMIN)
    assert [(i.target_email, i.level) for i in side.world.invites_for(NEW)] == [
        (NEW, ADMIN),
        ("Someone.New@example.com", MEMBER),
    ]


def test_a_member_is_not_invited_again(side):
    said = "A user with this email address already belongs to the organization."
    assert says(invite(side, target_email=MAYA)) == invalid(said)


def test_nobody_invites_above_the_own_level(side):
    said = "You cannot invite a user with a higher permission level than your own."
    assert says(invite(side, target_email=NEW, level=OWNER)) == denied(said)
    assert invite(side, by=MAYA, target_email=NEW).status_code == 201


def test_an_invite_needs_an_address_and_a_known_level(side):
    assert says(invite(side)) == invalid("This field is required.", "required", "target_email")
    assert says(invite(side, target_email="x")) == invalid("Enter a valid email address.", "invalid", "target_email")
    unknown = invalid('"7" is not a valid choice.', "invalid_choice", "level")
    assert says(invite(side, target_email=NEW, level=7)) == unknown


def test_twenty_invites_at_once_and_no_more(side):
    people = [{"target_email": f"guest.{n}@example.com"} for n in range(21)]
    answer = side.api(ADA).post(f"{HOME}/invites/bulk/", json=people)
    assert says(answer) == invalid("A maximum of 20 invites can be sent in a single request.", "max_length")
    assert len(side.api(ADA).post(f"{HOME}/invites/bulk/", json=people[:20]).json()) == 20


def test_every_member_may_delete_every_invite_once(side):
    path = f"{HOME}/invites/{side.world.add_invite(NEW, OWNER, by=ADA).id}/"
    assert says(side.api(MAYA).delete(path)) == (204, None)
    assert says(side.api(MAYA).delete(path)) == missing()


def test_an_invite_of_another_organization_is_not_found(side):
    foreign = side.world.add_organization("Elsewhere")
    theirs = side.world.add_invite(NEW, organization=foreign.id)
    assert says(side.api(ADA).delete(f"{HOME}/invites/{theirs.id}/")) == missing()


def test_accepting_joins_at_the_invite_s_level_and_leaves_its_siblings(side):
    first, second = side.world.add_invite(NEW, ADMIN), side.world.add_invite(NEW, MEMBER)
    side.world.accept_invite(first.id)
    assert side.world.level_of(NEW) == ADMIN
    assert side.world.invites_for(NEW) == [second]


def test_an_invite_accepted_before_its_deletion_is_not_found_and_the_person_is_in(side):
    invite = side.world.add_invite(NEW)
    side.world.accept_invite(invite.id)
    assert says(side.api(ADA).delete(f"{HOME}/invites/{invite.id}/")) == missing()
    assert NEW in side.emails()


def test_an_invite_accepted_during_its_deletion_is_not_found_either(side):
    """DELETE /invites/{id}/."""
    invite = side.world.add_invite(NEW)
    side.world.interrupt(lambda: side.world.accept_invite(invite.id))
    assert says(side.api(ADA).delete(f"{HOME}/invites/{invite.id}/")) == missing()
    assert NEW in side.emails()


def test_invites_of_forgotten_people_have_no_creator(side):
    side.world.add_invite(NEW, created_at=side.clock.now() + timedelta(seconds=1))
    assert rows(side)[0]["created_by"] is None


def test_an_invite_takes_projects_along_and_accepting_it_lets_the_person_in(side):
    """POST invites/ with `private_project_access`: the rules are made when the invite is accepted."""
    side.world.change_organization(features=("access_control",))
    shop = side.world.add_project("Test shop")
    side.world.set_access(shop.id, "none")
    answer = invite(side, target_email=NEW, private_project_access=[{"id": shop.id, "level": "member"}])
    assert answer.json()["private_project_access"] == [{"id": shop.id, "level": "member"}]
    side.world.accept_invite(answer.json()["id"])
    users = side.api(ADA).get(f"/api/projects/{shop.id}/users_with_access/").json()["users"]
    mine = next(u for u in users if u["user_id"] == side.uuid(NEW))
    assert (mine["access_level"], mine["access_source"]) == ("member", "explicit_member")


def test_a_project_that_is_gone_when_the_invite_is_accepted_is_passed_over(side):
    sent = side.world.add_invite(NEW, private_project_access=({"id": 9, "level": "member"},))
    side.world.accept_invite(sent.id)
    assert side.world.level_of(NEW) == MEMBER


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"id": 1}, "The field must be a list of dictionaries."),
        ([7], "Each item in the list must be a dictionary."),
        ([{"id": 1}], 'Each dictionary must contain "id" and "level" keys.'),
        ([{"id": 1, "level": "member"}], NO_PROJECT),
        ([{"id": "shop", "level": "owner"}], 'The "level" field must be a valid access level.'),
        ([{"id": "private", "level": "member"}], NO_PROJECT),
        (
            [{"id": "half", "level": "admin"}],
            "You cannot invite to a private project with a higher level than your own.",
        ),
    ],
)
def test_nobody_gives_away_a_project_that_is_not_theirs_to_give(side, wanted, said):
    side.world.change_organization(features=("access_control",))
    made = {name: side.world.add_project(name).id for name in ("shop", "private", "half")}
    side.world.set_access(made["private"], "none")
    side.world.set_access(made["half"], "member")
    if isinstance(wanted, list):
        wanted = [{**w, "id": made.get(w["id"], w["id"])} if isinstance(w, dict) else w for w in wanted]
    answer = invite(side, by=MAYA, target_email=NEW, private_project_access=wanted)
    assert says(answer) == invalid(said, attr="private_project_access")


def test_members_invite_nobody_where_the_organization_says_so_and_the_plan_has_that_setting(side):
    """The setting `members_can_invite` with the feature organization_invite_settings."""
    side.world.change_organization(members_can_invite=False, features=())
    assert invite(side, by=MAYA, target_email=NEW).status_code == 201
    side.world.change_organization(features=("organization_invite_settings",))
    assert says(invite(side, by=MAYA, target_email=NEW)) == denied()
    assert invite(side, target_email=NEW).status_code == 201


def test_several_invites_are_looked_through_before_the_first_is_sent(side):
    """POST invites/bulk/."""
    api = side.api(ADA)
    assert says(api.post(f"{HOME}/invites/bulk/", json={})) == invalid("Expected a list of items.", "not_a_list")
    answer = api.post(f"{HOME}/invites/bulk/", json=[{"target_email": NEW}, {"target_email": "x"}])
    assert answer.status_code == 400
    assert side.world.invites_for(NEW) == []
    api.post(f"{HOME}/invites/bulk/", json=[{"target_email": NEW}, {"target_email": MAYA}])
    assert len(side.world.invites_for(NEW)) == 1
