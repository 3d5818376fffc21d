"""The JSON that operators' programs use: what the command line shows and decides, with a token of a named operator.

Decides, and never acts: a worker does what was decided. Cookies open nothing here, and a provider's token neither. May
import: flask, `decisions`, `store`, `ports`, `core`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from bridge import decisions
from bridge.core.case import Case, CaseState
from bridge.core.events import Subject
from bridge.ports import Bridge, Declined
from bridge.store import contract, tokens, views
from bridge.store.db import FAILURES
from bridge.web import asking
from bridge.web.asking import Wrong
from bridge.web.knocking import Door
from bridge.web.scim_answers import log_failure

SECONDS = "5"
"""When to ask again after the store took no writes."""


def blueprint(bridge: Bridge) -> Blueprint:
    """`/api/v1/status`, `cases`, `cases/<id>` with `release`, `cancel` and `retry`, and `removals`."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    views_of_it = Api(bridge)
    api.before_request(views_of_it.authenticate)
    api.register_error_handler(Exception, _refusal)
    one = "/cases/<int(max=999999999999):case_id>"
    for rule, method, view in (
        ("/status", "GET", views_of_it.status),
        ("/cases", "GET", views_of_it.cases),
        (one, "GET", views_of_it.case),
        (f"{one}/release", "POST", views_of_it.release),
        (f"{one}/cancel", "POST", views_of_it.cancel),
        (f"{one}/retry", "POST", views_of_it.retry),
        ("/removals", "POST", views_of_it.removals),
    ):
        api.add_url_rule(rule, view.__name__, view, methods=[method])
    return api


class Api:
    """The views over one bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._door = Door(bridge)

    def authenticate(self) -> None:
        """Lets only a live token of an operator pass."""
        now = self._bridge.clock.now()
        name, digest = self._door.owner(request.environ, now)
        if name is None or not name.startswith(tokens.OPERATOR):
            raise Wrong(
                "Send a live operator's token as a bearer token: `token create --operator NAME` makes one.", 401
            )
        g.operator = name.removeprefix(tokens.OPERATOR)
        self._door.note(digest, now)

    def status(self) -> Response:
        """How everything stands."""
        bridge = self._bridge
        queue = bridge.bell.look()
        with bridge.db.read() as tx:
            found = views.status(
                tx,
                connections=bridge.connections,
                names=bridge.targets,
                queue=queue,
                now=bridge.clock.now(),
                policies=bridge.policies,
            )
        return _answer(contract.status_out(found))

    def cases(self) -> Response:
        """Cases, newest first; `state` may be given several times."""
        known = [str(c) for c in CaseState]
        states = [CaseState(asking.choice(s.upper(), known, "state")) for s in request.args.getlist("state")]
        limit = request.args.get("limit", "200")
        if not re.fullmatch("[0-9]{1,4}", limit) or not 1 <= int(limit) <= asking.MOST_AT_ONCE:
            raise Wrong(f"limit is a whole number from 1 to {asking.MOST_AT_ONCE}.")
        with self._bridge.db.read() as tx:
            found = views.rows(tx, states=states, limit=int(limit))
        now = self._bridge.clock.now()
        return _answer({"cases": [contract.case_out(v, now) for v in found]})

    def case(self, case_id: int) -> Response:
        """One case with its story."""
        with self._bridge.db.read() as tx:
            view = views.one(tx, case_id)
        if view is None:
            raise Wrong(f"There is no case {case_id}.", 404)
        return _answer(contract.whole_case_out(view, self._bridge.clock.now()))

    def release(self, case_id: int) -> Response:
        """Approves the plan with that digest, and no other."""
        asked = asking.body({"digest", "reason"}, needs={"digest", "reason"})
        digest, reason = asking.text(asked, "digest"), asking.text(asked, "reason")
        return self._shown([decisions.release(self._bridge, case_id, digest, by=g.operator, reason=reason)])

    def cancel(self, case_id: int) -> Response:
        """Lets the person be."""
        reason = asking.text(asking.body({"reason"}, needs={"reason"}), "reason")
        return self._shown([decisions.cancel(self._bridge, case_id, by=g.operator, reason=reason)])

    def retry(self, case_id: int) -> Response:
        """Tries a case again now."""
        asking.body(())
        return self._shown([decisions.retry(self._bridge, case_id, by=g.operator)])

    def removals(self) -> Response:
        """An operator's own removals, all or none."""
        asked = asking.removal(self._bridge)
        meant = {
            Subject(user_name=address, emails=(address,)): key in asked.sure for key, address in asked.people.items()
        }
        wanted = decisions.Removal(
            target=asked.target,
            by=g.operator,
            reason=asked.reason,
            note=asked.note,
            scope=asked.scope,
            is_emergency=asked.is_emergency,
            effective_at=asked.due,
        )
        opened = decisions.remove_all(self._bridge, wanted, meant)
        return self._shown(opened, 201)

    def _shown(self, moved: Collection[Case], status: int = 200) -> Response:
        with self._bridge.db.read() as tx:
            found = views.rows(tx, only=[c.id for c in moved], limit=len(moved))
        now = self._bridge.clock.now()
        return _answer({"cases": [contract.case_out(v, now) for v in found]}, status)


def _refusal(error: Exception) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, Wrong):
        status, detail, remedy = error.status, str(error), ""
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, Declined):
        status, detail, remedy = 409, error.detail, error.remedy
    elif isinstance(error, HTTPException):
        (status, detail, headers), remedy = asking.of_http(error), ""
    elif isinstance(error, FAILURES):
        log_failure(error)
        status, detail, remedy = 503, "The store takes no writes now.", "Ask again: nothing was done."
        headers["Retry-After"] = SECONDS
    else:
        log_failure(error)
        status, detail, remedy = 500, "Something went wrong here. The bridge's log says where.", ""
    return _answer({"status": status, "detail": detail, "remedy": remedy}, status, headers)


def _answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    given = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    return Response(json.dumps(body), status, given, content_type="application/json")
