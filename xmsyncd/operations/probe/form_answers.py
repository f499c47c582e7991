"""From what Yida was seen to do to the setting that fits. Pure: each answer is a function of observations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from xmsyncd.operations.probe.answers import Answer, failed, fitting, told, unknown
from xmsyncd.records import Family, Outcome
from xmsyncd.settings import ApiVersion, ReadBack, SearchOperator, TargetSettings, UpdatePath, format_duration
from xmsyncd.settings.schema import Path
from xmsyncd.yida.times import moment_of

_CLOSE: Final = timedelta(minutes=5)
"""How far a time that Yida shows may be from the moment it means: whole minutes, and two clocks."""

# Parts of the longest wait for a search at which it is looked for: soon at first, then ever later.
_LOOKS: Final = (1 / 300, 1 / 100, 1 / 40, 1 / 20, 1 / 10, 1 / 5, 2 / 5, 1.0)


def look_delays(longest: timedelta) -> tuple[timedelta, ...]:
    """When a search is made, from the start: 1 s, 3 s, … up to ``longest``, if that is five minutes."""
    return tuple(longest * part for part in _LOOKS)


def proves_nothing_started(outcome: Outcome) -> bool:
    """Whether a refused start may be tried by the other version: the gateway turned the *call* away.

    A missing permission for the call and an unknown path are decided before Yida sees anything (vendor doc;
    that new applications are refused the legacy version in this way is inferred). Nothing less will do.
    """
    if outcome.family is not Family.STOP:
        return False
    code = outcome.code.lower()
    return code in ("forbidden.accessdenied.accesstokenpermissiondenied", "404") or code.startswith(
        "invalidaction."
    )


def api_version(where: Path, current: ApiVersion, works: ApiVersion, refused: str) -> Answer:
    """Which version of start this application may call; ``refused`` is what the configured one answered."""
    found = f"started by {works}" + (f"; {current} is refused ({refused})" if refused else "")
    return fitting(
        "start of an instance", found, (*where, "api_version"), current=current.value, fits=works.value
    )


class SearchSeen(StrEnum):
    """How a search by the key component came out."""

    FOUND = "found"
    NOT_BY_KEY = "not_by_key"
    """A search without a condition shows the instance, one by its key does not."""
    REFUSED = "refused"
    """Yida says that the component cannot be searched."""
    LATER = "later"
    """No search shows it so far: the index may only be slow."""


def search(
    where: Path, target: TargetSettings, seen: SearchSeen, operator: SearchOperator, waited: timedelta
) -> list[Answer]:
    """Whether what is in doubt can be looked for here, and by which operator."""
    question = "search by the key"
    set_read_back, set_operator = (*where, "read_back"), (*where, "search_operator")
    match seen:
        case SearchSeen.FOUND:
            return [
                fitting(
                    question,
                    f"finds the instance by {operator}",
                    set_operator,
                    current=target.search_operator.value,
                    fits=operator.value,
                )
            ]
        case SearchSeen.NOT_BY_KEY | SearchSeen.REFUSED:
            why = (
                f"a search without a condition shows the instance, one by {target.key} does not"
                if seen is SearchSeen.NOT_BY_KEY
                else f"Yida refuses a search by {target.key}"
            )
            note = (
                "better: make the key component a searchable field of the form and probe again; with never, "
                "a create whose answer is lost waits for a person"
            )
            return [
                fitting(
                    question,
                    why,
                    set_read_back,
                    current=target.read_back.value,
                    fits=ReadBack.NEVER.value,
                    note=note,
                )
            ]
        case SearchSeen.LATER:
            return [
                unknown(
                    question,
                    f"no search shows the instance within {_short(waited)}",
                    "the index is slower, or the user may not see the form's data; probe again with a longer "
                    "--wait",
                )
            ]
        case _:
            assert_never(seen)


def looks(current: Sequence[timedelta], lag: timedelta) -> Answer:
    """When creates in doubt are looked for: after the index can know, and long enough."""
    now = [format_duration(one) for one in current]
    setting: Path = ("delivery", "read_back_after")
    found = f"a search shows a new instance {_short(lag)} after its start at the latest"
    ordered = sorted(current)
    if lag <= ordered[min(1, len(ordered) - 1)] and lag * 4 <= ordered[-1]:
        return fitting("delay of the search", found, setting, current=now, fits=now)
    first = _round(lag * 2)
    wanted = [first, first * 4, max(first * 16, ordered[-1])]
    return fitting(
        "delay of the search", found, setting, current=now, fits=[format_duration(one) for one in wanted]
    )


def _round(time: timedelta) -> timedelta:
    """Up to whole seconds, and to five of them beyond ten."""
    seconds = math.ceil(time.total_seconds())
    return timedelta(seconds=seconds if seconds <= 10 else -(-seconds // 5) * 5)


def equality(found_as: Sequence[str]) -> Answer:
    """What ``eq`` takes for equal: names of the variants of the key that found the instance."""
    if not found_as:
        return told("meaning of eq", "exactly equal")
    return told(
        "meaning of eq",
        f"finds the key also {', '.join(found_as)}",
        "xmsyncd compares exactly itself; such a find is never taken for the same key",
    )


def update_path(
    where: Path, current: UpdatePath, works: UpdatePath | None, refusals: Sequence[str]
) -> Answer:
    """Which call updates an instance, seen by reading it again."""
    question = "update of an instance"
    if works is None:
        return failed(
            question, "; ".join(refusals), "set on_change: ignore, or ask for the permission Yida names"
        )
    found = f"by {works}" + (f"; {'; '.join(refusals)}" if refusals else "")
    return fitting(question, found, (*where, "update_path"), current=current.value, fits=works.value)


def blank_text(shown: Any, is_there: bool) -> Answer:
    """How a component that was made blank reads back."""
    as_what = "as blank text" if shown == "" else "as null" if is_there else "not at all"
    return told("blank text", f"reads back {as_what}", "either is taken for blank")


def instance_timezone(where: Path, current: str, shown: str, started_at: datetime) -> Answer:
    """The zone of the times that Yida shows; ``started_at`` by DingTalk's own clock."""
    question = "zone of instance times"
    setting = (*where, "instance_timezone")
    if not shown:
        return unknown(question, "Yida shows no createTimeGMT", "the setting stays")
    zones = dict.fromkeys((current, "Asia/Shanghai", "UTC"))
    fits = [zone for zone in zones if _distance(shown, zone, started_at) <= _CLOSE]
    if fits:
        told_zone = "with its zone" if _has_zone(shown) else f"in {fits[0]}"
        return fitting(question, f"{shown}: {told_zone}", setting, current=current, fits=fits[0])
    off = _distance(shown, current, started_at)
    return unknown(
        question,
        f"{shown}: {off.total_seconds() / 3600:.1f} h from the start",
        "such times only order instances; the setting stays",
    )


def _has_zone(shown: str) -> bool:
    try:
        return moment_of(shown, ZoneInfo("UTC")) == moment_of(shown, ZoneInfo("Asia/Shanghai"))
    except ValueError:
        return False


def _distance(shown: str, zone: str, moment: datetime) -> timedelta:
    try:
        return abs(moment_of(shown, ZoneInfo(zone)) - moment)
    except ValueError:
        return timedelta.max


def others_instances() -> Answer:
    """A question that one user's probe cannot answer."""
    return told(
        "instances of others",
        "cannot be known from here: this instance is the acting user's own",
        "give the user of target.user_id the right to manage all data of the form (数据管理权限)",
    )


def status(shown: str) -> Answer:
    """What has become of the started process."""
    if shown == "RUNNING":
        return told(
            "approval", "the instance is RUNNING: somebody has a task now", "deleting it ends the task"
        )
    return told("approval", f"the instance is {shown or 'of unknown status'}")


def sentence_of(outcome: Outcome) -> str:
    """What a call came to, in a person's words."""
    words = " ".join(part for part in (outcome.code, outcome.message) if part)
    return words or outcome.family.value


def _short(time: timedelta) -> str:
    seconds = time.total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
