"""`run` and its parts one by one: `web`, `worker`, `sweep`, the sandbox's own server, and `db`."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.cli import paper
from bridge.cli.context import Command, Context, Group, command

if TYPE_CHECKING:
    from bridge.config import Settings

LINK = click.option("--link", type=int, default=None, hidden=True, help="Descriptor of the link to the supervisor.")
LISTEN = click.option("--listen", type=int, default=None, hidden=True, help="Descriptor of a listening socket.")


def _address_options(function: Callable[..., Any]) -> Callable[..., Any]:
    host = click.option("--host", default=None, help="Address to listen on. [default: server.host, 127.0.0.1]")
    port = click.option("--port", type=paper.Number(0, 65_535), default=None, help="Port; 0 takes a free one.")
    return host(port(function))


@command()
@_address_options
@click.option("--link", type=int, default=None, hidden=True, help="Descriptor of the link to whoever started us.")
def run(context: Context, host: str | None, port: int | None, link: int | None) -> None:
    """Everything on one machine: queue server, web, workers, sweep. Without configuration: a sandbox."""
    from bridge import supervisor

    parent = None if link is None else socket.socket(fileno=link)
    context.leave(supervisor.run(context.settings(), host=host, port=port, parent=parent))


@command()
@_address_options
@LINK
@LISTEN
def web(context: Context, host: str | None, port: int | None, link: int | None, listen: int | None) -> None:
    """The web part alone: accepts what identity providers send. Never has the API key."""
    from bridge import serving

    settings = context.settings()
    _leave_keys_behind(context)
    parent = _linked(link)
    listening = socket.socket(fileno=listen) if listen is not None else None
    if listening is None:
        listening = serving.listen(host or settings.server.host, settings.server.port if port is None else port)
    from bridge import bootstrap
    from bridge.web import create_app

    bootstrap.set_up_logging("web")
    chosen: dict[str, Any] = {
        "public_url": settings.server.public_url,
        "data_dir": settings.data_dir,
        "program": paper.spelled(settings.config_file, settings.data_dir),
        "is_sandbox": settings.is_sandbox,
    }
    if parent:
        bridge = bootstrap.build(settings, patience_seconds=serving.PATIENCE_SECONDS)
        application = create_app(bridge, **chosen)
        parent.wait_for_go()
    else:
        context.part, context.patience_seconds = "web", serving.PATIENCE_SECONDS
        bridge = context.bridge()
        application = create_app(bridge, **chosen)
        click.echo(f"Listening on {serving.address(listening)}")
    bridge.db.when_gone = lambda: os.kill(os.getpid(), signal.SIGTERM)
    gc.collect()
    gc.freeze()  # what is there now stays: the collector would walk through all of it again and again
    try:
        serving.serve(
            application,
            listening,
            # Flask answers what is too long in the caller's own form; this is for what is far too long.
            max_body_bytes=2 * settings.server.max_body_bytes,
            trusted_proxy=settings.server.trusted_proxy,
            when_ready=parent.say_ready if parent else lambda: None,
            when_answered=parent.say_alive if parent else None,
        )
    finally:
        if bridge.db.is_gone:
            _end_without_store(context, settings)


@command()
def worker(context: Context) -> None:
    """One worker: removes people from PostHog. Needs the API key."""
    from bridge import bootstrap
    from bridge import worker as rq_worker

    context.part = "worker"
    bridge = context.bridge()
    bootstrap.set_up_logging("worker")
    rq_worker.prepare(bridge)
    bridge.db.forget_connections()
    rq_worker.work(bridge, bootstrap.queue_url(context.settings()))


@command()
@LINK
def sweep(context: Context, link: int | None) -> None:
    """The sweep alone: rings for what is due. One is enough, two do no harm."""
    context.settings()
    _leave_keys_behind(context)
    parent = _linked(link)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    from bridge import bootstrap, sweeping

    if parent:
        bootstrap.set_up_logging("sweep")
        bridge = bootstrap.build(context.settings())
        parent.wait_for_go()
        parent.say_ready()
    else:
        context.part = "sweep"
        bridge = context.bridge()
    from bridge.store.db import StoreGone
    from bridge.timekeeping import Timekeeper

    clock = bootstrap.system_clock(context.settings().data_dir)
    try:
        sweeping.sweep(bridge, stop, Timekeeper(bridge, clock).check)
    except StoreGone:
        _end_without_store(context, context.settings())


@click.command(cls=Command, hidden=True)
@click.option("--state", type=click.Path(path_type=Path), required=True, help="Where the organization is kept.")
@click.option("--key-file", type=click.Path(path_type=Path), required=True, help="The key that it answers to.")
@LINK
@LISTEN
def sandbox_server(state: Path, key_file: Path, link: int | None, listen: int) -> None:
    """Serves the sandbox organization; started by `run`."""
    parent = _linked(link)
    from bridge import serving
    from bridge.sandbox import create_app, practice_world

    world = practice_world(_now, key_file.read_text(encoding="utf-8").strip(), state)
    serving.serve(
        create_app(world),
        socket.socket(fileno=listen),
        max_body_bytes=1_048_576,
        threads=4,
        when_ready=parent.say_ready if parent else lambda: None,
    )


@click.group(cls=Group)
def db() -> None:
    """The store's schema."""


@db.command(cls=Command)
@click.make_pass_decorator(Context, ensure=True)
def upgrade(context: Context) -> None:
    """Brings the schema to this version's."""
    from bridge.store import db as store

    settings = context.settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.upgrade(settings.store.url, settings.data_dir)
    click.echo(f"The schema is at {store.head_revision()}.")


def _end_without_store(context: Context, settings: Settings) -> None:
    from bridge.children import STORE_GONE

    said = f"The log beside the store ({settings.store.url}) was removed or replaced while the bridge ran. What it held is "
    click.echo(said + "in the store's file. Stop what still runs, and start it again.", err=True)
    context.leave(STORE_GONE)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the sandbox is the other side, with a clock of its own


def _linked(descriptor: int | None) -> Any:
    if descriptor is None:
        return None
    from bridge.children import Link

    link = Link(descriptor)
    link.end_with_parent()
    return link


def _leave_keys_behind(context: Context) -> None:
    """Start this program again without the API keys when its environment holds one: only workers may read them."""
    from bridge import config

    kept = config.without_keys(context.settings(), os.environ)
    if kept != dict(os.environ):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "bridge.cli", *sys.argv[1:]], kept)  # noqa: S606
