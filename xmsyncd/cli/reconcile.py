"""``reconcile``: ledger and Yida compared; a report by default, repairs with ``--apply``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.cli.words import Words


@click.command("reconcile")
@click.argument("pipeline", required=False)
@click.option(
    "--apply", is_flag=True, help="File repairs: updates for what differs, a list for what is gone."
)
@click.option("--yes", is_flag=True, help="Spend calls that waiting deliveries would need.")
@common_options
@framed
def reconcile(common: Common, *, pipeline: str | None, apply: bool, yes: bool) -> int:
    """Compare what the ledger says was delivered with what Yida holds; all pipelines unless one is named.

    Reads the whole form, a hundred instances a call, and asks for what seems to differ by its id. Repairs
    touch only instances that xmsyncd created or adopted; doubles and foreign instances are listed, never
    deleted.
    """
    from xmsyncd.cli.access import operator
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.form_progress import calls_text, followed, left_text
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.sync import chosen
    from xmsyncd.cli.words import words

    settings = common.settings()
    names = chosen(settings, pipeline)

    def cost(value: Any) -> str:
        return f"{value['pipeline']}: about {calls_text(value['calls'])}{left_text(value)}"

    async def work() -> int:
        results = []
        async with operator(settings, needs_delivery=False) as asked:
            for name in names:
                params = {"pipeline": name, "apply": apply, "yes": yes}
                async with contextlib.aclosing(asked.stream("reconcile", params)) as told:
                    results.append(await followed(told, cost))
            is_local = asked.is_local
        if common.json:
            print_json({"pipelines": results})
        else:
            for result in results:
                _print(result, settings.pipelines[result["pipeline"]].fields, words())
            if apply and is_local and any(result["repaired"] for result in results):
                say("No daemon is running: the next `xmsyncd sync` or `xmsyncd run` sends the repairs.")
        return 3 if any(result["total"] or not result["complete"] for result in results) else 0

    return run_to_end(common, settings, work)


def _print(result: dict[str, Any], fields: Any, words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, counts, facts, out, table
    from xmsyncd.ledger.differences import DifferenceKind

    labels = {one.field: one.label for one in fields}
    console = out()
    console.print(Text(result["pipeline"], style="bold"))
    found = (
        counts(result["differences"], DifferenceKind, words) if result["total"] else words("no differences")
    )
    rows: list[tuple[str, Any]] = [
        (
            words("compared"),
            f"{result['in_form']:,} {words('instances')}, {result['calls']:,} {words('calls')}",
        ),
        (words("differences"), found),
    ]
    if result["repaired"] is not None:
        rows.append((words("repaired"), counts(result["repaired"], ("updates", "parked"), words)))
    console.print(facts(rows))
    if result["rows"]:
        lines = table(*map(words, ("kind", "key", "instance", "component", "delivered was", "in Yida")))
        for one in result["rows"]:
            first = (words(one["kind"]), one["key"] or "–", one["instance_id"])
            changes = [
                (component, change) for component, change in one["detail"].items() if isinstance(change, dict)
            ]
            for component, change in changes:
                label = labels.get(component) or component
                add_row(lines, *first, label, change["delivered"], change["in_yida"])
                first = ("", "", "")
            if not changes:
                note = ", ".join(f"{name} {value}" for name, value in one["detail"].items())
                add_row(lines, *first, note, "", "")
        console.print(lines)
        if result["total"] > len(result["rows"]):
            console.print(Text(f"… and {result['total'] - len(result['rows']):,} more"))
    for line in _advice(result):
        console.print(Text(line, style="yellow"))


def _advice(result: dict[str, Any]) -> list[str]:
    found = result["differences"]
    lines = []
    if result["unjudged"]:
        lines.append(
            f"{result['unjudged']:,} instances were not asked for: the calls of this month are scarce."
        )
    elif not result["complete"]:
        lines.append("The form did not show all that it counts: compare again later.")
    if result["repaired"] is None and (found.get("different") or found.get("gone")):
        lines.append("`xmsyncd reconcile --apply` writes OKKI's values again and lists what was deleted.")
    if found.get("gone") and result["repaired"] is not None:
        lines.append("Deleted instances: `xmsyncd failures list`; a retry creates them again.")
    if found.get("doubled") or found.get("extra"):
        lines.append("Doubles and foreign instances are never touched: delete in Yida what is too many.")
    return lines
