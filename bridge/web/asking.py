"""What a program asks of the API: read strictly, so that a misspelt key never means a plain removal.

May import: flask, `ports`, `core`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from bridge.core.events import Reason, address_key
from bridge.ports import Bridge

MOST_AT_ONCE = 1_000
"""People in one request for removals, and cases in one answer."""
ADDRESS = re.compile("{0}@{0}".format(r'[^@\s,;<>"\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}'))
"""Without control characters, and halves of characters, which nothing can keep."""

REMOVAL_KEYS = ("emails", "target", "reason", "note", "emergency", "even_protected", "project", "at")


PLAINLY = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is larger than this server reads.",
}
"""What an HTTP error means, where our words are plainer than werkzeug's."""


class Wrong(Exception):
    """A request that cannot be meant; nothing was done."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


def of_http(error: HTTPException) -> tuple[int, str, dict[str, str]]:
    """The status, the sentence and the headers for an error of HTTP itself."""
    status = error.code or 500
    return status, PLAINLY.get(status) or error.description or error.name, allowed(error)


def allowed(error: HTTPException) -> dict[str, str]:
    """Which methods the address takes, as a 405 has to say. Source: RFC 9110, section 15.5.6."""
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What was asked for, looked through."""

    people: Mapping[str, str]
    """Addresses by their compare keys."""
    target: str
    scope: str
    reason: Reason
    note: str
    is_emergency: bool
    sure: frozenset[str]
    """Protected people who were named a second time, as compare keys."""
    due: datetime | None


def removal(bridge: Bridge) -> Removal:
    """The removals that the request asks for. Raises `Wrong`."""
    asked = body(REMOVAL_KEYS, needs={"emails"})
    found, chosen, is_emergency = _addresses(asked, "emails"), _target(bridge, asked), _flag(asked, "emergency")
    due = _moment(asked, bridge.clock.now())
    if is_emergency and due is not None:
        raise Wrong("emergency means now; leave out at.")
    project = text(asked, "project")
    if project and not re.fullmatch("[0-9]{1,18}", project, re.ASCII):
        raise Wrong("project is a project's number, as text.")
    return Removal(
        people=found,
        target=chosen,
        scope=f"project:{project}" if project else "organization",
        reason=Reason(choice(text(asked, "reason") or Reason.UNKNOWN, [str(r) for r in Reason], "reason")),
        note=text(asked, "note"),
        is_emergency=is_emergency,
        sure=_sure(bridge, asked, found, chosen, is_emergency=is_emergency),
        due=due,
    )


def body(known: Collection[str], needs: Collection[str] = ()) -> dict[str, Any]:
    """The JSON object that was sent, with no key that means nothing."""
    if not request.get_data():
        asked: Any = {}
    elif request.mimetype != "application/json":
        raise Wrong("Send the body as application/json.", 415)
    else:
        try:
            asked = json.loads(request.get_data(), object_pairs_hook=_each_once)
        except (ValueError, RecursionError):
            raise Wrong("The body is no JSON.") from None
    if not isinstance(asked, dict):
        raise Wrong("The body is no JSON object.")
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else f" There is {', '.join(sorted(known)) or 'none'}."
            raise Wrong(f"There is no key {name[:40]!r}.{hint}")
    missing = [name for name in needs if not asked.get(name) or not str(asked[name]).strip()]
    if missing:
        raise Wrong(f"{', '.join(sorted(missing))} must be there.")
    return asked


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, unless it says something twice: of two answers only one could count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Wrong("The body names a key twice.")
    return found


def text(asked: Mapping[str, Any], name: str) -> str:
    """A short text; empty when it is not there. Raises `Wrong`."""
    value = asked.get(name, "")
    if not isinstance(value, str) or len(value) > 2_000 or "\0" in value or not _is_whole(value):
        raise Wrong(f"{name} is a text of at most 2,000 characters.")
    return value.strip()


def _is_whole(value: str) -> bool:
    """Whether no half of a character is in it: JSON can spell those, and nothing can keep them."""
    return not any("\ud800" <= c <= "\udfff" for c in value)


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    """True or false; false when it is not there. Raises `Wrong`."""
    value = asked.get(name, False)
    if not isinstance(value, bool):
        raise Wrong(f"{name} is true or false.")
    return value


def choice(text: str, choices: Collection[str], name: str) -> str:
    """The text, when it is one of these. Raises `Wrong`."""
    if text not in choices:
        raise Wrong(f"{name} is one of {', '.join(choices)}.")
    return text


def _addresses(asked: Mapping[str, Any], name: str) -> dict[str, str]:
    """The addresses by their compare keys, each person once, in their order."""
    values = asked.get(name, [])
    if not isinstance(values, list) or len(values) > MOST_AT_ONCE:
        raise Wrong(f"{name} is a list of at most {MOST_AT_ONCE} addresses.")
    found: dict[str, str] = {}
    for value in values:
        if not isinstance(value, str) or not ADDRESS.fullmatch(value.strip()):
            raise Wrong(f"In {name}, {str(value)[:80]!a} is no address. Nothing was done.")
        found.setdefault(address_key(value), value.strip())
    return found


def _target(bridge: Bridge, asked: Mapping[str, Any]) -> str:
    name = text(asked, "target")
    if not name and len(bridge.targets) == 1:
        return next(iter(bridge.targets))
    return choice(name, list(bridge.targets), "target")


def _moment(asked: Mapping[str, Any], now: datetime) -> datetime | None:
    said = text(asked, "at")
    if not said:
        return None
    try:
        moment = datetime.fromisoformat(said)
        moment = moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("at is a time such as 2026-12-01T18:00Z.") from None
    if moment.tzinfo is None or moment <= now:
        raise Wrong("at is a time to come, with its zone, such as 2026-12-01T18:00Z.")
    return moment


def _sure(
    bridge: Bridge, asked: Mapping[str, Any], people: Mapping[str, str], target: str, *, is_emergency: bool
) -> frozenset[str]:
    """The protected people who are named a second time; only an emergency may."""
    again = _addresses(asked, "even_protected")
    if again and not is_emergency:
        raise Wrong("even_protected goes with emergency; otherwise the case is held, and released by a person.")
    strangers = set(again) - (set(people) & bridge.policies[target].protected)
    if strangers:
        raise Wrong("even_protected names somebody who is not both in emails and protected. Nothing was done.")
    return frozenset(again)
