"""Lists, filters and selections; groups; and what the server says about itself."""

from __future__ import annotations

import json

import pytest

from bridge.sources.scim.discovery import MAX_RESULTS
from tests.web.conftest import DISABLE, is_error


class TestLists:
    @pytest.fixture
    def five(self, okta):
        return [okta.user(f"person{n}@example.com") for n in range(5)]

    @pytest.mark.parametrize(
        ("query", "start", "size"),
        [
            ("", 1, 5),
            ("?startIndex=0", 1, 5),
            ("?startIndex=-3&count=2", 1, 2),
            ("?startIndex=2&count=2", 2, 2),
            ("?startIndex=5", 5, 1),
            ("?startIndex=6", 6, 0),
            ("?startIndex=99999999999999999999", 2**31 - 1, 0),
            ("?count=0", 1, 0),
            ("?count=-1", 1, 0),
            ("?count=100000", 1, 5),
            ("?count=&startIndex=", 1, 5),
            ("?aadOptscim062020&unknown=1&sortBy=userName", 1, 5),
        ],
    )
    def test_pages_are_counted_as_the_rfc_counts(self, okta, five, query, start, size):
        body = okta.get(f"/Users{query}").json
        assert (body["totalResults"], body["startIndex"], body["itemsPerPage"]) == (5, start, size)
        assert [each["id"] for each in body["Resources"]] == five[start - 1 : start - 1 + size]
        assert all(type(body[name]) is int for name in ("totalResults", "startIndex", "itemsPerPage"))

    def test_a_page_is_no_larger_than_announced(self, okta):
        config = okta.get("/ServiceProviderConfig").json
        assert config["filter"]["maxResults"] == MAX_RESULTS >= 100
        for n in range(MAX_RESULTS + 1):
            okta.group(f"group {n}")
        body = okta.get("/Groups?count=1000").json
        assert (body["totalResults"], body["itemsPerPage"]) == (MAX_RESULTS + 1, MAX_RESULTS)

    @pytest.mark.parametrize("query", ["?count=many", "?startIndex=1.5", "?count=\u0664x"])
    def test_a_number_that_is_none_is_refused(self, okta, query):
        assert is_error(okta.get(f"/Users{query}"), 400, "invalidValue")

    @pytest.mark.parametrize(
        "query",
        [
            "userName+eq+%22PERSON3@example.com%22",
            "username%20EQ%20%22person3%40example.com%22",
            "userName+eq+person3@example.com",
            "(userName+eq+%22person3@example.com%22)",
            "urn:ietf:params:scim:schemas:core:2.0:User:userName+eq+%22person3@example.com%22",
        ],
    )
    def test_every_spelling_of_a_filter_finds_the_same(self, okta, five, query):
        body = okta.get(f"/Users?filter={query}").json
        assert [each["id"] for each in body["Resources"]] == [five[3]]
        assert body["totalResults"] == 1

    @pytest.mark.parametrize(
        "query",
        ["", "x+eq+%22a%22", "userName+co+5+x", "active+gt+true", "userName+eq", "%00", "x+eq+1+or+userName+pr"],
    )
    def test_a_filter_that_is_not_answered_is_400_and_never_everybody(self, okta, five, query):
        assert is_error(okta.get(f"/Users?filter={query}"), 400, "invalidFilter")

    def test_a_search_by_post_is_the_same_search(self, okta, five):
        asked = {"filter": 'userName eq "person1@example.com"', "attributes": ["userName"], "startIndex": 1, "count": 5}
        body = okta.post("/Users/.search", asked).json
        assert body["Resources"] == [
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "id": five[1],
                "userName": "person1@example.com",
            }
        ]
        assert is_error(okta.post("/Users/.search", {"count": 1e999}), 400, "invalidSyntax")

    def test_only_the_wanted_attributes_come_and_the_id_always(self, okta):
        okta.user(name={"givenName": "Maya", "familyName": "Okafor"}, title="Analyst")
        found = okta.get("/Users?attributes=USERNAME,name.givenName").json["Resources"][0]
        assert found.keys() == {"schemas", "id", "userName", "name"}
        assert found["name"] == {"givenName": "Maya"}
        found = okta.get("/Users?excludedAttributes=id,title,name.givenName,meta").json["Resources"][0]
        assert {"title", "meta"} & found.keys() == set()
        assert found["id"]
        assert found["name"] == {"familyName": "Okafor"}


class TestGroups:
    def test_a_deleted_person_is_in_no_group(self, okta):
        stays, goes = okta.user("stays@example.com"), okta.user("goes@example.com")
        group = okta.group("Data", stays, goes)
        assert okta.get(f"/Users/{goes}").json["groups"][0]["display"] == "Data"
        okta.delete(f"/Users/{goes}")
        assert okta.get(f"/Groups/{group}").json["members"] == [{"value": stays}]

    def test_a_put_without_members_keeps_them_and_an_empty_list_clears_them(self, okta):
        group = okta.group("Data", okta.user())
        assert len(okta.put(f"/Groups/{group}", {"displayName": "Data"}).json["members"]) == 1
        assert len(okta.put(f"/Groups/{group}", {"displayName": "Data", "members": None}).json["members"]) == 1
        assert okta.put(f"/Groups/{group}", {"displayName": "Data", "members": []}).json["members"] == []

    def test_a_group_needs_a_name_of_its_own(self, okta):
        okta.group("Data")
        assert is_error(okta.post("/Groups", {"displayName": "DATA"}), 409, "uniqueness")
        assert is_error(okta.post("/Groups", {}), 400, "invalidValue")

    def test_groups_say_nothing_about_being_in_or_out(self, okta):
        group = okta.group("Data", okta.user())
        okta.patch(f"/Groups/{group}", DISABLE, {"op": "replace", "path": "displayName", "value": "Info"})
        okta.delete(f"/Groups/{group}")
        assert okta.events() == []

    def test_a_removal_takes_only_those_who_are_named(self, entra):
        people = [entra.user(f"person{n}@example.com") for n in range(3)]
        group = entra.group("Data", *people)
        operation = {"op": "Remove", "path": "members", "value": [{"value": people[0]}]}
        entra.patch(f"/Groups/{group}", operation)
        assert [each["value"] for each in entra.get(f"/Groups/{group}").json["members"]] == people[1:]
        left_out = entra.get(f"/Groups/{group}?excludedAttributes=members").json
        assert "members" not in left_out


class TestDiscovery:
    @pytest.mark.parametrize("path", ["/ResourceTypes", "/Schemas"])
    def test_lists_are_list_responses_without_nulls_whose_elements_can_be_read(self, okta, path):
        body = okta.get(path).json
        assert body["totalResults"] == body["itemsPerPage"] == len(body["Resources"])
        assert "null" not in json.dumps(body)
        for each in body["Resources"]:
            assert okta.get(f"{path}/{each['id']}").json == each
        assert is_error(okta.get(f"{path}?filter=id+eq+1"), 403)

    def test_what_is_announced_is_true(self, okta):
        config = okta.get("/ServiceProviderConfig").json
        supported = {name for name, part in config.items() if isinstance(part, dict) and part.get("supported")}
        assert supported == {"patch", "filter", "etag", "bulk", "sort"}

    def test_every_announced_attribute_can_be_written_and_read_back(self, okta):
        samples = {"string": "text", "boolean": True}
        for schema in okta.get("/Schemas").json["Resources"]:
            if schema["name"] == "Group":
                continue
            for attribute in schema["attributes"]:
                if attribute["mutability"] == "readOnly":
                    continue
                value = samples.get(attribute["type"]) or {
                    sub["name"]: samples[sub["type"]] for sub in attribute["subAttributes"]
                }
                value = [value] if attribute["multiValued"] else value
                body = {attribute["name"]: value}
                if schema["name"] == "EnterpriseUser":
                    body = {schema["id"]: body}
                person = okta.post("/Users", {"userName": f"{attribute['name']}@example.com"} | body).json["id"]
                found = okta.get(f"/Users/{person}").json
                assert found | body == found

    def test_discovery_needs_a_token_too(self, okta):
        assert is_error(okta.get("/Schemas", Authorization=""), 401)
