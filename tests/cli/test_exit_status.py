"""The command line as a process of its own: exit status, and no traceback for what a user can cause."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def process(tmp_path):
    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bridge.cli", "--data", str(tmp_path / "data"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environ},
        )

    return run


@pytest.mark.process
def test_exit_status_of_a_fresh_sandbox(process):
    told = {
        0: [("status",), ("cases",), ("audit", "verify"), ("remove", "a@example.com", "--dry-run")],
        1: [("case", "1"), ("cancel", "1", "--reason", "x"), ("todo", "done", "1")],
        2: [("remove", "a@example.com"), ("release", "1"), ("cases", "--state", "x"), ("link", "a")],
        3: [("check",)],
    }
    for status, commands in told.items():
        for command in commands:
            done = process(*command)
            assert done.returncode == status, (command, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr


@pytest.mark.process
def test_a_token_can_be_piped_and_output_has_no_colour_in_a_pipe(process):
    assert process("token", "create", "okta").stdout.count("\n") == 1
    assert "\x1b" not in process("status").stdout


@pytest.mark.process
def test_an_opened_case_is_there_for_the_next_command(process):
    assert process("remove", "a@example.com", "--yes").returncode == 0
    done = process("case", "1")
    assert done.returncode == 0
    assert "asked for the removal of a@example.com" in done.stdout


INTERRUPTED_IN_THE_MIDDLE_OF_A_CLASS = """
import bridge.cli

def command(*_):
    exec("raise KeyboardInterrupt")

bridge.cli.LazyGroup.get_command = command
bridge.cli.main(["status"])
"""


@pytest.mark.process
def test_ctrl_c_is_an_exit_status_wherever_it_comes(tmp_path):
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_IN_THE_MIDDLE_OF_A_CLASS)
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )

    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")


HUGE = "99999999999999999999"


@pytest.mark.parametrize(
    "words",
    [
        ("case", HUGE),
        ("undo", HUGE, "--reason", "x"),
        ("undo", "--batch", HUGE, "--reason", "x"),
        ("report", HUGE),
        ("checklist", HUGE),
        ("todo", "done", HUGE),
        ("cancel", HUGE, "--reason", "x"),
        ("release", "--batch", HUGE, "--digest", "x", "--reason", "x"),
        ("review", "sign", HUGE),
        ("audit", "export", "--case", HUGE),
        ("report", "--from", "9999-12-31", "--to", "9999-12-31"),
        ("cancel", "1", "--reason", "\udcff"),
        ("close-way", "invite", "\udcff", "--yes"),
        ("rehearse", "--email", "\udcff@example.com", "--yes"),
    ],
)
def test_what_no_database_counts_and_no_terminal_prints_is_wrong_use(ran, words):
    told = ran(*words)

    assert told.status == 2
    assert told.err
