"""Between the JSON of Users and Groups and `bridge.core.record.Record`.

What has a field of its own in the record (name, `externalId`, `active`, `members`) is not kept a second time in its
`body`. May import: `core` and its neighbours in this folder.
Source: RFC 7643, sections 3 and 4; RFC 7644, sections 3.4.2 and 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.core.copying import changed
from bridge.core.record import Record
from bridge.sources.scim.dialects import (
    GROUP,
    MAX_EMAILS,
    MAX_NAME_CHARACTERS,
    USER,
    boolean,
    canonical,
    place_of,
    places,
    text,
)
from bridge.sources.scim.errors import InvalidPath, InvalidValue, ScimError

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

COLLECTIONS = {"Users": "User", "Groups": "Group"}
"""The endpoint of each resource type. Source: RFC 7644, section 3.2."""

_BRACKETS = re.compile(r"\[[^\]]*\]")
_ENDPOINT = {"User": "Users", "Group": "Groups"}
_NAME = {"User": "userName", "Group": "displayName"}
_CORE = {"User": USER, "Group": GROUP}


def created(body: Mapping[str, Any], *, resource_type: str, record_id: str, connection: str, now: datetime) -> Record:
    """The record that a POST asks for. A user who is posted inactive is inactive.

    Raises: `InvalidValue` without `userName` (`displayName` for a group).
    """
    empty = Record(
        id=record_id, connection=connection, resource_type=resource_type, user_name="", created_at=now, modified_at=now
    )
    return record_of(canonical(body), empty)


def replaced(body: Mapping[str, Any], stored: Record) -> Record:
    """The record that a PUT asks for. What decides about people stays when the body is silent about it.

    That is `active`, `externalId` and a group's `members`; everything else that is missing is cleared, as the RFC allows.
    Raises: `InvalidValue` without `userName`.
    """
    attributes = canonical(body)
    attributes.setdefault("active", stored.is_active)
    attributes.setdefault("externalId", stored.external_id)
    if "members" not in attributes:
        attributes["members"] = [{"value": each} for each in stored.member_ids]
    return record_of(attributes, stored)


def says_out(body: Mapping[str, Any]) -> bool:
    """Whether a PUT body deactivates, even when the rest of it cannot be used."""
    said: bool | None = None
    try:
        for place, value in places(body):
            if place.is_active and value is not None:
                said = boolean(value)
    except ScimError:
        return False
    return said is False


def attributes_of(record: Record) -> dict[str, Any]:
    """The record's attributes in canonical form: what a PATCH works on."""
    attributes: dict[str, Any] = {}
    if record.external_id:
        attributes["externalId"] = record.external_id
    attributes[_NAME[record.resource_type]] = record.user_name
    if record.resource_type == "Group":
        attributes["members"] = [{"value": each} for each in record.member_ids]
    else:
        attributes["active"] = record.is_active
    return attributes | {key: value for key, value in record.body.items() if key not in {"active", "members"}}


def record_of(attributes: Mapping[str, Any], base: Record) -> Record:
    """The base record with these canonical attributes in place of its own; id, version and times stay.

    Raises: `InvalidValue` for a missing or unusable name, an `externalId` or address that is no string, or too long.
    """
    name = _NAME[base.resource_type]
    rest = dict(attributes)
    user_name = text(rest.pop(name, ""), name, at_most=MAX_NAME_CHARACTERS)
    if not user_name.strip():
        raise InvalidValue(f"{name} is required and must not be empty.")
    external_id = text(rest.pop("externalId", ""), "externalId")
    is_active = rest.pop("active", True) is True
    members = rest.pop("members", ())
    is_group = base.resource_type == "Group"
    if not is_group:
        _check_emails(rest.get("emails", ()))
    return changed(
        base,
        user_name=user_name,
        external_id=external_id,
        is_active=is_group or is_active,
        body=rest,
        member_ids=_member_ids(members) if is_group else (),
    )


def _check_emails(elements: Iterable[Any]) -> None:
    """Raises: `InvalidValue` for an address or its type that is no text, and for too many of them."""
    addresses = 0
    for element in elements:
        if text(element.get("value", ""), "emails.value").strip():
            text(element.get("type", ""), "emails.type")
            addresses += 1
    if addresses > MAX_EMAILS:
        raise InvalidValue(f"More than {MAX_EMAILS} emails.")


def _member_ids(elements: Iterable[Any]) -> tuple[str, ...]:
    ids = (text(element.get("value", ""), "members.value") for element in elements)
    return tuple(dict.fromkeys(each for each in ids if each))


def version_of(record: Record) -> str:
    """The record's version as a weak entity tag. Source: RFC 7644, section 3.14."""
    return f'W/"{record.version}"'


def location_of(record: Record, base_url: str) -> str:
    """The resource's own URL; `base_url` is the connection's, without a slash at its end."""
    return f"{base_url}/{_ENDPOINT[record.resource_type]}/{record.id}"


def rendered(
    record: Record,
    base_url: str,
    *,
    groups: Sequence[tuple[str, str]] = (),
    with_members: bool = True,
) -> dict[str, Any]:
    """The record as it goes over the wire.

    `groups` are the user's, as id and name. Members are shown as the client sent them: whether an id is one of ours is
    no reason to lose a membership.
    """
    schemas = [_CORE[record.resource_type], *(key for key in record.body if key[:4].lower() == "urn:")]
    wire: dict[str, Any] = {"schemas": schemas, "id": record.id, **attributes_of(record)}
    if not with_members:
        wire.pop("members", None)
    if record.resource_type == "User":
        wire["groups"] = [
            {"value": each, "display": name, "$ref": f"{base_url}/Groups/{each}", "type": "direct"}
            for each, name in groups
        ]
    wire["meta"] = {
        "resourceType": record.resource_type,
        "created": timestamp(record.created_at),
        "lastModified": timestamp(record.modified_at),
        "location": location_of(record, base_url),
        "version": version_of(record),
    }
    return wire


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds. Source: RFC 7643, section 2.3.5."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_response(resources: Sequence[Mapping[str, Any]], *, total: int, start: int) -> dict[str, Any]:
    """One page of results; the three numbers are integers. Source: RFC 7644, section 3.4.2."""
    return {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which attributes a client wants back; `id` and `schemas` always come. Source: RFC 7644, section 3.9.

    Names are (schema URN, attribute, sub-attribute), in lower case.
    """

    only: frozenset[tuple[str, str, str]] = frozenset()
    without: frozenset[tuple[str, str, str]] = frozenset()

    @property
    def wants_members(self) -> bool:
        """Whether a group's members have to be read at all."""
        return self._is_wanted("", "members")

    @property
    def wants_groups(self) -> bool:
        """Whether a user's groups have to be read at all."""
        return self._is_wanted("", "groups")

    def _is_wanted(self, urn: str, attribute: str) -> bool:
        if (urn, attribute, "") in self.without:
            return False
        return not self.only or any(each[:2] == (urn, attribute) for each in self.only)

    def of(self, wire: Mapping[str, Any]) -> dict[str, Any]:
        """The wanted part of a resource."""
        if not self.only and not self.without:
            return dict(wire)
        chosen: dict[str, Any] = {}
        for key, value in wire.items():
            if key in {"id", "schemas"}:
                chosen[key] = value
            elif key[:4].lower() == "urn:" and isinstance(value, Mapping):
                is_whole = (key.lower(), "", "") in self.only
                names = [n for n in value if is_whole or self._is_wanted(key.lower(), n.lower())]
                if names and (key.lower(), "", "") not in self.without:
                    chosen[key] = {n: self._part(key.lower(), n, value[n]) for n in names}
            elif self._is_wanted("", key.lower()):
                chosen[key] = self._part("", key, value)
        return chosen

    def _part(self, urn: str, name: str, value: Any) -> Any:
        """The wanted sub-attributes; all of them when the whole attribute is asked for."""
        if isinstance(value, list):
            return [self._part(urn, name, each) for each in value]
        if not isinstance(value, Mapping):
            return value
        where = (urn, name.lower())
        wanted = {each[2] for each in self.only if each[:2] == where}
        unwanted = {each[2] for each in self.without if each[:2] == where}
        return {
            key: inner
            for key, inner in value.items()
            if (not wanted or "" in wanted or key.lower() in wanted) and key.lower() not in unwanted
        }


EVERYTHING = Selection()
"""What a client gets that asks for nothing in particular."""


def selection(attributes: str | None, excluded: str | None) -> Selection:
    """The selection that two query parameters ask for; names that are no attributes select nothing."""
    return Selection(only=_names(attributes), without=_names(excluded))


def _names(listed: str | None) -> frozenset[tuple[str, str, str]]:
    found = set()
    # Microsoft's own collection asks for attributes=emails[type eq "work"]: the whole attribute is the answer.
    for each in _BRACKETS.sub("", listed or "").split(","):
        if not each.strip():
            continue
        try:
            place = place_of(each)
        except InvalidPath:
            place = None
        if place is None:
            found.add(("", each.strip().lower(), ""))
        else:
            found.add((place.urn.lower(), place.attribute.lower(), place.sub.lower()))
    return frozenset(found)
