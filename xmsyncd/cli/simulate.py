"""``simulate``: OKKI and Yida on this machine, with faults on demand, until told to stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed
from xmsyncd.cli.sync import DurationParam

if TYPE_CHECKING:
    from xmsyncd.cli.simulate_configuration import Habits
    from xmsyncd.simulator.faults import Fault
    from xmsyncd.simulator.server import Simulator

_PORT = click.IntRange(min=0, max=65535)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is done once both vendors listen."""

    faults: list[Fault]
    write_config: Path | None
    as_json: bool


@click.command("simulate")
@click.option(
    "--resource", metavar="NAME", help="The list of OKKI that all this is about: supplier, order … (product)."
)
@click.option("--products", type=click.IntRange(min=0), metavar="N", help="Its entries in OKKI (300).")
@click.option("--dirty", type=click.IntRange(min=0), metavar="N", help="Of these, dirty ones (0).")
@click.option("--seed", type=int, metavar="N", help="The same number, the same catalogue (1).")
@click.option("--edits-per-second", type=click.FloatRange(min=0), metavar="X", help="As people edit (0).")
@click.option("--qps", type=float, metavar="X", help="Limit of each Yida API in calls a second (none).")
@click.option("--latency", type=DurationParam(), help="Of each Yida call, for example 100ms (none).")
@click.option("--index-lag", type=DurationParam(), help="Until Yida's search shows a write (none).")
@click.option("--okki-port", type=_PORT, metavar="PORT", help="0, the default, takes a free one.")
@click.option("--yida-port", type=_PORT, metavar="PORT", help="As --okki-port.")
@click.option("--control-port", type=_PORT, metavar="PORT", help="As --okki-port.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:KEY=VALUE,…]",
    help="Switch a fault on, for example lost_502:operation=start,rate=0.04. Repeatable.",
)
@click.option("--list-faults", is_flag=True, help="Show which faults there are and what they do.")
@click.option(
    "--option",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other property of the simulation, for example id_type=mixed. Repeatable.",
)
@click.option(
    "--write-config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a configuration against it.",
)
@click.option("--until-eof", is_flag=True, help="End when standard input does: for a program that starts it.")
@common_options
@framed
def simulate(
    common: Common,
    *,
    resource: str | None,
    dirty: int | None,
    faults: tuple[str, ...],
    others: tuple[str, ...],
    list_faults: bool,
    write_config: Path | None,
    until_eof: bool,
    **named: Any,
) -> int:
    """Both vendors on loopback until Ctrl-C: stateful, strict, and as faulty as asked for."""
    import asyncio

    from xmsyncd.cli.errors import say
    from xmsyncd.cli.simulate_words import WrongWordsError, faults_from, options_from
    from xmsyncd.operations.exit_status import ExitStatus

    if list_faults:
        _print_faults(as_json=common.json)
        return ExitStatus.WELL
    if resource is not None:
        others = (*others, f"resource={resource}")
    wrong: list[str] = []
    switched: list[Fault] = []
    try:
        switched = faults_from(faults)
    except WrongWordsError as error:
        wrong += error.sentences
    try:
        options = options_from(others, {**named, "dirty_products": dirty})
    except WrongWordsError as error:
        wrong += error.sentences
    if wrong:
        for sentence in wrong:
            say(f"error: {sentence}")
        return ExitStatus.USAGE
    ready = _Ready(switched, write_config, common.json)
    return asyncio.run(_serve(options, ready, until_eof=until_eof))


async def _serve(options: Any, ready: _Ready, *, until_eof: bool) -> int:
    import asyncio
    import contextlib
    import sys
    import threading

    from xmsyncd.errors import ConfigurationError, Fault
    from xmsyncd.lifecycle import handle_signals
    from xmsyncd.simulator.serve import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_eof() -> None:
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stop.set)

    with handle_signals(stop) as signals:
        if until_eof:
            threading.Thread(target=wait_for_eof, daemon=True, name="standard-input").start()
        try:
            await serve(options, ready=lambda simulator: _listening(simulator, ready), stop=stop)
        except OSError as error:
            found = error.strerror or str(error)
            raise ConfigurationError([Fault("the ports", found, "free ports; 0 takes any")]) from error
    return 0 if signals.received is None else 128 + signals.received


def _listening(simulator: Simulator, ready: _Ready) -> None:
    import os

    from xmsyncd.operations.lines import json_of

    for fault in ready.faults:
        simulator.faults.append(fault)
    if ready.write_config is not None:
        _write_configuration(simulator, ready.write_config)
    if ready.as_json:
        told = {
            "okki_url": simulator.okki_url,
            "yida_url": simulator.yida_url,
            "control_url": simulator.control_url,
            "process": os.getpid(),
            "config": None if ready.write_config is None else str(ready.write_config),
        }
        click.echo(json_of(told))
    else:
        click.echo(_words_for_people(simulator, ready.write_config))


def _write_configuration(simulator: Simulator, path: Path) -> None:
    from xmsyncd.cli.simulate_configuration import configuration_for, write_configuration

    text = configuration_for(
        simulator.options, simulator.okki_url, simulator.yida_url, _habits(simulator, path)
    )
    write_configuration(path, text)


def _habits(simulator: Simulator, path: Path) -> Habits:
    from xmsyncd.cli.simulate_configuration import Habits

    options = simulator.options
    port = simulator.yida_url.rpartition(":")[2]
    return Habits(
        # Named after the simulation: its ledger must not be taken for that of another.
        ledger=f"{path.stem}-simulated-{port}.db",
        requests_per_second=20 if options.qps is None else options.qps,
        monthly_calls=options.monthly_calls or 0,
        # A call takes as long as was asked for; some slack above it.
        call_timeout=timedelta(seconds=6) + options.latency,
        drain=timedelta(seconds=8) + options.latency,
    )


def _words_for_people(simulator: Simulator, config: Path | None) -> str:
    options, control = simulator.options, simulator.control_url
    limit = "no limit on calls" if options.qps is None else f"{options.qps:g} calls a second to each Yida API"
    some = simulator.catalogue.ids()[:1]
    edited = f'"{simulator.catalogue.kind.name_field or simulator.catalogue.kind.text_field}": "新名称"'
    lines = [
        f"OKKI     {simulator.okki_url}",
        f"Yida     {simulator.yida_url}",
        f"control  {control}   (what it can do: curl {control}/)",
        "",
        f"{len(simulator.catalogue):,} entries of {simulator.catalogue.kind.path}, "
        f"{options.dirty_products:,} of them dirty; "
        f"seed {options.seed}; {limit}",
        *(f"fault on: {fault.name}" for fault in simulator.faults.active),
        "",
        f"edit any of them     curl {control}/edit -d '{{\"random\": 1}}'",
        *(
            f'edit this one        curl {control}/edit -d \'{{"id": {one}, "fields": {{{edited}}}}}\''
            for one in some
        ),
        f"switch a fault on    curl {control}/faults -d "
        '\'{"name": "lost_502", "operation": "start", "rate": 0.04}\'',
        f"switch them off      curl -X DELETE {control}/faults",
        f"do both sides agree  curl {control}/oracle",
        "",
    ]
    if config is not None:
        lines.append(f"A configuration against it: {config}. Try: xmsyncd check --config {config}")
    return "\n".join([*lines, "Ctrl-C ends it, and it forgets everything."])


def _print_faults(*, as_json: bool) -> None:
    from xmsyncd.cli.output import add_row, out, print_json, table
    from xmsyncd.simulator.faults import KINDS

    rows = [
        {
            "name": name.value,
            "api": [vendor.value for vendor in kind.vendors],
            "operations": None if kind.operations is None else sorted(kind.operations),
            "when": kind.stage.value,
            "meaning": kind.meaning,
        }
        for name, kind in KINDS.items()
    ]
    if as_json:
        print_json(rows)
        return
    shown = table("fault", "strikes", "operations", "call is", "meaning")
    executed = {"before": "not executed", "after": "executed", "beside": "answered"}
    for row in rows:
        add_row(
            shown,
            row["name"],
            ", ".join(row["api"] or ()),
            ", ".join(row["operations"] or ("all",)),
            executed[str(row["when"])],
            row["meaning"],
        )
    console = out()
    console.print(shown)
    console.print(
        "Of every fault: api, operation, rate (0 to 1), times, after (calls to let pass), "
        "match (part of a product number)."
    )
