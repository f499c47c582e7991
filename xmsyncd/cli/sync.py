"""``sync``: one cycle now, delivered, with its progress; then exit."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.table import Table

    from xmsyncd.cli.access import Operator
    from xmsyncd.cli.words import Words
    from xmsyncd.settings import Settings

_SHOWN_BY_CHECK = ("credentials", "permission", "configuration")
_STOPPING = "stopping: calls on their way are let through; once more leaves at once (nothing is lost by it)"
_LEAVING = "leaving; the process that holds the ledger goes on with this sync"


class DurationParam(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.4 on
    """``30s``, ``10m``, ``1h30m``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """To a time span, with the same words as a wrong setting."""
        from xmsyncd.settings import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            expected = getattr(error, "expected", "") or "30s, 10m or 1h30m"
            self.fail(f"found {error}; expected {expected}", param, ctx)


@click.command("sync")
@click.argument("pipeline", required=False)
@click.option("--full", is_flag=True, help="Read everything, not only what changed.")
@click.option("--since", metavar="TIME", help="Read again what changed since then (Beijing time).")
@click.option("--until", metavar="TIME", help="With --since: up to then; without it, up to now.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="For a first try: at most N records.")
@click.option("--only", metavar="KEY", help="For a first try: one record, by its key or OKKI id.")
@click.option(
    "--wait", type=DurationParam(), default="15m", show_default=True, help="How long to go on delivering."
)
@click.option(
    "--bootstrap", is_flag=True, help="Create although the form already has instances that no ledger knows."
)
@click.option(
    "--accept-absences",
    is_flag=True,
    help="With --full: what OKKI no longer lists was deleted there, even if it is most of the records.",
)
@common_options
@framed
def sync(
    common: Common,
    *,
    pipeline: str | None,
    full: bool,
    since: str | None,
    until: str | None,
    limit: int | None,
    only: str | None,
    wait: timedelta,
    bootstrap: bool,
    accept_absences: bool,
) -> int:
    """Read what changed in OKKI and deliver it to Yida, now; all pipelines unless one is named."""
    from xmsyncd.cli.access import operator
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words
    from xmsyncd.operations.exit_status import worst

    settings = common.settings()
    names = chosen(settings, pipeline)
    params = {
        "full": full,
        "since": since,
        "until": until,
        "limit": limit,
        "only": only,
        "wait_seconds": wait.total_seconds(),
        "bootstrap": bootstrap,
        "accept_absences": accept_absences,
    }

    stopping = _STOPPING

    async def work() -> int:
        nonlocal stopping
        results = []
        async with operator(settings, needs_delivery=True) as asked:
            stopping = _STOPPING if asked.is_local else _LEAVING
            for name in names:
                results.append(await _one(asked, {**params, "pipeline": name}, words()))
        if common.json:
            from xmsyncd.cli.output import print_json

            print_json({"pipelines": results})
        else:
            for result in results:
                _print(result, settings.zone, words())
        return worst(result["exit"] for result in results)

    return run_to_end(common, settings, work, stopping_text=lambda: stopping)


def chosen(settings: Settings, pipeline: str | None) -> list[str]:
    """The pipeline of this name, or all; ``ConfigurationError`` for a name that is not configured."""
    from xmsyncd.errors import ConfigurationError, Fault
    from xmsyncd.nearest import nearest

    if pipeline is None:
        return list(settings.pipelines)
    if pipeline not in settings.pipelines:
        names = ", ".join(settings.pipelines)
        expected = f"one of {names}{nearest(pipeline, settings.pipelines)}"
        raise ConfigurationError([Fault("PIPELINE", repr(pipeline), expected)])
    return [pipeline]


async def _one(asked: Operator, params: dict[str, Any], words: Words) -> dict[str, Any]:
    from xmsyncd.cli.sync_progress import shown_progress
    from xmsyncd.operations.sync import exit_status
    from xmsyncd.operations.table import Result

    result: dict[str, Any] = {}
    with shown_progress(params["pipeline"], words) as progress:
        async with contextlib.aclosing(asked.stream("sync", params)) as told:
            async for one in told:
                if isinstance(one, Result):
                    result = dict(one.value)
                else:
                    progress.show(one.value)
    result.pop("phase", None)
    return {**result, "exit": exit_status(result)}


def _print(result: dict[str, Any], zone: ZoneInfo, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import coloured, counts, facts, moment, out
    from xmsyncd.cli.reasons import stop_advice
    from xmsyncd.ledger.states import VisibleState
    from xmsyncd.ledger.views import StageDecision
    from xmsyncd.operations.status import wanted

    cycle = result["cycle"]
    kind = Text(f"  {words(cycle['kind'])} ({cycle['reason']})")
    rows: list[tuple[str, Any]] = [
        (words("result"), coloured(cycle["result"], words) + kind),
        (words("read"), f"{cycle['read']:,} ({cycle['pages']:,} {words('pages')})"),
        (words("decisions"), counts(cycle["decisions"], StageDecision, words)),
        (words("in Yida now"), counts(wanted(result), VisibleState, words)),
        (words("watermark"), moment(cycle["watermark"], zone, none=words("never"))),
    ]
    if cycle["detail_calls"]:
        rows.insert(2, (words("detail calls"), f"{cycle['detail_calls']:,}"))
    for name, key in (("taken for deleted", "deleted"), ("absent, not believed", "absences_doubted")):
        if cycle.get(key):
            rows.append((words(name), f"{cycle[key]:,}"))
    if result["gaps"]:
        rows.append((words("gaps"), f"{result['gaps']:,}"))
    if cycle["error"]:
        rows.append((words("failed"), cycle["error"]))
    if result["stop"]:
        stop = result["stop"]
        rows.append((words("stop"), f"{stop['reason']}: {stop['detail']}"))
        rows.append((words("advice"), stop_advice(stop["reason"])))
    console = out()
    console.print(Text(result["pipeline"], style="bold"))
    console.print(facts(rows))
    if result["chosen"]:
        console.print(_chosen_table(result["chosen"], words))
        for one in result["chosen"]:
            if one["link"]:  # on a line of its own, so that a terminal can open it
                console.print(Text(f"{one['key']}  {one['link']}"), soft_wrap=True)
    for line in _advice(result):
        console.print(Text(words(line), style="yellow"))


def _chosen_table(chosen_records: list[dict[str, Any]], words: Words) -> Table:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, table

    shown = table(words("key"), words("OKKI id"), words("state"))
    for one in chosen_records:
        state = coloured(one["state"], words)
        if one["reason"]:
            state = state + Text(f" ({one['reason']})")
        add_row(shown, one["key"] or "–", one["source_id"], state)
    return shown


def _advice(result: dict[str, Any]) -> list[str]:
    lines = []
    backlog = result["backlog"]
    # Of every other stop `check` knows no more than the stop itself says, and its advice stands above.
    if (result["stop"] or {"reason": ""})["reason"] in _SHOWN_BY_CHECK or result["cycle"]["cannot_work"]:
        lines.append("Cannot work: see `xmsyncd check` for what is wrong, mend it, and run sync again.")
    if any(backlog.get(state) for state in ("parked", "rejected", "undecided", "waiting")):
        lines.append("Not everything went through: `xmsyncd failures list` says what and why.")
    if result["cycle"].get("absences_doubted"):
        lines.append(
            "More than half is missing from OKKI's list, so none was taken for deleted. If they really are "
            "deleted: `xmsyncd sync --full --accept-absences`."
        )
    if backlog.get("held"):
        lines.append("Very many updates: the rest is held, `xmsyncd approve` shows them and lets them go.")
    if any(backlog.get(state) for state in ("pending", "sending", "undecided")):
        lines.append("What is left goes on with the next sync, or with the daemon (`xmsyncd run`).")
    if result["cycle"]["kind"] == "partial" and result["cycle"]["result"] == "done" and not lines:
        lines.append(
            "A first try: look at these in Yida. Then one of your choice, `xmsyncd sync --only KEY`; then "
            "all, `xmsyncd sync`, and from then on by itself, `xmsyncd run`."
        )
    return lines
