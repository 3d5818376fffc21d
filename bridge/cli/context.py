"""What every command shares: `--config` and `--data`, the settings, and a wired `Bridge` without the API key.

A command is one function in a file of this folder and one line in `bridge.cli.SECTIONS`:

    @command()
    @click.argument("case_id", type=int)
    def case(context: Context, case_id: int) -> None:
        '''Shows one case.'''
        bridge = context.bridge()

`context.settings()` is read once, on demand. `context.bridge()` opens the store, whose schema must be there: it brings
it up to date. Its `remote` reads the API key when called, so only `check` may call it. Raise `BoundaryError` or
`ConfigError` for what the user can mend; `context.leave(status)` ends with that exit status.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from bridge.config import Settings
    from bridge.ports import Bridge

DONE = 0
NEEDS_A_PERSON = 1
"""Or was refused."""
WRONG_USE = 2
UNREACHABLE = 3
DATA = Path("data")
LONGEST_LINE = 200
"""Characters of what a list of commands says of one: its whole first sentence."""


class Context:
    """The choices that hold for every command, and what is made from them."""

    def __init__(self) -> None:
        self.config_file: Path | None = None
        self.data_dir = DATA
        self.part = "cli"
        """What log lines name as their origin."""
        self.patience_seconds: float | None = None
        """How long a write waits for a locked store; `None` is the store's own default."""

    @cached_property
    def _settings(self) -> Settings:
        import os

        from bridge import config

        return config.load(self.config_file, self.data_dir, os.environ)

    def settings(self) -> Settings:
        """What the operator configured. Raises: `ConfigError`."""
        return self._settings

    @cached_property
    def _bridge(self) -> Bridge:
        from bridge import bootstrap

        settings = self.settings()
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        bootstrap.set_up_logging(self.part)
        bootstrap.prepare_store(settings)
        if self.patience_seconds is None:
            return bootstrap.build(settings)
        return bootstrap.build(settings, patience_seconds=self.patience_seconds)

    def bridge(self) -> Bridge:
        """The wired objects on an up-to-date store."""
        return self._bridge

    def options(self) -> list[str]:
        """`--config` and `--data` as arguments for a child process."""
        config_file = self.settings().config_file
        chosen = ["--config", str(config_file)] if config_file else []
        return [*chosen, "--data", str(self.settings().data_dir)]

    @staticmethod
    def leave(status: int) -> NoReturn:
        """End the command with that exit status."""
        raise click.exceptions.Exit(status)


def _chosen_config(ctx: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Context).config_file = value


def _chosen_data(ctx: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Context).data_dir = value


def shared_options() -> list[click.Parameter]:
    """`--config` and `--data`, which stand before or after the command's name."""
    config = click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Configuration file. [default: config.toml, if there is one]",
        expose_value=False,
        is_eager=True,
        callback=_chosen_config,
    )
    data = click.Option(
        ["--data"],
        type=click.Path(path_type=Path, file_okay=False, readable=False),  # who may not says why, each in its place
        help="Folder for everything that is kept. [default: data]",
        expose_value=False,
        is_eager=True,
        callback=_chosen_data,
    )
    return [config, data]


class Command(click.Command):
    """A command that also takes `--config` and `--data`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What click does, which proposes also options that only our own processes give each other."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hidden = {name for each in self.params if getattr(each, "hidden", False) for name in each.opts}
            likely = [name for name in error.possibilities or () if name not in hidden]
            raise click.NoSuchOption(error.option_name, possibilities=likely, ctx=error.ctx) from None


class Group(click.Group):
    """Commands that belong together, listed with the whole first sentence of each."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What click does, which cuts each line short."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(LONGEST_LINE)) for name, each in found if each])


def command(name: str | None = None, **settings: Any) -> Callable[[Callable[..., None]], Command]:
    """Make a function a command; its first argument is the `Context`."""

    def decorate(function: Callable[..., None]) -> Command:
        return click.command(name, cls=Command, **settings)(click.make_pass_decorator(Context, ensure=True)(function))

    return decorate
