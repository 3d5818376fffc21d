"""The elements of a list under a PATCH: which ones a filter in the path chooses, and what becomes of them.

May import: `core.filter` and its neighbours in this folder.
Source: RFC 7644, sections 3.5.2.1 to 3.5.2.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bridge.core.filter import And, Compare, Condition, Element, Not, Or
from bridge.sources.scim.dialects import Place, elements_of, key_in, sub_name, text, value_at
from bridge.sources.scim.errors import InvalidPath, InvalidValue, NoTarget

_MEETS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda held, wanted: held == wanted,
    "co": lambda held, wanted: wanted in held,
    "sw": lambda held, wanted: held.startswith(wanted),
    "ew": lambda held, wanted: held.endswith(wanted),
    "gt": lambda held, wanted: held > wanted,
    "ge": lambda held, wanted: held >= wanted,
    "lt": lambda held, wanted: held < wanted,
    "le": lambda held, wanted: held <= wanted,
}


def matches(element: Mapping[str, Any], condition: Condition) -> bool:
    """Whether one element meets what stands in the brackets; text is compared without regard to case.

    Raises: `InvalidPath` for brackets within brackets.
    """
    match condition:
        case And(terms=terms):
            return all(matches(element, term) for term in terms)
        case Or(terms=terms):
            return any(matches(element, term) for term in terms)
        case Not(term=term):
            return not matches(element, term)
        case Element():
            raise InvalidPath("Brackets within brackets are not in the grammar.")
        case Compare():
            return _meets(element.get(key_in(element, condition.attribute)), condition)


def _meets(held: Any, compare: Compare) -> bool:
    if compare.operator == "pr":
        return held not in (None, "", [], {})
    wanted = getattr(compare.value, "json", compare.value)
    if wanted is None or held is None:
        is_same = held is None and wanted is None
        return {"eq": is_same, "ne": not is_same}.get(compare.operator, False)
    one, other = str(held).lower(), str(compare.value).lower()
    return one != other if compare.operator == "ne" else _MEETS[compare.operator](one, other)


def extend(elements: list[Any], added: list[Any]) -> None:
    """Adds what is not there yet. Only one element is primary: the one said last. Source: RFC 7643, section 2.4."""
    known = {json.dumps(each, sort_keys=True) for each in elements}
    for each in added:
        said = json.dumps(each, sort_keys=True)
        if said in known:
            continue
        known.add(said)
        if each.get("primary") is True:
            _only_primary(elements, each)
        elements.append(each)


def _only_primary(elements: list[Any], chosen: Any) -> None:
    for other in elements:
        if other is not chosen and isinstance(other, dict) and other.get("primary") is True:
            other["primary"] = False


def change_chosen(holder: dict[str, Any], place: Place, condition: Condition, op: str, value: Any) -> None:
    """One operation on the elements that the brackets choose; a missing element is made when they say how.

    Raises: `NoTarget` when there is none and they do not, `InvalidValue` for more than one element as the value.
    """
    elements = holder.get(place.attribute, [])
    chosen = [e for e in elements if isinstance(e, dict) and matches(e, condition)]
    if op == "remove" or value is None:
        _take_out(holder, place, chosen)
        return
    value = value_at(Place(attribute=place.attribute, sub=place.sub or "value"), value)
    if not place.sub:
        named = elements_of(value)
        if len(named) != 1:
            raise InvalidValue(f"A path with a filter takes one element of {place.attribute} as its value.")
        value = named[0]
    if not chosen:
        chosen = [_template(condition)]
        elements = holder.setdefault(place.attribute, [])
        elements.extend(chosen)
    for element in chosen:
        element.update({place.sub: value} if place.sub else value)
    if chosen[-1].get("primary") is True:
        _only_primary(elements, chosen[-1])


def _take_out(holder: dict[str, Any], place: Place, chosen: list[Any]) -> None:
    """The chosen elements, or one sub-attribute of them; an element without anything left goes too."""
    elements = holder.get(place.attribute, [])
    if place.sub:
        for element in chosen:
            element.pop(place.sub, None)
    kept = [e for e in elements if (e if place.sub else not any(e is c for c in chosen))]
    if kept:
        holder[place.attribute] = kept
    else:
        holder.pop(place.attribute, None)


def _template(condition: Condition) -> dict[str, Any]:
    """The element that would match, for `eq` and `and`; Entra writes to elements that do not exist yet.

    Raises: `NoTarget` for anything else.
    """
    if isinstance(condition, And):
        return {key: value for term in condition.terms for key, value in _template(term).items()}
    if isinstance(condition, Compare) and condition.operator == "eq":
        name = sub_name(condition.attribute)
        return {name: value_at(Place(attribute="emails", sub=name), str(condition.value))}
    raise NoTarget("No element matches the filter in the path, and it does not say what to make.")


def change_members(members: dict[str, Any], place: Place, condition: Condition | None, op: str, value: Any) -> None:
    """Group membership. Only those who are named go; a removal that names nobody empties the group, as the RFC says.

    Raises: `InvalidValue` for members without a `value`.
    """
    if place.sub and place.sub != "value":
        return  # a member's display name is not kept
    named = _named(value, is_needed=op != "remove")
    if condition is not None:
        chosen = [key for key, element in members.items() if _is_chosen(key, element, condition)]
        for each in chosen if op != "add" else ():
            del members[each]
    elif op == "remove" and value is not None:
        for each in named:
            members.pop(each, None)
    elif op != "add":
        members.clear()
    if op != "remove":
        members.update(named)


def _is_chosen(key: str, element: Mapping[str, Any], condition: Condition) -> bool:
    if isinstance(condition, Compare) and condition.operator == "eq" and condition.attribute == "value":
        return key == str(condition.value)
    return matches(element, condition)


def _named(value: Any, *, is_needed: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in elements_of(value):
        if element.get("value"):
            found[text(element["value"], "members.value")] = element
        elif is_needed:
            raise InvalidValue("Each member needs a value: the id of the user.")
    return found
