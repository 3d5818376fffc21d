"""Random SCIM filters over people and groups that make some of them true, and a second opinion on what they mean."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from scim2_models import EnterpriseUser, Group, ScimFilter, User

from bridge.sources.scim.dialects import ENTERPRISE, USER

WORDS = [
    "ann",
    "Ann",
    "ANN",
    "bo",
    "Bo",
    "annabel",
    "O'Hara",
    'a"b',
    "back\\slash",
    "100%",
    "a_b",
    "a.b",
    "zoë",
    "straße",
    "true",
    "null",
    "5",
    "-1.5",
    "and",
    "or",
    "x[y]",
    "(z)",
    "Data",
    "DATA",
    "x y",
    "a and b",
]
ADDRESSES = [
    f"{name}@{domain}" for name in ("ann", "Bo", "o.hara", "x_y") for domain in ("example.com", "corp.example")
]
TYPES = ["work", "home", "Work", "other"]
TEXTS = ["displayName", "title", "nickName", "userType", "locale", "preferredLanguage", "timezone"]
NAMES = ["name.familyName", "name.givenName", "name.formatted", "name.middleName"]
EXTENDED = [f"{ENTERPRISE}:{name}" for name in ("department", "employeeNumber", "costCenter", "manager.value")]
LISTS = ["emails", "phoneNumbers", "roles", "addresses", "entitlements"]
INSIDE = {"value", "type", "display", "country", "primary"}
COMPARING = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
TIMES = ["2026-11-20T09:00:00Z", "2026-11-20T09:00:03.000Z", "2026-11-20T10:00:02+01:00", "2026-11-20T09:00:01.0005Z"]


def random_user(draw: Random, n: int) -> dict[str, Any]:
    """A person with some of everything that a filter can name."""
    person: dict[str, Any] = {"userName": f"{draw.choice(WORDS)}{n}@example.com", "active": draw.random() < 0.6}
    if draw.random() < 0.7:
        person["externalId"] = draw.choice(["X", "x", "ann", "5"]) + str(n % 3)
    for path in draw.sample(TEXTS, draw.randrange(5)):
        person[path] = draw.choice(WORDS)
    named = {path.partition(".")[2]: draw.choice(WORDS) for path in draw.sample(NAMES, draw.randrange(3))}
    if named:
        person["name"] = named
    for path in draw.sample(LISTS, draw.randrange(4)):
        person[path] = [_element(draw, path) for _ in range(draw.randrange(1, 4))]
    extended = {
        path: draw.choice(WORDS)
        for path in draw.sample(["department", "employeeNumber", "costCenter"], draw.randrange(3))
    }
    if draw.random() < 0.3:
        extended["manager"] = {"value": draw.choice(["m1", "M1", "m2"]), "$ref": "../Users/m1"}
    return person | ({ENTERPRISE: extended} if extended else {})


def _element(draw: Random, path: str) -> dict[str, Any]:
    if path == "addresses":
        element = {"country": draw.choice(WORDS), "locality": draw.choice(WORDS)}
    else:
        element = {"value": draw.choice(ADDRESSES if path == "emails" else WORDS)}
        if draw.random() < 0.3:
            element["display"] = draw.choice(WORDS)
    if draw.random() < 0.7:
        element["type"] = draw.choice(TYPES)
    if draw.random() < 0.5:
        element["primary"] = draw.random() < 0.5
    return element


class Filters:
    """Writes random filters of the whole grammar; `ids` are real ones, for attributes that hold them."""

    def __init__(self, draw: Random, resource_type: str, ids: list[str]) -> None:
        self._draw, self._type, self._ids = draw, resource_type, ids

    def one(self) -> str:
        """A filter as a client might write it."""
        return self._tree(self._draw.choice([0, 0, 0, 0, 0, 1, 1, 1, 2, 3]))

    def _tree(self, depth: int, *, inside_and: bool = False) -> str:
        draw = self._draw
        if depth == 0:
            return self._leaf()
        match draw.randrange(3):
            case 0:
                parts = [self._tree(depth - 1, inside_and=True) for _ in range(draw.choice([2, 2, 3]))]
                return f" {self._case('and')} ".join(parts)
            case 1:
                text = f" {self._case('or')} ".join(self._tree(depth - 1) for _ in range(draw.choice([2, 2, 3])))
                return f"({text})" if inside_and or draw.random() < 0.2 else text
            case _:
                return f"{self._case('not')} ({self._tree(depth - 1)})"

    def _leaf(self) -> str:
        draw = self._draw
        if self._type == "Group":
            return draw.choice([self._common, self._common, self._members])()
        kinds = [self._text] * 4 + [self._common] * 2 + [self._of_list] * 3 + [self._brackets] * 3 + [self._boolean]
        return draw.choice([*kinds, self._groups])()

    def _common(self) -> str:
        draw = self._draw
        name = "displayName" if self._type == "Group" else "userName"
        match draw.randrange(6):
            case 0:
                return self._comparison("id", COMPARING, self._ids)
            case 1:
                return self._comparison(
                    draw.choice(["meta.created", "meta.lastModified"]), ["eq", "ne", "gt", "ge", "lt", "le"], TIMES
                )
            case 2:
                return self._comparison("meta.resourceType", ["eq", "ne", "sw"], ["User", "Group", "user"])
            case 3:
                return self._comparison("externalId", COMPARING, ["X0", "x1", "ann2", "5"])
            case 4:
                return self._presence(draw.choice([name, "externalId", "id", "meta", "schemas", "meta.created"]))
            case _:
                return self._comparison(name, COMPARING, [*WORDS, "ann3@example.com", "Group 1"])

    def _text(self) -> str:
        path = self._draw.choice([*TEXTS, *NAMES, *EXTENDED])
        if self._draw.random() < 0.2:
            return self._presence(self._draw.choice([path, "name"]))
        if self._draw.random() < 0.1:
            return f"{self._path(path)} {self._draw.choice(['eq', 'ne'])} null"
        return self._comparison(path, COMPARING, ["m1", "M1"] if path.endswith("manager.value") else WORDS)

    def _boolean(self) -> str:
        return f"{self._path('active')} {self._case(self._draw.choice(['eq', 'ne']))} {self._case(self._draw.choice(['true', 'false']))}"

    def _of_list(self) -> str:
        path, draw = self._draw.choice(LISTS), self._draw
        if draw.random() < 0.2:
            return self._presence(draw.choice([path, f"{path}.type", f"{path}.primary"]))
        if draw.random() < 0.1:
            return f"{self._path(path + '.type')} {draw.choice(['eq', 'ne'])} null"
        if draw.random() < 0.2:
            return f"{self._path(path + '.primary')} {draw.choice(['eq', 'ne'])} {draw.choice(['true', 'false'])}"
        sub = draw.choice(["country", "type"] if path == "addresses" else ["value", "type", "display", ""])
        return self._comparison(f"{path}.{sub}" if sub else path, *self._sub_values(path, sub or "value"))

    def _brackets(self) -> str:
        path, draw = self._draw.choice(LISTS), self._draw

        def inside(depth: int) -> str:
            if depth and draw.random() < 0.6:
                joint = draw.choice(["and", "or"])
                return f"({inside(depth - 1)} {joint} {inside(depth - 1)})"
            if depth and draw.random() < 0.3:
                return f"not ({inside(depth - 1)})"
            if draw.random() < 0.2:
                return f"primary {draw.choice(['eq', 'ne'])} {draw.choice(['true', 'false'])}"
            sub = draw.choice(["country", "type"] if path == "addresses" else ["value", "type", "display"])
            if draw.random() < 0.15:
                return self._presence(sub)
            return self._comparison(sub, *self._sub_values(path, sub))

        return f"{self._path(path)}[{inside(2)}]"

    def _sub_values(self, path: str, sub: str) -> tuple[list[str], list[str]]:
        if sub == "type":
            return COMPARING, TYPES
        if path == "emails" and sub == "value":
            if self._draw.random() < 0.5:
                return ["co", "sw", "ew"], ["example", "ANN", "@corp", ".com", "x_"]
            return ["eq", "ne", "gt", "ge", "lt", "le"], [*ADDRESSES, "ANN@EXAMPLE.COM"]
        return COMPARING, WORDS

    def _groups(self) -> str:
        draw = self._draw
        if draw.random() < 0.2:
            return self._presence("groups")
        if draw.random() < 0.3:
            return f'groups[value eq "{draw.choice(self._ids)}" and display co "{draw.choice(["group", "1"])}"]'
        if draw.random() < 0.5:
            return self._comparison("groups.display", COMPARING, ["Group 1", "group 2", "GROUP"])
        return self._comparison(draw.choice(["groups", "groups.value"]), COMPARING, self._ids)

    def _members(self) -> str:
        if self._draw.random() < 0.2:
            return self._presence("members")
        if self._draw.random() < 0.3:
            return f'members[value eq "{self._draw.choice(self._ids)}" or value eq "{self._draw.choice(self._ids)}"]'
        return self._comparison(self._draw.choice(["members", "members.value"]), COMPARING, self._ids)

    def _comparison(self, path: str, operators: list[str], values: list[str]) -> str:
        operator, value = self._draw.choice(operators), self._draw.choice(values)
        if operator in {"co", "sw", "ew"} and path != "id" and self._draw.random() < 0.5:
            start = self._draw.randrange(len(value))
            value = value[start : start + self._draw.randrange(1, 4)].strip() or value
        return f"{self._path(path)} {self._case(operator)} {self._quoted(value)}"

    def _quoted(self, value: str) -> str:
        text = json.dumps(value, ensure_ascii=self._draw.random() < 0.3)
        return text.replace("a", "\\u0061", 1) if self._draw.random() < 0.05 else text

    def _presence(self, path: str) -> str:
        return f"{self._path(path)} {self._case('pr')}"

    def _path(self, path: str) -> str:
        is_core = self._type == "User" and ":" not in path and path not in INSIDE
        return self._case(f"{USER}:{path}" if is_core and self._draw.random() < 0.05 else path)

    def _case(self, word: str) -> str:
        return self._draw.choice([word, word, word, word.lower(), word.upper()])


class SecondOpinion:
    """Which of the resources meet a filter, as scim2-models reads it."""

    def __init__(self, resource_type: str, wires: list[dict[str, Any]]) -> None:
        model: Any = User[EnterpriseUser] if resource_type == "User" else Group
        self._filter: Any = ScimFilter[model]
        self._resources = {wire["id"]: model.model_validate(wire) for wire in wires}

    def on(self, text: str) -> set[str]:
        """The ids of those that meet it."""
        parsed = self._filter(text)
        return {each for each, resource in self._resources.items() if parsed.match(resource, strict=True)}
