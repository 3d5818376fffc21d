"""The snapshot: who is found by what, and what our own steps make of it."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import address_key, look_alike_key
from bridge.core.organization import Level, Member, Organization

NAMES = ("maya.okafor", "Maya.Okafor", "mayaokafor", "maya.okafor+test", "ben", "BEN", "ßen")
members = st.lists(
    st.builds(
        Member,
        user_uuid=st.sampled_from([f"u-{n}" for n in range(8)]),
        membership_id=st.just("m"),
        user_id=st.just(1),
        email=st.sampled_from([f"{name}@example.com" for name in NAMES]),
        level=st.sampled_from(Level),
    ),
    unique_by=lambda m: m.user_uuid,
    max_size=8,
)
accounts = st.sets(st.sampled_from([f"u-{n}" for n in range(9)]))
addresses = st.sets(st.sampled_from([address_key(f"{name}@example.com") for name in NAMES]))
steps = st.lists(st.tuples(st.sampled_from([f"u-{n}" for n in range(9)]), st.none() | st.sampled_from(Level)))


def after(there: list[Member], steps) -> Organization:
    found = Organization(taken_at=datetime(2026, 11, 24, tzinfo=UTC), key_uuid="u-0", members=tuple(there))
    for account, level in steps:
        found = found.without_member(account) if level is None else found.with_level(account, level)
    return found


@given(members, steps)
def test_steps_change_the_one_member_and_nothing_else(there, steps):
    expected = {m.user_uuid: m for m in there}
    for account, level in steps:
        if level is None:
            expected.pop(account, None)
        elif account in expected:
            kept = {**vars(expected[account]), "level": level}
            expected[account] = Member(**{name: kept[name] for name in Member.__dataclass_fields__})

    found = after(there, steps)
    assert found.members == tuple(expected.values())
    assert dict(found.by_account) == expected
    assert all(found.member(account) == expected.get(account) for account in (f"u-{n}" for n in range(9)))


@given(members, steps, accounts, addresses)
def test_members_are_found_by_account_and_by_address_in_the_order_of_the_list(there, steps, accounts, addresses):
    found = after(there, steps)

    known = tuple(m for m in found.members if m.user_uuid in accounts or m.address in addresses)
    assert found.known_as(accounts, addresses) == known


@given(members, steps, addresses)
def test_members_are_found_by_what_a_human_would_take_for_the_address(there, steps, addresses):
    found, keys = after(there, steps), {look_alike_key(address) for address in addresses}

    assert found.alike(addresses) == tuple(m for m in found.members if look_alike_key(m.email) in keys)


def test_a_member_is_found_whatever_was_looked_up_before_a_step():
    maya = Member(user_uuid="u-1", membership_id="m", user_id=1, email="Maya@example.com", level=Level.OWNER)
    ben = Member(user_uuid="u-2", membership_id="m", user_id=2, email="ben@example.com", level=Level.MEMBER)
    first = Organization(taken_at=datetime(2026, 11, 24, tzinfo=UTC), key_uuid="u-0", members=(maya, ben))
    assert first.known_as((), {"maya@example.com", "ben@example.com"}) == (maya, ben)

    second = first.with_level("u-1", Level.MEMBER).without_member("u-2")

    (stepped_down,) = second.known_as(("u-1", "u-2"), {"ben@example.com"})
    assert (stepped_down.user_uuid, stepped_down.level) == ("u-1", Level.MEMBER)
    assert first.known_as((), {"maya@example.com"}) == (maya,)
    assert first.without_member("nobody").members == first.with_level("nobody", Level.OWNER).members == (maya, ben)
