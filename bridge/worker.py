"""What there is of RQ: the bell, the two jobs, and the worker.

Redis may lose everything at any moment: the store is the agenda, the queue only rings. With `queue_server` the only file
that may name rq or redis. May import: `reconcile` and what lies below it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_registration import WORKERS_BY_QUEUE_KEY, register

from bridge.ports import Bridge, QueueState

QUEUE = "bridge"
"""All workers share one queue: only then does RQ take jobs with BLMOVE, which cannot lose one."""
JOB = "bridge.worker.look_after"
ASKING = "bridge.worker.inquire"
"""The only functions that a job may name."""
JOB_SECONDS = 120
"""A pass hands over after 30 s; what takes four times that hangs."""
ASKING_SECONDS = 1_200
"""Inquiries are slow on purpose, and make room when they are in somebody's way; twice their own limit is a hang."""
FAILURE_SECONDS = 60
"""How long a failed job can be looked at; RQ's own default is a year."""
TIMEOUT_SECONDS = 0.3
"""For each answer of Redis to the bell."""
PAUSE_SECONDS = 0.015
"""After a ring, until the next is sent: a stream of them would ask Redis as often as it answers."""
LOOK_SECONDS = 0.45
LOOK_TIMEOUT_SECONDS = 0.14
"""Connection and two answers stay below `LOOK_SECONDS`."""
REPEAT_SECONDS = 30.0
"""How often the same trouble is worth a line in the log."""
LONGEST_WAIT_SECONDS = 5.0
FOR_INQUIRIES = "Inquiries-"
"""Before a target's name, which has no capitals: what its inquiries are rung for by."""

log = structlog.get_logger()


class JobRefused(Exception):
    """A job named something else than our function."""


class BridgeJob(Job):
    """A job that can name one function and nothing else; whoever can write to Redis cannot choose what runs."""

    @property
    def func(self) -> Callable[..., Any]:
        """The function, looked up by us and never imported by name.

        Raises: `JobRefused`.
        """
        known = {JOB: look_after, ASKING: inquire}
        if self.func_name not in known or self.instance is not None:
            raise JobRefused(f"a job named {self.func_name!r}")
        return known[self.func_name]

    @property
    def success_callback(self) -> None:
        """None: a callback is a function name too."""

    @property
    def failure_callback(self) -> None:
        """None."""

    @property
    def stopped_callback(self) -> None:
        """None."""

    def restore(self, raw_data: Any) -> Any:
        """Read the job as stored, without webhooks: they would call any address."""
        restored = super().restore(raw_data)
        self.webhooks = []
        return restored


class BridgeWorker(Worker):
    """RQ's forking worker, with a fresh store in each fork."""

    max_connection_wait_time = LONGEST_WAIT_SECONDS
    log_result_lifespan = False
    when_forked: Callable[[], None] | None = None

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ's signature
        """Never suspended: one key in Redis must not stop removals for good, with nobody told."""

    @property
    def holder(self) -> str:
        """What this worker's claims are known by: nobody else's ever."""
        return self.name.rpartition("-")[2]

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that this worker lives, and register again when Redis has lost what it knew of it."""
        super().heartbeat(timeout, pipeline=pipeline)
        if pipeline is None and not self.connection.sismember(WORKERS_BY_QUEUE_KEY % QUEUE, self.key):
            self.connection.hset(self.key, mapping=self.serialize())
            register(self)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork, with the knowledge of which log the store has now."""
        if _wired is not None:
            _wired.db.remember_log()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run the job in the fork, on connections of its own; it ends with the supervisor, as the worker does."""
        global _holder  # noqa: PLW0603 - this fork's, and it does one job
        _holder = self.holder
        if _wired is not None:
            _wired.db.forget_connections()
        if self.when_forked is not None:
            self.when_forked()
        super().main_work_horse(job, queue)

    def handle_work_horse_killed(self, job: Job, retpid: Any, ret_val: Any, rusage: Any) -> None:  # noqa: ARG002 - RQ's signature
        """Have the dead fork's targets looked after at once; without this its claims would last out their lease."""
        log.warning("job_died", target=job.description, status=ret_val)
        from bridge import reconcile

        try:
            reconcile.let_go_of_dead(wired(), self.holder)
        except Exception as error:  # noqa: BLE001 - then the lease ends by itself
            log.warning("claims_kept", error=str(error))


def look_after(target: str) -> None:
    """The job: one pass over the target. A name that the configuration no longer has is dropped."""
    from bridge import inquiries, reconcile

    bridge = wired()
    if target not in bridge.targets:
        log.warning("job_dropped", target=target)
        return
    reconcile.run_pass(bridge, target, _holder)
    if isinstance(bridge.bell, RedisBell):
        if inquiries.are_wanted(bridge, target):
            bridge.bell.ring(FOR_INQUIRIES + target)
        # The fork ends at once; what it rang last would end with it.
        bridge.bell.flush()


def inquire(target: str) -> None:
    """The other job: inquiries about who left the target."""
    from bridge import inquiries

    bridge = wired()
    if target in bridge.targets:
        inquiries.run(bridge, target)


_wired: Bridge | None = None
_holder = ""


def wire(bridge: Bridge) -> None:
    """Give this process, and what it forks, its wired objects."""
    global _wired  # noqa: PLW0603 - a job can name a target and nothing else
    _wired = bridge


def wired() -> Bridge:
    """The wired objects of this process."""
    if _wired is None:
        raise RuntimeError("wire() first")
    return _wired


class RedisBell:
    """Rings by putting a job into the queue, beside the caller: one thread sends what many callers asked for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._condition = threading.Condition()
        self._wanted: dict[str, None] = {}
        self._is_sending = False
        self._thread: threading.Thread | None = None
        self._looker: threading.Thread | None = None
        self._state = QueueState(is_reachable=False)
        self._queue = _queue(self._url, TIMEOUT_SECONDS)
        self._told_at: float | None = None

    def ring(self, target: str) -> None:
        """Ask that some worker looks after the target soon. Returns at once and never raises."""
        try:
            if self._pid != os.getpid():
                self._start_afresh()
            with self._condition:
                self._wanted[target] = None
                if self._thread is None:
                    self._thread = threading.Thread(target=self._send_for_ever, name="bell", daemon=True)
                    self._thread.start()
                self._condition.notify_all()
        except Exception:
            log.exception("bell_failed", target=target)

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until what was rung is sent or given up, at most that long."""
        if self._pid == os.getpid():
            with self._condition:
                self._condition.wait_for(lambda: not self._wanted and not self._is_sending, timeout=seconds)

    def look(self) -> QueueState:
        """How the queue is; unreachable when it has not answered within half a second."""
        if self._pid != os.getpid():
            self._start_afresh()
        # In a thread, since no socket timeout bounds the look-up of a host's name.
        looker = self._looker
        if looker is None or not looker.is_alive():
            self._state = QueueState(is_reachable=False)
            looker = self._looker = threading.Thread(target=self._look, name="bell-look", daemon=True)
            looker.start()
        looker.join(LOOK_SECONDS)
        return self._state if not looker.is_alive() else QueueState(is_reachable=False)

    def _look(self) -> None:
        try:
            connection = connect(self._url, LOOK_TIMEOUT_SECONDS)
            with connection, connection.pipeline(transaction=False) as pipeline:
                pipeline.llen(self._queue.key)
                pipeline.smembers(WORKERS_BY_QUEUE_KEY % QUEUE)
                depth, keys = pipeline.execute()
                workers = connection.exists(*keys) if keys else 0
                self._state = QueueState(is_reachable=True, depth=depth, workers=int(workers))
        except (redis.RedisError, OSError):
            self._state = QueueState(is_reachable=False)

    def _send_for_ever(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted)
                wanted, self._wanted = tuple(self._wanted), {}
                self._is_sending = True
            try:
                for target in wanted:
                    self._send(target)
                self._told_at = None
            except Exception as error:  # noqa: BLE001 - a lost ring is harmless, a dead bell is not
                self._tell(error)
            with self._condition:
                self._is_sending = False
                self._condition.notify_all()
            time.sleep(PAUSE_SECONDS)  # what is rung meanwhile is sent together

    def _send(self, target: str) -> None:
        # A target's name has no underscore, so the beginning of a waiting job's id tells whose it is.
        if any(waiting.startswith(f"{target}_") for waiting in self._queue.get_job_ids()):
            return
        name = target.removeprefix(FOR_INQUIRIES)
        self._queue.enqueue_call(
            JOB if name == target else ASKING,
            args=(name,),
            timeout=JOB_SECONDS if name == target else ASKING_SECONDS,
            result_ttl=0,
            failure_ttl=FAILURE_SECONDS,
            job_id=f"{target}_{uuid.uuid4().hex}",
            description=target,
        )

    def _tell(self, error: Exception) -> None:
        now = time.monotonic()
        if self._told_at is None or now - self._told_at > REPEAT_SECONDS:
            self._told_at = now
            log.warning("queue_unreachable", error=str(error), note="harmless: the sweep rings again")


def connect(url: str, timeout_seconds: float | None = None) -> redis.Redis:  # type: ignore[type-arg, unused-ignore]
    """A client that tries once; RQ's worker sets its own, longer timeout."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds or 5.0,
        retry=Retry(NoBackoff(), 0),
    )


def _queue(url: str, timeout_seconds: float | None = None) -> Queue:
    return Queue(
        QUEUE,
        connection=connect(url, timeout_seconds),
        job_class=BridgeJob,
        serializer=JSONSerializer,
        default_timeout=JOB_SECONDS,
    )


def prepare(bridge: Bridge) -> None:
    """Do before the fork what each job would else do again: imports, the clients of the targets, a pass. Leaves the store closed."""
    from bridge import inquiries, warming  # noqa: F401 - so that no fork imports them

    wire(bridge)
    for target in bridge.targets:
        try:
            bridge.remote(target)
        except Exception as error:  # noqa: BLE001 - a missing key pauses that target when a pass meets it
            log.warning("target_not_ready", target=target, error=str(error))
    warming.warm_up(bridge)
    bridge.db.close()  # no open file of SQLite's may come into a fork
    gc.collect()
    # What is there before the fork stays shared: the collector would touch, and so copy, every page.
    gc.freeze()


def work(bridge: Bridge, url: str, when_forked: Callable[[], None] | None = None) -> None:
    """Answer the bell until SIGTERM; a job that runs is finished first. Waits for a Redis that is not there yet.

    `when_forked` is called in each fork that runs a job.
    """
    wire(bridge)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    _wait_for_redis(url)
    worker = BridgeWorker(
        [_queue(url)],
        name=f"{socket.gethostname().split('.')[0]}-{os.getpid()}-{uuid.uuid4().hex[:16]}",
        connection=connect(url),
        job_class=BridgeJob,
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=30,
        job_monitoring_interval=5,
        default_result_ttl=0,
        log_job_description=False,
    )
    worker.when_forked = when_forked
    worker.work(logging_level="WARNING")


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _wait_for_redis(url: str) -> None:
    pause, told_at = 0.05, None
    while True:
        try:
            with connect(url, 1.0) as connection:
                connection.ping()
        except (redis.RedisError, OSError) as error:
            if told_at is None or time.monotonic() - told_at > REPEAT_SECONDS:
                told_at = time.monotonic()
                log.warning("queue_unreachable", error=str(error), note="waiting for it")
        else:
            return
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_WAIT_SECONDS)
