"""What is practised before the first fork leaves nothing behind, and is what a pass does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select

from bridge import bootstrap, reconcile, warming
from bridge.core.case import CaseState
from bridge.store.db import open_database
from bridge.store.tables import metadata
from tests.conftest import wire
from tests.players import MAYA, Idp, is_member, the_case


@pytest.fixture
def bridge(db, clock, world, transport):
    return wire(db, clock, world, transport, settle=timedelta(0))


def everything(bridge) -> dict[str, list[tuple]]:
    with bridge.db.read() as tx:
        return {t.name: [tuple(r) for r in tx.execute(select(t)).all()] for t in metadata.sorted_tables}


def texts(bridge) -> int:
    """How many statements Core has turned into SQL."""
    return len(bridge.db.engine._compiled_cache)


def test_it_leaves_nothing_in_the_store_and_calls_nobody(bridge, world):
    okta = Idp(bridge)
    okta.deactivate(okta.create(MAYA))
    before, rung = everything(bridge), list(bridge.bell.rung)

    warming.warm_up(bridge)

    assert everything(bridge) == before
    assert bridge.bell.rung == rung
    assert world.calls == []
    assert is_member(world, MAYA)


def test_a_whole_offboarding_is_practised(bridge):
    with structlog.testing.capture_logs() as lines:
        warming.warm_up(bridge)

    assert [line["event"] for line in lines] == ["case opened", "step done", "step done", "case moved"]
    assert lines[-1]["state"] == "WATCHING"


def test_nothing_of_it_is_logged(bridge):
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        warming.warm_up(bridge)

    assert lines
    for line in lines:
        with pytest.raises(structlog.DropEvent):
            bootstrap.told("worker")(None, line["log_level"], line)


def test_a_pass_after_it_has_no_statement_to_write_anew(bridge, world):
    cold = texts(bridge)
    warming.warm_up(bridge)
    okta = Idp(bridge)
    okta.deactivate(okta.create(MAYA))
    warm = texts(bridge)

    reconcile.run_pass(bridge, "main")

    assert not is_member(world, MAYA)
    assert the_case(bridge).state is CaseState.WATCHING
    assert warm - cold > 10
    assert texts(bridge) - warm <= 2  # what only an organization with an earlier look, or an invite, asks for


def test_a_store_that_cannot_be_used_is_no_reason_not_to_start(bridge, tmp_path):
    empty = open_database(f"sqlite:///{tmp_path}/empty.db", tmp_path)

    with structlog.testing.capture_logs() as lines:
        warming.warm_up(replace(bridge, db=empty))

    empty.close()
    assert [line["event"] for line in lines] == ["not_warmed_up"]
