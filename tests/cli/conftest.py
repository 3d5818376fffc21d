"""The command line on the tests' own `Bridge`, in this process: exit status, standard output and standard error."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from bridge.cli import run_command
from bridge.cli.context import Context
from bridge.config import Queue, Server, Settings, Store


@dataclass
class Ran:
    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Standard output as one line, however it was wrapped."""
        return " ".join(self.out.split())

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def settings(bridge, tmp_path) -> Settings:
    return Settings(
        server=Server(),
        store=Store(url=f"sqlite:///{tmp_path}/bridge.db"),
        queue=Queue(),
        connections=bridge.connections,
        targets=bridge.targets,
        policies=bridge.policies,
        data_dir=tmp_path,
    )


@pytest.fixture
def ran(bridge, settings, capsys, monkeypatch):
    """Runs one command line and gives what came of it."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("USER", "lea")
    monkeypatch.delenv("SUDO_USER", raising=False)

    def run(*arguments: str, **changed) -> Ran:
        context = Context()
        context.__dict__["_bridge"] = replace(bridge, **changed)
        context.__dict__["_settings"] = settings
        capsys.readouterr()
        status = run_command(list(arguments), context)
        said = capsys.readouterr()
        return Ran(status=status, out=said.out, err=said.err)

    return run
