"""``quality``: what the rules of quality found, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@click.group("quality", context_settings={"help_option_names": ["-h", "--help"]})
@common_options
def quality() -> None:
    """What the rules of `quality` found."""


@quality.command("report")
@click.argument("pipeline", required=False)
@click.option("--since", metavar="T", help="Count from then on (its hour): 2026-11-20, or 24h, 7d ago.")
@common_options
@framed
def report(common: Common, *, pipeline: str | None, since: str | None) -> int:
    """Of each rule and field: checked, kept, warned, fixed, rejected, and the last value that broke it."""
    from xmsyncd.cli.asking import ask
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.words import words

    settings = common.settings()
    params = {"pipeline": pipeline, "since": _moment(since, settings.zone)}
    asked = ask(common, settings, "quality.report", params)
    if asked.status:
        return asked.status
    if common.json:
        print_json(asked.value)
    else:
        from xmsyncd.cli.output import out
        from xmsyncd.cli.quality_picture import show_report

        show_report(out(), asked.value, settings.zone, words())
    return 0


def _moment(text: str | None, zone: ZoneInfo) -> str | None:
    """An ISO time for a time of the past, or for a duration before now. Raises ``ConfigurationError``."""
    if text is None:
        return None
    import contextlib
    from datetime import UTC, datetime

    from xmsyncd.cycle.plan import CycleRequest
    from xmsyncd.errors import ConfigurationError, Fault
    from xmsyncd.operations.chosen_window import chosen_window
    from xmsyncd.settings import parse_duration
    from xmsyncd.settings.values import BadValueError

    now = datetime.now(UTC)
    with contextlib.suppress(BadValueError, OverflowError):
        return (now - parse_duration(text)).isoformat()
    try:
        start, _ = chosen_window(text, None, request=CycleRequest(), zone=zone, now=now)
    except ConfigurationError:
        expected = "a time of the past like 2026-11-20 or 2026-11-20 08:00, or how long ago: 24h, 7d"
        raise ConfigurationError([Fault("--since", repr(text), expected)]) from None
    return None if start is None else start.isoformat()
