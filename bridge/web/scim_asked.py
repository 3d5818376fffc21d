"""One SCIM request that may come in: who asks, when, and what it says. Handed on from view to view.

Flask's own names look for the request each time that they are used. May import: flask, `sources.scim`, `ports`, `core`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from bridge.core.record import Record
from bridge.ports import Connection
from bridge.sources.scim import resources
from bridge.sources.scim.errors import InvalidSyntax, PreconditionFailed


class Asked(NamedTuple):
    """A request whose token opens the connection in its URL."""

    connection: Connection
    now: datetime
    request: Request
    most_bytes: int
    """How large its body may be."""

    def body(self) -> dict[str, Any]:
        """The body, whatever its content type says. Raises: `InvalidSyntax`; 413 from the framework."""
        data = self._sent()
        try:
            body = _JSON.decode(data.decode(json.detect_encoding(data), "surrogatepass"))
        except (ValueError, RecursionError):
            raise InvalidSyntax("The body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise InvalidSyntax("The body must be a JSON object.")
        return body

    def _sent(self) -> bytes:
        """The body's bytes. Our server has them all and says so; elsewhere werkzeug has to find where they end."""
        environ = self.request.environ
        if not environ.get("wsgi.input_terminated"):
            return self.request.get_data(cache=False)
        data: bytes = environ["wsgi.input"].read(self.most_bytes + 1)
        if len(data) > self.most_bytes:
            raise RequestEntityTooLarge
        return data

    def selection(self) -> resources.Selection:
        """What the URL selects: nearly always it says nothing, and is not taken apart."""
        return selection_of(self.request.args) if self.request.query_string else resources.EVERYTHING

    def versions(self, header: str) -> set[str]:
        """The entity tags that the request names there; `header` as WSGI calls it."""
        return {each.strip() for each in self.request.environ.get(header, "").split(",") if each.strip()}

    def check_version(self, stored: Record) -> None:
        """Raises: `PreconditionFailed` when the client means another version. Neither Okta nor Entra sends `If-Match`.

        Source: RFC 7644, section 3.14.
        """
        wanted = self.versions("HTTP_IF_MATCH")
        if wanted and not wanted & {"*", resources.version_of(stored), resources.version_of(stored)[2:]}:
            raise PreconditionFailed("The resource has changed since the version in If-Match.")


def selection_of(asked: Mapping[str, Any]) -> resources.Selection:
    """The selection that those parameters ask for."""
    return resources.selection(asked.get("attributes"), asked.get("excludedAttributes"))


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(word)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)
"""As `json.loads` would make it anew for each body."""
