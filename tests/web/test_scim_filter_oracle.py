"""Filters mean what RFC 7644 says: random ones, answered by SQL, against scim2-models as a second opinion."""

from __future__ import annotations

import os
from random import Random

import pytest

from bridge.sources.scim.filter import condition
from bridge.store import records
from tests.web.filters import Filters, SecondOpinion, random_user

CHUNKS = 10
"""So that both cores have work."""

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "20000" if os.environ.get("CI") else "4000"))
"""Filters altogether: 20,000 in CI; BRIDGE_EXAMPLES sets another number."""


def populate(client, draw: Random) -> None:
    people = []
    for n in range(14):
        people.append(client.user(**random_user(draw, n) | {"active": True}))
        client.bridge.clock.advance(seconds=1)
    for n in range(0, 14, 3):
        client.patch(f"/Users/{people[n]}", {"op": "replace", "path": "active", "value": False})
    for n in range(5):
        client.group(f"Group {n}", *draw.sample(people, n))


def everything(client, collection: str) -> list[dict]:
    return client.get(f"/{collection}?count=200").json["Resources"]


def compare(client, resource_type: str, seed: int, count: int) -> tuple[int, list[str]]:
    """How many filters chose somebody but not everybody, and those on which the two disagree."""
    collection = f"{resource_type}s"
    wires = everything(client, collection)
    ids = [wire["id"] for wire in everything(client, "Users") + everything(client, "Groups")]
    filters, opinion = Filters(Random(seed), resource_type, ids), SecondOpinion(resource_type, wires)
    telling, wrong = 0, []
    with client.bridge.db.read() as tx:
        for _ in range(count):
            text = filters.one()
            wanted = opinion.on(text)
            total, found = records.search(tx, client.connection, resource_type, condition(text, resource_type), 0, 200)
            telling += 0 < len(wanted) < len(wires)
            if {each.id for each in found} != wanted or total != len(wanted):
                wrong.append((text, len(found), len(wanted)))
    return telling, wrong


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_any_filter_finds_what_the_rfc_says(okta, chunk):
    populate(okta, Random(chunk))
    users = EXAMPLES // CHUNKS * 4 // 5

    telling, wrong = compare(okta, "User", chunk, users)
    assert wrong == []
    assert telling > users // 4
    telling, wrong = compare(okta, "Group", chunk, EXAMPLES // CHUNKS - users)
    assert wrong == []
    assert telling > 0 or EXAMPLES < 4000
