"""Every assertion of Okta's "SCIM 2.0 SPEC Test" and of its "CRUD Test", as rules of ours.

Source: okta-developer-docs, `Okta-SCIM-20-SPEC-Test.json` and `Okta-SCIM-20-CRUD-Test.json`; the OIN test plan's extra
points are at the end.
"""

from __future__ import annotations

import json

import pytest

from tests.web.conftest import ERROR

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
MAYA = {
    "schemas": [USER],
    "userName": "Maya.Okafor@Example.com",
    "name": {"givenName": "Maya", "familyName": "Okafor"},
    "emails": [{"primary": True, "value": "maya.okafor@example.com", "type": "work"}],
    "displayName": "Maya Okafor",
    "active": True,
}
BEN = {**MAYA, "userName": "ben.oduya@example.com", "name": {"givenName": "Ben", "familyName": "Oduya"}}
READING = {
    "Accept": "application/scim+json",
    "Accept_Charset": "utf-8",
    "Content_Type": "application/scim+json; charset=utf-8",
    "User_Agent": "OKTA SCIM Integration",
}
WRITING = {"Accept": "application/scim+json; charset=utf-8", "Content_Type": "application/json"}


@pytest.fixture
def known(okta) -> str:
    """The suite needs one user who is there already."""
    return okta.user(
        **{key: value for key, value in MAYA.items() if key != "userName"} | {"user_name": MAYA["userName"]}
    )


def is_number(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_whole(user) -> bool:
    """Whether all that the suite wants of a user is there."""
    needed = [
        user["id"],
        user["userName"],
        user["name"]["familyName"],
        user["name"]["givenName"],
        user["emails"][0]["value"],
    ]
    return all(needed) and user["active"] is True


class TestSpec:
    def test_step_1_a_page_of_one_holds_a_whole_user_and_three_numbers(self, okta, known):
        reply = okta.get("/Users?count=1&startIndex=1", **READING)
        body = reply.json
        assert reply.status_code == 200
        assert body["Resources"]
        assert LIST in body["schemas"]
        assert all(is_number(body[name]) for name in ("itemsPerPage", "startIndex", "totalResults"))
        assert is_whole(body["Resources"][0])

    def test_step_2_the_same_user_is_read_by_id(self, okta, known):
        listed = okta.get("/Users?count=1&startIndex=1", **READING).json["Resources"][0]
        reply = okta.get(f"/Users/{listed['id']}", **READING)
        assert reply.status_code == 200
        assert is_whole(reply.json)
        assert reply.json["id"] == listed["id"]

    @pytest.mark.parametrize("name", ["nobody@example.com", "abcdefgh@atko.com"])
    def test_steps_3_and_5_a_name_that_nobody_has_is_an_empty_list(self, okta, known, name):
        reply = okta.get("/Users", query={"filter": f'userName eq "{name}"'}, **READING)
        assert reply.status_code == 200
        assert LIST in reply.json["schemas"]
        assert is_number(reply.json["totalResults"])
        assert reply.json["totalResults"] == 0

    @pytest.mark.parametrize("record_id", ["010101001010101011001010101011", "00919288221112222"])
    def test_steps_4_and_12_an_id_that_nobody_has_is_404_with_a_detail(self, okta, known, record_id):
        reply = okta.get(f"/Users/{record_id}", **READING)
        assert reply.status_code == 404
        assert reply.json["detail"]
        assert ERROR in reply.json["schemas"]
        assert reply.json["status"] == "404"

    def test_step_6_a_new_user_is_201_and_as_sent(self, okta, known):
        reply = okta.post("/Users", BEN, **WRITING)
        assert reply.status_code == 201
        assert reply.json["active"] is True
        assert reply.json["id"]
        assert reply.json["name"] == BEN["name"]
        assert USER in reply.json["schemas"]
        assert reply.json["userName"] == BEN["userName"]

    def test_step_7_the_new_user_can_be_read(self, okta, known):
        made = okta.post("/Users", BEN, **WRITING).json
        reply = okta.get(f"/Users/{made['id']}", **READING)
        assert reply.status_code == 200
        assert reply.json["userName"] == BEN["userName"]
        assert reply.json["name"]["familyName"] == "Oduya"
        assert reply.json["name"]["givenName"] == "Ben"

    def test_step_8_the_same_user_again_is_409(self, okta, known):
        okta.post("/Users", BEN, **WRITING)
        again = {**BEN, "emails": [{"primary": True, "value": BEN["userName"], "type": "work"}]}
        assert okta.post("/Users", again, **WRITING).status_code == 409

    def test_step_9_a_name_in_capitals_is_the_same_name(self, okta, known):
        made = okta.post("/Users", BEN, **WRITING).json
        reply = okta.get("/Users", query={"filter": f'userName eq "{BEN["userName"].upper()}"'}, **READING)
        assert reply.status_code == 200
        assert [each["id"] for each in reply.json["Resources"]] == [made["id"]]

    @pytest.mark.parametrize("groups", [0, 2])
    def test_step_10_groups_are_a_list_also_when_there_are_none(self, okta, known, groups):
        for n in range(groups):
            okta.group(f"Group {n}")
        reply = okta.get("/Groups", **READING)
        assert reply.status_code == 200
        assert reply.json["totalResults"] == groups
        assert isinstance(reply.json["Resources"], list)

    def test_step_11_a_header_without_a_scheme_is_401_with_a_scim_body(self, okta, known):
        reply = okta.get("/Users", Authorization="non-token", **READING)
        assert reply.status_code == 401
        assert reply.json["detail"]
        assert reply.json["status"] == "401"
        assert ERROR in reply.json["schemas"]


class TestCrud:
    def test_what_is_done_in_okta_is_read_here_step_by_step(self, okta):
        made = okta.post("/Users", BEN | {"externalId": "00u1", "password": "random", "groups": []}, **WRITING).json
        found = okta.get("/Users", query={"filter": f'userName eq "{BEN["userName"]}"'}).json["Resources"][0]
        assert (found["userName"], found["name"]) == (BEN["userName"], BEN["name"])
        assert found["emails"][0]["value"] == BEN["emails"][0]["value"]

        pushed = okta.get(f"/Users/{made['id']}").json
        pushed["name"]["givenName"] = "Benjamin"
        assert okta.put(f"/Users/{made['id']}", pushed).status_code == 200
        assert okta.get(f"/Users/{made['id']}").json["name"]["givenName"] == "Benjamin"

        off, on = ({"op": "replace", "value": {"active": value}} for value in (False, True))
        okta.patch(f"/Users/{made['id']}", off)
        gone = okta.get(f"/Users/{made['id']}")
        assert (gone.status_code, gone.json["active"]) == (200, False)

        okta.patch(f"/Users/{made['id']}", on)
        back = okta.get("/Users", query={"filter": f'userName eq "{BEN["userName"]}"'}).json["Resources"][0]
        assert (back["id"], back["active"]) == (made["id"], True)

        okta.patch(f"/Users/{made['id']}", off)
        assert okta.get(f"/Users/{made['id']}").json["active"] is False


class TestPlan:
    def test_empty_values_are_no_error(self, okta):
        empty = {"displayName": "", "nickName": None, "emails": [], "name": {"givenName": "", "familyName": "Oduya"}}
        reply = okta.post("/Users", BEN | empty)
        assert reply.status_code == 201
        assert okta.put(f"/Users/{reply.json['id']}", BEN | empty).status_code == 200

    def test_who_is_inactive_is_listed_as_inactive_so_that_an_import_can_skip_them(self, okta):
        okta.user("gone@example.com", active=False)
        okta.user("here@example.com")
        listed = okta.get("/Users?startIndex=1&count=100").json["Resources"]
        assert [each["active"] for each in listed] == [False, True]

    def test_a_page_past_the_end_ends_an_import(self, okta):
        for n in range(3):
            okta.user(f"{n}@example.com")
        seen = []
        for start in (1, 3, 5):
            seen += [each["id"] for each in okta.get(f"/Users?startIndex={start}&count=2").json["Resources"]]
        assert len(seen) == len(set(seen)) == 3

    def test_a_deleted_group_touches_nobody(self, okta):
        person = okta.user()
        group = okta.group("Data", person)
        assert okta.delete(f"/Groups/{group}").status_code == 204
        assert okta.get(f"/Users/{person}").json["active"] is True
        assert okta.events() == []

    def test_an_answer_is_json_with_numbers_as_numbers(self, okta, known):
        text = okta.get("/Users?count=1").text
        assert '"totalResults":1' in text
        assert json.loads(text)["Resources"][0]["active"] is True
