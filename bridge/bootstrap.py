"""The composition root: settings in, one frozen `Bridge` out; and how every process logs.

The only place that knows which class stands behind which protocol. May import: everything below `cli` and `supervisor`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import re
import ssl
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import structlog

from bridge import queue_server
from bridge.clock import Agreed, BridgeClock
from bridge.config import SANDBOX, ConfigError, Settings, read_api_key
from bridge.core.events import address_key
from bridge.packing import packed
from bridge.ports import Bell, Bridge, Clock, Refused, Target
from bridge.store import db as store
from bridge.store import invites, members, surroundings, targets
from bridge.worker import RedisBell

SECRET_NAMES = re.compile(r"token(?!s?_)|secret|password|authorization|cookie|api_?key|bearer", re.IGNORECASE)
"""Log fields whose values are never written."""
SECRETS = re.compile(r"\b(?:ph[a-z]_\w+|(?:scim|operator)-[\w-]{16,}|Bearer\s+\S+)|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
"""PostHog's keys, our tokens, bearer headers, and passwords in URLs, wherever they stand."""
_AS_JSON = json.JSONEncoder(default=str, separators=(",", ":")).encode
ADDRESS = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    bell: Bell | None = None,
    db: store.Database | None = None,
    remote: Callable[[str], Target] | None = None,
    environ: Mapping[str, str] | None = None,
    patience_seconds: float = store.PATIENCE_SECONDS,
) -> Bridge:
    """Wire the objects. Nothing is connected and no key is read before somebody asks; parts may be given instead."""
    return Bridge(
        db=db or store.open_database(settings.store.url, settings.data_dir, patience_seconds=patience_seconds),
        clock=clock or system_clock(settings.data_dir),
        bell=bell or RedisBell(queue_url(settings)),
        connections=settings.connections,
        targets=settings.targets,
        policies=settings.policies,
        remote=remote or _remotes(settings, os.environ if environ is None else environ),
        max_body_bytes=settings.server.max_body_bytes,
        jitter=lambda: random.uniform(0.5, 1.5),  # noqa: S311 - back-off, not a secret
    )


def system_clock(data_dir: Path) -> BridgeClock:
    """The time that every process with this data folder goes by."""
    return BridgeClock(Agreed(data_dir))


def queue_url(settings: Settings) -> str:
    """The queue's URL: the configured one, or that of this data folder's own server."""
    return settings.queue.url or queue_server.url(settings.data_dir)


def prepare_store(settings: Settings) -> None:
    """Bring the schema to this version's and know every configured target; safe to do twice, and at the same time.

    Raises: `ConfigError` when practice and a real organization would share the store.
    """
    store.upgrade(settings.store.url, settings.data_dir)
    db = store.open_database(settings.store.url, settings.data_dir)
    try:
        with db.write() as tx:
            _keep_practice_apart(settings, targets.ever_seen(tx))
            targets.ensure(tx, list(settings.targets))
            for kept in (members, invites, surroundings):
                kept.forget_others(tx, list(settings.targets))
    finally:
        db.close()


def _keep_practice_apart(settings: Settings, seen: frozenset[str]) -> None:
    """In one store practice tokens would open the real organization, and who left in practice would leave there."""
    folder = settings.data_dir
    if settings.is_sandbox and seen - {SANDBOX}:
        raise ConfigError(
            f"What is kept in {folder} is about {', '.join(sorted(seen - {SANDBOX}))}, and no configuration names that.",
            "Name it with --config; or practise in another folder, with --data.",
        )
    if SANDBOX in seen and SANDBOX not in settings.targets:
        raise ConfigError(
            f"What is kept in {folder} was practised in the sandbox, and the configuration names a real organization.",
            f"Choose another folder with --data; or remove {folder}, if nothing but practice is in it.",
        )


def _remotes(settings: Settings, environ: Mapping[str, str]) -> Callable[[str], Target]:
    """Opens targets. A client is kept for as long as key and certificates stay the same: a changed file is noticed."""
    opened: dict[str, tuple[tuple[str, float], Target]] = {}

    @cache
    def context(ca_file: str, _changed_at: float) -> ssl.SSLContext:
        from bridge.remotes import http

        return http.ssl_context(ca_file)

    def remote(name: str) -> Target:
        from bridge.remotes.posthog import PostHogTarget

        target = settings.targets[name]
        try:
            key = read_api_key(target, environ)
        except ConfigError as error:
            # To a pass this is what a key that PostHog refuses is: the target waits until it is mended.
            raise Refused(401, "the API key cannot be read", remedy=str(error), is_target_wide=True) from error
        changed_at = _changed_at(target.ca_file)
        if name not in opened or opened[name][0] != (key, changed_at):
            posthog = PostHogTarget(
                url=target.url,
                organization_id=target.organization_id,
                api_key=key,
                context=context(target.ca_file, changed_at),
            )
            opened[name] = ((key, changed_at), posthog)
        return opened[name][1]

    return remote


def _changed_at(file: str) -> float:
    """When the file was changed last; 0 for none, and for one that is not there."""
    try:
        return Path(file).stat().st_mtime if file else 0.0
    except OSError:
        return 0.0


def told(part: str) -> structlog.typing.Processor:
    """Makes a line of what is said: who says it, how urgently and when; without tokens, keys and addresses.

    What is only practised is not told of, unless something is wrong. In one step, since each costs as much as what it does.
    """

    def line(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.pop("is_silent", False) and method == "info":
            raise structlog.DropEvent
        if "exc_info" in event:
            event = structlog.processors.format_exc_info(None, method, event)
        now = datetime.now(UTC).isoformat(timespec="microseconds")  # noqa: TID251 - a log tells the wall clock's time
        level = "error" if method == "exception" else method
        return {"part": part, **redacted(event), "level": level, "timestamp": now.replace("+00:00", "Z")}

    return line


def redacted(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same without tokens and keys, and with a hash in place of each address."""
    return {name: "[redacted]" if value and _is_secret(name) else _cleaned(value) for name, value in event.items()}


@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return SECRET_NAMES.search(name) is not None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        # One of these stands in all that the expression finds; to look for them takes a tenth of the time.
        if "_" in value or "scim-" in value or "Bearer" in value or "://" in value:
            value = SECRETS.sub("[redacted]", value)
        return ADDRESS.sub(_hashed, value) if "@" in value else value
    if isinstance(value, Mapping):
        return redacted({str(name): inner for name, inner in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, BaseException):
        return _cleaned(str(value))
    return value


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """The line as JSON in ASCII: what standard error is set to is not known."""
    line = packed(event, default=str).decode()
    return line if line.isascii() else _AS_JSON(event)


def _hashed(match: re.Match[str]) -> str:
    """Enough to follow one person through the log, without saying who it is."""
    return "person:" + hashlib.sha256(address_key(match[0]).encode()).hexdigest()[:12]


class _Lines:
    """Where our own lines go: straight to standard error. By way of `logging` each would take half as long again."""

    def __init__(self, *_names: str) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.exception = self._write

    def _write(self, line: str) -> None:
        # A full disk, or a pipe whose reader has gone: a line lost costs nothing, a transaction that it ends does.
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")


def set_up_logging(part: str) -> None:
    """One line per hop on standard error: JSON, or readable on a terminal. Other libraries' lines go the same way."""
    is_terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [structlog.contextvars.merge_contextvars, told(part)]
    last: structlog.typing.Processor = structlog.dev.ConsoleRenderer()
    if not is_terminal:
        last = _as_json
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("rq", "httpx", "httpcore", "alembic", "waitress"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A line for each request that waits for a thread is what a busy server needs least.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
