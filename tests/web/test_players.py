"""The players of the demonstration send what Okta and Entra ID send: held to the recorded exchanges."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.sandbox.players import Entra, Okta, Person, Stuck, Visitor
from tests.web.conftest import scim_client
from tests.web.test_samples import filled

SAMPLES = Path(__file__).parent.parent / "samples"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ANY_GUID = "00000000-0000-0000-0000-000000000000"
OF_THE_CONNECTION = {"host", "content-length", "accept-encoding", "connection"}
"""Headers that the samples leave out."""
MAYA = Person(
    user_name="maya.okafor@example.com",
    given_name="Maya",
    family_name="Okafor",
    external_id="00u7mayaExample01",
    locale="en-GB",
)
TOMAS = Person(
    user_name="tomas.reyes@example.com",
    given_name="Tomas",
    family_name="Reyes",
    external_id="5c1d7e90-4b1f-4a55-9d0e-8f2b6a3ce101",
    department="Lifecycle",
)


class Wire(httpx.BaseTransport):
    """The web application without a port, and every request that went to it."""

    def __init__(self, app) -> None:
        self._inner = httpx.WSGITransport(app=app)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._inner.handle_request(request)

    def taken(self) -> list[httpx.Request]:
        """What was sent since this was last asked."""
        sent, self.requests = self.requests, []
        return sent


@pytest.fixture
def wire(app) -> Wire:
    return Wire(app)


@pytest.fixture
def okta(bridge, app, wire) -> Okta:
    token = scim_client(bridge, app, "okta").token
    return Okta("http://bridge.test/scim/v2/okta", token, transport=wire)


@pytest.fixture
def entra(bridge, app, wire) -> Entra:
    token = scim_client(bridge, app, "entra").token
    return Entra("http://bridge.test/scim/v2/entra", token, transport=wire)


def is_as_recorded(request: httpx.Request, sample: str, **ids: str) -> bool:
    """Whether the request is the sample's: method, address as it stands on the wire, headers and body."""
    wanted = json.loads((SAMPLES / f"{sample}.json").read_text())["request"]
    token = request.headers["Authorization"].removeprefix("Bearer ")
    wanted = filled(wanted, {"token": token, **ids})
    assert request.method == wanted["method"]
    assert _without_probe(request.url.raw_path.decode()) == _without_probe(wanted["path"])
    headers = {name.lower(): value for name, value in wanted["headers"].items()}
    assert {n: v for n, v in request.headers.items() if n not in OF_THE_CONNECTION} == headers
    assert _comparable(json.loads(request.content or b"null")) == _comparable(wanted.get("body"))
    return True


def _without_probe(path: str) -> str:
    """The address with the random GUID of a look-up replaced; ids in the path stay."""
    way, mark, query = path.partition("?")
    return way + mark + GUID.sub(ANY_GUID, query)


def _comparable(body: Any) -> Any:
    """The body as text in one order, so that `true` is not 1, with the random password replaced when there is one."""
    if isinstance(body, dict) and body.get("password"):
        body = body | {"password": "<random>"}
    return json.dumps(body, sort_keys=True)


def methods(requests: list[httpx.Request]) -> list[str]:
    return [r.method for r in requests]


def test_okta_tests_the_credentials_as_recorded(okta, wire):
    okta.test_credentials()
    users, groups = wire.taken()
    assert is_as_recorded(users, "okta/test-credentials-users")
    assert is_as_recorded(groups, "okta/test-credentials-groups")


def test_okta_looks_up_before_it_creates(okta, wire):
    okta.assign(MAYA)
    lookup, _ = wire.taken()
    assert is_as_recorded(lookup, "okta/lookup")

    # Somebody who is found is linked and pushed, not created.
    assert [e.method for e in okta.assign(MAYA)] == ["GET", "GET", "PUT"]


def test_okta_creates_as_recorded(okta, wire):
    okta.assign(replace(MAYA, user_name="Maya.Okafor@example.com", email="maya.okafor@example.com"))
    lookup, create = wire.taken()
    assert methods([lookup, create]) == ["GET", "POST"]
    assert is_as_recorded(create, "okta/create")


def test_okta_reads_deactivates_and_activates_as_recorded(okta, wire):
    maya = okta.assign(MAYA)[-1].answer["id"]
    wire.taken()

    okta.deactivate(MAYA)
    (patch,) = wire.taken()
    assert is_as_recorded(patch, "okta/patch-deactivate", maya=maya)

    okta.reassign(MAYA)
    lookup, activate, read, push = wire.taken()
    assert is_as_recorded(lookup, "okta/lookup")
    assert is_as_recorded(activate, "okta/patch-reactivate", maya=maya)
    assert is_as_recorded(read, "okta/read", maya=maya)
    assert push.method == "PUT"

    okta.deactivate_by_put(MAYA)
    read, put = wire.taken()
    assert is_as_recorded(read, "okta/read", maya=maya)
    assert is_as_recorded(put, "okta/put-deactivate", maya=maya)


def test_okta_pushes_a_profile_as_recorded(okta, wire):
    maya = okta.assign(MAYA)[-1].answer["id"]
    wire.taken()
    okta.push_profile(replace(MAYA, family_name="Okafor-Berg"))
    assert is_as_recorded(wire.taken()[-1], "okta/put-profile", maya=maya)


def test_entra_probes_looks_up_and_creates_as_recorded(entra, wire):
    entra.test_connection()
    (probe,) = wire.taken()
    assert is_as_recorded(probe, "entra/test-connection")

    entra.provision(replace(TOMAS, user_name="Tomas.Reyes@EXAMPLE.com", email="tomas.reyes@example.com"))
    probe, lookup, _ = wire.taken()
    assert is_as_recorded(probe, "entra/test-connection")
    assert is_as_recorded(lookup, "entra/lookup-username")
    # Known by now, in whatever case: nothing is created.
    assert [e.method for e in entra.provision(TOMAS)] == ["GET", "GET"]


def test_entra_creates_and_disables_as_recorded(entra, wire):
    tomas = entra.provision(TOMAS)[-1].answer["id"]
    assert is_as_recorded(wire.taken()[-1], "entra/create")

    entra.disable(TOMAS)
    probe, read, patch = wire.taken()
    assert is_as_recorded(probe, "entra/test-connection")
    assert is_as_recorded(read, "entra/read", tomas=tomas)
    assert is_as_recorded(patch, "entra/patch-disable-string", tomas=tomas)


def test_what_an_administrator_would_see_as_a_failed_task_is_said(okta, app):
    with pytest.raises(Stuck, match="never assigned"):
        okta.deactivate(MAYA)
    stranger = Okta("http://bridge.test/scim/v2/okta", "wrong", transport=httpx.WSGITransport(app=app))
    with pytest.raises(Stuck, match="answered 401"):
        stranger.test_credentials()
    with Okta("http://127.0.0.1:9/scim/v2/okta", "x") as nobody, pytest.raises(Stuck, match="not answered"):
        nobody.test_credentials()


def test_a_visitor_sees_who_is_in_and_lets_people_sign_in(world, transport):
    with Visitor("http://posthog.test", transport=transport) as visitor:
        before = visitor.look()
        assert (len(before.members), before.level_of(MAYA.user_name)) == (24, 1)
        assert MAYA.user_name in before.invites
        world.remove_member(MAYA.user_name)
        assert visitor.look().level_of(MAYA.user_name) is None
        assert visitor.sign_in("wei.zhang@example.com") == "member"
        assert visitor.removals() == ()
