from __future__ import annotations

import pytest

from bridge.core.case import CaseState
from bridge.ports import Refused
from tests.players import BEN, MAYA, is_member, the_case

PRIVATE = "maya@private.example"


@pytest.fixture
def unknown(okta, settle):
    """A leaver whom PostHog has under another address."""
    okta.deactivate(okta.create(PRIVATE))
    settle(minutes=2)


@pytest.mark.usefixtures("unknown")
def test_a_held_case_goes_on_once_the_account_is_named(ran, bridge, world, settle):
    uuid = world.account(MAYA).uuid
    assert the_case(bridge).state is CaseState.HELD

    told = ran("link", PRIVATE, uuid, "--yes")
    settle(minutes=1)

    assert told.status == 0
    assert told.said == f"{PRIVATE} is account {uuid} in main. Planned anew now: case 1."
    assert not is_member(world, MAYA)


@pytest.mark.usefixtures("unknown")
def test_nobody_goes_with_a_leaver_before_it_was_asked_about(ran, bridge, world, settle):
    told = ran("link", PRIVATE, MAYA)
    settle(minutes=1)

    assert told.status == 2
    assert f"{PRIVATE} is to be out of main (case 1): {MAYA} (member) is taken out, too." in " ".join(told.err.split())
    assert "Nothing was linked." in told.err
    assert is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.HELD


def test_the_account_of_somebody_who_stays_is_linked_without_asking(ran, okta, world):
    okta.create(PRIVATE)
    assert ran("link", PRIVATE, world.account(MAYA).uuid).status == 0


@pytest.mark.usefixtures("unknown")
def test_an_address_is_looked_up_among_the_members(ran, world, settle):
    told = ran("link", PRIVATE, MAYA.upper(), "--json", "--yes")
    settle(minutes=1)

    assert told.json == [{"subject": PRIVATE, "account": world.account(MAYA).uuid, "cases": [1]}]
    assert not is_member(world, MAYA)


@pytest.mark.usefixtures("unknown")
def test_a_look_alike_can_be_said_to_be_somebody_elses(ran, world):
    told = ran("link", PRIVATE, world.account(MAYA).uuid, "--not")
    assert f"{PRIVATE} is not account" in told.said


@pytest.mark.usefixtures("unknown")
def test_without_the_key_an_address_cannot_be_looked_up(ran):
    def remote(_name):
        raise Refused(401, "the API key cannot be read", remedy="Set POSTHOG_API_KEY.")

    told = ran("link", PRIVATE, MAYA, remote=remote)

    assert told.status == 1
    assert "give the account's UUID instead" in told.err
    assert "Set POSTHOG_API_KEY." in told.err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("nobody@example.com", BEN), 1, "No source has ever named nobody@example.com."),
        ((PRIVATE, "stranger@example.com"), 1, "stranger@example.com is no member of main."),
        ((PRIVATE, "x"), 2, "neither an account's UUID nor an address"),
        ((PRIVATE,), 2, "Name SUBJECT and MEMBER"),
    ],
)
@pytest.mark.usefixtures("unknown")
def test_what_cannot_be_linked_is_said(ran, arguments, status, sentence):
    told = ran("link", *arguments)
    assert told.status == status
    assert sentence in told.err


@pytest.mark.usefixtures("unknown")
def test_a_csv_links_many_and_names_its_wrong_lines(ran, world, tmp_path):
    file = tmp_path / "links.csv"
    file.write_text(f"subject,member\n{PRIVATE},{MAYA}\n")
    assert ran("link", "--file", str(file), "--yes").status == 0

    file.write_text(f"{PRIVATE},{MAYA}\n{PRIVATE}\n")
    told = ran("link", "--file", str(file))
    assert told.status == 2
    assert "links.csv, line 2: two columns are needed" in told.err
