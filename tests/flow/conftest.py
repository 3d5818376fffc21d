"""What the stories share with the tests of the command line, and the one who tells them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.cli.conftest import ran, settings
from tests.flow.tale import Tale

__all__ = ["ran", "settings", "tale"]


@pytest.fixture
def tale(bridge, world, transport, clock, ran) -> Tale:
    told = Tale(bridge, world, transport, clock, ran)
    told.policy(surroundings_every=timedelta(hours=1))
    return told
