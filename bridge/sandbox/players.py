"""The other side's clients: Okta and Entra ID as they speak over HTTP, and people who sign in to PostHog.

Bodies, headers, casing and the order of requests are those of the recorded exchanges in `tests/samples`, which the
tests hold them to. May import: httpx and the standard library. The sandbox's server never imports this file.
"""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds. Okta itself waits 60 s; a demonstration should not."""
SCIM = "application/scim+json"
WRITES = "application/scim+json; charset=utf-8"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

OKTA_HEADERS = {
    "Accept": SCIM,
    "Accept-Charset": "utf-8",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "Keep-Alive",
    "Content-Type": WRITES,  # also without a body
    "User-Agent": "Okta SCIM Client 1.0.0",
}
"""What Okta's client sends with every request."""
ENTRA_HEADERS = {"Accept": SCIM}
"""What Entra's client sends with every request: it has no User-Agent, and a Content-Type only with a body."""


class Stuck(Exception):
    """A client cannot go on: nobody answered, or not as the protocol has it. An administrator would see a failed task."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody as an identity provider keeps them."""

    user_name: str
    given_name: str
    family_name: str
    external_id: str
    """Okta's user id (`00u…`) or Entra's object id (a GUID)."""
    email: str = ""
    """Empty: the same as `user_name`."""
    department: str = "Growth"
    locale: str = "en-GB"

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.given_name} {self.family_name}"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer. `path` is as it was sent, below the base URL; `sent` and `answer` are JSON."""

    method: str
    path: str
    sent: Any
    status: int
    answer: Any


class Client:
    """What both have in common: a base URL, a bearer token, and the ids that the other side gave out."""

    def __init__(
        self, url: str, token: str, headers: dict[str, str], *, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`transport` stands in for the network in tests. Proxies are not asked: the bridge is on this machine."""
        self._url = url.rstrip("/")
        self._headers = headers | {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False, transport=transport)
        self._ids: dict[str, str] = {}

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, method: str, path: str, body: Any = None, **more: str) -> Exchange:
        """One exchange. Raises: `Stuck` when nobody answers, or with an error."""
        content = None if body is None else json.dumps(body).encode()
        # Made by hand: the client's own defaults (User-Agent, Accept-Encoding) are not the vendors'.
        request = httpx.Request(method, self._url + path, headers=self._headers | more, content=content)
        try:
            response = self._http.send(request)
        except httpx.HTTPError as error:
            raise Stuck(f"{method} {path} was not answered: {error or type(error).__name__}") from error
        answer = _json(response)
        if response.status_code >= 400:
            detail = answer.get("detail", "") if isinstance(answer, dict) else ""
            raise Stuck(f"{method} {path} was answered {response.status_code}. {detail}".strip())
        return Exchange(method=method, path=path, sent=body, status=response.status_code, answer=answer)

    def _id(self, person: Person) -> str:
        """The id that the other side gave out. Raises: `Stuck` when the person was never assigned."""
        if person.external_id not in self._ids:
            raise Stuck(f"{person.name} was never assigned to the app.")
        return self._ids[person.external_id]

    def _note_id(self, person: Person, resource: Any) -> None:
        if not isinstance(resource, dict) or not isinstance(resource.get("id"), str):
            raise Stuck(f"The answer about {person.name} has no id.")
        self._ids[person.external_id] = resource["id"]


class Okta(Client):
    """Okta's SCIM client. Apps from the catalog deactivate by PATCH; those of the App Integration Wizard by PUT."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(url, token, OKTA_HEADERS, transport=transport)

    def test_credentials(self) -> list[Exchange]:
        """What the button of that name does."""
        return [self._send("GET", "/Users?startIndex=1&count=2"), self._send("GET", "/Groups?startIndex=1&count=100")]

    def assign(self, person: Person) -> list[Exchange]:
        """Assign the person to the app: looked up by name; created when nobody is there, else linked by a profile push."""
        found = self._look_up(person)
        known = found.answer.get("Resources") or []
        if known:
            self._note_id(person, known[0])
            return [found, *self.push_profile(person)]
        body = {
            "schemas": [USER],
            "userName": person.user_name,
            "name": {"givenName": person.given_name, "familyName": person.family_name},
            "emails": [{"primary": True, "value": person.email or person.user_name, "type": "work"}],
            "displayName": person.name,
            "locale": person.locale,
            "externalId": person.external_id,
            "groups": [],
            "password": secrets.token_urlsafe(12),
            "active": True,
        }
        made = self._send("POST", "/Users", body)
        self._note_id(person, made.answer)
        return [found, made]

    def deactivate(self, person: Person) -> list[Exchange]:
        """Deactivate or unassign the person, as an app from the catalog does: PATCH without a path."""
        return [self._patch_active(person, is_active=False)]

    def deactivate_by_put(self, person: Person) -> list[Exchange]:
        """The same as an app of the App Integration Wizard does it: read, and put the whole back with active false."""
        read = self._send("GET", f"/Users/{self._id(person)}")
        return [read, self._put(person, _without_meta_of_ours(read.answer) | {"active": False})]

    def reassign(self, person: Person) -> list[Exchange]:
        """Assign somebody again who had been taken off: found by name, activated, then the profile."""
        found = self._look_up(person)
        for resource in found.answer.get("Resources") or []:
            self._note_id(person, resource)
        return [found, self._patch_active(person, is_active=True), *self.push_profile(person)]

    def push_profile(self, person: Person) -> list[Exchange]:
        """Read, and put back with today's names."""
        read = self._send("GET", f"/Users/{self._id(person)}")
        profile = {
            "userName": person.user_name,
            "name": {"givenName": person.given_name, "familyName": person.family_name},
            "displayName": person.name,
            "active": True,
        }
        return [read, self._put(person, _without_meta_of_ours(read.answer) | profile)]

    def _look_up(self, person: Person) -> Exchange:
        wanted = quote(f'userName eq "{person.user_name}"', safe="")
        return self._send("GET", f"/Users?filter={wanted}&startIndex=1&count=100")

    def _patch_active(self, person: Person, *, is_active: bool) -> Exchange:
        body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"active": is_active}}]}
        return self._send("PATCH", f"/Users/{self._id(person)}", body)

    def _put(self, person: Person, body: dict[str, Any]) -> Exchange:
        return self._send("PUT", f"/Users/{self._id(person)}", body)


class Entra(Client):
    """Entra ID's provisioning service, as it is without the feature flag `aadOptscim062020`."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(url, token, ENTRA_HEADERS, transport=transport)

    def test_connection(self) -> list[Exchange]:
        """The button, and the start of every activity: somebody who cannot exist is looked up."""
        return [self._look_up(str(uuid.uuid4()))]

    def provision(self, person: Person) -> list[Exchange]:
        """Bring the person into the app: probe, look up by name, and create when nobody is there."""
        probe, found = self._look_up(str(uuid.uuid4())), self._look_up(person.user_name)
        known = found.answer.get("Resources") or []
        if known:
            self._note_id(person, known[0])
            return [probe, found]
        body = {
            "schemas": [USER, ENTERPRISE],
            "externalId": person.external_id,
            "userName": person.user_name,
            "active": True,
            "displayName": person.name,
            "emails": [{"primary": True, "type": "work", "value": person.email or person.user_name}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": person.name, "familyName": person.family_name, "givenName": person.given_name},
            ENTERPRISE: {"department": person.department},
            "roles": [],
            "addresses": None,
            "title": None,
        }
        made = self._send("POST", "/Users", body, **{"Content-Type": WRITES})
        self._note_id(person, made.answer)
        return [probe, found, made]

    def disable(self, person: Person) -> list[Exchange]:
        """The account is disabled or unassigned: probe, read, and `Replace` with the boolean as text."""
        probe = self._look_up(str(uuid.uuid4()))
        read = self._send("GET", f"/Users/{self._id(person)}")
        body = {"schemas": [PATCH_OP], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
        patched = self._send("PATCH", f"/Users/{self._id(person)}", body, **{"Content-Type": WRITES})
        return [probe, read, patched]

    def _look_up(self, user_name: str) -> Exchange:
        # Form-encoded: blanks as plus signs, and the at sign as it is.
        return self._send("GET", f"/Users?filter=userName+eq+%22{quote(user_name, safe='@')}%22")


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One member as PostHog shows them."""

    email: str
    level: int
    uuid: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The practice organization at one moment. `invites`: addresses in lower case, one for each invite."""

    members: tuple[Seat, ...]
    invites: tuple[str, ...]

    def level_of(self, email: str) -> int | None:
        """The person's level, or `None` for nobody's."""
        return next((m.level for m in self.members if m.email == email), None)


class Visitor:
    """Somebody at PostHog's own front door: signs people in, and sees who is there. Uses no key and not the API."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False, transport=transport)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sign_in(self, email: str) -> str:
        """Sign the person in through SSO; how it ended: `jit` or `invited` when they became a member by it."""
        outcome: str = self._asked("POST", "/_sandbox/login", {"email": email})["outcome"]
        return outcome

    def look(self) -> Snapshot:
        """Who is a member and who is invited."""
        told = self._asked("GET", "/_sandbox/members")
        seats = (Seat(email=m["email"], level=m["level"], uuid=m["uuid"]) for m in told["members"])
        return Snapshot(members=tuple(seats), invites=tuple(sorted(i["email"].lower() for i in told["invites"])))

    def removals(self) -> tuple[str, ...]:
        """The accounts whose membership was ended through the API so far, once for each time."""
        calls = self._asked("GET", "/_sandbox/calls")["results"]
        ended = (c for c in calls if c["method"] == "DELETE" and "/members/" in c["path"] and c["status"] == 204)
        return tuple(c["path"].rstrip("/").rpartition("/")[2] for c in ended)

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise Stuck(f"The practice organization did not answer {path}: {error or type(error).__name__}") from error
        return response.json()


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _without_meta_of_ours(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource as Okta sends it back: of `meta` only the type."""
    return resource | {"meta": {"resourceType": "User"}}
