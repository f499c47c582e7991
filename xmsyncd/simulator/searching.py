"""Yida's search over instances: both formats of searchFieldJson, filters, order and paging. Vendor doc.

It reads what the index shows. An `eq` on a text component goes through a dictionary, all else scans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from xmsyncd.simulator.forms import Form
from xmsyncd.simulator.instances import Instance, Version
from xmsyncd.simulator.options import Component, Searchable
from xmsyncd.simulator.refusals import RefusedError
from xmsyncd.simulator.times import SimulatedClock

PAGE_LIMIT: Final = 100
_DAY_SECONDS: Final = 86_400
_TEXT: Final = frozenset({"TextField", "TextareaField"})
_NUMBERS: Final = frozenset({"NumberField", "RateField", "DateField"})
_NOT_SEARCHABLE: Final = frozenset(
    {"EditorField", "AssociationFormField", "DigitalSignatureField", "LocationField"}
)

# Component -> (type of a condition, its operators)
_OPERATORS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    **dict.fromkeys(_TEXT, ("TEXT", frozenset({"eq", "like"}))),
    **dict.fromkeys(_NUMBERS, ("DOUBLE", frozenset({"gt", "ge", "lt", "le", "between"}))),
    **dict.fromkeys(
        ("RadioField", "SelectField", "CheckboxField", "MultiSelectField", "DepartmentSelectField"),
        ("ARRAY", frozenset({"eq", "contains"})),
    ),
    **dict.fromkeys(("EmployeeField", "CascadeSelectField"), ("STRING", frozenset({"eq", "contains"}))),
    "TableField": ("TEXT", frozenset({"contains"})),
}


class Row(NamedTuple):
    """An instance as the index shows it."""

    instance: Instance
    version: Version


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was understood: tests of the data, and one exact text that narrows the candidates."""

    data_tests: tuple[Callable[[Mapping[str, Any]], bool], ...] = ()
    row_tests: tuple[Callable[[Row], bool], ...] = ()
    exact_text: tuple[str, str] | None = None


def parse_search(
    form: Form,
    text: Any,
    *,
    fold: Callable[[str], str],
    searchable: Searchable,
    eq_is_substring: bool = False,
) -> Search:
    """Understand `searchFieldJson`, or raise RefusedError as the vendor does."""
    if text in (None, ""):
        return Search()
    if not isinstance(text, str):
        raise RefusedError("invalidParameter.methodInputs.invalidFormat", "searchFieldJson 必须是字符串")
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise RefusedError(
            "invalidParameter.methodInputs.invalidFormat", "searchFieldJson 不是合法的JSON"
        ) from None
    if isinstance(parsed, dict):
        search = _from_object(form, parsed)
    elif isinstance(parsed, list) and all(isinstance(each, dict) for each in parsed):
        search = _from_conditions(form, parsed, fold, eq_is_substring=eq_is_substring)
    else:
        raise RefusedError("invalidParameter.methodInputs.invalidFormat", "searchFieldJson 格式不正确")
    if search.data_tests and searchable is Searchable.REFUSED:
        raise RefusedError(
            "invalidState.openSearch.deficiencyOfMappingForFormField", "表单组件和索引的映射关系不存在"
        )
    if search.data_tests and searchable is Searchable.NEVER_FOUND:
        return Search(data_tests=(lambda _: False,), exact_text=search.exact_text)
    return search


def _component(form: Form, field_id: Any) -> Component:
    component = form.components.get(field_id) if isinstance(field_id, str) else None
    if component is None or component.component_name in _NOT_SEARCHABLE:
        raise RefusedError(
            "invalidState.openSearch.canNotFindKeyAccordingToComponentFieldId",
            f"找不到高性能检索服务上对应的key:{field_id}",
        )
    return component


def _from_conditions(
    form: Form, conditions: list[dict[str, Any]], fold: Callable[[str], str], *, eq_is_substring: bool
) -> Search:
    """Mode 2: an array of conditions, combined with AND."""
    data_tests: list[Callable[[Mapping[str, Any]], bool]] = []
    row_tests: list[Callable[[Row], bool]] = []
    exact: tuple[str, str] | None = None
    operators = {each.get("operator") for each in conditions}
    if {"eq", "like"} <= operators:
        raise RefusedError(
            "invalidState.openSearch.simultaneousFuzzySearchAndPreciseSearch",
            "精确搜索和模糊搜索无法同时支持",
        )
    for each in conditions:
        missing = [name for name in ("key", "value", "type", "operator", "componentName") if name not in each]
        if missing:
            raise RefusedError(
                "invalidParameter.methodInputs.invalidFormat", f"查询条件缺少 {', '.join(missing)}"
            )
        if each["key"] in _PRESETS:
            row_tests.append(_preset(each))
            continue
        component = _component(form, each["key"])
        kind, allowed = _OPERATORS.get(component.component_name, ("TEXT", frozenset({"like"})))
        if each["operator"] not in allowed:
            raise RefusedError(
                "invalidState.openSearch.componentCanNotSupportThisOperatorType",
                f"组件不支持该逻辑操作:{component.field_id} {each['operator']}",
            )
        if each["type"] != kind or each["componentName"] != component.component_name:
            raise RefusedError(
                "invalidParameter.validation.parameterValidationFailed",
                f"参数校验失败:{component.field_id} 应为 {kind} {component.component_name}",
            )
        if component.component_name in _TEXT:
            value = each["value"]
            if not isinstance(value, str) or not value:
                raise RefusedError(
                    "invalidParameter.json.componentValuesEmptyInSearchFieldJson",
                    "searchFieldJson所有组件值都为空",
                )
            if each["operator"] == "eq" and not eq_is_substring:
                exact = exact or (component.field_id, value)
                data_tests.append(_equal_text(component.field_id, fold(value), fold))
            else:
                data_tests.append(_contained_text(component.field_id, value))
        elif component.component_name in _NUMBERS:
            data_tests.append(_compared(component.field_id, each["operator"], each["value"]))
        else:
            data_tests.append(_listed(component.field_id, each["operator"], each["value"]))
    return Search(tuple(data_tests), tuple(row_tests), exact)


def _from_object(form: Form, values: dict[str, Any]) -> Search:
    """Mode 1: component id -> value; fuzzy for text."""
    tests: list[Callable[[Mapping[str, Any]], bool]] = []
    for field_id, value in values.items():
        component = _component(form, field_id)
        if value in (None, "", []):
            continue
        if component.component_name in _TEXT:
            tests.append(_contained_text(field_id, str(value)))
        elif component.component_name in _NUMBERS:
            tests.append(_compared(field_id, "between", value))
        else:
            tests.append(_listed(field_id, "eq", value))
    if values and not tests:
        raise RefusedError(
            "invalidParameter.json.componentValuesEmptyInSearchFieldJson", "searchFieldJson所有组件值都为空"
        )
    return Search(tuple(tests))


def _equal_text(
    field_id: str, folded: str, fold: Callable[[str], str]
) -> Callable[[Mapping[str, Any]], bool]:
    return lambda data: isinstance(data.get(field_id), str) and fold(data[field_id]) == folded


def _contained_text(field_id: str, text: str) -> Callable[[Mapping[str, Any]], bool]:
    wanted = text.casefold()
    return lambda data: wanted in str(data.get(field_id) or "").casefold()


def _compared(field_id: str, operator: str, value: Any) -> Callable[[Mapping[str, Any]], bool]:
    holds = _comparison(operator, value)
    return lambda data: isinstance(data.get(field_id), int | float) and holds(float(data[field_id]))


def _comparison(operator: str, value: Any) -> Callable[[float], bool]:
    bounds = value if isinstance(value, list) else [value]
    try:
        numbers = [float(each) for each in bounds]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != (2 if operator == "between" else 1):
        raise RefusedError("invalidParameter.parameter.expectDoubleButNonNumeric", "DOUBLE类型非数字")
    first, last = numbers[0], numbers[-1]
    return {
        "gt": lambda number: number > first,
        "ge": lambda number: number >= first,
        "lt": lambda number: number < first,
        "le": lambda number: number <= first,
        "between": lambda number: first <= number <= last,
    }[operator]


def _listed(field_id: str, operator: str, value: Any) -> Callable[[Mapping[str, Any]], bool]:
    wanted = value if isinstance(value, list) else [value]

    def test(data: Mapping[str, Any]) -> bool:
        held = data.get(field_id)
        held = held if isinstance(held, list) else [held]
        return held == wanted if operator == "eq" else all(each in held for each in wanted)

    return test


def _preset(condition: Mapping[str, Any]) -> Callable[[Row], bool]:
    key, operator, value = condition["key"], condition["operator"], condition["value"]
    if key == "originator":
        wanted = value if isinstance(value, list) else [value]
        return lambda row: row.instance.user_id in wanted
    if key == "processInstanceStatus":
        statuses = value if isinstance(value, list) else [value]
        return lambda row: row.instance.status in statuses
    if operator not in ("gt", "ge", "lt", "le", "between"):
        raise RefusedError(
            "invalidState.openSearch.componentCanNotSupportThisOperatorType", "组件不支持该逻辑操作"
        )
    holds = _comparison(operator, value)  # epoch milliseconds
    if key == "createTime":
        return lambda row: holds(row.instance.created_at * 1000)
    return lambda row: holds(row.version.written_at * 1000)


_PRESETS: Final = frozenset({"originator", "processInstanceStatus", "createTime", "modifiedTime"})


def filter_tests(body: Mapping[str, Any], clock: SimulatedClock) -> tuple[Callable[[Row], bool], ...]:
    """The filters beside searchFieldJson; their times are dates in the vendors' zone, both ends included."""
    tests: list[Callable[[Row], bool]] = []
    if body.get("originatorId"):
        tests.append(lambda row: row.instance.user_id == body["originatorId"])
    if body.get("instanceStatus"):
        tests.append(lambda row: row.instance.status == body["instanceStatus"])
    if body.get("approvedResult"):
        tests.append(lambda row: row.instance.status == "COMPLETED" and body["approvedResult"] == "agree")
    if body.get("taskId"):
        tests.append(lambda _: False)
    created = _between(body, "createFromTimeGMT", "createToTimeGMT", clock)
    modified = _between(body, "modifiedFromTimeGMT", "modifiedToTimeGMT", clock)
    if created is not None:
        tests.append(lambda row: created[0] <= row.instance.created_at < created[1])
    if modified is not None:
        tests.append(lambda row: modified[0] <= row.version.written_at < modified[1])
    return tuple(tests)


def _between(
    body: Mapping[str, Any], first: str, last: str, clock: SimulatedClock
) -> tuple[float, float] | None:
    if not body.get(first) and not body.get(last):
        return None
    low, high = float("-inf"), float("inf")
    try:
        if body.get(first):
            low = clock.epoch(body[first])[0]
        if body.get(last):
            moment, only_date = clock.epoch(body[last])
            high = moment + (_DAY_SECONDS if only_date else 1)
    except (TypeError, ValueError):
        raise RefusedError(
            "invalidParameter.methodInputs.invalidFormat", f"{first}/{last} 格式应为 yyyy-MM-dd"
        ) from None
    return low, high


def paging(number: Any, size: Any, *, default_size: int, depth: int) -> tuple[int, int]:
    """Page number and size from whatever was sent; refuses what is beyond the vendor's limits."""
    try:
        page_number, page_size = int(number or 1), int(size or default_size)
    except (TypeError, ValueError):
        raise RefusedError(
            "invalidParameter.methodInputs.invalidFormat", "pageNumber/pageSize 必须是整数"
        ) from None
    if page_number < 1 or page_size < 1:
        raise RefusedError(
            "invalidParameter.validation.parameterValidationFailed", "pageNumber/pageSize 必须大于0"
        )
    if page_size > PAGE_LIMIT:
        raise RefusedError("failure.operation.numberOfQueryDataExceed", "单次查询超过条数限制")
    if page_number * page_size > depth:
        raise RefusedError("invalidState.openSearch.cursorExceedFiveThousand", "搜索接口翻页不能超过5000")
    return page_number, page_size


def find(
    form: Form,
    search: Search,
    filters: Iterable[Callable[[Row], bool]],
    *,
    order: Any,
    number: int,
    size: int,
) -> tuple[list[Row], int]:
    """One page of what the index shows, and the total."""
    horizon = form.store.index.horizon()
    row_tests = (*search.row_tests, *filters)
    if search.exact_text is None:
        candidates: Iterable[Instance] = form.store.newest_first()
    else:
        candidates = form.store.holding(*search.exact_text)
    rows = []
    for instance in candidates:
        version = instance.visible(horizon)
        if version is None:
            continue
        row = Row(instance, version)
        if search.data_tests:
            data = version.data()
            if not all(test(data) for test in search.data_tests):
                continue
        if all(test(row) for test in row_tests):
            rows.append(row)
    key, descending = _order(form, order)
    if key is not None:
        rows.sort(key=key, reverse=descending)
    begin = (number - 1) * size
    return rows[begin : begin + size], len(rows)


def _order(form: Form, text: Any) -> tuple[Callable[[Row], Any] | None, bool]:
    """Sort key, None for the default (newest created first), from `orderConfigJson`."""
    if text in (None, ""):
        return None, True
    try:
        parsed = orjson.loads(text)
        ((name, direction),) = parsed.items()
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        raise RefusedError(
            "invalidParameter.methodInputs.invalidFormat", "orderConfigJson 格式不正确"
        ) from None
    descending = direction == "-"
    if name == "gmt_create":
        return (None, True) if descending else (lambda row: row.instance.number, False)
    if name == "gmt_modified":
        return (lambda row: row.version.written_at), descending
    component = _component(form, name)
    return (lambda row: str(row.version.data().get(component.field_id) or "")), descending
