"""A tracked end user is no member: listed, and deleted only on an order of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.store import audit
from tests.faults import When, reset_after
from tests.players import MAYA, audited, is_member


def kept(world, email):
    return [p.project for p in world.persons.values() if p.email == email]


@pytest.fixture
def shop(world):
    return next(p.id for p in world.projects.values() if p.name == "Web shop")


def test_they_are_listed_by_project(ran):
    told = ran("profiles", MAYA)

    assert told.status == 0
    assert f"2 profiles of {MAYA} in main." in told.said
    assert "Web shop" in told.said


def test_nothing_is_deleted_before_the_address_is_given_twice(ran, world, shop):
    before = kept(world, MAYA)

    assert "name the address again with --confirm" in ran("profiles", MAYA, "--delete", str(shop)).err
    assert "is not" in ran("profiles", MAYA, "--delete", str(shop), "--confirm", "other@example.com").err
    assert kept(world, MAYA) == before


def test_an_explicit_order_deletes_those_of_one_project_and_no_membership(ran, bridge, world, shop):
    order = ("profiles", MAYA, "--delete", str(shop), "--with-events", "--confirm", MAYA.upper())
    assert "missing required scope 'person:write'. Add the scope" in ran(*order).err
    for key in list(world.keys.values()):
        world.put(replace(key, scopes=(*key.scopes, "person:write")))

    told = ran(*order)

    assert told.status == 0
    assert f"1 profile of {MAYA} deleted in project {shop}. Events and recordings follow" in told.said
    assert shop not in kept(world, MAYA)
    assert len(kept(world, MAYA)) == 1
    assert is_member(world, MAYA)
    with bridge.db.read() as tx:
        (entry,) = [k.entry for k in audit.read(tx) if k.entry.kind == "profiles.deleted"]
    assert (entry.actor, entry.facts["profiles"]) == ("operator:lea", 1)


def test_what_cannot_be_taken_back_is_on_record_before_it_is_sent(ran, bridge, world, shop, transport):
    for key in list(world.keys.values()):
        world.put(replace(key, scopes=(*key.scopes, "person:write")))
    transport.inject(When(method="POST", path="/bulk_delete/"), reset_after())

    told = ran("profiles", MAYA, "--delete", str(shop), "--confirm", MAYA)

    assert told.status == 3
    assert shop not in kept(world, MAYA)
    assert [(e.actor, e.facts["project"]) for e in audited(bridge, "profiles.ordered")] == [("operator:lea", shop)]


def test_a_store_that_takes_no_writes_deletes_nobody(ran, bridge, world, shop):
    for key in list(world.keys.values()):
        world.put(replace(key, scopes=(*key.scopes, "person:write")))
    with bridge.db.write() as tx:
        tx.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN INSERT INTO nowhere VALUES (1); END")

    told = ran("profiles", MAYA, "--delete", str(shop), "--confirm", MAYA)

    assert told.status == 3
    assert shop in kept(world, MAYA)


def test_a_project_that_is_not_there_is_said(ran):
    told = ran("profiles", MAYA, "--delete", "1", "--confirm", MAYA)

    assert told.status == 1
    assert "There is no project 1." in told.err


def test_an_offboarding_never_deletes_a_profile(bridge, world, okta, settle):
    before = kept(world, MAYA)
    okta.deactivate(okta.create(MAYA))
    settle(hours=25)

    assert not is_member(world, MAYA)
    assert kept(world, MAYA) == before
