"""What the stories share with the tests of the command line, and the one who tells them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.store import departures, facts
from tests.cli.conftest import ran, settings
from tests.flow.tale import Tale

__all__ = ["ran", "settings", "tale"]


@pytest.fixture(scope="package", autouse=True)
def _whoever_is_kept_as_absent_is_absent():
    """No plan leaves anybody out who is leaving and a member: those who are not read for it are compared with its snapshot."""

    def checked(tx, target, connections, organization, later):
        assert departures.seen_again(tx, target, connections, organization) == frozenset()
        return departures.departures(tx, target, connections, organization, later)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(facts, "departures", checked)
        yield


@pytest.fixture
def tale(bridge, world, transport, clock, ran) -> Tale:
    told = Tale(bridge, world, transport, clock, ran)
    told.policy(surroundings_every=timedelta(hours=1))
    return told
