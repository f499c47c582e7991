"""docs/components.md read as data: what it says of each component type, for the tests that hold it true."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from xmsyncd.simulator.options import Component

DOCS = Path(__file__).resolve().parent.parent / "docs"
ENGLISH, CHINESE = DOCS / "components.md", DOCS / "components.zh-CN.md"

_SECTION = re.compile(r"^## (\w+) (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(yaml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| `(.*)` \| `(.*)` \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """One section: its entry, the item, what is written and what is shown, and further source values."""

    name: str
    chinese: str
    entry: dict[str, Any]
    item: dict[str, Any]
    further: dict[str, Any]
    """What it needs beside its entry: ``derive`` and ``lookups``."""
    written: Any
    shown: dict[str, Any]
    inputs: tuple[tuple[Any, Any], ...]

    @property
    def component(self) -> str:
        """The mapped component."""
        return str(self.entry["field"])

    @property
    def components(self) -> tuple[Component, ...]:
        """What the form has for it, columns included."""
        columns = (column["field"] for column in self.entry.get("children", []))
        return (
            Component(self.component, self.name, str(self.entry["label"])),
            *(Component(one, _type_name(one), parent_id=self.component) for one in columns),
        )


def examples(path: Path) -> list[Example]:
    """Every section with an example, in order."""
    found = []
    for name, chinese, text in _SECTION.findall(path.read_text(encoding="utf-8")):
        blocks = _BLOCK.findall(text)
        if not blocks:
            continue
        [[parsed], *more] = (
            YAML(typ="safe").load(io.StringIO(one)) for kind, one in blocks if kind == "yaml"
        )
        item, written, shown = (json.loads(one) for kind, one in blocks if kind == "json")
        further = dict(more[0]) if more else {}
        inputs = tuple((json.loads(one), json.loads(other)) for one, other in _ROW.findall(text))
        found.append(Example(name, chinese, parsed, item, further, written, shown, inputs))
    return found


def together(listed: Iterable[Example]) -> dict[str, dict[str, Any]]:
    """``derive`` and ``lookups`` for all of them in one pipeline."""
    found: dict[str, dict[str, Any]] = {"derive": {}, "lookups": {}}
    for example in listed:
        for key, values in example.further.items():
            found[key] |= values
    return found


def _type_name(component: str) -> str:
    prefix = component.partition("_")[0]
    return prefix[:1].upper() + prefix[1:]
