"""The options that every command takes, before its name or after it, and the frame around each command."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from xmsyncd.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class Common:
    """What the common options say."""

    config: Path = Path("xmsyncd.yaml")
    json: bool = False
    debug: bool = False
    secrets: set[str] = field(default_factory=set, repr=False)
    """Those of the configuration, once it was read: nothing that is printed shows them."""

    def settings(self) -> Settings:
        """The configuration; raises ``ConfigurationError`` with all of its faults."""
        from xmsyncd.settings import load_settings

        return self._kept(load_settings(self.config, os.environ))

    def settings_without_secrets(self) -> Settings:
        """The same for what calls nobody: ids and secrets of the connections may be missing."""
        from xmsyncd.settings import load_settings

        return self._kept(load_settings(self.config, os.environ, stand_ins=True))

    def _kept(self, settings: Settings) -> Settings:
        self.secrets = settings.secret_values()
        return settings


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    # The group's options are parsed first; one after the command's name is meant for it, and wins.
    common = ctx.ensure_object(Common)
    if value and param.name is not None:
        setattr(common, param.name, value)


def common_options(function: _F) -> _F:
    """Adds ``--config``, ``--json`` and ``--debug``; they arrive in :class:`Common`."""
    for option in (
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Show the traceback of an unforeseen error, and more of the log.",
        ),
        click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="The result as JSON on standard output.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            envvar="XMSYNCD_CONFIG",
            expose_value=False,
            callback=_remember,
            help="The configuration (default: $XMSYNCD_CONFIG, else xmsyncd.yaml).",
        ),
    ):
        function = option(function)
    return function


def framed(function: Callable[..., int]) -> Callable[..., None]:
    """The frame of a command: gets :class:`Common` first, returns its exit status, may raise anything.

    Errors become one sentence each on standard error and the exit status of the contract.
    """

    @functools.wraps(function)
    @click.pass_context
    def run(ctx: click.Context, /, **options: Any) -> None:
        from xmsyncd.cli.errors import reported

        common = ctx.ensure_object(Common)
        ctx.exit(int(reported(common, lambda: function(common, **options))))

    return run
