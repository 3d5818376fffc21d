"""The house rules that can be checked by machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.core.plan import HoldCode

ROOT = Path(__file__).parent.parent
SOURCES = sorted(p for p in (ROOT / "bridge").rglob("*.py") if "migrations/versions" not in p.as_posix())
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "service"}


def test_the_import_rules_hold():
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_file_grows_past_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def test_the_migrations_are_one_chain_in_the_order_of_their_names():
    """Two with the same number, or the same parent, and no store can be opened any more."""
    files = sorted((ROOT / "bridge" / "store" / "migrations" / "versions").glob("[0-9]*.py"))
    said = [
        dict(re.findall(r'^(revision|down_revision) = "?(\w+)"?', path.read_text(), re.MULTILINE)) for path in files
    ]
    numbers = [path.name.partition("_")[0] for path in files]

    assert [each["revision"] for each in said] == numbers
    assert [each["down_revision"] for each in said] == ["None", *numbers[:-1]]


def test_no_file_is_named_for_what_it_is_not():
    assert [p for p in SOURCES if p.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_why_it_exists():
    silent = [p for p in SOURCES if p.read_text().strip() and ast.get_docstring(ast.parse(p.read_text())) is None]

    assert silent == []


def test_every_hold_code_is_documented():
    rows = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "safeguards.md").read_text(), re.MULTILINE))

    assert rows == {code.value for code in HoldCode}


def test_the_way_in_imports_nothing_that_must_be_installed():
    """`python3 -m bridge` has to work before set-up."""
    for name in ("__init__.py", "__main__.py"):
        tree = ast.parse((ROOT / "bridge" / name).read_text())
        top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        names = {a.name.split(".")[0] for n in top if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or "").split(".")[0] for n in top if isinstance(n, ast.ImportFrom)}

        assert names <= set(sys.stdlib_module_names) | {"bridge"}


def test_nothing_of_a_developers_machine_is_in_the_repository():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    traces = re.compile(r"/(home|root)/\w|/private/tmp/")
    found = [
        name
        for name in tracked.stdout.split()
        if (ROOT / name).is_file() and traces.search((ROOT / name).read_text(errors="ignore"))
    ]

    assert [f for f in found if f != "tests/test_house.py"] == []
