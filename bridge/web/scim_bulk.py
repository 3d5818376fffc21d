"""Bulk: many operations in one request, each answered as if it had come alone, each in a transaction of its own.

A disable in a Bulk is never lost: when too many errors end the rest, what takes somebody out is still carried out.
May import: flask, `sources.scim`.
Source: RFC 7644, section 3.7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import quote

from flask import current_app, request

from bridge.sources.scim import patch, resources
from bridge.sources.scim.discovery import MAX_BULK_OPERATIONS
from bridge.sources.scim.errors import InvalidSyntax, InvalidValue, ScimError, TooLarge, Unresolved

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

DISABLE = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
"""What is left of a refused operation that takes somebody out."""

MOST_LEVELS = 32
"""Of an operation's data: twice what one resource may have."""

_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PATH = re.compile(r"/(Users|Groups)(?:/([^/?#]+))?")
_REFERENCE = re.compile(r"bulkId:(.+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation as it was sent."""

    method: str
    path: str
    data: Any = None
    bulk_id: str = ""
    version: str = ""

    @property
    def says_out(self) -> bool:
        """Whether it takes a person out."""
        match = _PATH.fullmatch(self.path)
        if match is None or match[1] != "Users" or not match[2]:
            return False
        if self.method == "PATCH":
            return patch.says_out(self.data)
        if self.method == "PUT":
            return isinstance(self.data, Mapping) and resources.says_out(self.data)
        return self.method == "DELETE"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of one operation."""

    status: int
    body: Mapping[str, Any]
    location: str = ""
    version: str = ""


Send = Callable[[Operation], Done]


def bulk(body: Mapping[str, Any], send: Send) -> dict[str, Any]:
    """The BulkResponse: one result for each operation that was carried out, in the order in which they were.

    Raises: `InvalidSyntax` without operations, `TooLarge` for more than are announced.
    """
    named = {key.lower(): value for key, value in body.items()}
    listed = named.get("operations")
    if not isinstance(listed, list) or not listed:
        raise InvalidSyntax("A Bulk needs Operations: a list with at least one operation.")
    if len(listed) > MAX_BULK_OPERATIONS:
        raise TooLarge(f"More than {MAX_BULK_OPERATIONS} operations in one Bulk.")
    most = named.get("failonerrors")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise InvalidValue("failOnErrors must be a whole number from 1.")
    return {"schemas": [BULK_RESPONSE], "Operations": list(_Run(send, most).through(listed))}


class _Run:
    """One Bulk on its way: which names stand for which ids, and how many operations went wrong."""

    def __init__(self, send: Send, most: int | None) -> None:
        self._send, self._most = send, most
        self._errors = 0
        self._ids: dict[str, str] = {}

    def through(self, listed: list[Any]) -> list[dict[str, Any]]:
        """Everything, in order; what refers to a later operation waits for it."""
        results: list[dict[str, Any]] = []
        waiting = [_operation(each) for each in listed]
        while waiting:
            promised = {each.bulk_id for each in waiting if each.method == "POST" and each.bulk_id}
            later = []
            for operation in waiting:
                open_names = _names(operation) - self._ids.keys()
                if open_names & promised - {operation.bulk_id}:
                    later.append(operation)
                elif not self._is_over or operation.says_out:
                    results.append(self._carry_out(operation, open_names))
                    promised.discard(operation.bulk_id)
            if len(later) == len(waiting):  # each waits for another
                results.extend(
                    self._carry_out(each, _names(each)) for each in later if each.says_out or not self._is_over
                )
                break
            waiting = later
        return results

    @property
    def _is_over(self) -> bool:
        return self._most is not None and self._errors >= self._most

    def _carry_out(self, operation: Operation, open_names: set[str]) -> dict[str, Any]:
        refusal = _refusal(operation, open_names)
        done = self._sent(operation) if refusal is None else self._refused(operation, refusal)
        if done.status >= 400:
            self._errors += 1
        if operation.method == "POST" and operation.bulk_id and done.status == 201:
            self._ids[operation.bulk_id] = str(done.body["id"])
        return _result(operation, done)

    def _sent(self, operation: Operation) -> Done:
        path = _filled(operation.path.removeprefix("/"), self._ids, in_path=True)
        data = _filled(operation.data, self._ids)
        return self._send(Operation(method=operation.method, path=f"/{path}", data=data, version=operation.version))

    def _refused(self, operation: Operation, refusal: ScimError) -> Done:
        """The refusal; a disable in the operation is carried out all the same."""
        if operation.says_out:
            alone = self._sent(Operation(method="PATCH", path=operation.path, data=DISABLE, version=operation.version))
            if alone.status == 200:
                refusal.detail += " The deactivation in the same operation was applied."
        return Done(status=refusal.status, body=refusal.to_body())


def _refusal(operation: Operation, open_names: set[str]) -> ScimError | None:
    """Why an operation cannot even be sent on."""
    if operation.method not in _METHODS or not _PATH.fullmatch(operation.path):
        return InvalidSyntax("An operation needs a method and a path: POST, PUT, PATCH or DELETE of /Users or /Groups.")
    if operation.method != "DELETE" and not isinstance(operation.data, Mapping):
        return InvalidSyntax("The data of an operation must be an object.")
    if is_deep(operation.data):
        return InvalidSyntax("The data of an operation is nested too deep.")
    if open_names:
        return Unresolved(f"No operation of this Bulk made bulkId {', '.join(sorted(open_names))[:200]}.")
    return None


def _operation(sent: Any) -> Operation:
    fields = {key.lower(): value for key, value in sent.items()} if isinstance(sent, Mapping) else {}
    return Operation(
        method=str(fields.get("method", "")).upper(),
        path="/" + str(fields.get("path", "")).lstrip("/"),
        data=fields.get("data"),
        bulk_id=str(fields.get("bulkid") or ""),
        version=str(fields.get("version") or ""),
    )


def _result(operation: Operation, done: Done) -> dict[str, Any]:
    result: dict[str, Any] = {"method": operation.method, "status": str(done.status)}
    if operation.bulk_id:
        result["bulkId"] = operation.bulk_id
    if done.version:
        result["version"] = done.version
    location = done.location or ("" if operation.method == "POST" else operation.path)
    if location:
        result["location"] = location
    return result if done.status < 400 else result | {"response": done.body}


def is_deep(data: Any) -> bool:
    """Whether it has more levels than any body of ours, so that walking through it could end in the stack's limit."""
    level, parts = 0, [data]
    while parts and level <= MOST_LEVELS:
        inner = [each for each in parts if isinstance(each, Mapping | list)]
        parts = [part for each in inner for part in (each.values() if isinstance(each, Mapping) else each)]
        level += 1
    return level > MOST_LEVELS


def _names(operation: Operation) -> set[str]:
    """The `bulkId` references in an operation."""
    found, open_parts = set(), [operation.data, *operation.path.split("/")]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Mapping):
            open_parts.extend(part.values())
        elif isinstance(part, list):
            open_parts.extend(part)
        elif isinstance(part, str) and (match := _REFERENCE.fullmatch(part)):
            found.add(match[1])
    return found


def _filled(part: Any, ids: Mapping[str, str], *, in_path: bool = False) -> Any:
    """The same with ids in place of the references."""
    if in_path:
        return "/".join(_filled(each, ids) for each in part.split("/"))
    if isinstance(part, Mapping):
        return {key: _filled(value, ids) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(each, ids) for each in part]
    match = _REFERENCE.fullmatch(part) if isinstance(part, str) else None
    return ids.get(match[1], part) if match else part


def send_here(operation: Operation) -> Done:
    """Has this application answer one operation as a request of its own, with the headers of the Bulk."""
    kept = {key: value for key, value in request.environ.items() if not key.startswith(("werkzeug.", "flask."))}
    data = b"" if operation.data is None else json.dumps(operation.data).encode()
    path = operation.path.encode(errors="surrogatepass")  # JSON can say half of a surrogate pair: nobody has that id
    base = request.environ["PATH_INFO"].removesuffix("/").rpartition("/")[0]
    environ = kept | {
        "REQUEST_METHOD": operation.method,
        "PATH_INFO": base + path.decode("latin-1"),
        "QUERY_STRING": "",
        "RAW_URI": base + quote(path),
        "REQUEST_URI": base + quote(path),
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": BytesIO(data),
    }
    environ.pop("HTTP_IF_NONE_MATCH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {"HTTP_IF_MATCH": operation.version} if operation.version else {}
    began: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        began.update(status=int(status.split(maxsplit=1)[0]), headers={name.lower(): value for name, value in headers})
        return lambda _: None

    text = b"".join(current_app.wsgi_app(environ, start))
    body = json.loads(text) if text else {}
    meta = body.get("meta", {}) if began["status"] < 400 else {}
    headers = began["headers"]
    return Done(status=began["status"], body=body, location=meta.get("location", ""), version=headers.get("etag", ""))
