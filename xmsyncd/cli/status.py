"""``status``: how things stand, from the ledger or from the daemon that holds it."""

from __future__ import annotations

import click

from xmsyncd.cli.options import Common, common_options, framed


@click.command("status")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@common_options
@framed
def status(common: Common, *, watch: bool) -> int:
    """How things stand: freshness, backlog, failures, cycles, gaps, rates, quota."""
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.status_asking import asked, exit_status

    settings = common.settings()

    async def work() -> int:
        if watch:
            from xmsyncd.cli.status_watch import watch_status

            return await watch_status(settings, as_json=common.json)
        shown = await asked(settings)
        if common.json:
            print_json(shown)
        else:
            from xmsyncd.cli.output import out
            from xmsyncd.cli.status_picture import picture
            from xmsyncd.cli.words import words

            out().print(picture(shown, settings.zone, words()))
        return exit_status(shown)

    return run_to_end(common, settings, work)
