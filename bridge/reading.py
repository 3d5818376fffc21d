"""Reading one table of a configuration: typed, with defaults, and with every mistake noted instead of raised.

Values from the environment are text; each reader takes the text form of its type too. May import: `core`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from bridge.core.events import address_key

ENVIRONMENT = "BRIDGE_"
"""How the variables begin that override keys: `BRIDGE_SERVER__PORT` is `port` in `[server]`."""
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""Names end up in addresses, and Okta refuses a base URL with an underscore."""
INSTANT = timedelta(milliseconds=1)
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")


class Table:
    """One table. Each reader takes its key out; what is left when it is closed is unknown."""

    def __init__(self, content: Any, path: str, problems: list[str]) -> None:
        self.path = path
        self.name = path.rpartition(".")[2]
        self.problems = problems
        self._asked: list[str] = []
        self._left: dict[str, Any] = {}
        if isinstance(content, dict):
            self._left = dict(content)
        else:
            problems.append(f"{path}: must be a section, not {_shown(content)}.")

    def fail(self, key: str, sentence: str) -> None:
        """Note a mistake at that key."""
        self.problems.append(f"{self._at(key)}: {sentence}")

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._left:
            self.fail(key, "there is no such key" + self.suggestion(key, self._asked))

    def check_name(self) -> None:
        """Note when this table's own name is not one that can stand in an address."""
        if not NAME.fullmatch(self.name):
            self.problems.append(f"{self.path}: a name may hold only a-z, 0-9 and - (no underscore, no capitals).")

    def suggestion(self, wrong: str, known: Iterable[str]) -> str:
        """The end of a sentence about a wrong word: what was probably meant, or what there is."""
        known = sorted(known)
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
        if near:
            return f'; did you mean "{near[0]}"?'
        return f" (there is: {', '.join(known)})." if known else "."

    def discard(self, key: str) -> bool:
        """Take a key out unread; whether it was there."""
        return self._left.pop(key, None) is not None

    def table(self, key: str) -> Table:
        """The table at that key, empty when there is none."""
        return Table(self._take(key, {}), self._at(key), self.problems)

    def tables(self, key: str) -> Iterator[Table]:
        """The named tables below that key."""
        below = self._take(key, {})
        if not isinstance(below, dict):
            self.fail(key, f"must hold named sections such as [{key}.main].")
            return
        for name, content in below.items():
            yield Table(content, f"{self._at(key)}.{name}", self.problems)

    def listed(self, key: str) -> Iterator[Table]:
        """The tables of a list such as `[[connections.okta.groups]]`, in order."""
        below = self._take(key, [])
        if not isinstance(below, list):
            self.fail(key, f"must be a list of sections, each headed [[{self._at(key)}]].")
            return
        for number, content in enumerate(below, 1):
            yield Table(content, f"{self._at(key)}[{number}]", self.problems)

    def text(self, key: str, default: str) -> str:
        """A text."""
        value = self._take(key, default)
        if isinstance(value, str):
            return value.strip()
        return self._wrong(key, value, "a text in quotes", default)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; from the environment, parted by commas."""
        value = self._take(key, [])
        if isinstance(value, str):
            return tuple(part for part in (piece.strip(" []\"'") for piece in value.split(",")) if part)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(item.strip() for item in value)
        return self._wrong(key, value, 'a list of texts such as ["a", "b"]', ())

    def addresses(self, key: str) -> tuple[str, ...]:
        """A list of e-mail addresses, as compare keys."""
        texts = self.texts(key)
        for text in texts:
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
                self.fail(key, f'"{text}" is not an e-mail address.')
        return tuple(address_key(text) for text in texts)

    def integer(self, key: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """A whole number within the limits."""
        value = self._take(key, default)
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._wrong(key, value, "a whole number", default)
        if value < least or (most is not None and value > most):
            limits = f"at least {least}" if most is None else f"between {least} and {most}"
            return self._wrong(key, value, limits, default)
        return value

    def share(self, key: str, default: float) -> float:
        """A share between 0 and 1."""
        value = self._take(key, default)
        if isinstance(value, str) and re.fullmatch(r"\d*\.?\d+", value):
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            return self._wrong(key, value, "a share between 0 and 1 (0.05 is 5 %)", default)
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if isinstance(value, str):
            value = FLAGS.get(value.lower(), value)
        return value if isinstance(value, bool) else self._wrong(key, value, "true or false", default)

    def choice(self, key: str, words: type[Choice], default: Choice) -> Choice:
        """One of an enum's words."""
        return words(self.one_of(key, tuple(words), default))

    def one_of(self, key: str, words: tuple[str, ...], default: str) -> str:
        """One of the words; an empty default means that it must be said."""
        value = self._take(key, default)
        if isinstance(value, str) and value in words:
            return value
        expected = "one of " + ", ".join(f'"{word}"' for word in words)
        if not value:
            self.fail(key, f"must be said: {expected}.")
        elif isinstance(value, str):
            self.fail(key, f'must be {expected}, not "{value}"' + self.suggestion(value, words).split(" (")[0])
        else:
            self._wrong(key, value, expected, default)
        return default or words[0]

    def duration(self, key: str, default: timedelta, *, least: timedelta = INSTANT) -> timedelta:
        """A duration such as "60s", "5m", "24h" or "2d"."""
        value = self._take(key, default)
        read = value if isinstance(value, timedelta) else _duration(value)
        if read is None or read < least:
            return self._wrong(key, value, 'a duration such as "60s", "5m", "24h" or "2d"', default)
        return read

    def optional_duration(self, key: str, default: timedelta | None = None) -> timedelta | None:
        """A duration, or nothing for the empty text."""
        if key not in self._left:
            self._asked.append(key)
            return default
        if not self._left[key]:
            self._take(key, "")
            return None
        return self.duration(key, timedelta(0))

    def durations(self, key: str, default: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        """A list of durations, in order."""
        if key not in self._left:
            self._asked.append(key)
            return default
        read = [_duration(text) for text in self.texts(key)]
        durations = tuple(found for found in read if found is not None)
        if len(durations) < len(read):
            return self._wrong(key, "another word", 'a list of durations such as ["1m", "5m"]', default)
        return tuple(sorted(durations))

    def _take(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        return self._left.pop(key, default)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _wrong(self, key: str, value: Any, expected: str, default: Value) -> Value:
        self.fail(key, f"must be {expected}, not {_shown(value)}.")
        return default


def overrides(environ: Mapping[str, str], sections: tuple[str, ...], problems: list[str]) -> dict[tuple[str, ...], str]:
    """The keys that the environment sets, as paths, with their values as text."""
    found = {}
    for name, raw in sorted(environ.items()):
        if not name.startswith(ENVIRONMENT):
            continue
        path = tuple(name.removeprefix(ENVIRONMENT).lower().split("__"))
        if len(path) > 1:
            # Names of connections and targets have dashes, variables cannot.
            found[path[0], *(part.replace("_", "-") for part in path[1:-1]), path[-1]] = raw
            continue
        section, _, key = path[0].partition("_")
        if section in sections and key:
            problems.append(f"{name}: section and key are parted by two underscores: {variable((section, key))}.")
    return found


def variable(path: tuple[str, ...]) -> str:
    """The environment variable that sets the key at that path."""
    return ENVIRONMENT + "__".join(path).replace("-", "_").upper()


def override(tree: dict[str, Any], path: tuple[str, ...], raw: str, problems: list[str]) -> None:
    """Set one key of the tree."""
    table = tree
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            problems.append(f"{variable(path)}: {part} is not a section.")
            return
    table[path[-1]] = raw


def _duration(value: Any) -> timedelta | None:
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(seconds=float(match[1]) * SECONDS[match[2]]) if match else None


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
