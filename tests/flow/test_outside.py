"""Removals made outside the bridge are noticed at the next look; ours are never taken for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import inquiries
from bridge.core.findings import Topic
from bridge.core.organization import Level
from bridge.core.surroundings import Deed, Gap
from bridge.ports import Unavailable
from bridge.store import findings, outside, targets
from tests.conftest import START, run_for, wire
from tests.inquiring import Telling
from tests.players import BEN, GRACE, MAYA, NOOR, Idp, audited, deactivate_many, is_member


@pytest.fixture
def bridge(db, clock, world, transport):
    bridge = wire(db, clock, world, transport, max_share=1.0, max_removals=100)
    with db.write() as tx:
        targets.want_look(tx, "main", START)
    run_for(bridge, clock, seconds=1)
    return bridge


def missed(bridge):
    with bridge.db.read() as tx:
        return outside.missed_between(tx, "main", START, START + timedelta(days=400))


def next_look(bridge, clock) -> None:
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)


def test_whoever_somebody_removed_in_posthog_is_found_with_the_time_between_the_looks(bridge, clock, world):
    clock.advance(hours=3)
    world.remove_member(GRACE)
    next_look(bridge, clock)

    (found,) = missed(bridge)
    assert (found.email, found.level) == (GRACE, Level.OWNER)
    assert (found.last_seen_at, found.missed_at) == (START, START + timedelta(hours=3, seconds=1))
    assert len(audited(bridge, "member.gone_outside")) == 1


def test_a_whole_batch_of_ours_is_none_of_them(bridge, clock, world):
    okta = Idp(bridge)
    people = deactivate_many(world, okta, 12)
    next_look(bridge, clock)
    run_for(bridge, clock, hours=25)

    assert not any(is_member(world, p) for p in people)
    assert missed(bridge) == []


def test_a_leaver_whom_somebody_else_removes_meanwhile_has_a_case_that_tells_it(bridge, clock, world):
    okta = Idp(bridge)
    okta.deactivate(okta.create(MAYA))
    world.remove_member(MAYA)
    run_for(bridge, clock, minutes=5)

    assert missed(bridge) == []


def test_a_list_that_may_not_be_whole_says_nothing(bridge, clock, world):
    world.set_level("posthog-bridge@example.com", 1)
    world.remove_member(BEN)
    next_look(bridge, clock)

    assert missed(bridge) == []


def test_somebody_who_is_invited_again_is_marked_so(bridge, clock, world):
    world.remove_member(BEN)
    next_look(bridge, clock)
    clock.advance(minutes=10)
    world.add_member(BEN)
    next_look(bridge, clock)

    (found,) = missed(bridge)
    assert found.back_at is not None


class TestWhoDidIt:
    """`inquiries` reads PostHog's activity log."""

    def gone(self, bridge, clock, world, telling):
        clock.advance(minutes=1)
        membership = world.membership(BEN).id
        world.remove_member(BEN)
        next_look(bridge, clock)
        telling.rows = (
            Deed(
                at=START + timedelta(seconds=30),
                activity="deleted",
                scope="OrganizationMembership",
                item_id=membership,
                name=BEN,
                user_uuid=world.account(NOOR).uuid,
                user_email=NOOR,
            ),
        )

    @pytest.fixture
    def telling(self, bridge) -> Telling:
        return Telling(bridge.remote("main"))

    @pytest.fixture
    def asking(self, bridge, telling):
        return replace(bridge, remote=lambda _name: telling)

    def test_is_asked_of_the_activity_log_once_when_that_has_had_time(self, bridge, asking, clock, world, telling):
        self.gone(bridge, clock, world, telling)
        inquiries.run(asking, "main")
        assert missed(bridge)[0].asked_at is None

        clock.advance(minutes=5)
        for _ in range(3):
            inquiries.run(asking, "main")

        (found,) = missed(bridge)
        assert (found.by, found.how) == (NOOR, "PostHog's activity log, 2026-11-20 09:00:30 UTC")
        assert [what for what, _ in telling.asked] == ["membership_changes"]

    def test_is_asked_sooner_than_the_daily_reading(self, bridge, asking, clock, world, telling):
        with bridge.db.write() as tx:
            findings.want(tx, None, "main", Topic.OUTSIDE, START + timedelta(days=1), START)
        self.gone(bridge, clock, world, telling)
        clock.advance(minutes=5)

        inquiries.run(asking, "main")

        assert missed(bridge)[0].by == NOOR

    @pytest.mark.parametrize(
        ("gaps", "said"),
        [((Gap(what="the log", why="402: not on this plan"),), "402: not on this plan"), ((), "has no row about it")],
    )
    def test_stays_unknown_with_the_reason(self, bridge, asking, clock, world, telling, gaps, said):
        self.gone(bridge, clock, world, telling)
        telling.rows, telling.gaps = (), gaps
        clock.advance(minutes=5)

        inquiries.run(asking, "main")

        (found,) = missed(bridge)
        assert found.by == ""
        assert said in found.how

    def test_a_log_that_does_not_answer_is_asked_again_later(self, bridge, asking, clock, world, telling):
        self.gone(bridge, clock, world, telling)
        telling.trouble = Unavailable("PostHog answered 502 to GET.", is_target_wide=False)
        clock.advance(minutes=5)
        inquiries.run(asking, "main")
        assert missed(bridge)[0].asked_at is None

        telling.trouble = None
        clock.advance(hours=3)
        inquiries.run(asking, "main")
        assert missed(bridge)[0].by == NOOR

    def test_is_read_from_the_sandbox_s_own_log(self, bridge, clock, world):
        world.remove_member(BEN)
        next_look(bridge, clock)
        clock.advance(minutes=10)
        inquiries.run(bridge, "main")

        (found,) = missed(bridge)
        assert found.asked_at is not None

    def test_is_never_asked_while_nobody_is_missing(self, bridge, asking, clock, telling):
        clock.advance(hours=5)
        next_look(asking, clock)
        inquiries.run(asking, "main")

        assert telling.asked == []
