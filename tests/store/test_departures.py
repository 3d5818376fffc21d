"""Who else is leaving: as accounts of members, for each plan."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.events import Subject
from bridge.core.organization import Level, Member, Organization
from bridge.store import cases, people
from bridge.store.departures import departures, note_if_absent, seen_again
from tests.conftest import START
from tests.players import BEN, MAYA, Idp, all_cases, the_case

LATER = START + timedelta(hours=12)


def member(account: str, email: str) -> Member:
    return Member(user_uuid=account, membership_id=f"m-{account}", user_id=1, email=email, level=Level.MEMBER)


def gone(bridge, *members: Member) -> dict[str, set[str]]:
    """What each departure makes of these members, by the first account."""
    organization = Organization(taken_at=START, key_uuid="k", members=members)
    with bridge.db.read() as tx:
        found = departures(tx, "main", tuple(bridge.connections), organization, LATER)
    accounts: dict[int, set[str]] = {}
    for departure in found:
        accounts.setdefault(departure.person, set()).add(departure.account)
    return {min(each): each for each in accounts.values()}


RECORD = "okta-1"
"""The id that `Idp` gives its first record."""


@pytest.fixture
def maya_leaves(bridge):
    Idp(bridge).deactivate(Idp(bridge).create(MAYA))
    return the_case(bridge)


def test_who_leaves_is_found_by_address_however_posthog_spells_it(bridge, maya_leaves):
    assert gone(bridge, member("u-1", MAYA.title()), member("u-2", BEN)) == {"u-1": {"u-1"}}


def test_two_members_whose_addresses_differ_in_case_alone_leave_together(bridge, maya_leaves):
    """Whichever is not theirs is asked about; neither is counted on as staying."""
    assert gone(bridge, member("u-1", MAYA), member("u-2", MAYA.upper())) == {"u-1": {"u-1", "u-2"}}


def test_who_leaves_is_found_by_the_linked_account_too(bridge, maya_leaves):
    with bridge.db.write() as tx:
        people.link(tx, maya_leaves.person_id, "main", "u-9", is_theirs=True, how="removal", now=START)

    assert gone(bridge, member("u-1", MAYA), member("u-9", "maya@elsewhere.example")) == {"u-1": {"u-1", "u-9"}}


def test_an_account_that_was_said_not_to_be_theirs_stays(bridge, maya_leaves):
    with bridge.db.write() as tx:
        people.link(tx, maya_leaves.person_id, "main", "u-1", is_theirs=False, how="operator:ada", now=START)

    assert gone(bridge, member("u-1", MAYA)) == {}


def test_who_is_out_already_is_nobody(bridge, maya_leaves):
    assert gone(bridge, member("u-2", BEN)) == {}


def test_who_is_not_leaving_is_nobody(bridge):
    Idp(bridge).create(MAYA)
    assert gone(bridge, member("u-1", MAYA)) == {}


@pytest.fixture
def maya_is_absent(bridge, maya_leaves):
    with bridge.db.write() as tx:
        cases.note_absent(tx, maya_leaves.id, START)
    return maya_leaves


def test_who_was_found_to_be_no_member_is_not_asked_about_until_a_look_shows_them(bridge, maya_is_absent):
    there = member("u-1", MAYA)
    snapshot = Organization(taken_at=START, key_uuid="k", members=(there,))
    empty = Organization(taken_at=START, key_uuid="k", members=(member("u-2", BEN),))
    assert gone(bridge, there) == {}

    with bridge.db.read() as tx:
        assert seen_again(tx, "main", tuple(bridge.connections), empty) == frozenset()
        back = seen_again(tx, "main", tuple(bridge.connections), snapshot)
    assert back == {maya_is_absent.person_id}

    with bridge.db.write() as tx:
        people.may_be_in(tx, back)
    assert gone(bridge, there) == {"u-1": {"u-1"}}


def test_a_name_that_another_connection_gives_them_ends_it(bridge, maya_is_absent):
    named = Subject(user_name=BEN, external_id="00u-entra", emails=(BEN,))
    with bridge.db.write() as tx:
        people.note_subject(tx, maya_is_absent.person_id, "entra", named, START, is_active=False)

    assert gone(bridge, member("u-2", BEN)) == {"u-2": {"u-2"}}


def test_a_new_account_ends_it(bridge, maya_is_absent):
    with bridge.db.write() as tx:
        people.link(tx, maya_is_absent.person_id, "main", "u-9", is_theirs=True, how="operator:ada", now=START)

    assert gone(bridge, member("u-9", "maya@elsewhere.example")) == {"u-9": {"u-9"}}


def test_an_account_that_was_dismissed_and_is_theirs_after_all_ends_it(bridge, maya_is_absent):
    for is_theirs in (False, True):
        with bridge.db.write() as tx:
            cases.note_absent(tx, maya_is_absent.id, START)
            people.link(tx, maya_is_absent.person_id, "main", "u-1", is_theirs=is_theirs, how="operator:ada", now=START)

    assert gone(bridge, member("u-1", MAYA)) == {"u-1": {"u-1"}}


def test_an_account_that_a_look_links_by_address_ends_it(bridge, maya_is_absent):
    with bridge.db.write() as tx:
        people.link_by_address(tx, "main", [(maya_is_absent.person_id, "u-7")], START)

    assert gone(bridge, member("u-7", "maya@elsewhere.example")) == {"u-7": {"u-7"}}


def test_it_says_nothing_of_a_later_case(bridge, maya_is_absent):
    idp = Idp(bridge)
    idp.change(RECORD, is_active=True)
    idp.deactivate(RECORD)

    assert [c.state.is_open for c in all_cases(bridge)] == [False, True]
    assert gone(bridge, member("u-1", MAYA)) == {"u-1": {"u-1"}}


@pytest.mark.parametrize("there", [MAYA, BEN])
def test_it_is_kept_only_of_whom_no_member_is(bridge, maya_leaves, there):
    snapshot = Organization(taken_at=START, key_uuid="k", members=(member("u-1", there),))
    with bridge.db.write() as tx:
        note_if_absent(tx, maya_leaves, tuple(bridge.connections), snapshot, START)

    is_read = gone(bridge, member("u-1", MAYA)) != {}
    assert is_read == (there == MAYA)
