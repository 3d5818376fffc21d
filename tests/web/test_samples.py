"""Every recorded SCIM exchange, run against the application. The format is described in `tests/samples/scim-samples.md`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.conftest import ScimClient, scim_client

SAMPLES = Path(__file__).parent.parent / "samples"
FILES = sorted(path for source in ("okta", "entra") for path in (SAMPLES / source).glob("*.json"))


def mismatch(wanted: Any, found: Any, at: str = "") -> str:
    """Where the found JSON differs from what is wanted of it; empty when nowhere."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        differences = (_at_key(key, part, found, f"{at}.{key}") for key, part in wanted.items())
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        differences = (mismatch(w, f, f"{at}[{n}]") for n, (w, f) in pairs)
    else:
        is_text = wanted == "<any>" and isinstance(found, str) and found
        is_equal = type(wanted) is type(found) and wanted == found
        return "" if is_text or is_equal else f"{at}: {found!r}, not {wanted!r}"
    return next((each for each in differences if each), "")


def _at_key(key: str, part: Any, found: dict[str, Any], at: str) -> str:
    if part == "<absent>":
        return f"{at} is there" if key in found else ""
    return mismatch(part, found[key], at) if key in found else f"{at} is missing"


def filled(value: Any, names: dict[str, str]) -> Any:
    """The value with the ids of this run in place of `{name}`."""
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    if isinstance(value, str):
        for name, found in names.items():
            value = value.replace(f"{{{name}}}", found)
    return value


def sent(client: ScimClient, request: dict[str, Any]) -> TestResponse:
    headers = request.get("headers", {"Authorization": f"Bearer {client.token}"})
    data = json.dumps(request["body"]) if "body" in request else request.get("raw")
    return client.client.open(request["path"], method=request.get("method", "GET"), headers=headers, data=data)


def check(reply: TestResponse, wanted: dict[str, Any]) -> None:
    assert reply.status_code == wanted["status"], reply.text
    for name, value in wanted.get("headers", {}).items():
        assert name in reply.headers
        assert value == "<any>" or reply.headers[name].startswith(value)
    if "body" in wanted:
        assert not mismatch(wanted["body"], reply.json)
    else:
        assert reply.status_code != 204 or not reply.data


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_the_exchange_goes_as_the_vendor_wants_it(path, bridge, app):
    sample = json.loads(path.read_text())
    client = scim_client(bridge, app, sample["connection"])
    names = {"token": client.token}
    for request in sample["before"]:
        for n in range(request.get("repeat", 1)):
            reply = sent(client, filled(request, names | {"n": str(n)}))
            assert reply.status_code < 300, reply.text
            if "as" in request:
                names[request["as"]] = reply.json["id"]
    known = len(client.events())

    check(sent(client, filled(sample["request"], names)), filled(sample["reply"], names))
    if "read_back" in sample:
        check(sent(client, filled({"path": sample["read_back"]["path"]}, names)), filled(sample["read_back"], names))

    events = client.events()[known:]
    assert len(events) == len(sample["events"])
    for event, wanted in zip(events, sample["events"], strict=True):
        assert event.kind.name == wanted["kind"]
        assert event.subject.user_name == wanted["user_name"]
        assert event.subject.external_id == wanted.get("external_id", event.subject.external_id)


def test_there_is_a_sample_for_every_recorded_exchange():
    assert len(FILES) >= 150
    for path in FILES:
        sample = json.loads(path.read_text())
        assert {"name", "says", "connection", "before", "request", "reply", "events"} <= sample.keys()
        is_reading = sample["request"]["method"] == "GET"
        assert is_reading or "read_back" in sample, f"{path.name} changes something and reads nothing back"
        assert not is_reading or sample["events"] == []
        assert sample["request"]["path"].startswith(f"/scim/v2/{sample['connection']}/")
