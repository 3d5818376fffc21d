"""Thousands of random requests: no fault of the application's, no success without effect, no slow answer.

BRIDGE_EXAMPLES sets how many requests (5,000 in CI; the longer mode is 50,000).
"""

from __future__ import annotations

import gc
import itertools
import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.store import tables as t
from tests.web.conftest import DISABLE
from tests.web.fuzzing import World, check_form

REQUESTS = int(os.environ.get("BRIDGE_EXAMPLES", "5000" if os.environ.get("CI") else "1000"))
STEPS = 8
"""Requests in one example: enough to meet one another, few enough to be made smaller when one goes wrong."""

QUIET = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
_numbers = itertools.count()
pytestmark = pytest.mark.timeout(0 if "BRIDGE_EXAMPLES" in os.environ else 900)
"""Seconds. A failing example is made smaller, which takes its time; the longer mode takes what it takes."""


@pytest.fixture(scope="module", autouse=True)
def _collector():
    """As where it serves, the collector leaves out what was there before: a walk through all other tests takes it a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", ["okta", "entra"])
def test_what_a_request_asks_for_is_what_is_there_afterwards(request, name):
    client = request.getfixturevalue(name)
    counted = [0]

    @given(draw=st.randoms(use_true_random=False))
    @settings(QUIET, max_examples=max(1, REQUESTS // 4 // (STEPS - 2)))
    def run(draw) -> None:
        world = World(client, draw, f"w{next(_numbers)}")
        for _ in range(STEPS):
            world.step()
        for who in world.people:
            world.check_person(who)
        for which in world.teams:
            world.check_team(which)
        counted[0] += world.sent

    run()
    assert counted[0] >= REQUESTS // 4


texts = st.one_of(
    st.sampled_from(
        ["active", "False", "True", "userName", "emails", "work", "", "\0", "\ud800", "é", "x" * 300, "$ref", "null"]
    ),
    st.text(max_size=12),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
names = st.one_of(
    st.sampled_from(
        [
            "active", "Active", "userName", "externalId", "displayName", "name", "name.familyName", "emails", "members",
            "roles", "id", "meta", "schemas", "groups", "password", "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", 'emails[type eq "work"].value',
            'emails[type eq "work"', 'members[value eq "x"]', "manager", "emails.value", "title", "x[y eq 1].z",
        ]
    ),
    texts,
)  # fmt: skip
objects = st.dictionaries(names, values, max_size=5)
strange = st.fixed_dictionaries(
    {"op": st.one_of(st.sampled_from(["add", "Replace", "remove", "x"]), values), "value": st.one_of(objects, values)},
    optional={"path": st.one_of(names, values)},
)
bodies = st.one_of(
    values,
    objects,
    st.fixed_dictionaries({"Operations": st.one_of(st.lists(strange, max_size=4), values)}),
    st.fixed_dictionaries(
        {
            "filter": texts,
            "count": values,
            "startIndex": values,
            "sortBy": names,
            "cursor": values,
            "attributes": values,
        }
    ),
    st.fixed_dictionaries(
        {"Operations": st.lists(st.fixed_dictionaries({"method": texts, "path": texts, "data": values}), max_size=3)}
    ),
)
queries = st.dictionaries(
    st.sampled_from(
        ["filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor", "x"]
    ),
    st.one_of(
        names,
        st.builds("{} {} {}".format, names, st.sampled_from(["eq", "CO", "pr", "gt", "x"]), texts),
        st.integers().map(str),
        st.text(alphabet='()[]" \\.:$%_andortqe0', max_size=30),
    ).map(lambda text: text.encode(errors="ignore").decode()),  # no client can put half of a surrogate pair there
    max_size=3,
)
addresses = st.sampled_from(
    ["/Users", "/Groups", "/Users/{user}", "/Groups/{group}", "/Users/x", "/Users/.search", "/.search", "/Bulk", "/Me",
     "/Schemas", "/ServiceProviderConfig", "/ResourceTypes/User", "/", "/Users/{user}/x", "/%ff", "/Users/%00", "/Users/{group}"]
)  # fmt: skip
methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])


@given(method=methods, address=addresses, query=queries, body=bodies)
@settings(QUIET, max_examples=max(1, REQUESTS // 4))
def test_whatever_is_sent_gets_an_answer_and_no_success_is_without_effect(okta, method, address, query, body):
    user, group = okta.user(f"u{next(_numbers)}@example.com"), okta.group(f"g{next(_numbers)}")
    world = World(okta, None, "")  # type: ignore[arg-type]
    path = address.format(user=user, group=group)
    before = {each: okta.get(each).json for each in (f"/Users/{user}", f"/Groups/{group}")}

    reply = world.timed(method, path, None if method == "GET" else json.dumps(body), {"query": query})

    if method == "HEAD":
        assert reply.status_code < 500 or reply.status_code == 501
        return
    check_form(reply)
    after = {each: okta.get(each) for each in before}
    if reply.status_code >= 400:
        for each, read in after.items():
            changed = {key for key in before[each] if read.json.get(key) != before[each][key]}
            assert changed <= {"active", "meta"}
            assert not changed or "deactivation" in reply.json["detail"]
    elif method in {"PUT", "PATCH"}:
        assert after[path].json == okta.get(path).json
        assert not query.keys() <= {"x"} or reply.json == after[path].json
    elif method == "POST" and reply.status_code == 201:
        assert okta.get(f"{path}/{reply.headers['Location'].rpartition('/')[2]}").json["id"]
        okta.delete(f"{path}/{reply.headers['Location'].rpartition('/')[2]}")
    elif method == "DELETE":
        assert after[path].status_code == 404


@given(others=st.lists(strange, max_size=4), place=st.integers(0, 4), method=st.sampled_from(["PATCH", "Bulk"]))
@settings(QUIET, max_examples=max(1, REQUESTS // 4))
def test_a_disable_among_whatever_else_is_never_lost(entra, others, place, method):
    user = entra.user(f"d{next(_numbers)}@example.com")
    operations: list[Any] = [each for each in others if not speaks_of_active(each)]
    operations.insert(min(place, len(operations)), DISABLE)
    if method == "Bulk":
        patch = {"method": "PATCH", "path": f"/Users/{user}", "data": {"Operations": operations}}
        entra.post("/Bulk", {"Operations": [{"method": "x"}, patch], "failOnErrors": 1})
    else:
        entra.patch(f"/Users/{user}", *operations)

    assert entra.get(f"/Users/{user}").json["active"] is False
    assert events_of(entra, user) == ["deactivate"]


def events_of(client, record_id: str) -> list[str]:
    query = select(t.inbox.c.kind).where(t.inbox.c.event_id.startswith(f"{record_id}:"))
    with client.bridge.db.read() as tx:
        return [kind.rpartition(":")[2] for kind in tx.execute(query).scalars()]


def speaks_of_active(part: Any) -> bool:
    """Whether it could be about active in any way: then it may rightly have the last word."""
    return "active" in str(part).lower()
