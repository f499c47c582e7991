"""The metered calls of a command that runs beside the ledger are entered into it, by its holder or here."""

from __future__ import annotations

from collections.abc import Mapping

from xmsyncd.clock import Clock
from xmsyncd.errors import LedgerError, LedgerHeldError
from xmsyncd.ledger import Ledger, meters
from xmsyncd.operations.exit_status import HolderError
from xmsyncd.operations.holder import Holder, NotListeningError
from xmsyncd.settings import Settings

CallsMade = Mapping[str, Mapping[str, int]]
"""Calls by connection and kind."""


async def enter_calls(settings: Settings, made: CallsMade, clock: Clock) -> str:
    """Count them in the ledger; what was wrong with that, else "".

    Creates no ledger: a command that somebody runs as another user must not own the daemon's file.
    """
    path = settings.ledger.path
    if not any(any(kinds.values()) for kinds in made.values()):
        return ""
    if not path.exists():
        return "there is no ledger yet"
    try:
        async with Ledger(path) as ledger:
            await ledger.write(meters.enter, made, clock.now())
    except LedgerHeldError as error:
        try:
            await Holder(path, held=str(error)).call("metered", {"made": made})
        except (LedgerHeldError, NotListeningError, HolderError) as silent:
            return str(silent)
    except LedgerError as error:
        return str(error)
    return ""
