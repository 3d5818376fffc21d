"""One canonical form for every spelling of the same thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.scim.dialects import ENTERPRISE, USER, boolean, canonical, place_of, tidy
from bridge.sources.scim.errors import InvalidPath, InvalidSyntax, InvalidValue

SAID_FALSE = [
    False,
    "False",
    "false",
    "FALSE",
    " False ",
    [{"value": "False"}],
    [{"value": False}],
    {"value": False},
    {"value": "False"},
    {"Value": "false"},
    [{"$ref": None, "value": "False"}],
    ["False"],
    [False],
]

NO_BOOLEAN = [None, "", "no", "off", "0", 0, 1, 0.0, [], [False, False], {}, {"active": False}, "disabled", "f", [[]]]


@pytest.mark.parametrize("value", SAID_FALSE)
def test_false_is_false_in_every_shape(value):
    assert boolean(value) is False


@pytest.mark.parametrize("value", [True, "True", "true", " TRUE\n", [{"value": "True"}], {"value": True}])
def test_true_is_true_in_every_shape(value):
    assert boolean(value) is True


@pytest.mark.parametrize("value", NO_BOOLEAN)
def test_what_is_no_boolean_is_refused_and_never_truthy(value):
    with pytest.raises(InvalidValue):
        boolean(value)


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())


@given(st.recursive(scalars, lambda x: st.one_of(st.lists(x), st.dictionaries(st.text(), x)), max_leaves=5))
def test_a_value_is_a_boolean_only_when_it_says_so(value):
    try:
        meant = boolean(value)
    except InvalidValue:
        return
    assert str(meant).lower() in str(value).lower()


@pytest.mark.parametrize(
    ("key", "urn", "attribute", "sub"),
    [
        ("active", "", "active", ""),
        ("Active", "", "active", ""),
        (" ACTIVE ", "", "active", ""),
        ("active.value", "", "active", ""),
        (f"{USER}:active", "", "active", ""),
        (f"{USER.upper()}:Active", "", "active", ""),
        ("name.familyName", "", "name", "familyName"),
        ("NAME.FAMILYNAME", "", "name", "familyName"),
        (f"{USER}:name.givenName", "", "name", "givenName"),
        (f"{ENTERPRISE}:department", ENTERPRISE, "department", ""),
        (f"{ENTERPRISE.lower()}:Manager.Value", ENTERPRISE, "manager", "value"),
        (ENTERPRISE, ENTERPRISE, "", ""),
        (USER, "", "", ""),
        ("urn:example:2.0:User:badge", "urn:example:2.0:User", "badge", ""),
        ("urn:example:badge", "urn:example", "badge", ""),
        ("urn:example:2.0:User:active", "urn:example:2.0:User", "active", ""),
        ("favouriteColour", "", "favouriteColour", ""),
    ],
)
def test_every_spelling_of_a_name_is_one_place(key, urn, attribute, sub):
    place = place_of(key)
    assert (place.urn, place.attribute, place.sub) == (urn, attribute, sub)


@pytest.mark.parametrize("key", ["", "a b", "1a", "name..x", "urn:x", "urn:", "/displayName", "na\u00efve"])
def test_what_is_no_attribute_name_has_no_place(key):
    assert place_of(key) is None


@pytest.mark.parametrize("key", ["/active", f"{USER}.active", "User.active", "active.", "active.off", "name.active"])
def test_a_name_that_could_be_a_disable_is_told_and_never_skipped(key):
    if key == "active.":
        assert place_of(key).is_active
        return
    with pytest.raises(InvalidPath):
        place_of(key)


def test_a_body_loses_what_clients_never_set_and_every_null():
    body = canonical(
        {
            "schemas": [USER],
            "id": "mine",
            "meta": {"resourceType": "User"},
            "groups": [],
            "password": "s3cret",
            "Password": "s3cret",
            f"{USER}:password": "s3cret",
            ENTERPRISE: {"password": "s3cret", "department": None},
            "addresses": None,
            "title": None,
            "userName": "a",
            "roles": [],
        }
    )
    assert body == {"userName": "a", "roles": []}


def test_odd_casing_dotted_keys_and_urn_keys_are_spread_into_objects():
    body = canonical(
        {
            "USERNAME": "a",
            "Emails": [{"Primary": "True", "Value": "a@example.com", "TYPE": "work"}],
            "name.familyName": "Reyes",
            "Name": {"GivenName": "Tomas"} | {"middleName": None},
            f"{ENTERPRISE}:Department": "Growth",
            ENTERPRISE.lower(): {"Manager": {"Value": "42"}},
            USER: {"displayName": "T", "Active": "False"},
        }
    )
    assert body == {
        "userName": "a",
        "emails": [{"primary": True, "value": "a@example.com", "type": "work"}],
        "name": {"givenName": "Tomas"},
        ENTERPRISE: {"department": "Growth", "manager": {"value": "42"}},
        "displayName": "T",
        "active": False,
    }


def test_bare_strings_and_single_objects_become_lists():
    assert canonical({"emails": "a@example.com"})["emails"] == [{"value": "a@example.com"}]
    assert canonical({"emails": {"value": "a@example.com"}})["emails"] == [{"value": "a@example.com"}]
    assert canonical({"emails": ["a@example.com", "", None]})["emails"] == [{"value": "a@example.com"}]


@pytest.mark.parametrize(
    "manager", ["42", {"value": "42"}, [{"value": "42"}], [{"$ref": None, "Value": "42"}]], ids=str
)
def test_a_manager_comes_in_four_shapes(manager):
    assert canonical({f"{ENTERPRISE}:manager": manager}) == {ENTERPRISE: {"manager": {"value": "42"}}}


def test_what_no_database_keeps_is_refused():
    for text in ("a\0b", "\ud800"):
        with pytest.raises(InvalidValue):
            tidy({"displayName": [text]})
    with pytest.raises(InvalidValue):
        tidy([float("inf")])
    deep = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InvalidSyntax):
        tidy(deep)
