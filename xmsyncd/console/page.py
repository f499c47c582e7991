"""The console's pages: from plain JSON to HTML, in Chinese or English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

import jinja2

from xmsyncd.console.charts import Chart, charts
from xmsyncd.console.pace import paces, reading_pause, sending_pause
from xmsyncd.console.quality import rules_of, severity_of
from xmsyncd.console.timeline import content_rows, timeline
from xmsyncd.console.underway import underway
from xmsyncd.console.words import WORDS
from xmsyncd.ledger.cycles import CycleResult
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.operations.status import wanted, wrong_clocks
from xmsyncd.phrases.reasons import reason_advice

# From what is done to what needs a person, as the bar shows them from left to right.
_BAR: Final = (
    VisibleState.DELIVERED,
    VisibleState.SENDING,
    VisibleState.PENDING,
    VisibleState.UNDECIDED,
    VisibleState.WAITING,
    VisibleState.HELD,
    VisibleState.REJECTED,
    VisibleState.PARKED,
    VisibleState.DISCARDED,
)

NEED_A_PERSON: Final = (
    VisibleState.WAITING,
    VisibleState.HELD,
    VisibleState.REJECTED,
    VisibleState.PARKED,
)
ON_THEIR_WAY: Final = (VisibleState.PENDING, VisibleState.SENDING)

# What a cycle decided, the news first.
_DECISIONS: Final = (
    StageDecision.CREATE,
    StageDecision.UPDATE,
    StageDecision.REJECTED,
    StageDecision.WAITING,
    StageDecision.HELD,
    StageDecision.PENDING,
    StageDecision.UNCHANGED,
    StageDecision.FILTERED,
    StageDecision.REPEAT,
)
_NEWS: Final = frozenset({StageDecision.CREATE, StageDecision.UPDATE})

_REFRESH_SECONDS: Final = 2

# Shorter rests of sending belong to finding the pace: they would only flicker.
_PAUSE_WORTH_TELLING_SECONDS: Final = 5.0


class Severity(StrEnum):
    """How much a pipeline needs somebody; the colours of the page, from calm to alarm."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Headline:
    """A pipeline in one sentence, and the sentence behind it."""

    severity: Severity
    text: str
    more: str


class Page:
    """Renders the pages; everything that comes from data is escaped."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("xmsyncd.console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self,
        name: str,
        status: Mapping[str, Any] | None,
        *,
        language: str,
        edition: str,
        may_act: bool,
        **shown: Any,
    ) -> str:
        """A page as text; ``None`` for a status that could not be had.

        ``edition`` names the style and script that belong to it; ``shown`` is what the page is about.
        """
        words = WORDS[language]
        limits = limits_of(status)
        now = None if status is None else datetime.fromisoformat(status["now"])
        return self._environment.get_template(f"{name}.html").render(
            status=status,
            words=words,
            language=language,
            edition=edition,
            may_act=may_act,
            here=name,
            refresh_seconds=_REFRESH_SECONDS,
            bar=lambda one: bar(wanted(one)),
            charts=_charts_of,
            underway=lambda one, activity: underway(one, _of(activity, one)),
            headline=lambda one: headline(one, words, limits),
            paces=list(paces(limits)),
            wrong_clocks=[] if status is None else wrong_clocks(status),
            latest_ended=latest_ended,
            severity=lambda of: severity(of, words),
            decided=lambda decisions: decided(decisions, words),
            proofs=lambda cycle: [one for one in (cycle.get("proof") or "").split(",") if one],
            advice=lambda failure: reason_advice(failure["reason"], language),
            ago=lambda moment: _ago(moment, now, words),
            span=lambda seconds: span(seconds, words),
            rate=rate,
            time=_time,
            rules=lambda one, report: rules_of(report, one["name"]),
            severity_of=severity_of,
            timeline=timeline,
            content_rows=content_rows,
            query=urlencode_of,
            held=_held,
            word=lambda kind, value: words.get(f"{kind}.{value}", value),
            **{"text": "", **shown},
        )


def _held(status: Mapping[str, Any] | None) -> int:
    pipelines = () if status is None else status["pipelines"]
    return sum(one["backlog"].get(VisibleState.HELD, 0) for one in pipelines)


def urlencode_of(**values: str) -> str:
    """The part of an address after the question mark."""
    return urlencode(values)


def _of(activity: Mapping[str, Any] | None, one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return None if activity is None else activity.get(one["name"])


def _charts_of(one: Mapping[str, Any], activity: Mapping[str, Any] | None) -> list[Chart]:
    own = _of(activity, one)
    return [] if own is None else charts(own)


def language_of(header: str) -> str:
    """``zh`` or ``en``, by the weights of an ``Accept-Language`` header; English where it says neither."""
    best, weight = "en", 0.0
    for part in header.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameters)
        if language in WORDS and quality > weight:
            best, weight = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def limits_of(status: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """How fast each interface of the vendors is called; none where there is no status."""
    limits: Sequence[Mapping[str, Any]] = () if status is None else status["limits"]
    return limits


def severity(status: Mapping[str, Any] | None, words: Mapping[str, str]) -> Severity:
    """The worst of all pipelines, or of the clocks; no status at all is as bad as can be."""
    if status is None:
        return Severity.BAD
    limits = limits_of(status)
    found = [headline(one, words, limits).severity for one in status["pipelines"]]
    if wrong_clocks(status):
        found.append(Severity.WARN)
    return max(found, key=list(Severity).index, default=Severity.GOOD)


def headline(
    one: Mapping[str, Any], words: Mapping[str, str], limits: Sequence[Mapping[str, Any]] = ()
) -> Headline:
    """What most needs to be known of a pipeline: the first of these that is true."""
    backlog = one["backlog"]
    ended = latest_ended(one)
    person, on_the_way = _sum(backlog, NEED_A_PERSON), _sum(backlog, ON_THEIR_WAY)
    undecided = backlog.get(VisibleState.UNDECIDED, 0)
    reading, sending = reading_pause(one, limits), sending_pause(one, limits)
    if one["stop"] is not None:
        found = Severity.BAD, words["headline.stopped"]
    elif ended is not None and ended.get("cannot_work"):
        found = Severity.BAD, words["headline.unreadable"]
    elif one.get("away"):
        # OKKI's throttling counts as an outage too, and how long it wants silence says more.
        api = one["away"][0]["api"]
        if reading is not None and reading["api"] == api:
            found = Severity.WARN, _paused("headline.reading_paused", reading, words)
        else:
            found = Severity.WARN, words[f"headline.away.{api}"]
    elif ended is not None and ended["result"] == CycleResult.FAILED:
        told = _paused("headline.reading_paused", reading, words) if reading else words["headline.failed"]
        found = Severity.WARN, told
    elif one["gaps"]:
        found = Severity.WARN, words["headline.gaps"]
    elif person:
        found = Severity.WARN, _counted("headline.person", person, words)
    elif undecided:
        found = Severity.BUSY, _counted("headline.undecided", undecided, words)
    elif on_the_way and sending and sending["paused_seconds"] >= _PAUSE_WORTH_TELLING_SECONDS:
        found = Severity.BUSY, _paused("headline.sending_paused", sending, words)
    elif on_the_way:
        found = Severity.BUSY, _counted("headline.busy", on_the_way, words)
    elif reading:
        found = Severity.BUSY, _paused("headline.reading_paused", reading, words)
    elif one["watermark"] is None:
        found = Severity.BUSY, words["headline.first" if one["cycles"] else "headline.new"]
    else:
        found = Severity.GOOD, words["headline.well"]
    return Headline(*found, _share_delivered(wanted(one), words))


def latest_ended(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pipeline's latest cycle that is over; its ``cannot_work`` says why OKKI cannot be read, if so."""
    return next((cycle for cycle in one["cycles"] if cycle["result"] is not None), None)


def _sum(backlog: Mapping[str, int], states: Iterable[VisibleState]) -> int:
    return sum(backlog.get(state, 0) for state in states)


def _counted(name: str, number: int, words: Mapping[str, str]) -> str:
    return words[f"{name}.one"] if number == 1 else words[name].format(f"{number:,}")


def _paused(name: str, limit: Mapping[str, Any], words: Mapping[str, str]) -> str:
    code = limit["pause_code"]
    why = words["pace.code"].format(code) if code else ""
    return words[name].format(span(limit["paused_seconds"], words), why)


def _share_delivered(backlog: Mapping[str, int], words: Mapping[str, str]) -> str:
    total, delivered = sum(backlog.values()), backlog.get(VisibleState.DELIVERED, 0)
    if not total:
        return words["no_records"]
    if delivered == total:
        return words["more.all"].format(f"{total:,}")
    return words["more.part"].format(f"{delivered:,}", f"{total:,}")


def decided(decisions: Mapping[str, int], words: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a cycle's items came to, news first: ``text``, and whether it ``is_quiet``."""
    return [
        {"text": f"{words[f'decision.{one}']} {decisions[one]:,}", "is_quiet": one not in _NEWS}
        for one in _DECISIONS
        if decisions.get(one)
    ]


def bar(backlog: Mapping[str, int]) -> list[dict[str, Any]]:
    """The backlog as segments of one bar: ``state``, ``number``, ``x`` and ``width`` in percent.

    A state with any record gets at least one percent: a single parked one among 100,000 must be seen.
    """
    shown = [(state.value, backlog.get(state, 0)) for state in _BAR if backlog.get(state, 0)]
    total = sum(number for _, number in shown)
    wide = [max(1.0, 100 * number / total) for _, number in shown]
    scale = 100 / sum(wide) if wide else 1.0
    segments, x = [], 0.0
    for (state, number), width in zip(shown, wide, strict=True):
        width *= scale
        segments.append({"state": state, "number": number, "x": round(x, 3), "width": round(width, 3)})
        x += width
    return segments


def span(seconds: float | None, words: Mapping[str, str]) -> str:
    """A time span in its two largest units."""
    if seconds is None:
        return "–"
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number}{words['unit.' + unit]}")
    return words["unit.join"].join(parts[:2])


def rate(per_second: float) -> str:
    """Calls a second, with as many digits as mean something."""
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.3g}"


def _ago(moment: str | None, now: datetime | None, words: Mapping[str, str]) -> str:
    """``3 min ago``, ``in 3 min``, ``now`` or ``never``."""
    if moment is None or now is None:
        return words["never"]
    seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    if round(abs(seconds)) == 0:
        return words["now"]
    text = span(abs(seconds), words)
    return words["ago"].format(text) if seconds >= 0 else words["in"].format(text)


def _time(moment: str | None) -> str:
    return "–" if moment is None else datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")
