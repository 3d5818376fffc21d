from __future__ import annotations

import click
import pytest

from bridge.cli import COMMANDS, HIDDEN, cli, run_command

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
