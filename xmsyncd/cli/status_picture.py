"""How things stand, as a person reads it in a terminal: the picture of ``status`` and ``status --watch``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from xmsyncd.cli.output import add_row, coloured, counts, facts, moment, span, table
from xmsyncd.cli.reasons import proof_label, reason_label, stop_advice
from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.operations.status import is_slowed, wanted, wrong_clocks

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.table import Table

    from xmsyncd.cli.words import Words

_CYCLES_SHOWN: Final = 3
_REASONS_SHOWN: Final = 5


def picture(shown: Mapping[str, Any], zone: ZoneInfo, words: Words) -> RenderableType:
    """``shown`` is what ``operations.status`` tells; times are shown in ``zone``."""
    parts: list[RenderableType] = []
    for one in shown["pipelines"]:
        parts += [Text(one["name"], style="bold"), facts(list(_rows(one, zone, words)))]
        if one["failures"]:
            parts.append(_failures(one, words))
        if one["cycles"]:
            parts.append(_cycles(one, zone, words))
    away = {f"{one['api']} {one['connection']}": one for one in shown.get("away", ())}
    paces = [
        _away_line(name, away[name], zone, words) if name in away else _pace_line(name, limits, words)
        for name, limits in _by_connection(shown).items()
    ]
    connections = [(words("quota"), quota_line(one, zone, words)) for one in shown["quota"]]
    parts.append(facts([*connections, *((words("rate"), line) for line in paces)]))
    parts += [Text(line, style="yellow") for line in _advice(shown, words)]
    return Group(*parts)


def _rows(one: Mapping[str, Any], zone: ZoneInfo, words: Words) -> Iterator[tuple[str, Any]]:
    cycle = one["cycle"]
    yield words("state"), coloured(one["state"], words)
    yield words("backlog"), counts(wanted(one), VisibleState, words)
    reading = one.get("reading")
    if reading is not None:
        of = "" if reading["total"] is None else f" {words('of')} {reading['total']:,}"
        yield words("reading"), f"{reading['read']:,}{of}, {reading['pages']:,} {words('pages')}"
    ages = [
        f"{words(state)} {span(one[f'oldest_{state}_age_seconds'])}"
        for state in ("pending", "undecided")
        if one[f"oldest_{state}_age_seconds"]
    ]
    if ages:
        yield words("oldest"), " · ".join(ages)
    yield words("watermark"), moment(one["watermark"], zone, none=words("never"))
    yield words("last success"), moment(one["last_success"], zone, none=words("never"))
    yield words("next run"), moment(one["next_run"], zone)
    if cycle is not None and cycle["result"] not in (None, "done"):
        detail = f"  {cycle['detail']}" if cycle["detail"] else ""
        yield words("result"), coloured(cycle["result"], words) + Text(detail)
    for gap in one["gaps"]:
        stretch = f"{moment(gap['start'], zone)} – {moment(gap['end'], zone)} ({gap['cycles']}×)"
        yield words("gaps"), stretch
    compared = one.get("reconcile")
    if compared and compared["at"]:
        found = compared["differences"]
        told = counts(found, DifferenceKind, words) if any(found.values()) else Text(words("no differences"))
        yield words("last comparison"), Text(f"{moment(compared['at'], zone)}  ") + told
    if one.get("filtered"):
        yield words("left out by where"), f"{one['filtered']:,}"
    if one["deleted"]["count"]:
        since = moment(one["deleted"]["first"], zone)
        yield words("deleted in OKKI since"), f"{one['deleted']['count']:,} ({since})"
    stop = one["stop"]
    if stop is not None:
        since = moment(stop["since"], zone)
        yield words("stop"), f"{stop['reason']} ({words('since')} {since}): {stop['detail']}"
        yield words("advice"), stop_advice(stop["reason"])


def _failures(one: Mapping[str, Any], words: Words) -> Table:
    shown = table(words("state"), words("reason"), words("count"), words("example"))
    for group in one["failures"][:_REASONS_SHOWN]:
        reason = reason_label(group["reason"]) if group["reason"] else "–"
        add_row(shown, coloured(group["state"], words), reason, f"{group['count']:,}", group["sample"] or "–")
    return shown


def _cycles(one: Mapping[str, Any], zone: ZoneInfo, words: Words) -> Table:
    shown = table(words("cycle"), words("since"), words("result"), words("read"), words("decisions"))
    for cycle in one["cycles"][:_CYCLES_SHOWN]:
        if cycle["result"] is None:
            result = coloured("running", words)
        else:
            result = coloured(cycle["result"], words)
            if cycle["proof"]:
                result = result + Text(f" ({proof_label(cycle['proof'])})", style="dim")
        add_row(
            shown,
            words(cycle["kind"]),
            moment(cycle["started"], zone),
            result,
            f"{cycle['read']:,}",
            counts(cycle["decisions"], StageDecision, words),
        )
    return shown


def quota_line(one: Mapping[str, Any], zone: ZoneInfo, words: Words) -> str:
    """A connection's month: what is used of what, by what, and how long it will last."""
    limit = f" {words('of')} {one['limit']:,}" if one["limit"] else ""
    told = [f"{one['connection']}: {one['used']:,}{limit} {words('calls')} ({one['month']})"]
    if one["kinds"]:
        told.append(", ".join(f"{words(kind)} {calls:,}" for kind, calls in one["kinds"].items()))
    if one["limit"]:
        told.append(f"{words('reserve used')} {one['reserve_used']:,} {words('of')} {one['reserve']:,}")
        if one["told_spent"]:
            told.append(words("spent, says the vendor"))
        elif one["exhausted_at"] is None:
            told.append(words("lasts to the end of the month"))
        else:
            told.append(f"{words('spent by')} {moment(one['exhausted_at'], zone)}")
    return "; ".join(told)


def _by_connection(shown: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in shown["limits"]:
        found.setdefault(f"{one['api']} {one['connection']}", []).append(one)
    return found


def _pace_line(name: str, limits: list[Mapping[str, Any]], words: Words) -> Text:
    """What is slower than it may be, or rests, and why; at full speed only the ceiling is worth a word."""
    told = Text(f"{name}: ")
    slowed = [one for one in limits if is_slowed(one)]
    for one in slowed:
        told.append(f"{one['endpoint']} {one['per_second']:.3g} {words('of')} {one['ceiling']:.3g}/s")
        if one["paused_seconds"]:
            code = f" ({one['pause_code']})" if one["pause_code"] else ""
            told.append(f", {words('paused')} {span(one['paused_seconds'])}{code}", style="yellow")
        told.append(" · ")
    if len(slowed) == len(limits):
        told.right_crop(3)
        return told
    ceilings = sorted({one["ceiling"] for one in limits if one not in slowed})
    told.append(f"{words('full speed')} {', '.join(f'{ceiling:.3g}' for ceiling in ceilings)}/s")
    return told


def _away_line(name: str, one: Mapping[str, Any], zone: ZoneInfo, words: Words) -> Text:
    """A vendor with whom calls fail: at what speed they may be made is no news then."""
    causes = ", ".join(f"{cause} {number:,}×" for cause, number in one["causes"].items())
    since = f"{words('calls fail')}, {words('since')} {moment(one['since'], zone)}"
    return Text(f"{name}: ").append(f"{since}: {causes}", style="red")


def _advice(shown: Mapping[str, Any], words: Words) -> Iterator[str]:
    for one in wrong_clocks(shown):
        told = f"{one['api']} {one['connection']}: {one['offset_seconds']:+,.0f} s"
        yield f"{words('by the clock of the vendor, that of this machine is wrong')}: {told}"
    if any(one["backlog"].get("held") for one in shown["pipelines"]):
        yield words("`xmsyncd approve` shows the updates that wait for a person.")
    if any(one["failures"] for one in shown["pipelines"]):
        yield words("`xmsyncd failures list` says what did not go through, and why.")
