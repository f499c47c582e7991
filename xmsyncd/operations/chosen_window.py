"""The window that a person names for a re-read: ``--since`` and ``--until``, read and checked. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.errors import ConfigurationError, Fault

_FORMS: Final = "2026-11-20, 2026-11-20 08:00, 2026-11-20 08:00:30 or 2026-11-20T00:00:00Z"


def chosen_window(
    since: str | None, until: str | None, *, request: CycleRequest, zone: ZoneInfo, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Both ends, inclusive, aware UTC; ``None`` for what was not given.

    A time without an offset is of ``zone``. A date alone is its first second as ``since`` and its last as
    ``until``, and may be today. Raises ``ConfigurationError`` with all faults at once.
    """
    if since is None and until is None:
        return None, None
    faults: list[Fault] = []
    others = [
        name
        for name, given in (
            ("--full", request.full),
            ("--limit", request.limit is not None),
            ("--only", request.only is not None),
        )
        if given
    ]
    if others:
        faults.append(
            Fault("--since", " and ".join(("--since", *others)), "--since and --until by themselves")
        )
    if since is None:
        faults.append(Fault("--until", "--until alone", "--since beside it"))
    start = _moment("--since", since, zone, faults, is_end=False)
    end = _moment("--until", until, zone, faults, is_end=True)
    if start is not None and start > now:
        faults.append(Fault("--since", f"{since}, which is in the future", "a time that has passed"))
    is_today = end is not None and until is not None and _is_date(until) and end - now < timedelta(days=1)
    if end is not None and end > now and not is_today:
        faults.append(
            Fault("--until", f"{until}, which is in the future", "a time that has passed, or nothing")
        )
    if start is not None and end is not None and start > end:
        faults.append(Fault("--until", f"{until}, which is before --since {since}", "the later of the two"))
    if faults:
        raise ConfigurationError(faults)
    return start, end


def _moment(
    option: str, text: str | None, zone: ZoneInfo, faults: list[Fault], *, is_end: bool
) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        if is_end and _is_date(text):
            moment = datetime.combine(moment.date(), time(23, 59, 59))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        faults.append(Fault(option, repr(text), f"a time, of {zone.key} unless it says another: {_FORMS}"))
        return None


def _is_date(text: str) -> bool:
    return len(text.strip()) == len("2026-11-20")
