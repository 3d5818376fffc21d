"""The tokens of a SCIM filter, for scim2-filter-parser's grammar.

The library's own lexer loses types, knows one-digit numbers only and leaves JSON escapes undecoded. May import: the
standard library, sly, `errors`.
Source: RFC 7644, section 3.4.2.2; RFC 8259 for literals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sly.lex import Token

from bridge.sources.scim.errors import InvalidFilter

MAX_CHARACTERS = 4096
"""Characters in one filter; both vendors send under 200."""

MAX_TERMS = 64
"""Comparisons in one filter; the parser's work grows with them."""

MAX_DEPTH = 16
"""Open brackets at any place; keeps the parser and every walk of its tree far from Python's recursion limit."""

_OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_LITERALS = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LEXEME = re.compile(r'[ \t\r\n]+|"(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]"]+', re.DOTALL)
_PATH = re.compile(r"(?:([A-Za-z][\w.:-]*):)?([A-Za-z$][\w$-]*)(?:\.([A-Za-z$][\w$-]*))?", re.ASCII)
_SUB = re.compile(r"\.([A-Za-z$][\w$-]*)", re.ASCII)
_ONE_EQUALITY = re.compile(r'[ ]*([A-Za-z$][A-Za-z0-9_$-]*)[ ]+[Ee][Qq][ ]+"([^"\\\0\ud800-\udfff]*)"[ ]*')
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_AFTER = {"AND": "attribute", "OR": "attribute", "NOT": "attribute", "PR": "joint"}
_BRACKETS = {"(": "LPAREN", ")": "RPAREN", "[": "LBRACKET", "]": "RBRACKET"}


class Literal(str):
    """A comparison value: its text, and what JSON makes of it in `json`."""

    __slots__ = ("json",)
    json: Any


def one_equality(text: str) -> tuple[str, Literal] | None:
    """Attribute and value of `NAME eq "VALUE"`, which the parser would give too: what is asked before every create.

    `None` for anything that is not as plain as that. The parser takes 85 µs for it, this one.
    """
    match = _ONE_EQUALITY.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if match is None:
        return None
    literal = Literal(match[2])
    literal.json = match[2]
    return match[1].lower(), literal


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a filter, with brackets that make `and` bind tighter than `or`: the library's table does not.

    Raises: `InvalidFilter`, some of it only while the tokens are taken.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidFilter(f"The filter is longer than {MAX_CHARACTERS} characters.")
    if _UNSTORABLE.search(text):
        raise InvalidFilter("The filter contains a character that no attribute can hold.")
    lexemes = _lexemes(text)
    if not lexemes:
        raise InvalidFilter("The filter is empty.")
    return _grouped(_tokens(lexemes))


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
