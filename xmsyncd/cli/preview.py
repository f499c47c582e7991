"""``preview``: one product through the mapping, step by step."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from xmsyncd.ledger.snapshot import Snapshot
    from xmsyncd.settings import Settings

_LARGEST_FILE = 16 * 1024 * 1024


@click.command("preview")
@click.argument("key", required=False)
@click.option("--pipeline", metavar="NAME", help="By the mapping of this pipeline only.")
@click.option(
    "--item",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A record from a JSON file instead: neither OKKI nor any secret is needed.",
)
@common_options
@framed
def preview(common: Common, *, key: str | None, pipeline: str | None, file: Path | None) -> int:
    """How one record is mapped, and what would become of it: by its number, its key or its OKKI id.

    Nothing is written, neither in Yida nor in the ledger, and Yida is not called.
    """
    from xmsyncd.cli.output import out, print_json
    from xmsyncd.cli.preview_picture import show_preview
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.cli.words import words
    from xmsyncd.errors import ConfigurationError, Fault

    if (key is None) == (file is None):
        found = "neither" if key is None else f"{key} and --item {file}"
        raise ConfigurationError([Fault("KEY or --item", found, "one of the two")])
    settings = common.settings() if file is None else common.settings_without_secrets()

    async def work() -> int:
        if file is None:
            told = await _asked(settings, {"key": key, "pipeline": pipeline})
        else:
            told = await _from_file(settings, {"item": _read(file), "pipeline": pipeline})
        if common.json:
            print_json({"products": told["products"]})
        else:
            for one in told["products"]:
                show_preview(out(), one, settings.zone, words())
        return 0

    return run_to_end(common, settings, work)


async def _asked(settings: Settings, params: dict[str, Any]) -> dict[str, Any]:
    from xmsyncd.cli.access import operator
    from xmsyncd.cli.form_progress import followed

    async with (
        operator(settings, needs_delivery=False, on_snapshot=True) as asked,
        contextlib.aclosing(asked.stream("preview", params)) as told,
    ):
        return await followed(told, str)


async def _from_file(settings: Settings, params: dict[str, Any]) -> dict[str, Any]:
    import random

    from prometheus_client import CollectorRegistry

    from xmsyncd.app import open_app
    from xmsyncd.clock import SystemClock
    from xmsyncd.operations.table import result_of

    async with (
        _snapshot(settings) as snapshot,
        open_app(
            settings,
            clock=SystemClock(),
            rng=random.Random(),
            registry=CollectorRegistry(),
            opened=snapshot,
        ) as app,
    ):
        told: dict[str, Any] = await result_of(app.runtime, "preview", params)
        return told


@contextlib.asynccontextmanager
async def _snapshot(settings: Settings) -> AsyncIterator[Snapshot]:
    """Of the ledger, whoever holds it; an empty one where it cannot be told whether it is this mapping's."""
    from xmsyncd.errors import LedgerHeldError, LedgerUnusableError
    from xmsyncd.ledger.lock import LedgerLock
    from xmsyncd.ledger.snapshot import Snapshot
    from xmsyncd.settings import STAND_IN

    ids = [one.client_id for one in settings.okki.values()]
    ids += [one.target.form_uuid for one in settings.pipelines.values()]
    is_empty = STAND_IN in ids or not settings.ledger.path.exists()
    async with contextlib.AsyncExitStack() as stack:
        is_quiet = False
        with contextlib.ExitStack() as held:
            with contextlib.suppress(LedgerHeldError, LedgerUnusableError):
                if not is_empty:
                    held.enter_context(LedgerLock(settings.ledger.path))
                    is_quiet = True
            snapshot = Snapshot(settings.ledger.path, is_quiet=is_quiet, is_empty=is_empty)
            await stack.enter_async_context(snapshot)
        yield snapshot


def _read(file: Path) -> Any:
    from xmsyncd.errors import ConfigurationError, Fault

    expected = "a JSON file with one record in it"
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise ConfigurationError([Fault("--item", f"{file} with more than 16 MB", expected)])
        return json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigurationError([Fault("--item", f"{file}: {error.strerror}", expected)]) from error
    except (ValueError, RecursionError) as error:
        found = f"{file}, which is no JSON ({error})"
        raise ConfigurationError([Fault("--item", found, expected)]) from error
