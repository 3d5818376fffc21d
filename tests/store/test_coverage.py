"""Who is covered by an identity provider, and who would never be deprovisioned, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.events import EventKind
from bridge.core.organization import Level, Member, Organization
from bridge.core.policy import Policy
from bridge.core.record import Record
from bridge.ports import Connection, KeyOwner
from bridge.store import cases, coverage, members, people, records, targets
from bridge.store import tables as t
from tests.conftest import START
from tests.players import work
from tests.store.test_store import open_case

OKTA = Connection(name="okta", kind="okta", targets=("main",))
ENTRA = Connection(name="entra", kind="entra", targets=("eu",))
HOOK = Connection(name="hook", kind="okta-hook", targets=("main",))
POLICY = Policy(protected=frozenset({"glass@example.com"}), successors=("sora@example.com",))


def member(name: str, level: Level = Level.MEMBER, *, email: str = "") -> Member:
    return Member(
        user_uuid=f"u-{name}",
        membership_id="m",
        user_id=1,
        email=email or f"{name}@example.com",
        level=level,
        name=name,
    )


def look(tx, *found: Member, minutes: int = 0) -> None:
    at = START + timedelta(minutes=minutes)
    service = member("bridge", Level.OWNER)
    organization = Organization(taken_at=at, key_uuid=service.user_uuid, members=(service, *found))
    targets.note_look(tx, targets.state(tx, "main"), organization, at)
    members.keep(tx, "main", members.difference(tx, "main", organization))


def record(tx, name: str, *, connection: str = "okta", is_active: bool = True, person: int | None = None) -> int:
    address = f"{name}@example.com"
    kept = Record(
        id=f"{connection}-{name}",
        connection=connection,
        resource_type="User",
        user_name=address,
        body=work(address),
        is_active=is_active,
        created_at=START,
        modified_at=START,
    )
    person = person or people.create(tx, address, START)
    records.insert_record(tx, kept, person)
    people.note_record(tx, person, kept, [kept], START)
    return person


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main", "eu"])
        targets.note_key(opened, "main", "f", KeyOwner(user_uuid="u-bridge", email="bridge@example.com"))
        yield opened


def covered(tx) -> coverage.Coverage:
    return coverage.of_target(tx, "main", (OKTA, ENTRA, HOOK), POLICY)


def uncovered(tx) -> list[str]:
    return [s.member.email.partition("@")[0] for s in covered(tx).uncovered]


def test_covered_is_who_has_a_record_and_the_bridges_own_account_does_not_count(tx):
    look(tx, member("maya"), member("tomas"))
    record(tx, "maya")

    found = covered(tx)

    assert (found.covered, len(found.people), found.to_look_at) == (1, 2, 1)
    assert found.connections == ("okta",)
    assert uncovered(tx) == ["tomas"]
    assert found.as_of == START


def test_whoever_another_targets_connection_knows_is_not_covered_here(tx):
    look(tx, member("maya"))
    record(tx, "maya", connection="entra")

    assert uncovered(tx) == ["maya"]


def test_addresses_are_compared_as_everywhere(tx):
    look(tx, member("maya", email="Maya@Example.COM"))
    record(tx, "maya")

    assert uncovered(tx) == []


def test_an_account_that_was_linked_stays_covered_under_a_private_address(tx):
    look(tx, member("maya", email="maya@private.example"))
    people.link(tx, record(tx, "maya"), "main", "u-maya", is_theirs=True, how="address", now=START)

    assert uncovered(tx) == []


def test_an_account_that_is_said_not_to_be_theirs_is_not_covered(tx):
    look(tx, member("maya"))
    people.link(tx, record(tx, "maya"), "main", "u-maya", is_theirs=False, how="operator:ada", now=START)

    assert uncovered(tx) == ["maya"]


def test_a_look_links_active_people_by_address_and_nobody_whom_somebody_judged_meanwhile(tx):
    ids = {name: record(tx, name, is_active=name != "ines") for name in ("maya", "tomas", "ines", "kofi")}
    people.link(tx, ids["kofi"], "main", "u-kofi", is_theirs=True, how="removal", now=START)
    seen = tuple(member(name) for name in ids)
    organization = Organization(taken_at=START, key_uuid="u-bridge", members=seen)

    found = people.unlinked(tx, "main", ("okta",), organization)
    assert found == [(ids["maya"], "u-maya"), (ids["tomas"], "u-tomas")]
    assert people.unlinked(tx, "main", ("entra",), organization) == []

    people.link(tx, ids["tomas"], "main", "u-tomas", is_theirs=False, how="operator:ada", now=START)
    people.link_by_address(tx, "main", found, START)

    assert people.leaver_of(tx, "main", ("okta",), ids["maya"]).accounts == {"u-maya"}
    assert people.leaver_of(tx, "main", ("okta",), ids["tomas"]).dismissed == {"u-tomas"}
    assert people.leaver_of(tx, "main", ("okta",), ids["tomas"]).accounts == frozenset()


def test_whoever_is_inactive_there_is_covered_and_whoever_was_deleted_is_not(tx):
    look(tx, member("maya"), member("tomas"))
    record(tx, "maya", is_active=False)
    record(tx, "tomas")
    gone = records.find(tx, "okta", "User", "okta-tomas")
    records.bury(tx, gone, START)

    assert uncovered(tx) == ["tomas"]


def test_a_former_address_of_somebody_active_covers_nobody(tx):
    look(tx, member("maya"))
    person = record(tx, "maya")
    before = records.find(tx, "okta", "User", "okta-maya")
    after = replace(before, user_name="m.okafor@example.com", body=work("m.okafor@example.com"))
    records.update_record(tx, before, after)
    people.note_record(tx, person, after, [after], START)

    assert uncovered(tx) == ["maya"]


def test_an_imported_record_covers_nobody_until_the_provider_touches_it(tx):
    look(tx, member("maya"))
    seed = Record(
        id="s1",
        connection="okta",
        resource_type="User",
        user_name="maya@example.com",
        created_at=START,
        modified_at=START,
    )
    records.insert_seed(tx, seed, START)

    (only,) = covered(tx).uncovered
    assert only.imported_into == ("okta",)
    assert only.remarks == ("imported into okta, which has not spoken of it yet",)

    person = people.create(tx, "maya@example.com", START)
    records.adopt(tx, "s1", person)
    people.note_record(tx, person, seed, [seed], START)
    assert uncovered(tx) == []


def test_whoever_is_leaving_needs_no_look_and_whoever_is_protected_neither(tx):
    look(tx, member("maya"), member("glass"), member("sora", Level.OWNER))
    person = people.create(tx, "maya@example.com", START)
    case = open_case(tx, person, kind=EventKind.REMOVE, source="operator:ada")
    people.note_subject(tx, person, "operator:ada", case.subject, START, is_active=False)
    people.link(tx, person, "main", "u-maya", is_theirs=True, how="address", now=START)
    assert cases.find(tx, case.id) is not None

    found = covered(tx)

    assert {s.member.name: s.remarks for s in found.members} == {
        "bridge": ("the bridge's own account",),
        "glass": ("protected",),
        "maya": ("leaving",),
        "sora": ("successor",),
    }
    assert (uncovered(tx), found.to_look_at) == (["sora", "glass"], 1)


def test_a_target_without_a_look_says_so(tx):
    found = covered(tx)

    assert (found.as_of, found.members, found.covered) == (None, (), 0)
    assert set(coverage.of_each(tx, {"okta": OKTA}, ["main", "new"], {"main": POLICY, "new": POLICY})) == {"main"}


class TestTheMembersThatAreKept:
    def test_each_look_replaces_what_was_kept_and_nothing_is_kept_of_who_left(self, tx):
        look(tx, member("maya"), member("tomas"))
        look(tx, member("tomas", Level.ADMIN, email="t@example.com"), member("noor"), minutes=5)

        kept = {m.user_uuid: (m.email, m.level) for m in members.kept(tx, "main")}

        assert kept == {
            "u-bridge": ("bridge@example.com", Level.OWNER),
            "u-tomas": ("t@example.com", Level.ADMIN),
            "u-noor": ("noor@example.com", Level.MEMBER),
        }
        assert members.as_of(tx, "main") == START + timedelta(minutes=5)

    def test_a_thousand_may_come_and_go(self, tx):
        look(tx, *(member(f"p{n}") for n in range(1200)))
        look(tx)

        assert [m.user_uuid for m in members.kept(tx, "main")] == ["u-bridge"]

    @pytest.mark.parametrize(
        ("sent", "kept"), [("x" * 400, "x" * 320), ("a\0b@example.com", "ab@example.com"), ("\ud800@x", "?@x")]
    )
    def test_no_name_keeps_a_look_from_being_kept(self, tx, sent, kept):
        look(tx, member("odd", email=sent))

        assert kept in {m.email for m in members.kept(tx, "main")}

    def test_an_account_whose_id_is_no_uuid_is_left_out(self, tx):
        look(tx, member("x" * 70, email="odd@example.com"))

        assert [m.user_uuid for m in members.kept(tx, "main")] == ["u-bridge"]

    def test_targets_that_are_no_longer_configured_are_forgotten(self, tx):
        look(tx, member("maya"))
        members.forget_others(tx, ["eu", "main"])
        assert members.kept(tx, "main")

        members.forget_others(tx, ["eu"])

        assert tx.execute(t.members.select()).all() == []
