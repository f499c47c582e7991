"""What a product looks like before anybody edits it (vendor doc)."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from xmsyncd.simulator.group_tree import GroupTree
from xmsyncd.simulator.words import ADJECTIVES, BRANDS, CURRENCIES, REMARKS, SPECIFICATIONS, UNITS

_WORD: Final = (1 << 64) - 1


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""As the value of an edited field: the answers leave the field out."""

DETAIL_ONLY: Final = frozenset(
    {
        *("product_type", "cn_name", "brand", "place", "intro", "create_user", "update_user"),
        *("sku_attributes", "sku_items", "sku_num", "sku_id", "sku_code", "sub_product_sku_items"),
        *("price_currency", "price_min", "price_max", "price_unit", "gradient_price"),
        *("carton_volume", "carton_gross_weight"),
    }
)
LIST_ONLY: Final = frozenset(
    {"image", "cost_with_tax", "fob", "image_info", "store_info", "create_user_info", "update_user_info"}
)

_SPECIAL_REMARK_SHARE: Final = 50


def mixed_bits(seed: int, position: int) -> int:
    """64 well mixed bits of seed and position (splitmix64): far cheaper than a generator for each product."""
    bits = (seed * 0x9E3779B97F4A7C15 + (position + 1) * 0xD1B54A32D192ED03) & _WORD
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & _WORD
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & _WORD
    return bits ^ bits >> 31


def base_fields(seed: int, position: int, groups: GroupTree) -> dict[str, Any]:
    """All fields of the list and the detail of one product, but its id and its times."""
    bits = mixed_bits(seed, position)
    bits, choice = divmod(bits, 100)
    bits, leaf = divmod(bits, len(groups.leaves))
    path = groups.path(groups.leaves[leaf])
    # Most products sit in a leaf, some in a second-level group, a few directly in a first-level one.
    group = path[0] if choice < 5 else path[min(1, len(path) - 1)] if choice < 15 else path[-1]
    bits, brand = divmod(bits, len(BRANDS))
    bits, adjective = divmod(bits, len(ADJECTIVES))
    bits, specification = divmod(bits, len(SPECIFICATIONS))
    bits, cents = divmod(bits, 500_000)
    bits, year = divmod(bits, 4)
    product_type = 1 if choice < 70 else 2 if choice < 95 else 3
    name = f"{BRANDS[brand]}{ADJECTIVES[adjective]}{path[-1].name}{SPECIFICATIONS[specification]}"
    price = f"{cents // 100}.{cents % 100:02d}00"
    currency = CURRENCIES[cents % len(CURRENCIES)]
    unit = UNITS[cents % len(UNITS)]
    weight = f"{cents % 900 / 10:.4f}"
    person = {
        "user_id": 20001 + year,
        "nickname": f"业务员{year + 1}",
        "email": f"sales{year + 1}@example.com",
    }
    return {
        "product_no": f"{group.number_prefix}-{2023 + year}-{position + 1:05d}",
        "name": name,
        "cn_name": name,
        "product_type": product_type,
        "group_id": group.id,
        "group_name": group.name,
        "image": "",
        "cost_with_tax": {"cost_currency": currency, "cost": price},
        "cost_currency": currency,
        "cost": price,
        "cost_unit": unit,
        "enable_flag": 1,
        "disable_flag": 0,
        "fob": {"price_currency": currency, "price_min": price, "price_max": price, "price_unit": unit},
        "price_currency": currency,
        "price_min": price,
        "price_max": price,
        "price_unit": unit,
        "gradient_price": [],
        "minimum_order_quantity": str(cents % 1000),
        "quantity": 0,
        "quantity_unit": unit,
        "model": f"M{cents % 9000 + 1000}",
        "brand": BRANDS[brand].strip(),
        "place": "中国",
        "category_ids": [],
        "from_url": "",
        "intro": "",
        "description": f"<p>{name}</p>",
        "product_remark": _remark(bits, choice),
        "unit": unit,
        "package_volume": weight,
        "count_per_package": str(cents % 50 + 1),
        "package_gross_weight": weight,
        "carton_volume": weight,
        "carton_gross_weight": weight,
        "package_remark": "",
        "package_unit": "箱",
        "package_size": {
            "package_size_length": "60",
            "package_size_weight": "40",
            "package_size_height": "35",
        },
        "info_json": [{"name": "材质", "value": "SUS304"}, {"name": "颜色", "value": "白色"}],
        "hs_code": f"{cents % 100_000_000:08d}00",
        "source_type": 0,
        "pin_flag": 0,
        "external_field_data": [{"id": "30001", "name": "保修期", "value": f"{year + 1}年"}],
        "images": [],
        "image_info": {"file_url": ""},
        "store_info": [],
        "sku_attributes": [],
        "sku_items": [],
        "sku_num": product_type,
        "sku_id": 0,
        "sku_code": "",
        "sub_product_sku_items": [],
        "create_user_info": person,
        "update_user_info": person,
        "create_user": person["nickname"],
        "update_user": person["nickname"],
    }


def _remark(bits: int, choice: int) -> str:
    """From nothing to several thousand characters."""
    if choice % 16 == 0:
        return ""
    sentences = 1 + bits % 5
    if choice == _SPECIAL_REMARK_SHARE:
        sentences = 60
    found: list[str] = []
    for _ in range(sentences):
        bits, which = divmod(bits, len(REMARKS))
        bits = bits or choice * 7919 + len(found)
        found.append(REMARKS[which])
    return "".join(found)
