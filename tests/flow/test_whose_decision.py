"""Whose decision a removal was: nobody is named for what somebody else approved, or for what nobody had to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import decisions
from bridge.core.events import Reason, Subject
from bridge.core.quarter import Span
from bridge.core.removal_record import Verdict, removal_record
from bridge.core.removal_text import removal_text
from bridge.ports import Declined
from bridge.store import handover, quarters, views
from tests.conftest import START
from tests.flow.test_undo import accept, undo
from tests.players import MAYA, SAMUEL, audited, the_case


@pytest.fixture
def bridge(bridge):
    return replace(bridge, policies={"main": replace(bridge.policies["main"], protected=frozenset({SAMUEL}))})


def take_over(bridge, who: str, **more) -> None:
    subject = Subject(user_name=who, emails=(who,))
    decisions.remove(bridge, subject, "main", by="noor", reason=Reason.TERMINATED, **more)


def record(bridge):
    with bridge.db.read() as tx:
        view = views.one(tx, 1)
        return removal_record(handover.given(view, "http://posthog.test"), bridge.clock.now())


def row_of_quarter(bridge):
    span = Span(label="2026Q4", since=START, until=START + timedelta(days=90), zone="UTC")
    with bridge.db.read() as tx:
        (row,) = quarters.of_span(tx, span, ["main"], bridge.clock.now()).removed
    return row


def test_whoever_asks_after_the_removal_has_not_approved_it(bridge, okta, settle):
    okta.deactivate(okta.create(MAYA))
    settle(minutes=2)
    take_over(bridge, MAYA, is_emergency=True)
    settle(minutes=2)

    told, row = record(bridge), row_of_quarter(bridge)
    assert the_case(bridge).source == "operator:noor"  # from now on it outranks okta
    assert (told.asked_by, row.asked_by) == ("okta", "okta")
    assert told.asked_says == "The identity provider of connection okta said that the person is no longer active."
    assert told.also_asked_says == "noor asked for it, too, on 2026-11-20 09:02:00 UTC, as an emergency."
    assert told.also_asked_says in removal_text(told)
    assert told.approval_says == "nobody: policy “enforce” stood in (removals within the limits go without approval)"
    assert row.approved_by == "policy enforce"


def test_whoever_asks_after_it_does_not_take_the_approval_of_another(bridge, okta, settle):
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=2)
    decisions.release(bridge, 1, the_case(bridge).plan.digest, by="lea", reason="HR")
    settle(minutes=2)
    take_over(bridge, SAMUEL)
    settle(minutes=2)

    assert record(bridge).approval_says == "lea, on 2026-11-20 09:02:00 UTC, because: HR"
    assert row_of_quarter(bridge).approved_by == "lea"


def test_whoever_asks_before_it_is_the_one_who_approved_it(bridge, okta, settle):
    okta.deactivate(okta.create(MAYA))
    take_over(bridge, MAYA)
    settle(minutes=2)

    assert record(bridge).approval_says == "noor, by asking for the removal"
    assert row_of_quarter(bridge).approved_by == "noor"


def test_a_second_approval_does_not_hide_the_first(bridge, okta, settle):
    okta.deactivate(okta.create(SAMUEL))
    settle(minutes=2)
    digest = the_case(bridge).plan.digest
    decisions.release(bridge, 1, digest, by="lea", reason="HR")

    with pytest.raises(Declined, match="Case 1 was released already, by lea"):
        decisions.release(bridge, 1, digest, by="noor", reason="me too")

    settle(minutes=2)
    assert record(bridge).approved_by == "operator:lea"
    assert [e.actor for e in audited(bridge, "case.release")] == ["operator:lea"]


def test_the_record_of_an_undone_removal_does_not_call_somebody_a_member_who_was_taken_out_again(
    bridge, world, okta, settle
):
    maya = okta.create(MAYA)
    okta.deactivate(maya)
    settle(minutes=2)
    undo(bridge, 1)
    settle(minutes=2)
    accept(world, MAYA)
    settle(minutes=20)
    assert record(bridge).verdict is Verdict.GIVEN_BACK

    okta.activate(maya)
    okta.deactivate(maya)
    settle(minutes=5)

    told = record(bridge)
    assert told.verdict is Verdict.REMOVED
    assert "and case 2 took them out again on" in told.says
    assert "a member again since" not in told.says
