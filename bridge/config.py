"""The configuration: TOML, environment and secret files in; frozen `Settings` out, or every mistake at once.

By hand and not with pydantic: each of the bridge's processes would pay about 190 ms for importing it and building the
models, on a start that must take less than two seconds. Never reads an API key; `read_api_key` does, when a worker asks.
May import: `connecting`, `targeting`, `reading`, `ports`, `core`.
"""

from __future__ import annotations

import ipaddress
import json
import stat
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge import connecting, reading, targeting
from bridge.core.policy import IncidentOf, Mode, OnReactivate, OnReturn, OnSuspend, Policy
from bridge.ports import Connection, TargetSettings
from bridge.reading import Table

SECTIONS = ("server", "store", "queue", "policy", "targets", "connections")
LATER = ("notify", "admin")
"""Sections that the contract names and this version does not act on: refused, since a key without effect misleads."""
is_loopback = targeting.is_loopback
SANDBOX = targeting.SANDBOX
SANDBOX_ORGANIZATION = "01900000-5a4d-7000-8000-00000000b0a7"
"""The organization that the sandbox holds; fixed, so that its pages keep their addresses."""


class ConfigError(Exception):
    """The configuration cannot be used; `problems` has one sentence for each mistake."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where the web part listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    public_url: str = ""
    """The address under which identity providers reach us, without a slash at the end; empty means host and port."""
    trusted_proxy: tuple[str, ...] = ()
    """Networks whose `X-Forwarded-*` headers are believed."""
    max_body_bytes: int = 1_048_576


@dataclass(frozen=True, kw_only=True)
class Store:
    """Where the record of everything is."""

    url: str


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What rings the workers."""

    url: str = ""
    """Empty: `run` starts a server of its own."""
    workers: int = 2
    server_binary: str = ""
    """The program of the embedded server; empty: look for one."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the operator said, checked."""

    server: Server
    store: Store
    queue: Queue
    connections: Mapping[str, Connection]
    targets: Mapping[str, TargetSettings]
    policies: Mapping[str, Policy]
    """By target."""
    data_dir: Path
    """Absolute."""
    is_sandbox: bool = False
    """No configuration was given: one organization to practise on."""
    config_file: Path | None = None


def load(config_file: Path | None, data_dir: Path, environ: Mapping[str, str]) -> Settings:
    """The settings from that file (or `./config.toml` when it exists) and the environment.

    Raises: `ConfigError` with all mistakes, each with the path of its key.
    """
    file = config_file or (Path("config.toml") if Path("config.toml").is_file() else None)
    tree, problems = _parsed(file) if file else ({}, [])
    overrides = reading.overrides(environ, SECTIONS, problems)
    is_sandbox = file is None and not _names_a_target(overrides)
    data_dir = data_dir.absolute()
    if is_sandbox:
        tree = _sandbox(data_dir)
    for path, raw in overrides.items():
        reading.override(tree, path, raw, problems)
    root = Table(tree, "", problems)
    settings = _settings(root, data_dir, is_sandbox=is_sandbox, file=file)
    for name in LATER:
        if root.discard(name):
            problems.append(f"[{name}]: this version does not act on it yet; take it out.")
    root.close()
    if problems:
        raise ConfigError(*(_placed(problem, file, overrides) for problem in problems))
    return settings


def read_api_key(target: TargetSettings, environ: Mapping[str, str]) -> str:
    """The target's API key, read now. Only workers and `check` may ask.

    Raises: `ConfigError` when it is not there, empty, or in a file that others may read.
    """
    path = f"targets.{target.name}"
    if target.api_key_env:
        key = environ.get(target.api_key_env, "")
        if not key.strip():
            raise ConfigError(f"{path}.api_key_env: the environment variable {target.api_key_env} is not set.")
        return key.strip()
    return _read_secret(Path(target.api_key_file), f"{path}.api_key_file")


def without_keys(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that must not be able to read an API key."""
    kept_back = {target.api_key_env for target in settings.targets.values()}
    return {name: value for name, value in environ.items() if name not in kept_back}


def _read_secret(file: Path, path: str) -> str:
    try:
        mode = file.stat().st_mode
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"{path}: {file} cannot be read: {reason}.") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(f"{path}: everybody on this machine may read {file}: chmod 600 '{file}'")
    if not secret:
        raise ConfigError(f"{path}: {file} is empty.")
    return secret


def _parsed(file: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")), []
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}.") from error


def _placed(problem: str, file: Path | None, overrides: Mapping[tuple[str, ...], str]) -> str:
    """The problem with where to mend it: the environment, when the key came from there, or the file."""
    path = tuple(problem.partition(": ")[0].split("."))
    if path in overrides:
        return f"{reading.variable(path)}: {problem}"
    return f"{file}: {problem}" if file else problem


def _names_a_target(overrides: Mapping[tuple[str, ...], str]) -> bool:
    return any(path[0] == "targets" and path[1] != SANDBOX for path in overrides)


def _sandbox(data_dir: Path) -> dict[str, Any]:
    url = "http://127.0.0.1:1"
    """Nothing listens there; `run` finds a port and says it in `run.json`."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        url = json.loads((data_dir / "run.json").read_text(encoding="utf-8"))["sandbox"]["url"]
    target = {
        "kind": "posthog",
        "url": url,
        "organization_id": SANDBOX_ORGANIZATION,
        "api_key_file": str(data_dir / "sandbox.key"),
    }
    return {
        "policy": {"mode": "enforce", "settle": "2s"},
        "targets": {SANDBOX: target},
        "connections": {kind: _practice_connection(kind) for kind in ("okta", "entra")},
    }


def _practice_connection(kind: str) -> dict[str, Any]:
    """Nobody calls by itself in a sandbox, and silence there is no trouble."""
    return {"kind": kind, "targets": [SANDBOX], "silent_after": ""}


def _settings(root: Table, data_dir: Path, *, is_sandbox: bool, file: Path | None) -> Settings:
    server = _server(root.table("server"))
    store = _store(root.table("store"), data_dir)
    queue = _queue(root.table("queue"))
    policy = _policy(root.table("policy"))
    targets, policies = {}, {}
    for table in root.tables("targets"):
        targets[table.name] = targeting.target(table)
        policies[table.name] = _policy_of_target(policy, table)
        table.close()
    connections = {table.name: connecting.connection(table, tuple(targets)) for table in root.tables("connections")}
    if not targets and not root.problems:
        root.fail("targets", "no PostHog organization is named: add [targets.main].")
    return Settings(
        server=server,
        store=store,
        queue=queue,
        connections=connections,
        targets=targets,
        policies=policies,
        data_dir=data_dir,
        is_sandbox=is_sandbox,
        config_file=file.absolute() if file else None,
    )


def _server(table: Table) -> Server:
    default = Server()
    server = Server(
        host=table.text("host", default.host),
        port=table.integer("port", default.port, least=0, most=65_535),
        public_url=_public_url(table),
        trusted_proxy=_networks(table),
        max_body_bytes=table.integer("max_body_bytes", default.max_body_bytes, least=1_024),
    )
    table.close()
    return server


def _public_url(table: Table) -> str:
    url = table.text("public_url", "").rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        table.fail("public_url", f'"{url}" is not an address such as "https://bridge.example.com".')
    return url


def _networks(table: Table) -> tuple[str, ...]:
    networks = table.texts("trusted_proxy")
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            table.fail("trusted_proxy", f'"{network}" is not an address or network such as "10.0.0.0/8".')
    return networks


def _store(table: Table, data_dir: Path) -> Store:
    url = _secret_url(table) or f"sqlite:///{data_dir / 'bridge.db'}"
    if not url.startswith(("sqlite:///", "postgresql+psycopg://", "postgresql://")):
        table.fail("url", 'must begin with "sqlite:///" or "postgresql+psycopg://".')
    table.close()
    return Store(url=url)


def _queue(table: Table) -> Queue:
    default = Queue()
    url = _secret_url(table)
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        table.fail("url", 'must begin with "redis://", "rediss://" or "unix://".')
    workers = table.integer("workers", default.workers, least=1, most=64)
    queue = Queue(url=url, workers=workers, server_binary=table.text("server_binary", default.server_binary))
    table.close()
    return queue


def _secret_url(table: Table) -> str:
    """`url`, or what the file in `url_file` says: it may hold a password, and every part needs it."""
    url, file = table.text("url", ""), table.text("url_file", "")
    if url and file:
        table.fail("url_file", "say either url or url_file, not both.")
    elif file:
        try:
            url = _read_secret(Path(file), f"{table.path}.url_file")
        except ConfigError as error:
            table.problems.extend(error.problems)
    return url


def _policy(table: Table) -> Policy:
    default = Policy()
    zero = timedelta(0)
    policy = Policy(
        mode=table.choice("mode", Mode, default.mode),
        settle=table.duration("settle", default.settle, least=zero),
        watch_for=table.duration("watch_for", default.watch_for),
        watch_first=table.durations("watch_first", default.watch_first),
        watch_every=table.duration("watch_every", default.watch_every),
        on_return=table.choice("on_return", OnReturn, default.on_return),
        max_returns=table.integer("max_returns", default.max_returns, least=1),
        max_removals=table.integer("max_removals", default.max_removals, least=1),
        max_share=table.share("max_share", default.max_share),
        floor=table.integer("floor", default.floor, least=1),
        window=table.duration("window", default.window),
        protected=frozenset(table.addresses("protected")),
        on_suspend=table.choice("on_suspend", OnSuspend, default.on_suspend),
        on_reactivate=table.choice("on_reactivate", OnReactivate, default.on_reactivate),
        last_owner_after=table.optional_duration("last_owner_after"),
        max_attempts=table.integer("max_attempts", default.max_attempts, least=1),
        snapshot_for=table.duration("snapshot_for", default.snapshot_for),
        hold_look_every=table.duration("hold_look_every", default.hold_look_every),
        drift_every=table.duration("drift_every", default.drift_every),
        surroundings_every=table.optional_duration("surroundings_every", default.surroundings_every),
        review_every=table.optional_duration("review_every"),
        unused_after=table.duration("unused_after", default.unused_after, least=timedelta(days=1)),
        cancel_invites_sent=table.flag("cancel_invites_sent", default=default.cancel_invites_sent),
        incident_days=table.integer("incident_days", default.incident_days, least=1, most=366),
        incident_of=table.choice("incident_of", IncidentOf, default.incident_of),
    )
    table.close()
    return policy


def _policy_of_target(policy: Policy, table: Table) -> Policy:
    return replace(
        policy,
        successors=table.addresses("successors"),
        longest_standing_admin=table.flag("longest_standing_admin", default=False),
    )
