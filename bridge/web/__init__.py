"""The web application: accepts, and never acts.

May import: flask, `intake`, `store`, `sources`, `ports`, `core`; nothing that plans or calls PostHog.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from bridge.ports import Bridge
from bridge.web import admin, api, health, scim
from bridge.web.asking import of_http
from bridge.web.scim_answers import answer_to, log_failure


def create_app(
    bridge: Bridge,
    *,
    public_url: str = "",
    data_dir: Path | None = None,
    program: str = "python3 -m bridge",
    is_sandbox: bool = False,
) -> Flask:
    """The WSGI application over the wired objects.

    `public_url` is the address that identity providers use, without a slash at its end; empty means the request's own.
    `data_dir` is where the status page's login is kept; without it there is no such page. `program`: see `admin`.
    `is_sandbox`: the status page tells a newcomer how to practise.
    """
    # What is static belongs to the status page, and has its guard and headers.
    app = _Application(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = bridge.max_body_bytes
    # A redirect would go out as http:// behind a proxy that ends TLS, and take the token with it.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for blueprint in (health.blueprint(bridge), scim.blueprint(bridge, public_url=public_url), api.blueprint(bridge)):
        app.register_blueprint(blueprint)
    if data_dir is not None:
        page = admin.blueprint(bridge, data_dir=data_dir, public_url=public_url, program=program, is_sandbox=is_sandbox)
        app.register_blueprint(page)

    @app.errorhandler(Exception)
    def answer(error: Exception) -> Response:
        if request.path.startswith("/scim/"):
            return answer_to(error, kind="scim")
        return _plain(error)

    return app


class _NoSessions(SessionInterface):
    """Flask's sessions, of which there are none: the status page keeps its own cookie."""

    _none = NullSession()

    def open_session(self, _app: Flask, _request: Request) -> NullSession:
        """The same one for every request: nothing can be kept in it."""
        return self._none


class _Request(Request):
    @cached_property
    def blueprints(self) -> list[str]:
        """Whose views these are: Flask asks three times, and works it out each time."""
        return super().blueprints


class _Application(Flask):
    """Flask without what no view here has, and every request would pay for."""

    session_interface = _NoSessions()
    request_class = _Request

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The routes, for this request. Flask's way reads the host three times, and no route here asks for it."""
        if request is None:
            return None
        return MapAdapter(
            self.url_map,
            server_name=request.host,
            script_name=request.root_path or "/",
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode("latin1"),
        )


def _plain(error: Exception) -> Response:
    """An error outside SCIM, as JSON in the API's form; what was not foreseen says nothing about itself."""
    if isinstance(error, HTTPException):
        if error.code is not None and error.code < 400:
            return Response(error.get_response().get_data(), error.code, error.get_headers())
        status, detail, headers = of_http(error)
    else:
        log_failure(error)
        status, detail, headers = 500, "Something went wrong here. The log says where.", {}
    body = {"status": status, "detail": detail, "remedy": ""}
    return Response(json.dumps(body), status, headers, content_type="application/json")
