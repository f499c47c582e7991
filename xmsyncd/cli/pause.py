"""``pause`` and ``resume``: a person lets a pipeline stand still, and go on."""

from __future__ import annotations

import click

from xmsyncd.cli.options import Common, common_options, framed


@click.command("pause")
@click.argument("pipeline", required=False)
@common_options
@framed
def pause(common: Common, *, pipeline: str | None) -> int:
    """Send nothing more to Yida until `resume`; OKKI is read on. Stays through a restart."""
    return _ask(common, "pipeline.pause", pipeline)


@click.command("resume")
@click.argument("pipeline", required=False)
@common_options
@framed
def resume(common: Common, *, pipeline: str | None) -> int:
    """End what `pause` began. A stop for any other reason ends by itself once the reason is gone."""
    return _ask(common, "pipeline.resume", pipeline)


def _ask(common: Common, operation: str, pipeline: str | None) -> int:
    from rich.text import Text

    from xmsyncd.cli.asking import ask
    from xmsyncd.cli.output import out, print_json
    from xmsyncd.cli.words import words

    asked = ask(common, common.settings(), operation, {"pipeline": pipeline, "by": "cli"})
    if asked.status:
        return asked.status
    told = asked.value
    stop = told["stop"]
    if common.json:
        print_json(told)
    elif stop is None:
        out().print(Text(f"{told['pipeline']}  {words()('goes on')}"))
    else:
        out().print(Text(f"{told['pipeline']}  {words()('stopped')}: {stop['reason']}"))
        out().print(Text(stop["detail"]))
    # A pause that could not be, or a pipeline that stands still for something else.
    expected = operation == "pipeline.pause"
    return 0 if told["paused"] == expected and (expected or stop is None) else 3
