"""Reads SCIM filters into `bridge.core.filter` conditions, and refuses those that are not answered.

The grammar is scim2-filter-parser's; the tokens are ours, since the library's lexer loses types, knows one-digit numbers
only, leaves JSON escapes undecoded and gives `and` and `or` one precedence. A filter that is not answered is always an
error: answering with all rows would make Entra link the wrong person.

May import: `core.filter`, the standard library, scim2_filter_parser, sly.
Source: RFC 7644, section 3.4.2.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NoReturn

from scim2_filter_parser import ast
from scim2_filter_parser.parser import SCIMParser, SCIMParserError
from sly.lex import Token

from bridge.core.filter import And, Compare, Condition, Not, Or
from bridge.sources.scim.errors import InvalidFilter

MAX_CHARACTERS = 4096
"""Characters in one filter; both vendors send under 200."""

MAX_TERMS = 64
"""Comparisons in one filter; the parser's work grows with them."""

MAX_DEPTH = 16
"""Open brackets at any place; keeps the parser and every walk of its tree far from Python's recursion limit."""

ANSWERED = {
    "User": {"username": "userName", "externalid": "externalId", "id": "id", "emails.value": "emails.value"},
    "Group": {"displayname": "displayName", "externalid": "externalId", "id": "id"},
}
"""The attributes that a filter may name, by resource type: compare key to spelling."""

_OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_LITERALS = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LEXEME = re.compile(r'[ \t\r\n]+|"(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]"]+', re.DOTALL)
_PATH = re.compile(r"(?:([A-Za-z][\w.:-]*):)?([A-Za-z$][\w$-]*)(?:\.([A-Za-z$][\w$-]*))?", re.ASCII)
_SUB = re.compile(r"\.([A-Za-z$][\w$-]*)", re.ASCII)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_AFTER = {"AND": "attribute", "OR": "attribute", "NOT": "attribute", "PR": "joint"}
_BRACKETS = {"(": "LPAREN", ")": "RPAREN", "[": "LBRACKET", "]": "RBRACKET"}


class Literal(str):
    """A comparison value: its text, and what JSON makes of it in `json`."""

    __slots__ = ("json",)
    json: Any


def condition(text: str, resource_type: str) -> Compare:
    """The one comparison that the filter asks for.

    Raises: `InvalidFilter` when the filter is malformed, names an attribute that is not answered, uses another operator
    than `eq`, or combines comparisons.
    """
    tree = parse(text)
    answered = ANSWERED[resource_type]
    if not isinstance(tree, Compare):
        _refuse(resource_type, "combining comparisons with and, or, not")
    if tree.operator != "eq":
        _refuse(resource_type, f"the operator '{tree.operator}'")
    attribute = _local(tree.attribute, resource_type)
    if attribute == "emails":
        attribute = "emails.value"
    if attribute not in answered:
        _refuse(resource_type, "that attribute")
    if not isinstance(getattr(tree.value, "json", ""), str):
        raise InvalidFilter(f"{answered[attribute]} is a string: compare it with a value in double quotes.")
    return Compare(attribute=attribute, operator="eq", value=str(tree.value), kind=str(tree.kind))


def parse(text: str) -> Condition:
    """Any filter of the grammar, as a tree; attribute paths in lower case, values as `Literal`.

    Raises: `InvalidFilter`.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidFilter(f"The filter is longer than {MAX_CHARACTERS} characters.")
    if _UNSTORABLE.search(text):
        raise InvalidFilter("The filter contains a character that no attribute can hold.")
    lexemes = _lexemes(text)
    if not lexemes:
        raise InvalidFilter("The filter is empty.")
    try:
        # A parser keeps the state of its run in itself: two threads must never share one.
        tree = SCIMParser().parse(_grouped(_tokens(lexemes)))
    except SCIMParserError:
        raise InvalidFilter("The filter is incomplete or out of order.") from None
    return _condition(tree)


def _refuse(resource_type: str, what: str) -> NoReturn:
    names = list(ANSWERED[resource_type].values())
    if resource_type == "User":
        names.append('emails[type eq "work"].value')
    raise InvalidFilter(
        f'Not supported in a filter: {what}. Supported: one comparison ATTRIBUTE eq "VALUE" of {", ".join(names)}.'
    )


def _local(attribute: str, resource_type: str) -> str:
    urn = f"urn:ietf:params:scim:schemas:core:2.0:{resource_type.lower()}:"
    return attribute.removeprefix(urn)


def _token(kind: str, value: str, index: int) -> Token:
    token = Token()
    token.type, token.value, token.index, token.lineno, token.end = kind, value, index, 1, index + len(value)
    return token


def _lexemes(text: str) -> list[tuple[str, int]]:
    """The pieces of the filter with their places, without blanks."""
    found, at, depth = [], 0, 0
    while at < len(text):
        match = _LEXEME.match(text, at)
        if match is None:
            raise InvalidFilter("The filter has a string without its closing quote.")
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(match[0], 0)
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"The filter is nested deeper than {MAX_DEPTH} brackets.")
        if not match[0].isspace():
            found.append((match[0], at))
        at = match.end()
    return found


def _tokens(lexemes: list[tuple[str, int]]) -> Iterator[Token]:
    """The library's tokens, read with four states: before an attribute, an operator, a value, or what joins two."""
    terms, wants = 0, "attribute"
    for (lexeme, start), (following, _) in pairwise([*lexemes, ("", 0)]):
        if wants == "value":
            yield _value(lexeme, start)
            wants = "joint"
        elif lexeme in _BRACKETS:
            yield _token(_BRACKETS[lexeme], lexeme, start)
            wants = "attribute" if lexeme in "([" else "joint"
        elif wants == "joint" and lexeme.startswith("."):
            yield _sub_attribute(lexeme, start)
            wants = "operator"
        elif wants == "attribute" and not (lexeme.lower() == "not" and following == "("):
            terms += 1
            if terms > MAX_TERMS:
                raise InvalidFilter(f"The filter has more than {MAX_TERMS} comparisons.")
            yield from _path(lexeme, start)
            wants = "operator"
        else:
            token = _word(lexeme, start)
            yield token
            wants = _AFTER.get(token.type, "value")


def _sub_attribute(lexeme: str, start: int) -> Token:
    match = _SUB.fullmatch(lexeme)
    if match is None:
        raise InvalidFilter("The filter has a sub-attribute that is not a name.")
    return _token("SUBATTR", match[1].lower(), start)


def _word(lexeme: str, start: int) -> Token:
    word = lexeme.lower()
    if word in _OPERATORS or word in {"and", "or", "not", "pr"}:
        return _token(word.upper(), word, start)
    raise InvalidFilter("The filter has a word where an operator should be; the operators are those of RFC 7644.")


def _path(lexeme: str, start: int) -> Iterator[Token]:
    match = _PATH.fullmatch(lexeme)
    if match is None:
        raise InvalidFilter("The filter has something that is not an attribute name where one should be.")
    urn, name, sub = match.groups()
    if urn:
        yield _token("SCHEMA_URI", urn.lower(), start)
    yield _token("ATTRNAME", name.lower(), start)
    if sub:
        yield _token("SUBATTR", sub.lower(), start)


def _value(lexeme: str, start: int) -> Token:
    if lexeme in _BRACKETS:
        raise InvalidFilter("The filter has an operator without a value.")
    kind, meaning = "COMP_VALUE", lexeme
    if lexeme.startswith('"'):
        try:
            meaning = json.loads(lexeme, strict=False)
        except ValueError:
            raise InvalidFilter("The filter has a string with a broken escape.") from None
        if _UNSTORABLE.search(meaning):
            raise InvalidFilter("The filter contains a character that no attribute can hold.")
        literal = Literal(meaning)
        literal.json = meaning
        return _token(kind, literal, start)
    literal = Literal(lexeme)
    if lexeme.lower() in _LITERALS:  # Entra writes True
        kind, literal.json = lexeme.upper(), _LITERALS[lexeme.lower()]
    else:  # Entra's documentation has unquoted values (externalId eq jyoung); a number's text is as good as its quotes
        kind, literal.json = ("NUMBER" if _NUMBER.fullmatch(lexeme) else "COMP_VALUE"), lexeme
    return _token(kind, literal, start)


def _grouped(tokens: Iterator[Token]) -> Iterator[Token]:
    """The same tokens with brackets that make `and` bind tighter than `or`, which the library's table does not."""
    yield _token("LPAREN", "(", 0)
    for token in tokens:
        if token.type in {"RPAREN", "RBRACKET"}:
            yield _token("RPAREN", ")", token.index)
        if token.type == "OR":
            yield _token("RPAREN", ")", token.index)
            yield token
            yield _token("LPAREN", "(", token.index)
        else:
            yield token
        if token.type in {"LPAREN", "LBRACKET"}:
            yield _token("LPAREN", "(", token.index)
    yield _token("RPAREN", ")", 0)


def _condition(node: Any) -> Condition:
    if isinstance(node, ast.Filter):
        if node.namespace is not None:
            return _element(node, None)
        inner = _condition(node.expr)
        return Not(term=inner) if node.negated else inner
    if isinstance(node, ast.LogExpr):
        terms = (_condition(node.expr1), _condition(node.expr2))
        return And(terms=terms) if node.op == "and" else Or(terms=terms)
    path = node.attr_path
    while isinstance(path, ast.AttrPath) and isinstance(path.attr_name, ast.Filter):
        path = path.attr_name
    if isinstance(path, ast.Filter):
        return _element(path, node)
    value = node.comp_value.value if node.comp_value is not None else Literal("")
    return Compare(attribute=_dotted(path), operator=node.value, value=value)


def _element(brackets: Any, outer: Any) -> Compare:
    """`emails[type eq "work"].value eq "x"` and its kin, as one comparison of one element.

    The RFC has no comparison after the brackets; Entra sends it, and its documentation once left `.value` out.
    """
    inside = _equalities(_condition(brackets.expr))
    namespace = brackets.namespace
    sub = namespace.sub_attr.value.lower() if namespace.sub_attr is not None else "value"
    if outer is not None:
        if sub in inside or outer.comp_value is None:
            raise InvalidFilter("The filter compares the same sub-attribute twice.")
        inside[sub] = outer.comp_value.value
    if not inside.get("type", "any"):
        raise InvalidFilter("The filter asks for an empty type.")
    if not {"value"} <= inside.keys() <= {"type", "value"} or isinstance(namespace.attr_name, ast.Filter):
        raise InvalidFilter("In brackets only type and value can be compared, with eq.")
    base = _dotted(ast.AttrPath(namespace.attr_name, None, namespace.uri))
    operator = outer.value if outer is not None else "eq"
    return Compare(
        attribute=f"{base}.value", operator=operator, value=inside["value"], kind=inside.get("type", Literal(""))
    )


def _equalities(tree: Condition) -> dict[str, Literal]:
    """What must be equal to what, for a tree of `eq` and `and` alone."""
    found: dict[str, Literal] = {}
    waiting = [tree]
    while waiting:
        term = waiting.pop()
        if isinstance(term, And):
            waiting.extend(term.terms)
        elif isinstance(term, Compare) and term.operator == "eq" and term.attribute not in found and not term.kind:
            found[term.attribute] = term.value  # type: ignore[assignment]
        else:
            raise InvalidFilter("In brackets only type and value can be compared, with eq.")
    return found


def _dotted(path: Any) -> str:
    name = path.attr_name if path.uri is None else f"{path.uri}:{path.attr_name}"
    return f"{name}.{path.sub_attr.value}" if path.sub_attr is not None else str(name)
