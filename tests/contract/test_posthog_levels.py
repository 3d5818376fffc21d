"""Who may change whom at PostHog, and its words when not. Source: posthog.md of the design, tables 1.4 and 1.5."""

from __future__ import annotations

import pytest

from bridge.sandbox import ADMIN, MEMBER, OWNER
from tests.contract.conftest import denied, invalid, says

OWNERS = ("grace.lindqvist@example.com", "samuel.adeyemi@example.com")
ADMINS = ("lea.brandt@example.com", "ivan.petrov@example.com")
MEMBERS = ("maya.okafor@example.com", "tomas.reyes@example.com")

NO_ADMIN = denied("You can only edit others if you are an admin.")
OWN_LEVEL = denied("You can't change your own access level.")
HIGHER = denied("You can only edit others with level lower or equal to you.")
ONLY_OWNERS = denied("You can only make another member owner if you're this organization's owner.")
OWNER_STAYS = invalid("Cannot leave the organization as its owner!")
GONE = (204, None)


@pytest.mark.parametrize(
    ("caller", "leaver", "answer"),
    [
        pytest.param(MEMBERS[0], MEMBERS[1], NO_ADMIN, id="a member removes nobody"),
        pytest.param(MEMBERS[0], OWNERS[0], NO_ADMIN, id="a member removes no owner"),
        pytest.param(MEMBERS[0], MEMBERS[0], GONE, id="a member may leave"),
        pytest.param(ADMINS[0], ADMINS[0], GONE, id="an admin may leave"),
        pytest.param(OWNERS[0], OWNERS[0], OWNER_STAYS, id="an owner may not leave"),
        pytest.param(ADMINS[0], MEMBERS[0], GONE, id="an admin removes a member"),
        pytest.param(ADMINS[0], ADMINS[1], GONE, id="an admin removes an admin"),
        pytest.param(ADMINS[0], OWNERS[0], HIGHER, id="an admin removes no owner"),
        pytest.param(OWNERS[0], MEMBERS[0], GONE, id="an owner removes a member"),
        pytest.param(OWNERS[0], ADMINS[0], GONE, id="an owner removes an admin"),
        pytest.param(OWNERS[0], OWNERS[1], OWNER_STAYS, id="an owner removes no other owner"),
    ],
)
def test_who_may_be_removed_by_whom(side, caller, leaver, answer):
    assert says(side.api(caller).delete(side.path(leaver))) == answer
    assert (leaver in side.emails()) == (answer != GONE)


@pytest.mark.parametrize(
    ("caller", "other", "level", "refusal"),
    [
        pytest.param(MEMBERS[0], MEMBERS[1], ADMIN, NO_ADMIN, id="a member changes nobody"),
        pytest.param(MEMBERS[0], MEMBERS[0], ADMIN, OWN_LEVEL, id="a member does not rise by himself"),
        pytest.param(ADMINS[0], ADMINS[0], MEMBER, OWN_LEVEL, id="an admin does not step down by herself"),
        pytest.param(OWNERS[0], OWNERS[0], MEMBER, OWN_LEVEL, id="an owner does not step down by herself"),
        pytest.param(ADMINS[0], MEMBERS[0], ADMIN, None, id="an admin makes admins"),
        pytest.param(ADMINS[0], ADMINS[1], MEMBER, None, id="an admin steps admins down"),
        pytest.param(ADMINS[0], MEMBERS[0], OWNER, ONLY_OWNERS, id="an admin makes no owners"),
        pytest.param(ADMINS[0], OWNERS[0], MEMBER, HIGHER, id="an admin steps no owner down"),
        pytest.param(OWNERS[0], MEMBERS[0], OWNER, None, id="an owner makes owners"),
        pytest.param(OWNERS[0], ADMINS[0], MEMBER, None, id="an owner steps admins down"),
        pytest.param(OWNERS[0], OWNERS[1], ADMIN, None, id="an owner steps owners down to admin"),
        pytest.param(OWNERS[0], OWNERS[1], MEMBER, None, id="an owner steps owners down to member"),
    ],
)
def test_whose_level_may_be_changed_by_whom(side, caller, other, level, refusal):
    before = side.world.level_of(other)
    response = side.api(caller).patch(side.path(other), json={"level": level})
    if refusal:
        assert says(response) == refusal
        assert side.world.level_of(other) == before
    else:
        assert (response.status_code, response.json()["level"]) == (200, level)
        assert side.world.level_of(other) == level


def test_no_owner_can_be_removed_however_many_there_are(side):
    for email in MEMBERS + ADMINS:
        side.world.set_level(email, OWNER)
    assert says(side.api(OWNERS[0]).delete(side.path(MEMBERS[0]))) == OWNER_STAYS


def test_an_owner_goes_in_two_calls_of_another_owner(side):
    api = side.api(OWNERS[0])
    assert api.patch(side.path(OWNERS[1]), json={"level": MEMBER}).status_code == 200
    assert says(api.delete(side.path(OWNERS[1]))) == GONE


def test_making_another_owner_demotes_nobody(side):
    side.api(OWNERS[0]).patch(side.path(MEMBERS[0]), json={"level": OWNER})
    assert {side.world.level_of(email) for email in (*OWNERS, MEMBERS[0])} == {OWNER}


@pytest.mark.parametrize(
    ("level", "answer"),
    [
        (7, invalid('"7" is not a valid choice.', "invalid_choice", "level")),
        ("owner", invalid('"owner" is not a valid choice.', "invalid_choice", "level")),
        (None, invalid("This field may not be null.", "null", "level")),
    ],
)
def test_only_three_levels_exist(side, level, answer):
    assert says(side.api(OWNERS[0]).patch(side.path(MEMBERS[0]), json={"level": level})) == answer


def test_a_level_is_checked_for_permission_before_it_is_checked_for_sense(side):
    assert says(side.api(MEMBERS[0]).patch(side.path(MEMBERS[1]), json={"level": 7})) == NO_ADMIN


def test_a_change_without_a_level_changes_nothing(side):
    response = side.api(OWNERS[0]).put(side.path(MEMBERS[0]), json={})
    assert (response.status_code, response.json()["level"]) == (200, MEMBER)


def test_me_is_the_caller(side):
    assert says(side.api(MEMBERS[0]).delete(f"{side.path(MEMBERS[0]).rsplit('/', 2)[0]}/@me/")) == GONE
    assert MEMBERS[0] not in side.emails()
