"""Our frozen values as plain JSON and back, field by field, so that what was kept reads as what was found.

May import: `organization`, `wording`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from bridge.core.organization import Level
from bridge.core.wording import rfc3339

Value = TypeVar("Value")


def plain(value: Any) -> Any:
    """The value as JSON can carry it: times in RFC 3339, levels as words, enums as their values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.word if isinstance(value, Level) else value.value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    return value


def valued(kind: type[Value], found: Mapping[str, Any]) -> Value:
    """The frozen value of that kind. Fields that it does not know are left out, missing ones have their defaults."""
    known: Any = kind
    hints = _hints(known)
    return kind(**{name: _read(hints[name], inner) for name, inner in found.items() if name in hints})


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, value: Any) -> Any:
    """The value as the field's type says."""
    if value is None:
        return None
    if get_origin(hint) in {Union, types.UnionType}:
        return _read(next(a for a in get_args(hint) if a is not type(None)), value)
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], inner) for inner in value)
    if hint is datetime:
        return datetime.fromisoformat(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Level[value.upper()] if hint is Level else hint(value)
    return valued(hint, value) if is_dataclass(hint) and isinstance(hint, type) else value
