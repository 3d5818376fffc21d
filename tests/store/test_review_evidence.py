"""What a review rests on: whose each account and invite is to each connection, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.organization import Invite, Level
from bridge.core.reviewed import Word
from bridge.core.surroundings import Domain, Gap, Surroundings
from bridge.core.ways_back import DOMAINS_UNSEEN
from bridge.ports import KeyOwner
from bridge.store import invites, people, records, review_evidence, standings, surroundings, targets
from bridge.store import tables as t
from tests.conftest import START
from tests.store.test_coverage import ENTRA, HOOK, OKTA, POLICY, look, member, record
from tests.store.test_store import open_case

HOUR = timedelta(hours=1)


@pytest.fixture
def tx(db):
    with db.write() as opened:
        targets.ensure(opened, ["main", "eu"])
        targets.note_key(opened, "main", "f", KeyOwner(user_uuid="u-bridge", email="bridge@example.com"))
        yield opened


def evidence(tx, *more, since=None):
    return review_evidence.of_target(tx, "main", (OKTA, ENTRA, HOOK, *more), POLICY, since)


def words(tx, name: str, *more) -> tuple[Word, ...]:
    return next(m for m in evidence(tx, *more).members if m.member.user_uuid == f"u-{name}").words


def known(
    tx, name: str, *, is_active: bool = True, person: int | None = None, connection: str = "okta", hours: int = 0
):
    person = record(tx, name, is_active=is_active, person=person, connection=connection)
    standings.stand(
        tx, person, connection, standings.of_person(tx, person), is_out=not is_active, at=START + hours * HOUR
    )
    return person


def test_a_target_that_was_never_looked_at_has_none(tx):
    assert evidence(tx) is None


def test_active_inactive_and_unknown_are_told_apart_with_since_when(tx):
    look(tx, member("maya"), member("tomas"), member("noor"))
    known(tx, "maya", hours=-5)
    known(tx, "tomas", is_active=False, hours=-2)

    assert words(tx, "maya") == (Word(connection="okta", is_active=True, since=START - 5 * HOUR),)
    assert words(tx, "tomas") == (Word(connection="okta", is_active=False, since=START - 2 * HOUR),)
    assert words(tx, "noor") == ()
    assert (evidence(tx).connections, evidence(tx).heard) == (("okta",), ("okta",))


def test_a_deleted_record_still_says_inactive(tx):
    look(tx, member("maya"))
    person = known(tx, "maya")
    records.bury(tx, records.living_of_person(tx, person, "okta")[0], START)
    standings.stand(tx, person, "okta", standings.of_person(tx, person), is_out=True, at=START + HOUR)

    assert words(tx, "maya") == (Word(connection="okta", is_active=False, since=START + HOUR),)


def test_what_another_target_s_connection_says_does_not_count(tx):
    look(tx, member("maya"))
    known(tx, "maya", connection="entra", is_active=False)

    assert words(tx, "maya") == ()


def test_a_linked_account_is_the_person_s_whatever_its_address(tx):
    look(tx, member("maya", email="m.private@example.org"))
    person = known(tx, "maya", is_active=False)
    people.link(tx, person, "main", "u-maya", is_theirs=True, how="x", now=START)

    assert [w.is_active for w in words(tx, "maya")] == [False]


def test_an_account_that_is_said_not_to_be_theirs_is_not(tx):
    look(tx, member("maya"))
    person = known(tx, "maya", is_active=False)
    people.link(tx, person, "main", "u-maya", is_theirs=False, how="x", now=START)

    assert words(tx, "maya") == ()


def test_an_address_given_to_somebody_new_who_is_active_is_active(tx):
    look(tx, member("maya"))
    known(tx, "maya", is_active=False, hours=-9)
    t_person = people.create(tx, "new", START)
    standings.stand(tx, t_person, "okta", standings.of_person(tx, t_person), is_out=False, at=START)
    tx.execute(
        t.identities.insert().values(
            person_id=t_person,
            connection="okta",
            kind="address",
            value="maya@example.com",
            is_current=True,
            first_seen_at=START,
            last_seen_at=START,
        )
    )

    assert words(tx, "maya") == (Word(connection="okta", is_active=True, since=START),)


def test_an_imported_record_says_nothing(tx):
    look(tx, member("maya"))
    person = record(tx, "maya")
    tx.execute(t.records.update().values(seeded_at=START, person_id=person))

    assert words(tx, "maya") == (Word(connection="okta", is_active=True, is_import=True),)
    assert evidence(tx).heard == ()


def test_the_service_account_former_ones_and_protected_people_are_known(tx):
    targets.note_key(tx, "main", "g", KeyOwner(user_uuid="u-new", email="new@example.com"))
    look(tx, member("new"), member("glass"))
    tx.execute(
        t.targets.update().where(t.targets.c.name == "main").values(key_uuid="u-new", former_key_uuids=["u-bridge"])
    )

    found = {m.member.user_uuid: m for m in evidence(tx).members}

    assert (found["u-new"].is_service, found["u-new"].was_service) == (True, False)
    assert (found["u-bridge"].is_service, found["u-bridge"].was_service) == (False, True)
    assert found["u-glass"].is_protected


def test_open_cases_are_named_for_accounts_and_for_invites(tx):
    look(tx, member("maya"))
    person = known(tx, "maya", is_active=False)
    invite = Invite(invite_id="i-1", email="Maya@example.com", level=Level.MEMBER)
    tx.execute(
        t.invites.insert().values(
            target="main",
            invite_id="i-1",
            email="Maya@example.com",
            address_key=invite.address,
            level=1,
            is_expired=False,
            created_by_uuid="",
            created_by_email="",
        )
    )
    case = open_case(tx, person)

    found = evidence(tx)

    assert [i.invite.invite_id for i in found.invites] == [i.invite_id for i in invites.kept(tx, "main")]
    assert [m.case_id for m in found.members if m.member.user_uuid == "u-maya"] == [case.id]
    assert [(i.case_id, i.is_gone_everywhere) for i in found.invites] == [(case.id, True)]


def test_gaps_that_hide_findings_are_handed_on_and_others_are_not(tx):
    look(tx)
    gaps = (Gap(what=DOMAINS_UNSEEN, why="403"), Gap(what="the roles", why="402"))
    domain = Domain(domain_id="d", domain="example.com", is_verified=True, is_jit_enabled=False, sso_enforcement="")
    surroundings.keep(tx, "main", Surroundings(taken_at=START, domains=(domain,), gaps=gaps))

    assert [g.why for g in evidence(tx).gaps] == ["403"]
    assert evidence(tx).verified == {"example.com"}


@pytest.mark.parametrize(("since", "count"), [(None, 1), (START, 1), (START + timedelta(milliseconds=1), 0)])
def test_removals_outside_the_bridge_are_listed_from_a_time_on(tx, since, count):
    look(tx)
    tx.execute(
        t.outside_removals.insert().values(
            target="main",
            user_uuid="u-x",
            membership_id="m",
            email="x@example.com",
            name="",
            level=1,
            missed_at=START,
            by="",
            how="two looks compared",
        )
    )

    assert len(evidence(tx, since=since).removed) == count
