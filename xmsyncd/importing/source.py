"""The source document becomes a pipeline's ``source``: what is read from OKKI, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, assert_never

from xmsyncd.importing.condition import read_condition
from xmsyncd.importing.credentials import is_okki_credential, take_okki_credential
from xmsyncd.importing.draft import Draft
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Entry, Metadata, path_of_api, text_of_value
from xmsyncd.importing.parameters import take_parameter
from xmsyncd.importing.remedy import read_remedy
from xmsyncd.importing.times import BeforeLastSync, BeforeNow, Fixed, Unclear, meaning_of, without_aliases
from xmsyncd.settings.resources import RESOURCES, Resource
from xmsyncd.settings.values import format_duration, quoted

_START: Final = "start_time"
_END: Final = "end_time"
_TIME_TYPE: Final = "time_type"
_LONGEST_OVERLAP: Final = timedelta(days=30)
_DEFAULT_OVERLAP: Final = timedelta(minutes=30, seconds=1)
_MOST_ON_A_PAGE: Final = 100
_FORMATS: Final[Mapping[str, str]] = {
    "": "{old}",
    "string": "{{old}}",
    "date": "{{old|date}}",
    "datetime": "{{old|datetime}}",
}
_NO_EFFECT_THERE: Final = frozenset({"parser", "mapping", "format"})


def draft_of_source(source: Metadata, findings: Findings) -> Draft | None:
    """The beginning of the configuration; ``None`` where the API is none that xmsyncd reads."""
    resource = _resource(source, findings)
    if resource is None:
        return None
    draft = Draft(
        pipeline=_plural(resource.name),
        id_field=resource.id_field,
        number_field=text_of_value(source.data.get("number")).strip() or resource.number_field,
    )
    draft.set(draft.source, "resource", resource.name, resource.path)
    _identity(source, resource, findings)
    _request(source, resource, draft, findings)
    _list_key(source, draft, findings)
    read_condition(source, draft, findings)
    _renamed(source, draft, findings)
    read_remedy(source, draft, findings)
    return draft


def _resource(source: Metadata, findings: Findings) -> Resource | None:
    path = path_of_api(source.api)
    for resource in RESOURCES.values():
        if path.lower() == resource.path.lower():
            findings.taken_over(source.where("api"), f"{source.api}: resource {resource.name}")
            return resource
    known = ", ".join(resource.path for resource in RESOURCES.values())
    found = f"the API {quoted(source.api)}" if source.api else "no api"
    findings.refused(source.where("api"), found, f"one of the lists that xmsyncd reads: {known}")
    return None


def _identity(source: Metadata, resource: Resource, findings: Findings) -> None:
    identity = text_of_value(source.data.get("id")).strip()
    if identity and identity != resource.id_field:
        findings.decide(
            source.where("id"),
            f"the rows are known by {quoted(identity)} there",
            f"xmsyncd knows a record by {resource.id_field}, which never changes",
        )


def _request(source: Metadata, resource: Resource, draft: Draft, findings: Findings) -> None:
    params: dict[str, str] = {}
    seen: set[str] = set()
    for entry in source.entries("request", findings):
        name = entry.field
        if name in seen:
            findings.refused(entry.where, "the same parameter twice", "each parameter once")
        seen.add(name)
        odd = [key for key in entry.extras if key in _NO_EFFECT_THERE]
        if is_okki_credential(entry):
            take_okki_credential(entry, draft, findings)
        elif entry.children or entry.is_structured or odd:
            found = odd[0] if odd else "an object or a list"
            findings.refused(entry.where, found, "a plain value: OKKI's lists are asked by a query alone")
        elif name in resource.page_number_parameters:
            _page_start(entry, draft, findings)
        elif name in resource.page_size_parameters:
            _page_size(entry, source, draft, findings)
        elif name == _START:
            _start_time(entry, draft, findings)
        elif name == _END:
            _end_time(entry, findings)
        elif name == _TIME_TYPE:
            _time_type(entry, resource, draft, findings)
        else:
            take_parameter(entry, params, findings)
    if draft.value_of(draft.source, "page_size") is None:
        _page_size_of_pagination(source, draft, findings)
    if draft.value_of(draft.source, "overlap") is None:
        draft.set(draft.source, "overlap", _as_clock(_DEFAULT_OVERLAP), "read again at each cycle")
    if params:
        draft.set(draft.source, "params", params, "as they were")
    for entry in source.entries("otherRequest", findings):
        if is_okki_credential(entry):
            take_okki_credential(entry, draft, findings)
        elif entry.value or entry.is_structured:
            findings.decide(
                entry.where,
                "a setting of the platform's connector",
                "left out; OKKI's own are under okki.main",
            )


def _page_start(entry: Entry, draft: Draft, findings: Findings) -> None:
    value = without_aliases(entry.value).strip()
    if value in ("", "{{PAGINATION_START_PAGE}}"):
        findings.taken_over(entry.where, "counts the pages from 1", "xmsyncd counts them itself")
    elif value in ("0", "1"):
        if value == "0":
            draft.set(
                draft.source, "page_start", 0, "as the document has it; OKKI counts from 1 (vendor doc)"
            )
        findings.taken_over(entry.where, f"the first page: page_start {value}")
    else:
        findings.decide(entry.where, f"the first page {quoted(value, 40)}", "xmsyncd begins with page 1")


def _page_size(entry: Entry, source: Metadata, draft: Draft, findings: Findings) -> None:
    value = without_aliases(entry.value).strip()
    if value in ("", "{{PAGINATION_PAGE_SIZE}}"):
        _page_size_of_pagination(source, draft, findings)
        return
    _take_page_size(entry.where, value, draft, findings)


def _page_size_of_pagination(source: Metadata, draft: Draft, findings: Findings) -> None:
    pagination = source.data.get("pagination")
    size = text_of_value(pagination.get("pageSize")).strip() if isinstance(pagination, Mapping) else ""
    if size:
        _take_page_size(source.where("pagination", "pageSize"), size, draft, findings)


def _take_page_size(where: str, value: str, draft: Draft, findings: Findings) -> None:
    if value.isascii() and value.isdigit() and len(value) < 10 and int(value) > 0:
        size = min(int(value), _MOST_ON_A_PAGE)
        draft.set(draft.source, "page_size", size, "as it was; 50 makes fewer calls" if size < 50 else "")
        if size == int(value):
            findings.taken_over(where, f"page_size {size}")
        else:
            findings.decide(
                where, f"the page size {value}", f"page_size {size}, the most that xmsyncd asks for"
            )
    else:
        findings.decide(where, f"the page size {quoted(value, 40)}", "page_size is xmsyncd's own, 50")


def _start_time(entry: Entry, draft: Draft, findings: Findings) -> None:
    if not entry.value.strip():
        findings.decide(
            entry.where,
            "no start of the time filter: each run read everything",
            "xmsyncd reads what changed since the last cycle, and everything by full_every",
        )
        return
    meaning = meaning_of(entry.value)
    match meaning:
        case BeforeLastSync(span, is_date):
            _overlap(entry, span, is_date, "the last sync", draft, findings)
        case BeforeNow(span, is_date):
            _overlap(entry, span, is_date, "now", draft, findings)
        case Fixed(moment, _):
            start = f"{moment:%Y-%m-%d %H:%M:%S}"
            draft.set(draft.source, "start_from", start, "where the first window begins")
            findings.taken_over(
                entry.where,
                f"always from {start}: start_from",
                "later cycles begin at the last one's end; full_every reads everything, older records too",
            )
        case Unclear(why):
            findings.decide(
                entry.where,
                f"{quoted(entry.value, 100)}: {why}",
                f"overlap is {_as_clock(_DEFAULT_OVERLAP)}: look how far back the platform read",
            )
        case _:
            assert_never(meaning)


def _overlap(
    entry: Entry, span: timedelta, is_date: bool, since: str, draft: Draft, findings: Findings
) -> None:
    """No overlap becomes the default: re-reading costs no call to DingTalk, and closes what clocks open."""
    told = f"from {_as_clock(max(span, timedelta(0)))} before {since}"
    kept = min(span, _LONGEST_OVERLAP) if span > timedelta(0) else _DEFAULT_OVERLAP
    draft.set(draft.source, "overlap", _as_clock(kept), f"it read {told}")
    if is_date:
        draft.set(
            draft.source, "time_format", "date", "as it was; xmsyncd probe tells whether datetime works"
        )
    if kept == span:
        findings.taken_over(entry.where, f"reads {told}: overlap {_as_clock(kept)}")
    elif span > _LONGEST_OVERLAP:
        findings.decide(entry.where, f"reads {told}", "overlap is at most 30d; full_every reads the rest")
    else:
        found = f"reads {told}" if span >= timedelta(0) else f"begins {format_duration(-span)} after {since}"
        findings.better(entry.where, found, f"overlap {_as_clock(kept)}: what is unchanged costs no call")


def _as_clock(span: timedelta) -> str:
    """``00:30:01``, as the documents write it; days where it comes to whole ones."""
    whole = span.days * 86_400 + span.seconds
    if span.microseconds or whole % 86_400 == 0 or whole >= 360_000:
        return format_duration(span)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _end_time(entry: Entry, findings: Findings) -> None:
    if not entry.value.strip():
        return
    meaning = meaning_of(entry.value)
    if isinstance(meaning, BeforeNow) and abs(meaning.span) <= timedelta(days=1):
        findings.taken_over(entry.where, "until now", "the end is fixed once for all pages of a window")
        return
    why = f": {meaning.why}" if isinstance(meaning, Unclear) else ""
    findings.decide(
        entry.where, f"ends at {quoted(entry.value, 100)}{why}", "xmsyncd reads each window up to now"
    )


def _time_type(entry: Entry, resource: Resource, draft: Draft, findings: Findings) -> None:
    value = entry.value.strip()
    if value in ("1", "2") and resource.time_types:
        draft.set(draft.source, _TIME_TYPE, int(value), "1: update time, 2: creation time")
        if value == "1":
            findings.taken_over(entry.where, "filters by update time: time_type 1")
        else:
            findings.decide(
                entry.where, "filters by creation time: time_type 2", "1, so that updates come, too"
            )
    elif value:
        findings.decide(entry.where, f"time_type {quoted(value, 40)}", "xmsyncd asks by update time (1)")


def _list_key(source: Metadata, draft: Draft, findings: Findings) -> None:
    """Where the connector finds the list in the answer: the first entry, as an example adapter has it."""
    entries = source.entries("otherResponse", findings)
    if not entries or not entries[0].value.strip():
        return
    value = entries[0].value.strip()
    key = value.removeprefix("data.")
    if key.replace("_", "a").isalnum():
        if key != "list":
            draft.set(draft.source, "list_key", key, "key of the list in OKKI's answers")
        findings.taken_over(entries[0].where, f"the list stands under {key}")
    else:
        findings.decide(entries[0].where, f"the list stands under {quoted(value, 40)}", "list_key is list")


def _renamed(source: Metadata, draft: Draft, findings: Findings) -> None:
    """``formatResponse``: fields under new names, converted. Its shape is by hearsay (unverified)."""
    found: Any = source.data.get("formatResponse")
    for position, one in enumerate(found if isinstance(found, list) else [found] if found else []):
        where = source.where("formatResponse", position)
        if not isinstance(one, Mapping):
            findings.refused(where, "no object", '{"old": …, "new": …, "format": …}')
            continue
        old, new = (text_of_value(one.get(key)).strip() for key in ("old", "new"))
        conversion = text_of_value(one.get("format")).strip()
        value = _FORMATS.get(conversion.lower(), "").replace("old", old)
        if not old or not new or not value or old == new or new in draft.derive:
            findings.refused(
                where,
                f"formatResponse from {quoted(old, 40)} to {quoted(new, 40)} by {quoted(conversion, 40)}",
                "a new name for each, and no format, date or datetime; or take it out, and write the value "
                "where it is used, as in {{update_time|datetime}}",
            )
            continue
        draft.derive[new] = value
        findings.taken_over(where, f"formatResponse: derive {new} from {value}")


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
