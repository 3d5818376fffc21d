"""PATCH as a pure function: a resource and operations in, the changed resource out.

Tolerant in what it does not know (an unknown attribute beside a disable must not lose the disable), strict in what it
does: a value for `active` that is no boolean, a name that is no string. May import: the standard library, `core.filter`
and its neighbours in this folder.
Source: RFC 7644, section 3.5.2; Microsoft Entra, "Known issues and resolutions with SCIM 2.0 protocol compliance".
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.core.filter import And, Compare, Condition, Not, Or
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
    sub_name,
    value_at,
)
from bridge.sources.scim.errors import InvalidFilter, InvalidPath, InvalidSyntax, InvalidValue, NoTarget, ScimError


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One change of one place. `place` is `None` when the path names nothing that could be kept.

    `condition` is what stands in brackets: which elements are meant.
    """

    op: str
    """`add`, `replace` or `remove`, in lower case; anything else as sent."""
    place: Place | None
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
        place, condition = _target(path)
        if place is None or place.attribute or not isinstance(value, Mapping):
            return [Operation(op=op, place=place, value=value, condition=condition)]
        opened = places(value, urn=place.urn) if place.urn else places(value)
        return [Operation(op=op, place=inner, value=part) for inner, part in opened]
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
            found.extend(Operation(op=op, place=inner, value=each) for inner, each in places({key: part}))
    return found


def _target(path: str) -> tuple[Place | None, Condition | None]:
    """What a path names: `emails[type eq "work"].value` is the place `emails.value` with a condition."""
    before, bracket, rest = path.partition("[")
    if not bracket:
        return place_of(path), None
    inside, _, after = rest.rpartition("]")
    place = place_of(before + after)
    try:
        condition = filters.parse(inside)
    except InvalidFilter:
        place = place if place and place.is_active else None
        condition = None
    if place is not None and place.is_active:
        raise InvalidPath('Write the path of the active attribute as "active".')
    return place, condition


def active_of(operations: Sequence[Operation]) -> bool | None:
    """What the operations make of `active` in the end, whatever else they ask; `None` when they do not say.

    Raises: `InvalidValue`.
    """
    said = [o.value for o in operations if o.place and o.place.is_active and o.op in {"add", "replace"}]
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
    changed = copy.deepcopy({key: value for key, value in resource.items() if key != "members"})
    ignored: list[str] = []
    for operation in operations:
        place = operation.place
        if operation.op not in {"add", "replace", "remove"}:
            raise InvalidSyntax("The op of an operation must be add, replace or remove.")
        if place is None or not place.attribute:
            if place is not None and place.urn and operation.op == "remove":
                changed.pop(key_in(changed, place.urn), None)
            else:
                ignored.append("?")
        elif place.is_never_written:
            ignored.append(place.attribute)
        elif place.attribute == "members" and not place.urn:
            _apply_to_members(members, operation)
        elif not _apply_one(changed, operation, place):
            ignored.append(place.attribute)
    if members or "members" in resource:
        changed["members"] = list(members.values())
    return Patched(resource=changed, ignored=tuple(ignored))


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
        return is_multi and _apply_to_elements(resource, operation, place)
    holder = child(resource, place.urn) if place.urn else resource
    if operation.op == "remove" or operation.value is None:
        _remove(holder, operation, place, is_multi=is_multi)
    else:
        value = value_at(place, operation.value)
        if place.attribute == "manager" and place.sub in {"", "value"} and value in ({}, {"value": ""}, ""):
            holder.pop(key_in(holder, "manager"), None)  # Entra takes a manager away by an empty value
        elif is_multi and not place.sub and operation.op == "add":
            _extend(holder.setdefault(place.attribute, []), value)
        elif isinstance(value, dict) and not place.sub:
            child(holder, place.attribute).update(value)
        else:
            put(resource, place, value)
    if place.urn and not holder:
        resource.pop(key_in(resource, place.urn), None)
    return True


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


def _extend(elements: list[Any], added: list[Any]) -> None:
    """Adds what is not there yet. Only one element is primary: the one said last. Source: RFC 7643, section 2.4."""
    known = {json.dumps(each, sort_keys=True) for each in elements}
    for each in added:
        text = json.dumps(each, sort_keys=True)
        if text in known:
            continue
        known.add(text)
        if each.get("primary") is True:
            for other in elements:
                if other.get("primary") is True:
                    other["primary"] = False
        elements.append(each)


def _apply_to_elements(holder: dict[str, Any], operation: Operation, place: Place) -> bool:
    """One operation on the elements that the brackets choose; a missing element is made when they say how."""
    condition, elements = operation.condition, holder.get(place.attribute, [])
    assert condition is not None
    chosen = [e for e in elements if isinstance(e, dict) and matches(e, condition)]
    if operation.op == "remove" or operation.value is None:
        if place.sub:
            for element in chosen:
                element.pop(place.sub, None)
        kept = [e for e in elements if (e if place.sub else not any(e is c for c in chosen))]
        if kept:
            holder[place.attribute] = kept
        else:
            holder.pop(place.attribute, None)
        return True
    value = value_at(Place(attribute=place.attribute, sub=place.sub or "value"), operation.value)
    if not place.sub:
        value = (elements_of(value) or [{}])[0]
    if not chosen:
        template = _template(condition)
        if template is None:
            return False
        chosen = [template]
        elements = holder.setdefault(place.attribute, [])
        elements.append(template)
    for element in chosen:
        element.update({place.sub: value} if place.sub else value)
    return True


def _template(condition: Condition) -> dict[str, Any] | None:
    """The element that would match, for `eq` and `and`; Entra writes to elements that do not exist yet."""
    if isinstance(condition, And):
        parts = [_template(term) for term in condition.terms]
        return {k: v for part in parts if part for k, v in part.items()} if all(parts) else None
    if isinstance(condition, Compare) and condition.operator == "eq" and not condition.kind:
        name = sub_name(condition.attribute)
        meaning = value_at(Place(attribute="emails", sub=name), str(condition.value))
        return {name: meaning}
    return None


def matches(element: Mapping[str, Any], condition: Condition) -> bool:
    """Whether one element meets what stands in the brackets; text is compared without regard to ASCII case."""
    if isinstance(condition, And):
        return all(matches(element, term) for term in condition.terms)
    if isinstance(condition, Or):
        return any(matches(element, term) for term in condition.terms)
    if isinstance(condition, Not):
        return not matches(element, condition.term)
    held = element.get(key_in(element, condition.attribute))
    if condition.operator == "pr":
        return held not in (None, "", [], {})
    is_equal = held is not None and str(held).lower() == str(condition.value).lower()
    return {"eq": is_equal, "ne": not is_equal}.get(condition.operator, False)


def _apply_to_members(members: dict[str, Any], operation: Operation) -> None:
    """Group membership. Only those who are named go; a removal that names nobody empties the group, as the RFC says."""
    condition, value = operation.condition, operation.value
    if operation.place and operation.place.sub:
        return  # a member's display name is not kept
    named = {str(e["value"]): e for e in elements_of(value) if e.get("value")} if value is not None else {}
    if condition is not None:
        if operation.op != "remove":
            members.update(named)
        elif isinstance(condition, Compare) and condition.operator == "eq" and condition.attribute == "value":
            members.pop(str(condition.value), None)
        else:
            for each in [key for key, element in members.items() if matches(element, condition)]:
                del members[each]
    elif operation.op == "remove" and value is not None:
        for each in named:
            members.pop(each, None)
    else:
        if operation.op != "add":
            members.clear()
        members.update(named)
