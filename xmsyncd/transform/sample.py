"""The product that every example of the documentation is evaluated on, and the tables beside it.

Of the shape that OKKI documents; decimals are texts and ids numbers, as in its own examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from xmsyncd.transform.tables import LookupTable, Tables

SAMPLE: Final[Mapping[str, Any]] = {
    "product_id": 20240000000017,
    "product_no": "A-001",
    "name": "六角螺栓",
    "model": "  M8×30　",
    "group_id": 20240000000003,
    "group_name": "螺栓",
    "product_type": 2,
    "product_remark": "first\n  second",
    "description": "<p>304 钢</p><p>耐腐蚀 &amp; 防锈</p>",
    "tags": "new,hot",
    "cost": "200.0000",
    "weight": 0.125,
    "unit": "PCS",
    "qty": 120,
    "remark": "",
    "disable_flag": 0,
    "fob": {"price_currency": "USD", "price_min": "1.50"},
    "package": '{"length": "12", "width": "8"}',
    "info_json": [{"name": "材质", "value": "304"}, {"name": "颜色", "value": "银"}],
    "category_ids": [11, 12, 11],
    "images": [{"file_url": "https://img.example/1.jpg"}, {"file_url": "https://img.example/2.jpg"}],
    "sku_items": [
        {"sku_code": "A-001-R", "price": "1.50", "stock": 30},
        {"sku_code": "A-001-B", "price": "1.80", "stock": 12},
    ],
    "details": [{"qty": 2, "price": "1.50"}, {"qty": 3, "price": 3}],
    "create_time": "2026-11-01 08:00:00",
    "update_time": "2026-11-20 09:30:00",
    "created": 1795392309,
    "一级分组": "五金",
    "二级分组": "螺栓",
    "CURRENT_TIME": 1795424400,
    "LAST_SYNC_TIME": 1795422600,
}
"""What a template of an example looks values up in: a product, group levels, and the times of a cycle."""


SAMPLE_TABLES: Final[Tables] = {
    "kinds": LookupTable("kinds", {"1": "无规格", "2": "多规格", "3": "组合"}),
    "units": LookupTable("units", {"PCS": "件", "KG": "公斤"}),
}
