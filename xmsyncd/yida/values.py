"""Component values: what a write must hold, and what Yida shows turned back into that (step 5).

The kind of a component is read off its id, which begins with the lower-camel name of its type (vendor doc);
where an id tells nothing, the declared type of the field decides. Shapes follow the vendor's pages on
form data, not verified on a tenant:

===================  =============================  ============================================
kind                 written as                     read back as
===================  =============================  ============================================
text, option         text                           text (an option's display text)
number, rate         JSON number                    number, and as text under ``<id>_value``
options              list of text                   list, or its JSON text
members (ids)        list of ids                    names; the ids under ``<id>_id``
date                 epoch milliseconds             number
structure            list or object                 JSON text (images, attachments, addresses)
other                as it is                       as it is
===================  =============================  ============================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, assert_never

import orjson

from xmsyncd.records import Content
from xmsyncd.transform.value_types import is_empty, text_of
from xmsyncd.yida.numbers import number_of, whole_number_of
from xmsyncd.yida.times import beijing, epoch_milliseconds, moment_of


class Kind(StrEnum):
    """How a component is written and read."""

    TEXT = "text"
    NUMBER = "number"
    RATE = "rate"
    OPTION = "option"
    OPTIONS = "options"
    MEMBERS = "members"
    DATE = "date"
    STRUCTURE = "structure"
    SERIAL = "serial"
    OTHER = "other"


KIND_BY_PREFIX: Mapping[str, Kind] = {
    "textfield": Kind.TEXT,
    "textareafield": Kind.TEXT,
    "editorfield": Kind.TEXT,
    "digitalsignaturefield": Kind.TEXT,
    "numberfield": Kind.NUMBER,
    "ratefield": Kind.RATE,
    "radiofield": Kind.OPTION,
    "selectfield": Kind.OPTION,
    "checkboxfield": Kind.OPTIONS,
    "multiselectfield": Kind.OPTIONS,
    "cascadeselectfield": Kind.MEMBERS,
    "employeefield": Kind.MEMBERS,
    "departmentselectfield": Kind.MEMBERS,
    "datefield": Kind.DATE,
    "cascadedatefield": Kind.STRUCTURE,
    "countryselectfield": Kind.STRUCTURE,
    "cityselectfield": Kind.STRUCTURE,
    "addressfield": Kind.STRUCTURE,
    "imagefield": Kind.STRUCTURE,
    "attachmentfield": Kind.STRUCTURE,
    "associationformfield": Kind.STRUCTURE,
    "tablefield": Kind.STRUCTURE,
    "serialnumberfield": Kind.SERIAL,
}

KIND_BY_DECLARED_TYPE: Mapping[str, Kind] = {
    "string": Kind.TEXT,
    "int": Kind.NUMBER,
    "float": Kind.NUMBER,
    "object": Kind.STRUCTURE,
    "array": Kind.STRUCTURE,
}

COMPONENT_NAME_BY_PREFIX: Mapping[str, str] = {"textfield": "TextField", "textareafield": "TextareaField"}
"""Component names for the search of a text component (vendor doc)."""


def kind_of(component_id: str, declared_type: str = "") -> Kind:
    """The kind that the id tells, else that of the declared type, else OTHER."""
    kind = KIND_BY_PREFIX.get(_prefix(component_id))
    return kind if kind is not None else KIND_BY_DECLARED_TYPE.get(declared_type, Kind.OTHER)


def search_component_name(component_id: str) -> str | None:
    """``TextField`` or ``TextareaField``; None where the id does not name a component searchable as text."""
    return COMPONENT_NAME_BY_PREFIX.get(_prefix(component_id))


def encode(component_id: str, declared_type: str, value: Any) -> Any:
    """The value in the form in which this component is written.

    Nothing (None, blank text, an empty list or object) becomes the component's own nothing: "" for text, an
    option and unknown components, an empty list for several options or members, None for numbers, dates and
    structures (how Yida takes None on an update is not documented). Booleans are ``true`` and ``false`` in
    text. Raises ValueError whose text says what the component expects.
    """
    kind = kind_of(component_id, declared_type)
    if kind is Kind.SERIAL:
        raise ValueError("no value: Yida itself generates serial numbers")
    if kind in (Kind.TEXT, Kind.OPTION):
        if kind is Kind.OPTION and isinstance(value, (list, Mapping)) and value:
            raise ValueError("one option, as text")
        return text_of(value)
    if is_empty(value):
        return empty_of(kind_of(component_id))
    return _written(kind, value)


def empty_of(kind: Kind) -> Any:
    """What a write holds for nothing."""
    match kind:
        case Kind.TEXT | Kind.OPTION | Kind.SERIAL | Kind.OTHER:
            return ""
        case Kind.OPTIONS | Kind.MEMBERS:
            return []
        case Kind.NUMBER | Kind.RATE | Kind.DATE | Kind.STRUCTURE:
            return None
        case _:
            assert_never(kind)


def normalise(component_ids: Iterable[str], data: Mapping[str, Any]) -> Content:
    """What a write would have held for Yida to show ``data``, for these components only.

    Missing and null are the component's nothing. Never raises: what cannot be read stays as it is shown, so
    that it differs from what was sent. A component whose id does not tell its kind is taken as shown.
    """
    return {component_id: _shown(component_id, data) for component_id in component_ids}


def _written(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.NUMBER:
            return number_of(value)
        case Kind.RATE:
            return whole_number_of(value)
        case Kind.DATE:
            return _date(value)
        case Kind.OPTIONS | Kind.MEMBERS:
            return _texts(_from_json(value))
        case Kind.STRUCTURE:
            found = _from_json(value)
            if not isinstance(found, (list, tuple, Mapping)):
                raise ValueError("a list or an object, or its JSON text")
            return found
        case Kind.TEXT | Kind.OPTION | Kind.SERIAL | Kind.OTHER:
            return value
        case _:
            assert_never(kind)


def _shown(component_id: str, data: Mapping[str, Any]) -> Any:
    kind = kind_of(component_id)
    value = data.get(component_id)
    if kind is Kind.MEMBERS:
        value = _first_present(data.get(f"{component_id}_id"), value)
    elif kind in (Kind.NUMBER, Kind.RATE, Kind.DATE):
        value = _first_present(data.get(f"{component_id}_value"), value)
    elif kind is Kind.OTHER:
        return "" if value is None else value
    # Blank text is content of a text component, and must not look like the empty one.
    if value is None or (kind not in (Kind.TEXT, Kind.OPTION, Kind.SERIAL) and is_empty(value)):
        return empty_of(kind)
    try:
        if kind in (Kind.TEXT, Kind.OPTION, Kind.SERIAL):
            if kind is Kind.OPTION and isinstance(value, list) and len(value) == 1:
                value = value[0]
            return text_of(value)
        return _written(kind, value)
    except ValueError:
        return value


def _date(value: Any) -> int | None:
    # PHP and MySQL write "no date" as a date of zeros; OKKI's back end is of that family (inferred).
    if isinstance(value, str) and value.strip().startswith("0000-00-00"):
        return None
    return epoch_milliseconds(moment_of(value, beijing()))


def _texts(value: Any) -> list[str]:
    elements = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(element, (list, tuple, Mapping)) for element in elements):
        raise ValueError("a list of texts")
    return [text_of(element) for element in elements if not is_empty(element)]


def _first_present(*values: Any) -> Any:
    return next((value for value in values if not is_empty(value)), None)


def _from_json(value: Any) -> Any:
    """The list or object that a text holds as JSON; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return value


def _prefix(component_id: str) -> str:
    return component_id.partition("_")[0].lower()
