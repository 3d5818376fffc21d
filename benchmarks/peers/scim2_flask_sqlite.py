"""scim2-flask over one SQLite table: WAL, synchronous=NORMAL, an index on the name. Runs in the peer's own environment.

From the environment: BENCH_DIR (where the database is), SEED (users to begin with), TOKEN.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask, request
from scim2_flask import ScimServer
from scim2_models import (
    Group,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    ScimProvider,
    ServiceProviderConfig,
    UniquenessException,
    User,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.storage import ScimStorage, SearchPage

MODELS = {"User": User, "Group": Group}
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
TABLE = """
CREATE TABLE IF NOT EXISTS kept (
  id TEXT PRIMARY KEY, type TEXT, name TEXT, version INTEGER, created TEXT, modified TEXT, body TEXT
)
"""
COLUMNS = "id, type, name, version, created, modified, body"
CONFIG = {
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": 1000},
    "changePassword": {"supported": False},
    "sort": {"supported": False},
    "etag": {"supported": True},
    "authenticationSchemes": [],
}
local = threading.local()


def database() -> sqlite3.Connection:
    """This thread's connection."""
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(os.environ["BENCH_DIR"] + "/peer.db", isolation_level=None, timeout=20)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=NORMAL",
            TABLE,
            "CREATE UNIQUE INDEX IF NOT EXISTS by_name ON kept (type, name)",
        ):
            local.connection.execute(statement)
    return local.connection  # type: ignore[no-any-return]


def now() -> str:
    """The time as text."""
    return datetime.now(UTC).isoformat()  # noqa: TID251 - another program


class Storage(ScimStorage):
    """What scim2-server asks of a store."""

    def get(self, resource_type: Any, resource_id: str, *, response_parameters: Any = None) -> Any:
        """One resource."""
        del response_parameters
        return _loaded(_row(resource_type, resource_id))

    def search(self, resource_types: Any, search_request: Any, *, position: Any = None) -> SearchPage:
        """A page: by name through the index, anything else by looking at all."""
        del position
        names = [each.name for each in resource_types]
        wanted = search_request.filter
        tree = wanted.ast if wanted is not None else None
        by_name = isinstance(tree, Comparison) and tree.op == CompareOperator.eq
        if by_name and str(tree.attr_path).lower().endswith("username"):
            query = f"SELECT {COLUMNS} FROM kept WHERE type = ? AND name = ?"
            found = [_loaded(row) for row in database().execute(query, (names[0], str(tree.value).lower()))]
        else:
            query = f"SELECT {COLUMNS} FROM kept WHERE type IN ({','.join('?' * len(names))}) ORDER BY id"
            every = map(_loaded, database().execute(query, names))
            found = [each for each in every if wanted is None or wanted.match(each)]
        first = search_request.start_index_0 or 0
        last = None if search_request.count is None else first + search_request.count
        return SearchPage(len(found), found[first:last])

    def create(self, resource_type: Any, resource: Any) -> Any:
        """A new resource, read back."""
        new, at = uuid.uuid4().hex, now()
        row = (new, resource_type.name, _name(resource, new), 1, at, at, _body(resource.model_copy(deep=True)))
        try:
            database().execute(f"INSERT INTO kept ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise UniquenessException from None
        return self.get(resource_type, new)

    def update(self, resource_type: Any, resource: Any, *, expected_version: str | None = None) -> Any:
        """The resource as it now is, read back."""
        version = _row(resource_type, resource.id)[3]
        if expected_version is not None and expected_version != f'W/"{version}"':
            raise PreconditionFailedException
        values = (_name(resource, resource.id), now(), _body(resource), resource.id)
        try:
            database().execute(
                "UPDATE kept SET name = ?, version = version + 1, modified = ?, body = ? WHERE id = ?", values
            )
        except sqlite3.IntegrityError:
            raise UniquenessException from None
        return self.get(resource_type, resource.id)

    def delete(self, resource_type: Any, resource_id: str, *, expected_version: str | None = None) -> None:
        """Gone."""
        del expected_version
        _row(resource_type, resource_id)
        database().execute("DELETE FROM kept WHERE id = ?", (resource_id,))


def create_app() -> Flask:
    """The application, with $SEED users in it."""
    _seed(int(os.environ["SEED"]))
    app = Flask(__name__)
    app.secret_key = "of no use to anybody"
    provider = ScimProvider(models=list(MODELS.values()), config=ServiceProviderConfig.model_validate(CONFIG))
    ScimServer(Storage(), provider, app)

    @app.before_request
    def authenticate() -> Any:
        if request.headers.get("Authorization") != "Bearer " + os.environ["TOKEN"]:
            return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "401"}, 401
        return None

    return app


def _seed(users: int) -> None:
    at = now()
    database().execute("BEGIN")
    for number in range(users):
        address = f"user{number}@example.com"
        body = {
            "schemas": [USER],
            "userName": address,
            "active": True,
            "name": {"givenName": "Ada", "familyName": "Byte"},
            "emails": [{"value": address, "type": "work", "primary": True}],
        }
        row = (uuid.uuid4().hex, "User", address, 1, at, at, json.dumps(body))
        database().execute(f"INSERT INTO kept ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    database().execute("COMMIT")


def _row(resource_type: Any, resource_id: str) -> tuple[Any, ...]:
    query = f"SELECT {COLUMNS} FROM kept WHERE id = ? AND type = ?"
    found = database().execute(query, (resource_id, resource_type.name)).fetchone()
    if found is None:
        raise NotFoundException
    return tuple(found)


def _loaded(row: tuple[Any, ...]) -> Any:
    identifier, kind, _, version, created, modified, body = row
    resource = MODELS[kind].model_validate(json.loads(body))
    resource.id = identifier
    resource.meta = Meta(resource_type=kind, created=created, last_modified=modified, version=f'W/"{version}"')
    return resource


def _body(resource: Any) -> str:
    return json.dumps(resource.model_dump(exclude={"meta", "id"}))


def _name(resource: Any, otherwise: str) -> str:
    named = getattr(resource, "user_name", None) or getattr(resource, "display_name", None) or otherwise
    return str(named).lower()
