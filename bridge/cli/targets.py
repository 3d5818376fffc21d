"""Which target a command is about."""

from __future__ import annotations

import click

from bridge.ports import Bridge


def choose_target(bridge: Bridge, name: str | None) -> str:
    """The target of that name, or the only one. Raises `click.UsageError`."""
    known = ", ".join(bridge.targets)
    if name is None:
        if len(bridge.targets) == 1:
            return next(iter(bridge.targets))
        raise click.UsageError(f"There are several targets: choose one with --target ({known}).")
    if name not in bridge.targets:
        raise click.UsageError(f'There is no target "{name}"; there is {known}.')
    return name
