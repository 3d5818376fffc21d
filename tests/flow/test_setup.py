"""The first start: what `.venv` is made for, when it is good enough, and what an old Python is told."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import __main__ as bootstrap
from bridge.__main__ import Checkout, asked_set, is_checkout

ROOT = Path(bootstrap.ROOT)
BARE = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    checkout = Checkout(str(tmp_path))
    Path(checkout.python).parent.mkdir(parents=True)
    Path(checkout.python).symlink_to(sys.executable)
    stamp(checkout, "run")
    return checkout


def stamp(checkout: Checkout, which: str) -> None:
    lines = (checkout.digest(), os.path.realpath(checkout.python), "{}.{}".format(*sys.version_info), which)
    Path(checkout.stamp).write_text("\n".join(lines))


def test_a_fresh_stamp_is_believed(checkout):
    assert checkout.is_fresh("run")


def test_the_smaller_set_does_not_serve_for_the_tests(checkout):
    assert not checkout.is_fresh("dev")


def test_the_bigger_set_serves_for_the_smaller(checkout):
    stamp(checkout, "dev")
    assert checkout.is_fresh("run")
    assert checkout.is_fresh("dev")


def test_a_changed_project_file_is_noticed(checkout):
    with (Path(checkout.root) / "pyproject.toml").open("a") as file:
        file.write("# one more\n")
    assert not checkout.is_fresh("run")


def test_another_python_behind_the_same_name_is_noticed(checkout, tmp_path):
    Path(checkout.python).unlink()
    shutil.copy(sys.executable, tmp_path / "python-other")
    Path(checkout.python).symlink_to(tmp_path / "python-other")
    assert not checkout.is_fresh("run")


@pytest.mark.parametrize("damage", ["", "one line", "a\nb\nc\nd\ne"])
def test_half_a_stamp_is_none(checkout, damage):
    Path(checkout.stamp).write_text(damage)
    assert not checkout.is_fresh("run")


def test_a_python_that_is_gone_is_noticed(checkout):
    Path(checkout.python).unlink()
    assert not checkout.is_fresh("run")


@pytest.mark.parametrize(
    ("arguments", "which"),
    [
        ([], "run"),
        (["run", "--port", "0"], "run"),
        (["test", "-k", "x"], "dev"),
        (["--data", "test", "run"], "run"),
        (["--config", "c.toml", "test"], "dev"),
        (["--data=x", "lint"], "dev"),
        (["--help"], "run"),
    ],
)
def test_the_set_is_known_from_the_command(arguments, which):
    assert asked_set(arguments) == which


def test_a_wheel_beside_a_strangers_project_is_no_checkout(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert not is_checkout(str(tmp_path))
    assert is_checkout(str(ROOT))


def test_an_interrupted_set_up_is_redone_from_the_start(checkout, monkeypatch):
    calls = []
    Path(checkout.lock).write_text("unfinished")
    monkeypatch.setattr(checkout, "make", lambda: calls.append("make"))
    monkeypatch.setattr(checkout, "fill", lambda which: calls.append(which) or "")
    checkout.set_up("dev")
    assert calls == ["make", "dev"]
    assert Path(checkout.lock).read_text() == ""
    assert checkout.is_fresh("dev")


def test_what_held_the_tests_needs_is_refilled_with_them(checkout, monkeypatch):
    calls = []
    stamp(checkout, "dev")
    with (Path(checkout.root) / "pyproject.toml").open("a") as file:
        file.write("# one more\n")
    monkeypatch.setattr(checkout, "fill", lambda which: calls.append(which) or "")
    checkout.set_up("run")
    assert calls == ["dev"]


def test_a_failure_tells_the_installers_last_lines_and_leaves_no_stamp(checkout, monkeypatch):
    monkeypatch.setattr(checkout, "fill", lambda _which: "ERROR: no matching distribution")
    with pytest.raises(SystemExit, match="no matching distribution"):
        checkout.set_up("dev")
    assert Path(checkout.lock).read_text() == "unfinished"
    assert not checkout.is_fresh("dev")


def test_an_old_python_can_read_the_file_as_far_as_its_sentence():
    tree = ast.parse((ROOT / "bridge" / "__main__.py").read_text(), feature_version=(3, 7))
    new_syntax = (ast.NamedExpr, ast.JoinedStr, ast.Match, ast.TryStar)
    assert not [node for node in ast.walk(tree) if isinstance(node, new_syntax)]
    futures = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert not futures


@pytest.mark.process
def test_two_first_starts_do_not_fight(tmp_path):
    """The second waits for the first: only one sets up, and both go on."""
    shutil.copytree(ROOT / "bridge", tmp_path / "bridge", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    program = (
        "import sys, time, os; sys.path.insert(0, '.'); from bridge import __main__ as m; c = m.Checkout(os.getcwd())\n"
        "def fill(which): time.sleep(0.5); print('filled', flush=True); return ''\n"
        "c.fill = fill; c.make = lambda: (os.makedirs(os.path.dirname(c.python)), os.symlink(sys.executable, c.python))\n"
        "c.set_up('run'); print('fresh', c.is_fresh('run'))"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [start.communicate(timeout=20) for start in starts]
    output = "".join(out for out, _ in told)
    assert output.count("filled") == 1
    assert output.count("fresh True") == 2
    assert "waiting for it" in "".join(err for _, err in told)
