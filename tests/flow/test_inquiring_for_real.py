"""Inquiries as they run: a job of their own, after a pass, in the workers that `run` starts."""

from __future__ import annotations

import json

import pytest

from tests.trees import Run, command, wait_until

pytestmark = pytest.mark.process


def test_after_an_emergency_the_workers_collect_what_is_to_be_known(folder, runtime):
    run = Run(folder, "--port", "0")
    try:
        told = ("--yes", "--reason", "security_incident")
        command(folder, "remove", "ivan.petrov@example.com", "--emergency", *told)

        def case() -> dict:
            return json.loads(command(folder, "case", "1", "--json"))

        wait_until(lambda: (case()["handover"] or {}).get("deeds", {}).get("count"), 30, run.said)
        found = case()
        assert found["handover"]["before"]["level"] == "admin"
        assert found["handover"]["left_behind"]["kinds"]["hog_functions"] == 2
        assert found["checklist"]["template"] == "emergency"
        assert "# Incident report: ivan.petrov@example.com" in command(folder, "report", "1", "--incident")
    finally:
        run.stop()
