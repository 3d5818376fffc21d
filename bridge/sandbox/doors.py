"""The sandbox's own doors, under `/_sandbox/`: what a person would do in the browser, and looking behind the scenes.

They ask for no key and are never PostHog's. May import: the rest of the sandbox but `app`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask, Response, request

from bridge.sandbox import bodies
from bridge.sandbox.records import Call, Invite, Row
from bridge.sandbox.world import InviteRefused, World

Answer = tuple[int, dict[str, Any]]

DEEDS = {
    "add_member": ("email",),
    "remove_member": ("email",),
    "set_level": ("email", "level"),
    "make_guest": ("email",),
    "add_invite": ("email",),
    "accept_invite": (),
    "scim_push": ("email", "is_active"),
    "change_email": ("old", "new"),
    "deactivate": ("email",),
    "activate": ("email",),
    "change_organization": (),
    "change_domain": ("domain",),
    "add_project": ("name",),
    "set_access": ("project_id", "level"),
    "add_resource": ("kind", "project_id", "name"),
    "add_person": ("project_id", "email"),
    "add_deed": ("email", "activity", "scope"),
}
"""Methods of `World` that can be asked for by name, with what each must be told; what else it takes may be told, too."""


def open_doors(app: Flask, world: World) -> None:
    """Add them to the application."""
    looks = {"calls": _calls, "members": _members, "mail": _mail, "activity": _activity, "switches": _switches}
    for name, look in looks.items():
        app.add_url_rule(f"/_sandbox/{name}", name, _door(look, world), methods=["GET"])
    app.add_url_rule("/_sandbox/switches", "switch", _door(_switch, world), methods=["POST"])
    app.add_url_rule("/_sandbox/login", "login", _door(_login, world), methods=["POST"])
    for name in DEEDS:
        app.add_url_rule(f"/_sandbox/{name}", name, _door(_deed(name), world), methods=["POST"])


def _door(answer: Callable[[World], Answer], world: World) -> Callable[[], Response]:
    def door() -> Response:
        status, body = answer(world)
        return Response(json.dumps(body), status=status, content_type="application/json")

    return door


def _told() -> dict[str, Any]:
    asked = request.get_json(force=True, silent=True)
    return asked if isinstance(asked, dict) else {}


def _login(world: World) -> Answer:
    asked = _told()
    if not isinstance(asked.get("email"), str):
        return 400, {"detail": 'Nobody logged in: send {"email": "..."}.'}
    ended = world.login(asked["email"], provider=str(asked.get("provider") or "google-oauth2"))
    return 200, {"outcome": ended.outcome, "level": ended.level}


def _deed(name: str) -> Callable[[World], Answer]:
    """Do it now, or, with `"in_between": true`, between the read and the write of the next request that writes."""

    def deed(world: World) -> Answer:
        asked = _told()
        is_in_between = asked.pop("in_between", False) is True
        lacking = [field for field in DEEDS[name] if field not in asked]
        if lacking:
            return 400, {"detail": f"Nothing was done: {name} needs {', '.join(lacking)}."}
        if is_in_between:
            world.interrupt(lambda: _try(world, name, asked))
            return 202, {"done": False}
        return _try(world, name, asked)

    return deed


def _try(world: World, name: str, asked: dict[str, Any]) -> Answer:
    try:
        done = _accepted(world, asked) if name == "accept_invite" else getattr(world, name)(**_values(asked))
    except InviteRefused as refused:
        return 409, {"detail": str(refused)}
    except (ValueError, TypeError, LookupError, StopIteration) as wrong:
        return 400, {"detail": f"Nothing was done: {wrong}"}
    if isinstance(done, str):
        return 200, {"done": done not in {"refused", "unchanged"}, "outcome": done}
    return 200, {"done": True, "row": done.as_json() if isinstance(done, Row) else None}


def _accepted(world: World, asked: dict[str, Any]) -> Row:
    """The invite is named by its `id`, or by the `email` that it went to: then it is the newest that is open."""
    if "id" in asked:
        return world.accept_invite(str(asked["id"]))
    waiting: list[Invite] = [i for i in world.invites_for(str(asked.get("email"))) if not i.is_expired(world.now())]
    return world.accept_invite(waiting[0].id if waiting else "")


def _values(asked: dict[str, Any]) -> dict[str, Any]:
    """What was told, with times as times and lists as tuples, as rows keep them."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
    values |= {name: datetime.fromisoformat(asked[name]) for name in ("at", "created_at", "joined_at") if name in asked}
    return values


def _calls(world: World) -> Answer:
    return 200, {"count": len(world.calls), "results": [_call(c) for c in world.calls[-1000:]]}


def _call(call: Call) -> dict[str, Any]:
    return {
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "status": call.status,
        "key_label": call.key_label,
        "at": bodies.time(call.at),
    }


def _members(world: World) -> Answer:
    rows = [{"email": a.email, "level": m.level, "uuid": a.uuid} for a, m in world.members()]
    waiting = [{"email": i.target_email, "level": i.level, "id": i.id} for i in world.invites_in(world.home.id)]
    return 200, {"organization": world.home.name, "members": rows, "invites": waiting}


def _mail(world: World) -> Answer:
    return 200, {"results": world.mail()}


def _activity(world: World) -> Answer:
    """The last rows of the log, those included that the API does not show yet."""
    rows = list(world.activity.values())
    return 200, {"count": len(rows), "results": [bodies.activity(world, row) for row in rows[-1000:]]}


def _switches(world: World) -> Answer:
    return 200, world.switches()


def _switch(world: World) -> Answer:
    try:
        for name, value in _told().items():
            world.switch(name, value)
    except ValueError as wrong:
        return 400, {"detail": str(wrong)}
    return 200, world.switches()
