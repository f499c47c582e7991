"""What a mapping costs: its speed against that of the same mapping written by hand in Python, in one run.

``make bench-mapping``. The best of several turns of each, one after the other on one machine. The exit status
is 1 where the ratio is less than 0.2 for the six fields of the source article, or 0.05 for six expressions.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from tests.scenario import FIELDS, KEY, configuration
from xmsyncd.operations.vendors import mapping_of
from xmsyncd.records import ContentHash, Draft, Item, KeyValue, SourceId
from xmsyncd.settings import load_settings
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.mapping import FieldMapping

_ITEMS = 500
_TURNS = 60
_CENT = Decimal("0.01")
_KINDS = {1: "无规格", 2: "多规格", 3: "组合"}
_LEVELS = {"一级分组": "五金", "二级分组": "螺栓", "CURRENT_TIME": 1795424400, "LAST_SYNC_TIME": 1795422600}

EXPRESSIONS = (
    ("textField_lq0sj9h9", "_function CONCAT({name}, '（', {unit}, '）')"),
    (KEY, "_function CONCAT({product_no}, '-', {group_id})"),
    ("textField_price", "_function ROUND({price} * 1.13, 2)"),
    (
        "textField_kind",
        "_function CASE {product_type} WHEN 1 THEN '无规格' WHEN 2 THEN '多规格' ELSE '组合' END",
    ),
    ("textField_day", "_function DATE_FORMAT({update_time}, '%Y/%m/%d')"),
    ("textareaField_remark", "_function IFNULL(REPLACE({product_remark}, ';', '；'), '无')"),
)

Work = Callable[[Item], object]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table."""

    name: str
    mapped: float
    by_hand: float
    least: float

    @property
    def ratio(self) -> float:
        """How fast the mapping is where the hand-written one is 1."""
        return self.by_hand / self.mapped

    @property
    def is_enough(self) -> bool:
        """Whether the bound is kept."""
        return self.ratio >= self.least


def main(_arguments: Sequence[str]) -> int:
    """Print the table."""
    expressions = [
        {"field": name, "label": name, "type": "string", "value": value} for name, value in EXPRESSIONS
    ]
    items = [_item(number) for number in range(_ITEMS)]
    compared = (
        _compare("the source article's six fields", _mapping(FIELDS), _article, items, 0.2),
        _compare("six expressions", _mapping(expressions), _expressed, items, 0.05),
    )
    sys.stdout.write(
        f"mapping: {_ITEMS} products, the best of {_TURNS} turns\n"
        f"  {'':32} {'mapped':>12} {'by hand':>12} {'ratio':>7} {'least':>6}\n"
    )
    for one in compared:
        sys.stdout.write(
            f"  {one.name:32} {_ITEMS / one.mapped:>10.0f}/s {_ITEMS / one.by_hand:>10.0f}/s "
            f"{one.ratio:>7.3f} {one.least:>6} {'' if one.is_enough else ' TOO SLOW'}\n"
        )
    return 0 if all(one.is_enough for one in compared) else 1


def _mapping(fields: list[dict[str, str]]) -> FieldMapping:
    """The mapping of a configuration, by way of a file as a user has it."""
    values = configuration("http://127.0.0.1:1", "http://127.0.0.1:1", fields={"replace": fields})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "xmsyncd.yaml"
        path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
        settings = load_settings(path, {})
    return mapping_of("products", settings.pipelines["products"])


def _compare(name: str, mapping: FieldMapping, by_hand: Work, items: list[Item], least: float) -> Comparison:
    def mapped(item: Item) -> object:
        return mapping.map_item(item, None, _LEVELS)

    for item in items:
        if mapped(item) != by_hand(item):
            raise AssertionError(f"not the same mapping: {mapped(item)} and {by_hand(item)}")
    best: dict[Work, float] = {}
    for _ in range(_TURNS):
        for work in (mapped, by_hand):
            best[work] = min(best.get(work, float("inf")), _seconds(work, items))
    return Comparison(name, best[mapped], best[by_hand], least)


def _seconds(work: Work, items: list[Item]) -> float:
    began = time.process_time()
    for item in items:
        work(item)
    return time.process_time() - began


def _item(number: int) -> Item:
    raw = {
        "product_id": 20240000000000 + number,
        "product_no": f" A-{number:05}",
        "name": f"六角螺栓 M8×{number}",
        "group_id": 20240000000003,
        "product_type": number % 3 + 1,
        "product_remark": f"remark {number}; second",
        "unit": "个",
        "price": f"{number}.2500",
        "update_time": "2026-11-20 09:30:00",
        "fob": {"price_currency": "USD", "price_min": "1.50"},
        "images": [{"file_url": "https://img.example/1.jpg"}],
    }
    return Item(SourceId(str(raw["product_id"])), None, raw, ContentHash("h"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _draft(item: Item, content: Mapping[str, Any], name: str) -> Draft:
    """With the rules of the configuration: a name and a key are required."""
    if not content[name].strip() or not content[KEY]:
        raise ValueError("a required field is empty")
    return Draft(item.source_id, item.updated_at, KeyValue(content[KEY]), content, hash_of(content))


def _article(item: Item) -> Draft:
    raw = item.raw
    content = {
        "textField_lq0sj9h9": _text(raw.get("name")),
        KEY: _text(raw.get("product_no")).strip(),
        "textField_lq0sj9h3": _LEVELS["一级分组"],
        "textField_lqdd2tui": _text(raw.get("group_id")),
        "textField_lstsv908": _text(raw.get("product_type")),
        "textareaField_lq23ags6": _text(raw.get("product_remark")),
    }
    return _draft(item, content, "textField_lq0sj9h9")


def _expressed(item: Item) -> Draft:
    raw = item.raw
    price = (Decimal(raw["price"]) * Decimal("1.13")).quantize(_CENT, ROUND_HALF_UP)
    remark = raw.get("product_remark")
    content = {
        "textField_lq0sj9h9": f"{raw['name']}（{raw['unit']}）",
        KEY: f"{raw['product_no']}-{raw['group_id']}".strip(),
        "textField_price": format(price.normalize(), "f"),
        "textField_kind": _KINDS[raw["product_type"]],
        "textField_day": datetime.fromisoformat(raw["update_time"]).strftime("%Y/%m/%d"),
        "textareaField_remark": "无" if remark is None else remark.replace(";", "；"),
    }
    return _draft(item, content, "textField_lq0sj9h9")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
