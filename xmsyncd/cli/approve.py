"""``approve``: what the guard holds is shown with what it would change, and let go or given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from rich.console import Console

    from xmsyncd.cli.words import Words
    from xmsyncd.settings import Settings


@click.command("approve")
@click.argument("names", metavar="[PIPELINE] [KEY]…", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that is held.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="The first N only: try some before all."
)
@click.option("--discard", is_flag=True, help="Give the held content up instead; Yida keeps what it has.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
@framed
def approve(
    common: Common, *, names: tuple[str, ...], everything: bool, limit: int | None, discard: bool, yes: bool
) -> int:
    """Let updates go that the guard holds: those of KEY…, --all, or the first N; alone, only show them.

    A first name that is a pipeline's is taken for the pipeline.
    """
    from xmsyncd.cli.asking import ask, is_confirmed
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.output import out, print_json
    from xmsyncd.cli.words import words

    settings = common.settings()
    pipeline, keys = _meant(settings, names)
    if keys and everything:
        raise click.UsageError("say which: KEY…, or --all")
    decides = bool(keys or everything or limit)
    if discard and not decides:
        raise click.UsageError("say what to discard: KEY…, --all, or --limit N")
    shown = ask(common, settings, "approve.show", {"pipeline": pipeline, "keys": list(keys)})
    if shown.status:
        return shown.status
    total = shown.value["total"]
    if not common.json:
        _print(out(), shown.value, words())
    if not decides or not total:
        if common.json:
            print_json(shown.value)
        elif total:
            say("`xmsyncd approve --all` lets them go, `--limit N` the first N, `--discard` gives them up.")
        return 3 if total else 0
    number = min(total, limit or total)
    verb = "Give up" if discard else "Let go"
    if not is_confirmed(f"{verb} {number:,} of {total:,}?", yes=yes or common.json):
        return 3
    done = ask(
        common,
        settings,
        "approve.decide",
        {
            "pipeline": pipeline,
            "keys": list(keys),
            "all": everything,
            "limit": limit,
            "discard": discard,
            "as_of": shown.value["as_of"],
            "by": "cli",
        },
    )
    if done.status:
        return done.status
    if common.json:
        print_json({**done.value, "shown": shown.value})
    else:
        _print_done(out(), done.value, words())
        if done.is_local and done.value["total"] and not discard:
            say(words()("No daemon is running: the next `xmsyncd sync` or `xmsyncd run` sends them."))
    return 3 if done.value["left"] else 0


def _meant(settings: Settings, names: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    if names and names[0] in settings.pipelines:
        return names[0], names[1:]
    return None, names


def _print(console: Console, shown: dict[str, Any], words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.context_parts import named
    from xmsyncd.cli.differences import difference
    from xmsyncd.cli.output import add_row, table
    from xmsyncd.cli.reasons import reason_label

    if not shown["total"]:
        console.print(Text(words("nothing is held")))
        return
    for one in shown["pipelines"]:
        if not one["held"]:
            continue
        reasons = ", ".join(f"{reason_label(name)} {number:,}" for name, number in one["reasons"].items())
        console.print(Text(f"{one['pipeline']}  {words('held')} {one['held']:,} ({reasons})", style="bold"))
        if one["limit"] is not None:
            console.print(
                Text(
                    f"{one['released']:,} were let go; at most {one['limit']:,} of {one['known']:,} "
                    "known records may be updated before a person has looked."
                )
            )
        components = table(words("component"), words("count"))
        for component in one["components"]:
            add_row(components, named(component), f"{component['count']:,}")
        console.print(components)
        if one["compared"] < one["held"]:
            console.print(Text(f"(counted over the first {one['compared']:,})"))
        changes = table(*map(words, ("key", "component", "in Yida", "desired")))
        for record in one["sample"]:
            for number, change in enumerate(record["changes"]):
                key = record["key"] if number == 0 else ""
                old, new = difference(change["old"], change["new"])
                add_row(changes, key, named(change), old, new)
        console.print(changes)


def _print_done(console: Console, done: dict[str, Any], words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import counts
    from xmsyncd.ledger.states import VisibleState

    states = counts(done["counts"], VisibleState, words)
    console.print(Text(f"{done['total']:,} {words('records')}: ") + states)
    if done["left"]:
        console.print(Text(f"{words('held')}: {done['left']:,}"))
