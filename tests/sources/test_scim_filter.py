"""What a filter may ask, in every spelling seen, and that everything else is refused."""

import concurrent.futures

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.filter import And, Compare, Condition, Not, Or
from bridge.sources.scim.errors import InvalidFilter
from bridge.sources.scim.filter import MAX_CHARACTERS, condition, parse

URN = "urn:ietf:params:scim:schemas:core:2.0:User"

ANSWERED = [
    ('userName eq "maya.okafor@example.com"', "username", "maya.okafor@example.com", ""),
    ('USERNAME EQ "Maya"', "username", "Maya", ""),
    ('username Eq "a"', "username", "a", ""),
    ('externalId eq "00uEXAMPLE0001maya"', "externalid", "00uEXAMPLE0001maya", ""),
    ("externalId eq jyoung", "externalid", "jyoung", ""),
    ("externalId eq 4711", "externalid", "4711", ""),
    ("externalId eq 0f9c2e51-3a77-4d0b-b6de-5512aa90c001", "externalid", "0f9c2e51-3a77-4d0b-b6de-5512aa90c001", ""),
    ("userName eq tomas.reyes@example.com", "username", "tomas.reyes@example.com", ""),
    ('id eq "1"', "id", "1", ""),
    ('emails eq "a@example.com"', "emails.value", "a@example.com", ""),
    ('Emails.Value eq "a@example.com"', "emails.value", "a@example.com", ""),
    ('emails[type eq "work"].value eq "a@example.com"', "emails.value", "a@example.com", "work"),
    ('emails[TYPE EQ "work"].VALUE Eq "a@example.com"', "emails.value", "a@example.com", "work"),
    ('emails[type eq "work"] eq "a@example.com"', "emails.value", "a@example.com", "work"),
    ('emails[type eq "work" and value eq "a@example.com"]', "emails.value", "a@example.com", "work"),
    ('emails[value eq "a@example.com"]', "emails.value", "a@example.com", ""),
    (f'{URN}:userName eq "a"', "username", "a", ""),
    (f'{URN.upper()}:USERNAME eq "a"', "username", "a", ""),
    (f'{URN}:emails[type eq "work"].value eq "a"', "emails.value", "a", "work"),
    ('(userName eq "a")', "username", "a", ""),
    ('  userName   eq\t"a"  ', "username", "a", ""),
    ('userName eq\n"a"', "username", "a", ""),
    ('userName eq "a\\"b"', "username", 'a"b', ""),
    ('userName eq "a\\\\b"', "username", "a\\b", ""),
    ('userName eq "\\u00e9"', "username", "é", ""),
    ('userName eq "a and b or c"', "username", "a and b or c", ""),
    ('userName eq "true"', "username", "true", ""),
    ('userName eq "5"', "username", "5", ""),
    ('userName eq "%"', "username", "%", ""),
    ('userName eq ""', "username", "", ""),
]

REFUSED = [
    "",
    "   ",
    "userName",
    "userName eq",
    'eq "a"',
    'unknownAttr eq "a"',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:userName eq "a"',
    'urn:ietf:params:scim:schemas:core:2.0:Group:userName eq "a"',
    'userName co "a"',
    'userName sw "a"',
    'userName ne "a"',
    'userName gt "a"',
    "userName pr",
    'userName regex "a"',
    'userName eq "a" and id eq "b"',
    'userName eq "a" or unknownAttr eq "b"',
    'unknownAttr eq "a" or userName eq "b"',
    'not (userName eq "a")',
    'not userName eq "a"',
    "userName eq null",
    "userName eq true",
    "userName eq True",
    "active eq true",
    'name.familyName eq "a"',
    'members eq "a"',
    'password eq "a"',
    'emails.type eq "work"',
    'emails[type eq "work"].value pr',
    'emails[type eq "work"].value co "a"',
    'emails[type eq "work"]',
    'emails[type eq ""].value eq "a"',
    'emails[type eq "work"].type eq "home"',
    'emails[type eq "work"][type eq "home"].value eq "a"',
    'emails[emails[type eq "a"].value eq "b"].value eq "c"',
    'emails[not (type eq "work")].value eq "a"',
    'emails[type eq "work" or type eq "home"].value eq "a"',
    'emails[type eq "work"].value.more eq "a"',
    'emails[type eq "work"].value eq "a" and userName eq "b"',
    'emails[type eq "work".value eq "a"',
    'userName eq "a',
    'userName eq "a" "b"',
    'userName eq "a" b',
    "userName eq ]",
    'userName eq "\\x"',
    "(",
    ")",
    '(userName eq "a"',
    'userName eq "a")',
    'userName eq "a" or',
    'and userName eq "a"',
    "userName eq 'a'; drop table records",
    'user Name eq "a"',
    '1userName eq "a"',
    'userName eq "a\0"',
    'userName eq "a\\u0000"',
    'userName eq "a\\ud800"',
    "userName eq \ud800",
    'userName eq "' + "a" * MAX_CHARACTERS + '"',
    "(" * 17 + 'userName eq "a"' + ")" * 17,
    " and ".join(['id eq "1"'] * 65),
    "(" * 2000,
    "[" * 2000,
]


@pytest.mark.parametrize(("text", "attribute", "value", "kind"), ANSWERED)
def test_every_spelling_of_a_supported_comparison_is_answered(text, attribute, value, kind):
    found = condition(text, "User")
    assert found == Compare(attribute=attribute, operator="eq", value=value, kind=kind)
    assert type(found.value) is str
    assert type(found.kind) is str


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused_and_never_widened(text):
    with pytest.raises(InvalidFilter):
        condition(text, "User")


def test_groups_are_found_by_their_own_attributes_only():
    assert condition('DisplayName eq "Data"', "Group").attribute == "displayname"
    assert condition('externalId eq "x"', "Group").attribute == "externalid"
    for text in ('userName eq "a"', 'emails eq "a"', 'members[value eq "a"]'):
        with pytest.raises(InvalidFilter):
            condition(text, "Group")


def test_a_refusal_names_what_is_supported_and_no_value():
    with pytest.raises(InvalidFilter) as refused:
        condition('manager eq "maya.okafor@example.com"', "User")
    assert "externalId" in refused.value.detail
    assert "maya" not in refused.value.detail


def test_and_binds_tighter_than_or():
    tree = parse("a eq 1 or b eq 2 and c eq 3")
    assert isinstance(tree, Or)
    assert isinstance(tree.terms[1], And)


def test_threads_do_not_disturb_each_other():
    wanted = [f"user{n}@example.com" for n in range(400)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda name: condition(f'userName eq "{name}"', "User").value, wanted)
    assert list(found) == wanted


trees = st.recursive(
    st.builds(
        lambda n, v: Compare(attribute=n, operator="eq", value=v), st.sampled_from("abcd"), st.sampled_from("01")
    ),
    lambda inner: st.one_of(
        st.builds(lambda x, y: And(terms=(x, y)), inner, inner),
        st.builds(lambda x, y: Or(terms=(x, y)), inner, inner),
        st.builds(lambda x: Not(term=x), inner),
    ),
    max_leaves=10,
)


def written(tree: Condition, *, inside_and: bool = False) -> str:
    """The filter with no more brackets than the RFC's precedence needs."""
    match tree:
        case Compare():
            return f'{tree.attribute} eq "{tree.value}"'
        case And():
            return " and ".join(written(term, inside_and=True) for term in tree.terms)
        case Or():
            text = " or ".join(written(term) for term in tree.terms)
            return f"({text})" if inside_and else text
    return f"not ({written(tree.term)})"


def truth(tree: Condition, world: dict[str, str]) -> bool:
    match tree:
        case Compare():
            return world[tree.attribute] == tree.value
        case And():
            return all(truth(term, world) for term in tree.terms)
        case Or():
            return any(truth(term, world) for term in tree.terms)
    return not truth(tree.term, world)


@given(trees, st.fixed_dictionaries({name: st.sampled_from("01") for name in "abcd"}))
def test_any_filter_means_what_the_rfc_says(tree, world):
    assert truth(parse(written(tree)), world) == truth(tree, world)


@given(st.text(alphabet='userNam.eq[]()" \\andot1:-', max_size=60))
def test_no_text_raises_anything_but_invalid_filter(text):
    try:
        found = condition(text, "User")
    except InvalidFilter:
        return
    assert found.operator == "eq"
