from __future__ import annotations

from pathlib import Path

import click
import pytest

from bridge import run_file
from bridge.cli import COMMANDS, HIDDEN, cli, paper, run_command

FAMILIES = [name for name in COMMANDS if isinstance(cli.get_command(click.Context(cli), name), click.Group)]


def test_every_command_is_listed_under_what_it_is_for(capsys):
    assert run_command(["--help"]) == 0
    told = capsys.readouterr().out

    listed = {line.split()[0] for line in told.splitlines() if line.startswith("  ") and line[2:3].isalpha()}
    assert set(COMMANDS) - set(HIDDEN) <= listed
    assert not set(HIDDEN) & listed
    assert "..." not in told.partition("Options:")[2]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_list_of_commands_cuts_its_sentences_short(family, capsys):
    assert run_command([family, "--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_what_a_service_shows_can_be_typed_in_any_folder(monkeypatch):
    monkeypatch.chdir("/")  # where systemd starts it
    config, data = Path("/etc/posthog-bridge/config.toml"), Path("/var/lib/posthog-bridge")

    told = paper.spelled(config, data, is_installed=True)
    assert told == "posthog-bridge --config /etc/posthog-bridge/config.toml --data /var/lib/posthog-bridge"


def test_what_a_service_says_of_a_folder_is_its_whole_path(monkeypatch):
    monkeypatch.chdir("/")
    assert run_file.shown(Path("/var/lib/posthog-bridge")) == "/var/lib/posthog-bridge"


def test_in_a_checkout_paths_are_short(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_file.shown(tmp_path / "data") == "data"

    assert paper.spelled(None, tmp_path / "data" / "demo", is_installed=False) == "python3 -m bridge --data data/demo"
    assert paper.spelled(tmp_path / "config.toml", tmp_path / "data", is_installed=False) == "python3 -m bridge"


def test_what_is_no_number_is_refused_in_words(capsys):
    assert run_command(["undo", "abc"]) == 2
    assert "'abc' is not a valid number." in capsys.readouterr().err


@pytest.mark.parametrize(("wrong", "proposed"), [("--kind", []), ("--prot", ["--port"])])
def test_only_what_the_help_lists_is_proposed(capsys, wrong, proposed):
    assert run_command(["web", wrong, "1"]) == 2
    told = capsys.readouterr().err
    assert f"No such option '{wrong}'" in told
    assert [name for name in ("--link", "--listen", "--port") if name in told] == proposed
