"""The benchmarks work: each part that can be measured in seconds is measured, shortly. What comes out is never judged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from benchmarks import figures
from tests.trees import PACKAGE

pytestmark = pytest.mark.process


def measured(tmp_path, *arguments: str) -> tuple[list[dict], str]:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", str(file), "--folder", str(tmp_path), *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text())["rows"], done.stdout


def quantities(rows: list[dict]) -> set[str]:
    return {unit for row in rows for unit in row["figures"]}


@pytest.mark.skipif(shutil.which("wrk") is None and "CI" not in os.environ, reason="no wrk (apt-get install wrk)")
def test_the_intake_is_measured_beside_a_plain_insert(tmp_path):
    rows, said = measured(tmp_path, "--only", "intake")

    assert quantities(rows) == {"/s", "p50 ms", "p99 ms", "x plain", "MB"}
    assert len(rows) == 5
    assert all(runs > 0 for row in rows for figure in row["figures"].values() for runs in figure["runs"])
    assert "PATCH active" in said


def test_a_removal_is_timed_from_the_bell_and_from_the_request(tmp_path):
    rows, _ = measured(tmp_path, "--only", "removal")

    assert [row["what"] for row in rows] == [
        "from the bell to the DELETE",
        "from the IdP's request to the removal",
    ]


def test_medians_and_spread_are_shown_run_by_run():
    row = figures.Row(part="p", what="w", values={"/s": [1000.0, 3000.0, 1250.0], "MB": [9.5]})

    assert row.shown().split("w ", 1)[1].strip() == "1,250 /s (1,000 to 3,000)   9.50 MB"
    assert row.as_json()["figures"]["/s"] == {"median": 1250.0, "runs": [1000.0, 3000.0, 1250.0]}
    assert figures.ratios([10, 30], [5, 10]) == [2.0, 3.0]
