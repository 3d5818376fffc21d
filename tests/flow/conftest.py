"""What the stories share with the tests of the command line, and the one who tells them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bridge import intake
from bridge.store import cases, departures, facts, records, standings
from bridge.store import tables as t
from bridge.store.whose import Whose, find_with_person
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


@pytest.fixture(scope="package", autouse=True)
def _what_is_not_asked_for_is_not_there():
    """Each write is told with the record what there is of the person beside it: it is what asking for it would find."""

    def checked(tx, connection, resource_type, record_id):
        record, whose = find_with_person(tx, connection, resource_type, record_id)
        if whose is not None:
            person = tx.execute(select(t.people).where(t.people.c.id == whose.person)).one()
            assert whose == Whose(
                person.id,
                label=person.label,
                has_others=bool(records.living_of_person(tx, person.id, connection, but=record_id)),
                is_in_groups=bool(records.groups_of(tx, connection, [record_id])),
                has_open_cases=bool(cases.open_of_person(tx, person.id)),
                standings=standings.of_person(tx, person.id),
            )
        return record, whose

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intake, "find_with_person", checked)
        yield


@pytest.fixture
def tale(bridge, world, transport, clock, ran) -> Tale:
    told = Tale(bridge, world, transport, clock, ran)
    told.policy(surroundings_every=timedelta(hours=1))
    return told
