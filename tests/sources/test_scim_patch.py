"""PATCH in every recorded dialect: what is meant happens, and nothing else."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.scim.dialects import ENTERPRISE, USER
from bridge.sources.scim.errors import InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget, ScimError
from bridge.sources.scim.patch import apply, operations_of, says_out

PERSON = {
    "userName": "tomas.reyes@example.com",
    "externalId": "0f9c",
    "active": True,
    "displayName": "Tomas Reyes",
    "name": {"familyName": "Reyes", "givenName": "Tomas"},
    "emails": [{"value": "tomas.reyes@example.com", "type": "work", "primary": True}],
    ENTERPRISE: {"department": "Growth", "manager": {"value": "7"}},
}


def patched(*operations, resource=PERSON):
    before = copy.deepcopy(resource)
    result = apply(resource, operations_of({"Operations": list(operations)})).resource
    assert resource == before
    return result


DISABLES = [
    {"op": "replace", "value": {"active": False}},
    {"op": "replace", "path": "active", "value": False},
    {"op": "Replace", "path": "active", "value": "False"},
    {"op": "Replace", "path": "active", "value": "false"},
    {"op": "REPLACE", "path": "Active", "value": " False "},
    {"op": "Add", "path": "active", "value": "False"},
    {"op": "Add", "value": {"active": "False"}},
    {"op": "replace", "path": "active", "value": [{"value": "False"}]},
    {"op": "Replace", "path": "active", "value": {"value": False}},
    {"op": "replace", "path": f"{USER}:active", "value": False},
    {"op": "replace", "path": f"{USER.upper()}:Active", "value": False},
    {"op": "replace", "value": {f"{USER}:active": False}},
    {"op": "replace", "value": {USER: {"active": "False"}}},
    {"op": "replace", "path": USER, "value": {"active": "False"}},
    {"op": "replace", "value": {"Active": "FALSE", "displayName": "T"}},
    {"op": "replace", "value": [{"active": False}]},
    {"op": "replace", "path": "", "value": {"active": False}},
    {"op": "replace", "path": None, "value": {"active": False}},
    {"Op": "replace", "Path": "active", "Value": "False"},
    {"op": "replace", "name": "disable", "path": " active ", "value": False},
    {"op": "replace", "path": "active.value", "value": False},
    {"op": "replace", "value": {"active.value": "False"}},
]


@pytest.mark.parametrize("operation", DISABLES, ids=str)
def test_every_way_to_say_disable_disables(operation):
    assert patched(operation)["active"] is False
    assert says_out({"Operations": [operation]})


STRANGE = [
    {"op": "replace", "path": "favouriteColour", "value": "blue"},
    {"op": "Add", "path": 'things[type eq "x"].value', "value": "y"},
    {"op": "Replace", "path": "urn:strange:1.0:User:thing", "value": {"deep": [1, None]}},
    {"op": "Replace", "path": "password", "value": "s3cret"},
    {"op": "replace", "value": {"Schemas": [], "password": "s3cret", "meta": {}, "groups": [], "x y": 1}},
    {"op": "Remove", "path": "nickName"},
    {"op": "Remove", "path": 'phoneNumbers[type eq "fax"].value'},
    {"op": "Remove", "path": 'emails[not (type eq "work")]'},
    {"op": "Add", "path": "roles", "value": [{"value": '{"id":"1","value":"r"}'}]},
    {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "r"},
    {"op": "Replace", "path": "nickName", "value": None},
    {"op": "Add", "path": "nickName", "value": None},
    {"op": "Replace", "path": 'addresses[type eq "work"].country', "value": "PT"},
]


@pytest.mark.parametrize("operation", STRANGE, ids=str)
def test_what_is_not_understood_never_loses_the_disable_beside_it(operation):
    disable = {"op": "Replace", "path": "active", "value": "False"}
    for order in ([disable, operation], [operation, disable]):
        result = patched(*order)
        assert result["active"] is False
        assert "s3cret" not in str(result)
        assert not {"id", "meta", "groups", "password", "schemas"} & result.keys()


@given(st.permutations([DISABLES[2], *STRANGE]))
def test_the_order_of_operations_never_loses_the_disable(operations):
    assert patched(*operations)["active"] is False


@pytest.mark.parametrize("value", ["no", "", 0, 1, None, [], {}, "disabled"], ids=repr)
def test_a_value_that_is_no_boolean_is_refused(value):
    with pytest.raises(InvalidValue):
        patched({"op": "replace", "path": "active", "value": value})
    with pytest.raises(InvalidValue):
        patched({"op": "replace", "value": {"active": value}})


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "replace", "path": 'active[value eq "x"]', "value": False}, InvalidPath),
        ({"op": "replace", "path": "active[", "value": False}, InvalidPath),
        ({"op": "replace", "path": "/active", "value": False}, InvalidPath),
        ({"op": "replace", "path": 5, "value": False}, InvalidPath),
        ({"op": "remove", "path": "active"}, InvalidValue),
        ({"op": "replace", "value": "active"}, InvalidValue),
        ({"op": "remove"}, NoTarget),
        ({"op": "disable", "path": "active", "value": False}, InvalidSyntax),
        ({"path": "active", "value": False}, InvalidSyntax),
        ("replace", InvalidSyntax),
    ],
    ids=str,
)
def test_an_unclear_disable_is_told_and_never_swallowed(operation, error):
    with pytest.raises(error):
        patched(operation)


UNCLEAR = [
    ({"op": "Replace", "path": 'emails[type eq "work"', "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": "emails[???].value", "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": 'emails[type eq "work"].value]', "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": 'emails[x[y eq "z"]].value', "value": "y"}, InvalidPath),
    ({"op": "replace", "value": {"emails[???].value": "y"}}, InvalidPath),
    ({"op": "Replace", "path": 'name[familyName eq "x"].givenName', "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": f'{ENTERPRISE}:manager[value eq "x"]', "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": "displayName.formatted", "value": "y"}, InvalidPath),
    ({"op": "replace", "value": {"userName.value": "y"}}, InvalidPath),
    ({"op": "Replace", "path": "not a path", "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": "/displayName", "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": "urn:strange", "value": "y"}, InvalidPath),
    ({"op": "Replace", "path": 'emails[type eq "a" or type eq "b"].value', "value": "y"}, NoTarget),
    ({"op": "Replace", "path": 'emails[type ne "work"].value', "value": "y"}, NoTarget),
    ({"op": "Replace", "path": 'emails[type eq "work"]', "value": [{"value": "a"}, {"value": "b"}]}, InvalidValue),
    ({"op": "Replace", "path": "id", "value": "other"}, Mutability),
    ({"op": "Add", "path": "groups", "value": [{"value": "g"}]}, Mutability),
    ({"op": "Remove", "path": "meta.version"}, Mutability),
    ({"op": "Replace", "path": ENTERPRISE, "value": "y"}, InvalidValue),
]


@pytest.mark.parametrize(("operation", "error"), UNCLEAR, ids=str)
def test_what_is_known_and_cannot_be_done_is_told_and_never_a_silent_success(operation, error):
    with pytest.raises(error):
        patched(operation)
    disable = {"op": "Replace", "path": "active", "value": "False"}
    assert says_out({"Operations": [operation, disable]})
    assert says_out({"Operations": [disable, operation]})


@pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": None}, {"Operations": "x"}, [], None], ids=str)
def test_a_patch_without_operations_is_invalid_syntax(body):
    with pytest.raises(InvalidSyntax):
        operations_of(body)


def test_the_last_word_about_active_counts():
    off, on = ({"op": "replace", "path": "active", "value": v} for v in ("False", "True"))
    assert patched(off, on)["active"] is True
    assert not says_out({"Operations": [off, on]})
    assert says_out({"operations": [on, off, {"op": "nonsense"}, {"op": "remove"}]})
    assert not says_out({"Operations": [off, {"op": "replace", "path": "displayName", "value": "x"}, on]})
    assert not says_out(None)


@pytest.mark.parametrize(
    ("operation", "path", "value"),
    [
        ({"op": "Replace", "path": "name.familyName", "value": "Lima"}, ("name", "familyName"), "Lima"),
        ({"op": "Replace", "path": "displayname", "value": "T"}, ("displayName",), "T"),
        ({"op": "Replace", "path": f"{USER}:displayName", "value": "T"}, ("displayName",), "T"),
        ({"op": "Add", "path": f"{ENTERPRISE}:department", "value": "D"}, (ENTERPRISE, "department"), "D"),
        ({"op": "replace", "value": {f"{ENTERPRISE}:department": "D"}}, (ENTERPRISE, "department"), "D"),
        ({"op": "replace", "value": {ENTERPRISE: {"Department": "D"}}}, (ENTERPRISE, "department"), "D"),
        ({"op": "replace", "path": ENTERPRISE, "value": {"department": "D"}}, (ENTERPRISE, "department"), "D"),
        ({"op": "replace", "value": {"name.familyName": "Lima"}}, ("name", "familyName"), "Lima"),
        ({"op": "replace", "value": {"name": {"familyName": "Lima"}}}, ("name", "familyName"), "Lima"),
        ({"op": "replace", "value": {"name": {"familyName": "Lima"}}}, ("name", "givenName"), "Tomas"),
        ({"op": "replace", "path": 'emails[type eq "work"].value', "value": "b"}, ("emails", 0, "value"), "b"),
        ({"op": "replace", "path": 'EMAILS[Type Eq "WORK"].Value', "value": "b"}, ("emails", 0, "value"), "b"),
        ({"op": "replace", "value": {'emails[type eq "work"].value': "b"}}, ("emails", 0, "value"), "b"),
        ({"op": "replace", "path": "emails.value", "value": "b"}, ("emails", 0, "value"), "b"),
        ({"op": "Add", "path": 'emails[type eq "home"].value', "value": "h"}, ("emails", 1, "value"), "h"),
        ({"op": "Add", "path": 'emails[type eq "home"].value', "value": "h"}, ("emails", 1, "type"), "home"),
        ({"op": "Replace", "path": 'emails[type eq "home"]', "value": {"value": "h"}}, ("emails", 1, "value"), "h"),
        ({"op": "Replace", "path": 'emails[primary eq "True"].value', "value": "b"}, ("emails", 0, "value"), "b"),
        ({"op": "Replace", "path": "emails[primary eq true].value", "value": "b"}, ("emails", 0, "value"), "b"),
        ({"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "r"}, ("roles", 0, "primary"), True),
        ({"op": "add", "path": "emails", "value": [{"value": "h", "primary": True}]}, ("emails", 0, "primary"), False),
        ({"op": "add", "path": "emails", "value": {"value": "h"}}, ("emails", 1, "value"), "h"),
        ({"op": "Replace", "path": "emails", "value": [{"value": "z"}]}, ("emails",), [{"value": "z"}]),
        ({"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": "9"}, (ENTERPRISE, "manager", "value"), "9"),
        (
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"$ref": "x", "value": "9"}]},
            (ENTERPRISE, "manager", "value"),
            "9",
        ),
        ({"op": "Replace", "path": "favouriteColour", "value": "blue"}, ("favouriteColour",), "blue"),
        ({"op": "Replace", "path": "userName", "value": "A@example.com"}, ("userName",), "A@example.com"),
    ],
    ids=str,
)
def test_a_known_place_takes_its_value(operation, path, value):
    found = patched(operation)
    for step in path:
        found = found[step]
    assert found == value


@pytest.mark.parametrize(
    ("operation", "gone"),
    [
        ({"op": "Remove", "path": "displayName"}, "displayName"),
        ({"op": "Replace", "path": "displayName", "value": None}, "displayName"),
        ({"op": "Remove", "path": "name.givenName"}, "givenName"),
        ({"op": "Remove", "path": 'emails[type eq "work"]'}, "emails"),
        ({"op": "Remove", "path": "emails"}, "emails"),
        ({"op": "Remove", "path": "emails", "value": [{"value": "tomas.reyes@example.com"}]}, "emails"),
        ({"op": "Remove", "path": 'emails[type eq "work"].primary'}, "primary"),
        ({"op": "Remove", "path": "emails.primary"}, "primary"),
        ({"op": "Remove", "path": f"{ENTERPRISE}:manager"}, "manager"),
        ({"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": {"value": ""}}, "manager"),
        ({"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": ""}, "manager"),
        ({"op": "Replace", "path": f"{ENTERPRISE}:manager.value", "value": ""}, "manager"),
        ({"op": "Remove", "path": ENTERPRISE}, ENTERPRISE),
    ],
    ids=str,
)
def test_a_removed_place_is_empty(operation, gone):
    assert f"'{gone}'" in str(PERSON)
    assert f"'{gone}'" not in str(patched(operation))


def test_removing_the_last_attribute_of_an_extension_removes_the_extension():
    assert ENTERPRISE not in patched(
        {"op": "Remove", "path": f"{ENTERPRISE}:manager"}, {"op": "Remove", "path": f"{ENTERPRISE}:department"}
    )


def test_operations_apply_in_their_order():
    result = patched(
        {"op": "remove", "path": "displayName"},
        {"op": "add", "path": "displayName", "value": "first"},
        {"op": "replace", "path": "displayName", "value": "second"},
    )
    assert result["displayName"] == "second"


def test_what_is_left_out_is_named_without_its_values():
    operations = operations_of(
        {"Operations": [{"op": "add", "path": 'things[value eq "maya@example.com"].x', "value": "maya@example.com"}]}
    )
    assert apply(PERSON, operations).ignored == ("things",)


GROUP = {"displayName": "Data", "members": [{"value": "a"}, {"value": "b"}, {"value": "c"}]}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ({"op": "remove", "path": 'members[value eq "a"]'}, "bc"),
        ({"op": "Remove", "path": 'Members[Value Eq "a"]'}, "bc"),
        ({"op": "Remove", "path": "members", "value": [{"value": "a"}]}, "bc"),
        ({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "a"}, {"value": "c"}]}, "b"),
        ({"op": "Remove", "path": "members", "value": "a"}, "bc"),
        ({"op": "Remove", "path": "members", "value": ["a", "b"]}, "c"),
        ({"op": "Remove", "path": "members", "value": {"value": "a"}}, "bc"),
        ({"op": "Remove", "path": "members", "value": []}, "abc"),
        ({"op": "Remove", "path": "members", "value": [{"value": "x"}]}, "abc"),
        ({"op": "Remove", "path": "members", "value": [{"value": None}]}, "abc"),
        ({"op": "Remove", "path": 'members[value eq "x"]'}, "abc"),
        ({"op": "Remove", "path": 'members[value eq "a" or value eq "b"]'}, "c"),
        ({"op": "Remove", "path": 'members[value sw "a"]'}, "bc"),
        ({"op": "Remove", "path": 'members[not (value eq "a")]'}, "a"),
        ({"op": "Replace", "path": 'members[value eq "a"]', "value": {"value": "d"}}, "bcd"),
        ({"op": "Remove", "path": 'members[value eq "a"].display'}, "abc"),
        ({"op": "Remove", "path": "members"}, ""),
        ({"op": "Add", "path": "members", "value": [{"$ref": None, "value": "d"}]}, "abcd"),
        ({"op": "Add", "path": "members", "value": [{"value": "a", "display": "x"}]}, "abc"),
        ({"op": "Add", "path": "members", "value": "d"}, "abcd"),
        ({"op": "Add", "path": "members", "value": None}, "abc"),
        ({"op": "add", "value": {"members": [{"value": "d"}]}}, "abcd"),
        ({"op": "replace", "path": "members", "value": [{"value": "d"}]}, "d"),
        ({"op": "replace", "path": "members", "value": []}, ""),
        ({"op": "replace", "value": {"id": "g", "displayName": "Data People"}}, "abc"),
    ],
    ids=str,
)
def test_only_the_named_members_come_and_go(operation, members):
    result = patched(operation, resource=GROUP)
    assert "".join(each["value"] for each in result["members"]) == members


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "Remove", "path": "members[broken"}, InvalidPath),
        ({"op": "Add", "path": "members", "value": [{"display": "Maya"}]}, InvalidValue),
        ({"op": "Replace", "path": "members", "value": [{"value": "a"}, {"value": {"b": "c"}}]}, InvalidValue),
    ],
    ids=str,
)
def test_a_member_who_is_not_named_is_an_error(operation, error):
    with pytest.raises(error):
        patched(operation, resource=GROUP)


ids = st.lists(st.sampled_from("abcdef"), max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "Remove", "filter", "replace"]), ids), max_size=8))
def test_membership_is_what_a_set_would_hold(changes):
    operations, wanted = [], {"a", "b", "c"}
    for op, named in changes:
        if op == "filter":
            operations += [{"op": "remove", "path": f'members[value eq "{each}"]'} for each in named]
        else:
            operations.append({"op": op, "path": "members", "value": [{"value": each} for each in named]})
        wanted = {"add": wanted | {*named}, "replace": {*named}}.get(op, wanted - {*named})
    if operations:
        assert {each["value"] for each in patched(*operations, resource=GROUP)["members"]} == wanted


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(st.sampled_from(["value", "type", "x"]), x)),
    max_leaves=4,
)
paths = st.sampled_from(
    [
        "active",
        "emails",
        "emails.value",
        'emails[type eq "x"]',
        'emails[type eq "x"].value',
        "name",
        "name.x",
        "members",
        f"{ENTERPRISE}:manager",
        ENTERPRISE,
        'members[value eq "a"]',
        "nope",
        "a b",
        USER,
        "title",
        "roles.primary",
        "",
    ]
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "Replace", "remove"]), "path": paths, "value": json_values}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_operation_raises_anything_but_a_scim_error_or_makes_active_anything_but_a_boolean(operations):
    try:
        result = patched(*operations)
    except ScimError:
        return
    assert isinstance(result["active"], bool)


def test_an_extensions_name_in_another_case_is_the_same_attribute_even_where_the_core_has_that_name():
    urn = "urn:example:params:scim:schemas:custom:2.0:User"
    stored = PERSON | {urn: {"Title": "Engineer"}}

    result = patched({"op": "replace", "path": f"{urn}:title", "value": "Lead"}, resource=stored)

    assert list(result[urn].values()) == ["Lead"]
