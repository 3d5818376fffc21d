"""How `demo` tells its story: who did what, when since the request, and what the bridge made of it.

The bridge's own sentences come from the store, as the page and `case ID` show them: nothing is told that is not kept
there. May import: `paper`, `core`, `store`.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import click

from bridge.cli import paper
from bridge.core.case import CaseState
from bridge.core.wording import printable
from bridge.sandbox.players import Exchange
from bridge.store import audit, story, views
from bridge.store.db import Database
from bridge.store.views import CaseView

TIME, WHO = 8, 9
"""Columns for the time since the request and for who speaks."""
POLL_SECONDS = 0.1
LATER_SECONDS = 1.0
"""How often it is looked once the story is over: for as long as somebody leaves it running."""
UNBROKEN = "\N{NO-BREAK SPACE}"
"""Keeps words in one line; printed as a plain blank, so that what is copied from the terminal is."""
COLOURS = {"Okta": "blue", "Entra ID": "magenta", "bridge": "green", "PostHog": "yellow"}
SPINNER = "|/-\\"
ONE_LOOK = timedelta(seconds=1)
"""Checks of several people that lie no further apart are told as one: a pass looks once for all of them."""
TOUCHED_OWNERS = (story.STEP_VERBS["promote"], story.STEP_VERBS["step"])
"""How a step about an owner begins once it is done. What is planned after it is planned on a fresh look."""


class Surprise(Exception):
    """The story does not go as it should; the text says what was expected and what is."""


class Narrator:
    """Prints the story, on a terminal with colours and with what it waits for."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._turns = 0
        self._is_waiting = False

    def title(self, text: str) -> None:
        """A scene begins."""
        self.clear()
        paper.line()
        paper.line(text, bold=True)
        paper.line("─" * min(paper.width(), 78), dim=True)

    def text(self, text: str = "", **style: Any) -> None:
        """A paragraph that explains."""
        self.clear()
        paper.line(text, **style)

    def says(self, who: str, text: str, since: timedelta | None = None) -> None:
        """One line: when, who, what."""
        self.clear()
        when = "" if since is None else f"{max(0.0, since.total_seconds()):.1f} s"
        room = paper.width() - TIME - WHO - 2
        parts = textwrap.wrap(printable(text), room, break_long_words=False, break_on_hyphens=False) or [""]
        parts = [part.replace(UNBROKEN, " ") for part in parts]
        for number, part in enumerate(parts):
            left = f"{when:>{TIME}}  " + click.style(f"{who:<{WHO}}", fg=COLOURS.get(who)) if number == 0 else ""
            click.echo((left or " " * (TIME + 2 + WHO)) + part)

    def link(self, url: str) -> None:
        """Where to look at it. Never wrapped."""
        self.clear()
        click.echo(" " * (TIME + 2) + f"{'page':<{WHO}}" + click.style(printable(url), fg="cyan"))

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Aligned columns."""
        self.clear()
        paper.table(headings, rows)

    def command(self, text: str) -> None:
        """A command to copy."""
        self.clear()
        paper.command_line(text, indent=2)

    def waiting(self, what: str, seconds: float) -> None:
        """Show on a terminal what is waited for, and for how long already; elsewhere say nothing."""
        if not self.is_terminal:
            return
        self._turns += 1
        text = f"{SPINNER[self._turns % len(SPINNER)]} {what}, {seconds:.0f} s"
        click.echo("\r\033[K" + " " * (TIME + 2 + WHO) + text[: paper.width() - TIME - WHO - 2], nl=False)
        self._is_waiting = True

    def clear(self) -> None:
        """Take what is waited for off the terminal."""
        if self._is_waiting:
            click.echo("\r\033[K", nl=False)
            self._is_waiting = False


class Follower:
    """Follows cases in the store, and tells what is new about them."""

    def __init__(
        self, db: Database, narrator: Narrator, now: Callable[[], datetime], look_after: Callable[[], None]
    ) -> None:
        """`look_after` is called at each turn, and raises what ends the story."""
        self._db = db
        self._narrator = narrator
        self._now = now
        self.look_after = look_after
        self._told: dict[int, int] = {}
        self._has_told_what_lives_on = False
        self._looks: dict[int, int] = {}

    def case_of(self, user_name: str) -> int:
        """The newest case about that name. Raises: `Surprise` when there is none."""
        with self._db.read() as tx:
            found = [v.case.id for v in views.rows(tx) if v.case.subject.user_name == user_name]
        if not found:
            raise Surprise(f"The bridge answered 2xx about {user_name} and opened no case.")
        return found[0]

    def view(self, case_id: int) -> CaseView:
        """Everything about one case."""
        with self._db.read() as tx:
            found = views.one(tx, case_id)
        assert found is not None, "cases are never deleted"
        return found

    def tell_until(
        self,
        case_ids: Iterable[int],
        is_there: Callable[[CaseView], bool],
        *,
        what: str,
        by: float,
        asked_at: datetime | None = None,
        is_quiet: bool = False,
    ) -> None:
        """Tell what happens in the cases until all of them are there. `by`: on the monotonic clock.

        Raises: `Surprise` when that moment comes first, or when only a person could still bring one of them there.
        """
        began = time.monotonic()
        waiting = list(case_ids)
        while True:
            found = [self.view(case_id) for case_id in waiting]
            for view in found:
                if is_quiet:
                    self._told[view.case.id] = len(_settled(view))
                else:
                    self.tell(view, asked_at or view.case.opened_at)
            late = [v for v in found if not is_there(v)]
            if not late:
                return
            stuck = self.waiting_for_a_person(late)
            if stuck or time.monotonic() > by:
                raise Surprise(stuck or f"The time for this story is over. {self.standing(late[0])}")
            self.turn(what, time.monotonic() - began)

    def turn(self, what: str, seconds: float, pause: float = POLL_SECONDS) -> None:
        """Let a moment go by while this is waited for, for so long already. Raises what `look_after` raises."""
        self.look_after()
        self._narrator.waiting(what, seconds)
        time.sleep(pause)

    def tell(self, view: CaseView, asked_at: datetime, prefix: str = "") -> None:
        """Tell what is new in one case, but for the looks of its watch and for what its source said."""
        moments = _settled(view)
        told = self._told.get(view.case.id, 0)
        before = moments[told - 1] if told else None
        for moment in moments[told:]:
            says = moment.says
            if self._has_told_what_lives_on:
                says = says.removesuffix(f" {story.ENDED}")
            self._has_told_what_lives_on |= says.endswith(story.ENDED)
            is_planned_anew = moment.kind == "case.planned" and before is not None and before.kind.startswith("step.")
            if is_planned_anew and before is not None and before.says.startswith(TOUCHED_OWNERS):
                says = f"Looked again. {says}"
            elif is_planned_anew:
                says = ""  # after any other step the rest of the plan is what was told already
            if says:
                self._narrator.says("bridge", prefix + says, moment.at - asked_at)
            before = moment
        self._told[view.case.id] = len(moments)

    def tell_looks(self, case_ids: Iterable[int], since: datetime) -> None:
        """Tell the looks of the watch since that moment: one line for each, whoever many it was for."""
        looks: list[tuple[datetime, str, list[str]]] = []
        found = [self.view(case_id) for case_id in case_ids]
        new = [(at, result, v) for v in found for at, result in v.checks[self._looks.get(v.case.id, 0) :]]
        self._looks.update({v.case.id: len(v.checks) for v in found})
        for at, result, view in sorted(new, key=lambda look: look[0]):
            if at < since:
                continue
            if not looks or at - looks[-1][0] > ONE_LOOK or looks[-1][1] != result:
                looks.append((at, result, []))
            looks[-1][2].append(view.case.subject.label)
        for _, result, who in looks:
            whose = f"{who[0]} is" if len(who) == 1 else f"{len(who)} people are"
            seen = "still out" if result == "absent" else result
            self._narrator.says("bridge", f"Looked at PostHog again: {whose} {seen}.")

    def tell_for_ever(self) -> None:
        """Tell whatever happens in any case, old or new. Ends by what `look_after` raises."""
        began = time.monotonic()
        while True:
            with self._db.read() as tx:
                ids = sorted(v.case.id for v in views.rows(tx))
            for view in map(self.view, ids):
                self.tell(view, view.case.opened_at, prefix=f"Case {view.case.id}, {view.case.subject.label}: ")
            self.turn("it goes on; Ctrl-C stops it", time.monotonic() - began, LATER_SECONDS)

    def standing(self, view: CaseView) -> str:
        """Where a case stands, with its number and whose it is."""
        case = view.case
        stands = story.standing(case, self._now()).rstrip(".")
        return f"Case {case.id} of {case.subject.label} is {case.state}: {stands}."

    def audited(self) -> tuple[int, str]:
        """How many entries of the audit log hold, and what is wrong with the next one; empty when all of them do."""
        with self._db.read() as tx:
            return audit.verify(tx, self._db.audit_key)

    def waiting_for_a_person(self, found: Iterable[CaseView]) -> str:
        """The first of these cases that only a person can move, in words; an empty text when none is."""
        for view in found:
            if view.case.state is CaseState.HELD and any(h.is_releasable for h in view.case.plan.blocking):
                return self.standing(view)
        return ""


def _settled(view: CaseView) -> list[story.Moment]:
    """What happened and will not be told otherwise later: without looks, what the source said, and steps in the air."""
    answered = tuple(s for s in view.steps if s.result not in {"sent", "refused"})
    return story.timeline(replace(view, checks=(), events=(), steps=answered))


def request(exchange: Exchange) -> str:
    """One exchange in one line, its address readable: what was sent, how it was answered, and how many were found."""
    path, _, query = exchange.path.partition("?")
    head, _, last = path.rpartition("/")
    path = f"{head}/{last[:8]}…" if head and len(last) > 12 else path
    if query.startswith("filter="):
        query = f"{query.partition('&')[0]}{'&…' if '&' in query else ''}"
    asked = f"{path}?{unquote_plus(query)}" if query else path
    answer = f"→{UNBROKEN}{exchange.status}"
    found = exchange.answer.get("totalResults") if isinstance(exchange.answer, dict) else None
    if found is not None:
        answer += f",{UNBROKEN}{found or 'none'}{UNBROKEN}found"
    return f"{exchange.method} {asked}{_body(exchange.sent)}{UNBROKEN}{answer}"


def _body(sent: object) -> str:
    """What counts in a body."""
    if not isinstance(sent, dict):
        return ""
    if "Operations" in sent:
        return " " + ", ".join(json.dumps(o, ensure_ascii=False) for o in sent["Operations"])
    named = f'"userName": "{sent.get("userName")}", … ' if "id" not in sent else "… "
    return f' {{{named}"active": {json.dumps(sent.get("active"))}}}'
