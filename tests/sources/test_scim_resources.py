"""Between JSON and records, without a store or a request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.core.record import Email, Record
from bridge.sources.scim import errors, resources
from bridge.sources.scim.dialects import ENTERPRISE, GROUP, USER

NOW = datetime(2026, 3, 4, 5, 6, 7, 891234, tzinfo=UTC)
BASE = "https://bridge.example.com/scim/v2/okta"


def created(body, resource_type="User") -> Record:
    return resources.created(body, resource_type=resource_type, record_id="r1", connection="okta", now=NOW)


MAYA = {
    "schemas": [USER],
    "userName": "Maya.Okafor@example.com",
    "externalId": "00u1",
    "emails": [{"value": "maya@example.com", "type": "work", "primary": True}, {"value": "m@home.example.com"}],
    "active": True,
    "title": "Analyst",
    ENTERPRISE: {"department": "Growth"},
    "password": "s3cret",
}


def test_a_post_becomes_a_record():
    record = created(MAYA)
    assert record == Record(
        id="r1",
        connection="okta",
        resource_type="User",
        user_name="Maya.Okafor@example.com",
        external_id="00u1",
        body={"emails": MAYA["emails"], "title": "Analyst", ENTERPRISE: {"department": "Growth"}},
        created_at=NOW,
        modified_at=NOW,
    )
    assert record.emails == (
        Email(value="maya@example.com", type="work", is_primary=True),
        Email(value="m@home.example.com"),
    )


def test_what_was_sent_is_what_is_rendered():
    wire = resources.rendered(created(MAYA), BASE, groups=[("g1", "Data")])
    assert wire == {key: value for key, value in MAYA.items() if key != "password"} | {
        "schemas": [USER, ENTERPRISE],
        "id": "r1",
        "groups": [{"value": "g1", "display": "Data", "$ref": f"{BASE}/Groups/g1", "type": "direct"}],
        "meta": {
            "resourceType": "User",
            "created": "2026-03-04T05:06:07.891Z",
            "lastModified": "2026-03-04T05:06:07.891Z",
            "location": f"{BASE}/Users/r1",
            "version": 'W/"1"',
        },
    }


def test_a_record_made_elsewhere_renders_its_own_fields():
    wire = resources.rendered(replace(created(MAYA), body={}, is_active=False), BASE)
    assert wire["active"] is False
    assert "emails" not in wire


def test_reading_what_was_rendered_gives_the_same_record():
    record = created(MAYA)
    assert resources.replaced(resources.rendered(record, BASE), record) == record
    assert resources.record_of(resources.attributes_of(record), record) == record
    group = created({"displayName": "Data", "members": [{"value": "a"}, {"value": "a"}, "b"]}, "Group")
    assert group.member_ids == ("a", "b")
    assert resources.record_of(resources.attributes_of(group), group) == group


def test_a_group_lists_its_members_or_none_at_all():
    group = created({"displayName": "Data", "active": False, "members": [{"value": "a"}, {"value": "b"}]}, "Group")
    assert group.is_active
    wire = resources.rendered(group, BASE)
    assert wire["members"] == [{"value": "a"}, {"value": "b"}]
    assert wire["schemas"] == [GROUP]
    assert not {"members", "active", "groups"} & resources.rendered(group, BASE, with_members=False).keys()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userName": " "},
        {"userName": 5.5},
        {"userName": True},
        {"userName": "a", "emails": [{"value": {}}, {"value": ["x"]}]},
        {"userName": "a", "emails": [{"value": "x", "type": 1.5}]},
        {"userName": "a", "externalId": {}},
    ],
    ids=str,
)
def test_what_identifies_a_person_must_be_text(body):
    with pytest.raises(errors.InvalidValue):
        created(body)


def test_a_number_as_external_id_is_its_digits():
    assert created({"userName": "a", "externalId": 4711}).external_id == "4711"


def test_an_address_without_a_value_is_no_address():
    assert created({"userName": "a", "emails": [{"type": "work"}, {"value": " "}, {"value": "b"}]}).emails == (
        Email(value="b"),
    )


@pytest.mark.parametrize(
    ("body", "is_out"),
    [
        ({"active": False}, True),
        ({"Active": "False"}, True),
        ({USER: {"active": "False"}}, True),
        ({"active": True}, False),
        ({"active": None}, False),
        ({"active": "nope"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_whether_a_put_says_out_is_read_without_the_rest(body, is_out):
    assert resources.says_out(body) is is_out


def test_times_are_in_utc():
    there = timezone(timedelta(hours=2))
    assert resources.timestamp(datetime(2026, 1, 1, 1, 0, tzinfo=there)) == "2025-12-31T23:00:00.000Z"


WIRE = resources.rendered(created(MAYA), BASE)


@pytest.mark.parametrize(
    ("only", "without", "keys"),
    [
        ("userName", None, {"id", "schemas", "userName"}),
        ("USERNAME, title", None, {"id", "schemas", "userName", "title"}),
        (f"{USER}:userName", None, {"id", "schemas", "userName"}),
        (f"{ENTERPRISE}:department", None, {"id", "schemas", ENTERPRISE}),
        (ENTERPRISE, None, {"id", "schemas", ENTERPRISE}),
        ("emails.value", None, {"id", "schemas", "emails"}),
        ('emails[type eq "work"],title', None, {"id", "schemas", "emails", "title"}),
        ("nothing, /active, a b", None, {"id", "schemas"}),
        (None, "id,schemas,title,groups,meta", WIRE.keys() - {"title", "groups", "meta"}),
        (None, f"{ENTERPRISE}:department", WIRE.keys() - {ENTERPRISE}),
        (None, ENTERPRISE, WIRE.keys() - {ENTERPRISE}),
        (None, "emails.type", WIRE.keys()),
        ("", "", WIRE.keys()),
        (" , ", None, WIRE.keys()),
    ],
)
def test_a_selection_keeps_what_is_asked_for_and_always_the_id(only, without, keys):
    assert resources.selection(only, without).of(WIRE).keys() == keys


def test_a_selection_reaches_into_the_elements_of_a_list():
    assert resources.selection("emails.value", None).of(WIRE)["emails"] == [
        {"value": "maya@example.com"},
        {"value": "m@home.example.com"},
    ]
    assert "type" not in str(resources.selection(None, "emails.type").of(WIRE)["emails"])
    assert resources.selection("emails,emails.value", None).of(WIRE)["emails"] == WIRE["emails"]


@pytest.mark.parametrize(
    ("error", "status", "scim_type"),
    [
        (errors.InvalidFilter, 400, "invalidFilter"),
        (errors.TooMany, 400, "tooMany"),
        (errors.Uniqueness, 409, "uniqueness"),
        (errors.Mutability, 400, "mutability"),
        (errors.InvalidSyntax, 400, "invalidSyntax"),
        (errors.InvalidPath, 400, "invalidPath"),
        (errors.NoTarget, 400, "noTarget"),
        (errors.InvalidValue, 400, "invalidValue"),
        (errors.InvalidVersion, 400, "invalidVers"),
        (errors.Sensitive, 403, "sensitive"),
        (errors.NotFound, 404, None),
    ],
)
def test_an_error_has_the_words_of_the_rfc(error, status, scim_type):
    refusal = error("Because.")
    assert refusal.status == status
    assert refusal.to_body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": str(status),
        "detail": "Because.",
    } | ({"scimType": scim_type} if scim_type else {})


def test_a_hundred_addresses_are_enough_for_anybody():
    many = {"userName": "a@example.com", "emails": [{"value": f"a{n}@example.com"} for n in range(101)]}

    with pytest.raises(errors.InvalidValue, match="More than 100 emails"):
        created(many)
