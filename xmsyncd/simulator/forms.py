"""A Yida form: its components, what each accepts, and how its values read back (vendor doc)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from xmsyncd.simulator.component_values import EMPTIED_BY_NULL, TABLE, fits, is_number, shown
from xmsyncd.simulator.instances import InstanceStore
from xmsyncd.simulator.options import BlankText, Component, FormKind
from xmsyncd.simulator.refusals import RefusedError


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
        composed_as_text: bool = False,
        options_by_value: bool = False,
    ) -> None:
        self.form_uuid = form_uuid
        self.kind = kind
        self.process_code = process_code
        self.store = store
        self.blank_text = blank_text
        self.composed_as_text = composed_as_text
        self.options_by_value = options_by_value
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
            if value is not None or complete or component.component_name not in EMPTIED_BY_NULL:
                self._check_value(component, value)
        if complete:
            for component in self.components.values():
                if component.required and data.get(component.field_id) in (None, "", []):
                    raise RefusedError(
                        "invalidState.form.invalidFormData", f"表单校验失败:{component.label}必填"
                    )

    def _check_value(self, component: Component, value: Any) -> None:
        if component.component_name == "NumberField" and not is_number(value):
            raise RefusedError(
                "invalidParameter.parameter.expectDoubleButNonNumeric",
                f"DOUBLE类型非数字:{component.field_id}",
            )
        if not fits(component, value):
            raise RefusedError(
                "invalidState.form.invalidFormData", f"表单校验失败:{component.field_id} 的值类型不正确"
            )
        if component.component_name == TABLE:
            self._check_rows(component, value)

    def _check_rows(self, table: Component, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for field_id, value in row.items():
                child = self.components.get(field_id)
                if child is None or child.parent_id != table.field_id:
                    raise RefusedError("invalidState.form.invalidComponentID", f"组件ID不合法:{field_id}")
                self._check_value(child, value)

    def without_tables(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """As a search may show an instance (unknown for processes; for ordinary forms some calls do)."""
        tables = {one.field_id for one in self.components.values() if one.component_name == TABLE}
        return {name: value for name, value in shown.items() if name not in tables}

    def shown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Written data as reading it back shows it: more keys, and other shapes for some components."""
        found = shown(
            data,
            self.components,
            composed_as_text=self.composed_as_text,
            options_by_value=self.options_by_value,
        )
        if self.blank_text is BlankText.SHOWN:
            return found
        blank = [field_id for field_id, value in found.items() if value == ""]
        for field_id in blank:
            if self.blank_text is BlankText.NULL:
                found[field_id] = None
            else:
                del found[field_id]
        return found
