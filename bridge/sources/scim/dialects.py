"""Brings what Okta, Entra and others send into one canonical form, before anyone asks what it means.

Canonical is: attribute names in the RFC's spelling, dotted and URN keys spread into objects, `active` a real boolean,
multi-valued attributes lists, nulls gone, and nothing that clients never set (`id`, `meta`, `groups`, `password`,
`schemas`). Unknown attributes stay as they were sent.

May import: the standard library, `errors`.
Source: RFC 7643, sections 2 and 4; the vendors' forms are in `tests/samples/okta` and `tests/samples/entra`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bridge.sources.scim.errors import InvalidPath, InvalidSyntax, InvalidValue

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

MAX_VALUE_CHARACTERS = 1024
"""Characters in one string that identifies a person; addresses have 254 at most (RFC 5321)."""

MAX_NAME_CHARACTERS = 256
"""Characters in `userName` and in a group's `displayName`; Entra's longest UPN has 113 and gains 32 when renamed."""

MAX_OPERATIONS = 1000
"""In one PATCH: identity providers send some ten, and each is applied while others wait to write."""

MAX_EMAILS = 100
"""Elements of `emails`: each is kept for good, so that nobody comes back under a former address."""

MAX_DEPTH = 16
"""Levels of objects and lists in a body; SCIM itself needs five."""

MAX_KNOWN_CHARACTERS = 200
"""In a name whose place is kept in mind; what is longer, nobody sends twice."""

NEVER_WRITTEN = frozenset({"id", "meta", "groups", "password", "schemas"})
"""What no client sets: the server's own, and the password that Okta sends and nobody here needs."""

MULTI_VALUED = frozenset(
    {"emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates", "members"}
)
"""Attributes that are lists. Source: RFC 7643, sections 4.1.2 and 4.2."""

_CORE = (
    "id externalId meta schemas userName name displayName nickName profileUrl title userType preferredLanguage locale "
    "timezone active password emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates members"
)
_SUBS = (
    "value display type primary $ref formatted familyName givenName middleName honorificPrefix honorificSuffix "
    "streetAddress locality region postalCode country displayName"
)
_ENTERPRISE_NAMES = "employeeNumber costCenter organization division department manager"

_CORE_SPELLING = {name.lower(): name for name in _CORE.split()}
_SUB_SPELLING = {name.lower(): name for name in _SUBS.split()}
_ENTERPRISE_SPELLING = {name.lower(): name for name in _ENTERPRISE_NAMES.split()}
_URN_SPELLING = {urn.lower(): urn for urn in (USER, GROUP, ENTERPRISE)}
_WITH_SUBS = MULTI_VALUED | {"name", "manager"}

_SIMPLE = frozenset(_CORE.split()) - MULTI_VALUED - {"name", "meta", "groups"}
_KNOWN = {"": frozenset(_CORE.split()), ENTERPRISE: frozenset(_ENTERPRISE_NAMES.split())}

_URN = re.compile(r"(urn:.*?:\d+\.\d+:[A-Za-z]\w*|urn:[^\[]*(?=:))(?::(.+))?", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[A-Za-z$][\w$-]*", re.ASCII)
_LAST_WORD = re.compile(r"[^\w$-]+")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a value belongs: `urn` is empty for core attributes, `sub` for the whole attribute.

    An extension as a whole has an empty `attribute`.
    """

    attribute: str
    urn: str = ""
    sub: str = ""

    @property
    def is_active(self) -> bool:
        """Whether this is the core attribute that says in or out."""
        return not self.urn and self.attribute == "active"

    @property
    def is_never_written(self) -> bool:
        """Whether no client sets it; a password is not kept under any schema."""
        return self.attribute.lower() == "password" or (not self.urn and self.attribute in NEVER_WRITTEN)

    @property
    def is_known(self) -> bool:
        """Whether it is an attribute of one of our schemas, and not one that is merely kept as sent."""
        return self.attribute in _KNOWN.get(self.urn, ())

    @property
    def is_simple(self) -> bool:
        """Whether it is known to have no sub-attributes."""
        return self.attribute in _SIMPLE if not self.urn else self.is_known and self.attribute != "manager"


def place_of(key: str) -> Place | None:
    """The place that a key or a path without brackets names; `None` when it is not an attribute name.

    `Active`, `name.givenName`, `urn:…:core:2.0:User:active`, `urn:…:enterprise:2.0:User:manager.value`, a bare URN.
    Raises: `InvalidPath` for a name that ends in `active` and cannot be read: it may be a disable, and is never skipped.
    """
    return _read_before(key) if len(key) <= MAX_KNOWN_CHARACTERS else _read(key)


def _read(key: str) -> Place | None:
    name, urn = key.strip(), ""
    if _UNSTORABLE.search(name):
        raise InvalidPath("An attribute's name contains a NUL character or half of a surrogate pair.")
    if name[:4].lower() == "urn:":
        match = _URN.fullmatch(name)
        if match is None:
            return None
        urn = _URN_SPELLING.get(match[1].lower(), match[1])
        urn = "" if urn in {USER, GROUP} else urn
        name = (match[2] or "").strip()
        if not name:
            return Place(attribute="", urn=urn)
    attribute, _, sub = name.partition(".")
    spelling = _ENTERPRISE_SPELLING if urn == ENTERPRISE else {} if urn else _CORE_SPELLING
    place = Place(attribute=spelling.get(attribute.lower(), attribute), urn=urn, sub=sub_name(sub))
    if place.is_active and place.sub == "value":
        return Place(attribute="active")
    is_name = _NAME.fullmatch(attribute) and (not sub or _NAME.fullmatch(sub))
    if (not is_name or place.sub) and (place.is_active or _LAST_WORD.split(name)[-1].lower() == "active"):
        raise InvalidPath('Write the path of the active attribute as "active".')
    return place if is_name else None


_read_before = lru_cache(maxsize=1_000)(_read)
"""The same for names that were read before: identity providers send the same dozen for ever."""


def sub_name(name: str) -> str:
    """A sub-attribute in the RFC's spelling; unknown ones as sent."""
    return _SUB_SPELLING.get(name.lower(), name)


def places(body: Mapping[str, Any], *, urn: str = "") -> Iterable[tuple[Place, Any]]:
    """Every attribute of an object with its place, in the order sent; what cannot be placed is left out.

    Objects under a core URN are opened; those under an extension's URN are opened when the extension is known.
    """
    for key, value in body.items():
        place = place_of(f"{urn}:{key}" if urn else key)
        if place is None:
            continue
        if not place.attribute and isinstance(value, Mapping):
            yield from places(value, urn=place.urn or USER)
        elif place.attribute:
            yield place, value


def canonical(body: Mapping[str, Any]) -> dict[str, Any]:
    """A POST or PUT body in canonical form.

    Raises: `InvalidValue` when `active` is no boolean in any known shape, or a string cannot be stored.
    """
    resource: dict[str, Any] = {}
    for place, value in places(body):
        if value is None or place.is_never_written:
            continue
        if place.is_known and not place.urn and not place.sub:
            resource[place.attribute] = value_at(place, value)  # it stands there in no other spelling
        else:
            put(resource, place, value_at(place, value))
    return resource


def put(resource: dict[str, Any], place: Place, value: Any) -> None:
    """Sets one place to a canonical value; names that differ in case only are one attribute."""
    holder = resource
    if place.urn:
        holder = child(resource, place.urn)
    name = key_in(holder, place.attribute)
    if not place.sub:
        holder[name] = value
    elif name in MULTI_VALUED:
        elements = holder.setdefault(name, [])
        if not elements:
            elements.append({})
        elements[0][place.sub] = value
    else:
        child(holder, name)[place.sub] = value


def child(holder: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under a name, made when it is missing or is no object."""
    inner = holder.get(key_in(holder, name))
    if not isinstance(inner, dict):
        inner = holder[key_in(holder, name)] = {}
    return inner


def key_in(holder: Mapping[str, Any], name: str) -> str:
    """The key that holds the attribute already, whatever its case, or the name itself."""
    if name in holder:
        return name
    wanted = name.lower()
    return next((key for key in holder if key.lower() == wanted), name)


def value_at(place: Place, value: Any) -> Any:
    """A value in the canonical form of its place.

    Raises: `InvalidValue`.
    """
    if place.is_active:
        return boolean(value)
    value = tidy(value)
    if place.urn and place.urn != ENTERPRISE:
        return value
    if place.sub:
        return _primary(value) if place.sub == "primary" else value
    if not place.urn and place.attribute in MULTI_VALUED:
        return elements_of(value)
    if place.attribute in _WITH_SUBS:
        if isinstance(value, list) and len(value) == 1:  # Entra wraps the manager in a list
            value = value[0]
        if isinstance(value, str) and place.attribute == "manager":
            value = {"value": value} if value else {}
        return _with_sub_names(value)
    return value


def elements_of(value: Any) -> list[Any]:
    """The elements of a multi-valued attribute: a list, one object, or bare strings; empty elements are left out."""
    listed = value if isinstance(value, list) else [value]
    return [_with_sub_names(e if isinstance(e, dict) else {"value": e}) for e in listed if e not in (None, "", {})]


def _with_sub_names(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    named = {sub_name(key): inner for key, inner in value.items()}
    if "primary" in named:
        named["primary"] = _primary(named["primary"])
    return named


def _primary(value: Any) -> Any:
    """Entra's validator sends `"True"` beside real booleans; what is no boolean stays as sent."""
    try:
        return boolean(value)
    except InvalidValue:
        return value


def boolean(value: Any) -> bool:
    """The boolean that a client meant: a JSON boolean, `"False"` in any case and padding, or either of them wrapped.

    Never truthiness: `bool("False")` is true, and the leaver would keep access.
    Raises: `InvalidValue` for anything else.
    """
    for _ in range(4):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, Mapping):
            value = next((inner for key, inner in value.items() if str(key).lower() == "value"), None)
        else:
            break
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise InvalidValue('A boolean must be true or false, as JSON or as the strings "True" and "False".')


def tidy(value: Any, depth: int = 0) -> Any:
    """The same JSON without nulls in objects and lists.

    Raises: `InvalidValue` for a string that no database keeps; `InvalidSyntax` for a body nested too deep.
    """
    if depth > MAX_DEPTH:
        raise InvalidSyntax(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise InvalidValue("A string contains a NUL character or half of a surrogate pair.")
        return value
    if isinstance(value, Mapping):
        return {tidy(k): tidy(v, depth + 1) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [tidy(v, depth + 1) for v in value if v is not None]
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue("A number is too large.")
    return value


def text(value: Any, name: str, *, at_most: int = MAX_VALUE_CHARACTERS) -> str:
    """A string that identifies somebody; whole numbers become their digits.

    Raises: `InvalidValue` for another type, or a string that is too long.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidValue(f"{name} must be a string.")
    if len(value) > at_most:
        raise InvalidValue(f"{name} is longer than {at_most} characters.")
    return value
