"""The rules of the SCIM endpoints that no single recorded exchange shows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from bridge.ports import Connection
from bridge.store import tokens
from bridge.web import create_app
from tests.web.conftest import DISABLE, ScimClient, is_error, scim_client


class TestAuthentication:
    @pytest.mark.parametrize(
        "header",
        [
            "",
            "non-token",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic dTpw",
            "Bearer wr\u00f6ng",
            "bearer\tx",
            "Token x",
        ],
    )
    def test_anything_but_a_live_token_is_401_with_a_scim_body(self, okta, header):
        reply = okta.get("/Users", Authorization=header)
        assert is_error(reply, 401)
        assert reply.headers["WWW-Authenticate"] == "Bearer"

    def test_a_token_without_its_scheme_is_401(self, okta):
        assert is_error(okta.get("/Users", Authorization=okta.token), 401)

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_is_caseless(self, okta, scheme):
        assert okta.get("/Users", Authorization=f"{scheme} {okta.token}").status_code == 200

    def test_no_token_opens_another_connection(self, okta, entra):
        person = entra.user()
        okta.connection = "entra"
        for method, path in (("GET", "/Users"), ("GET", f"/Users/{person}"), ("DELETE", f"/Users/{person}")):
            assert is_error(okta.send(method, path), 401)
        assert entra.get(f"/Users/{person}").status_code == 200

    def test_an_unknown_connection_looks_like_a_wrong_token(self, okta):
        wrong = okta.get("/Users", Authorization="Bearer wrong")
        okta.connection = "nobody"
        unknown = okta.get("/Users")
        assert (unknown.status_code, unknown.data) == (wrong.status_code, wrong.data)

    def test_a_revoked_or_expired_token_is_401(self, okta, bridge, clock):
        with bridge.db.write() as tx:
            brief = tokens.create(tx, "okta", clock.now(), clock.now() + timedelta(hours=1))
        assert okta.get("/Users", Authorization=f"Bearer {brief}").status_code == 200
        clock.advance(hours=2)
        assert is_error(okta.get("/Users", Authorization=f"Bearer {brief}"), 401)
        with bridge.db.write() as tx:
            tokens.revoke_all(tx, "okta", clock.now())
        assert is_error(okta.get("/Users"), 401)

    def test_a_connection_that_is_no_scim_connection_has_no_endpoints(self, bridge):
        hook = Connection(name="hook", kind="okta-hook", targets=("main",))
        bridge = replace(bridge, connections={**bridge.connections, "hook": hook})
        assert is_error(scim_client(bridge, create_app(bridge), "hook").get("/Users"), 401)

    def test_records_of_another_connection_are_not_there(self, okta, entra):
        person = entra.user()
        assert is_error(okta.get(f"/Users/{person}"), 404)
        assert is_error(okta.patch(f"/Users/{person}", DISABLE), 404)
        assert okta.get("/Users").json["totalResults"] == 0


class TestErrors:
    @pytest.mark.parametrize("path", ["/Nothing", "/", "", "/Users/a/b", "//Users", "/ResourceTypes/X", "/Schemas/X"])
    def test_an_unknown_address_is_a_scim_404(self, okta, path):
        assert is_error(okta.get(path), 404)

    def test_a_wrong_method_is_a_scim_405_that_names_the_right_ones(self, okta):
        reply = okta.delete("/Users")
        assert is_error(reply, 405)
        assert "POST" in reply.headers["Allow"]
        assert is_error(okta.post("/ServiceProviderConfig", {}), 405)

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_there_is_no_me_since_a_token_is_nobody(self, okta, method):
        assert is_error(okta.send(method, "/Me", None if method == "GET" else {}), 501)

    @pytest.mark.parametrize(
        "body",
        ["", "{", "nonsense", "[]", '"text"', "null", "5", '{"a": NaN}', b"\xff\xfe", "[" * 5000, '{"a":' * 5000],
        ids=lambda body: repr(body[:12]),
    )
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    def test_a_body_that_is_no_json_object_is_400(self, okta, method, body):
        path = "/Users" if method == "POST" else f"/Users/{okta.user()}"
        assert is_error(okta.send(method, path, body), 400, "invalidSyntax")

    def test_a_body_that_is_too_large_is_413(self, bridge):
        bridge = replace(bridge, max_body_bytes=1000)
        okta = scim_client(bridge, create_app(bridge), "okta")
        assert is_error(okta.post("/Users", {"userName": "a@example.com", "title": "x" * 2000}), 413)
        assert okta.get("/Users").json["totalResults"] == 0

    @pytest.mark.parametrize(
        "record_id", ["1", "0" * 36, "x" * 300, "%00", "%2e%2e", "%ff", "a%20b", "bulkId", "\u00e9", ".search", "'"]
    )
    @pytest.mark.parametrize("collection", ["Users", "Groups"])
    def test_an_id_that_is_none_of_ours_is_404(self, okta, collection, record_id):
        path = f"/{collection}/{record_id}"
        assert is_error(okta.get(path), 404)
        assert is_error(okta.patch(path, DISABLE), 404)
        assert is_error(okta.put(path, {"userName": "a@example.com", "displayName": "a"}), 404)
        assert is_error(okta.delete(path), 404)

    def test_a_user_is_no_group(self, okta):
        assert is_error(okta.get(f"/Groups/{okta.user()}"), 404)

    def test_what_nobody_foresaw_is_500_without_a_word_about_itself(self, okta, app, bridge, capsys):
        class Broken:
            def now(self):
                raise RuntimeError("maya.okafor@example.com")

        broken = ScimClient(Client(create_app(replace(bridge, clock=Broken()))), bridge, "okta", okta.token)
        reply = broken.get("/Users")
        assert is_error(reply, 500)
        said = capsys.readouterr()
        assert "maya" not in reply.text + said.out + said.err

    @pytest.mark.parametrize("content_type", ["application/json", "application/scim+json; charset=utf-8", None, "a/b"])
    def test_the_content_type_does_not_matter(self, okta, content_type):
        given = {} if content_type is None else {"Content_Type": content_type}
        assert okta.post("/Users", {"userName": "a@example.com"}, **given).status_code == 201


class TestStoreFails:
    @pytest.fixture(params=[OperationalError("INSERT", {"a": "maya.okafor@example.com"}, Exception()), OSError(28, "")])
    def broken(self, request, bridge, monkeypatch):
        @contextmanager
        def fails():
            raise request.param
            yield

        def fail() -> None:
            monkeypatch.setattr(bridge.db, "write", fails)

        return fail

    @pytest.mark.parametrize(("name", "status"), [("okta", 429), ("entra", 503)])
    def test_each_channel_gets_the_answer_after_which_it_asks_again(self, request, broken, name, status, capsys):
        client = request.getfixturevalue(name)
        person = client.user()
        broken()
        for reply in (
            client.patch(f"/Users/{person}", DISABLE),
            client.put(f"/Users/{person}", {"userName": "maya.okafor@example.com", "active": False}),
            client.delete(f"/Users/{person}"),
            client.post("/Users", {"userName": "b@example.com"}),
        ):
            assert is_error(reply, status)
            assert int(reply.headers["Retry-After"]) == 30
        said = capsys.readouterr()
        assert "maya.okafor" not in said.out + said.err

    def test_a_failing_read_asks_for_another_try_too(self, okta, bridge, monkeypatch):
        @contextmanager
        def fails(**_how):
            raise OSError
            yield

        monkeypatch.setattr(bridge.db, "read", fails)
        assert is_error(okta.get("/Users"), 429)

    def test_ready_means_that_a_durable_write_is_possible(self, app, broken):
        client = Client(app)
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        broken()
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200

    def test_they_say_how_they_may_be_asked(self, app):
        wrong = Client(app).post("/readyz")
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")

    def test_a_dead_queue_changes_neither_readiness_nor_an_answer(self, bridge):
        class DeadBell:
            def ring(self, target):
                """Nobody hears it."""

            def look(self):
                raise AssertionError("asked for nothing")

        bridge = replace(bridge, bell=DeadBell())
        app = create_app(bridge)
        okta = scim_client(bridge, app, "okta")
        assert okta.patch(f"/Users/{okta.user()}", DISABLE).status_code == 200
        assert Client(app).get("/readyz").status_code == 200


def test_outside_scim_errors_are_plain_json(app):
    reply = Client(app).get("/nothing")
    assert (reply.status_code, reply.content_type) == (404, "application/json")
