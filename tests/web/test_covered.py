"""Whom nobody speaks for is read anew now and then, and at once where that costs nothing."""

from __future__ import annotations

from bridge.web import covered
from tests.players import MAYA, Idp


def test_what_is_kept_is_good_for_a_while_that_grows_with_the_reading(bridge, settle):
    okta = Idp(bridge)
    okta.create(MAYA)
    settle(minutes=2)
    reader = covered.Reader(bridge)

    with bridge.db.read() as tx:
        first = reader.read(tx)
        reader._good_until += 3_600
        okta.create("tomas.reyes@example.com")
        kept = reader.read(tx)
    reader._good_until = 0.0
    with bridge.db.read() as tx:
        anew = reader.read(tx)

    assert (first["main"].count, first["main"].people) == (1, 23)
    assert kept is first
    assert anew["main"].count == 2
    assert len(anew["main"].named) + anew["main"].more == 21


def test_a_target_that_was_never_looked_at_says_nothing(bridge):
    with bridge.db.read() as tx:
        assert covered.Reader(bridge).read(tx) == {}
