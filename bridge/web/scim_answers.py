"""Answers under `/scim`: every one is `application/scim+json`, every refusal a SCIM Error.

May import: flask, `ports`, `sources.scim`, `web.asking`, and the store's word for its failures.
Source: RFC 7644, sections 3.1, 3.12 and 8.1.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog
from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from bridge import ports
from bridge.packing import packed
from bridge.sources.scim.errors import NotFound, ScimError, TooLarge, TryAgain, Uniqueness, error_body
from bridge.store.db import FAILURES
from bridge.web.asking import allowed

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

CONTENT_TYPE = "application/scim+json"

_log = structlog.get_logger()

_WRITTEN_OUT = re.compile(r"[A-Za-z0-9:/.\[\]~%_-]*")
"""An address that goes into a header as it is."""

_DETAILS = {
    400: "The request cannot be read.",
    404: "There is nothing at this address. The base URL ends in /scim/v2/ and the connection's name.",
    405: "This address does not take that method.",
}


def answer(body: Mapping[str, Any] | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A SCIM answer; `None` means no body."""
    return _Answer(b"" if body is None else _written(body), status, dict(headers or {}), content_type=CONTENT_TYPE)


def _written(body: Mapping[str, Any]) -> bytes:
    try:
        return packed(body)
    except (
        UnicodeEncodeError
    ):  # a Bulk gives back the bulkId that it was sent, and that may be half of a surrogate pair
        return json.dumps(body).encode()


class _Answer(Response):
    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """The headers as they are where nothing has to be done to them; werkzeug copies them, and reads each address."""
        is_done = self.status_code == 200 or (  # which names no place
            self.status_code == 201 and _WRITTEN_OUT.fullmatch(self.headers.get("Location", ""))
        )
        return self.headers if is_done else super().get_wsgi_headers(environ)


def answer_to(error: Exception, *, kind: str) -> Response:
    """The answer that says no. `kind` is the connection's: each client repeats after its own status only."""
    if isinstance(error, HTTPException):
        return _of_http(error)
    refusal = _refusal(error, kind)
    if refusal is None:
        log_failure(error)
        return answer(error_body(500, "Something went wrong here. The bridge's log says where."), 500)
    return answer(refusal.to_body(), refusal.status, refusal.headers)


def _refusal(error: Exception, kind: str) -> ScimError | None:
    match error:
        case ScimError():
            return error
        case ports.NotThere():
            return NotFound("There is no such resource in this connection.")
        case ports.Conflict():
            return taken()
        case _ if isinstance(error, FAILURES):
            log_failure(error)
            return TryAgain(kind)
        case _:
            return None


def taken() -> Uniqueness:
    """The refusal of a name that a living record has; inactive ones are living."""
    return Uniqueness(
        "A resource with that userName or displayName exists in this connection, active or not. Upper and lower case "
        "do not matter."
    )


def log_failure(error: Exception) -> None:
    """One line that says what failed and where. Never the message: a database's names the values it was given."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    _log.error("request.failed", error=type(error).__name__, where=where)


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 413:
        return answer_to(TooLarge("The body is larger than this server reads."), kind="")
    return answer(error_body(status, _DETAILS.get(status, error.name)), status, allowed(error))
