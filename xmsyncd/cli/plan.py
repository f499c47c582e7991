"""``plan``: what the next cycle would do, before anything is written."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.operations.table import Told


class SampleParam(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.4 on
    """A number, or ``all``."""

    name = "sample"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """To a number, or ``all`` as it is."""
        text = str(value)
        if text == "all":
            return text
        if not (text.isascii() and text.isdigit()):
            self.fail(f"found {text!r}; expected a number of records, or all", param, ctx)
        return int(text)


@click.command("plan")
@click.argument("pipeline", required=False)
@click.option("--full", is_flag=True, help="As sync --full: everything, not only what changed.")
@click.option("--since", metavar="TIME", help="As sync --since: what changed since then (Beijing time).")
@click.option("--until", metavar="TIME", help="With --since: up to then; without it, up to now.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="As sync --limit: at most N records.")
@click.option("--key", metavar="KEY", help="One record, by its key or OKKI id.")
@click.option(
    "--sample",
    type=SampleParam(),
    default="20",
    show_default=True,
    metavar="N|all",
    help="How many records are shown one by one.",
)
@common_options
@framed
def plan(
    common: Common,
    *,
    pipeline: str | None,
    full: bool,
    since: str | None,
    until: str | None,
    limit: int | None,
    key: str | None,
    sample: int | str,
) -> int:
    """What the next sync would do: what it would create and change, turn away, hold, and cost.

    Reads OKKI as a sync does and does not call Yida. Nothing is written, neither there nor in the ledger. The
    exit status is the one that the sync would end with.
    """
    from xmsyncd.cli.access import operator
    from xmsyncd.cli.form_progress import followed
    from xmsyncd.cli.output import out, print_json
    from xmsyncd.cli.plan_picture import show_plan
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.sync import chosen
    from xmsyncd.cli.words import words

    settings = common.settings()
    chosen(settings, pipeline)
    params = {
        "pipeline": pipeline,
        "full": full,
        "since": since,
        "until": until,
        "limit": limit,
        "only": key,
        "sample": sample,
    }

    async def work() -> int:
        changes: dict[str, list[dict[str, Any]]] = {}
        async with operator(settings, needs_delivery=False, on_snapshot=True) as asked:
            stream = without_changes(asked.stream("plan", params), changes)
            async with contextlib.aclosing(stream) as told:
                result = await followed(told, str)
        for one in result["pipelines"]:
            one["changes"] = changes.get(one["pipeline"], [])
        if common.json:
            print_json({"pipelines": result["pipelines"]})
        else:
            for one in result["pipelines"]:
                show_plan(out(), one, settings.zone, words())
        return int(result["exit"])

    return run_to_end(common, settings, work)


async def without_changes(
    told: AsyncGenerator[Told], changes: dict[str, list[dict[str, Any]]]
) -> AsyncGenerator[Told]:
    """The same, with the records that would change put aside, by pipeline."""
    from xmsyncd.operations.table import Progress

    async with contextlib.aclosing(told) as steps:
        async for one in steps:
            if isinstance(one, Progress) and one.value["phase"] == "changes":
                changes.setdefault(one.value["pipeline"], []).extend(one.value["changes"])
            else:
                yield one
