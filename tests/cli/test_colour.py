"""Colour is for terminals, and for nobody who does not want it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent.parent


def on_a_terminal(folder: Path, **environ: str) -> str:
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with os.fdopen(theirs, "w") as terminal:
        subprocess.run(
            [sys.executable, "-m", "bridge.cli", "--data", str(folder), "status"],
            env=inherited | {"PYTHONPATH": str(PACKAGE), **environ},
            stdout=terminal,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=30,
        )
    with os.fdopen(ours, "rb", buffering=0) as said:
        return said.read(65_536).decode()


@pytest.mark.parametrize(("environ", "is_coloured"), [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_respected(tmp_path, environ, is_coloured):
    told = on_a_terminal(tmp_path, **environ)

    assert "person" in told
    assert ("\x1b[" in told) == is_coloured


def test_json_lets_nothing_steer_a_terminal(capsys):
    from bridge.cli import paper

    paper.as_json({"name": "x\u202ey\x9b31m\u2066 é"})

    assert capsys.readouterr().out == '{\n  "name": "x\\u202ey\\u009b31m\\u2066 é"\n}\n'
