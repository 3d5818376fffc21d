"""The SCIM endpoints: authenticate, read, hand to intake, render. Nothing is looked up or removed here.

May import: flask, `intake`, `store`, `sources.scim`, `ports`, `core`.
Source: RFC 7644, section 3; what the clients require is in `tests/samples/okta` and `tests/samples/entra`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import structlog
from flask import Blueprint, Request, Response, g, request

from bridge import intake, ports
from bridge.core.record import Record
from bridge.sources.scim import discovery, patch, resources
from bridge.sources.scim.errors import (
    Forbidden,
    NotOffered,
    PreconditionFailed,
    ScimError,
    Unauthorized,
)
from bridge.sources.scim.searching import PARAMETERS
from bridge.store import records
from bridge.store.db import FAILURES, Tx
from bridge.web import scim_bulk, scim_search
from bridge.web.knocking import Door
from bridge.web.limits import Bucket
from bridge.web.scim_answers import answer, answer_to, taken
from bridge.web.scim_asked import Asked, selection_of

MOST_OWN_URLS = 100
_NAMES_US = ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger()


def blueprint(bridge: ports.Bridge, *, public_url: str = "") -> Blueprint:
    """The routes under `/scim/v2/<connection>`; `public_url` is what `meta.location` begins with."""
    views = Scim(bridge, public_url)
    routes = Blueprint("scim", __name__, url_prefix="/scim/v2/<connection>")
    routes.url_value_preprocessor(views.take_connection)
    routes.before_request(views.authenticate)
    routes.register_error_handler(Exception, views.refuse)
    many = "/<any(Users, Groups, users, groups):collection>"  # Microsoft's own collection once asks for /users
    one = f"{many}/<record_id>"
    for rule, method, view in (
        (many, "GET", views.search),
        (many, "POST", views.create),
        (f"{many}/.search", "POST", views.search_by_post),
        ("/.search", "POST", views.search_by_post),
        ("/Bulk", "POST", views.bulk),
        (one, "GET", views.read),
        (one, "PUT", views.replace),
        (one, "PATCH", views.patch),
        (one, "DELETE", views.delete),
        ("/ServiceProviderConfig", "GET", views.service_provider_config),
        ("/ResourceTypes", "GET", views.resource_types),
        ("/ResourceTypes/<wanted>", "GET", views.resource_types),
        ("/Schemas", "GET", views.schemas),
        ("/Schemas/<wanted>", "GET", views.schemas),
    ):
        endpoint = f"{view.__name__}{rule.count('<')}"
        routes.add_url_rule(rule, endpoint, view, methods=[method], provide_automatic_options=False)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes.add_url_rule("/Me", view_func=views.not_offered, methods=methods, provide_automatic_options=False)
    return routes


class Scim:
    """The views over one bridge. Every answer that changes something is given after the commit."""

    def __init__(self, bridge: ports.Bridge, public_url: str) -> None:
        self._bridge = bridge
        self._public_url = public_url.rstrip("/")
        self._door = Door(bridge)
        self._own_urls: dict[tuple[str | None, ...], str] = {}
        self._limits = {name: Bucket(c.rate_limit) for name, c in bridge.connections.items() if c.rate_limit}

    def take_connection(self, _endpoint: str | None, values: dict[str, Any] | None) -> None:
        """Takes the connection's name out of the URL, for `authenticate`."""
        g.connection_name = (values or {}).pop("connection", "")
        if values and "collection" in values:
            values["collection"] = values["collection"].capitalize()

    def authenticate(self) -> None:
        """Lets only a live token of the connection in the URL pass; an unknown connection looks the same.

        Raises: `Unauthorized`; `TooFast` before anything else is read. Source: RFC 6750, section 2.1.
        """
        now, sent = self._bridge.clock.now(), request._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001
        name, digest = self._door.owner(sent.environ, now)
        connection = self._bridge.connections.get(g.connection_name)
        if connection is None or name != connection.name or connection.kind not in ports.SCIM_KINDS:
            raise Unauthorized
        g.asked = Asked(connection, now, sent, self._bridge.max_body_bytes)
        self._door.note(digest, now)
        if limit := self._limits.get(connection.name):
            limit.take()

    def refuse(self, error: Exception) -> Response:
        """The SCIM Error for whatever went wrong, with the status after which this client asks again."""
        known = self._bridge.connections.get(g.get("connection_name", ""))
        return answer_to(error, kind=known.kind if known is not None else "scim")

    def search(self, collection: str) -> Response:
        """A page of resources, or those that the filter chooses."""
        wanted = {name: value for name, value in request.args.items() if name in PARAMETERS}
        return self._search(g.asked, [resources.COLLECTIONS[collection]], wanted)

    def search_by_post(self, collection: str | None = None) -> Response:
        """The same, asked for in a body; without a collection over all of them. Source: RFC 7644, section 3.4.3."""
        types = list(resources.COLLECTIONS.values()) if collection is None else [resources.COLLECTIONS[collection]]
        return self._search(g.asked, types, scim_search.asked_in_body(g.asked.body()))

    def _search(self, asked: Asked, types: Sequence[str], wanted: Mapping[str, Any]) -> Response:
        with self._bridge.db.read() as tx:
            selection = selection_of(wanted)
            found = scim_search.answered(
                tx, asked.connection.name, wanted, types, lambda records: self._wires(tx, asked, records, selection)
            )
        return answer(found)

    def bulk(self) -> Response:
        """Many operations in one request, each in a transaction of its own."""
        return answer(scim_bulk.bulk(g.asked.body(), scim_bulk.send_here))

    def create(self, collection: str) -> Response:
        """Keeps a new record. It grants nothing anywhere."""
        asked: Asked = g.asked
        record = resources.created(
            asked.body(),
            resource_type=resources.COLLECTIONS[collection],
            record_id=str(uuid.uuid4()),
            connection=asked.connection.name,
            now=asked.now,
        )
        kind, tell = record.resource_type, _telling("create")
        stored = intake.change(self._bridge, asked.connection, kind, None, lambda _: record, tell, now=asked.now)
        assert stored is not None
        base_url = self._base_url(asked)
        wire = asked.selection().of(resources.rendered(stored, base_url))  # a new person is in no group
        headers = {"Location": resources.location_of(stored, base_url), "ETag": resources.version_of(stored)}
        return answer(wire, 201, headers)

    def read(self, collection: str, record_id: str) -> Response:
        """One resource, active or not."""
        asked: Asked = g.asked
        resource_type = resources.COLLECTIONS[collection]
        with self._bridge.db.read() as tx:
            record = records.find(tx, asked.connection.name, resource_type, _known_form(record_id))
            if record is None:
                raise ports.NotThere
            if resources.version_of(record) in asked.versions("HTTP_IF_NONE_MATCH"):
                return answer(None, 304, {"ETag": resources.version_of(record)})
            selection = asked.selection()
            groups = _groups_of(tx, asked, [record], selection)
            return self._one(asked, record, selection, groups.get(record.id, ()))

    def replace(self, collection: str, record_id: str) -> Response:
        """PUT: the record as the client says it is."""
        asked: Asked = g.asked
        body = asked.body()

        def changed(stored: Record) -> Record:
            return resources.replaced(body, stored)

        return self._change(asked, collection, record_id, changed, says_out=lambda: resources.says_out(body))

    def patch(self, collection: str, record_id: str) -> Response:
        """PATCH: the record with the operations applied."""
        asked: Asked = g.asked
        body = asked.body()

        refusal: ScimError | None = None
        operations: tuple[patch.Operation, ...] = ()
        try:  # before the write: reading a large body must not keep others waiting
            operations = patch.operations_of(body)
        except ScimError as error:
            refusal = error

        def changed(stored: Record) -> Record:
            if refusal is not None:
                raise refusal
            patched = patch.apply(resources.attributes_of(stored), operations)
            if patched.ignored:
                _log.info("scim.ignored", record_id=stored.id, attributes=sorted(set(patched.ignored)))
            return resources.record_of(patched.resource, stored)

        return self._change(asked, collection, record_id, changed, says_out=lambda: patch.says_out(body))

    def delete(self, collection: str, record_id: str) -> Response:
        """DELETE: the record is gone for every later request."""
        asked: Asked = g.asked

        def gone(stored: Record | None) -> None:
            assert stored is not None
            asked.check_version(stored)

        resource_type = resources.COLLECTIONS[collection]
        intake.change(self._bridge, asked.connection, resource_type, _known_form(record_id), gone, now=asked.now)
        _log.info("scim.delete", connection=asked.connection.name, record_id=record_id)
        return answer(None, 204)

    def _change(
        self,
        asked: Asked,
        collection: str,
        record_id: str,
        changed: Callable[[Record], Record],
        *,
        says_out: Callable[[], bool],
    ) -> Response:
        """One write, and the resource as it is then. A disable is never lost to what stands beside it."""
        resource_type, record_id = resources.COLLECTIONS[collection], _known_form(record_id)

        def checked(stored: Record | None) -> Record:
            assert stored is not None
            asked.check_version(stored)
            return changed(stored)

        groups: list[tuple[str, str]] = []
        tell = _telling("change")

        def see(tx: Tx, stored: Record, may_be_in_groups: bool) -> None:  # noqa: FBT001 - `intake.change` says it
            tell(tx, stored, may_be_in_groups)
            if may_be_in_groups:
                groups.extend(_groups_of(tx, asked, [stored], selection).get(stored.id, ()))

        try:
            selection = asked.selection()
            stored = intake.change(
                self._bridge, asked.connection, resource_type, record_id, checked, see, now=asked.now
            )
        except PreconditionFailed:
            raise
        except (ScimError, ports.Conflict) as error:
            refusal = error if isinstance(error, ScimError) else taken()
            if resource_type == "User" and says_out():
                self._disable(asked, record_id)
                refusal.detail += " The deactivation in the same request was applied."
            raise refusal from None
        except (*FAILURES, ports.NotThere):
            raise
        except Exception:  # a mistake of ours: even then nobody stays in for it
            if resource_type == "User" and says_out():
                self._disable(asked, record_id)
            raise
        assert stored is not None
        return self._one(asked, stored, selection, groups)

    def _disable(self, asked: Asked, record_id: str) -> None:
        """Applies the disable of a request that is otherwise refused: Okta does not send it again."""

        def out(stored: Record | None) -> Record:
            assert stored is not None
            return replace(stored, is_active=False)

        intake.change(self._bridge, asked.connection, "User", record_id, out, _telling("disable"), now=asked.now)

    def service_provider_config(self) -> Response:
        """What is supported."""
        base_url = self._base_url(g.asked)
        return answer(discovery.service_provider_config(base_url, max_body_bytes=self._bridge.max_body_bytes))

    def resource_types(self, wanted: str | None = None) -> Response:
        """All resource types, or one."""
        return _listed(discovery.resource_types(self._base_url(g.asked)), wanted)

    def schemas(self, wanted: str | None = None) -> Response:
        """All schemas, or one."""
        return _listed(discovery.schemas(self._base_url(g.asked)), wanted)

    def not_offered(self) -> NoReturn:
        """`/Me`: a token belongs to a connection, and a connection is no person. Source: RFC 7644, section 3.11."""
        raise NotOffered("There is no /Me here: the token is a connection's, and a connection is no User.")

    def _base_url(self, asked: Asked) -> str:
        return f"{self._public_url or self._own_url(asked.request)}/scim/v2/{asked.connection.name}"

    def _own_url(self, sent: Request) -> str:
        """The address under which the client reached us: the same few for all requests, and each dear to make."""
        said = tuple(map(sent.environ.get, _NAMES_US))
        known = self._own_urls.get(said)
        if known is None:
            if len(self._own_urls) >= MOST_OWN_URLS:  # whoever sends made-up Host headers shall not fill the memory
                self._own_urls.clear()
            known = self._own_urls[said] = sent.url_root.rstrip("/")
        return known

    def _one(
        self, asked: Asked, record: Record, selection: resources.Selection, groups: Sequence[tuple[str, str]]
    ) -> Response:
        return answer(self._wire(asked, record, selection, groups), 200, {"ETag": resources.version_of(record)})

    def _wires(
        self, tx: Tx, asked: Asked, found: Sequence[Record], selection: resources.Selection
    ) -> list[dict[str, Any]]:
        """The records as they go out."""
        groups = _groups_of(tx, asked, found, selection)
        return [self._wire(asked, r, selection, groups.get(r.id, ())) for r in found]

    def _wire(
        self, asked: Asked, record: Record, selection: resources.Selection, groups: Sequence[tuple[str, str]]
    ) -> dict[str, Any]:
        wire = resources.rendered(record, self._base_url(asked), groups=groups, with_members=selection.wants_members)
        return selection.of(wire)


def _groups_of(
    tx: Tx, asked: Asked, found: Sequence[Record], selection: resources.Selection
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """The groups of the users among the records, by id; read only when they are wanted."""
    users = [r.id for r in found if r.resource_type == "User"] if selection.wants_groups else []
    return records.groups_of(tx, asked.connection.name, users) if users else {}


def _known_form(record_id: str) -> str:
    """The id, when it could be one of ours; a database is never asked for anything else."""
    if not _ID.fullmatch(record_id):
        raise ports.NotThere
    return record_id


def _listed(found: list[dict[str, Any]], wanted: str | None) -> Response:
    """Source: RFC 7644, section 4: a filter on these endpoints is refused."""
    if wanted is not None:
        return answer(discovery.one_of(found, wanted))
    if "filter" in request.args:
        raise Forbidden("These endpoints take no filter.")
    return answer(resources.list_response(found, total=len(found), start=1))


def _telling(what: str) -> Callable[[Tx, Record, bool], None]:
    """Tells of a write in the log. Of a User's that opens or ends a case its line tells: the event's id is record and version."""

    def tell(tx: Tx, record: Record, _: bool) -> None:  # noqa: FBT001 - see `intake.change`
        if not tx.told or record.resource_type != "User":
            tx.tell(f"scim.{what}", connection=record.connection, record_id=record.id, version=record.version)

    return tell
