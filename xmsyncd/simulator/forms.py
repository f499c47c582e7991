"""A Yida form: its components, what each accepts, and how its values read back (vendor doc)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from xmsyncd.simulator.instances import InstanceStore
from xmsyncd.simulator.options import BlankText, Component, FormKind
from xmsyncd.simulator.refusals import RefusedError

_TEXT: Final = frozenset({"TextField", "TextareaField", "EditorField", "DigitalSignatureField"})
_OPTION: Final = frozenset({"RadioField", "SelectField"})
_OPTIONS: Final = frozenset({"CheckboxField", "MultiSelectField"})
_NAMES: Final = frozenset({"EmployeeField", "DepartmentSelectField", "CascadeSelectField", "CitySelectField"})
_AS_JSON_TEXT: Final = frozenset({"ImageField", "AttachmentField", "AddressField"})


class Form:
    """One form of the app, with its instances."""

    def __init__(
        self,
        *,
        form_uuid: str,
        kind: FormKind,
        process_code: str,
        components: Iterable[Component],
        store: InstanceStore,
        blank_text: BlankText = BlankText.SHOWN,
    ) -> None:
        self.form_uuid = form_uuid
        self.kind = kind
        self.process_code = process_code
        self.store = store
        self.blank_text = blank_text
        self.set_components(components)

    def set_components(self, components: Iterable[Component]) -> None:
        """Replace the form's definition, as somebody does who edits it; what is stored stays."""
        self.components = {each.field_id: each for each in components}

    def definitions(self) -> list[dict[str, str]]:
        """`result` of the definitions call."""
        return [
            {
                "fieldId": each.field_id,
                "componentName": each.component_name,
                "label": each.label,
                "parentId": each.parent_id,
            }
            for each in self.components.values()
        ]

    def parsed(self, text: Any, parameter: str) -> dict[str, Any]:
        """Form data out of the body's JSON string; raises RefusedError for what the vendor refuses."""
        if not isinstance(text, str):
            raise RefusedError("invalidParameter.methodInputs.invalidFormat", f"{parameter} 必须是字符串")
        try:
            data = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise RefusedError(
                "invalidParameter.methodInputs.invalidFormat", f"{parameter} 不是合法的JSON"
            ) from None
        if not isinstance(data, dict):
            raise RefusedError("invalidParameter.methodInputs.invalidFormat", f"{parameter} 必须是JSON对象")
        if not data:
            raise RefusedError("invalidState.form.formDataIsBlank", "表单数据不能为空")
        return data

    def check(self, data: Mapping[str, Any], *, complete: bool) -> None:
        """Refuse unknown components and wrong types; with `complete`, also missing required components."""
        for field_id, value in data.items():
            component = self.components.get(field_id)
            if component is None or component.parent_id:
                raise RefusedError("invalidState.form.invalidComponentID", f"组件ID不合法:{field_id}")
            self._check_value(component, value)
        if complete:
            for component in self.components.values():
                if component.required and data.get(component.field_id) in (None, "", []):
                    raise RefusedError(
                        "invalidState.form.invalidFormData", f"表单校验失败:{component.label}必填"
                    )

    def _check_value(self, component: Component, value: Any) -> None:
        name = component.component_name
        if name in _TEXT:
            fits = isinstance(value, str)
        elif name == "NumberField":
            if not _is_number(value):
                raise RefusedError(
                    "invalidParameter.parameter.expectDoubleButNonNumeric",
                    f"DOUBLE类型非数字:{component.field_id}",
                )
            fits = True
        elif name in ("RateField", "DateField"):
            fits = isinstance(value, int) and not isinstance(value, bool)
        elif name in _OPTION:
            fits = isinstance(value, str) and (not component.options or value in component.options)
        elif name in _OPTIONS:
            fits = _is_texts(value) and (not component.options or set(value) <= set(component.options))
        elif name in _NAMES:
            fits = _is_texts(value)
        elif name == "TableField":
            fits = isinstance(value, list) and all(isinstance(row, dict) for row in value)
            if fits:
                self._check_rows(component, value)
        elif name == "AddressField":
            fits = isinstance(value, dict)
        elif name == "SerialNumberField":
            fits = False
        else:
            fits = isinstance(value, list)
        if not fits:
            raise RefusedError(
                "invalidState.form.invalidFormData", f"表单校验失败:{component.field_id} 的值类型不正确"
            )

    def _check_rows(self, table: Component, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for field_id, value in row.items():
                child = self.components.get(field_id)
                if child is None or child.parent_id != table.field_id:
                    raise RefusedError("invalidState.form.invalidComponentID", f"组件ID不合法:{field_id}")
                self._check_value(child, value)

    def shown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Written data as reading it back shows it: more keys, and other shapes for some components."""
        found: dict[str, Any] = {}
        for field_id, value in data.items():
            component = self.components.get(field_id)
            name = component.component_name if component else "TextField"
            if name == "NumberField":
                found[field_id] = value
                found[f"{field_id}_value"] = str(value)
            elif name in _OPTION or name in _OPTIONS:
                found[field_id] = found[f"{field_id}_id"] = value
            elif name in _NAMES:
                # Display names under the id itself: the raw ids stand beside them.
                found[field_id] = [f"名称{each}" for each in value]
                found[f"{field_id}_id"] = value
            elif name in _AS_JSON_TEXT:
                found[field_id] = orjson.dumps(value).decode()
                if name == "AddressField":
                    found[f"{field_id}_id"] = str(value.get("address", ""))
            elif value == "" and self.blank_text is not BlankText.SHOWN:
                if self.blank_text is BlankText.NULL:
                    found[field_id] = None
            else:
                found[field_id] = value
        return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
