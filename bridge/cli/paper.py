"""What the commands print: plain lines, wrapped and aligned, colour on a terminal only, nothing that steers one."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from bridge.cli.context import DATA, Context
from bridge.core.wording import printable

NARROW, WIDE = 60, 100
"""Columns: text is wrapped within these, however wide the terminal is."""
IS_INSTALLED = not (Path(__file__).parent.parent.parent / "pyproject.toml").is_file()
"""From a wheel there is no checkout whose folder `python3 -m bridge` could be called in."""
MOST_NAME = 100
"""Characters of an operator's name: the audit log's column holds 128 with its prefix."""


class Number(click.IntRange):
    """A whole number within bounds, both included. Said of what is none: "'x' is not a valid number"."""

    name = "number"


NUMBER = Number(1, 2**63 - 1)
"""The number of a case, a batch, a to-do, a review or a token, as far as a database counts."""


def width() -> int:
    """The columns to print in."""
    return min(WIDE, max(NARROW, shutil.get_terminal_size((WIDE, 24)).columns))


def line(text: str = "", *, indent: int = 0, err: bool = False, **style: Any) -> None:
    """Print one paragraph, wrapped. Each line is made printable before it is coloured."""
    room = max(20, width() - indent)
    for part in textwrap.wrap(printable(text), room, break_long_words=False, break_on_hyphens=False) or [""]:
        click.echo(click.style(" " * indent + part, **style) if style else " " * indent + part, err=err)


def field(name: str, text: str) -> None:
    """Print a name and what there is to say of it, side by side."""
    parts = textwrap.wrap(printable(text), width() - 13, break_long_words=False, break_on_hyphens=False) or [""]
    for number, part in enumerate(parts):
        label = printable(name)[:40] if number == 0 else ""
        click.echo(click.style(f"{label:<12} ", bold=True) + part)


def hanging(text: str, indent: int) -> None:
    """Print a paragraph whose first line goes on where the cursor stands, `indent` columns in."""
    parts = textwrap.wrap(printable(text), width() - indent, break_long_words=False, break_on_hyphens=False) or [""]
    click.echo(("\n" + " " * indent).join(parts))


def command_line(text: str, *, indent: int = 0) -> None:
    """Print a command to copy: never wrapped, so that it can be pasted as it is."""
    click.echo(" " * indent + click.style(printable(text), fg="cyan"))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns. On a terminal the last one is cut to fit; in a pipe nothing is lost."""
    cells = [tuple(printable(c) for c in row) for row in (headings, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for number, row in enumerate(cells):
        text = "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        if sys.stdout.isatty() and len(text) > width():
            text = text[: width() - 1] + "…"
        click.echo(click.style(text, bold=True) if number == 0 else text)


STEERING = re.compile("[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters that JSON lets stand, and those that turn the direction of what is shown."""


def as_json(value: Any) -> None:
    """Print JSON, in which nothing that steers a terminal stands as itself."""
    click.echo(_spelled_out(json.dumps(value, ensure_ascii=False, indent=2)))


def as_json_line(value: Any) -> None:
    """The same in one line."""
    click.echo(_spelled_out(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))


def _spelled_out(text: str) -> str:
    return STEERING.sub(lambda c: f"\\u{ord(c[0]):04x}", text)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def operator_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--as`, as the argument `by`: whose decision it is, for the audit log."""
    return click.option(
        "--as",
        "by",
        metavar="NAME",
        callback=_operator,
        help="Who decides, for the audit log. [default: the user of this machine]",
    )(function)


def program(context: Context) -> str:
    """How this command line is called again, with the configuration and data folder that were chosen."""
    return spelled(context.config_file, None if context.data_dir == DATA else context.data_dir)


def spelled(config_file: Path | None, data_dir: Path | None, *, is_installed: bool = IS_INSTALLED) -> str:
    """The program with those choices, as seen from this folder; what would be found here anyway is left out.

    Once installed it goes by its own name, and its files by their whole paths: a service's folder is no reader's.
    """
    words = ["posthog-bridge"] if is_installed else ["python3", "-m", "bridge"]
    shown = _whole if is_installed else _from_here
    if config_file is not None and config_file.absolute() != Path("config.toml").absolute():
        words += ["--config", shown(config_file)]
    if data_dir is not None and data_dir.absolute() != DATA.absolute():
        words += ["--data", shown(data_dir)]
    return shlex.join(words)


def _whole(path: Path) -> str:
    return str(path.absolute())


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _operator(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str:
    name = (value if value is not None else _user()).strip()
    if not name or len(name) > MOST_NAME or printable(name) != name:
        raise click.BadParameter(f"a name of 1 to {MOST_NAME} visible characters is needed.")
    return name


def _user() -> str:
    """Whoever this machine says is at work, also where cron or a service leaves the environment empty."""
    named = os.environ.get("SUDO_USER") or os.environ.get("USER")
    with suppress(KeyError):  # a container may run as a user without a name
        return named or pwd.getpwuid(os.getuid()).pw_name
    return "operator"
