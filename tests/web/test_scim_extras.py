"""The parts of the protocol that neither Okta nor Entra asks for, each announced because it is there."""

from __future__ import annotations

import json
from random import Random

import pytest

from bridge.sources.scim.discovery import MAX_BULK_OPERATIONS
from tests.web.conftest import DISABLE, PATCH_OP, is_error
from tests.web.filters import random_user

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class TestSearchOverAll:
    def test_users_and_groups_come_in_the_order_of_their_creation(self, okta):
        ids = [okta.user("a@example.com"), okta.group("Data"), okta.user("b@example.com")]
        body = okta.post("/.search", {"startIndex": 2, "count": 5}).json
        assert [each["id"] for each in body["Resources"]] == ids[1:]
        assert (body["totalResults"], body["startIndex"], body["itemsPerPage"]) == (3, 2, 2)

    def test_what_one_type_does_not_have_is_met_by_none_of_it(self, okta):
        person, group = okta.user("maya@example.com", displayName="Data"), okta.group("Data")

        def found(asked: str) -> list[str]:
            return [each["id"] for each in okta.post("/.search", {"filter": asked}).json["Resources"]]

        assert found('userName sw "maya"') == [person]
        assert found('displayName eq "data"') == [person, group]
        assert found('userName sw "maya" or members eq "x" or displayName eq "Data"') == [person, group]
        assert found('not (userName sw "maya")') == [group]
        assert found('meta.resourceType eq "Group"') == [group]
        for unknown in ('nothing eq "a"', 'userName eq "a" or nothing pr', "active gt true"):
            assert is_error(okta.post("/.search", {"filter": unknown}), 400, "invalidFilter")

    def test_only_the_wanted_attributes_come(self, okta):
        okta.user("maya@example.com", title="Analyst")
        (found,) = okta.post("/.search", {"attributes": ["userName"]}).json["Resources"]
        assert found.keys() == {"id", "schemas", "userName"}

    def test_nobody_elses_resources_come(self, okta, entra):
        entra.user()
        assert okta.post("/.search", {}).json["totalResults"] == 0


class TestSorting:
    @pytest.mark.parametrize(
        "path", ["userName", "displayName", "name.familyName", "meta.created", "id", "active", "locale"]
    )
    @pytest.mark.parametrize("order", ["ascending", "descending", ""])
    def test_resources_come_in_the_order_of_an_attribute_and_without_it_last(self, okta, path, order):
        for n in range(12):
            okta.user(**random_user(Random(n), n) | {"active": n % 3 > 0})
        found = okta.get(f"/Users?sortBy={path}&sortOrder={order}&count=50").json["Resources"]

        def value(wire):
            for name in path.split("."):
                wire = wire.get(name) if isinstance(wire, dict) else None
            return wire.lower() if isinstance(wire, str) and path != "id" else wire

        values = [value(wire) for wire in found]
        there = [each for each in values if each is not None]
        assert len(values) == 12
        assert there == sorted(there, reverse=order == "descending")
        missing = [None] * (len(values) - len(there))
        assert values == (missing + there if order == "descending" else there + missing)

    def test_a_list_is_sorted_by_its_primary_element_or_its_first(self, okta):
        one = okta.user("1@x.com", emails=[{"value": "a@x.com"}, {"value": "z@x.com", "primary": True}])
        two = okta.user("2@x.com", emails=[{"value": "M@x.com"}, {"value": "b@x.com", "primary": False}])
        three = okta.user("3@x.com", emails=[{"value": "c@x.com", "type": "work"}])
        for path in ("emails", "emails.value"):
            found = okta.get(f"/Users?sortBy={path}").json["Resources"]
            assert [each["id"] for each in found] == [three, two, one]

    def test_an_extensions_attribute_sorts_too_and_pages_are_stable(self, okta):
        ids = [okta.user(f"{n}@x.com", **{ENTERPRISE: {"department": "abc"[n % 3]}}) for n in range(6)]
        wanted = [ids[n] for n in (0, 3, 1, 4, 2, 5)]
        pages = [
            okta.get(f"/Users?sortBy={ENTERPRISE}:department&startIndex={n}&count=2").json["Resources"]
            for n in (1, 3, 5)
        ]
        assert [each["id"] for page in pages for each in page] == wanted

    @pytest.mark.parametrize("path", ["nothing", "name", "emails.nothing", "password", "groups", "a b", "addresses"])
    def test_what_cannot_be_sorted_by_is_told(self, okta, path):
        assert is_error(okta.get(f"/Users?sortBy={path}"), 400, "invalidPath")


class TestCursors:
    def walk(self, client, query: str = "") -> list[list[str]]:
        pages, cursor = [], ""
        while cursor is not None:
            body = client.get(f"/Users?count=2&cursor={cursor}{query}").json
            assert "startIndex" not in body
            pages.append([each["id"] for each in body["Resources"]])
            cursor = body.get("nextCursor")
        return pages

    def test_pages_follow_one_another_to_the_end(self, okta):
        ids = [okta.user(f"{n}@x.com") for n in range(6)]
        assert self.walk(okta) == [ids[:2], ids[2:4], ids[4:]]
        assert self.walk(okta, "&sortBy=userName&sortOrder=descending") == [ids[5:3:-1], ids[3:1:-1], ids[1::-1]]
        assert self.walk(okta, '&filter=userName+sw+"5"') == [ids[5:]]

    def test_who_comes_or_goes_meanwhile_moves_nobody_to_another_page(self, okta):
        ids = [okta.user(f"{n}@x.com") for n in range(4)]
        first = okta.get("/Users?count=2&cursor=").json
        okta.delete(f"/Users/{ids[0]}")
        added = okta.user("new@x.com")
        second = okta.get(f"/Users?count=2&cursor={first['nextCursor']}").json
        assert [each["id"] for each in second["Resources"]] == ids[2:]
        third = okta.get(f"/Users?count=2&cursor={second['nextCursor']}").json
        assert [each["id"] for each in third["Resources"]] == [added]
        assert "nextCursor" not in third

    @pytest.mark.parametrize("cursor", ["x", "W10", "====", "\u00e9", "WzEsIngiXQ", "bnVsbA", "0" * 5000])
    def test_a_cursor_that_is_none_of_ours_is_told(self, okta, cursor):
        assert is_error(okta.get("/Users", query={"cursor": cursor}), 400, "invalidCursor")

    def test_a_cursor_is_good_for_its_own_search_only(self, okta):
        for n in range(3):
            okta.user(f"{n}@x.com")
            okta.group(f"{n}")
        cursor = okta.get("/Users?count=1&cursor=").json["nextCursor"]
        for other in (f"/Groups?cursor={cursor}", f'/Users?filter=userName+sw+"1"&cursor={cursor}'):
            assert is_error(okta.get(other), 400, "invalidCursor")
        assert okta.post("/Users/.search", {"cursor": cursor, "count": 1}).status_code == 200

    def test_the_announcement_is_true(self, okta):
        pagination = okta.get("/ServiceProviderConfig").json["pagination"]
        assert (pagination["cursor"], pagination["index"], pagination["defaultPaginationMethod"]) == (
            True,
            True,
            "index",
        )


def bulk(client, *operations, **fields):
    return client.post("/Bulk", {"Operations": list(operations), **fields})


def patch(person: str, *operations) -> dict:
    data = {"schemas": [PATCH_OP], "Operations": list(operations)}
    return {"method": "PATCH", "path": f"/Users/{person}", "data": data}


class TestBulk:
    def test_each_operation_is_answered_as_if_it_had_come_alone(self, okta):
        gone, kept = okta.user("gone@x.com"), okta.user("kept@x.com")
        reply = bulk(
            okta,
            {"method": "POST", "path": "/Users", "bulkId": "one", "data": {"userName": "new@x.com"}},
            {"method": "post", "path": "Users", "bulkId": "two", "data": {"userName": "KEPT@x.com"}},
            {"method": "PUT", "path": f"/Users/{kept}", "data": {"userName": "kept@x.com", "title": "Analyst"}},
            {"method": "DELETE", "path": f"/Users/{gone}"},
            {"method": "DELETE", "path": f"/Users/{gone}"},
        )
        assert reply.status_code == 200
        assert reply.json["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
        results = reply.json["Operations"]
        assert [each["status"] for each in results] == ["201", "409", "200", "204", "404"]
        assert [each.get("bulkId") for each in results[:2]] == ["one", "two"]
        assert results[1]["response"]["scimType"] == "uniqueness"
        assert "location" not in results[1]
        assert okta.get(results[0]["location"].partition("/okta")[2]).json["userName"] == "new@x.com"
        assert results[2]["version"] == okta.get(f"/Users/{kept}").headers["ETag"]
        assert okta.get(f"/Users/{kept}").json["title"] == "Analyst"

    def test_references_find_what_was_made_before_or_after_them(self, okta):
        reply = bulk(
            okta,
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "g",
                "data": {"displayName": "Data", "members": [{"value": "bulkId:u"}]},
            },
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": "new@x.com"}},
            {"method": "PATCH", "path": "/Users/bulkId:u", "data": {"Operations": [DISABLE]}},
        )
        assert [(each.get("bulkId"), each["status"]) for each in reply.json["Operations"]] == [
            ("u", "201"),
            (None, "200"),
            ("g", "201"),
        ]
        (person,) = okta.get("/Users").json["Resources"]
        (group,) = okta.get("/Groups").json["Resources"]
        assert group["members"] == [{"value": person["id"]}]
        assert person["active"] is False

    def test_references_that_lead_nowhere_or_in_a_circle_are_conflicts(self, okta):
        def group(name: str, member: str) -> dict:
            data = {"displayName": name, "members": [{"value": f"bulkId:{member}"}]}
            return {"method": "POST", "path": "/Groups", "bulkId": name, "data": data}

        for operations in ([group("a", "nobody")], [group("a", "a")], [group("a", "b"), group("b", "a")]):
            assert {each["status"] for each in bulk(okta, *operations).json["Operations"]} == {"409"}
        assert okta.get("/Groups").json["totalResults"] == 0

    def test_too_many_errors_end_it_but_never_a_disable(self, okta):
        maya, ben, eve = (okta.user(f"{name}@x.com") for name in ("maya", "ben", "eve"))
        wrong = {"method": "DELETE", "path": "/Users/nobody"}
        reply = bulk(
            okta,
            wrong,
            wrong,
            {"method": "POST", "path": "/Users", "bulkId": "x", "data": {"userName": "late@x.com"}},
            patch(maya, {"op": "replace", "path": "title", "value": "x"}),
            patch(maya, {"op": "replace", "path": "title", "value": "x"}, DISABLE),
            {"method": "PUT", "path": f"/Users/{ben}", "data": {"userName": "ben@x.com", "active": "False"}},
            {"method": "DELETE", "path": f"/Users/{eve}"},
            failOnErrors=2,
        )
        assert [each["status"] for each in reply.json["Operations"]] == ["404", "404", "200", "200", "204"]
        assert [each["active"] for each in okta.get("/Users").json["Resources"]] == [False, False]
        assert okta.get("/Users").json["totalResults"] == 2
        assert sorted(each.kind.name for each in okta.events()) == ["DEACTIVATE", "DEACTIVATE", "DELETE"]

    def test_a_disable_beside_a_refused_operation_is_applied_here_too(self, okta):
        maya = okta.user("maya@x.com")
        (result,) = bulk(okta, patch(maya, {"op": "replace", "path": "id", "value": "x"}, DISABLE)).json["Operations"]
        assert (result["status"], result["response"]["scimType"]) == ("400", "mutability")
        assert okta.get(f"/Users/{maya}").json["active"] is False

    @pytest.mark.parametrize(
        "operation",
        [
            {},
            "POST",
            None,
            {"method": "GET", "path": "/Users"},
            {"method": "POST", "path": "/Bulk", "data": {"Operations": []}},
            {"method": "POST", "path": "/Users/.search/x", "data": {}},
            {"method": "POST", "path": "/../entra/Users", "data": {"userName": "a"}},
            {"method": "POST", "path": "/Users?x=1", "data": {"userName": "a"}},
            {"method": "POST", "path": "/Users"},
            {"method": "PATCH", "path": "/Users/x", "data": []},
        ],
        ids=str,
    )
    def test_an_operation_that_is_none_is_answered_beside_the_others(self, okta, operation):
        maya = okta.user("maya@x.com")
        results = bulk(okta, operation, patch(maya, DISABLE)).json["Operations"]
        assert [each["status"] for each in results] == ["400", "200"]
        assert okta.get("/Users").json["totalResults"] == 1

    @pytest.mark.parametrize(
        "beside",
        [
            {"op": "add", "path": "nickName", "value": "bulkId:nobody"},
            {"op": "add", "path": "nickName", "value": json.loads("[" * 300 + "]" * 300)},
            {"op": "add", "path": "nickName", "value": json.loads('{"a":' * 300 + "1" + "}" * 300)},
            {"op": "replace", "path": "emails[???]", "value": "x"},
        ],
        ids=["reference", "lists", "objects", "path"],
    )
    @pytest.mark.parametrize("most", [1, None])
    def test_a_disable_in_an_operation_that_is_refused_is_applied(self, okta, beside, most):
        maya = okta.user("maya@x.com")
        wrong = {"method": "DELETE", "path": "/Users/nobody"}
        fields = {} if most is None else {"failOnErrors": most}
        _, result = bulk(okta, wrong, patch(maya, beside, DISABLE), **fields).json["Operations"]
        assert result["status"] in {"400", "409"}
        assert "deactivation" in result["response"]["detail"]
        assert okta.get(f"/Users/{maya}").json["active"] is False
        assert [each.kind.name for each in okta.events()] == ["DEACTIVATE"]

    def test_disables_that_wait_for_one_another_are_applied(self, okta):
        people = [okta.user(f"{n}@x.com") for n in range(2)]
        operations = [
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "a",
                "data": {"displayName": "a", "externalId": "bulkId:b"},
            },
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "b",
                "data": {"displayName": "b", "externalId": "bulkId:a"},
            },
            *(patch(each, {"op": "add", "path": "title", "value": "bulkId:a"}, DISABLE) for each in people),
        ]
        results = bulk(okta, *operations, failOnErrors=1).json["Operations"]
        assert {each["status"] for each in results} == {"409"}
        assert [okta.get(f"/Users/{each}").json["active"] for each in people] == [False, False]

    @pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": {}}])
    def test_a_bulk_without_operations_is_invalid_syntax(self, okta, body):
        assert is_error(okta.post("/Bulk", body), 400, "invalidSyntax")

    @pytest.mark.parametrize("most", [0, -1, "two", True, 1.5])
    def test_a_limit_of_errors_is_a_number(self, okta, most):
        assert is_error(bulk(okta, {"method": "DELETE", "path": "/Users/x"}, failOnErrors=most), 400, "invalidValue")

    def test_a_bulk_is_no_larger_than_announced(self, okta):
        announced = okta.get("/ServiceProviderConfig").json["bulk"]
        assert announced == {
            "supported": True,
            "maxOperations": MAX_BULK_OPERATIONS,
            "maxPayloadSize": okta.bridge.max_body_bytes,
        }
        many = [{"method": "DELETE", "path": "/Users/x"}] * (MAX_BULK_OPERATIONS + 1)
        assert is_error(bulk(okta, *many), 413)
        assert len(bulk(okta, *many[1:]).json["Operations"]) == MAX_BULK_OPERATIONS

    @pytest.mark.parametrize(
        ("broken", "status"),
        [
            ({"path": "\ud800"}, "400"),
            ({"method": "\ud800"}, "400"),
            ({"path": "/Users/\ud800"}, "404"),
            ({"path": "/Users/bulkId:\ud800"}, "409"),
            ({"bulkId": "\ud800"}, "404"),
            ({"version": "\ud800"}, "404"),
        ],
    )
    def test_half_a_character_spoils_its_own_operation_alone(self, okta, broken, status):
        maya = okta.user("maya@x.com")
        results = bulk(okta, {"method": "DELETE", "path": "/Users/nobody"} | broken, patch(maya, DISABLE)).json

        assert [each["status"] for each in results["Operations"]] == [status, "200"]
        assert okta.get(f"/Users/{maya}").json["active"] is False

    def test_half_a_character_comes_back_as_the_name_that_it_was_sent_as(self, okta):
        made = {"method": "POST", "path": "/Users", "bulkId": "\ud800", "data": {"userName": "new@x.com"}}
        assert [each["bulkId"] for each in bulk(okta, made).json["Operations"]] == ["\ud800"]

    def test_a_version_is_checked_for_its_operation_alone(self, okta):
        maya, ben = okta.user("maya@x.com"), okta.user("ben@x.com")
        results = bulk(okta, {**patch(maya, DISABLE), "version": 'W/"7"'}, patch(ben, DISABLE)).json["Operations"]
        assert [each["status"] for each in results] == ["412", "200"]

    def test_a_bulk_needs_a_token_of_its_connection(self, okta, entra):
        okta.connection = "entra"
        assert is_error(bulk(okta, {"method": "POST", "path": "/Users", "data": {"userName": "a"}}), 401)
        assert entra.get("/Users").json["totalResults"] == 0
