"""What may happen in a random world, in any order, and the policies that a world may have.

Each deed names a method of `worlds.Story` and gives it what it needs.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from bridge.core.policy import Mode, OnReactivate, OnReturn
from bridge.ports import GroupGrant

SERVICE = "posthog-bridge@example.com"
PEOPLE = ("ada@example.com", "bob@example.com", "cyd@example.com", "dee@example.com", "eve@example.com")
SUCCESSORS = ("dee@example.com", "eve@example.com")
LEVELS = ((1, 1, 8, 15, 15), (1, 1, 8, 15, 1), (15, 1, 8, 1, 8), (15, 8, 1, 15, 15))
BYSTANDER = "fay@example.com"
"""An admin for whom no identity provider speaks."""
TWIN = "bob+test@example.com"
"""Looks like Bob's, and nobody has ever said whose it is."""
ANALYSTS = GroupGrant(name="Analysts", target="main", scope="project:1")

person = st.sampled_from((0, 0, 0, 3, 3, 4, 1, 2))
"""Few people, so that their ways cross; with the owners among them."""
idp = st.sampled_from(("okta", "okta", "entra", "partner"))
source_deed = st.one_of(
    st.tuples(st.just("deactivate"), idp, person),
    st.tuples(st.just("deactivate"), idp, person),
    st.tuples(st.just("deactivate"), idp, person),
    st.tuples(st.just("activate"), idp, person),
    st.tuples(st.just("delete"), idp, person),
    st.tuples(st.just("create again"), idp, person, st.booleans()),
    st.tuples(st.just("rename"), idp, person, st.booleans()),
    st.tuples(st.just("takes the address of"), idp, person, person, st.booleans()),
    st.tuples(st.just("the key's owner leaves"), idp),
    st.tuples(
        st.just("says late"), st.sampled_from(("deactivate", "activate", "suspend")), person, st.integers(0, 900)
    ),
    st.tuples(st.just("group"), st.sampled_from(("okta", "entra")), st.sets(person, max_size=3)),
)
hand_deed = st.one_of(
    st.tuples(st.just("login"), person),
    st.tuples(st.just("login"), person),
    st.tuples(st.just("invite"), person, st.sampled_from((1, 8, 15)), st.sampled_from((SERVICE, BYSTANDER, ""))),
    st.tuples(st.just("accept invites"), person),
    st.tuples(st.just("set level"), person, st.sampled_from((1, 8, 15, 15))),
    st.tuples(st.just("remove by hand"), person),
    st.tuples(st.just("change address"), person, st.booleans()),
    st.tuples(st.just("account off"), person),
    st.tuples(st.just("account on"), person),
    st.tuples(st.just("service level"), st.sampled_from((8, 15, 15))),
    st.tuples(st.just("jit"), st.booleans()),
)
operator_deed = st.one_of(
    st.tuples(st.just("operator removes"), person, st.sampled_from(("plain", "emergency", "sure", "dated"))),
    st.tuples(st.just("operator releases"), st.integers(0, 5)),
    st.tuples(st.just("operator releases"), st.integers(0, 5)),
    st.tuples(st.just("operator cancels"), st.integers(0, 5)),
    st.tuples(st.just("operator retries"), st.integers(0, 5)),
    st.tuples(st.just("operator undoes"), st.integers(0, 5), st.booleans(), st.sampled_from((True, True, False))),
    st.tuples(st.just("operator undoes"), st.integers(0, 5), st.booleans(), st.sampled_from((True, True, False))),
    st.tuples(st.just("operator links"), person, st.sampled_from((TWIN, BYSTANDER, "")), st.booleans()),
)
simple_deed = st.one_of(source_deed, hand_deed, operator_deed)
deed = st.one_of(
    source_deed,
    source_deed,
    hand_deed,
    operator_deed,
    st.tuples(
        st.just("meanwhile"),
        st.sampled_from(("", "DELETE", "PATCH", "GET")),
        st.integers(1, 4),
        st.booleans(),
        simple_deed,
    ),
    st.tuples(st.just("in the middle of a write"), hand_deed),
    st.tuples(st.just("comes back after the watch"), idp, person),
    st.tuples(st.just("time"), st.sampled_from((1, 5, 12, 40, 200, 1500))),
    st.tuples(st.just("nobody works"), st.sampled_from((10, 600, 90_000))),
    st.tuples(st.just("clock steps"), st.sampled_from((-600, -20, 20, 600))),
    st.tuples(st.just("crash"), st.integers(1, 14)),
    st.tuples(
        st.just("fault"),
        st.sampled_from(("500", "page", "429", "reset after", "reset before", "slow", "404", "key refused")),
        st.sampled_from(("", "", "GET", "DELETE", "PATCH", "POST")),
        st.integers(1, 4),
        st.sampled_from((1, 1, 2, 9)),
    ),
    st.tuples(st.just("throttle"), st.integers(0, 60)),
    st.tuples(st.just("the bridge may act")),
)
setting = st.fixed_dictionaries(
    {
        "levels": st.sampled_from(LEVELS),
        "successors": st.sampled_from((SUCCESSORS, SUCCESSORS, SUCCESSORS[:1], ())),
        "last_owner_after": st.sampled_from((None, None, timedelta(minutes=3))),
        "on_reactivate": st.sampled_from(OnReactivate),
        "on_return": st.sampled_from((OnReturn.REMOVE, OnReturn.REMOVE, OnReturn.HOLD)),
        "max_removals": st.sampled_from((1, 100, 100)),
        "cancel_invites_sent": st.booleans(),
        "longest_standing_admin": st.booleans(),
        "protected": st.sampled_from((frozenset(), frozenset(), frozenset({"ada@example.com"}))),
        "mode": st.sampled_from((Mode.ENFORCE,) * 7 + (Mode.OBSERVE,)),
        "surroundings_every": st.sampled_from((None, None, None, timedelta(minutes=15))),
    }
)
