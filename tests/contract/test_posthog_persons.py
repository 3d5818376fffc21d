"""Persons, the end users of the customer's product: found by address, deleted in bulk. PostHog: /projects/{id}/persons/."""

from __future__ import annotations

import pytest

from tests.contract.conftest import denied, invalid, says

ADA = "lea.brandt@example.com"
MAYA = "maya.okafor@example.com"


@pytest.fixture
def shop(side):
    return side.world.add_project("Test shop")


@pytest.fixture
def maya(side, shop):
    side.world.add_person(shop.id, "customer@elsewhere.example")
    return side.world.add_person(shop.id, MAYA, name="Maya Okafor", distinct_ids=("maya", "device-7"))


def persons(side, shop, **query):
    return side.api(ADA).get(f"/api/projects/{shop.id}/persons/", params=query).json()


def bulk_delete(side, shop, **body):
    return side.api(ADA).post(f"/api/projects/{shop.id}/persons/bulk_delete/", json=body)


@pytest.mark.parametrize("query", [{"email": MAYA}, {"distinct_id": "device-7"}, {"search": "okafor"}])
def test_a_person_is_found_by_address_identifier_or_text(side, shop, maya, query):
    """GET persons/."""
    found = persons(side, shop, **query)
    assert set(found) == {"next", "previous", "results"}
    row = found["results"][0]
    assert (len(found["results"]), row["uuid"], row["properties"]["email"]) == (1, maya.id, MAYA)
    assert row["distinct_ids"] == ["maya", "device-7"]


def test_an_address_is_compared_letter_by_letter(side, shop, maya):
    assert persons(side, shop, email=MAYA.upper())["results"] == []


def test_persons_are_paged_without_a_count(side, shop, maya):
    first = persons(side, shop, limit=1)
    second = side.api(ADA).get(first["next"]).json()
    assert second["next"] is None
    assert side.api(ADA).get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize("how", ["ids", "distinct_ids"])
def test_a_deletion_is_accepted_and_its_events_are_only_queued(side, shop, maya, how):
    """POST persons/bulk_delete/ answers 202; GET persons/deletion_status/."""
    answer = bulk_delete(side, shop, **{how: [maya.id] if how == "ids" else ["maya"]}, delete_events=True)
    assert says(answer) == (
        202,
        {
            "persons_found": 1,
            "persons_deleted": 1,
            "events_queued_for_deletion": True,
            "recordings_queued_for_deletion": False,
            "deletion_errors": [],
        },
    )
    assert persons(side, shop, email=MAYA)["results"] == []
    path = f"/api/projects/{shop.id}/persons/deletion_status/"
    rows = side.api(ADA).get(path, params={"person_uuid": maya.id}).json()["results"]
    assert [(r["person_uuid"], r["status"]) for r in rows] == [(maya.id, "pending")]
    assert side.api(ADA).get(path, params={"status": "completed"}).json()["results"] == []


def test_the_person_may_be_kept_and_an_unknown_one_is_no_error(side, shop, maya):
    kept = bulk_delete(side, shop, ids=[maya.id], keep_person=True).json()
    assert (kept["persons_found"], kept["persons_deleted"]) == (1, 0)
    assert len(persons(side, shop, email=MAYA)["results"]) == 1
    assert bulk_delete(side, shop, ids=["nobody"]).json()["persons_found"] == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"ids": ["a"], "distinct_ids": ["b"]}, "You must provide either distinct_ids or ids, not both"),
        ({"distinct_ids": ["x"] * 1001}, "You can only pass 1000 distinct_ids in one call"),
        ({"ids": ["x"] * 1001}, "You can only pass 1000 ids in one call"),
        ({}, "You need to specify either distinct_ids or ids"),
    ],
)
def test_a_deletion_that_is_not_clear_is_refused(side, shop, body, said):
    assert says(bulk_delete(side, shop, **body)) == invalid(said)


def test_reading_and_deleting_have_scopes_of_their_own(side, shop, maya):
    reader = side.api(ADA, scopes=("person:read",))
    assert reader.get(f"/api/projects/{shop.id}/persons/").status_code == 200
    refused = reader.post(f"/api/projects/{shop.id}/persons/bulk_delete/", json={"ids": [maya.id]})
    assert says(refused) == denied("API key missing required scope 'person:write'")


def test_removing_the_member_leaves_the_person(side, shop, maya):
    side.api(ADA).delete(side.path(MAYA))
    assert len(persons(side, shop, email=MAYA)["results"]) == 1
