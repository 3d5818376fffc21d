"""The public SCIM validators that can be run here, as programs and libraries, with nothing excused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from tests.web.conftest import scim_client
from tests.web.serving import served

SANITY = Path(sys.executable).parent / "scim-sanity"


@pytest.mark.parametrize("name", ["okta", "entra"])
def test_scim2_tester_finds_nothing_to_complain_of(bridge, app, name):
    client = scim_client(bridge, app, name)
    scim = WSGISCIMClient(
        app,
        base_url=f"https://bridge.example.com/scim/v2/{name}",
        headers={"Authorization": f"Bearer {client.token}"},
    )

    results = check_server(scim)

    complaints = [(each.title, each.status.name, each.reason) for each in results if each.status is not Status.SUCCESS]
    assert complaints == []
    assert len(results) >= 90
    checked = {str(each.resource_type) for each in results}
    assert {"User", "Group"} <= checked


@pytest.mark.process
@pytest.mark.parametrize("name", ["okta", "entra"])
def test_scim_sanity_in_strict_mode_fails_nothing(bridge, app, name):
    client = scim_client(bridge, app, name)
    with served(bridge) as url:
        done = subprocess.run(
            [
                SANITY,
                "probe",
                f"{url}/scim/v2/{name}",
                "--token",
                client.token,
                "--strict",
                "--i-accept-side-effects",
                "--user-domain",
                "example.com",
                "--json-output",
            ],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    report = json.loads(done.stdout)
    unmet = [each for each in report["results"] if each["status"] not in {"pass", "skip"}]
    assert unmet == []
    assert done.returncode == 0
    assert report["summary"]["passed"] >= 28
    # The skipped ones are drafts about resource types that are neither people nor groups.
    assert all("Agent" in each["name"] for each in report["results"] if each["status"] == "skip")
