"""Records imported from PostHog: seen by the identity provider's first matching, and by nothing else until it speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge import intake, seeding
from bridge.core.case import CaseState
from bridge.core.plan import HoldCode
from bridge.core.record import Record
from bridge.store import coverage, people, records, targets
from bridge.store import tables as t
from tests.conftest import run_for, wire
from tests.players import BEN, GRACE, MAYA, NOOR, all_cases, audited, codes, is_member, the_case

SERVICE = "posthog-bridge@example.com"


@pytest.fixture
def looked(bridge, clock):
    """PostHog was looked at once."""
    with bridge.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(bridge, clock, seconds=1)
    return bridge


def imported(bridge, name: str = "okta", *, is_dry_run: bool = False) -> seeding.Seeded:
    return seeding.seed(bridge, bridge.connections[name], ["main"], by="ada", is_dry_run=is_dry_run)


def seed_of(bridge, address: str, name: str = "okta") -> Record:
    with bridge.db.read() as tx:
        _, found = records.search(tx, name, "User", None, 0, 200)
    return next(r for r in found if r.user_name.lower() == address)


def rows(bridge, table) -> list:
    with bridge.db.read() as tx:
        return tx.execute(table.select()).all()


def touch(bridge, record_id: str, name: str = "okta", **fields) -> None:
    intake.change(bridge, bridge.connections[name], "User", record_id, lambda r: replace(r, **fields))


def uncovered(bridge) -> set[str]:
    with bridge.db.read() as tx:
        found = coverage.of_target(tx, "main", bridge.connections.values(), bridge.policies["main"])
    return {s.member.email for s in found.uncovered}


def test_every_member_but_the_bridges_own_account_gets_an_active_record(looked):
    done = imported(looked)

    assert len(done.made) == 23
    assert [(left.email, left.why) for left in done.left_out] == [(SERVICE, "the bridge's own account")]
    maya = seed_of(looked, MAYA)
    assert (maya.is_active, maya.external_id, maya.version) == (True, "", 1)
    assert maya.body["name"] == {"formatted": "Maya Okafor", "givenName": "Maya", "familyName": "Okafor"}
    assert [(e.value, e.is_primary) for e in maya.emails] == [(MAYA, True)]


def test_a_second_import_makes_nothing_and_a_dry_run_keeps_nothing(looked):
    assert len(imported(looked, is_dry_run=True).made) == 23
    assert rows(looked, t.records) == []

    imported(looked)
    again = imported(looked)

    assert (again.made, again.known) == ((), 23)
    assert len(rows(looked, t.records)) == 23


def test_an_import_is_audited_by_whom_for_whom(looked):
    imported(looked)

    found = audited(looked, "record.imported")
    assert len(found) == 23
    assert {e.actor for e in found} == {"operator:ada"}
    assert MAYA in {e.personal["name"] for e in found}


def test_a_seed_names_nobody_speaks_for_nobody_and_wakes_nobody(looked, world, clock):
    imported(looked)
    run_for(looked, clock, hours=30)

    for table in (t.people, t.identities, t.standings, t.accounts, t.cases):
        assert rows(looked, table) == []
    assert is_member(world, MAYA)
    assert MAYA in uncovered(looked)


def test_whoever_the_connection_knows_already_gets_no_second_record(looked, okta):
    okta.create(MAYA)
    okta.create("n.haddad@example.com", emails=("n.haddad@example.com", NOOR))

    done = imported(looked)

    assert {MAYA, NOOR} & set(done.made) == set()
    assert done.known == 2


def test_whoever_is_known_under_a_linked_account_gets_no_second_record_under_a_private_address(
    looked, world, okta, clock
):
    okta.create(MAYA)
    run_for(looked, clock, minutes=5)
    world.change_email(MAYA, "maya@private.example")
    with looked.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(looked, clock, minutes=5)

    assert "maya@private.example" not in imported(looked).made


def test_protected_people_and_leavers_get_none(looked, okta, entra, clock):
    bridge = replace(
        looked, policies={"main": replace(looked.policies["main"], protected=frozenset({GRACE}), max_removals=1)}
    )
    okta.deactivate(okta.create(MAYA))
    gone = okta.create(NOOR)
    okta.delete(gone)

    done = imported(bridge, "entra")

    assert {left.email: left.why for left in done.left_out} == {
        SERVICE: "the bridge's own account",
        GRACE: "protected",
        MAYA: "leaving",
        NOOR: "leaving",
    }


def test_whoever_the_connection_has_said_is_gone_is_not_brought_up_again(looked, okta):
    from bridge import decisions

    okta.delete(okta.create(MAYA))
    decisions.cancel(looked, the_case(looked).id, by="ada", reason="stays")

    done = imported(looked)

    assert (MAYA, "okta says gone") in {(left.email, left.why) for left in done.left_out}


def test_the_first_touch_makes_it_a_record_like_any_other(looked, world, clock):
    imported(looked)
    maya = seed_of(looked, MAYA)

    touch(looked, maya.id, external_id="00u1")

    assert MAYA not in uncovered(looked)
    assert [e.personal["name"] for e in audited(looked, "record.adopted")] == [MAYA]
    touch(looked, maya.id, is_active=False)
    run_for(looked, clock, minutes=2)
    assert not is_member(world, MAYA)
    assert the_case(looked).state is CaseState.WATCHING


def test_a_first_touch_that_changes_nothing_counts(looked):
    imported(looked)
    maya = seed_of(looked, MAYA)

    touch(looked, maya.id)

    assert MAYA not in uncovered(looked)
    assert seed_of(looked, MAYA).version == 1


@pytest.mark.parametrize("how", ["deactivate", "delete"])
def test_a_first_touch_that_says_gone_removes(looked, world, okta, clock, how):
    imported(looked)
    getattr(okta, how)(seed_of(looked, MAYA).id)
    run_for(looked, clock, minutes=2)

    assert not is_member(world, MAYA)
    assert the_case(looked).source == "okta"


def test_a_touched_seed_is_the_person_whom_another_connection_knows(looked, entra):
    entra.create(MAYA)
    imported(looked)

    touch(looked, seed_of(looked, MAYA).id, external_id="00u1")

    assert len(rows(looked, t.people)) == 1


def test_an_untouched_seed_blocks_no_removal(looked, world, entra, clock):
    imported(looked)

    entra.deactivate(entra.create(MAYA))
    run_for(looked, clock, minutes=2)

    assert not is_member(world, MAYA)
    assert codes(the_case(looked)) == []


def test_a_touched_one_does(looked, world, entra, clock):
    imported(looked)
    touch(looked, seed_of(looked, MAYA).id, external_id="00u1")

    entra.deactivate(entra.create(MAYA))
    run_for(looked, clock, minutes=2)

    assert is_member(world, MAYA)
    assert codes(the_case(looked)) == [HoldCode.ACTIVE_ELSEWHERE]


def test_an_untouched_seed_claims_no_account_that_another_person_leaves_behind(looked, world, okta, clock):
    """A new holder of an address would hold the leaver's case as recycled; a seed holds nothing."""
    bridge = looked
    maya = okta.create("old.name@example.com", emails=("old.name@example.com",))
    touch(bridge, maya, user_name=MAYA, body={})
    touch(bridge, maya, user_name="new.name@example.com")
    imported(bridge, "entra")

    touch(bridge, maya, is_active=False)
    run_for(bridge, clock, minutes=2)

    assert not is_member(world, MAYA)
    assert all(HoldCode.RECYCLED not in codes(c) for c in all_cases(bridge))


def test_a_seed_makes_way_when_the_provider_creates_without_matching(looked, okta):
    imported(looked)
    seed = seed_of(looked, MAYA)

    made = okta.create(MAYA)

    assert made != seed.id
    assert seed_of(looked, MAYA).id == made
    assert MAYA not in uncovered(looked)


def test_a_group_that_names_a_seed_touches_it(looked, clock):
    imported(looked)
    maya, ben = seed_of(looked, MAYA), seed_of(looked, BEN)
    now = clock.now()
    group = Record(
        id="g1",
        connection="okta",
        resource_type="Group",
        user_name="Lunch",
        member_ids=(maya.id,),
        created_at=now,
        modified_at=now,
    )
    intake.change(looked, looked.connections["okta"], "Group", None, lambda _: group)

    assert MAYA not in uncovered(looked)
    intake.change(looked, looked.connections["okta"], "Group", "g1", lambda g: replace(g, member_ids=(maya.id, ben.id)))
    assert BEN not in uncovered(looked)


def test_two_targets_with_the_same_person_give_one_record(db, clock, world, transport):
    bridge = wire(db, clock, world, transport)
    both = {"main": bridge.targets["main"], "eu": replace(bridge.targets["main"], name="eu")}
    okta = replace(bridge.connections["okta"], targets=("main", "eu"))
    bridge = replace(
        bridge,
        targets=both,
        policies=dict.fromkeys(both, bridge.policies["main"]),
        connections={"okta": okta},
    )
    with db.write() as tx:
        targets.ensure(tx, ["main", "eu"])
        for name in both:
            targets.want_look(tx, name, clock.now())
    run_for(bridge, clock, seconds=1)

    done = seeding.seed(bridge, okta, okta.targets, by="ada", is_dry_run=False)

    assert len(done.made) == len(set(done.made)) == 23
    assert done.known == 23


def test_a_member_whose_name_cannot_be_kept_is_told(looked, world, clock):
    world.add_member("x" * 300 + "@example.com", 1)
    with looked.db.write() as tx:
        targets.want_look(tx, "main", clock.now())
    run_for(looked, clock, seconds=1)

    done = imported(looked)

    assert "its address cannot be a userName" in {left.why for left in done.left_out}


def test_seeds_are_found_by_the_look_ups_of_both_providers(looked):
    from bridge.web import create_app
    from tests.web.conftest import scim_client

    imported(looked)
    okta = scim_client(looked, create_app(looked), "okta")

    found = okta.get("/Users?filter=userName+eq+%22MAYA.OKAFOR@example.com%22").json
    assert found["totalResults"] == 1
    one = found["Resources"][0]
    assert (one["active"], one["name"]["familyName"], one["emails"][0]["value"]) == (True, "Okafor", MAYA)
    assert okta.get("/Users?startIndex=1&count=2").json["totalResults"] == 23
    changed = okta.put(f"/Users/{one['id']}", one | {"externalId": "00u1"})
    assert (changed.status_code, changed.json["externalId"]) == (200, "00u1")


def test_people_who_are_named_twice_stay_one(looked, okta, clock):
    """The seed is of the person whom the provider has known under another record."""
    imported(looked)
    other = okta.create("maya@other.example", external_id="00u1")

    touch(looked, seed_of(looked, MAYA).id, external_id="00u1")

    with looked.db.read() as tx:
        assert people.named(tx, "maya@other.example") == people.named(tx, MAYA)
    assert other
