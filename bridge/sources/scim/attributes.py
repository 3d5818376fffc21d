"""What a filter may name, with what it may be compared, and where the answer stands.

The list is longer than `/Schemas`: everything of RFC 7643 that is kept and shown can be asked for. Anything else is an
error, since answering with all rows would make Entra link the wrong person. May import: `core.filter`, its neighbours.
Source: RFC 7643, sections 3.1, 4 and 7; RFC 7644, section 3.4.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from bridge.core.filter import And, Compare, Condition, Element, Not, Or, Value
from bridge.sources.scim.dialects import ENTERPRISE, GROUP, USER
from bridge.sources.scim.errors import InvalidFilter


class Kind(StrEnum):
    """The type of a value. Source: RFC 7643, section 2.3."""

    TEXT = "string"
    BOOLEAN = "boolean"
    MOMENT = "dateTime"
    BINARY = "binary"
    COMPLEX = "complex"


OPERATORS = {
    Kind.TEXT: frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"}),
    Kind.MOMENT: frozenset({"eq", "ne", "gt", "ge", "lt", "le", "pr"}),
    Kind.BOOLEAN: frozenset({"eq", "ne", "pr"}),
    Kind.BINARY: frozenset({"eq", "ne", "pr"}),
    Kind.COMPLEX: frozenset({"pr"}),
}
"""What each type can be compared with. Source: RFC 7644, section 3.4.2.2, table 3."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One attribute or sub-attribute with the characteristics that a comparison needs."""

    name: str
    kind: Kind = Kind.TEXT
    is_exact: bool = False
    is_multi: bool = False
    is_kept_apart: bool = False
    """Whether it has a column or a table of its own, and so no place in the stored JSON."""
    subs: Mapping[str, Attribute] = field(default_factory=dict)
    """By lower-case name; empty unless the kind is complex."""


def _named(attributes: Iterable[Attribute]) -> dict[str, Attribute]:
    return {each.name.lower(): each for each in attributes}


def _texts(names: str) -> list[Attribute]:
    return [Attribute(name=name) for name in names.split()]


def _many(name: str, subs: Iterable[Attribute], **how: Any) -> Attribute:
    return Attribute(name=name, kind=Kind.COMPLEX, is_multi=True, subs=_named(subs), **how)


def _plural(name: str, value: Kind = Kind.TEXT) -> Attribute:
    """A list of the usual four sub-attributes. Source: RFC 7643, section 2.4."""
    primary = Attribute(name="primary", kind=Kind.BOOLEAN)
    return _many(name, [Attribute(name="value", kind=value), *_texts("display type"), primary])


_OWN_ID = Attribute(name="value", is_exact=True, is_kept_apart=True)
_COMMON = [
    Attribute(name="id", is_exact=True, is_kept_apart=True),
    Attribute(name="externalId", is_exact=True, is_kept_apart=True),
    Attribute(name="schemas", is_multi=True, is_kept_apart=True),
    Attribute(
        name="meta",
        kind=Kind.COMPLEX,
        is_kept_apart=True,
        subs=_named(
            [
                Attribute(name="resourceType", is_exact=True, is_kept_apart=True),
                Attribute(name="created", kind=Kind.MOMENT, is_kept_apart=True),
                Attribute(name="lastModified", kind=Kind.MOMENT, is_kept_apart=True),
            ]
        ),
    ),
]
_NAME_PARTS = "formatted familyName givenName middleName honorificPrefix honorificSuffix"
_ADDRESS_PARTS = "formatted streetAddress locality region postalCode country type"

ATTRIBUTES: Mapping[str, Mapping[str, Attribute]] = {
    "User": _named(
        [
            *_COMMON,
            Attribute(name="userName", is_kept_apart=True),
            Attribute(name="active", kind=Kind.BOOLEAN, is_kept_apart=True),
            Attribute(name="name", kind=Kind.COMPLEX, subs=_named(_texts(_NAME_PARTS))),
            *_texts("displayName nickName profileUrl title userType preferredLanguage locale timezone"),
            *(_plural(name) for name in ("emails", "phoneNumbers", "ims", "photos", "entitlements", "roles")),
            _plural("x509Certificates", Kind.BINARY),
            _many("addresses", [*_texts(_ADDRESS_PARTS), Attribute(name="primary", kind=Kind.BOOLEAN)]),
            _many("groups", [_OWN_ID, Attribute(name="display", is_kept_apart=True)], is_kept_apart=True),
        ]
    ),
    "Group": _named(
        [
            *_COMMON,
            Attribute(name="displayName", is_kept_apart=True),
            _many("members", [_OWN_ID], is_kept_apart=True),
        ]
    ),
}
"""By resource type and lower-case name. No password, and of members and groups what is kept of them."""

EXTENSION = _named(
    [
        *_texts("employeeNumber costCenter organization division department"),
        Attribute(
            name="manager",
            kind=Kind.COMPLEX,
            subs=_named(
                [Attribute(name="value", is_exact=True), Attribute(name="$ref"), Attribute(name="displayName")]
            ),
        ),
    ]
)
"""The enterprise extension of a User. Source: RFC 7643, section 4.3."""

NOBODY = Or(terms=())
"""The condition that no resource meets."""

_WORDS = {"true": True, "false": False}
_PATH = re.compile(r"(?:(urn:.+):)?([^:.]+)(?:\.([^:.]+))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a path in a filter or in `sortBy` names: an attribute, and perhaps one of its sub-attributes."""

    attribute: Attribute
    sub: Attribute | None = None
    urn: str = ""

    @property
    def last(self) -> Attribute:
        """The one whose value is meant."""
        return self.sub or self.attribute

    @property
    def path(self) -> str:
        """The lower-case path, with the extension's URN before it."""
        name = f"{self.attribute.name}.{self.sub.name}" if self.sub else self.attribute.name
        return (f"{self.urn}:{name}" if self.urn else name).lower()

    @property
    def keys(self) -> tuple[str, ...]:
        """Where the value stands in the stored JSON; empty when it is kept apart."""
        if self.attribute.is_kept_apart:
            return ()
        names = (self.urn, self.attribute.name, self.sub.name if self.sub else "")
        return tuple(name for name in names if name)

    @property
    def compared(self) -> Asked:
        """What a comparison looks at: the `value` of a list's elements and of the manager, else the attribute itself."""
        value = self.attribute.subs.get("value")
        return self if self.sub or value is None else Asked(attribute=self.attribute, sub=value, urn=self.urn)


@lru_cache(maxsize=512)
def asked_for(path: str, resource_type: str) -> Asked | None:
    """What the path names in that resource type; `None` for what is not known or not kept. Case does not matter."""
    match = _PATH.fullmatch(path.lower())
    if match is None:
        return None
    urn, name, sub = match.groups()
    # Entra checks a manager with `id eq "…" and manager eq "…"`, without the extension's URN.
    is_extension = resource_type == "User" and (urn == ENTERPRISE.lower() or (not urn and name == "manager"))
    if urn and not is_extension and urn != {"User": USER, "Group": GROUP}[resource_type].lower():
        return None
    attribute = (EXTENSION if is_extension else ATTRIBUTES[resource_type]).get(name)
    if attribute is None or (sub and sub not in attribute.subs):
        return None
    return Asked(attribute=attribute, sub=attribute.subs[sub] if sub else None, urn=ENTERPRISE if is_extension else "")


def bound(tree: Condition, resource_type: str, beside: Sequence[str] = ()) -> Condition:
    """The tree with every attribute looked up and every value of its attribute's type.

    What only the types `beside` this one have is met by none. Raises: `InvalidFilter` for an attribute that is not
    answered, and for an operator or a value that does not fit it.
    """
    match tree:
        case And(terms=terms):
            return And(terms=tuple(bound(term, resource_type, beside) for term in terms))
        case Or(terms=terms):
            return Or(terms=tuple(bound(term, resource_type, beside) for term in terms))
        case Not(term=term):
            return Not(term=bound(term, resource_type, beside))
        case Element() | Compare():
            asked = asked_for(tree.attribute, resource_type)
            if asked is None:
                return _of_others(tree, resource_type, beside)
            return _element(tree, asked) if isinstance(tree, Element) else _comparison(tree, asked)


def _of_others(leaf: Compare | Element, resource_type: str, beside: Sequence[str]) -> Condition:
    """Nobody, when another type knows the attribute. Source: RFC 7644, section 3.4.2.1."""
    for other in beside:
        if asked_for(leaf.attribute, other) is not None:
            bound(leaf, other)
            return NOBODY
    raise InvalidFilter(f"A filter on a {resource_type} cannot name that attribute: {leaf.attribute[:100]}.")


def _comparison(raw: Compare, named: Asked) -> Condition:
    asked = named if raw.operator == "pr" else named.compared
    value = _value(raw, asked.last, asked.path)
    if asked.attribute.is_kept_apart and asked.attribute.subs and asked.attribute.is_multi:  # members and groups
        return _any_of(asked, raw.operator, value)
    keys, is_multi = asked.keys, asked.attribute.is_multi
    if asked.path == "emails.value" and raw.operator == "eq" and value is not None:
        keys, is_multi = (), False  # has an index of its own
    return Compare(
        attribute=asked.path,
        operator=raw.operator,
        value=value,
        keys=keys,
        is_exact=asked.last.is_exact,
        is_multi=is_multi,
    )


def _any_of(asked: Asked, operator: str, value: Value) -> Condition:
    """A comparison with rows of a table of their own: of any of them, with `ne` of all."""
    sub = asked.compared.last
    is_negative = operator == "ne" or (operator == "eq" and value is None)
    flipped = {"ne": "eq", "eq": "ne"}.get(operator, operator)
    term = Compare(
        attribute=sub.name.lower(),
        operator=flipped if is_negative else operator,
        value=value,
        is_exact=sub.is_exact,
    )
    element = Element(attribute=asked.attribute.name.lower(), term=term)
    return Not(term=element) if is_negative else element


def _element(raw: Element, asked: Asked) -> Condition:
    if not asked.attribute.is_multi or not asked.attribute.subs or asked.sub:
        raise InvalidFilter(f"Only a list of objects takes brackets: {raw.attribute[:100]}.")
    equal = _equalities(raw.term)
    is_address = asked.path == "emails" and "value" in equal and equal.keys() <= {"type", "value"}
    if is_address and equal.get("type", "any"):
        return Compare(attribute="emails.value", operator="eq", value=equal["value"], kind=equal.get("type", ""))
    return Element(attribute=asked.path, term=_inside(raw.term, asked), keys=asked.keys)


def _inside(tree: Condition, asked: Asked) -> Condition:
    match tree:
        case And(terms=terms):
            return And(terms=tuple(_inside(term, asked) for term in terms))
        case Or(terms=terms):
            return Or(terms=tuple(_inside(term, asked) for term in terms))
        case Not(term=term):
            return Not(term=_inside(term, asked))
        case Element():
            raise InvalidFilter("Brackets within brackets are not in the grammar.")
        case Compare():
            sub = asked.attribute.subs.get(tree.attribute)
            if sub is None:
                raise InvalidFilter(f"{asked.attribute.name} has no such sub-attribute: {tree.attribute[:100]}.")
            return Compare(
                attribute=tree.attribute,
                operator=tree.operator,
                value=_value(tree, sub, f"{asked.path}.{tree.attribute}"),
                keys=() if sub.is_kept_apart else (sub.name,),
                is_exact=sub.is_exact,
            )


def _equalities(tree: Condition) -> dict[str, str]:
    """What must be equal to which text, for a tree of `eq` and `and` alone; empty for any other."""
    found: dict[str, str] = {}
    waiting = [tree]
    while waiting:
        term = waiting.pop()
        if isinstance(term, And):
            waiting.extend(term.terms)
        elif isinstance(term, Compare) and term.operator == "eq" and term.attribute not in found:
            if not isinstance(getattr(term.value, "json", ""), str):
                return {}
            found[term.attribute] = str(term.value)
        else:
            return {}
    return found


def _value(raw: Compare, attribute: Attribute, path: str) -> Value:
    """The literal as its attribute's type has it. Raises: `InvalidFilter`."""
    if raw.operator not in OPERATORS[attribute.kind]:
        raise InvalidFilter(f"{path} is a {attribute.kind} and cannot be compared with {raw.operator}.")
    if raw.operator == "pr":
        return None
    said = getattr(raw.value, "json", raw.value)
    if said is None:
        if raw.operator not in {"eq", "ne"}:
            raise InvalidFilter("null can be compared with eq and ne only.")
        return None
    if attribute.kind is Kind.BOOLEAN:
        word = said if isinstance(said, bool) else _WORDS.get(str(said).strip().lower())
        if word is None:
            raise InvalidFilter(f"{path} is a boolean: compare it with true or false.")
        return word
    if not isinstance(said, str):
        raise InvalidFilter(f"{path} is a string: compare it with a value in double quotes.")
    if attribute.kind is not Kind.MOMENT:
        return str(said)
    try:
        moment = datetime.fromisoformat(said)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidFilter(f'{path} is a dateTime: compare it with one, like "2026-01-31T09:00:00Z".') from None
