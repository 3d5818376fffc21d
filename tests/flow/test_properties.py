"""Orders that nobody thought of: random worlds, with crashes, repeats, reorderings and other people's hands.

BRIDGE_EXAMPLES sets how many worlds (500 in CI; the longer mode is 20,000). What may happen is in `deeds`, the rules are in
`judging`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flow.deeds import deed, setting
from tests.flow.worlds import Story

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "500" if os.environ.get("CI") else "120"))


@pytest.mark.parametrize("part", range(4))
@given(policy=setting, deeds=st.lists(deed, min_size=2, max_size=14))
@settings(
    max_examples=EXAMPLES // 4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
def test_every_world_converges_holds_or_tells_and_no_rule_is_ever_broken(empty_store, part, policy, deeds):
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), empty_store, policy)
        for what in deeds:
            story.do(what)
        story.end()
