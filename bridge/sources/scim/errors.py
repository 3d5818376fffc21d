"""The answers that say no: one exception per `scimType`, and one per other status that we give.

`detail` is written for the administrator who reads it in Okta's task list or Entra's provisioning log: it names
attributes and limits, never a person's values. May import: the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
"""The schema of an error body. Source: RFC 7644, section 3.12."""


class ScimError(Exception):
    """An answer other than success; `status` and `scim_type` are the class's, `detail` the instance's.

    Source: RFC 7644, section 3.12.
    """

    status: int = 400
    scim_type: ClassVar[str] = ""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer carries beside its body."""
        return {}

    def to_body(self) -> dict[str, Any]:
        """The error as JSON. `status` is a string, as the RFC wants and both vendors' validators accept."""
        return error_body(self.status, self.detail, self.scim_type)


def error_body(status: int, detail: str, scim_type: str = "") -> dict[str, Any]:
    """The JSON of an error; `scimType` only where the RFC has a word for it."""
    body: dict[str, Any] = {"schemas": [SCHEMA], "status": str(status), "detail": detail}
    if scim_type:
        body["scimType"] = scim_type
    return body


class InvalidFilter(ScimError):
    """The filter is malformed, or asks what is not answered. RFC 7644, section 3.12, table 9."""

    scim_type = "invalidFilter"


class InvalidCursor(ScimError):
    """The cursor is none that this search gave out. RFC 9865, section 2.1."""

    scim_type = "invalidCursor"


class TooMany(ScimError):
    """The request would give or change more than the server is willing to. RFC 7644, section 3.12, table 9."""

    scim_type = "tooMany"


class Uniqueness(ScimError):
    """A value that must be unique is taken. RFC 7644, section 3.12, table 9."""

    status = 409
    scim_type = "uniqueness"


class Unresolved(ScimError):
    """A `bulkId` that no operation of the Bulk made, or that leads in a circle. RFC 7644, section 3.7.1."""

    status = 409
    scim_type = "invalidValue"


class Mutability(ScimError):
    """The attribute cannot be changed that way. RFC 7644, section 3.12, table 9."""

    scim_type = "mutability"


class InvalidSyntax(ScimError):
    """The body is not JSON, or not of the shape that the request needs. RFC 7644, section 3.12, table 9."""

    scim_type = "invalidSyntax"


class InvalidPath(ScimError):
    """A PATCH path that cannot be read, where ignoring it could lose a disable. RFC 7644, section 3.12, table 9."""

    scim_type = "invalidPath"


class NoTarget(ScimError):
    """A PATCH operation that names nothing to work on. RFC 7644, section 3.12, table 9."""

    scim_type = "noTarget"


class InvalidValue(ScimError):
    """A required value is missing, or a value has the wrong type or length. RFC 7644, section 3.12, table 9."""

    scim_type = "invalidValue"


class InvalidVersion(ScimError):
    """The SCIM protocol version is not supported. RFC 7644, section 3.12, table 9."""

    scim_type = "invalidVers"


class Sensitive(ScimError):
    """The request would put something sensitive into a URI. RFC 7644, section 3.12, table 9, and section 7.5.2."""

    status = 403
    scim_type = "sensitive"


class Unauthorized(ScimError):
    """The token is missing, unknown, revoked, or another connection's; the answer never says which.

    Source: RFC 7644, section 2; RFC 6750, section 3.
    """

    status = 401

    def __init__(self) -> None:
        super().__init__(
            "The bearer token is missing or not valid for this connection. "
            "Paste a live token of this connection into the identity provider."
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Says which scheme is wanted."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(ScimError):
    """The request is never answered, whoever asks. RFC 7644, section 3.12, table 8."""

    status = 403


class NotFound(ScimError):
    """No such resource, or no such endpoint. RFC 7644, section 3.12, table 8."""

    status = 404


class PreconditionFailed(ScimError):
    """`If-Match` names a version that is no longer the stored one. RFC 7644, section 3.14."""

    status = 412


class TooLarge(ScimError):
    """The body is larger than the server reads. RFC 7644, section 3.12, table 8."""

    status = 413


class NotOffered(ScimError):
    """An optional part of the protocol that this server does not have. RFC 7644, section 3.12, table 8."""

    status = 501


class TryAgain(ScimError):
    """Nothing was stored; the same request may succeed later. The status depends on the connection's kind.

    Okta repeats by itself only after 429, and reads `Retry-After` only as integer seconds; Entra repeats after 5xx.
    Source: Okta, "Understanding SCIM", rate limiting; Microsoft Entra, "Application provisioning in quarantine status".
    """

    RETRY_AFTER_SECONDS = 30
    """Seconds. Long enough for a database to restart, short beside Okta's own five minutes."""

    def __init__(self, kind: str) -> None:
        super().__init__("The request could not be stored. Nothing was changed; send it again later.")
        self.status = 429 if kind == "okta" else 503

    @property
    def headers(self) -> Mapping[str, str]:
        """When to come back."""
        return {"Retry-After": str(self.RETRY_AFTER_SECONDS)}
