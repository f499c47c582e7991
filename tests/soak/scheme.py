"""What a soak maps beyond the example's six components, and what of that must stand in Yida.

A look-up table whose file is changed now and then, a time of ours (sent, and no content), a table component,
a filter, and a rule of quality. The judge reads products and instances as they are and maps by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.scenario import FIELDS
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component

KIND, SENT_AT = "textField_soakkind", "textField_soaksent"
LINES, LINE = "tableField_soaklines", "textField_soakline"
LEFT_OUT, REFUSED = "停售", "待审"
"""A remark with one of these: the pipeline is not about the product, or a rule rejects it."""

COMPONENTS = tuple(
    asdict(one)
    for one in (
        *EXAMPLE_COMPONENTS,
        Component(KIND, "TextField", "规格说明"),
        Component(SENT_AT, "TextField", "同步时间"),
        Component(LINES, "TableField", "明细"),
        Component(LINE, "TextField", "明细内容", parent_id=LINES),
    )
)


class Scheme:
    """The mapping, and its look-up table as it stands now. Types 1, 2 and 3 of products are in the table."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "kinds.csv"
        self._edition = 0
        self._kinds: dict[str, str] = {}
        self.turn()

    def turn(self) -> None:
        """Somebody changes the file: one of the three kinds has another name from now on."""
        self._edition += 1
        for kind in ("1", "2", "3"):
            if kind not in self._kinds or int(kind) == self._edition % 3 + 1:
                self._kinds[kind] = f"规格 {kind} 第 {self._edition} 版"
        lines = "".join(f"{code},{name}\n" for code, name in self._kinds.items())
        written = self._file.with_suffix(".new")
        written.write_text(f"代码,名称\n{lines}", encoding="utf-8")
        written.replace(self._file)  # never half a file

    @property
    def changes(self) -> dict[str, Any]:
        """The changes of a configuration, as :func:`tests.scenario.configuration` takes them."""
        fields = [
            *FIELDS,
            {"field": KIND, "label": "规格说明", "value": "{{product_type|lookup(kinds)}}"},
            {"field": SENT_AT, "label": "同步时间", "value": "{{CURRENT_TIME|datetime}}"},
            {"field": LINE, "label": "明细内容", "value": "{text}", "parent": "lines"},
            {"field": LINES, "id": "lines", "label": "明细", "type": "array", "value": "soak_lines"},
        ]
        return {
            "lookups": {"kinds": {"file": self._file.name}},
            "fields": {"replace": fields},
            "pipeline": {"where": f"IFNULL({{product_remark}}, '') NOT LIKE '%{LEFT_OUT}%'"},
            "quality": {
                "replace": [
                    {"field": "textField_lq0sj9h9", "rule": "required"},
                    {"field": "textField_lq23ags2", "rule": "required"},
                    {
                        "rule": "expression",
                        "expect": f"IFNULL({{product_remark}}, '') NOT LIKE '%{REFUSED}%'",
                    },
                ]
            },
        }

    def is_left_out(self, product: Mapping[str, Any]) -> bool:
        """Whether the filter keeps this product out."""
        return LEFT_OUT in str(product.get("product_remark") or "")

    def is_refused(self, product: Mapping[str, Any]) -> bool:
        """Whether the rule rejects it."""
        return REFUSED in str(product.get("product_remark") or "")

    def faults_of(self, product: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
        """The components of ours that do not hold what they should, with what was expected."""
        lines = [{LINE: str(line["text"])} for line in product.get("soak_lines") or ()]
        expected = {KIND: self._kinds.get(str(product.get("product_type")), ""), LINES: lines}
        wrong = {
            name: value for name, value in expected.items() if (held.get(name) or type(value)()) != value
        }
        return wrong if held.get(SENT_AT) else {**wrong, SENT_AT: "a time"}
