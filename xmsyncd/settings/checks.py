"""Rules that tie settings together; what a single value must be stands with its type.

Each check is a generator of problems over validated settings. After a fault elsewhere the settings are
incomplete (:mod:`xmsyncd.settings.salvage`): a check that meets a missing value is left out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import partial as bound
from itertools import pairwise
from typing import Any

from xmsyncd.nearest import nearest
from xmsyncd.settings.choices import (
    ComponentName,
    FetchDetail,
    GrantType,
    OnDelete,
    StateChanges,
    TargetKind,
)
from xmsyncd.settings.columns import is_table, parent_of
from xmsyncd.settings.derive_checks import Problem, Problems, derive, filters, lookups, templates
from xmsyncd.settings.models import Settings
from xmsyncd.settings.pipelines import ColumnSettings, PipelineSettings
from xmsyncd.settings.quality_checks import quality
from xmsyncd.settings.resources import RESOURCES, ResourceName
from xmsyncd.settings.schema import Path, shown_key
from xmsyncd.settings.values import format_duration, quoted
from xmsyncd.transform.derived import DERIVED_NAMES
from xmsyncd.transform.grammar import TemplateError, compile_template

QEASY_KEYS = frozenset({"describe", "is_required", "id", "default", "mapping", "format"})
"""Keys of a 轻易云 entry that have no effect here."""

_OF_PRODUCTS_ALONE = ("group_cache", "unknown_group", "deeper_groups", "single_level")
_TEXT_COMPONENT = re.compile(r"(textField|textareaField)(_|$)")
_NAME = re.compile(r"\w([\w-]*\w)?")
_HOOK_TIMEOUT = PipelineSettings.model_fields["transform_timeout"].get_default()


def check(settings: Settings, *, complete: bool) -> list[Problem]:
    """All broken rules. ``complete`` is false for salvaged settings."""
    checks = [bound(rule, settings) for rule in _WHOLE]
    if complete or hasattr(settings, "pipelines"):
        for name, pipeline in settings.pipelines.items():
            checks += [bound(rule, ("pipelines", name), pipeline) for rule in _PIPELINE]
    problems: list[Problem] = []
    for one in checks:
        try:
            problems += one()
        except AttributeError:
            if complete:
                raise
    return problems


def _names(settings: Settings) -> Problems:
    for section, names in (
        ("okki", settings.okki),
        ("dingtalk", settings.dingtalk),
        ("pipelines", settings.pipelines),
        ("notify.robots", settings.notify.robots),
        ("lookups", settings.lookups),
    ):
        seen: dict[str, str] = {}
        for name in names:
            folded = name.casefold().replace("-", "_")
            if not _NAME.fullmatch(name) or "__" in name:
                yield Problem(
                    (*section.split("."), name),
                    f"the name {quoted(shown_key(name))}",
                    "a name of letters, digits, - and single _ (so that the environment can reach it)",
                )
            if folded in seen:
                yield Problem(
                    (*section.split("."), name),
                    f"the names {seen[folded]} and {name}, which the environment cannot tell apart",
                    "names that differ in more than case, - and _",
                )
            seen[folded] = name


def _shared_forms(settings: Settings) -> Problems:
    first: dict[str, str] = {}
    for name, pipeline in settings.pipelines.items():
        other = settings.pipelines[first.setdefault(pipeline.target.form, name)]
        if other.target.key != pipeline.target.key:
            yield Problem(
                ("pipelines", name, "target", "key"),
                quoted(pipeline.target.key),
                f"{other.target.key}, as pipeline {first[pipeline.target.form]} has it for the same form",
            )


def _connections(settings: Settings) -> Problems:
    for name, pipeline in settings.pipelines.items():
        path: Path = ("pipelines", name)
        yield from _connection((*path, "source", "okki"), pipeline.source.okki, settings.okki)
        yield from _connection((*path, "target", "dingtalk"), pipeline.target.dingtalk, settings.dingtalk)


def _connection(path: Path, name: str | None, known: dict[str, Any]) -> Problems:
    names = ", ".join(known)
    if name is None and len(known) > 1:
        yield Problem(path, "nothing", f"the name of one of the connections: {names}")
    elif name is not None and name not in known:
        yield Problem(path, quoted(name), f"the name of a connection: {names}{nearest(name, known)}")


def _okki(settings: Settings) -> Problems:
    for name, okki in settings.okki.items():
        if okki.token_renew_before >= okki.token_lifetime:
            yield Problem(
                ("okki", name, "token_renew_before"),
                format_duration(okki.token_renew_before),
                f"less than token_lifetime ({format_duration(okki.token_lifetime)})",
            )
        if okki.connect_timeout > okki.timeout:
            yield Problem(
                ("okki", name, "connect_timeout"),
                format_duration(okki.connect_timeout),
                f"at most timeout ({format_duration(okki.timeout)})",
            )
        if okki.grant_type is GrantType.PASSWORD:
            for key in ("username", "password"):
                if getattr(okki, key) is None:
                    yield Problem(("okki", name, key), "nothing", f"a {key}, as grant_type is password")


def _dingtalk(settings: Settings) -> Problems:
    for name, dingtalk in settings.dingtalk.items():
        if 0 < dingtalk.monthly_calls <= dingtalk.reserve_calls:
            yield Problem(
                ("dingtalk", name, "reserve_calls"),
                str(dingtalk.reserve_calls),
                f"less than monthly_calls ({dingtalk.monthly_calls}; 0 there means not metered)",
            )
        if dingtalk.connect_timeout > settings.delivery.call_timeout:
            yield Problem(
                ("dingtalk", name, "connect_timeout"),
                format_duration(dingtalk.connect_timeout),
                f"at most delivery.call_timeout ({format_duration(settings.delivery.call_timeout)})",
            )


def _drain(settings: Settings) -> Problems:
    delivery = settings.delivery
    if delivery.drain <= delivery.call_timeout:
        yield Problem(
            ("delivery", "drain"),
            format_duration(delivery.drain),
            f"more than call_timeout ({format_duration(delivery.call_timeout)}), so that calls can end",
        )


def _retry(settings: Settings) -> Problems:
    delivery = settings.delivery
    if delivery.retry_base > delivery.retry_cap:
        yield Problem(
            ("delivery", "retry_base"),
            format_duration(delivery.retry_base),
            f"at most retry_cap ({format_duration(delivery.retry_cap)})",
        )


def _looks(settings: Settings) -> Problems:
    looks = settings.delivery.read_back_after
    if any(later <= earlier for earlier, later in pairwise(looks)):
        yield Problem(
            ("delivery", "read_back_after"),
            ", ".join(format_duration(look) for look in looks),
            "durations that grow from one to the next",
        )


def _http(settings: Settings) -> Problems:
    if settings.http.token is None and not _is_loopback(settings.http.host):
        yield Problem(
            ("http", "token"),
            f"nothing, while http.host is {settings.http.host}",
            "a secret, because others can reach that address; or host 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _schedule(path: Path, pipeline: PipelineSettings) -> Problems:
    schedule = pipeline.schedule
    expected = "exactly one of every and cron, such as {every: 10m}"
    if schedule.every is None and schedule.cron is None:
        yield Problem((*path, "schedule"), "neither every nor cron", expected)
    if schedule.every is not None and schedule.cron is not None:
        yield Problem((*path, "schedule"), "both every and cron", expected)


def _source(path: Path, pipeline: PipelineSettings) -> Problems:
    own = RESOURCES[pipeline.source.resource].own_parameters
    for name in sorted(own & pipeline.source.params.keys()):
        yield Problem(
            (*path, "source", "params", name),
            f"{name}, which xmsyncd sets itself",
            "parameters other than " + ", ".join(sorted(own)),
        )


def _of_products_alone(path: Path, pipeline: PipelineSettings) -> Problems:
    """What only products have is no setting of another list: it would be without effect."""
    source = pipeline.source
    if source.resource is ResourceName.PRODUCT:
        return
    row = RESOURCES[source.resource]
    for name in _OF_PRODUCTS_ALONE:
        if name in source.model_fields_set:
            found = f"a setting for product groups, while resource is {source.resource}"
            yield Problem((*path, "source", name), found, "it to be left out: only products have groups")
    if "time_type" in source.model_fields_set and source.time_type is not None and not row.time_types:
        yield Problem(
            (*path, "source", "time_type"),
            str(source.time_type),
            f"it to be left out: {row.path} has no such parameter",
        )
    if source.fetch_detail is FetchDetail.ALWAYS and not (
        source.detail_fields if "detail_fields" in source.model_fields_set else row.detail_fields
    ):
        yield Problem(
            (*path, "source", "detail_fields"),
            "nothing, with fetch_detail always",
            "the fields that OKKI shows only in the detail call",
        )
    for position, entry in enumerate(pipeline.fields):
        for name in sorted(_levels_in(entry.value)):
            yield Problem(
                (*path, "fields", position, "value"),
                f"{name}, while resource is {source.resource}",
                "fields of the list: only products have groups",
            )


def _levels_in(text: str) -> frozenset[str]:
    try:
        return compile_template(text).roots & DERIVED_NAMES
    except TemplateError:
        return frozenset()  # told by another rule


def _kind(path: Path, pipeline: PipelineSettings) -> Problems:
    if pipeline.target.kind is TargetKind.FORM:
        yield Problem(
            (*path, "target", "kind"),
            "form",
            "process, the kind that this version supports; ordinary forms come with a later version",
        )


def _mapped(pipeline: PipelineSettings) -> list[str]:
    return [entry.field for entry in pipeline.fields if entry.field.strip() and not entry.parent]


def _fields(path: Path, pipeline: PipelineSettings) -> Problems:
    if not _mapped(pipeline):
        yield Problem((*path, "fields"), "no entry with a field", "at least one entry with a field")


def _tables(path: Path, pipeline: PipelineSettings) -> Problems:
    for position, entry in enumerate(pipeline.fields):
        here = (*path, "fields", position)
        if entry.children and not is_table(entry):
            yield Problem(
                (*here, "children"),
                f"columns of {quoted(entry.field)}",
                "columns only of a table, whose id begins with tableField (or component_name: TableField)",
            )
        for number, column in enumerate(entry.children):
            if (column.model_extra or {}).get("children"):
                yield Problem((*here, "children", number, "children"), "columns of a column", "no columns")
        if not entry.parent:
            continue
        parent = parent_of(entry, pipeline.fields)
        if parent is None or parent.parent or not is_table(parent):
            tables = [one.field for one in pipeline.fields if is_table(one)]
            yield Problem(
                (*here, "parent"),
                quoted(entry.parent),
                f"a table of fields{nearest(entry.parent, tables)}",
            )
        elif entry.children:
            yield Problem((*here, "children"), "columns of a column", "no columns")


def _repeated_fields(path: Path, pipeline: PipelineSettings) -> Problems:
    seen: set[str] = set()
    for position, entry in enumerate(pipeline.fields):
        if entry.field in seen and entry.field.strip():
            yield Problem(
                (*path, "fields", position, "field"),
                f"{quoted(entry.field)} for the second time",
                "each component once",
            )
        seen.add(entry.field)


def _key(path: Path, pipeline: PipelineSettings) -> Problems:
    key, mapped = pipeline.target.key, _mapped(pipeline)
    if key not in mapped:
        yield Problem(
            (*path, "target", "key"),
            quoted(key),
            f"the component of one of the entries in fields{nearest(key, mapped)}",
        )


def _key_is_text(path: Path, pipeline: PipelineSettings) -> Problems:
    key = pipeline.target.key
    named = next((one.component_name for one in pipeline.fields if one.field == key), None)
    if named not in (None, ComponentName.TEXT, ComponentName.TEXTAREA):
        yield Problem((*path, "target", "key"), f"{quoted(key)}, a {named}", "a text component")
    elif not _TEXT_COMPONENT.match(key):
        yield Problem(
            (*path, "target", "key"),
            f"{quoted(key)}, which is no text component",
            "a component whose id begins with textField or textareaField, because only those can be searched",
        )


def _deleted_mark(path: Path, pipeline: PipelineSettings) -> Problems:
    mark, here = pipeline.target.deleted_mark, (*path, "target", "deleted_mark")
    if pipeline.target.on_delete is not OnDelete.MARK:
        return
    if mark is None:
        yield Problem(
            here, "nothing", "a component and its value, such as {field: textField_…, value: 已删除}"
        )
        return
    if mark.field in _mapped(pipeline):
        yield Problem((*here, "field"), f"{quoted(mark.field)}, which fields fills", "a component of its own")
    if mark.value == mark.otherwise:
        yield Problem((*here, "otherwise"), quoted(mark.otherwise), "another value than that of the deleted")
    if set("{}｛｝") & set(mark.otherwise) or mark.otherwise.lstrip().startswith("_"):
        yield Problem((*here, "otherwise"), quoted(mark.otherwise), "plain text, without a reference")


def unknown_entry_keys(entry: ColumnSettings) -> list[str]:
    """Keys of an entry that neither xmsyncd nor 轻易云 knows."""
    known = QEASY_KEYS | {"children", "parent"}  # of a column, where they are told apart or say nothing new
    return [key for key in entry.model_extra or {} if key not in known]


def _notify(settings: Settings) -> Problems:
    chosen = settings.notify
    if not chosen.robots and chosen.hook_token is not None:
        yield Problem(
            ("notify", "robots"), "nothing, with a hook_token", "at least one robot to pass alerts to"
        )
    if not chosen.robots and chosen.state_changes is StateChanges.ALWAYS:
        yield Problem(("notify", "robots"), "nothing, with state_changes always", "at least one robot")


def _hooks(settings: Settings) -> Problems:
    for name, pipeline in settings.pipelines.items():
        if pipeline.transform is None and pipeline.transform_timeout != _HOOK_TIMEOUT:
            yield Problem(
                ("pipelines", name, "transform_timeout"),
                format_duration(pipeline.transform_timeout),
                "a transform_timeout only beside transform",
            )


_WHOLE: tuple[Callable[[Settings], Problems], ...] = (
    _names,
    _connections,
    _shared_forms,
    _okki,
    _dingtalk,
    _drain,
    _retry,
    _looks,
    _http,
    _notify,
    lookups,
    derive,
    templates,
    quality,
    filters,
    _hooks,
)
_PIPELINE: tuple[Callable[[Path, PipelineSettings], Problems], ...] = (
    _schedule,
    _source,
    _of_products_alone,
    _kind,
    _fields,
    _tables,
    _repeated_fields,
    _key,
    _key_is_text,
    _deleted_mark,
)
