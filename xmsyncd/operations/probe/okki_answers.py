"""From what OKKI was seen to do to the setting that fits. Pure: each answer is a function of observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, assert_never

from xmsyncd.okki.groups import GroupTree
from xmsyncd.operations.probe.answers import Answer, AnswerState, failed, fitting, told, unknown
from xmsyncd.operations.probe.listed import Listed
from xmsyncd.records import Item, SourceId
from xmsyncd.settings import FetchDetail, SourceSettings, TimeFormat, TokenBody
from xmsyncd.settings.schema import Path

LARGEST_PAGE: Final = 100
"""Items asked for to see how many come: the most that ``source.page_size`` may be."""

_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
_CLOCK_DOUBT: Final = timedelta(minutes=2)
_ZONE_DOUBT: Final = timedelta(minutes=30)


def token_body(where: Path, current: TokenBody, taken: Mapping[TokenBody, bool]) -> Answer:
    """Which encodings of the token request OKKI takes."""
    question = "token request"
    accepted = [body for body in TokenBody if taken.get(body)]
    if not accepted:
        return failed(question, "OKKI hands out a token neither for JSON nor for a form")
    found = "OKKI takes " + " and ".join(_BODY_WORDS[body] for body in accepted)
    fits = current if current in accepted else accepted[0]
    return fitting(question, found, (*where, "token_body"), current=current.value, fits=fits.value)


_BODY_WORDS: Final = {TokenBody.JSON: "JSON", TokenBody.FORM: "a form"}


def auth_prefix(where: Path, current: str, accepted: str | None) -> Answer:
    """What must stand before the token."""
    question = "token header"
    if accepted is None:
        return failed(question, "a fresh token is refused with and without Bearer")
    shown = f"{accepted.strip()} before the token" if accepted else "the bare token"
    return fitting(question, f"OKKI takes {shown}", (*where, "auth_prefix"), current=current, fits=accepted)


def success_code(page: Listed) -> Answer:
    """The code of a success; another than the known ones never gets so far."""
    return told("success code", page.code or "none")


def refused_list(current: Sequence[int], code: str, text: str) -> Answer:
    """A list answer whose code is none of the known ones: it may even be a success."""
    known = ", ".join(str(one) for one in current)
    return failed(
        "the list",
        f"OKKI answers with code {code or 'none'}: {text}",
        f"the known codes of success are {known}; if this is one, add it to success_codes",
    )


def list_key(where: Path, current: str, page: Listed) -> Answer:
    """Where the entries stand."""
    if page.list_key is None:
        return unknown("key of the list", f"no entries under {current!r} nor elsewhere")
    return fitting(
        "key of the list", page.list_key, (*where, "list_key"), current=current, fits=page.list_key
    )


def total_key(where: Path, current: Sequence[str], page: Listed) -> Answer:
    """Where the total stands; without one every window is read twice."""
    question = "key of the total"
    if page.total_key is None:
        return told(question, "OKKI tells no total", "every window is read twice, to prove it complete")
    fits = list(current) if page.total_key in current else [*current, page.total_key]
    return fitting(
        question,
        f"{page.total_key}: {page.total}",
        (*where, "total_keys"),
        current=list(current),
        fits=fits,
    )


def page_size(where: Path, current: int, asked: int, page: Listed | None) -> Answer:
    """How many entries come on one page where ``asked`` were asked for."""
    question = "largest page"
    setting = (*where, "page_size")
    if page is None:
        return unknown(question, f"a page of {asked} is refused", "page_size stays as it is")
    if page.entries >= asked:
        note = "larger pages save requests" if current < asked else ""
        return fitting(
            question, f"{asked} asked for, {asked} come", setting, current=current, fits=current, note=note
        )
    if page.total is not None and page.total > page.entries > 0:
        found = f"{asked} asked for, no more than {page.entries} come"
        return fitting(question, found, setting, current=current, fits=min(current, page.entries))
    found = f"{asked} asked for, {page.entries} come: there may be no more of them"
    return unknown(question, found, "page_size stays as it is")


def page_start(where: Path, current: int, first: Listed, zeroth: Listed | None) -> Answer:
    """Whether pages count from 1 or 0; ``zeroth`` is the page with number 0, ``None`` where it is refused."""
    question = "number of the first page"
    setting = (*where, "page_start")
    if zeroth is None or not zeroth.entries or zeroth.ids == first.ids:
        found = "1" if zeroth is None or not zeroth.entries else "1 (0 shows the same page)"
        return fitting(question, found, setting, current=current, fits=1)
    if set(zeroth.ids).isdisjoint(first.ids) and zeroth.entries >= first.entries:
        return fitting(question, "0", setting, current=current, fits=0)
    return unknown(question, "page 0 and page 1 show partly the same entries")


def order(items: Sequence[Item]) -> Answer:
    """In which order the list comes; nothing depends on it."""
    question = "order of the list"
    times = [item.updated_at for item in items if item.updated_at is not None]
    ids = [int(item.source_id) for item in items if item.source_id.isdigit()]
    for name, values in (("update time", times), ("id", ids)):
        if len(values) < 3 or len(values) < len(items):
            continue
        if list(values) == sorted(values, reverse=True):
            return told(question, f"by {name}, falling")
        if list(values) == sorted(values):
            return told(question, f"by {name}, rising")
    return told(question, "none to be seen", "windows are proven by what they hold, not by its order")


def beyond_the_end(first: Listed, beyond: Listed | None) -> Answer:
    """What a page number far beyond the end shows."""
    question = "a page beyond the end"
    if beyond is None:
        return told(question, "is refused")
    if not beyond.entries:
        return told(question, "is empty")
    which = "the first page" if beyond.ids == first.ids else "entries again"
    return told(question, f"shows {which}", "a window is read until nothing new comes")


class TimeFilter(StrEnum):
    """How precisely the list is filtered by time."""

    SECONDS = "seconds"
    DAYS = "days"
    IGNORED = "ignored"
    UNCLEAR = "unclear"


def pivot_of(items: Sequence[Item], zone: Any, created: Mapping[SourceId, datetime | None]) -> Item | None:
    """The item whose window shows most: its second is its own, not near midnight, made on another day.

    ``created`` tells, by id, when each was made: where that is another day, a filter by creation shows.
    """
    times = [item.updated_at for item in items if item.updated_at is not None]

    def worth(item: Item) -> tuple[bool, bool, int]:
        at = item.updated_at
        if at is None:
            return (False, False, 0)
        made = created.get(item.source_id)
        other_day = made is not None and abs(made - at) > 2 * _DAY
        same_day = sum(abs(other - at) < _DAY / 2 for other in times)
        return (times.count(at) == 1, other_day, same_day)

    fitting_ones = [
        item for item in items if item.updated_at is not None and _is_within_its_day(item.updated_at, zone)
    ]
    # Not the newest: that one may be edited at this very moment.
    newest = max(times, default=None)
    rest = [item for item in fitting_ones if item.updated_at != newest] or fitting_ones
    return max(rest, key=worth, default=None)


def _is_within_its_day(at: datetime, zone: Any) -> bool:
    local = at.astimezone(zone)
    since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return 2 * _SECOND < since_midnight < _DAY - 3 * _SECOND


def decide_time_filter(
    pivot: Item, exact: Listed | None, rest_of_day: Listed | None, whole_day: Listed | None
) -> TimeFilter:
    """From three windows around one item's update time.

    ``exact`` asked for its second and one around it, ``rest_of_day`` from the next second to the end of the
    day, both with times; ``whole_day`` with dates, from its day to the next. ``None``: refused.
    """
    at = pivot.updated_at
    if at is None:
        return TimeFilter.UNCLEAR
    if exact is not None:
        if any(_is_far(item, at) for item in exact.items):
            return TimeFilter.IGNORED
        strays = [
            item
            for item in exact.items
            if item.updated_at is not None and abs(item.updated_at - at) > _SECOND
        ]
        shown = pivot.source_id in exact.ids
        if shown and not strays and rest_of_day is not None and pivot.source_id not in rest_of_day.ids:
            return TimeFilter.SECONDS
        if shown and rest_of_day is not None:
            return TimeFilter.DAYS  # the item's whole day comes, whatever the time of day
    if whole_day is not None and pivot.source_id in whole_day.ids:
        return TimeFilter.IGNORED if any(_is_far(item, at) for item in whole_day.items) else TimeFilter.DAYS
    return TimeFilter.UNCLEAR


def _is_far(item: Item, at: datetime) -> bool:
    """Beyond any rounding to days, in any time zone."""
    return item.updated_at is not None and abs(item.updated_at - at) > 2 * _DAY


def time_filter(
    where: Path, source: SourceSettings, kind: TimeFilter, without_type: TimeFilter | None
) -> list[Answer]:
    """The format of times and the type of the filter; ``without_type`` is the kind without ``time_type``.

    That is asked only where the configured type does not filter.
    """
    question = "filter by update time"
    fmt, kind_of_time = (*where, "time_format"), (*where, "time_type")
    answers: list[Answer] = []
    if without_type in (TimeFilter.SECONDS, TimeFilter.DAYS):
        found = f"time_type {source.time_type} does not filter; without it OKKI filters by update time"
        answers.append(fitting("time_type", found, kind_of_time, current=source.time_type, fits=None))
        kind = without_type
    match kind:
        case TimeFilter.SECONDS:
            found = "to the second"
            answers.append(
                fitting(
                    question, found, fmt, current=source.time_format.value, fits=TimeFormat.DATETIME.value
                )
            )
        case TimeFilter.DAYS:
            note = "each window is read from the start of its day"
            answers.append(
                fitting(
                    question,
                    "only days count",
                    fmt,
                    current=source.time_format.value,
                    fits=TimeFormat.DATE.value,
                    note=note,
                )
            )
        case TimeFilter.IGNORED:
            answers.append(
                Answer(
                    question,
                    AnswerState.TOLD,
                    "OKKI ignores it: every cycle reads the whole list",
                    note="nothing is lost by it; choose a schedule that leaves time for a whole read",
                )
            )
        case TimeFilter.UNCLEAR:
            answers.append(unknown(question, "not to be told from what OKKI lists", "the settings stay"))
        case _:
            assert_never(kind)
    return answers


def details(
    where: Path,
    source: SourceSettings,
    needs: Set[str],
    items: Sequence[Item],
    detail: Mapping[str, Any] | None,
) -> Answer:
    """Which mapped fields the list lacks, and whether the detail call has them; ``None``: not asked."""
    question = "fields of the list"
    listed = {name for item in items for name in item.raw}
    lacking = sorted(needs - listed)
    if not lacking:
        found = "the list shows every mapped field"
        if source.fetch_detail is FetchDetail.ALWAYS and needs & set(source.detail_fields):
            setting, fits = (*where, "fetch_detail"), FetchDetail.AUTO.value
            return fitting(question, found, setting, current=source.fetch_detail.value, fits=fits)
        return told(question, found)
    names = ", ".join(lacking)
    if detail is None:
        return unknown(question, f"the list lacks {names}, and no detail could be read")
    shown = [name for name in lacking if name in detail]
    if not shown:
        found = f"neither the list nor the detail call shows {names}"
        if set(lacking) & set(source.detail_fields):
            setting, fits = (*where, "fetch_detail"), FetchDetail.NEVER.value
            note = "detail calls would be made for nothing"
            return fitting(question, found, setting, current=source.fetch_detail.value, fits=fits, note=note)
        return told(question, found, "look at the names in the mapping")
    found = f"the list lacks {', '.join(shown)}, the detail call shows it"
    more = [name for name in shown if name not in source.detail_fields]
    if more:
        current = list(source.detail_fields)
        return fitting(question, found, (*where, "detail_fields"), current=current, fits=[*current, *more])
    fits = FetchDetail.AUTO if source.fetch_detail is FetchDetail.NEVER else source.fetch_detail
    return fitting(
        question, found, (*where, "fetch_detail"), current=source.fetch_detail.value, fits=fits.value
    )


def deleted(items: Sequence[Item], flag: str) -> Answer:
    """Whether deleted items are listed, with a ``flag`` of 0; "": the list has no such flag."""
    question = "deleted records"
    number = sum(bool(flag) and str(item.raw.get(flag, "1")) == "0" for item in items)
    if number:
        return told(question, f"OKKI lists them: {number} of the {len(items)} looked at ({flag} 0)")
    return told(question, f"none among the {len(items)} looked at", "what vanishes shows by two full reads")


def groups(tree: GroupTree, items: Sequence[Item]) -> Answer:
    """The shape of the group tree, and whether it knows the groups of the products."""
    question = "product groups"
    if tree.is_empty:
        return told(question, "none")
    used = {str(item.raw["group_id"]) for item in items if item.raw.get("group_id")}
    strange = sorted(group for group in used if not tree.knows(group))
    depth = max((len(tree.path_of(group)) for group in used - set(strange)), default=0)
    found = f"{len(tree)}; those of the products looked at reach level {depth}"
    note = f"unknown: {', '.join(strange[:5])}; see source.unknown_group" if strange else ""
    return told(question, found, note)


def clock(offset: timedelta | None, by_envelope: timedelta | None) -> Answer:
    """OKKI's clock minus ours; ``by_envelope`` by its ``now`` alone, read in the configured zone."""
    question = "OKKI's clock"
    if offset is None:
        return told(question, "not told", "this machine's clock alone bounds the windows")
    if by_envelope is not None and abs(by_envelope - offset) > _ZONE_DOUBT:
        hours = (by_envelope - offset) / timedelta(hours=1)
        return failed(
            question,
            f"now is {hours:+.1f} h from its own Date header",
            "OKKI's times are not in the configured zone: set timezone",
        )
    told_by = "the Date header" if by_envelope is None else "now"
    seconds = round(offset.total_seconds())
    if abs(offset) > _CLOCK_DOUBT:
        return failed(question, f"{seconds:+d} s from this machine's", "set this machine's clock (NTP)")
    return told(question, f"{seconds:+d} s from this machine's, told by {told_by}")


def update_times(items: Sequence[Item], okki_now: datetime) -> Answer:
    """Whether the times of the items can be those of the configured zone."""
    question = "zone of update_time"
    times = [item.updated_at for item in items if item.updated_at is not None]
    if not times:
        return unknown(question, "no entry shows a readable update time")
    ahead = max(times) - okki_now
    if ahead > _CLOCK_DOUBT:
        hours = ahead / timedelta(hours=1)
        return failed(question, f"an entry was changed {hours:.1f} h from now", "set timezone")
    return told(question, f"plausible: the newest was changed {_ago(-ahead)} ago")


def _ago(time: timedelta) -> str:
    minutes = max(0, round(time.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} days"
