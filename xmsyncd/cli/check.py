"""``check``: would it work? Asks both vendors what can be asked without writing; needs no ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.cli.words import Words


@click.command("check")
@common_options
@framed
def check(common: Common) -> int:
    """Look at configuration, credentials, permissions, component ids and types, and who would get a task.

    Writes nothing. Makes three metered calls of DingTalk for each pipeline.
    """
    import asyncio
    import random

    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words
    from xmsyncd.clock import SystemClock
    from xmsyncd.operations import check as checking
    from xmsyncd.operations.calls_made import enter_calls
    from xmsyncd.operations.exit_status import ExitStatus
    from xmsyncd.operations.known import load_known
    from xmsyncd.operations.vendors import open_vendors

    settings = common.settings()

    async def work() -> int:
        known = await asyncio.to_thread(load_known, settings.ledger.path)
        clock = SystemClock()
        async with open_vendors(settings, clock=clock, rng=random.Random()) as vendors:
            try:
                result = await checking.check(settings, vendors, known, clock.now())
            finally:  # also those of a check that is cut short
                await enter_calls(settings, vendors.metered, clock)
        if common.json:
            print_json(result)
        else:
            _print(result, words())
        return ExitStatus.CANNOT_WORK if result["failed"] else ExitStatus.WELL

    return run_to_end(common, settings, work)


def _print(result: dict[str, Any], words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, out, table

    shown = table("", words("what"), words("found"))
    for one in result["findings"]:
        found = Text(one["found"])
        for name in ("expected", "advice"):
            if one[name]:
                found.append(f"\n{words(name)}: {one[name]}", style="dim")
        add_row(shown, coloured(one["state"], words), one["what"], found)
    console = out()
    console.print(shown)
    calls = f"{result['metered_calls']} metered calls of DingTalk were made."
    if result["failed"]:
        verdict = f"{_things(result['failed'])} will not work"
    elif result["warnings"]:
        verdict = f"It works; {_things(result['warnings'])} may not do what is meant"
    else:
        verdict = "All is well"
    console.print(Text(f"{verdict}. {calls}"))


def _things(number: int) -> str:
    return "1 thing" if number == 1 else f"{number} things"
