"""``ledger``: the care of the memory; checked, copied, brought to this version, told of a new client id."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from xmsyncd.cli.words import Words
    from xmsyncd.ledger.reading import ReadingLedger
    from xmsyncd.settings import Settings


@click.group("ledger", context_settings={"help_option_names": ["-h", "--help"]})
@common_options
def ledger() -> None:
    """Care of the ledger, the daemon's memory."""


@ledger.command("check")
@click.option(
    "--repair", is_flag=True, help="Derive the keys from the records anew; the daemon must not run."
)
@common_options
@framed
def check(common: Common, *, repair: bool) -> int:
    """Is it what it should be? Reads only, also beside a running daemon. Exit status 3: it is not."""
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words
    from xmsyncd.errors import LedgerStorageError
    from xmsyncd.operations.ledger_care import check_exit_status, unreadable

    settings = common.settings()

    async def work() -> int:
        if repair:
            say(f"{await _repaired(settings):,} keys were derived from the records")
        try:
            result = await _asked(settings, "ledger.check", {}, _check_here, _CheckProgress(words()))
        except LedgerStorageError as error:
            result = unreadable(settings.ledger.path, error)
        if common.json:
            print_json(result)
        else:
            _print_check(result, words())
        return check_exit_status(result)

    return run_to_end(common, settings, work)


@ledger.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@common_options
@framed
def backup(common: Common, *, file: Path, force: bool) -> int:
    """Copy it to FILE, also while the daemon works. The copy is read back and knows that it is one."""
    from xmsyncd.cli.output import facts, out, print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words

    settings = common.settings()
    target = file.absolute()

    async def here(opened: ReadingLedger) -> AsyncGenerator[dict[str, Any]]:
        import asyncio

        from xmsyncd.clock import SystemClock
        from xmsyncd.operations.ledger_care import backup as steps

        now = SystemClock().now()
        async for told in steps(opened.path, target, now, force=force, stopping=asyncio.Event()):
            yield told

    async def work() -> int:
        params = {"file": str(target), "force": force}
        result = await _asked(settings, "ledger.backup", params, here, _CopyProgress(words()))
        if common.json:
            print_json(result)
        else:
            say = words()
            rows = [(say("backup"), result["file"]), (say("records"), f"{result['records']:,}")]
            out().print(facts([*rows, (say("bytes"), f"{result['bytes']:,}")]))
        return 0

    return run_to_end(common, settings, work)


@ledger.command("migrate")
@click.option("--show", is_flag=True, help="Only say what would be done.")
@common_options
@framed
def migrate(common: Common, *, show: bool) -> int:
    """Bring it to this version's schema now; every command that opens it does so too, after a copy."""
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.ledger import Ledger
    from xmsyncd.ledger.migrate import migrations, pending
    from xmsyncd.ledger.reading import ReadingLedger

    settings = common.settings()
    path = settings.ledger.path

    async def work() -> int:
        async with ReadingLedger(path) as opened:
            before = opened.schema
            steps = [step.name.removesuffix(".sql") for step in await opened.read(pending)]
        kept = None
        if steps and not show:
            async with Ledger(path) as migrated:
                kept = migrated.migrated
        if common.json:
            now = before if show else len(migrations())
            print_json({"schema": now, "before": before, "steps": steps, "copy": kept and str(kept)})
            return 0
        if not steps:
            say(f"the ledger has schema {before}, which is this version's: nothing to do")
        for name in steps:
            say(f"{'pending' if show else 'done'}: {name}")
        if kept is not None:
            say(f"as it was before, it is kept as {kept}")
        return 0

    return run_to_end(common, settings, work)


@ledger.command("rebind")
@click.argument("pipeline", required=False)
@common_options
@framed
def rebind(common: Common, *, pipeline: str | None) -> int:
    """The company's OKKI client id is a new one: its data are the same. The daemon must not run."""
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.sync import chosen
    from xmsyncd.ledger import Ledger, pipelines

    settings = common.settings()
    names = chosen(settings, pipeline)

    async def work() -> int:
        async with Ledger(settings.ledger.path) as opened:
            for name in names:
                _, okki = settings.okki_of(settings.pipelines[name])
                try:
                    changed = await opened.write(pipelines.rebind, name, okki.client_id)
                except KeyError:
                    say(f"{name}: the ledger does not know it yet: nothing to do")
                    continue
                say(f"{name}: {'bound to the configured client id' if changed else 'as it was'}")
        return 0

    return run_to_end(common, settings, work)


_Here = Callable[["ReadingLedger"], AsyncGenerator[dict[str, Any]]]


async def _asked(
    settings: Settings,
    name: str,
    params: dict[str, Any],
    here: _Here,
    progress: _Progress,
) -> dict[str, Any]:
    """The operation's result: of the ledger's holder, or where it has none of ``here``."""
    import asyncio
    import time

    from xmsyncd.errors import LedgerHeldError
    from xmsyncd.ledger.reading import ReadingLedger
    from xmsyncd.operations.holder import ANSWER_SECONDS, Holder, NotListeningError, silent
    from xmsyncd.operations.table import Result

    deadline = time.monotonic() + ANSWER_SECONDS
    result: dict[str, Any] = {}
    with progress:
        while True:
            async with contextlib.AsyncExitStack() as stack:
                try:
                    opened = await stack.enter_async_context(ReadingLedger(settings.ledger.path))
                except LedgerHeldError as error:
                    held = str(error)
                else:
                    async for result in here(opened):
                        progress.show(result)
                    return result
            try:
                async with contextlib.aclosing(
                    Holder(settings.ledger.path, held=held).stream(name, params)
                ) as told:
                    async for one in told:
                        if isinstance(one, Result):
                            return dict(one.value)
                        progress.show(one.value)
            except NotListeningError:
                # A command that is done in a moment does not listen; a daemon may only be starting.
                if time.monotonic() >= deadline:
                    raise silent(held) from None
                await asyncio.sleep(0.1)


async def _check_here(opened: ReadingLedger) -> AsyncGenerator[dict[str, Any]]:
    from xmsyncd.clock import SystemClock
    from xmsyncd.errors import LedgerUnusableError
    from xmsyncd.ledger.migrate import pending
    from xmsyncd.operations.ledger_care import check as steps

    steps_to_do = await opened.read(pending)
    if steps_to_do:
        raise LedgerUnusableError(
            f"the ledger {opened.path} has schema {opened.schema}, which is not this version's: run "
            "`xmsyncd ledger migrate` first"
        )
    async for told in steps(opened, SystemClock().now()):
        yield told


async def _repaired(settings: Settings) -> int:
    from xmsyncd.clock import SystemClock
    from xmsyncd.ledger import Ledger
    from xmsyncd.ledger.repair import rebuild_keys

    async with Ledger(settings.ledger.path) as opened:
        return await opened.write(rebuild_keys, SystemClock().now())


class _Progress:
    """One line on a terminal's standard error; elsewhere nothing."""

    def __init__(self, words: Words) -> None:
        from xmsyncd.cli.output import err

        self._words = words
        console = err()
        self._status = console.status("") if console.is_terminal else None

    def __enter__(self) -> None:
        if self._status is not None:
            self._status.start()

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, told: dict[str, Any]) -> None:
        """Say how far it is."""
        if self._status is not None:
            self._status.update(self.text(told))

    def text(self, told: dict[str, Any]) -> str:
        """The line."""
        raise NotImplementedError


class _CheckProgress(_Progress):
    def text(self, told: dict[str, Any]) -> str:
        of = f" {told['done']:,} / {told['total']:,}" if told.get("total") else ""
        return f"{self._words('reading')}: {told.get('part', '')}{of}"


class _CopyProgress(_Progress):
    def text(self, told: dict[str, Any]) -> str:
        return f"{self._words('backup')}: {told.get('copied', 0):,} / {told.get('total', 0):,}"


def _print_check(result: dict[str, Any], words: Words) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, out, table

    console = out()
    if not result["rules"]:
        console.print(Text(f"{words('ok')}: {result['records']:,} {words('records')} ({result['ledger']})"))
        return
    shown = table(*map(words, ("rule", "count", "example", "advice")))
    for one in result["rules"]:
        name = words(f"rule.{one['rule']}")
        label = one["rule"] if name.startswith("rule.") else f"{one['rule']} {name}"
        add_row(shown, label, f"{one['count']:,}", "\n".join(one["samples"]), one["advice"])
    console.print(shown)
