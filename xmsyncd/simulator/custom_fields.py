"""OKKI's dictionary of a list's fields, and the shapes in which a product may show the custom ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_OWN: Final = (("name", "产品名称"), ("product_no", "产品编号"), ("model", "产品型号"))


class CustomShape(StrEnum):
    """How the values of custom fields are shown: the vendor's example, an object, or keys of the product."""

    LIST = "list"
    OBJECT = "object"
    KEYS = "keys"


@dataclass(slots=True)
class CustomFields:
    """Custom fields by id; renaming one is how a test changes what no product shows."""

    names: dict[str, str]
    shape: CustomShape = CustomShape.LIST

    def __init__(self) -> None:
        self.names = {"30001": "保修期", "30011": "结算方式"}
        self.shape = CustomShape.LIST

    def dictionary(self, *, ids_as_text: bool) -> list[dict[str, Any]]:
        """``data`` of GET /v1/product/fields: OKKI's own fields first."""
        own = [_row(field_id, name, base=1) for field_id, name in _OWN]
        custom = [
            _row(field_id if ids_as_text else int(field_id), name, base=0)
            for field_id, name in self.names.items()
        ]
        return own + custom

    def shown(self, item: dict[str, Any]) -> dict[str, Any]:
        """The item with its ``external_field_data`` in the shape that is chosen."""
        data = item.get("external_field_data")
        if self.shape is CustomShape.LIST or not isinstance(data, list):
            return item
        values = {str(entry["id"]): entry["value"] for entry in data}
        if self.shape is CustomShape.OBJECT:
            return {**item, "external_field_data": values}
        without = {name: value for name, value in item.items() if name != "external_field_data"}
        return {**without, **values}


def _row(field_id: str | int, name: str, *, base: int) -> dict[str, Any]:
    return {
        "id": field_id,
        "name": name,
        "base": base,
        "field_type": 1,
        "ext_info": [],
        "require": 0,
        "default": "",
        "disable_flag": 0,
        "is_list": 1,
    }
