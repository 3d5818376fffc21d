"""A client that talks SCIM to the web application, with one live token per connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from bridge.core.events import IdentityEvent
from bridge.ports import Bridge
from bridge.store import inbox, tokens
from bridge.web import create_app

DISABLE = {"op": "Replace", "path": "active", "value": "False"}
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class ScimClient:
    """Sends as one connection; `path` begins after the connection's name."""

    client: Client
    bridge: Bridge
    connection: str
    token: str

    def send(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> TestResponse:
        headers.setdefault("Authorization", f"Bearer {self.token}")
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        address = f"/scim/v2/{self.connection}{path}"
        return self.client.open(address, method=method, data=data, query_string=query, headers=given)

    def get(self, path: str, query: dict[str, str] | None = None, **headers: str) -> TestResponse:
        return self.send("GET", path, query=query, **headers)

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> TestResponse:
        return self.send("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)}, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.send("DELETE", path, **headers)

    def user(self, user_name: str = "maya.okafor@example.com", **attributes: Any) -> str:
        """Creates a person and gives the id."""
        reply = self.post("/Users", {"userName": user_name, "active": True} | attributes)
        assert reply.status_code == 201, reply.text
        return str(reply.json["id"])

    def group(self, name: str, *member_ids: str) -> str:
        """Creates a group and gives the id."""
        reply = self.post("/Groups", {"displayName": name, "members": [{"value": each} for each in member_ids]})
        assert reply.status_code == 201, reply.text
        return str(reply.json["id"])

    def events(self) -> list[IdentityEvent]:
        """What this connection has put into the inbox."""
        with self.bridge.db.read() as tx:
            return [each for each in inbox.all_events(tx) if each.source == self.connection]


@pytest.fixture
def app(bridge):
    return create_app(bridge, public_url="https://bridge.example.com")


def scim_client(bridge: Bridge, app, connection: str) -> ScimClient:
    with bridge.db.write() as tx:
        token = tokens.create(tx, connection, bridge.clock.now())
    return ScimClient(client=Client(app), bridge=bridge, connection=connection, token=token)


@pytest.fixture
def okta(bridge, app) -> ScimClient:
    return scim_client(bridge, app, "okta")


@pytest.fixture
def entra(bridge, app) -> ScimClient:
    return scim_client(bridge, app, "entra")


def is_error(reply, status: int, scim_type: str | None = None) -> bool:
    body = reply.json
    assert reply.status_code == status, reply.text
    assert reply.content_type == "application/scim+json"
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(status)
    assert body["detail"]
    assert body.get("scimType") == scim_type
    return True
