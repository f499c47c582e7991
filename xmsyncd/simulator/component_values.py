"""What each type of component takes, to the letter of the vendor's page on form data, and how it reads back.

Written without a look at xmsyncd's own encoder: the two must agree by the vendor's pages alone. Where these
say nothing of reading back (periods, links, associations), a value is shown as it was written; with
``composed_as_text`` every value of several parts is shown as JSON text, an association as JSON of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from xmsyncd.simulator.options import Component

TEXT: Final = frozenset({"TextField", "TextareaField", "EditorField", "DigitalSignatureField"})
OPTION: Final = frozenset({"RadioField", "SelectField"})
OPTIONS: Final = frozenset({"CheckboxField", "MultiSelectField"})
NAMED: Final = frozenset(
    {"EmployeeField", "DepartmentSelectField", "CascadeSelectField", "CitySelectField", "CountrySelectField"}
)
TABLE: Final = "TableField"
EMPTIED_BY_NULL: Final = frozenset({"NumberField", "RateField", "DateField", "AddressField"})
"""An update may hold null for these, which empties them: a guess, the vendor does not say what does."""

_MOST_OPTION: Final = 255
_MILLISECONDS = re.compile(r"-?\d{1,14}", re.ASCII)
_JSON_TEXT: Final = frozenset({"ImageField", "AttachmentField", "AddressField"})
_UNDOCUMENTED: Final = frozenset({"CascadeDateField", "LinkField", TABLE})


def fits(component: Component, value: Any) -> bool:
    """Whether the vendor's page allows the value; the rows of a table are looked at by the caller."""
    name = component.component_name
    if name in TEXT:
        return isinstance(value, str)
    if name in OPTION:
        return isinstance(value, str) and (not value or _is_option(component, value))
    if name in OPTIONS:
        return _is_texts(value) and all(_is_option(component, each) for each in value)
    rule = _RULES.get(name)
    return isinstance(value, list) if rule is None else rule(value)


def is_number(value: Any) -> bool:
    """A JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(
    data: Mapping[str, Any],
    components: Mapping[str, Component],
    *,
    composed_as_text: bool,
    options_by_value: bool = False,
) -> dict[str, Any]:
    """The keys by which these written values read back.

    With ``options_by_value`` what was written to a choice is the option's value, and its text is another.
    """
    found: dict[str, Any] = {}
    for field_id, value in data.items():
        component = components.get(field_id)
        name = component.component_name if component else "TextField"
        if value is None:
            continue
        if name == TABLE:
            rows = [
                shown(row, components, composed_as_text=composed_as_text, options_by_value=options_by_value)
                for row in value
            ]
            found[field_id] = _text(rows) if composed_as_text else rows
        elif options_by_value and (name in OPTION or name in OPTIONS):
            texts = [f"名称{each}" for each in value] if isinstance(value, list) else f"名称{value}"
            found |= {field_id: texts if value else value, f"{field_id}_id": value}
        else:
            found.update(_shown(field_id, name, value, composed_as_text=composed_as_text))
    return found


def _shown(field_id: str, name: str, value: Any, *, composed_as_text: bool) -> dict[str, Any]:
    if name == "NumberField":
        return {field_id: value, f"{field_id}_value": str(value)}
    if name in OPTION or name in OPTIONS:
        return {field_id: value, f"{field_id}_id": value}
    if name in NAMED:
        # Display names under the id itself: the raw ids stand beside them.
        names = [f"名称{each['value'] if isinstance(each, dict) else each}" for each in value]
        return {field_id: names, f"{field_id}_id": _text(value) if composed_as_text else value}
    if name == "AddressField":
        parts = [*(each["zh_CN"] for each in value["regionText"]), value["address"]]
        return {field_id: _text(value), f"{field_id}_id": " ".join(parts)}
    if name == "AssociationFormField" and composed_as_text:
        titles = [each["title"] for each in value]
        return {field_id: titles, f"{field_id}_id": _text(_text(value))}
    if name in _JSON_TEXT or (composed_as_text and name in _UNDOCUMENTED):
        return {field_id: _text(value)}
    return {field_id: value}


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _is_option(component: Component, value: str) -> bool:
    return 0 < len(value) <= _MOST_OPTION and (not component.options or value in component.options)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_period(value: Any) -> bool:
    """Two texts of milliseconds; an open begin is an empty text, and an empty list is no period."""
    if value == []:
        return True
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(each, str) for each in value):
        return False
    begin, end = value
    is_time = _MILLISECONDS.fullmatch
    return bool((begin == "" or is_time(begin)) and is_time(end) and (begin == "" or int(begin) <= int(end)))


def _is_country(value: Any) -> bool:
    return value == [] or (isinstance(value, list) and len(value) == 1 and _objects(value, {"value"}))


def _is_address(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"address", "regionIds", "regionText"}:
        return False
    ids, names = value["regionIds"], value["regionText"]
    return (
        isinstance(value["address"], str)
        and isinstance(ids, list)
        and all(_is_whole(each) for each in ids)
        and isinstance(names, list)
        and _objects(names, {"zh_CN", "en_US"})
    )


def _are_images(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return False
    sizes = [each["size"] for each in value if "size" in each]
    rest = [{name: part for name, part in each.items() if name != "size"} for each in value]
    return all(_is_whole(size) for size in sizes) and _are_files(
        rest, {"name", "url", "downloadUrl", "previewUrl"}
    )


def _are_attachments(value: Any) -> bool:
    return _are_files(value, {"name", "url", "downloadUrl", "previewUrl", "ext"})


def _are_files(value: Any, keys: set[str]) -> bool:
    return _objects(value, keys) and all(
        each[name].startswith(("http://", "https://"))
        for each in value
        for name in ("url", "downloadUrl", "previewUrl")
    )


def _are_links(value: Any) -> bool:
    return _objects(value, {"link", "text"}) and all(each["link"] for each in value)


def _are_associations(value: Any) -> bool:
    keys = {"appType", "formUuid", "formType", "instanceId", "title", "subTitle"}
    return _objects(value, keys) and all(
        each["appType"]
        and each["formUuid"]
        and each["instanceId"]
        and each["formType"] in ("receipt", "process")
        for each in value
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _objects(value: Any, keys: set[str]) -> bool:
    """Objects with exactly these keys, all texts."""
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and each.keys() == keys
        and all(isinstance(part, str) for part in each.values())
        for each in value
    )


_RULES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "NumberField": is_number,
    "RateField": _is_whole,
    "DateField": _is_whole,
    "CascadeDateField": _is_period,
    "EmployeeField": _is_texts,
    "DepartmentSelectField": _is_texts,
    "CascadeSelectField": _is_texts,
    "CitySelectField": _is_texts,
    "CountrySelectField": _is_country,
    "AddressField": _is_address,
    "ImageField": _are_images,
    "AttachmentField": _are_attachments,
    "LinkField": _are_links,
    "AssociationFormField": _are_associations,
    TABLE: _is_table,
    "SerialNumberField": lambda _value: False,
}
