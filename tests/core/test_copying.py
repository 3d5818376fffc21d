"""A copy with some fields changed is what `dataclasses.replace` would make of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import case, record
from bridge.core.copying import changed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MAYA = record.Record(
    id="r1",
    connection="okta",
    resource_type="User",
    user_name="maya@example.com",
    body={"emails": [{"value": "maya@example.com", "primary": True}]},
    created_at=NOW,
    modified_at=NOW,
)


@dataclass(frozen=True)
class Value:
    one: int
    two: str = "2"
    three: list[int] = field(default_factory=list)


@given(
    value=st.builds(Value, one=st.integers(), two=st.text(), three=st.lists(st.integers())),
    changes=st.fixed_dictionaries({}, optional={"one": st.integers(), "two": st.text(), "three": st.just([])}),
)
def test_it_is_equal_to_a_replaced_one(value, changes):
    copy = changed(value, **changes)

    assert copy == replace(value, **changes)
    assert type(copy) is Value
    assert copy is not value


def test_what_was_worked_out_from_the_old_fields_is_worked_out_anew():
    assert MAYA.subject.user_name == "maya@example.com"

    renamed = changed(MAYA, user_name="maya.l@example.com", body={})

    assert renamed.subject.user_name == "maya.l@example.com"
    assert renamed.emails == ()
    assert MAYA.subject.user_name == "maya@example.com"


def test_a_field_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="Value has no field four"):
        changed(Value(1), two="3", four=4)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [case.Case, record.Record])
def test_the_values_that_are_copied_are_nothing_but_their_fields(kind):
    assert not hasattr(kind, "__post_init__")
    assert all(each.init for each in fields(kind))
