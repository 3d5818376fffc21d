"""What a `run` tells others while it lives: `run.json` in the data folder, and what it says to whoever started it.

May import: `config`, `login`, and the standard library.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from bridge.config import SANDBOX, Settings
from bridge.login import new_login_token

NAME = "run.json"
LONGEST_SHOWN = 120
"""Characters of a path in a sentence."""


def write(settings: Settings, *, url: str, tokens: Mapping[str, str], pids: Mapping[str, int]) -> None:
    """Say where the run is, for this user alone; the file is replaced whole.

    `tokens`: by connection, the sandbox's own only. `pids`: by part.
    """
    scim: dict[str, dict[str, str]] = {}
    for name in settings.connections:
        scim[name] = {"url": f"{url}/scim/v2/{name}"}
        if name in tokens:
            scim[name]["token"] = tokens[name]
    told: dict[str, Any] = {"url": url, "scim": scim}
    if settings.is_sandbox:
        told["sandbox"] = {"url": settings.targets[SANDBOX].url}
    told["admin"] = {"login_url": _login_url(settings.data_dir, url)}
    told["pids"] = dict(pids)
    file = settings.data_dir / NAME
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(told, out, indent=2)
    part.replace(file)


def is_there(data_dir: Path) -> bool:
    """Whether a run has said where it is."""
    return (data_dir / NAME).exists()


def remove(data_dir: Path) -> None:
    """Take it back."""
    (data_dir / NAME).unlink(missing_ok=True)


def have_streams() -> None:
    """Have standard streams, whatever we were started with: a closed one's number would go to the next file or socket."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def say(sentence: str) -> None:
    """One sentence to whoever started us; whether somebody still reads it changes nothing."""
    _write(sys.stderr, sentence)


def say_ready(settings: Settings, url: str, public_url: str) -> None:
    """The lines that say that everything does its work, on standard output."""
    _write(sys.stdout, "\n".join(_ready_lines(settings, url, public_url)))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        # Its reader has gone, such as `head`. Whoever stops for that leaves people in; what is not out yet goes nowhere.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
    except OSError:  # a full disk, for a while
        return


def _ready_lines(settings: Settings, url: str, public_url: str) -> list[str]:
    lines = [f"Ready: {url}"]
    if settings.is_sandbox:
        lines += [
            f"This is a sandbox: a PostHog organization to practise on, at {settings.targets[SANDBOX].url}",
            f"SCIM addresses and tokens for okta and entra are in {shown(settings.data_dir / NAME)}; Ctrl-C stops.",
        ]
    if sys.stdout.isatty():
        # A log would keep the link; who reads logs may not decide.
        lines.append(f"Status page (this link works once): {_login_url(settings.data_dir, public_url)}")
    else:
        lines.append("`admin link` makes a link to the status page.")
    return lines


def who_has(data_dir: Path) -> str:
    """One sentence about the `run` that has the data folder."""
    try:
        told = json.loads((data_dir / NAME).read_text(encoding="utf-8"))
        who = f" (process {told['pids']['supervisor']}, {told['url']})"
    except (OSError, ValueError, KeyError):
        who = ""
    return f"Another run works in {shown(data_dir)}{who}. Stop it, or choose another folder with --data."


@cache
def _login_url(data_dir: Path, url: str) -> str:
    """Where an administrator logs in, once; the same for as long as we run, so that a told link is not made void."""
    return f"{url}/login?token={new_login_token(data_dir)}"


def shown(file: Path) -> str:
    """The path as a person wants to read it: from here, and the end of it when it is endless."""
    here, path = Path.cwd(), str(file)
    if here != Path(here.anchor) and file.is_relative_to(here):  # from `/`, where a service starts, all paths are whole
        path = str(file.relative_to(here))
    return path if len(path) <= LONGEST_SHOWN else "…" + path[-LONGEST_SHOWN:]
