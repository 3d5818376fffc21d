"""A person's whole life over SCIM, and what becomes of the account at PostHog meanwhile."""

from __future__ import annotations

import pytest

from bridge.core.record import Workplace
from bridge.store import records
from bridge.store.workplace import manager_of
from tests.players import MAYA, all_cases, deletes, is_member
from tests.web.conftest import DISABLE, is_error

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ENABLE = {"op": "Replace", "path": "active", "value": "True"}
OBJECT_ID = "5c1d7e90-4b1f-4a55-9d0e-8f2b6a3ce101"
TOMBSTONE = OBJECT_ID.replace("-", "") + MAYA


@pytest.fixture
def maya(entra, settle) -> str:
    """A member of the organization whom Entra has told us of, and whom the sweep has seen."""
    person = entra.user(MAYA, externalId=OBJECT_ID, emails=[{"value": MAYA, "type": "work", "primary": True}])
    settle(minutes=2)
    return person


def test_a_deactivated_person_is_out_of_posthog_and_still_readable(entra, maya, world, settle):
    entra.patch(f"/Users/{maya}", DISABLE)
    settle(minutes=2)

    assert not is_member(world, MAYA)
    assert entra.get(f"/Users/{maya}").json["active"] is False


def test_a_person_who_comes_back_has_the_same_id_and_is_given_nothing(entra, maya, world, settle):
    entra.patch(f"/Users/{maya}", DISABLE)
    settle(minutes=2)
    reply = entra.patch(f"/Users/{maya}", ENABLE)
    settle(minutes=2)

    assert (reply.json["id"], reply.json["active"]) == (maya, True)
    assert not is_member(world, MAYA)


def test_a_reactivation_within_the_settle_time_removes_nobody(entra, maya, world, settle):
    entra.patch(f"/Users/{maya}", DISABLE)
    entra.patch(f"/Users/{maya}", ENABLE)
    settle(minutes=10)

    assert is_member(world, MAYA)
    assert deletes(world) == []


def test_entras_soft_delete_removes_the_account_although_the_name_was_changed_with_it(entra, maya, world, settle):
    rename = {"op": "Replace", "path": "userName", "value": TOMBSTONE}
    reply = entra.patch(f"/Users/{maya}", rename, DISABLE)
    settle(minutes=2)

    assert reply.json["userName"] == TOMBSTONE
    assert not is_member(world, MAYA)


def test_the_hard_delete_after_thirty_days_finds_nothing_left_to_do(entra, maya, world, settle):
    entra.patch(f"/Users/{maya}", {"op": "Replace", "path": "userName", "value": TOMBSTONE}, DISABLE)
    settle(days=30)
    assert entra.delete(f"/Users/{maya}").status_code == 204
    settle(minutes=30)

    assert len(deletes(world)) == 1
    assert is_error(entra.get(f"/Users/{maya}"), 404)


def test_a_restored_person_can_be_found_under_the_old_name_again(entra, maya):
    entra.patch(f"/Users/{maya}", {"op": "Replace", "path": "userName", "value": TOMBSTONE}, DISABLE)
    entra.patch(f"/Users/{maya}", {"op": "Replace", "path": "userName", "value": MAYA}, ENABLE)

    (found,) = entra.get("/Users", query={"filter": f'userName eq "{MAYA}"'}).json["Resources"]
    assert (found["id"], found["active"]) == (maya, True)


def test_a_hard_delete_is_a_leaving(entra, maya, world, settle):
    entra.delete(f"/Users/{maya}")
    settle(minutes=2)

    assert not is_member(world, MAYA)


def test_a_person_who_is_created_anew_is_a_new_record_of_the_same_person(entra, maya, world, settle):
    entra.delete(f"/Users/{maya}")
    again = entra.user(MAYA, externalId=OBJECT_ID)
    settle(minutes=10)

    assert again != maya
    assert is_member(world, MAYA)
    assert is_error(entra.get(f"/Users/{maya}"), 404)


def test_a_new_name_and_a_new_address_remove_nobody_and_open_no_way_around(entra, maya, world, settle):
    entra.patch(
        f"/Users/{maya}",
        {"op": "Replace", "path": "userName", "value": "maya.lindqvist@example.com"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "maya.lindqvist@example.com"},
    )
    settle(minutes=10)
    assert is_member(world, MAYA)
    assert all_cases(entra.bridge) == []

    entra.patch(f"/Users/{maya}", DISABLE)
    settle(minutes=2)
    assert not is_member(world, MAYA)


def test_a_second_create_of_the_same_name_is_refused_and_says_nothing_about_the_first(entra, maya, world, settle):
    assert is_error(entra.post("/Users", {"userName": MAYA.upper(), "active": False}), 409, "uniqueness")
    settle(minutes=10)

    assert is_member(world, MAYA)
    assert entra.get(f"/Users/{maya}").json["active"] is True


def test_leaving_a_group_that_nothing_is_mapped_to_is_kept_and_removes_nobody(entra, maya, world, settle):
    team = entra.group("Growth", maya)
    entra.patch(f"/Groups/{team}", {"op": "Remove", "path": "members", "value": [{"value": maya}]})
    settle(minutes=10)

    assert entra.get(f"/Users/{maya}").json["groups"] == []
    assert is_member(world, MAYA)


class TestWorkplace:
    def read(self, client, record_id: str):
        with client.bridge.db.read() as tx:
            return records.find(tx, client.connection, "User", record_id)

    def test_where_somebody_works_can_be_read_for_a_notice(self, entra):
        said = {
            "employeeNumber": 701984,
            "costCenter": "4130",
            "organization": "Example",
            "division": "Product",
            "department": "Growth",
            "manager": {"value": "m-1", "displayName": "Grace Lindqvist"},
        }
        person = entra.user(**{ENTERPRISE: said})
        assert self.read(entra, person).workplace == Workplace(
            employee_number="701984",
            cost_center="4130",
            organization="Example",
            division="Product",
            department="Growth",
            manager_id="m-1",
            manager_name="Grace Lindqvist",
        )

    @pytest.mark.parametrize(
        "said", ["text", [1], {"manager": "m", "department": ["x"], "division": True}, {"manager": [1, 2]}]
    )
    def test_whatever_is_sent_as_a_workplace_reads_as_text_or_nothing(self, entra, said):
        found = self.read(entra, entra.user(**{ENTERPRISE: said})).workplace
        assert found in {Workplace(), Workplace(manager_id="m")}

    @pytest.mark.parametrize("by", ["id", "external_id"])
    def test_a_manager_is_found_by_our_id_or_by_their_own(self, entra, by):
        boss = entra.user("grace@example.com", externalId="boss-1")
        named = boss if by == "id" else "boss-1"
        person = self.read(entra, entra.user(**{ENTERPRISE: {"manager": [{"value": named}]}}))
        with entra.bridge.db.read() as tx:
            assert manager_of(tx, person).id == boss

    def test_nobody_is_the_manager_of_who_names_none_or_one_whom_we_do_not_know(self, entra, okta):
        stranger = okta.user("grace@example.com", externalId="boss-1")
        for manager in ({}, {"manager": {"value": "boss-1"}}, {"manager": {"value": stranger}}):
            person = self.read(entra, entra.user(f"p{len(manager)}{manager}@example.com", **{ENTERPRISE: manager}))
            with entra.bridge.db.read() as tx:
                assert manager_of(tx, person) is None
