"""What the server says about itself: exactly what is implemented, and no attribute that would not come back.

Microsoft's validator expects to read back every attribute that `/Schemas` names, so the list is short; others are kept
and echoed all the same. May import: its neighbours in this folder.
Source: RFC 7643, sections 5 to 7; RFC 7644, section 4.
"""

from __future__ import annotations

from typing import Any

from bridge.sources.scim.dialects import ENTERPRISE, GROUP, USER
from bridge.sources.scim.errors import NotFound

MAX_RESULTS = 200
"""Resources in one page; Okta asks for 100."""

DEFAULT_RESULTS = 100
"""Resources in a page when the client names no `count`."""


MAX_BULK_OPERATIONS = 100
"""In one Bulk: each is a durable write of its own, and all of them together an answer within a second."""


def service_provider_config(base_url: str, *, max_body_bytes: int) -> dict[str, Any]:
    """What is supported. Source: RFC 7643, section 5."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MAX_BULK_OPERATIONS, "maxPayloadSize": max_body_bytes},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_RESULTS,
            "maxPageSize": MAX_RESULTS,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token of this connection, made with the bridge's token command.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base_url}/ServiceProviderConfig"},
    }


def resource_types(base_url: str) -> list[dict[str, Any]]:
    """User, with the enterprise extension, and Group. Source: RFC 7643, section 6."""
    return [
        _resource_type(base_url, "User", "/Users", USER, "A person as the identity provider knows them", [ENTERPRISE]),
        _resource_type(base_url, "Group", "/Groups", GROUP, "A group of people that the identity provider pushes", []),
    ]


def _resource_type(
    base_url: str, name: str, endpoint: str, schema: str, description: str, extensions: list[str]
) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": name,
        "name": name,
        "endpoint": endpoint,
        "description": description,
        "schema": schema,
        "schemaExtensions": [{"schema": each, "required": False} for each in extensions],
        "meta": {"resourceType": "ResourceType", "location": f"{base_url}/ResourceTypes/{name}"},
    }


def schemas(base_url: str) -> list[dict[str, Any]]:
    """The attributes of each schema. Source: RFC 7643, section 7."""
    user = [
        _attribute("userName", required=True, uniqueness="server", about="The person's name at the identity provider"),
        _attribute(
            "name",
            subs=[
                _attribute("formatted", about="The whole name"),
                _attribute("familyName", about="The family name"),
                _attribute("givenName", about="The given name"),
            ],
            about="The parts of the person's name",
        ),
        _attribute("displayName", about="The name to show"),
        _attribute("title", about="The person's position"),
        # Required, since it cannot be removed: a person is in or out. A POST without it means in.
        _attribute("active", kind="boolean", required=True, about="Whether the person may be in the organization"),
        _attribute(
            "emails",
            multi=True,
            subs=[
                _attribute("value", about="The address"),
                _attribute("type", about="What the address is used for", values=["work", "home", "other"]),
                _attribute("primary", kind="boolean", about="Whether this is the preferred address"),
            ],
            about="The person's addresses",
        ),
        _attribute(
            "groups",
            multi=True,
            mutability="readOnly",
            subs=[
                _attribute("value", mutability="readOnly", exact=True, about="The group's id"),
                _attribute("display", mutability="readOnly", about="The group's name"),
                _attribute("$ref", mutability="readOnly", kind="reference", refers=["Group"], about="The group's URL"),
                _attribute("type", mutability="readOnly", values=["direct"], about="Always direct"),
            ],
            about="The groups that the person is in",
        ),
    ]
    group = [
        _attribute("displayName", required=True, uniqueness="server", about="The group's name"),
        _attribute(
            "members",
            multi=True,
            subs=[_attribute("value", mutability="immutable", exact=True, about="The id of the member")],
            about="The members of the group",
        ),
    ]
    enterprise = [
        _attribute("employeeNumber", about="The person's number"),
        _attribute("costCenter", about="The cost center"),
        _attribute("organization", about="The organization"),
        _attribute("division", about="The division"),
        _attribute("department", about="The department"),
        _attribute(
            "manager", subs=[_attribute("value", exact=True, about="The manager's id")], about="The person's manager"
        ),
    ]
    return [
        _schema(base_url, USER, "User", "User Account", user),
        _schema(base_url, GROUP, "Group", "Group", group),
        _schema(base_url, ENTERPRISE, "EnterpriseUser", "A person's place in the enterprise", enterprise),
    ]


def _schema(base_url: str, urn: str, name: str, about: str, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": urn,
        "name": name,
        "description": about,
        "attributes": attributes,
        "meta": {"resourceType": "Schema", "location": f"{base_url}/Schemas/{urn}"},
    }


def _attribute(
    name: str,
    *,
    about: str,
    kind: str = "string",
    multi: bool = False,
    required: bool = False,
    exact: bool = False,
    mutability: str = "readWrite",
    uniqueness: str = "none",
    subs: list[dict[str, Any]] | None = None,
    values: list[str] | None = None,
    refers: list[str] | None = None,
) -> dict[str, Any]:
    """One attribute with its characteristics, none of them null. Source: RFC 7643, section 7."""
    attribute: dict[str, Any] = {
        "name": name,
        "type": "complex" if subs else kind,
        "multiValued": multi,
        "description": about,
        "required": required,
        "caseExact": exact,
        "mutability": mutability,
        "returned": "default",
        "uniqueness": uniqueness,
    }
    if values:
        attribute["canonicalValues"] = values
    if refers:
        attribute["referenceTypes"] = refers
    if subs:
        attribute["subAttributes"] = subs
    return attribute


def one_of(listed: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """The resource type or schema with that id; a schema's URN is compared without regard to case.

    Raises: `NotFound`.
    """
    for each in listed:
        if each["id"].lower() == wanted.lower():
            return each
    raise NotFound("There is no resource type or schema with that id.")
