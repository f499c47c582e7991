"""``adopt``: instances that the form holds already are taken over by their key."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.cli.words import Words

_ROWS_SHOWN = 50
_STOPPING = "stopping; delivery stays paused until adopt is run again"


@click.command("adopt")
@click.argument("pipeline", required=False)
@click.option("--yes", is_flag=True, help="Spend calls that waiting deliveries would need.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be taken over; its calls are spent.")
@common_options
@framed
def adopt(common: Common, *, pipeline: str | None, yes: bool, dry_run: bool) -> int:
    """Bind the instances that exist in Yida to OKKI's records by their key, before anything is sent.

    For a form that was filled by hand or by another platform, and for a ledger that was restored or lost.
    Delivery is paused until it is done, also if it is interrupted; running it again goes on. Afterwards the
    first sync updates only what differs. Run it when nobody works in the form.
    """
    from xmsyncd.cli.access import operator
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.form_progress import calls_text, followed, left_text
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.sync import chosen
    from xmsyncd.cli.words import words
    from xmsyncd.clock import SystemClock
    from xmsyncd.operations.calls_made import enter_calls

    settings = common.settings()
    names = chosen(settings, pipeline)

    def cost(value: Any) -> str:
        return (
            f"{value['pipeline']}: {value['instances']:,} instances, about {calls_text(value['calls'])}"
            f"{left_text(value)}; {'nothing is changed' if dry_run else 'delivery is paused meanwhile'}"
        )

    async def work() -> int:
        results = []
        reached = operator(
            settings, needs_delivery=True, delivers=False, on_snapshot=dry_run, asks_holder=not dry_run
        )
        async with reached as asked:
            for name in names:
                params = {"pipeline": name, "yes": yes, "dry_run": dry_run}
                async with contextlib.aclosing(asked.stream("adopt", params)) as told:
                    results.append(await followed(told, cost))
        for result in results:
            await enter_calls(settings, result.pop("made", {}), SystemClock())
        if common.json:
            print_json({"pipelines": results})
        else:
            for result in results:
                _print(result, words())
            if dry_run:
                say("A dry run: nothing was changed, and delivery goes on.")
        left = ("held", "doubles", "ambiguous", "undecided", "unreadable")
        return 3 if any(result[name] for result in results for name in left) else 0

    return run_to_end(
        common,
        settings,
        work,
        stopping_text=lambda: "" if dry_run else _STOPPING,
    )


def _print(result: dict[str, Any], words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, facts, out, table

    console = out()
    console.print(Text(result["pipeline"], style="bold"))
    console.print(
        facts(
            [
                (
                    words("compared"),
                    f"{result['in_form']:,} {words('instances')}, {result['calls']:,} {words('calls')}",
                ),
                *(
                    (words(name), f"{result[name]:,}")
                    for name in ("adopted", "refreshed", "updates", "creates", "unmatched")
                ),
                *(
                    (words(word), f"{result[name]:,}")
                    for name, word in (
                        ("held", "held"),
                        ("doubles", "doubled"),
                        ("ambiguous", "ambiguous"),
                        ("undecided", "undecided"),
                        ("gone", "gone"),
                    )
                    if result[name]
                ),
            ]
        )
    )
    kinds = (("doubles", "doubled"), ("ambiguous", "ambiguous"), ("unmatched", "unmatched"))
    lists = [(word, one) for name, word in kinds for one in result["rows"][name]]
    if lists:
        lines = table(*map(words, ("kind", "key", "instance", "note")))
        for word, one in lists[:_ROWS_SHOWN]:
            note = f"OKKI: {one['okki_key']!r}" if "okki_key" in one else ""
            add_row(lines, words(word), repr(one["key"]), one["instance_id"], note)
        console.print(lines)
        if len(lists) > _ROWS_SHOWN:
            console.print(Text(f"… and {len(lists) - _ROWS_SHOWN:,} more (--json)"))
    if result["held"]:
        console.print(
            Text(
                f"{result['held']:,} more instances hold other content than OKKI shows: too many to be "
                "updated before somebody has looked. `xmsyncd approve` shows what would change, and lets it "
                "go; if the mapping is wrong, put it right first.",
                style="yellow",
            )
        )
    if result["ambiguous"]:
        console.print(
            Text(
                "Keys that are almost equal: make them equal and adopt again. Where they are two products, "
                "`xmsyncd failures retry KEY --resend` creates the other one beside.",
                style="yellow",
            )
        )
