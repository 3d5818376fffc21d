"""The sandbox over HTTP: PostHog's paths, plus a few under `/_sandbox/` that are ours and never PostHog's.

A personal API key is the only way in, so a method that a path lacks answers 403 and not 405: PostHog's permission code
refuses a key the actions it cannot map before it looks at the method. May import: the rest of the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from bridge.sandbox import activity, invites, leaks, members, organizations, persons, projects, resources, roles
from bridge.sandbox.doors import open_doors
from bridge.sandbox.errors import ApiError, not_found
from bridge.sandbox.gate import Endpoint, admit, authenticate
from bridge.sandbox.journal import Actor, acting
from bridge.sandbox.paging import Written
from bridge.sandbox.records import Call
from bridge.sandbox.world import World

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Every method reaches the gate, which knows what to refuse."""
PARTS = (activity, invites, members, organizations, persons, projects, resources, roles)
ENDPOINTS = tuple(endpoint for part in PARTS for endpoint in part.ENDPOINTS)
"""Every path of PostHog's that the sandbox plays."""


class Segment(BaseConverter):
    """A path segment as PostHog's router takes it: without a dot, so that an address matches no route."""

    regex = "[^/.]+"


def create_app(world: World) -> Flask:
    """The WSGI application for that world."""
    app = Flask("bridge.sandbox", static_folder=None)
    app.url_map.converters["seg"] = Segment
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for endpoint in ENDPOINTS:
        app.add_url_rule(
            endpoint.rule,
            endpoint=endpoint.rule,
            view_func=_view(world, endpoint),
            methods=METHODS,
            provide_automatic_options=False,
        )
    app.add_url_rule(leaks.RULE, view_func=_leaked(world), methods=METHODS)
    open_doors(app, world)
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(HTTPException, _no_route)
    app.after_request(_logged(world))
    app.wsgi_app = _environments_are_projects(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _environments_are_projects(inner: Callable[..., Any]) -> Callable[..., Any]:
    """As PostHog's middleware has it, `/api/environments/` is another name of `/api/projects/`."""

    def rewritten(environ: dict[str, Any], start_response: Any) -> Any:
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith("/api/environments/"):
            environ["PATH_INFO"] = path.replace("/api/environments/", "/api/projects/", 1)
        return inner(environ, start_response)

    return rewritten


def _view(world: World, endpoint: Endpoint) -> Callable[..., Response]:
    def view(**lookups: str) -> Response:
        call, action = admit(world, request, endpoint, lookups)
        g.key_label = call.key.label
        actor = Actor(
            user=call.account.uuid,
            client=request.headers.get("x-posthog-client"),
            ip_address=request.headers.get("X-Forwarded-For", request.remote_addr or "").partition(",")[0] or None,
        )
        with acting(actor):
            return _answer(*action.run(call))

    return view


def _leaked(world: World) -> Callable[[], Response]:
    def leaked() -> Response:
        return _answer(*leaks.report(world, request))

    return leaked


def _answer(status: int, body: Any) -> Response:
    if body is None:
        return Response(status=status)
    text = body if isinstance(body, Written) else json.dumps(body)
    return Response(text, status=status, content_type="application/json")


def _refused(error: ApiError) -> Response:
    response = _answer(error.status, error.body)
    response.headers.extend(error.headers)
    return response


def _no_route(error: HTTPException) -> Response:
    if request.path.startswith("/_sandbox/") or (error.code or 500) >= 500:
        return _answer(error.code or 500, {"detail": error.description})
    return _refused(not_found("Endpoint not found."))


def _logged(world: World) -> Callable[[Response], Response]:
    def log(response: Response) -> Response:
        if not request.path.startswith("/_sandbox/"):
            world.log(
                Call(
                    method=request.method,
                    path=request.path,
                    query=request.query_string.decode(),
                    status=response.status_code,
                    key_label=_key_label(world),
                    at=world.now(),
                )
            )
        return response

    return log


def _key_label(world: World) -> str:
    if "key_label" in g:
        return str(g.key_label)
    try:
        key, _ = authenticate(world, request)
    except ApiError:
        return ""
    return key.label
