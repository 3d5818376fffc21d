"""PATCH as a pure function: a resource and operations in, the changed resource out.

Tolerant in what it does not know: an unknown attribute is kept as sent, or left out when nothing could hold it. Strict in
what it does know: what cannot have the effect that it asks for is an error, never a silent success. May import: the standard library, `core.filter`
and its neighbours in this folder.
Source: RFC 7644, section 3.5.2; Microsoft Entra, "Known issues and resolutions with SCIM 2.0 protocol compliance".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.core.filter import Compare, Condition
from bridge.sources.scim import filter as filters
from bridge.sources.scim.dialects import (
    MAX_OPERATIONS,
    MULTI_VALUED,
    Place,
    boolean,
    child,
    elements_of,
    key_in,
    place_of,
    places,
    put,
    value_at,
)
from bridge.sources.scim.elements import change_chosen, change_members, extend
from bridge.sources.scim.errors import (
    InvalidFilter,
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    Mutability,
    NoTarget,
    ScimError,
)

_ANY = Compare(attribute="value", operator="pr", value=None)
"""Stands for the brackets after an attribute that we do not know, and so cannot look into."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One change of one place. `condition` is what stands in brackets: which elements are meant."""

    op: str
    """`add`, `replace` or `remove`, in lower case; anything else as sent."""
    place: Place
    value: Any = None
    condition: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class Patched:
    """The resource after all operations, and the attributes that were left out because nothing could hold them."""

    resource: dict[str, Any]
    ignored: tuple[str, ...]


def operations_of(body: Any) -> tuple[Operation, ...]:
    """The operations of a PatchOp body, in their order; a value without a path becomes one operation per attribute.

    Raises: `InvalidSyntax` when there are none, `InvalidValue` or `InvalidPath` where a disable could hide.
    """
    named = {key.lower(): value for key, value in body.items()} if isinstance(body, Mapping) else {}
    listed = named.get("operations")
    if isinstance(listed, Mapping):
        listed = [listed] if listed else []
    if not isinstance(listed, list) or not listed:
        raise InvalidSyntax("A PATCH needs Operations: a list with at least one operation.")
    if len(listed) > MAX_OPERATIONS:
        raise InvalidSyntax(f"More than {MAX_OPERATIONS} operations in one PATCH.")
    found: list[Operation] = []
    for each in listed:
        if not isinstance(each, Mapping):
            raise InvalidSyntax("Every element of Operations must be an object.")
        found.extend(_operations({key.lower(): value for key, value in each.items()}))
    return tuple(found)


def _operations(fields: Mapping[str, Any]) -> list[Operation]:
    op, path, value = str(fields.get("op", "")).strip().lower(), fields.get("path"), fields.get("value")
    if path is not None and not isinstance(path, str):
        raise InvalidPath("The path of an operation must be a string.")
    if path and path.strip():
        return _with_path(op, path, value)
    if op == "remove":
        raise NoTarget("A remove operation needs a path.")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, Mapping):
        raise InvalidValue("An operation without a path needs an object as its value.")
    found: list[Operation] = []
    for key, part in value.items():
        if "[" in key:
            place, condition = _target(key)
            found.append(Operation(op=op, place=place, value=part, condition=condition))
        else:
            found.extend(_opened(op, places({key: part})))
    return found


def _opened(op: str, parts: Iterable[tuple[Place, Any]]) -> Iterable[Operation]:
    """One operation for each part of an object. The server's own are left out: Okta sends the `id` beside a new name."""
    for place, value in parts:
        if not _is_fixed(place):
            _check(place)
            yield Operation(op=op, place=place, value=value)


def _check(place: Place) -> None:
    if place.sub and place.is_simple:
        raise InvalidPath(f"{place.attribute} has no sub-attributes.")


def _with_path(op: str, path: str, value: Any) -> list[Operation]:
    place, condition = _target(path)
    if _is_fixed(place):
        raise Mutability(f"{place.attribute} is read-only.")
    if place.attribute:
        return [Operation(op=op, place=place, value=value, condition=condition)]
    if op == "remove":
        return [Operation(op=op, place=place)]
    if not isinstance(value, Mapping):
        raise InvalidValue("A path that names a whole schema needs an object as its value.")
    return list(_opened(op, places(value, urn=place.urn) if place.urn else places(value)))


def _is_fixed(place: Place) -> bool:
    """Whether it is the server's own."""
    return not place.urn and place.attribute in {"id", "meta", "groups"}


def _target(path: str) -> tuple[Place, Condition | None]:
    """What a path names: `emails[type eq "work"].value` is the place `emails.value` with a condition.

    Raises: `InvalidPath` for what cannot be read, and for a part of an attribute that has no parts.
    """
    before, bracket, rest = path.partition("[")
    inside, closing, after = rest.rpartition("]") if bracket else ("", "]", "")
    place = place_of(before + after)
    if place is None or not closing:
        raise InvalidPath("The path of an operation cannot be read.")
    if bracket and place.is_active:
        raise InvalidPath('Write the path of the active attribute as "active".')
    _check(place)
    if not bracket or not place.is_known:
        return place, _ANY if bracket else None
    if place.urn or place.attribute not in MULTI_VALUED:
        raise InvalidPath(f"{place.attribute} is no list: its path takes no filter.")
    try:
        return place, filters.parse(inside)
    except InvalidFilter as error:
        raise InvalidPath(f"The filter in the path cannot be read. {error.detail}") from None


def active_of(operations: Sequence[Operation]) -> bool | None:
    """What the operations make of `active` in the end, whatever else they ask; `None` when they do not say.

    Raises: `InvalidValue`.
    """
    said = [o.value for o in operations if o.place.is_active and o.op in {"add", "replace"}]
    return boolean(said[-1]) if said else None


def says_out(body: Any) -> bool:
    """Whether a PatchOp body deactivates, even when other operations in it cannot be read or applied."""
    named = {key.lower(): value for key, value in body.items()} if isinstance(body, Mapping) else {}
    listed = named.get("operations")
    said: bool | None = None
    for each in listed if isinstance(listed, list) else [listed]:
        try:
            meant = active_of(operations_of({"Operations": [each]}))
        except ScimError:
            continue
        said = said if meant is None else meant
    return said is False


def apply(resource: Mapping[str, Any], operations: Sequence[Operation]) -> Patched:
    """The resource after the operations, in their order. The given one is left as it was.

    Raises: `InvalidSyntax` for an unknown op, `InvalidValue` for a known attribute with a value of the wrong type.
    """
    # A group can have thousands of members and a PATCH hundreds of them: a list would make that a product.
    members = {m["value"]: m for m in resource.get("members", ())}
    changed = {key: _copied(value) for key, value in resource.items() if key != "members"}
    ignored: list[str] = []
    for operation in operations:
        place = operation.place
        if operation.op not in {"add", "replace", "remove"}:
            raise InvalidSyntax("The op of an operation must be add, replace or remove.")
        if not place.attribute:
            changed.pop(key_in(changed, place.urn), None)
        elif place.is_never_written:
            ignored.append(place.attribute)
        elif place.attribute == "members" and not place.urn:
            change_members(members, place, operation.condition, operation.op, operation.value)
        elif not _apply_one(changed, operation, place):
            ignored.append(place.attribute)
    if members or "members" in resource:
        changed["members"] = list(members.values())
    return Patched(resource=changed, ignored=tuple(ignored))


def _copied(value: Any) -> Any:
    """A copy of a JSON value that shares nothing which can be changed."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _apply_one(resource: dict[str, Any], operation: Operation, place: Place) -> bool:
    """Applies one operation; false when there is nothing it could mean."""
    if place.is_active:
        if operation.op == "remove":
            raise InvalidValue("Removing active says neither in nor out; replace it with true or false.")
        put(resource, place, boolean(operation.value))
        return True
    if operation.op == "add" and operation.value is None:
        return False
    is_multi = not place.urn and place.attribute in MULTI_VALUED
    if operation.condition is not None:
        if is_multi:
            change_chosen(resource, place, operation.condition, operation.op, operation.value)
        return is_multi
    holder = child(resource, place.urn) if place.urn else resource
    if operation.op == "remove" or operation.value is None:
        _remove(holder, operation, place, is_multi=is_multi)
    else:
        _set(holder, operation, place, is_multi=is_multi)
    if place.urn and not holder:
        resource.pop(key_in(resource, place.urn), None)
    return True


def _set(holder: dict[str, Any], operation: Operation, place: Place, *, is_multi: bool) -> None:
    value = value_at(place, operation.value)
    if place.attribute == "manager" and place.sub in {"", "value"} and value in ({}, {"value": ""}, ""):
        holder.pop(key_in(holder, "manager"), None)  # Entra takes a manager away by an empty value
    elif is_multi and not place.sub and operation.op == "add":
        extend(holder.setdefault(place.attribute, []), value)
    elif isinstance(value, dict) and not place.sub:
        child(holder, place.attribute).update(value)
    else:
        put(holder, Place(attribute=place.attribute, sub=place.sub), value)


def _remove(holder: dict[str, Any], operation: Operation, place: Place, *, is_multi: bool) -> None:
    name = key_in(holder, place.attribute)
    if is_multi and not place.sub and operation.value is not None:
        gone = [e.get("value", e) for e in elements_of(operation.value)]
        holder[name] = [e for e in holder.get(name, []) if e.get("value", e) not in gone]
    elif not place.sub:
        holder.pop(name, None)
        return
    for inner in holder.get(name, ()) if is_multi else (holder.get(name),):
        if place.sub and isinstance(inner, dict):
            inner.pop(place.sub, None)
    if not holder.get(name):
        holder.pop(name, None)
