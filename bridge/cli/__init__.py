"""The command line: `python3 -m bridge COMMAND`, and `posthog-bridge COMMAND` once installed.

Thin: parse, call, print. What a user can cause ends in one plain sentence and the exit status that `context` names.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from bridge.cli.context import DONE, LONGEST_LINE, NEEDS_A_PERSON, UNREACHABLE, WRONG_USE, Context, shared_options

SECTIONS = {
    "To run it": {
        "run": "bridge.cli.run:run",
        "check": "bridge.cli.check:check",
        "rehearse": "bridge.cli.rehearse:rehearse",
        "demo": "bridge.cli.demo:demo",
        "web": "bridge.cli.run:web",
        "worker": "bridge.cli.run:worker",
        "sweep": "bridge.cli.run:sweep",
        "db": "bridge.cli.run:db",
        "admin": "bridge.cli.admin:admin",
    },
    "To connect an identity provider": {
        "token": "bridge.cli.tokens:token",
        "import": "bridge.cli.importing:import_",
        "coverage": "bridge.cli.coverage:coverage",
        "groups": "bridge.cli.groups:groups",
    },
    "To see how things stand": {
        "status": "bridge.cli.cases:status",
        "cases": "bridge.cli.cases:cases",
        "case": "bridge.cli.cases:case",
        "plan": "bridge.cli.cases:plan",
        "ways-back": "bridge.cli.doors:ways_back",
    },
    "To decide": {
        "release": "bridge.cli.decide:release",
        "cancel": "bridge.cli.decide:cancel",
        "retry": "bridge.cli.decide:retry",
        "remove": "bridge.cli.remove:remove",
        "undo": "bridge.cli.undo:undo",
        "link": "bridge.cli.link:link",
        "close-way": "bridge.cli.doors:close_way",
        "review": "bridge.cli.review:review",
    },
    "To see it through, and to prove it": {
        "checklist": "bridge.cli.report:checklist",
        "todo": "bridge.cli.decide:todo",
        "profiles": "bridge.cli.profiles:profiles",
        "report": "bridge.cli.report:report",
        "audit": "bridge.cli.audit:audit",
    },
    "To work on it": {
        "test": "bridge.cli.develop:test",
        "lint": "bridge.cli.develop:lint",
        "screenshots": "bridge.cli.screenshots:screenshots",
        "examples": "bridge.cli.examples:examples",
        "bench": "bridge.cli.develop:bench",
    },
}
"""The commands as the help lists them, and where each is; its file is imported when it is asked for, so that no command
pays for another."""
HIDDEN = {"sandbox-server": "bridge.cli.run:sandbox_server"}
"""What only the bridge itself starts."""
COMMANDS = {name: where for section in (*SECTIONS.values(), HIDDEN) for name, where in section.items()}
"""Where each command is."""


INTERRUPTED = 130
"""What a shell expects after Ctrl-C."""
FOREIGN = (
    ("sqlalchemy", {"ArgumentError", "NoSuchModuleError"}, WRONG_USE, "store.url cannot be used"),
    ("sqlalchemy", {"OperationalError", "InterfaceError", "DatabaseError"}, UNREACHABLE, "The database cannot be used"),
    ("redis", set[str](), UNREACHABLE, "The queue cannot be reached"),
)
"""Errors of libraries that a user can cause: where they are from, which (empty: all), exit status, and the sentence."""


class LazyGroup(click.Group):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command's name, in the order of the list."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under what they are for, each with its whole first sentence."""
        for title, names in SECTIONS.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name, command.get_short_help_str(LONGEST_LINE)) for name, command in found if command]
                )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was meant; for a wrong name the nearest is suggested."""
        import difflib

        if args and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f' Did you mean "{near[0]}"?' if near else " See --help."
            raise click.UsageError(f'There is no command "{args[0]}".{hint}')
        return super().resolve_command(ctx, args)


def _version() -> str:
    from bridge import __version__

    return __version__


cli = LazyGroup(
    "posthog-bridge",
    help="Takes people who were deactivated in Okta or Entra ID out of PostHog, and watches that they stay out.",
    params=[*shared_options(), click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True)],
    no_args_is_help=True,
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit status. What it writes is for this user only."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] not in (["test"], ["lint"]):
        os.umask(0o077)
    status = run_command(given)
    if status == INTERRUPTED:
        # Python kills a `-m` process at its end if Ctrl-C ever went through code that is run from text, as a dataclass
        # is made, even where it was caught; it forgets that when the next such code begins.
        # Source: CPython's `run_eval_code_obj` and `Py_RunMain`.
        exec("")  # noqa: S102 - nothing is in it
    sys.exit(status)


def run_command(arguments: list[str], context: Context | None = None) -> int:
    """Run one command, on a context of its own unless one is given; its exit status."""
    if arguments == ["--version"]:
        click.echo(_version())
        return DONE
    if not all(_is_text(word) for word in arguments):
        click.echo("One of the words is no UTF-8 text. Nothing was done.", err=True)
        return WRONG_USE
    try:
        result: Any = cli.main(
            arguments,
            prog_name="posthog-bridge",
            standalone_mode=False,
            obj=context or Context(),
            # Whoever sets NO_COLOR wants none; else a terminal decides. Source: no-color.org.
            color=False if os.environ.get("NO_COLOR") else None,
        )
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (Exception, KeyboardInterrupt) as error:
        told = _from_click(error) or _plainly(error)
        if told is None:
            raise
        status, sentence = told
        click.echo(sentence, err=True)
        return status
    return result if isinstance(result, int) else DONE


def _is_text(word: str) -> bool:
    """Whether it can be printed and kept: Python hides bytes that are no text in what a shell hands over."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_click(error: BaseException) -> tuple[int, str] | None:
    """The exit status and the text for a wrong use of the command line, or an end by Ctrl-C."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return WRONG_USE, error.format_message()
    if isinstance(error, click.UsageError):
        usage = error.ctx.get_usage() + "\n" if error.ctx else ""
        return WRONG_USE, usage + error.format_message()
    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return INTERRUPTED, "Interrupted."
    return None


def _plainly(error: BaseException) -> tuple[int, str] | None:
    """The exit status and the sentence for what a user can cause; `None` for a mistake of ours."""
    from bridge import refusals
    from bridge.config import ConfigError
    from bridge.ports import BoundaryError, Unavailable

    if isinstance(error, ConfigError):
        return WRONG_USE, "\n".join(error.problems)
    if isinstance(error, BoundaryError):
        said = str(error)
        stop = "" if not error.remedy or said[-1:] in ".!?:”" else "."
        sentence = f"{said}{stop} {error.remedy}".strip()
        return UNREACHABLE if isinstance(error, Unavailable) else NEEDS_A_PERSON, sentence
    if isinstance(error, OSError):
        return UNREACHABLE, f"{error.filename}: {refusals.why(error)}" if error.filename else str(error)
    # Only the store may import SQLAlchemy, and only the worker redis: their errors are known by where they are from.
    family, kind = {base.__module__.partition(".")[0] for base in type(error).__mro__}, type(error).__name__
    for origin, kinds, status, told in FOREIGN:
        if origin in family and (not kinds or kind in kinds):
            return status, f"{told}: {str(error).partition(chr(10))[0]}"
    return None
