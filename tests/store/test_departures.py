"""Who else is leaving: as accounts of members, for each plan."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.organization import Level, Member, Organization
from bridge.store import people
from bridge.store.departures import departures
from tests.conftest import START
from tests.players import BEN, MAYA, Idp, the_case

LATER = START + timedelta(hours=12)


def member(account: str, email: str) -> Member:
    return Member(user_uuid=account, membership_id=f"m-{account}", user_id=1, email=email, level=Level.MEMBER)


def gone(bridge, *members: Member) -> dict[str, set[str]]:
    """What each departure makes of these members, by the first account."""
    organization = Organization(taken_at=START, key_uuid="k", members=members)
    with bridge.db.read() as tx:
        found = departures(tx, "main", tuple(bridge.connections), organization, LATER)
    return {min(d.accounts): d.accounts for d in found.values()}


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
