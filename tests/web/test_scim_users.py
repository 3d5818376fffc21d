"""What may be done to a User over SCIM, and that a disable is never lost on the way."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bridge.web import create_app
from tests.web.conftest import DISABLE, is_error, scim_client


class TestUsers:
    def test_the_address_of_a_new_resource_is_where_it_is_read(self, okta):
        reply = okta.post("/Users", {"userName": "a@example.com"})
        base = "https://bridge.example.com/scim/v2/okta"
        assert reply.headers["Location"] == f"{base}/Users/{reply.json['id']}"
        assert reply.json["meta"]["location"] == reply.headers["Location"]
        assert okta.get(f"/Users/{reply.json['id']}").json == reply.json

    def test_without_a_public_url_the_address_is_the_requests_own(self, bridge):
        okta = scim_client(bridge, create_app(bridge), "okta")
        reply = okta.post("/Users", {"userName": "a@example.com"}, Host="idp.example.com:8443")
        assert reply.headers["Location"].startswith("http://idp.example.com:8443/scim/v2/okta/Users/")

    @pytest.mark.parametrize(
        "body", [{}, {"userName": ""}, {"userName": "  "}, {"userName": None}, {"userName": ["a"]}]
    )
    def test_a_person_needs_a_user_name(self, okta, body):
        assert is_error(okta.post("/Users", body), 400, "invalidValue")
        person = okta.user()
        assert is_error(okta.put(f"/Users/{person}", body), 400, "invalidValue")
        assert okta.get(f"/Users/{person}").json["userName"] == "maya.okafor@example.com"

    def test_lengths_have_limits(self, okta):
        okta.user("a" * 256)
        assert is_error(okta.post("/Users", {"userName": "a" * 257}), 400, "invalidValue")
        too_long = [{"value": "a" * 1025}]
        assert is_error(okta.post("/Users", {"userName": "b", "emails": too_long}), 400, "invalidValue")
        assert is_error(okta.post("/Users", {"userName": "b", "externalId": "a" * 1025}), 400, "invalidValue")

    @pytest.mark.parametrize("word", ["a\u0000", "\ud800"])
    def test_what_no_database_keeps_is_refused(self, okta, word):
        for body in ({"userName": word}, {"userName": "a", "title": word}, {"userName": "a", "x": [{word: 1}]}):
            assert is_error(okta.post("/Users", body), 400, "invalidValue")

    @pytest.mark.parametrize("value", [False, "False", "false", [{"value": "False"}]])
    def test_a_person_who_is_posted_inactive_is_inactive_and_leaves(self, entra, value):
        person = entra.user(active=value)
        assert entra.get(f"/Users/{person}").json["active"] is False
        assert [each.kind.name for each in entra.events()] == ["DEACTIVATE"]

    @pytest.mark.parametrize("value", ["no", 0, "", {"is": False}])
    def test_a_boolean_that_is_none_is_refused(self, entra, value):
        assert is_error(entra.post("/Users", {"userName": "a", "active": value}), 400, "invalidValue")
        person = entra.user()
        assert is_error(entra.put(f"/Users/{person}", {"userName": "a", "active": value}), 400, "invalidValue")

    @pytest.mark.parametrize("silent", [{}, {"active": None}])
    def test_a_put_that_does_not_speak_of_active_keeps_it(self, okta, silent):
        person = okta.user(active=False)
        reply = okta.put(f"/Users/{person}", {"userName": "maya.okafor@example.com"} | silent)
        assert reply.json["active"] is False

    def test_a_put_without_external_id_keeps_it(self, okta):
        person = okta.user(externalId="00u1", title="Analyst")
        reply = okta.put(f"/Users/{person}", {"userName": "maya.okafor@example.com"})
        assert reply.json["externalId"] == "00u1"
        assert "title" not in reply.json

    def test_a_password_is_kept_nowhere(self, okta, bridge, capsys):
        secret = "hunter2-never-kept"
        person = okta.user(password=secret)
        okta.put(f"/Users/{person}", {"userName": "maya.okafor@example.com", "Password": secret})
        okta.patch(f"/Users/{person}", {"op": "replace", "path": "password", "value": secret})
        okta.patch(f"/Users/{person}", {"op": "replace", "value": {"password": secret, "active": False}})
        with bridge.db.read() as tx:
            kept = [
                str(row)
                for (table,) in tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
                for row in tx.execute(text(f'SELECT * FROM "{table}"'))
            ]
        said = capsys.readouterr()
        assert secret not in "".join(kept) + said.out + said.err + okta.get(f"/Users/{person}").text

    def test_names_of_the_living_are_unique_whatever_their_case_and_free_again_after_a_delete(self, okta, entra):
        person = okta.user("Maya@example.com", active=False)
        assert is_error(okta.post("/Users", {"userName": "mAYA@example.com"}), 409, "uniqueness")
        entra.user("maya@example.com")
        okta.delete(f"/Users/{person}")
        assert okta.user("maya@example.com") != person

    def test_a_rename_onto_a_taken_name_is_409(self, okta):
        okta.user("taken@example.com")
        person = okta.user()
        rename = {"op": "replace", "path": "userName", "value": "TAKEN@example.com"}
        assert is_error(okta.patch(f"/Users/{person}", rename), 409, "uniqueness")
        assert okta.get(f"/Users/{person}").json["active"] is True

    @pytest.mark.parametrize(
        ("operation", "status"),
        [
            ({"op": "replace", "path": "userName", "value": "TAKEN@example.com"}, 409),
            ({"op": "replace", "path": "userName", "value": ""}, 400),
            ({"op": "replace", "path": "userName", "value": "x" * 300}, 400),
            ({"op": "remove", "path": "userName"}, 400),
            ({"op": "remove"}, 400),
            ({"op": "nonsense", "path": "title", "value": "x"}, 400),
            ({"op": "replace", "path": "title", "value": "\0"}, 400),
        ],
        ids=str,
    )
    def test_a_disable_is_applied_even_when_what_stands_beside_it_is_refused(self, okta, operation, status):
        okta.user("taken@example.com")
        person = okta.user()
        reply = okta.patch(f"/Users/{person}", operation, DISABLE)
        assert reply.status_code == status
        assert "deactivation" in reply.json["detail"]
        found = okta.get(f"/Users/{person}").json
        assert (found["active"], found["userName"]) == (False, "maya.okafor@example.com")
        assert [each.kind.name for each in okta.events()] == ["DEACTIVATE"]

    def test_a_refused_put_disables_all_the_same_when_it_says_so(self, okta):
        okta.user("taken@example.com")
        person = okta.user()
        assert is_error(
            okta.put(f"/Users/{person}", {"userName": "taken@example.com", "active": "False"}), 409, "uniqueness"
        )
        assert okta.get(f"/Users/{person}").json["active"] is False

    def test_an_unclear_disable_is_told_and_changes_nothing(self, okta):
        person = okta.user()
        reply = okta.patch(f"/Users/{person}", {"op": "replace", "path": "active", "value": "nope"})
        assert is_error(reply, 400, "invalidValue")
        assert okta.get(f"/Users/{person}").json["active"] is True
        assert okta.events() == []

    def test_an_unknown_attribute_beside_a_disable_does_not_lose_it(self, entra):
        person = entra.user()
        reply = entra.patch(f"/Users/{person}", {"op": "Add", "path": "x[y eq 1].z", "value": 1}, DISABLE)
        assert reply.status_code == 200
        assert reply.json["active"] is False
        assert len(entra.events()) == 1

    def test_unknown_attributes_are_kept_as_sent(self, entra):
        person = entra.user(favouriteColour="blue")
        entra.patch(f"/Users/{person}", {"op": "Add", "path": "urn:example:2.0:User:badge", "value": "17"})
        found = entra.get(f"/Users/{person}").json
        assert found["favouriteColour"] == "blue"
        assert found["urn:example:2.0:User"] == {"badge": "17"}
        assert "urn:example:2.0:User" in found["schemas"]

    @pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": {}}])
    def test_a_patch_without_operations_is_invalid_syntax(self, okta, body):
        person = okta.user()
        assert is_error(okta.send("PATCH", f"/Users/{person}", body), 400, "invalidSyntax")

    def test_ids_and_times_are_never_written_from_outside(self, okta):
        person = okta.user()
        before = okta.get(f"/Users/{person}").json
        mine = {"id": "mine", "meta": {"created": "1970-01-01T00:00:00Z"}, "schemas": ["x"], "groups": [{"value": "g"}]}
        okta.patch(f"/Users/{person}", {"op": "replace", "value": mine})
        okta.put(f"/Users/{person}", {"userName": "maya.okafor@example.com"} | mine)
        assert okta.get(f"/Users/{person}").json == before

    def test_the_same_again_changes_nothing(self, okta):
        person = okta.user(title="Analyst")
        version = okta.get(f"/Users/{person}").json["meta"]["version"]
        reply = okta.patch(f"/Users/{person}", {"op": "replace", "path": "title", "value": "Analyst"})
        assert reply.json["meta"]["version"] == version
        assert okta.patch(f"/Users/{person}", DISABLE).json["meta"]["version"] != version

    def test_a_stale_version_is_refused_and_an_unchanged_one_not_sent_again(self, okta):
        person = okta.user()
        tag = okta.get(f"/Users/{person}").headers["ETag"]
        assert okta.get(f"/Users/{person}", If_None_Match=tag).status_code == 304
        assert (
            okta.patch(f"/Users/{person}", {"op": "add", "path": "title", "value": "x"}, If_Match=tag).status_code
            == 200
        )
        assert is_error(okta.patch(f"/Users/{person}", DISABLE, If_Match=tag), 412)
        assert is_error(okta.delete(f"/Users/{person}", If_Match=tag), 412)
        assert okta.patch(f"/Users/{person}", DISABLE, If_Match="*").status_code == 200

    def test_a_repeated_disable_is_one_event(self, entra):
        person = entra.user()
        for _ in range(3):
            assert entra.patch(f"/Users/{person}", DISABLE).json["active"] is False
        assert len(entra.events()) == 1

    def test_a_deleted_person_is_gone_for_every_request(self, entra):
        person = entra.user()
        assert entra.delete(f"/Users/{person}").data == b""
        for reply in (
            entra.get(f"/Users/{person}"),
            entra.patch(f"/Users/{person}", DISABLE),
            entra.put(f"/Users/{person}", {"userName": "a"}),
            entra.delete(f"/Users/{person}"),
        ):
            assert is_error(reply, 404)
        assert entra.get("/Users").json["totalResults"] == 0
        assert [each.kind.name for each in entra.events()] == ["DELETE"]


def test_a_disable_beside_a_name_that_cannot_be_stored_is_applied(okta):
    made = okta.post("/Users", {"userName": "maya.okafor@example.com"}).json
    operations = [
        {"op": "replace", "path": "active", "value": False},
        {"op": "add", "path": "urn:\ud800:1.0:User:foo", "value": "a"},
    ]
    told = okta.patch(f"/Users/{made['id']}", *operations)

    assert told.status_code == 400
    assert okta.get(f"/Users/{made['id']}").json["active"] is False


def test_a_patch_with_thousands_of_operations_is_refused(okta):
    made = okta.post("/Users", {"userName": "maya.okafor@example.com"}).json
    operations = [{"op": "replace", "path": "title", "value": "x"}] * 1001

    assert okta.patch(f"/Users/{made['id']}", *operations).status_code == 400
