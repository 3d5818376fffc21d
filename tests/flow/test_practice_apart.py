"""What was practised never counts in a real organization, nor the other way round: they do not share a store."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge import bootstrap, config
from bridge.cli import run_command
from bridge.core.organization import Organization
from bridge.store import db as store
from bridge.store import targets
from tests.trees import PACKAGE

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
REAL = """
[targets.main]
organization_id = "01900000-0000-7000-8000-000000000000"
api_key_env = "POSTHOG_API_KEY"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def used(folder: Path) -> None:
    """The folder as the configuration that lies there has it, after a worker's first look at each target."""
    settings = config.load(None, folder / "data", {})
    (folder / "data").mkdir(exist_ok=True)
    bootstrap.prepare_store(settings)
    db = store.open_database(settings.store.url, settings.data_dir)
    with db.write() as tx:
        for name in settings.targets:
            seen = Organization(taken_at=AT, key_uuid="u-key", members=())
            targets.note_look(tx, targets.state(tx, name), seen, AT + timedelta(days=1))
    db.close()


def test_a_real_organization_does_not_go_on_with_what_was_practised(folder, capsys):
    used(folder)
    (folder / "config.toml").write_text(REAL)

    assert run_command(["cases"]) == 2
    told = capsys.readouterr().err
    assert "was practised in the sandbox, and the configuration names a real organization." in told
    assert "Choose another folder with --data; or remove " in told
    assert run_command(["--data", "real", "cases"]) == 0


def test_check_says_so_before_a_token_is_made(folder, capsys):
    used(folder)
    (folder / "config.toml").write_text(REAL)

    assert run_command(["check"]) == 3
    assert "practised in the sandbox" in " ".join(capsys.readouterr().out.split())


def test_run_starts_nothing_on_it_and_is_not_to_be_started_again(folder):
    used(folder)
    (folder / "config.toml").write_text(REAL)

    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "run", "--port", "0"],
        env={"PYTHONPATH": str(PACKAGE), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    assert "Ready" not in done.stdout
    assert "was practised in the sandbox" in done.stderr


def test_a_forgotten_config_option_does_not_practise_on_what_is_kept_of_a_real_organization(folder, capsys):
    (folder / "config.toml").write_text(REAL)
    used(folder)
    (folder / "config.toml").rename(folder / "moved.toml")

    assert run_command(["cases"]) == 2
    assert "is about main, and no configuration names that.\nName it with --config" in capsys.readouterr().err
    assert run_command(["--config", "moved.toml", "cases"]) == 0


def test_a_folder_that_no_worker_has_looked_from_yet_may_become_a_real_ones(folder):
    assert run_command(["cases"]) == 0
    (folder / "config.toml").write_text(REAL)
    assert run_command(["cases"]) == 0
