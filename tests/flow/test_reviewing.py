"""An access review from the finding to the signature."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import reviewing
from bridge.core.case import CaseState
from bridge.core.events import Reason
from bridge.core.reviewed import Code, Kind
from bridge.ports import Declined
from bridge.store import audit, reminders, reviews, targets, views
from bridge.store.reviews import Decision, Outcome
from tests.conftest import START, run_for, wire
from tests.players import BEN, GRACE, MAYA, Idp, all_cases, audited, is_member, the_case

BRIDGE = "posthog-bridge@example.com"
TOMAS = "tomas.reyes@example.com"
NEW = "new.colleague@example.com"


@pytest.fixture
def looked(bridge, clock, world):
    """Everybody but Ben is known and active in okta."""
    okta = Idp(bridge)
    for account, _ in world.members():
        if account.email not in {BRIDGE, BEN}:
            okta.create(account.email)
    look(bridge, clock)
    return bridge


def look(bridge, clock) -> None:
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)


def lines(bridge, review) -> dict[tuple[str, str], reviews.KeptLine]:
    with bridge.db.read() as tx:
        return {(k.line.kind.value, k.line.email.lower()): k for k in reviews.lines_in(tx, review.id)}


def number_of(bridge, review, email: str, kind: Kind = Kind.MEMBER) -> int:
    return lines(bridge, review)[kind.value, email].number


def rest(bridge, review) -> list[int]:
    return [k.number for k in lines(bridge, review).values() if k.is_undecided]


def test_an_unknown_member_is_found_removed_by_a_case_and_the_review_is_signed(looked, clock, world):
    review = reviewing.start(looked, "main", by="lea")
    ben = lines(looked, review)["member", BEN]
    assert Code.UNKNOWN in ben.line.codes
    with pytest.raises(Declined, match="lines of review 1 are not decided"):
        reviewing.sign(looked, review.id, by="lea")

    (case,) = reviewing.remove(looked, review.id, [ben.number], by="lea", reason="nobody knows him")
    assert (case.reason, case.note) == (Reason.ACCESS_REVIEW, f"access review 1, line {ben.number}: nobody knows him")
    run_for(looked, clock, minutes=3)
    assert not is_member(world, BEN)

    reviewing.keep(looked, review.id, rest(looked, review), by="lea", reason="seen with their managers")
    signed = reviewing.sign(looked, review.id, by="lea")

    assert (signed.outcome, signed.ended_by, len(signed.digest)) == (Outcome.SIGNED, "lea", 64)
    kept = lines(looked, review)["member", BEN]
    assert (kept.decision, kept.case_id) == (Decision.REMOVE, case.id)
    (entry,) = audited(looked, "review.signed")
    assert (entry.actor, entry.approver) == ("operator:lea", "operator:lea")
    assert (entry.facts["digest"], entry.facts["remove"], entry.facts["undecided"]) == (signed.digest, 1, 0)
    assert [len(audited(looked, f"review.{kind}")) for kind in ("started", "kept", "removed")] == [1, 1, 1]
    with looked.db.read() as tx:
        assert audit.verify(tx, looked.db.audit_key)[1] == ""


def test_nothing_changes_in_a_review_that_has_ended(looked):
    review = reviewing.start(looked, "main", by="lea")
    reviewing.sign(looked, review.id, by="lea", leave_open="only a try")

    for act in (
        lambda: reviewing.keep(looked, review.id, [1], by="lea", reason="x"),
        lambda: reviewing.remove(looked, review.id, [1], by="lea"),
        lambda: reviewing.sign(looked, review.id, by="lea"),
        lambda: reviewing.drop(looked, review.id, by="lea", reason="x"),
    ):
        with pytest.raises(Declined, match="was signed by lea"):
            act()
    assert all_cases(looked) == []


def test_lines_that_are_left_open_are_signed_only_with_a_reason_that_is_kept(looked):
    review = reviewing.start(looked, "main", by="lea")

    signed = reviewing.sign(looked, review.id, by="lea", leave_open="the rest next week")

    assert signed.note == "the rest next week"
    assert audited(looked, "review.signed")[0].facts["undecided"] > 0


def test_whoever_signs_may_name_what_they_saw(looked):
    review = reviewing.start(looked, "main", by="lea")
    seen = review.found_digest[:12]
    reviewing.keep(looked, review.id, [1], by="noor", reason="mine")

    with pytest.raises(Declined, match="has changed since you saw it"):
        reviewing.sign(looked, review.id, by="lea", leave_open="x", seen=seen)


def test_an_invite_is_cancelled_by_its_case(looked, clock, world):
    review = reviewing.start(looked, "main", by="lea")

    reviewing.remove(looked, review.id, [number_of(looked, review, NEW, Kind.INVITE)], by="lea")
    run_for(looked, clock, minutes=3)

    assert world.invites_for(NEW) == []
    assert the_case(looked).state in {CaseState.WATCHING, CaseState.CLOSED}


@pytest.mark.parametrize(
    ("who", "kind", "said"),
    [(BRIDGE, Kind.MEMBER, "the bridge's own account"), (TOMAS, Kind.INVITE, "more than to cancel it")],
)
def test_some_lines_are_not_to_be_removed_and_then_nobody_is(looked, who, kind, said):
    review = reviewing.start(looked, "main", by="lea")
    numbers = [number_of(looked, review, BEN), number_of(looked, review, who, kind)]

    with pytest.raises(Declined, match=said):
        reviewing.remove(looked, review.id, numbers, by="lea")

    assert all_cases(looked) == []


def test_removing_the_same_line_twice_is_one_case(looked):
    review = reviewing.start(looked, "main", by="lea")
    ben = number_of(looked, review, BEN)

    reviewing.remove(looked, review.id, [ben], by="lea")
    reviewing.remove(looked, review.id, [ben], by="lea")

    assert the_case(looked).reason is Reason.ACCESS_REVIEW
    with pytest.raises(Declined, match="is to be removed: case 1 is at it"):
        reviewing.keep(looked, review.id, [ben], by="lea", reason="x")


def test_a_removal_and_a_signature_at_once_are_one_after_the_other(looked):
    """Whoever is told that the review stays as it is must not have opened a case."""
    review = reviewing.start(looked, "main", by="lea")
    two = [number_of(looked, review, BEN), number_of(looked, review, MAYA)]

    class Signing:
        """Somebody else signs as soon as the first case is open."""

        def ring(self, _target: str) -> None:
            with contextlib.suppress(Declined):
                reviewing.sign(looked, review.id, by="noor", leave_open="x")

    reviewing.remove(replace(looked, bell=Signing()), review.id, two, by="lea")

    decided = [k for k in lines(looked, review).values() if k.decision is Decision.REMOVE]
    assert {k.case_id for k in decided} == {c.id for c in all_cases(looked)} == {1, 2}
    assert audited(looked, "review.signed")[0].facts["remove"] == 2


def test_an_address_that_is_another_account_s_by_now_is_not_removed(looked, clock, world):
    review = reviewing.start(looked, "main", by="lea")
    ben = number_of(looked, review, BEN)
    world.change_email(BEN, "ben.private@example.com")
    world.add_member(BEN, 1)  # a namesake
    look(looked, clock)

    with pytest.raises(Declined, match="is a member now, and was another account when the review began"):
        reviewing.remove(looked, review.id, [ben], by="lea")

    assert all_cases(looked) == []


def test_an_invite_that_was_accepted_since_is_no_reason_to_remove_a_member(looked, clock, world):
    review = reviewing.start(looked, "main", by="lea")
    line = number_of(looked, review, NEW, Kind.INVITE)
    (invite,) = world.invites_for(NEW)
    world.accept_invite(invite.id)
    look(looked, clock)

    with pytest.raises(Declined, match="is a member now, and was an invite when the review began"):
        reviewing.remove(looked, review.id, [line], by="lea")

    assert all_cases(looked) == []


def test_the_second_account_of_somebody_goes_only_together_with_the_first(looked, clock, world):
    """Whoever keeps one line and removes another must not find both gone."""
    world.change_email(MAYA, "maya.new@example.com")  # her account, which is linked
    world.add_member(MAYA, 1)  # a second one, with the address that okta knows
    look(looked, clock)
    review = reviewing.start(looked, "main", by="lea")
    second, first = number_of(looked, review, MAYA), number_of(looked, review, "maya.new@example.com")

    with pytest.raises(Declined, match=r"the same person is a member as maya\.new@example\.com, too"):
        reviewing.remove(looked, review.id, [second], by="lea")
    assert all_cases(looked) == []

    reviewing.remove(looked, review.id, [first, second], by="lea")
    run_for(looked, clock, minutes=3)
    assert not is_member(world, MAYA)
    assert not is_member(world, "maya.new@example.com")


def test_lines_that_are_not_there_are_refused_as_a_whole(looked):
    review = reviewing.start(looked, "main", by="lea")

    with pytest.raises(Declined, match="Review 1 has no line 9999"):
        reviewing.keep(looked, review.id, [1, 9999], by="lea", reason="x")
    with pytest.raises(Declined, match="No line of review 1 is meant"):
        reviewing.keep(looked, review.id, [], by="lea", reason="x")
    with pytest.raises(Declined, match="There is no review 7"):
        reviewing.sign(looked, 7, by="lea")
    assert audited(looked, "review.kept") == []


def test_a_second_review_waits_for_the_first(looked):
    reviewing.start(looked, "main", by="lea")
    with pytest.raises(Declined, match="Review 1 of main is open"):
        reviewing.start(looked, "main", by="noor")

    reviewing.drop(looked, 1, by="noor", reason="by mistake")
    assert reviewing.start(looked, "main", by="noor").id == 2


def test_a_target_that_was_never_looked_at_has_no_review(bridge):
    with pytest.raises(Declined, match="main was never looked at"):
        reviewing.start(bridge, "main", by="lea")


def test_a_removal_outside_the_bridge_is_in_the_next_review_and_not_in_the_one_after(looked, clock, world):
    world.remove_member(GRACE)
    clock.advance(minutes=5)
    look(looked, clock)
    review = reviewing.start(looked, "main", by="lea")
    gone = lines(looked, review)["removed", GRACE]
    assert "by whom is not known (two looks compared)" in gone.line.findings[0].why
    with pytest.raises(Declined, match="is gone already"):
        reviewing.remove(looked, review.id, [gone.number], by="lea")
    reviewing.sign(looked, review.id, by="lea", leave_open="x")

    with looked.db.read() as tx:
        after = reviewing.current(looked, tx, "main")
    assert [line for line in after.lines if line.kind is Kind.REMOVED] == []


def test_whoever_okta_deactivated_while_the_bridge_only_observes_is_listed_with_the_case(db, clock, world, transport):
    from bridge.core.policy import Mode

    bridge = wire(db, clock, world, transport, mode=Mode.OBSERVE)
    okta = Idp(bridge)
    okta.deactivate(okta.create(MAYA))
    run_for(bridge, clock, minutes=3)

    with bridge.db.read() as tx:
        found = reviewing.current(bridge, tx, "main")
    maya = next(line for line in found.lines if line.email == MAYA and line.kind is Kind.MEMBER)
    assert (maya.codes[0], maya.case_id) == (Code.INACTIVE, the_case(bridge).id)
    assert Code.LEAVING in maya.codes


class TestReminders:
    @pytest.fixture
    def bridge(self, db, clock, world, transport):
        return wire(db, clock, world, transport, review_every=timedelta(days=90))

    def told(self, bridge, clock) -> list[str]:
        with bridge.db.read() as tx:
            found = views.status(
                tx, connections={}, names=["main"], queue=bridge.bell.look(), now=clock.now(), policies={}
            )
        return [trouble.what for trouble in found.troubles]

    def test_the_status_tells_when_a_review_is_due_until_one_is_signed(self, bridge, clock):
        look(bridge, clock)
        assert self.told(bridge, clock) == ["An access review of main is due since 2026-11-20 09:00:00 UTC."]
        review = reviewing.start(bridge, "main", by="lea")
        assert self.told(bridge, clock) == []

        run_for(bridge, clock, days=15)
        assert "lies unsigned" in self.told(bridge, clock)[0]
        reviewing.sign(bridge, review.id, by="lea", leave_open="x")
        assert self.told(bridge, clock) == []

        run_for(bridge, clock, days=91)
        assert len(self.told(bridge, clock)) == 1
        assert [len(audited(bridge, f"review.{kind}")) for kind in ("due", "unsigned")] == [2, 1]

    def test_another_target_s_reminder_is_not_told(self, bridge, clock):
        with bridge.db.write() as tx:
            targets.ensure(tx, ["old"])
            reminders.mind(tx, "old", timedelta(days=1), START)

        assert self.told(bridge, clock) == []
