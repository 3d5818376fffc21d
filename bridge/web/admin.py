"""The status page: what needs a person first, then everything else. Shows, and never acts.

Decisions are made on the command line, so a page that was broken into removes nobody. May import: flask, `store`,
`login`, `config`, `ports`, `core`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, redirect, render_template, request

from bridge import login
from bridge.config import is_loopback
from bridge.ports import Bridge
from bridge.web import covered, doors, pages, printing, reviewed

log = structlog.get_logger()

COOKIE = "bridge_session"
REFRESH_SECONDS = 30
"""How often a browser without scripts loads the page anew; with them the page asks every two seconds."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "clipboard-write=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer: nothing is kept, framed, sniffed or sent elsewhere, and nothing runs but the file beside the page."""


def blueprint(
    bridge: Bridge,
    *,
    data_dir: Path,
    public_url: str = "",
    program: str = "python3 -m bridge",
    is_sandbox: bool = False,
) -> Blueprint:
    """`/`, `/cases/<id>`, `/review`, `/review/<id>` and `/login`, for who came through a link from the data folder.

    `/live` below each is what of a page changes, for its script to ask for again and again. `program` is
    how the command line is called where the operator sits, for the commands that the page shows.
    """
    admin = Blueprint("admin", __name__, static_folder="static", static_url_path="/static")
    own_host = urlsplit(public_url).hostname or ""
    reader, door_reader = covered.Reader(bridge), doors.Reader(bridge)
    admin.record_once(lambda state: printing.prepare(state.app.jinja_env))

    @admin.before_request
    def guard() -> Response | None:
        """A foreign Host means that some other site's name was pointed at us: it must not read the answers."""
        if not _is_ours(request.environ.get("HTTP_HOST", ""), own_host):
            return _refusal(
                400,
                "This address is not mine",
                "The page answers only under a loopback address, such as 127.0.0.1, or under server.public_url.",
            )
        cookie = request.cookies.get(COOKIE, "")
        is_open = request.endpoint in {"admin.enter", "admin.static"}
        if is_open or login.is_session(data_dir, cookie, bridge.clock.now()):
            return None
        return _locked(program, "Your session is over" if cookie or _is_part() else "You are not logged in")

    @admin.after_request
    def close_up(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @admin.get("/login")
    def enter() -> Response:
        # A preview of the link asks with HEAD, and must not use it up.
        token = request.args.get("token", "") if request.method == "GET" else ""
        if not login.use_login_token(data_dir, token):
            return _locked(program, "This link does not work any more")
        log.info("admin_login")
        answer = _plain(redirect("/", 303))
        answer.set_cookie(
            COOKIE,
            login.new_session(data_dir, bridge.clock.now()),
            max_age=login.SESSION_FOR,
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )
        return answer

    @admin.get("/", endpoint="overview")
    @admin.get("/live", endpoint="overview_live")
    def overview() -> Response:
        address = (public_url or request.host_url).rstrip("/")
        return _page(
            "status.html",
            **pages.overview(bridge, reader, door_reader),
            program=program,
            address=address,
            is_sandbox=is_sandbox,
            live="/live",
        )

    @admin.get("/cases/<int(max=999999999999):case_id>", endpoint="case")
    @admin.get("/cases/<int(max=999999999999):case_id>/live", endpoint="case_live")
    def case(case_id: int) -> Response:
        shown = pages.case(bridge, case_id)
        if shown is None:
            return _refusal(404, f"There is no case {case_id}", "The status page lists the cases there are.")
        return _page("case.html", **shown, program=program, live=f"/cases/{case_id}/live")

    _add_reviews(admin, bridge, program)
    return admin


def _add_reviews(admin: Blueprint, bridge: Bridge, program: str) -> None:
    """The pages of the access review."""
    reader = reviewed.Reader(bridge)

    @admin.get("/review", endpoint="review")
    @admin.get("/review/live", endpoint="review_live")
    def review() -> Response:
        return _page("review.html", **reviewed.current(bridge, reader), program=program, live="/review/live")

    @admin.get("/review/<int(max=999999999999):review_id>", endpoint="kept_review")
    @admin.get("/review/<int(max=999999999999):review_id>/live", endpoint="kept_review_live")
    def kept_review(review_id: int) -> Response:
        shown = reviewed.one(bridge, review_id)
        if shown is None:
            return _refusal(404, f"There is no review {review_id}", "The access review's page lists those there are.")
        return _page("kept_review.html", **shown, program=program, live=f"/review/{review_id}/live")


def _is_ours(host_header: str, own_host: str) -> bool:
    try:
        host = urlsplit(f"//{host_header}").hostname or ""
    except ValueError:
        return False
    return is_loopback(host) or (own_host != "" and host == own_host.lower())


def _locked(program: str, title: str) -> Response:
    text = "The way in is a link that works once. Whoever may use the bridge's data folder makes one with this command:"
    return _refusal(401, title, text, command=f"{program} admin link")


def _refusal(status: int, title: str, text: str, *, command: str = "") -> Response:
    return _page("refused.html", status, title=title, text=text, command=command)


def _page(template: str, status_code: int = 200, **values: Any) -> Response:
    """The page; or of it what changes, when the page's own script asks for that."""
    layout = "part.html" if _is_part() else "base.html"
    html = render_template(template, layout=layout, refresh=REFRESH_SECONDS, **values)
    return Response(html, status_code, content_type="text/html; charset=utf-8")


def _is_part() -> bool:
    """Whether the page's own script asks, which shows what changed and leaves the rest of the page as it is."""
    return (request.endpoint or "").endswith("_live")


def _plain(answer: Any) -> Response:
    """Flask's answer, whose class its type leaves open."""
    assert isinstance(answer, Response)
    return answer
