"""Bad days with real processes: Redis away or emptied, a locked or full store, a clock that is set, the tree killed."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from bridge import queue_server
from tests.conftest import KEY
from tests.players import BEN, MAYA
from tests.trees import PATCH_OUT, PROGRAM, Client, Posthog, Run, command, is_alive, processes_of, wait_until

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
QUICK = {"settle": "0s", "watch_first": ["1s"], "watch_every": "2s"}


@pytest.fixture
def posthog():
    served = Posthog()
    yield served
    served.close()


@pytest.fixture
def started(tmp_path, runtime, posthog):
    """A bridge that works on the sandbox, started by the test and stopped after it."""
    posthog.config(tmp_path, **QUICK)
    runs: list[Run] = []

    def start(program: tuple[str, ...] = PROGRAM, **environ: str) -> Run:
        runs.append(Run(tmp_path, program=program, POSTHOG_API_KEY=KEY, **environ))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(15)
        run.process.stdout.close()
    assert processes_of(tmp_path) == []


def is_out(posthog: Posthog, address: str) -> bool:
    return posthog.world.membership(address) is None


def cases(folder: Path) -> list[dict]:
    return json.loads(command(folder, "cases", "--json"))


def test_with_a_queue_that_hangs_every_answer_comes_at_once_and_the_event_is_safe(tmp_path, started, posthog):
    run = started()
    okta = Client(tmp_path)
    ids = [okta.create(address) for address in (MAYA, BEN)]
    # Worse than a dead one: it takes connections and never answers.
    os.kill(run.pid("queue"), signal.SIGSTOP)
    try:
        for record_id in ids:
            began = time.monotonic()
            assert okta.ask("PATCH", f"/Users/{record_id}", PATCH_OUT)[0] == 200
            assert time.monotonic() - began < 1.0, "the promise of the contract"
        assert [case["state"] for case in cases(tmp_path)] == ["PENDING", "PENDING"]
    finally:
        os.kill(run.pid("queue"), signal.SIGCONT)
    wait_until(lambda: is_out(posthog, MAYA) and is_out(posthog, BEN), 30)


def test_an_emptied_queue_costs_nothing_and_the_workers_are_counted_again(tmp_path, started, posthog):
    run = started()
    okta = Client(tmp_path)
    with redis.Redis.from_url(queue_server.url(tmp_path / "data")) as queue:
        queue.flushall()
        okta.deactivate(okta.create(MAYA))
        queue.flushall()
        wait_until(lambda: is_out(posthog, MAYA), 30)
    workers = lambda: json.loads(command(tmp_path, "status", "--json", statuses=(0, 1)))["queue"]["workers"]  # noqa: E731
    wait_until(lambda: workers() == 2, 40)
    assert run.process.poll() is None


@pytest.mark.parametrize(("connection", "status"), [("okta", 429), ("entra", 503)])
def test_a_store_locked_by_a_stranger_is_asked_for_again_in_the_callers_own_words(
    tmp_path, started, posthog, connection, status
):
    started()
    client = Client(tmp_path, connection)
    record_id = client.create(MAYA)
    stranger = sqlite3.connect(tmp_path / "data" / "bridge.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    assert client.ask("PATCH", f"/Users/{record_id}", PATCH_OUT)[0] == status
    stranger.rollback()
    stranger.close()
    assert client.ask("GET", f"/Users/{record_id}")[1]["active"] is True, "refused, so nothing may have changed"
    assert cases(tmp_path) == []
    client.deactivate(record_id)
    wait_until(lambda: is_out(posthog, MAYA), 30)


@contextmanager
def no_room(folder: Path, run: Run):
    """The store's disk is full: on a small disk of its own where one can be mounted, else by a limit on file sizes."""
    filler = folder / "filler"
    if is_small(folder):
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        yield
        filler.unlink()
    else:
        web = run.pid("web")
        before = resource.prlimit(web, resource.RLIMIT_FSIZE)
        largest = max((folder / name).stat().st_size for name in ("bridge.db-wal", "bridge.db"))
        resource.prlimit(web, resource.RLIMIT_FSIZE, (min(largest, 16_384), before[1]))
        yield
        resource.prlimit(web, resource.RLIMIT_FSIZE, before)


def is_small(folder: Path) -> bool:
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize < 64 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", folder], capture_output=True, check=False
    )
    yield folder
    if mounted.returncode == 0:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_keeps_nothing_half_and_the_caller_comes_again(tmp_path, small_disk, started, posthog):
    run = started()
    okta, entra = Client(tmp_path, "okta"), Client(tmp_path, "entra")
    okta_id, entra_id = okta.create(MAYA), entra.create(BEN)
    with no_room(small_disk, run):
        refusals = [okta.ask("PATCH", f"/Users/{okta_id}", PATCH_OUT)[0] for _ in range(3)]
        assert refusals == [429] * 3
        assert entra.ask("PATCH", f"/Users/{entra_id}", PATCH_OUT)[0] == 503
        assert okta.ask("GET", f"/Users/{okta_id}")[1]["active"] is True
    assert cases(tmp_path) == []
    okta.deactivate(okta_id)
    entra.deactivate(entra_id)
    wait_until(lambda: is_out(posthog, MAYA) and is_out(posthog, BEN), 40)
    assert json.loads(command(tmp_path, "audit", "verify", "--json"))["holds"]


@pytest.fixture(scope="session")
def stepped_clock(tmp_path_factory) -> Path:
    """A library that puts a process's wall clock off by what a file says."""
    library = tmp_path_factory.mktemp("clock") / "stepped_clock.so"
    source = Path(__file__).parent / "stepped_clock.c"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    except FileNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no C compiler here; CI has one")
    return library


@pytest.mark.parametrize("step", [-7_200, 7_200])
def test_a_clock_that_is_set_under_a_running_bridge_neither_delays_a_removal_nor_ends_a_watch(
    tmp_path, started, posthog, stepped_clock, step
):
    posthog.config(tmp_path, settle="3s", watch_first=["1s"], watch_every="2s", watch_for="1h")
    offset = tmp_path / "offset"
    offset.write_text("0")
    run = started(LD_PRELOAD=str(stepped_clock), STEPPED_CLOCK=str(offset))
    okta = Client(tmp_path)
    okta.deactivate(okta.create(MAYA))
    wait_until(lambda: is_out(posthog, MAYA), 30)
    okta.deactivate(okta.create(BEN))
    offset.write_text(str(step))
    wait_until(lambda: is_out(posthog, BEN), 30)
    # She is watched for an hour; the clock says that two have gone by, or that the hour begins later.
    assert posthog.world.login(MAYA).outcome == "jit"
    wait_until(lambda: is_out(posthog, MAYA), 30)
    assert '"clock stepped"' in run.said
    assert f'"seconds":{step}' in run.said


def test_a_web_process_that_hangs_is_replaced_and_whoever_waits_is_answered(tmp_path, started, posthog):
    impatient = "from bridge import pulse; pulse.EVERY_SECONDS = 0.3; from bridge.cli import main; main()"
    run = started(program=("-c", impatient))
    okta = Client(tmp_path)
    record_id, web = okta.create(MAYA), run.pid("web")
    os.kill(web, signal.SIGSTOP)  # as a debugger does

    assert okta.ask("PATCH", f"/Users/{record_id}", PATCH_OUT)[0] == 200
    assert not is_alive(web)
    assert "web runs, and has answered nothing for 2.4 s: it hangs, and is killed." in run.said
    assert "web ended; it is started again." in run.said
    wait_until(lambda: is_out(posthog, MAYA), 20)


def test_after_the_whole_tree_was_killed_the_next_start_goes_on_where_it_was(tmp_path, started, posthog):
    posthog.slow_seconds = 0.4
    run = started()
    okta = Client(tmp_path)
    for address in (MAYA, BEN):
        okta.deactivate(okta.create(address))
    wait_until(run.forks, 20)
    pids = [*run.told["pids"].values(), *run.forks()]
    for pid in pids:
        run.kill(pid)
    run.process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    started()
    wait_until(lambda: is_out(posthog, MAYA) and is_out(posthog, BEN), 40)


def test_a_supervisor_that_is_killed_takes_the_fork_that_does_a_job_with_it(tmp_path, started, posthog):
    posthog.slow_seconds = 5.0
    run = started()
    okta = Client(tmp_path)
    okta.deactivate(okta.create(MAYA))
    wait_until(run.forks, 20)
    forks, queue = run.forks(), run.pid("queue")
    run.process.kill()
    wait_until(lambda: not any(is_alive(fork) for fork in forks))
    wait_until(lambda: processes_of(tmp_path) == [queue], 15)
    os.kill(queue, signal.SIGKILL)
    wait_until(lambda: not is_alive(queue))


def test_a_worker_that_is_killed_leaves_its_fork_to_finish(tmp_path, started, posthog):
    posthog.slow_seconds = 1.5
    run = started()
    okta = Client(tmp_path)
    okta.deactivate(okta.create(MAYA))
    wait_until(run.forks, 20)
    (fork,) = run.forks()
    for name in ("worker-1", "worker-2"):
        run.kill(run.pid(name))
    wait_until(lambda: is_out(posthog, MAYA), 20)
    assert [status for _, status, _ in posthog.removals()] == [204]
    wait_until(lambda: not is_alive(fork), 20)


def test_a_store_that_is_taken_away_under_a_running_bridge_stops_it(tmp_path, started):
    run = started()
    (tmp_path / "data" / "bridge.db").rename(tmp_path / "elsewhere.db")
    # 2: deploy/systemd does not start it again, on an empty store.
    assert run.process.wait(20) == 2
    assert "bridge.db was removed or replaced while the bridge ran, so it stops" in run.said


def test_a_log_of_the_store_that_is_taken_away_stops_it_and_loses_nothing(tmp_path, started):
    """Before, what was acknowledged from then on was gone after the next start, and nobody was told."""
    run = started()
    okta = Client(tmp_path)
    okta.create(MAYA)
    (tmp_path / "data" / "bridge.db-wal").unlink()
    # Whatever is said about him, a success must be true.
    is_ben_in = okta.ask("POST", "/Users", {"schemas": [USER], "userName": BEN, "externalId": "b"})[0] == 201
    assert run.process.wait(20) == 2
    assert "was removed or replaced while the bridge ran" in run.said
    started()
    for address, is_in in ((MAYA, True), (BEN, is_ben_in)):
        wanted = quote(f'userName eq "{address}"')
        assert okta.insist("GET", f"/Users?filter={wanted}")[1]["totalResults"] == is_in


def test_a_queue_server_whose_socket_was_tidied_away_is_replaced(tmp_path, started, posthog):
    """A log-out removes the user's runtime folder, and other programs tidy `/tmp`. Before, nobody was removed any more."""
    run = started()
    okta, before = Client(tmp_path), run.pid("queue")
    queue_server.socket_path(tmp_path / "data").unlink()
    okta.deactivate(okta.create(MAYA))
    wait_until(lambda: is_out(posthog, MAYA), 30)
    assert run.pid("queue") != before
    assert not is_alive(before)


def test_a_queue_server_whose_folder_went_away_stops_the_run_which_says_so(tmp_path, started, runtime):
    run = started()
    runtime.rename(runtime.with_name(f"{runtime.name}-gone"))
    try:
        assert run.process.wait(20) == 3
        assert "is gone, so the bridge stops" in run.said
    finally:
        runtime.with_name(f"{runtime.name}-gone").rename(runtime)
