"""The status page: what needs a person first, then everything else. Shows, and never acts.

Decisions are made on the command line, so a page that was broken into removes nobody. May import: flask, `store`,
`login`, `config`, `ports`, `core`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, redirect, render_template, request
from flask.blueprints import BlueprintSetupState
from markupsafe import Markup

from bridge import login
from bridge.config import is_loopback
from bridge.core import wording
from bridge.core.case import CaseState
from bridge.core.policy import Mode
from bridge.ports import Bridge
from bridge.store import story, views

log = structlog.get_logger()

COOKIE = "bridge_session"
MOST_SHOWN = 50
"""Cases of one kind on the page; the command line lists the rest."""
REFRESH_SECONDS = 30
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer: nothing is kept, framed, sniffed, sent elsewhere or run."""


def blueprint(bridge: Bridge, *, data_dir: Path, public_url: str = "", program: str = "python3 -m bridge") -> Blueprint:
    """`/`, `/cases/<id>` and `/login`, for who came through a link that was made in the data folder.

    `program` is how the command line is called where the operator sits, for the commands that the page shows.
    """
    pages = Blueprint("admin", __name__)
    own_host = urlsplit(public_url).hostname or ""
    pages.record_once(_make_printable)

    @pages.before_request
    def guard() -> Response | None:
        """A foreign Host means that some other site's name was pointed at us: it must not read the answers."""
        if not _is_ours(request.environ.get("HTTP_HOST", ""), own_host):
            return _refusal(
                400,
                "This address is not mine",
                "The page answers only under a loopback address, such as 127.0.0.1, or under server.public_url.",
            )
        cookie = request.cookies.get(COOKIE, "")
        if request.endpoint == "admin.enter" or login.is_session(data_dir, cookie, bridge.clock.now()):
            return None
        return _locked(program, "You are not logged in")

    @pages.after_request
    def close_up(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @pages.get("/login")
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

    @pages.get("/")
    def overview() -> Response:
        return _page("status.html", **_overview(bridge), program=program, refresh=REFRESH_SECONDS)

    @pages.get("/cases/<int(max=999999999999):case_id>")
    def case(case_id: int) -> Response:
        now = bridge.clock.now()
        with bridge.db.read() as tx:
            view = views.one(tx, case_id)
        if view is None:
            return _refusal(404, f"There is no case {case_id}", "The status page lists the cases there are.")
        refresh = REFRESH_SECONDS if view.case.state.is_open else 0
        moments = story.timeline(view)
        return _page("case.html", view=view, moments=moments, now=now, program=program, refresh=refresh)

    return pages


def _overview(bridge: Bridge) -> dict[str, Any]:
    now, queue = bridge.clock.now(), bridge.bell.look()
    with bridge.db.read() as tx:
        status = views.status(tx, connections=bridge.connections, names=bridge.targets, queue=queue, now=now)
        in_batches = {c.id for b in status.batches for c in b.cases}
        alone = set(status.needs_a_person) - in_batches
        waiting = views.rows(tx, only=alone, limit=MOST_SHOWN)
        moving = views.rows(tx, states=[CaseState.PENDING], limit=MOST_SHOWN)
        watched = views.rows(tx, states=[CaseState.WATCHING], limit=MOST_SHOWN)
        done = views.rows(tx, states=[CaseState.CLOSED, CaseState.CANCELLED], limit=20)
    longest_in_first = sorted(waiting, key=lambda v: (not v.access.still_in, -(v.access.lasted(now) or timedelta(0))))
    return {
        "status": status,
        "now": now,
        "waiting": longest_in_first,
        "waiting_more": len(alone) - len(waiting),
        "sections": (
            ("Moving", moving, "PENDING"),
            ("Watched for coming back", watched, "WATCHING"),
            ("Done", done, ""),
        ),
        "things": len(status.troubles) + len(status.batches) + len(alone) + len(status.todos),
        "observing": [name for name, p in bridge.policies.items() if p.mode is Mode.OBSERVE],
    }


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
    return _page("refused.html", status, title=title, text=text, command=command, refresh=0)


def _page(template: str, status_code: int = 200, **values: Any) -> Response:
    html = render_template(template, story=story, **values)
    return Response(html, status_code, content_type="text/html; charset=utf-8")


def _plain(answer: Any) -> Response:
    """Flask's answer, whose class its type leaves open."""
    assert isinstance(answer, Response)
    return answer


def _make_printable(state: BlueprintSetupState) -> None:
    """Have every text on a page shown without characters that turn the reading direction, besides being escaped."""
    environment = state.app.jinja_env
    environment.finalize = _printable
    environment.filters.update(
        ago=wording.ago,
        lasting=wording.lasting,
        utc=wording.utc,
        counted=wording.counted,
        when=_when,
        ticks=_ticks,
    )


def _printable(value: Any) -> Any:
    return wording.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ticks(text: str) -> Markup:
    """The text, escaped, with what stands between backticks as code."""
    parts = [Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(_printable(text).split("`"))]
    return Markup("").join(parts)


def _when(then: datetime, now: datetime) -> Markup:
    """The time, for people and for programs: relative, with the exact one beside it."""
    exact = wording.utc(then)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        wording.rfc3339(then), exact, wording.ago(then, now)
    )
