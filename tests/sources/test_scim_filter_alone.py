"""The one comparison that needs no parser means what the parser says it means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.sources.scim import filter as filters
from bridge.sources.scim.errors import InvalidFilter

NAMES = st.from_regex(r"[A-Za-z$][A-Za-z0-9_$-]{0,12}", fullmatch=True)
BLANKS = st.sampled_from([" ", "  "])
VALUES = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["", "a b", 'x" or userName pr', "a\\u0041"]
)


def read(text: str) -> tuple | str:
    try:
        tree = filters.parse(text)
    except InvalidFilter as error:
        return error.detail
    return tree, getattr(getattr(tree, "value", None), "json", None)


@given(
    NAMES, BLANKS, st.sampled_from(["eq", "EQ", "eQ", "ne"]), BLANKS, VALUES, st.sampled_from(["", " ", "\t", " pr"])
)
@settings(max_examples=1500, deadline=None)
def test_with_and_without_the_parser_a_filter_means_the_same(name, before, operator, after, value, end):
    text = f'{end}{name}{before}{operator}{after}"{value}"{end}'
    quick = read(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(filters, "one_equality", lambda _text: None)
        assert quick == read(text)


@pytest.mark.parametrize("text", ['userName eq "maya@example.com"', ' externalId EQ "00u1" '])
def test_what_okta_and_entra_ask_first_needs_no_parser(text, monkeypatch):
    monkeypatch.setattr(filters, "tokens_of", lambda _text: pytest.fail("parsed"))
    assert filters.parse(text).operator == "eq"


@pytest.mark.parametrize(
    "text", ['a eq "x" and b eq "y"', 'a eq "x\\"y"', 'emails.value eq "x"', "a eq true", 'a eq "\0"']
)
def test_anything_else_is_left_to_the_parser(text):
    assert filters.one_equality(text) is None
