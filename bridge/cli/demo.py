"""`demo`: everything in the sandbox, and the story of the bridge told as it happens.

It starts `run` on a folder of its own inside the data folder, and plays Okta, Entra ID and the people of a practice
organization against it. It never acts on a real one: with a configuration it refuses.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bridge.cli import paper
from bridge.cli.context import DONE, NEEDS_A_PERSON, Context, command
from bridge.config import ConfigError

if TYPE_CHECKING:
    from bridge.cli.narrator import Narrator
    from bridge.cli.practice import Run
    from bridge.cli.scenes import Stage

STORY_SECONDS = 90.0
"""The longest that start and story may take: with the stop, `--once` ends within two minutes on any machine."""
POLICY = {
    "BRIDGE_POLICY__MODE": "enforce",
    "BRIDGE_POLICY__SETTLE": "2s",
    # What the story needs. At this size three go by themselves otherwise.
    "BRIDGE_POLICY__FLOOR": "4",
    "BRIDGE_TARGETS__SANDBOX__SUCCESSORS": "noor.haddad@example.com",
}
"""What the demonstration decides ahead."""
LONG_WATCH = {
    "BRIDGE_POLICY__WATCH_FIRST": "3s,6s",
    "BRIDGE_POLICY__WATCH_EVERY": "10s",
    "BRIDGE_POLICY__WATCH_FOR": "24h",
}
"""A day, as usual, but with a look every ten seconds instead of every ten minutes: a return can be waited for."""
SHORT_WATCH = {
    "BRIDGE_POLICY__WATCH_FIRST": "3s,6s",
    "BRIDGE_POLICY__WATCH_EVERY": "4s",
    "BRIDGE_POLICY__WATCH_FOR": "15s",
}
"""The same, compressed."""


@command()
@click.option("--once", is_flag=True, help="Compress the watch, check everything, and end: 0 when all is as it should.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=paper.Number(0, 65_535), default=0, help="Port. [default: 0, a free one]")
def demo(context: Context, *, once: bool, host: str, port: int) -> None:
    """Shows in a sandbox what the bridge does: people leave in Okta and Entra ID, told as it happens.

    Goes on running after the story, to be played with; Ctrl-C stops it. What is kept lies in the folder `demo` of the
    data folder, which is emptied at each start.
    """
    from bridge.cli import practice

    _refuse_a_real_organization(context)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with practice.fresh_folder(context.data_dir.absolute()) as folder:
        environ = practice.environment(os.environ, POLICY | (SHORT_WATCH if once else LONG_WATCH))
        run = practice.Run(folder, environ, host=host, port=port)
        try:
            status = play(run, paper.spelled(None, context.data_dir / practice.FOLDER), once=once)
        except KeyboardInterrupt:
            paper.line()
            paper.line("Stopping; the story is not over.")
            raise
        finally:
            run.stop()
    context.leave(status)


def play(run: Run, program: str, *, once: bool, tell: Narrator | None = None) -> int:
    """Tell the story, and go on telling unless it is told once; the exit status.

    `program`: how the command line is called for that folder. `tell`: who tells it, if not the terminal alone.
    """
    # Imported while `run` comes up.
    from bridge import config
    from bridge.cli import narrator
    from bridge.cli.scenes import Stage
    from bridge.core.case import CaseState
    from bridge.sandbox.players import Entra, Okta, Visitor
    from bridge.store import db as store

    began = time.monotonic()
    tell = tell or narrator.Narrator()
    told = run.wait(lambda seconds: tell.waiting("everything is started", seconds))
    settings = config.load(None, run.folder, run.environ)
    with ExitStack() as opened:
        db = store.open_database(settings.store.url, run.folder)
        opened.callback(db.close)
        posthog = opened.enter_context(Visitor(told["sandbox"]["url"]))
        stage = Stage(
            tell=tell,
            follow=narrator.Follower(db, tell, _now, run.check),
            okta=opened.enter_context(Okta(**told["scim"]["okta"])),
            entra=opened.enter_context(Entra(**told["scim"]["entra"])),
            posthog=posthog,
            page=told["url"],
            now=_now,
            ends_at=began + STORY_SECONDS,
            final=CaseState.CLOSED if once else CaseState.WATCHING,
            before=posthog.look(),
        )
        _introduce(stage, told, program, once=once)
        status = _tell(stage)
        if once:
            tell.text("The pages end with it. What is kept can be read until the next demonstration:")
            tell.command(f"{program} case 1")
        else:
            _go_on(stage, program, told)
        return status


def _introduce(stage: Stage, told: dict[str, Any], program: str, *, once: bool) -> None:
    tell, count = stage.tell, len(stage.before.members)
    tell.text("posthog-bridge: a demonstration", bold=True)
    tell.text()
    tell.text(
        "The bridge is the app that Okta and Entra ID tell who has left. It takes these people out of PostHog, and "
        f"watches that they stay out. Here it works on a practice organization of {count} invented people: nothing real "
        "is touched, and nothing leaves this machine."
    )
    tell.text()
    watch = "for 15 s (24 h), with a look every 4 s" if once else "for 24 h, with a look every 10 s"
    tell.text(
        "So that it can be told in a minute, some rules are not the usual ones, which stand in brackets. Before anybody "
        "is removed 2 s (60 s) go by, so that many at once are judged together; whoever is out is watched "
        f"{watch} (10 min); and 4 removals an hour go without asking (3 in an organization of this size)."
    )
    tell.text()
    if tell.is_terminal:
        tell.text("The status page; this link works once:")
        tell.command(told["admin"]["login_url"])
    else:
        # A log would keep the link, as with `run`.
        tell.text("A link to the status page, that works once:")
        tell.command(f"{program} admin link")


def _tell(stage: Stage) -> int:
    """Play every scene, and check what came of it; the exit status."""
    from bridge.cli import scenes
    from bridge.cli.narrator import Surprise
    from bridge.cli.practice import RunEnded
    from bridge.sandbox.players import Stuck

    began = time.monotonic()
    problems = []
    try:
        for scene in scenes.SCENES:
            stage.check_nobody_waits()
            scene(stage)
    except (Surprise, Stuck, RunEnded) as met:
        problems.append(str(met))
    try:
        stage.follow.look_after()
        problems += scenes.tell_how_it_stands(stage)
    except RunEnded as ended:
        problems = [f"The bridge ended in the middle of the story. {ended}"]
    except Stuck as met:
        problems.append(str(met))
    stage.tell.text()
    if problems:
        stage.tell.text("It is not as it should be:", fg="red", bold=True)
        for problem in dict.fromkeys(problems):
            stage.tell.text(problem, fg="red")
        return NEEDS_A_PERSON
    stage.tell.text(f"All is as it should be. It took {time.monotonic() - began:.0f} s.", fg="green", bold=True)
    return DONE


def _go_on(stage: Stage, program: str, told: dict[str, Any]) -> None:
    """Tell whatever happens from now on, until Ctrl-C."""
    tell = stage.tell
    tell.title("It goes on running. Ctrl-C stops it")
    tell.text("Whatever happens is told here. Have somebody sign in again, and see how long it lasts:")
    tell.command(f'curl -d \'{{"email": "maya.okafor@example.com"}}\' {told["sandbox"]["url"]}/_sandbox/login')
    tell.text("How everything stands, and the way to the status page:")
    tell.command(f"{program} status")
    tell.command(f"{program} admin link")
    tell.text()
    try:
        stage.follow.tell_for_ever()
    except KeyboardInterrupt:
        tell.text()
        tell.text("Stopping.")


def _refuse_a_real_organization(context: Context) -> None:
    file = context.config_file or Path("config.toml")
    if file.is_file():
        _refuse(f"{file} configures a real one: start it in another folder")
    if not context.settings().is_sandbox:
        _refuse("the environment configures a real one: take BRIDGE_TARGETS__… out of it")


def _refuse(why: str) -> NoReturn:
    raise ConfigError(f"The demo acts on a practice organization only, and {why}.")


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the players are the other side, with a clock of their own
