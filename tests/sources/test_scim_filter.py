"""What a filter may ask, in every spelling seen, and that everything else is refused."""

import concurrent.futures

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.filter import And, Compare, Condition, Element, Not, Or
from bridge.sources.scim.errors import InvalidFilter
from bridge.sources.scim.filter import condition, parse
from bridge.sources.scim.tokens import MAX_CHARACTERS

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
    'userName.x eq "a"',
    'title[value eq "a"]',
    'name[familyName eq "a"]',
    'emails[nothing eq "a"]',
    'emails[type eq "work"].nothing eq "a"',
    'emails.nothing eq "a"',
    'emails[type eq "work"].value',
    'emails[type eq "work"].value eq',
    "active gt true",
    "active co true",
    'active eq "yes"',
    "emails[primary gt true]",
    'meta.created eq "yesterday"',
    'meta.created co "2026"',
    'meta.version eq "1"',
    'meta.location eq "x"',
    'meta eq "x"',
    'name eq "x"',
    'addresses eq "x"',
    'x509Certificates.value co "x"',
    "title gt null",
    "title eq true",
    'schemas[value eq "a"]',
    'groups.$ref eq "a"',
    'urn:example:2.0:User:badge eq "17"',
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
    'department eq "a"',
    "",
    "   ",
    "userName",
    "userName eq",
    'eq "a"',
    'unknownAttr eq "a"',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:userName eq "a"',
    'urn:ietf:params:scim:schemas:core:2.0:Group:userName eq "a"',
    'userName regex "a"',
    'userName eq "a" or unknownAttr eq "b"',
    'unknownAttr eq "a" or userName eq "b"',
    'not userName eq "a"',
    "userName eq true",
    "userName eq True",
    'members eq "a"',
    'password eq "a"',
    'emails[type eq "work"][type eq "home"].value eq "a"',
    'emails[emails[type eq "a"].value eq "b"].value eq "c"',
    'emails[type eq "work"].value.more eq "a"',
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


ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.mark.parametrize(
    ("text", "attribute", "keys"),
    [
        ('NAME.FAMILYNAME sw "a"', "name.familyname", ("name", "familyName")),
        ('title eq "a"', "title", ("title",)),
        (f'{ENTERPRISE}:Department eq "a"', f"{ENTERPRISE.lower()}:department", (ENTERPRISE, "department")),
        (f'{ENTERPRISE}:manager eq "a"', f"{ENTERPRISE.lower()}:manager.value", (ENTERPRISE, "manager", "value")),
        ('manager eq "a"', f"{ENTERPRISE.lower()}:manager.value", (ENTERPRISE, "manager", "value")),
        ('emails co "a"', "emails.value", ("emails", "value")),
        ('roles.display eq "a"', "roles.display", ("roles", "display")),
        ("emails pr", "emails", ("emails",)),
        ('externalId sw "a"', "externalid", ()),
        ("active eq True", "active", ()),
        ('active eq "False"', "active", ()),
        ("meta.lastModified ge 2015-10-10T14:38:21.8617979-07:00", "meta.lastmodified", ()),
        ('meta.resourceType eq "User"', "meta.resourcetype", ()),
    ],
)
def test_every_attribute_that_is_kept_can_be_asked_for(text, attribute, keys):
    found = condition(text, "User")
    assert (found.attribute, found.keys) == (attribute, keys)


def test_brackets_ask_about_one_element():
    found = condition('addresses[type eq "work" and not (country co "p")]', "User")
    assert isinstance(found, Element)
    assert isinstance(found.term, And)
    assert found.keys == ("addresses",)
    after = condition('roles[primary eq "True"].value eq "admin"', "User")
    assert [term.attribute for term in after.term.terms] == ["primary", "value"]
    assert after.term.terms[0].value is True


def test_what_only_another_type_has_is_met_by_none_when_both_are_searched():
    assert condition('userName eq "a" or displayName eq "a"', "Group", ["User"]).terms[0] == Or(terms=())
    with pytest.raises(InvalidFilter):
        condition('unknown eq "a"', "Group", ["User"])
    with pytest.raises(InvalidFilter):
        condition("userName eq true", "Group", ["User"])


@pytest.mark.parametrize(("text", "attribute", "value", "kind"), ANSWERED)
def test_every_spelling_of_a_supported_comparison_is_answered(text, attribute, value, kind):
    found = condition(text, "User")
    assert (found.attribute, found.operator, found.value, found.kind) == (attribute, "eq", value, kind)
    assert (found.keys, found.is_multi) == ((), False)
    assert type(found.value) is str
    assert type(found.kind) is str


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused_and_never_widened(text):
    with pytest.raises(InvalidFilter):
        condition(text, "User")


def test_groups_are_found_by_their_own_attributes_only():
    assert condition('DisplayName eq "Data"', "Group").attribute == "displayname"
    assert condition('externalId eq "x"', "Group").attribute == "externalid"
    assert condition('members[value eq "a"]', "Group").attribute == "members"
    assert condition('members eq "a"', "Group").attribute == "members"
    for text in ('userName eq "a"', 'emails eq "a"', "active eq true", 'members.display eq "a"'):
        with pytest.raises(InvalidFilter):
            condition(text, "Group")


@pytest.mark.parametrize(
    "text", ['boss eq "maya@example.com"', 'active eq "maya@example.com"', 'meta.created eq "maya"']
)
def test_a_refusal_names_the_attribute_and_no_value(text):
    with pytest.raises(InvalidFilter) as refused:
        condition(text, "User")
    assert text.split()[0] in refused.value.detail
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
    assert isinstance(found, Condition)
