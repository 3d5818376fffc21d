"""Random SCIM requests with a model of what they ask: what an identity provider means, and one of the ways to say it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import func, select
from werkzeug.test import TestResponse

from bridge.store import tables as t
from tests.web.conftest import ERROR, PATCH_OP, ScimClient

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
TEXTS = ["displayName", "title", "nickName", "name.givenName", "name.familyName", "name.middleName", "locale"]
EXTENDED = ["department", "employeeNumber", "costCenter"]
WORDS = [
    "Maya",
    "O'Hara",
    'a "b"',
    "back\\slash",
    "zoë",
    "日本",
    "x" * 60,
    "true",
    "False",
    "null",
    "5",
    "{}",
    " ",
    "a.b[c]",
]
SLOW_SECONDS = 1.0
"""Of the processor's time for one answer."""


@dataclass
class Person:
    """A user as the requests so far have asked."""

    name: str
    is_active: bool
    external_id: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    email: str = ""
    manager: str = ""
    is_deleted: bool = False


@dataclass
class Team:
    """A group as the requests so far have asked."""

    name: str
    members: set[str] = field(default_factory=set)
    is_deleted: bool = False


@dataclass
class Request:
    """One request, with the status that must come of it."""

    method: str
    path: str
    body: Any = None
    wanted: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class World:
    """One connection and the model of it. Each step sends one request and checks all that can be checked."""

    def __init__(self, client: ScimClient, draw: Random, prefix: str) -> None:
        self.client, self.draw, self.prefix = client, draw, prefix
        self.people: dict[str, Person] = {}
        self.teams: dict[str, Team] = {}
        self.sent = 0
        self._made = 0
        self._events = self._last_event()

    # --- sending

    def send(self, request: Request) -> TestResponse:
        """Sends one request in one of the ways in which clients send, and sees that the answer is an answer."""
        headers = {
            "Content_Type": self.draw.choice(["application/scim+json; charset=utf-8", "application/json", "", "a/b"])
        }
        headers |= {"User_Agent": ""} if self.draw.random() < 0.3 else {}
        flags = self.draw.choice(["", "", "?aadOptscim062020", "?x=1&y="]) if "?" not in request.path else ""
        reply = self.timed(request.method, request.path + flags, request.body, headers | request.headers)
        check_form(reply)
        return reply

    def timed(self, method: str, path: str, body: Any, headers: dict[str, str]) -> TestResponse:
        """The answer, which must not take long; a slow one is asked for again alone, when nothing changes by it."""
        began = time.thread_time()
        reply = self.client.send(method, path, body, **headers)
        took = time.thread_time() - began
        self.sent += 1
        if took > SLOW_SECONDS and method == "GET":
            began = time.thread_time()
            self.client.send(method, path, body, **headers)
            took = min(took, time.thread_time() - began)
        assert took < SLOW_SECONDS, f"{method} {path} took {took:.2f} s of processor time"
        return reply

    def new_events(self) -> list[str]:
        """The kinds of what came into the inbox since the last look."""
        with self.client.bridge.db.read() as tx:
            rows = tx.execute(
                select(t.inbox.c.id, t.inbox.c.kind).where(t.inbox.c.id > self._events).order_by(t.inbox.c.id)
            ).all()
        if rows:
            self._events = rows[-1].id
        return [row.kind.rpartition(":")[2] for row in rows]

    def _last_event(self) -> int:
        with self.client.bridge.db.read() as tx:
            return tx.execute(select(func.coalesce(func.max(t.inbox.c.id), 0))).scalar_one()

    # --- steps

    def step(self) -> None:
        """One thing that an identity provider does."""
        living = [each for each, person in self.people.items() if not person.is_deleted]
        teams = [each for each, team in self.teams.items() if not team.is_deleted]
        if len(living) < 2:
            self.create()
            return
        about_people: list[Callable[[str], None]] = [
            self.turn, self.turn, self.turn_by_put, self.edit, self.edit, self.rename, self.clash, self.unclear,
            self.disable_beside_refused, self.look_up, self.stale, self.delete, self.duplicate,
        ]  # fmt: skip
        about_teams: list[Callable[[str], None]] = [self.regroup, self.regroup, self.replace_team, self.delete_team]
        kind = self.draw.randrange(20)
        if kind < 3:
            self.create()
        elif kind < 5 or (kind < 9 and not teams):
            self.create_team(living)
        elif kind < 9:
            self.draw.choice(about_teams)(self.draw.choice(teams))
        elif kind == 9:
            self.nobody()
        else:
            self.draw.choice(about_people)(self.draw.choice(living))

    def create(self) -> None:
        draw, name = self.draw, self._name()
        person = Person(name=name, is_active=draw.random() < 0.85)
        body: dict[str, Any] = {"userName": name, "schemas": [USER]} | self._junk()
        if draw.random() < 0.9 or not person.is_active:
            body[self._case("active")] = boolean(draw, value=person.is_active)
        if draw.random() < 0.7:
            person.external_id = f"x-{name}"
            body["externalId"] = person.external_id
        if draw.random() < 0.6:
            person.email = f"mail-{name}"
            body[self._case("emails")] = [{self._case("value"): person.email, "type": "work", "primary": "True"}]
        for path in draw.sample(TEXTS, draw.randrange(4)):
            person.texts[path] = draw.choice(WORDS)
            put_path(body, path, person.texts[path])
        reply = self.send(Request(method="POST", path="/Users", body=body, wanted=201))
        assert reply.status_code == 201, reply.text
        self.people[reply.json["id"]] = person
        self.check_person(reply.json["id"], reply)
        assert self.new_events() == ([] if person.is_active else ["deactivate"])

    def duplicate(self, who: str) -> None:
        reply = self.send(
            Request(method="POST", path="/Users", body={"userName": self._swapped(self.people[who].name)})
        )
        assert reply.status_code == 409, reply.text
        self.check_person(who)

    def turn(self, who: str) -> None:
        """Takes somebody out or in by PATCH, in any dialect, with anything beside it that is no reason to fail."""
        person, wanted = self.people[who], self.draw.random() < 0.4
        operations = [self._say_active(value=wanted)]
        for _ in range(self.draw.randrange(3)):
            operations.insert(self.draw.randrange(len(operations) + 1), self._harmless())
        self._patched("Users", who, operations)
        self._turned(person, wanted=wanted)
        self.check_person(who)

    def turn_by_put(self, who: str) -> None:
        """GET and PUT, as Integration Wizard apps do."""
        person, wanted = self.people[who], self.draw.random() < 0.4
        body = self.client.get(f"/Users/{who}").json
        body["active"] = boolean(self.draw, value=wanted)
        if self.draw.random() < 0.3:
            del body["meta"]
        reply = self.send(Request(method="PUT", path=f"/Users/{who}", body=body | self._junk()))
        assert reply.status_code == 200, reply.text
        self._turned(person, wanted=wanted)
        self.check_person(who, reply)

    def edit(self, who: str) -> None:
        """Several attributes in one PATCH, set or taken away, in any order and any dialect."""
        draw, person, operations = self.draw, self.people[who], []
        for path in draw.sample(TEXTS, draw.randrange(1, 4)):
            if draw.random() < 0.2:
                person.texts.pop(path, None)
                operations.append({"op": self._op("remove"), "path": self._case(path)})
            else:
                person.texts[path] = draw.choice(WORDS)
                operations.append(self._set(path, person.texts[path]))
        for path in draw.sample(EXTENDED, draw.randrange(2)):
            person.texts[f"{ENTERPRISE}:{path}"] = draw.choice(WORDS)
            operations.append(self._set(f"{ENTERPRISE}:{path}", person.texts[f"{ENTERPRISE}:{path}"]))
        if draw.random() < 0.4:
            person.email = f"mail{draw.randrange(10**6)}-{person.name}"
            path = draw.choice(['emails[type eq "work"].value', 'Emails[Type Eq "WORK"].Value'])
            operations.append({"op": self._op("replace"), "path": path, "value": person.email})
        if draw.random() < 0.3:
            person.manager = draw.choice(["", f"m{draw.randrange(9)}"])
            value = draw.choice([person.manager, {"value": person.manager}, [{"$ref": None, "value": person.manager}]])
            operations.append({"op": self._op("replace"), "path": f"{ENTERPRISE}:manager", "value": value})
        self._patched("Users", who, operations)
        assert self.new_events() == []
        self.check_person(who)

    def rename(self, who: str) -> None:
        self.people[who].name = name = self._name()
        self._patched("Users", who, [self._set("userName", name)])
        assert self.new_events() == []
        self.check_person(who)

    def clash(self, who: str) -> None:
        """A name that another has: refused, and a disable in the same request is applied."""
        person = self.people[who]
        other = self.draw.choice([each for each, p in self.people.items() if each != who and not p.is_deleted])
        operations = [self._set("userName", self._swapped(self.people[other].name))]
        is_out = self.draw.random() < 0.5
        if is_out:
            operations.insert(self.draw.randrange(2), self._say_active(value=False))
        self._patched("Users", who, operations, wanted=409)
        self._turned(person, wanted=person.is_active and not is_out)
        self.check_person(who)
        self.check_person(other)

    def unclear(self, who: str) -> None:
        """A value for active that is no boolean."""
        value = self.draw.choice(["no", "0", 0, 1, "", None, [], {}, "disabled", [True, False], "f"])
        operation = self.draw.choice(
            [{"op": "Replace", "path": "active", "value": value}, {"op": "replace", "value": {"active": value}}]
        )
        self._patched("Users", who, [operation], wanted=400)
        assert self.new_events() == []
        self.check_person(who)

    def disable_beside_refused(self, who: str) -> None:
        """A disable beside something that is refused is applied all the same."""
        refused = self.draw.choice(
            [
                {"op": "Replace", "path": "emails[???].value", "value": "x"},
                {"op": "Replace", "path": "id", "value": "x"},
                {"op": "Remove"},
                {"op": "Remove", "path": "userName"},
                {"op": "Update", "path": "title", "value": "x"},
                {"op": "Replace", "path": "userName", "value": ""},
                {
                    "op": "Replace",
                    "path": 'emails[type ne "work" and type ne "x" or type sw "zz"].value',
                    "value": "x\0",
                },
                {"op": "Replace", "path": "displayName.part", "value": "x"},
                {"op": "Replace", "path": "title", "value": "\ud800"},
                "nonsense",
            ]
        )
        operations = [refused, self._say_active(value=False)]
        self.draw.shuffle(operations)
        self._patched("Users", who, operations, wanted=400)
        self._turned(self.people[who], wanted=False)
        self.check_person(who)

    def stale(self, who: str) -> None:
        """An If-Match that names another version changes nothing, whatever it says."""
        body = {"Operations": [self._say_active(value=False)]}
        reply = self.send(Request(method="PATCH", path=f"/Users/{who}", body=body, headers={"If_Match": 'W/"999999"'}))
        assert reply.status_code == 412
        assert self.new_events() == []
        self.check_person(who)

    def delete(self, who: str) -> None:
        if self.draw.random() < 0.5:
            return
        reply = self.send(Request(method="DELETE", path=f"/Users/{who}"))
        assert (reply.status_code, reply.data) == (204, b"")
        self.people[who].is_deleted = True
        assert self.new_events() == ["delete"]
        for team in self.teams.values():
            team.members.discard(who)
        self.check_person(who)
        assert self.send(Request(method="DELETE", path=f"/Users/{who}")).status_code == 404

    def look_up(self, who: str) -> None:
        """A matching attribute finds exactly the one, active or not; an attribute that nobody knows finds an error."""
        person = self.people[who]
        asked = [f'userName eq "{self._swapped(person.name)}"', f'id eq "{who}"']
        asked += [f'externalId eq "{person.external_id}"'] if person.external_id else []
        asked += [f'emails[type eq "work"].value eq "{self._swapped(person.email)}"'] if person.email else []
        asked += [f'userName eq "{person.name}" and active eq {str(person.is_active).lower()}']
        reply = self.client.get("/Users", query={"filter": self.draw.choice(asked)})
        assert [each["id"] for each in reply.json["Resources"]] == [who], reply.text
        assert self.client.get("/Users", query={"filter": f'nothing eq "{person.name}"'}).status_code == 400

    def nobody(self) -> None:
        """Requests about somebody who is not there."""
        gone = [each for each, person in self.people.items() if person.is_deleted]
        who = self.draw.choice([*gone, "nobody", "0" * 36, "%00", "é"])
        body = {"userName": "x", "active": False, "Operations": [self._say_active(value=False)]}
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            reply = self.send(Request(method=method, path=f"/Users/{who}", body=None if method == "GET" else body))
            assert reply.status_code == 404
        assert self.new_events() == []

    def create_team(self, living: list[str]) -> None:
        team = Team(name=f"{self.prefix} team {self._made}", members=set(self._some(living)))
        self._made += 1
        members = [{"value": each, "display": "x"} for each in team.members]
        reply = self.send(Request(method="POST", path="/Groups", body={"displayName": team.name, "members": members}))
        assert reply.status_code == 201, reply.text
        self.teams[reply.json["id"]] = team
        self.check_team(reply.json["id"])

    def regroup(self, which: str) -> None:
        """People come and go, one request in any of the vendors' ways; nobody else does."""
        team, operations = self.teams[which], []
        living = [each for each, person in self.people.items() if not person.is_deleted]
        for _ in range(self.draw.randrange(1, 4)):
            some = self._some(living)
            match self.draw.randrange(6):
                case 0:
                    operations += [{"op": self._op("remove"), "path": f'members[value eq "{each}"]'} for each in some]
                    team.members -= {*some}
                case 1:
                    operations.append(
                        {"op": self._op("remove"), "path": self._case("members"), "value": self._named(some)}
                    )
                    team.members -= {*some}
                case 2:
                    operations.append({"op": self._op("replace"), "path": "members", "value": self._named(some)})
                    team.members = {*some}
                case 3:
                    operations.append({"op": "remove", "path": "members"})
                    team.members = set()
                case _:
                    form = {"path": "members", "value": self._named(some)}
                    form = self.draw.choice([form, {"value": {"members": self._named(some)}}])
                    operations.append({"op": self._op("add"), **form})
                    team.members |= {*some}
        if self.draw.random() < 0.4:
            team.name = f"{self.prefix} team {self._made}"
            self._made += 1
            operations.append({"op": "replace", "value": {"id": which, "displayName": team.name}})
        self._patched("Groups", which, operations or [{"op": "replace", "value": {"displayName": team.name}}])
        assert self.new_events() == []
        self.check_team(which)

    def replace_team(self, which: str) -> None:
        team = self.teams[which]
        team.members = set(self._some([each for each, person in self.people.items() if not person.is_deleted]))
        body = {"displayName": team.name, "members": [{"value": each} for each in team.members]}
        assert self.send(Request(method="PUT", path=f"/Groups/{which}", body=body)).status_code == 200
        self.check_team(which)

    def delete_team(self, which: str) -> None:
        assert self.send(Request(method="DELETE", path=f"/Groups/{which}")).status_code == 204
        self.teams[which].is_deleted = True
        assert self.new_events() == []
        self.check_team(which)

    # --- checking

    def check_person(self, who: str, reply: TestResponse | None = None) -> None:
        """What is read back is what was asked for; what was answered is what is read back."""
        person, read = self.people[who], self.client.get(f"/Users/{who}")
        if person.is_deleted:
            assert read.status_code == 404
            return
        wire = read.json
        assert reply is None or reply.json == wire
        found = {path: text_at(wire, path) for path in [*TEXTS, *(f"{ENTERPRISE}:{each}" for each in EXTENDED)]}
        assert {path: text for path, text in found.items() if text is not None} == person.texts
        assert (wire["userName"], wire["active"]) == (person.name, person.is_active)
        assert wire.get("externalId", "") == person.external_id
        emails = [each["value"] for each in wire.get("emails", []) if each.get("type", "").lower() == "work"]
        assert emails == ([person.email] if person.email else [])
        assert wire.get(ENTERPRISE, {}).get("manager", {}).get("value", "") == person.manager
        assert "s3cret" not in read.text

    def check_team(self, which: str) -> None:
        """The same for a group; who was deleted is in none."""
        team, read = self.teams[which], self.client.get(f"/Groups/{which}")
        if team.is_deleted:
            assert read.status_code == 404
            return
        assert read.json["displayName"] == team.name
        listed = [each["value"] for each in read.json.get("members", [])]
        assert len(listed) == len(set(listed))
        assert set(listed) == team.members

    def _turned(self, person: Person, *, wanted: bool) -> None:
        """Exactly the change of standing is an event."""
        was, person.is_active = person.is_active, wanted
        assert self.new_events() == ([] if was == wanted else ["activate" if wanted else "deactivate"])

    # --- saying

    def _patched(self, collection: str, which: str, operations: list[Any], wanted: int = 200) -> None:
        body: dict[str, Any] = {self._case("Operations"): operations}
        body |= {"schemas": [PATCH_OP]} if self.draw.random() < 0.7 else {}
        path = f"/{collection}/{which}"
        if self.draw.random() < 0.1:
            bulk = {"Operations": [{"method": "PATCH", "path": path, "data": body}]}
            (result,) = self.send(Request(method="POST", path="/Bulk", body=bulk)).json["Operations"]
            assert result["status"] == str(wanted), (body, result)
            return
        reply = self.send(Request(method="PATCH", path=path, body=body))
        assert reply.status_code == wanted, (body, reply.text)
        assert wanted != 200 or reply.json == self.client.get(path).json

    def _say_active(self, *, value: bool) -> dict[str, Any]:
        said, draw = boolean(self.draw, value=value), self.draw
        path = draw.choice(
            ["active", "active", self._case("active"), f"{USER}:active", f"{USER.upper()}:Active", " active "]
        )
        op = self._op(draw.choice(["replace", "replace", "add"]))
        match draw.randrange(4):
            case 0:
                return {"op": op, "value": {self._case("active"): said}}
            case 1:
                return {"op": op, "value": {f"{USER}:active": said}}
            case 2:
                return {"Op": op, "Path": path, "Value": said, "name": "x"}
            case _:
                return {"op": op, "path": path, "value": said}

    def _set(self, path: str, value: str) -> dict[str, Any]:
        op, is_core = self._op(self.draw.choice(["replace", "add"])), not path.startswith("urn:")
        spelled = self._case(path) if self.draw.random() < 0.5 else path
        match self.draw.randrange(4):
            case 0:
                return {"op": op, "value": {spelled: value}}
            case 1 if is_core:
                return {"op": op, "path": f"{USER}:{spelled}", "value": value}
            case 2 if "." in path and is_core:
                outer, _, inner = path.partition(".")
                return {"op": op, "path": outer, "value": {self._case(inner): value}}
            case _:
                return {"op": op, "path": spelled, "value": value}

    def _harmless(self) -> dict[str, Any]:
        """What no reason is to fail, and changes nothing that the model knows."""
        return self.draw.choice(
            [
                {"op": "Add", "path": "extensionAttribute7", "value": self.draw.choice(WORDS)},
                {"op": "Add", "path": 'x[y eq "1"].z', "value": 1},
                {"op": "replace", "value": {"password": "s3cret", "id": "x", "schemas": [], "meta": {}, "groups": []}},
                {"op": "Replace", "path": "urn:example:2.0:User:badge", "value": {"deep": [1, None, {}]}},
                {"op": "Remove", "path": "phoneNumbers"},
                {"op": "Add", "path": "userType", "value": None},
                {"op": "replace", "path": "password", "value": "s3cret"},
            ]
        )

    def _junk(self) -> dict[str, Any]:
        junk = {
            "unknownThing": [1, {"a": None}],
            "password": "s3cret",
            "addresses": None,
            "roles": [],
            "userType": None,
        }
        return {key: junk[key] for key in self.draw.sample(list(junk), self.draw.randrange(3))}

    def _named(self, ids: list[str]) -> Any:
        forms = [[{"value": each} for each in ids], [{"$ref": None, "value": each} for each in ids], list(ids)]
        if len(ids) == 1:
            forms += [ids[0], {"value": ids[0]}]  # type: ignore[list-item]
        return self.draw.choice(forms)

    def _some(self, living: list[str]) -> list[str]:
        return self.draw.sample(living, self.draw.randrange(min(4, len(living)) + 1))

    def _name(self) -> str:
        self._made += 1
        return f"{self.draw.choice(['Maya', 'ben', 'TOMAS'])}.{self.prefix}.{self._made}@Example.com"

    def _op(self, word: str) -> str:
        return self.draw.choice([word, word.capitalize(), word.upper()])

    def _case(self, word: str) -> str:
        return self.draw.choice([word, word, word.lower(), word.upper(), word.capitalize()])

    def _swapped(self, text: str) -> str:
        return self.draw.choice([text, text.upper(), text.lower(), text.swapcase()])


def boolean(draw: Random, *, value: bool) -> Any:
    """A boolean in one of the shapes in which it comes."""
    word = draw.choice([str(value), str(value).lower(), str(value).upper(), f" {value} "])
    said = draw.choice([value, value, word])
    return draw.choice([said, said, [{"value": said}], {"value": said}, [said]])


def put_path(body: dict[str, Any], path: str, value: str) -> None:
    """Sets a dotted path as an object."""
    outer, _, inner = path.partition(".")
    if inner:
        body.setdefault(outer, {})[inner] = value
    else:
        body[outer] = value


def text_at(wire: dict[str, Any], path: str) -> Any:
    """What stands at a path; `None` for nothing."""
    if path.startswith(f"{ENTERPRISE}:"):
        return wire.get(ENTERPRISE, {}).get(path.rpartition(":")[2])
    outer, _, inner = path.partition(".")
    return wire.get(outer, {}).get(inner) if inner else wire.get(outer)


def check_form(reply: TestResponse) -> None:
    """An answer in SCIM's form that is no fault of the application's."""
    assert reply.status_code < 500 or reply.status_code == 501, reply.text
    if reply.status_code in {204, 304}:
        assert reply.data == b""
        return
    assert reply.content_type == "application/scim+json"
    body = json.loads(reply.data)
    if reply.status_code >= 400:
        assert body["schemas"] == [ERROR]
        assert body["status"] == str(reply.status_code)
        assert body["detail"]
    else:
        assert body["schemas"]
