"""`test`, `lint` and `bench`: what a developer and CI run. One command each, the same for both."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import click

from bridge.cli.context import DONE, NEEDS_A_PERSON, WRONG_USE

ROOT = Path(__file__).parent.parent.parent
CHECKS = (
    ("ruff check", ("ruff", "check")),
    ("ruff format", ("ruff", "format", "--check")),
    ("mypy", ("mypy",)),
    ("import rules", ("importlinter.cli", "lint")),
)


def need(module: str) -> None:
    """Return only in a checkout that has it. Raises: `UsageError`."""
    if not (ROOT / "pyproject.toml").is_file() or not (ROOT / "tests").is_dir():
        raise click.UsageError("The tests are in the checkout, not in the installed package.")
    if importlib.util.find_spec(module) is None:
        raise click.UsageError(f"{module} is not installed: pip install -e '.[dev]'")


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Runs the test suite. Arguments go to pytest."""
    need("pytest")
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606 - no shell is wanted


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measures speed and memory on this machine. `bench --help` says what can be chosen."""
    if not (ROOT / "benchmarks").is_dir():
        raise click.UsageError("The benchmarks are in the checkout, not in the installed package.")
    sys.stdout.flush()
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *arguments], environ)  # noqa: S606 - no shell is wanted


@click.command()
def lint() -> int:
    """Runs the checks that need no test: lint, format, types, import rules."""
    need("ruff")
    failed = []
    for name, words in CHECKS:
        began = time.monotonic()
        command = _lint_imports() if words[0] == "importlinter.cli" else [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        verdict = "ok" if done.returncode == DONE else "FAILED"
        click.echo(f"{name:<14} {verdict} ({time.monotonic() - began:.1f} s)")
        if done.returncode:
            failed.append(name)
            click.echo(done.stdout + done.stderr)
    return NEEDS_A_PERSON if failed else DONE


def _lint_imports() -> list[str]:
    return [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]


__all__ = ["WRONG_USE", "bench", "lint", "test"]
