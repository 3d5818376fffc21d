"""`run` as a user meets it: real processes, one data folder, warm ends and cold ones."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from bridge.children import Child
from tests.trees import PACKAGE, Client, Run, answer, are_steady, children, command, is_alive, wait_until

pytestmark = pytest.mark.process

SECRET = "phx_only_for_workers"
CONFIG = """
[server]
port = 0
[targets.main]
url = "http://127.0.0.1:9"
organization_id = "01900000-0000-7000-8000-000000000000"
api_key_env = "POSTHOG_API_KEY"
[connections.okta]
kind = "okta"
targets = ["main"]
"""


def test_the_sandbox_comes_up_and_says_where(folder, runtime):
    run = Run(folder, "--port", "0")
    told = run.told
    assert run.ready.strip() == f"Ready: {told['url']}"
    assert run.file.stat().st_mode & 0o777 == 0o600
    assert answer(told["url"] + "/healthz") == 200
    assert answer(told["sandbox"]["url"] + "/_sandbox/members") == 200
    assert set(told["scim"]) == {"okta", "entra"}
    okta = told["scim"]["okta"]
    assert okta["url"] == told["url"] + "/scim/v2/okta"
    assert answer(okta["url"] + "/Users", okta["token"]) == 200
    assert told["admin"]["login_url"].startswith(told["url"])

    # A second run on the same folder says who has it, and does no harm.
    second = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "run", "--port", "0"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert second.returncode == 3
    assert f"(process {run.process.pid}, {told['url']})" in second.stderr
    assert second.stderr.count("\n") == 1

    # The web is started again on the same address, and whoever comes in between waits instead of being refused.
    web = run.pid("web")
    os.kill(web, signal.SIGKILL)
    assert answer(told["url"] + "/healthz") == 200
    wait_until(lambda: run.pid("web") != web)
    # So are the workers and the queue server.
    queue, worker = run.pid("queue"), run.pid("worker-1")
    os.kill(queue, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: run.pid("queue") != queue and run.pid("worker-1") != worker)
    # The other worker may end too when the queue goes; wait until nobody is started again any more.
    wait_until(lambda: are_steady(run))

    pids = run.told["pids"]
    pids.pop("supervisor")
    run.process.terminate()
    ended: dict[str, int] = {}
    order = 0
    while len(ended) < len(pids):
        order += 1
        ended.update({name: order for name, pid in pids.items() if name not in ended and not is_alive(pid)})
        time.sleep(0.001)
        assert order < 12_000, f"still there: {set(pids) - set(ended)}"
    assert run.stop() < 10
    assert ended["web"] < min(ended["worker-1"], ended["worker-2"])
    assert max(ended["worker-1"], ended["worker-2"]) < ended["sweep"] < ended["sandbox"] < ended["queue"]
    assert not run.file.exists()

    # Tokens of an earlier start open nothing.
    again = Run(folder, "--port", "0")
    url = again.told["scim"]["okta"]["url"] + "/Users"
    assert answer(url, okta["token"]) == 401
    assert answer(url, again.told["scim"]["okta"]["token"]) == 200
    again.stop()


def test_only_workers_have_the_key(tmp_path, runtime):
    (tmp_path / "config.toml").write_text(CONFIG)
    run = Run(tmp_path, POSTHOG_API_KEY=SECRET)
    told = run.told
    assert "token" not in told["scim"]["okta"]
    for name, pid in told["pids"].items():
        holds_key = SECRET.encode() in Path(f"/proc/{pid}/environ").read_bytes()
        assert holds_key == (name == "supervisor" or name.startswith("worker")), name
    run.stop()
    assert SECRET not in (tmp_path / "said").read_text()


def test_after_a_crash_the_rest_ends_and_the_queue_is_adopted(folder, runtime):
    run = Run(folder, "--port", "0")
    pids = run.told["pids"]
    run.process.kill()
    run.process.wait()
    run.process.stdout.close()
    others = [pid for name, pid in pids.items() if name not in {"queue", "supervisor"}]
    wait_until(lambda: not any(is_alive(pid) for pid in others))
    assert is_alive(pids["queue"])
    again = Run(folder, "--port", "0")
    assert again.pid("queue") == pids["queue"]
    again.stop()
    assert not is_alive(pids["queue"])


def refused(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode in {2, 3}
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_one_sentence(tmp_path, runtime):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused("run", "--port", str(port), folder=tmp_path)
    assert told == f"127.0.0.1:{port} cannot be listened on: Address already in use. Choose another --port or --host.\n"


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    told = refused("run", "--data", "file/data", folder=tmp_path)
    assert "cannot be used: Not a directory. Choose another folder with --data." in told
    assert told.count("\n") == 1


def test_a_configuration_mistake_is_told_before_anything_starts(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG.replace("okta", "my_okta"))
    assert "connections.my_okta: a name may hold only" in refused("run", folder=tmp_path)
    assert not (tmp_path / "data").exists()


def test_a_wrong_command_is_told_with_the_nearest(tmp_path):
    assert 'There is no command "rnu". Did you mean "run"?' in refused("rnu", folder=tmp_path)


@pytest.mark.parametrize("place", [["--data", "x", "db", "upgrade"], ["db", "upgrade", "--data", "x"]])
def test_the_data_folder_may_stand_before_or_after_the_command(tmp_path, place):
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", *place],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "The schema is at" in done.stdout
    assert (tmp_path / "x" / "bridge.db").exists()


def test_a_database_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bridge.db").write_text("not a database" * 100)
    told = refused("db", "upgrade", folder=tmp_path)
    assert "The database cannot be used" in told


def without_powers(*arguments: str, folder: Path) -> str:
    """What `run` says to a user who may not pass over permissions; root only can without these powers."""
    powerless = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*powerless, sys.executable, "-m", "bridge.cli", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    told = without_powers("run", "--port", "0", folder=tmp_path)
    assert told == "data cannot be used: Permission denied. Choose another folder with --data.\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_named_with_its_owner(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    os.chown(tmp_path / "data", 65534, 65534)
    told = without_powers("run", "--port", "0", folder=tmp_path)
    assert "data belongs to nobody, and this is root). Choose another folder with --data." in told


def test_a_path_that_is_too_long_is_one_sentence_that_fits_a_screen(tmp_path):
    told = refused("run", "--port", "0", "--data", "d" * 300, folder=tmp_path)
    assert told.startswith("…d")
    assert told.endswith("d cannot be used: File name too long. Choose another folder with --data.\n")
    assert len(told) < 250


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_at_the_start_is_one_sentence(tmp_path):
    (tmp_path / "data").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path / "data"], capture_output=True, check=False
    )
    if mounted.returncode:
        assert "CI" not in os.environ, mounted.stderr
        pytest.skip("nothing can be mounted here; in CI it can")
    try:
        told = refused("run", "--port", "0", folder=tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", tmp_path / "data"], check=True)
    assert "The database cannot be used: " in told
    assert "kB left." in told


@contextmanager
def begun(folder: Path, *command: str, output: IO[str] | int):
    """A `run` of which only its folder is looked at, and its end when it is told to."""
    with subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(PACKAGE)}, stdout=output, stderr=output
    ) as process:
        try:
            wait_until((folder / "data" / "run.json").exists, 30)
            yield process
        finally:
            process.terminate()
            assert process.wait(15) == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_run_that_was_started_without_standard_streams_works(folder, runtime, closed):
    program = f'exec "{sys.executable}" -m bridge.cli run --port 0 {closed}'
    with (folder / "said").open("w") as said, begun(folder, "/bin/sh", "-c", program, output=said):
        assert "Traceback" not in (folder / "said").read_text()


def test_when_nobody_reads_what_it_says_any_more_it_goes_on(folder, runtime):
    """As behind `run 2>&1 | head -1`: neither a line of ours nor one of the log may end or hinder anything."""
    reader, writer = os.pipe()
    with begun(folder, sys.executable, "-m", "bridge.cli", "run", "--port", "0", output=writer) as process:
        os.close(writer)
        os.close(reader)
        file = folder / "data" / "run.json"
        told = json.loads(file.read_text())
        os.kill(told["pids"]["worker-1"], signal.SIGKILL)
        wait_until(lambda: json.loads(file.read_text())["pids"]["worker-1"] not in {0, told["pids"]["worker-1"]})
        assert process.poll() is None
        okta, maya = Client(folder, token=told["scim"]["okta"]["token"]), "maya.okafor@example.com"
        okta.deactivate(okta.create(maya))
        wait_until(lambda: json.loads(command(folder, "cases", "--json"))[0]["state"] == "WATCHING", 30)


def test_what_nohup_ignores_stays_ignored(folder, runtime):
    program = f'trap "" HUP; exec "{sys.executable}" -m bridge.cli run --port 0'
    with begun(folder, "/bin/sh", "-c", program, output=subprocess.DEVNULL) as process:
        pids = json.loads((folder / "data" / "run.json").read_text())["pids"]
        for pid in pids.values():
            os.kill(pid, signal.SIGHUP)
        time.sleep(1.0)
        assert process.poll() is None
        assert json.loads((folder / "data" / "run.json").read_text())["pids"] == pids


def test_as_the_first_process_of_a_container_it_keeps_no_dead_ones(folder, runtime):
    inside = """
import os, sys, time
if os.fork() == 0:
    time.sleep(2.0)
    os.fork() or os._exit(0)  # its parent ends first, as a killed worker does
    os._exit(0)
os.execv(sys.executable, [sys.executable, "-m", "bridge.cli", "run", "--port", "0"])
"""
    command = ["unshare", "--pid", "--fork", "--kill-child=SIGTERM", sys.executable, "-c", inside]
    if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no process namespace may be made here")
    with begun(folder, *command, output=subprocess.DEVNULL) as process:
        (first,) = children(process.pid)
        time.sleep(3.0)
        dead = [pid for pid in children(first) if not is_alive(pid)]
        assert dead == []
        os.kill(first, signal.SIGTERM)
        assert process.wait(15) == 0


def test_a_store_of_a_newer_version_is_left_alone_and_no_service_manager_starts_on_it_again(tmp_path, runtime):
    Run(tmp_path, "--port", "0").stop()
    with closing(sqlite3.connect(tmp_path / "data" / "bridge.db")) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '0999'")
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli", "run", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "its schema is 0999, and this version of the bridge knows" in done.stderr


def test_a_child_that_is_killed_before_it_read_what_it_was_told_ends_nobody_else():
    """Its link is reset then, and not just closed: the supervisor ended with it."""
    theirs: list[socket.socket] = []
    child = Child("web", lambda link: theirs.append(link.dup()) or 0)
    child.start()
    child.go()
    theirs[0].close()
    child.read()
    assert child.link is None
    assert not child.is_ready
