"""``run``: the daemon."""

from __future__ import annotations

import click

from xmsyncd.cli.options import Common, common_options, framed


@click.command("run")
@click.option(
    "--bootstrap", is_flag=True, help="Create although the form already has instances that no ledger knows."
)
@common_options
@framed
def run(common: Common, *, bootstrap: bool) -> int:
    """Run until told to stop: cycles by schedule, deliveries, console, metrics."""
    import asyncio
    import sys

    from xmsyncd.daemon import run_daemon
    from xmsyncd.observe.logs import configure_logging, log_what_escapes

    settings = common.settings()
    level = "debug" if common.debug else settings.log.level.value
    configure_logging(level, settings.log.format.value, sys.stderr, settings.secret_values())
    log_what_escapes()
    return asyncio.run(run_daemon(settings, bootstrap=bootstrap))
