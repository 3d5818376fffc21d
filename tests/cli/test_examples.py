"""The documents in docs/examples are what a run in the sandbox prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.cli import examples, run_command

pytestmark = pytest.mark.xdist_group("examples")  # they are made once
KEPT = Path(__file__).parent.parent.parent / "docs" / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("examples")
    assert run_command(["examples", "--folder", str(made)]) == 0
    return made


def steady(text: str) -> str:
    """Without what is new in each run: ids, hashes, numbers of objects."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"`[0-9a-f]{12}`|[0-9a-f]{64}|SHA-256 [0-9a-f]{12}", "HASH", text)
    return re.sub(r"(insights|notebooks)/[0-9a-f]{8}", r"\1/ID", text)


@pytest.mark.parametrize("name", examples.DOCUMENTS)
def test_the_documents_in_the_repository_are_what_is_printed_now(folder, name):
    assert steady((folder / name).read_text()) == steady((KEPT / name).read_text()), "run `python3 -m bridge examples`"


def test_they_are_all_there_is():
    assert {p.name for p in KEPT.iterdir()} == set(examples.DOCUMENTS)
