"""Reads SCIM filters into `bridge.core.filter` conditions, and refuses those that are not answered.

The grammar is scim2-filter-parser's; the tokens are ours (`tokens`), and what may be asked stands in `attributes`. A
filter that is not answered is always an error: answering with all rows would make Entra link the wrong person.

May import: `core.filter`, its neighbours, the standard library, scim2_filter_parser.
Source: RFC 7644, section 3.4.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scim2_filter_parser import ast
from scim2_filter_parser.parser import SCIMParser, SCIMParserError

from bridge.core.filter import And, Compare, Condition, Element, Not, Or
from bridge.sources.scim.attributes import bound
from bridge.sources.scim.errors import InvalidFilter
from bridge.sources.scim.tokens import Literal, one_equality, tokens_of


def condition(text: str, resource_type: str, beside: Sequence[str] = ()) -> Condition:
    """What the filter asks of that resource type. What only the types `beside` it have is met by none of this one.

    Raises: `InvalidFilter` when the filter is malformed, names what is not answered, or compares what does not fit.
    """
    return bound(parse(text), resource_type, beside)


def parse(text: str) -> Condition:
    """Any filter of the grammar, as a tree; attribute paths in lower case, values as `Literal`, nothing looked up.

    Raises: `InvalidFilter`.
    """
    if (alone := one_equality(text)) is not None:
        return Compare(attribute=alone[0], operator="eq", value=alone[1])
    tokens = tokens_of(text)
    try:
        # A parser keeps the state of its run in itself: two threads must never share one.
        tree = SCIMParser().parse(tokens)
    except SCIMParserError:
        raise InvalidFilter("The filter is incomplete or out of order.") from None
    return _condition(tree)


def _condition(node: Any) -> Condition:
    if isinstance(node, ast.Filter):
        if node.namespace is not None:
            return _element(node, None)
        inner = _condition(node.expr)
        return Not(term=inner) if node.negated else inner
    if isinstance(node, ast.LogExpr):
        first, second = _condition(node.expr1), _condition(node.expr2)
        return And(terms=_flat(And, first, second)) if node.op == "and" else Or(terms=_flat(Or, first, second))
    path = node.attr_path
    while isinstance(path, ast.AttrPath) and isinstance(path.attr_name, ast.Filter):
        path = path.attr_name
    if isinstance(path, ast.Filter):
        return _element(path, node)
    value = node.comp_value.value if node.comp_value is not None else Literal("")
    return Compare(attribute=_dotted(path), operator=node.value, value=value)


def _flat(kind: type[And | Or], *terms: Condition) -> tuple[Condition, ...]:
    """The terms, with those of the same joint in place of their own node."""
    return tuple(inner for term in terms for inner in (term.terms if isinstance(term, kind) else (term,)))


def _element(brackets: Any, outer: Any) -> Element:
    """`emails[type eq "work"].value eq "x"` and its kin, as one question about one element.

    The RFC has no comparison after the brackets; Entra sends it, and its documentation once left `.value` out.
    """
    term, namespace = _condition(brackets.expr), brackets.namespace
    if isinstance(namespace.attr_name, ast.Filter):
        raise InvalidFilter("Brackets follow an attribute's name only.")
    if outer is not None:
        sub = namespace.sub_attr.value.lower() if namespace.sub_attr is not None else "value"
        value = outer.comp_value.value if outer.comp_value is not None else Literal("")
        after = Compare(attribute=sub, operator=outer.value, value=value)
        term = And(terms=_flat(And, term, after))
    elif namespace.sub_attr is not None:
        raise InvalidFilter("A sub-attribute after brackets needs an operator.")
    return Element(attribute=_dotted(ast.AttrPath(namespace.attr_name, None, namespace.uri)), term=term)


def _dotted(path: Any) -> str:
    name = path.attr_name if path.uri is None else f"{path.uri}:{path.attr_name}"
    return f"{name}.{path.sub_attr.value}" if path.sub_attr is not None else str(name)
