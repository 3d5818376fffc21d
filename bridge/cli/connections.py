"""Connections as commands name them."""

from __future__ import annotations

from difflib import get_close_matches

import click

from bridge.ports import Bridge, Connection


def chosen(bridge: Bridge, name: str) -> Connection:
    """The connection of that name. Raises `UsageError` with what was probably meant."""
    if name not in bridge.connections:
        near = get_close_matches(name, bridge.connections, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else f" There is {', '.join(bridge.connections) or 'none'}."
        raise click.UsageError(f'There is no connection "{name}".{hint}')
    return bridge.connections[name]
