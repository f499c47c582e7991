"""The care of the ledger: is it what it should be, and a copy of it; in its holder, or where it has none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from xmsyncd.errors import LedgerError, LedgerStorageError, LedgerUnusableError, StoppedError
from xmsyncd.ledger import Ledger, check_tables
from xmsyncd.ledger.backup import Backup, back_up
from xmsyncd.ledger.checking import ADVICE, Checked, Found, Rule, Violation
from xmsyncd.ledger.reading import ReadingLedger

Json = dict[str, Any]

# A ledger in use waits for one step and then has this long for its own work.
_BETWEEN_STEPS_SECONDS: Final = 0.002


async def check(ledger: Ledger | ReadingLedger, now: datetime) -> AsyncGenerator[Json]:
    """Yields progress as ``{"part", "done", "total"}`` and at last ``{"rules", "records", "violations"}``.

    Reads only, in short steps between which others work. Each of ``rules`` is one that is broken: ``rule``,
    ``count``, ``samples`` and ``advice``. A file so damaged that a part cannot be read is such a finding.
    """
    found, records = Found(), 0
    try:
        parts = await ledger.read(check_tables.parts, now)
    except LedgerStorageError as error:
        found.add([Violation(Rule.FILE, str(error))])
        parts = []
    for part in parts:
        try:
            total = 0 if part.table is None else await ledger.read(check_tables.count, part.table)
            after: int | None = 0
            done = 0
            while after is not None:
                yield {"part": part.name, "done": done, "total": total}
                checked: Checked = await ledger.read(part.step, after, now)
                found.add(checked.violations)
                done, after = done + checked.rows, checked.next_after
                await asyncio.sleep(_BETWEEN_STEPS_SECONDS)
            if part.table == "records":
                records = done
        except LedgerUnusableError as error:
            found.add([Violation(Rule.FILE, f"{part.name}: {error.__cause__ or error}")])
    yield _result(ledger.path, records, found)


def unreadable(path: Path, error: LedgerStorageError) -> Json:
    """The result of a check of a file that cannot even be opened."""
    found = Found()
    found.add([Violation(Rule.FILE, str(error.__cause__ or error))])
    return _result(path, 0, found)


def _result(path: Path, records: int, found: Found) -> Json:
    return {
        "ledger": str(path),
        "records": records,
        "violations": sum(found.counts.values()),
        "rules": [
            {
                "rule": rule.value,
                "count": found.counts[rule],
                "samples": found.samples[rule],
                "advice": ADVICE[rule],
            }
            for rule in Rule
            if rule in found.counts
        ],
    }


def check_exit_status(result: Json) -> int:
    """3 where something is broken."""
    return 3 if result["violations"] else 0


async def backup(
    ledger: Path, target: Path, now: datetime, *, force: bool, stopping: asyncio.Event
) -> AsyncGenerator[Json]:
    """Yields ``{"copied", "total"}`` (pages), at last ``{"file", "bytes", "records", …}``; see ``back_up``.

    This process must hold the ledger's lock. Left early, it gives up and leaves nothing behind.
    """
    told: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    given_up = threading.Event()

    def watched(copied: int, total: int) -> None:
        if given_up.is_set() or stopping.is_set():
            raise StoppedError("stopped before the backup was whole; nothing was kept of it")
        loop.call_soon_threadsafe(told.put_nowait, (copied, total))

    def work() -> Backup:
        try:
            return back_up(ledger, target, now=now, force=force, watched=watched)
        finally:
            loop.call_soon_threadsafe(told.put_nowait, None)

    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        while (pages := await told.get()) is not None:
            yield {"copied": pages[0], "total": pages[1]}
        made = await task
    finally:
        given_up.set()
        await asyncio.wait({task})
    yield {
        "file": str(made.path),
        "bytes": made.size_bytes,
        "records": made.records,
        "generation": made.generation,
        "made_at": now.isoformat(timespec="seconds"),
    }


def absolute(path: object) -> Path:
    """Where a copy goes: the holder's folder is not the person's."""
    target = Path(str(path))
    if not target.is_absolute():
        raise LedgerError(f"the path {target} of the backup is not absolute")
    return target
