"""Every test of Microsoft's SCIM validator that is known, and what Microsoft's own collection adds, as rules of ours.

Source: Microsoft Entra, "Tutorial: Validate a SCIM endpoint"; run reports of the validator; AzureAD/SCIMReferenceCode.
"""

from __future__ import annotations

import pytest

from tests.web.conftest import PATCH_OP, is_error

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
MANAGER = f"{ENTERPRISE}:manager"
TOMAS = {
    "schemas": [USER, ENTERPRISE],
    "externalId": "0f9c2e51-3a77-4d0b-b6de-5512aa90c001",
    "userName": "Tomas.Reyes@example.com",
    "active": True,
    "displayName": "Tomas Reyes",
    "title": "Engineer",
    "preferredLanguage": "pt",
    "timezone": "Not/A_Zone",
    "nickName": "Tom",
    "name": {"givenName": "Tomas", "familyName": "Reyes", "formatted": "Tomas Reyes"},
    "emails": [{"type": "work", "value": "tomas.reyes@example.com", "primary": True}],
    "phoneNumbers": [{"type": "mobile", "value": "+351 210 000 000"}],
    "addresses": [{"type": "work", "country": "PT", "locality": "Porto", "primary": "true"}],
    "roles": [{"primary": "True", "display": "Admin", "value": "admin", "type": "app"}],
    ENTERPRISE: {"employeeNumber": "701984", "department": "Growth", "costCenter": "4130"},
}


@pytest.fixture
def tomas(entra) -> str:
    reply = entra.post("/Users", TOMAS)
    assert reply.status_code == 201
    return reply.json["id"]


@pytest.fixture
def team(entra, tomas) -> str:
    reply = entra.post(
        "/Groups", {"schemas": [GROUP], "externalId": "g-1", "displayName": "Growth Team", "members": []}
    )
    assert reply.status_code == 201
    return reply.json["id"]


def found(client, collection: str, asked: str, **query: str):
    reply = client.get(f"/{collection}", query={"filter": asked, **query})
    assert reply.status_code == 200
    assert reply.json["schemas"] == [LIST]
    assert reply.json["totalResults"] == len(reply.json["Resources"])
    return reply.json["Resources"]


class TestUsers:
    def test_create_a_new_user_and_every_attribute_comes_back(self, entra, tomas):
        (read,) = found(entra, "Users", 'userName eq "tomas.reyes@example.com"')
        wanted = TOMAS | {"roles": [TOMAS["roles"][0] | {"primary": True}]}
        wanted["addresses"] = [TOMAS["addresses"][0] | {"primary": True}]
        assert read == read | wanted

    def test_create_a_duplicate_user_is_409(self, entra, tomas):
        assert is_error(entra.post("/Users", TOMAS), 409, "uniqueness")
        assert is_error(entra.post("/Users", TOMAS | {"userName": TOMAS["userName"].upper()}), 409, "uniqueness")

    def test_filter_for_an_existing_user(self, entra, tomas):
        (read,) = found(entra, "Users", f'userName eq "{TOMAS["userName"]}"')
        assert {"id", "userName", "active", "meta", "schemas"} <= read.keys()

    def test_filter_for_a_user_who_does_not_exist(self, entra, tomas):
        assert found(entra, "Users", 'userName eq "5c1d7e90-4b1f-4a55-9d0e-8f2b6a3ce101"') == []

    @pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase])
    def test_filter_for_an_existing_user_in_another_case(self, entra, tomas, change):
        (read,) = found(entra, "Users", f'userName eq "{change(TOMAS["userName"])}"')
        assert read["id"] == tomas

    @pytest.mark.parametrize(
        "asked",
        [
            'externalId eq "0f9c2e51-3a77-4d0b-b6de-5512aa90c001"',
            "externalId eq 0f9c2e51-3a77-4d0b-b6de-5512aa90c001",
            'emails[type eq "work"].value eq "tomas.reyes@example.com"',
            'userName eq "Tomas.Reyes@example.com" and active eq true',
            'DisplayName eq "tomas reyes"',
            f'{ENTERPRISE}:employeeNumber eq "701984"',
            "userName sw T",
            "name.FamilyName eq Reyes and (emails.Value co example.com or emails.Value co example.org)",
            "meta.Created gt 2015-10-10T14:38:21.8617979-07:00",
        ],
    )
    def test_any_matching_attribute_finds_the_one_user(self, entra, tomas, asked):
        entra.user("someone.else@example.org", externalId="x")
        listed = found(entra, "Users", asked)
        assert tomas in [each["id"] for each in listed]
        assert len(listed) == (2 if "Created" in asked else 1)

    def test_replace_attributes_one_operation_each(self, entra, tomas):
        values = {
            "displayName": "T. Reyes",
            "title": "Lead",
            "preferredLanguage": "en",
            "name.givenName": "Tom",
            "name.familyName": "Reyes-Lima",
            'emails[type eq "work"].value': "tom@example.com",
            'phoneNumbers[type eq "mobile"].value': "+1 555 0100",
            'addresses[type eq "work"].locality': "Lisboa",
            'roles[primary eq "True"].display': "Owner",
            f"{ENTERPRISE}:department": "Data",
        }
        reply = entra.patch(f"/Users/{tomas}", *({"op": "replace", "path": p, "value": v} for p, v in values.items()))
        assert reply.status_code == 200
        read = entra.get(f"/Users/{tomas}").json
        assert (read["displayName"], read["title"], read["preferredLanguage"]) == ("T. Reyes", "Lead", "en")
        assert (read["name"]["givenName"], read["name"]["familyName"]) == ("Tom", "Reyes-Lima")
        assert read["emails"] == [{"type": "work", "value": "tom@example.com", "primary": True}]
        assert read["phoneNumbers"][0]["value"] == "+1 555 0100"
        assert read["addresses"][0]["locality"] == "Lisboa"
        assert read["roles"] == [{"primary": True, "display": "Owner", "value": "admin", "type": "app"}]
        assert read[ENTERPRISE]["department"] == "Data"

    def test_replace_attributes_in_one_verbose_request(self, entra, tomas):
        value = {
            "displayName": "T. Reyes",
            "name.familyName": "Reyes-Lima",
            f"{ENTERPRISE}:department": "Data",
            f"{ENTERPRISE}:costCenter": "1",
        }
        operations = [
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": "tom@example.com"},
            {"op": "replace", "value": value},
        ]
        assert entra.patch(f"/Users/{tomas}", *operations).status_code == 200
        read = entra.get(f"/Users/{tomas}").json
        assert (read["displayName"], read["name"]["familyName"]) == ("T. Reyes", "Reyes-Lima")
        assert (read[ENTERPRISE]["department"], read[ENTERPRISE]["costCenter"]) == ("Data", "1")
        assert read["emails"][0]["value"] == "tom@example.com"

    def test_add_attributes_to_a_user_who_has_none(self, entra):
        person = entra.user("plain@example.com")
        paths = {
            "displayName": "Plain",
            'emails[type eq "work"].value': "plain@example.com",
            'addresses[type eq "work"].country': "PT",
            "name.givenName": "Plain",
            f"{ENTERPRISE}:department": "Data",
        }
        entra.patch(f"/Users/{person}", *({"op": "Add", "path": path, "value": value} for path, value in paths.items()))
        read = entra.get(f"/Users/{person}").json
        assert read["displayName"] == "Plain"
        assert read["emails"] == [{"type": "work", "value": "plain@example.com"}]
        assert read["addresses"] == [{"type": "work", "country": "PT"}]
        assert read["name"] == {"givenName": "Plain"}
        assert read[ENTERPRISE] == {"department": "Data"}

    def test_update_user_name(self, entra, tomas):
        entra.patch(f"/Users/{tomas}", {"op": "replace", "path": "userName", "value": "Tom@example.com"})
        assert entra.get(f"/Users/{tomas}").json["userName"] == "Tom@example.com"
        assert found(entra, "Users", f'userName eq "{TOMAS["userName"]}"') == []
        assert entra.events() == []

    @pytest.mark.parametrize("value", [False, "False", "false"])
    def test_disable_user_shows_in_a_later_get(self, entra, tomas, value):
        reply = entra.patch(f"/Users/{tomas}", {"op": "replace", "path": "active", "value": value})
        assert reply.status_code == 200
        assert entra.get(f"/Users/{tomas}").json["active"] is False
        assert [each.kind.name for each in entra.events()] == ["DEACTIVATE"]

    def test_restore_user_keeps_the_id(self, entra, tomas):
        for value in ("False", "True"):
            entra.patch(f"/Users/{tomas}", {"op": "Replace", "path": "active", "value": value})
        (read,) = found(entra, "Users", f'userName eq "{TOMAS["userName"]}"')
        assert (read["id"], read["active"]) == (tomas, True)

    @pytest.mark.parametrize("value", ["m-1", {"value": "m-1"}, [{"$ref": "../Users/m-1", "value": "m-1"}]], ids=str)
    def test_add_replace_and_remove_manager(self, entra, tomas, value):
        assert entra.patch(f"/Users/{tomas}", {"op": "add", "path": MANAGER, "value": value}).status_code == 200
        assert entra.get(f"/Users/{tomas}").json[ENTERPRISE]["manager"]["value"] == "m-1"
        (checked,) = found(entra, "Users", f'id eq "{tomas}" and manager eq "m-1"', attributes="id")
        assert checked == {"schemas": [USER, ENTERPRISE], "id": tomas}

        entra.patch(f"/Users/{tomas}", {"op": "replace", "path": MANAGER, "value": {"value": "m-2"}})
        assert entra.get(f"/Users/{tomas}").json[ENTERPRISE]["manager"]["value"] == "m-2"
        assert found(entra, "Users", f'id eq "{tomas}" and manager eq "m-1"') == []

        reply = entra.patch(f"/Users/{tomas}", {"op": "replace", "path": MANAGER, "value": {"value": ""}})
        assert reply.status_code == 200
        assert "manager" not in entra.get(f"/Users/{tomas}").json[ENTERPRISE]

    def test_delete_a_user_is_204_then_404_and_404_again(self, entra, tomas):
        assert entra.delete(f"/Users/{tomas}").status_code == 204
        assert is_error(entra.get(f"/Users/{tomas}"), 404)
        assert is_error(entra.delete(f"/Users/{tomas}"), 404)

    def test_delete_a_user_who_never_was_is_404(self, entra):
        assert is_error(entra.delete("/Users/5c1d7e90-4b1f-4a55-9d0e-8f2b6a3ce101"), 404)

    def test_several_operations_on_different_attributes(self, entra, tomas):
        entra.patch(
            f"/Users/{tomas}",
            {"op": "remove", "path": "title"},
            {"op": "add", "path": "userType", "value": "Contractor"},
            {"op": "replace", "path": "nickName", "value": "Tommy"},
        )
        read = entra.get(f"/Users/{tomas}").json
        assert "title" not in read
        assert (read["userType"], read["nickName"]) == ("Contractor", "Tommy")

    def test_remove_add_and_replace_of_one_attribute_happen_in_order(self, entra, tomas):
        entra.patch(
            f"/Users/{tomas}",
            {"op": "remove", "path": "displayName"},
            {"op": "add", "path": "displayName", "value": "first"},
            {"op": "replace", "path": "displayName", "value": "second"},
        )
        assert entra.get(f"/Users/{tomas}").json["displayName"] == "second"

    def test_a_null_asks_for_nothing_or_takes_away(self, entra, tomas):
        assert entra.patch(f"/Users/{tomas}", {"op": "Add", "path": "userType", "value": None}).status_code == 200
        assert entra.patch(f"/Users/{tomas}", {"op": "Replace", "path": "title", "value": None}).status_code == 200
        assert not {"userType", "title"} & entra.get(f"/Users/{tomas}").json.keys()


class TestGroups:
    def test_get_by_id_without_members(self, entra, team):
        read = entra.get(f"/Groups/{team}?excludedAttributes=members").json
        assert (read["id"], read["displayName"], read["externalId"]) == (team, "Growth Team", "g-1")
        assert "members" not in read

    @pytest.mark.parametrize("query", [{}, {"excludedAttributes": "members"}])
    @pytest.mark.parametrize("name", ["Growth Team", "GROWTH team"])
    def test_filter_for_an_existing_group_in_any_case(self, entra, team, query, name):
        (read,) = found(entra, "Groups", f'displayName eq "{name}"', **query)
        assert read["id"] == team
        assert ("members" in read) is not bool(query)

    def test_filter_for_a_group_that_does_not_exist(self, entra, team):
        assert found(entra, "Groups", 'displayName eq "nothing"') == []
        (read,) = found(entra, "Groups", 'externalId eq "g-1"')
        assert read["id"] == team

    def test_create_a_duplicate_group_is_409(self, entra, team):
        assert is_error(entra.post("/Groups", {"displayName": "growth team"}), 409, "uniqueness")

    @pytest.mark.parametrize(("path", "value"), [("displayName", "Data Team"), ("externalId", "g-2")])
    def test_replace_an_attribute(self, entra, team, path, value):
        assert entra.patch(f"/Groups/{team}", {"op": "replace", "path": path, "value": value}).status_code == 200
        assert entra.get(f"/Groups/{team}").json[path] == value
        entra.patch(f"/Groups/{team}", {"op": "Replace", "value": {path: value + "!"}})
        assert entra.get(f"/Groups/{team}").json[path] == value + "!"

    @pytest.mark.parametrize(
        "remove",
        [
            lambda person: {"op": "remove", "path": f'members[value eq "{person}"]'},
            lambda person: {"op": "Remove", "path": "members", "value": [{"value": person}]},
        ],
    )
    def test_add_and_remove_a_member(self, entra, team, tomas, remove):
        other = entra.user("other@example.com")
        for person in (tomas, other):
            operation = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": person}]}
            assert entra.patch(f"/Groups/{team}", operation).status_code == 200
        assert {each["value"] for each in entra.get(f"/Groups/{team}").json["members"]} == {tomas, other}
        assert entra.patch(f"/Groups/{team}", remove(tomas)).status_code == 200
        assert [each["value"] for each in entra.get(f"/Groups/{team}").json["members"]] == [other]

    def test_delete_a_group_is_204_then_404_and_404_again(self, entra, team):
        assert entra.delete(f"/Groups/{team}").status_code == 204
        assert is_error(entra.get(f"/Groups/{team}"), 404)
        assert is_error(entra.delete(f"/Groups/{team}"), 404)
        assert is_error(entra.delete("/Groups/never-was"), 404)

    def test_replace_a_group_whole(self, entra, team, tomas):
        body = {
            "id": team,
            "displayName": "Data Team",
            "externalId": "g-9",
            "members": [{"value": tomas, "display": "VP"}],
        }
        assert entra.put(f"/Groups/{team}", body).status_code == 200
        read = entra.get(f"/Groups/{team}").json
        assert (read["displayName"], read["externalId"]) == ("Data Team", "g-9")
        assert [each["value"] for each in read["members"]] == [tomas]


class TestReferenceCollection:
    def test_pages_count_all_and_hold_as_many_as_asked(self, entra):
        for n in range(5):
            entra.user(f"{n}@example.com")
        body = entra.get("/Users?startIndex=1&count=2").json
        assert (body["totalResults"], body["itemsPerPage"], body["startIndex"]) == (5, 2, 1)

    @pytest.mark.parametrize("asked", ["userName,emails", 'emails[type eq "work"]', 'emails[value eq "x"]'])
    def test_wanted_attributes_come_with_the_id(self, entra, tomas, asked):
        (read,) = entra.get("/Users", query={"attributes": asked}).json["Resources"]
        assert read["id"] == tomas
        assert read["emails"][0]["value"] == "tomas.reyes@example.com"
        assert "title" not in read

    def test_a_put_without_a_name_is_400_and_a_misspelled_attribute_is_none(self, entra, tomas):
        assert is_error(entra.put(f"/Users/{tomas}", {"userame": "x", "active": True}), 400, "invalidValue")
        reply = entra.put(f"/Users/{tomas}", {"userName": "x", "adreses": [{"country": "DE"}]})
        assert reply.status_code == 200
        assert "addresses" not in reply.json

    def test_a_user_without_a_name_and_broken_json_are_400(self, entra):
        assert is_error(entra.post("/Users", {"active": True}), 400, "invalidValue")
        assert is_error(entra.post("/Users", '{"acve": tre, "les": []}'), 400, "invalidSyntax")

    def test_odd_casing_and_a_text_for_active_are_understood(self, entra):
        body = {
            "userName": "emp1",
            "active": "True",
            "emails": [{"Primary": True, "type": "work", "value": "a@example.com"}],
            "addresses": [{"country": None, "type": "other"}],
            ENTERPRISE: {"Department": "bob", "Manager": {"Value": "SuzzyQ"}},
        }
        read = entra.post("/Users", body).json
        assert read["active"] is True
        assert read["emails"] == [{"primary": True, "type": "work", "value": "a@example.com"}]
        assert read[ENTERPRISE] == {"department": "bob", "manager": {"value": "SuzzyQ"}}

    def test_a_named_operation_and_a_body_with_an_id_are_understood(self, entra, team):
        operation = {"name": "addMember", "op": "add", "path": "members", "value": "string id 1"}
        reply = entra.send("PATCH", f"/Groups/{team}", {"id": team, "schemas": [PATCH_OP], "Operations": [operation]})
        assert reply.status_code == 200
        assert entra.get(f"/Groups/{team}").json["members"] == [{"value": "string id 1"}]

    @pytest.mark.parametrize("path", ["/users", "/Users/", "/Groups/", "/groups", "/ResourceTypes", "/Schemas"])
    def test_addresses_are_found_in_the_forms_in_which_they_are_asked_for(self, entra, path):
        assert entra.get(path).status_code == 200

    def test_the_schemas_are_a_list_without_nulls_in_camel_case(self, entra):
        body = entra.get("/Schemas").json
        assert body["schemas"] == [LIST]
        assert next(each["description"] for each in body["Resources"]) == "User Account"
        for schema in body["Resources"]:
            for attribute in schema["attributes"]:
                assert attribute["mutability"] in {"readWrite", "readOnly", "immutable", "writeOnly"}
                assert attribute["type"][0].islower()
                assert None not in attribute.values()


class TestTransport:
    def test_the_probe_of_every_activity_is_an_empty_list(self, entra):
        reply = entra.get("/Users?filter=userName+eq+%22cf4d1bd2-5a0f-4fd4-9a0c-7b5ad0a3e8a9%22")
        assert (reply.status_code, reply.json["totalResults"], reply.json["Resources"]) == (200, 0, [])
        assert entra.get("/Groups?excludedAttributes=members&filter=displayName+eq+%22x%22").json["Resources"] == []

    def test_every_answer_is_scim_json(self, entra, tomas):
        replies = [
            entra.get("/Users"),
            entra.get(f"/Users/{tomas}"),
            entra.get("/Users/x"),
            entra.patch(f"/Users/{tomas}", {"op": "add", "path": "title", "value": "x"}),
            entra.get("/Users", Authorization="Bearer x"),
            entra.get("/ServiceProviderConfig"),
            entra.get("/nothing"),
        ]
        assert {reply.content_type for reply in replies} == {"application/scim+json"}

    @pytest.mark.parametrize("query", ["?aadOptscim062020", "?aadOptscim062020=1&AzureAdScimPatch2017", "?x=&y"])
    def test_flags_in_the_address_change_nothing(self, entra, tomas, query):
        reply = entra.send(
            "PATCH", f"/Users/{tomas}{query}", {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        )
        assert reply.status_code == 200
        assert entra.get(f"/Users/{tomas}{query}").json["active"] is False
