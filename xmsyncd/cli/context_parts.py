"""What the parts of the context are called where ``plan`` tells a person that they have changed."""

from __future__ import annotations

from typing import Any, Final

from xmsyncd.cli.words import Words
from xmsyncd.settings import MARK_LABEL

_OF_ONE: Final = {
    "mapping.fields.": "the field",
    "mapping.rules.": "the rules of",
    "mapping.derive.": "the derived field",
    "mapping.tables.": "the look-up table",
    "further.params.": "the query parameter",
}
"""Of these there are several, each with its name behind."""

_ALONE: Final = {
    "mapping.rules.": "the rules about the record as a whole",
    "mapping.rules": "the rules",
    "mapping.key": "the key component",
    "mapping.where": "the filter",
    "mapping.rendering": "how this version writes values",
    "groups.tree": "the group tree",
    "further.transform": "the function of transform",
    "further.mark": "the mark of deleted records",
}

_SETTINGS: Final = {
    "groups.unknown_group": "source.unknown_group",
    "groups.deeper_groups": "source.deeper_groups",
    "groups.single_level": "source.single_level",
    "further.on_change": "target.on_change",
    "further.fetch_detail": "source.fetch_detail",
    "further.detail_fields": "source.detail_fields",
}


def part_name(one: dict[str, str], words: Words) -> str:
    """``the field 产品名称 (textField_x)`` for ``mapping.fields.textField_x``, in the person's language."""
    part = one["part"]
    if part in _ALONE:
        return words(_ALONE[part])
    if part in _SETTINGS:
        return f"{words('the setting')} {_SETTINGS[part]}"
    for group, kind in _OF_ONE.items():
        if part.startswith(group):
            component = part.removeprefix(group)
            if kind == "the field" and one["label"] == MARK_LABEL:
                return f"{words('the mark of deleted records')} ({component})"
            return f"{words(kind)} {named({'label': one['label'], 'component': component})}"
    return part


def named(component: dict[str, Any]) -> str:
    """``产品名称 (textField_lq0sj9h9)``."""
    label = component.get("label")
    return f"{label} ({component['component']})" if label else str(component["component"])
