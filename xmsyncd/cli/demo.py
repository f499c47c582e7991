"""``demo``: the whole daemon at work between both vendors, simulated, with nothing to set up."""

from __future__ import annotations

from pathlib import Path

import click

from xmsyncd.cli.options import Common, framed


@click.command("demo")
@click.option(
    "--products", type=click.IntRange(1, 100_000), default=400, show_default=True, help="Products in OKKI."
)
@click.option(
    "--dirty", type=click.IntRange(min=0), default=5, show_default=True, help="Dirty ones of these."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another number, another catalogue.")
@click.option(
    "--edits-per-second",
    type=click.FloatRange(0, 100),
    default=0.4,
    show_default=True,
    help="How fast simulated people edit.",
)
@click.option(
    "--lost",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="Share of writes that succeed in Yida while the answer is lost.",
)
@click.option(
    "--qps",
    type=click.FloatRange(min=1, max=1000),
    default=25,
    show_default=True,
    help="Calls a second that the simulated Yida takes.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Of the status page; 0 takes any (default: 9464 or the next free one).",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="For configuration, ledger and log; kept (default: a temporary one).",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an unforeseen error, and more of the log.")
@framed
def demo(
    common: Common,
    *,
    products: int,
    dirty: int,
    seed: int,
    edits_per_second: float,
    lost: float,
    qps: float,
    port: int | None,
    folder: Path | None,
    debug: bool,
) -> int:
    """OKKI and Yida simulated on this machine, and the daemon between them, until Ctrl-C."""
    import asyncio
    import os
    import sys

    from xmsyncd.cli.demo_texts import texts_for

    text = texts_for(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no arrow shows a question mark
    # Before the imports that take a second: a person sees at once that something happens.
    click.echo(text("title"))
    click.echo(text("starting"))
    from xmsyncd.cli.demo_stages import Demo, Plan

    common.debug = common.debug or debug
    plan = Plan(
        products=products,
        dirty=min(dirty, products),
        seed=seed,
        edits_per_second=edits_per_second,
        lost=lost,
        qps=qps,
        port=port,
        folder=folder,
        debug=common.debug,
    )
    return asyncio.run(Demo(plan, text).run())
