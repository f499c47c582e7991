"""The guides of docs/ read as data: their yaml blocks, the files they name, and the values they promise."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
MAPPING, MAPPING_CHINESE = ROOT / "docs" / "mapping.md", ROOT / "docs" / "mapping.zh-CN.md"

# Their examples are run one by one by tests of their own.
_ELSEWHERE = ("components.md", "components.zh-CN.md")

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(
    r"`([\w./]+\.(?:json|csv|py))`[^`\n]*[:：]?\n+```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_PROMISE = re.compile(r"field: (\w+), .*# → (.+)$", re.MULTILINE)
_SECTIONS = ("okki", "dingtalk", "ledger", "delivery", "http", "log", "notify", "lookups", "pipelines")
_PLACEHOLDER = "…"


@dataclass(frozen=True, slots=True)
class Block:
    """One yaml block; ``name`` says where it stands, for the test's own name."""

    name: str
    text: str

    def parsed(self) -> Any:
        """As YAML 1.2."""
        return YAML(typ="safe").load(io.StringIO(self.text))


def pages() -> list[Path]:
    """Every page with examples of a configuration."""
    return [
        path
        for path in sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])
        if path.name not in _ELSEWHERE
    ]


def yaml_blocks(path: Path) -> list[Block]:
    """In their order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(f"{path.name}:{text.count(chr(10), 0, found.start()) + 1}", _dedented(found[3], len(found[1])))
        for found in _BLOCK.finditer(text)
        if found[2] == "yaml"
    ]


def files(path: Path) -> dict[str, str]:
    """The files that a guide shows, each behind a line that ends with its name."""
    return dict(_NAMED.findall(path.read_text(encoding="utf-8")))


def promises(path: Path) -> dict[str, Any]:
    """What a guide says of components, behind ``# →``: the value that Yida gets."""
    return {
        component: json.loads(value)
        for block in yaml_blocks(path)
        for component, value in _PROMISE.findall(block.text)
    }


def placed(base: Mapping[str, Any], example: Any) -> dict[str, Any]:
    """A configuration with one more example in it, where a reader would put it.

    Lists of entries grow, all else is replaced; what is ``…`` in the example stays as it is in the base.
    """
    result = deepcopy(dict(base))
    if isinstance(example, list):
        rules = all("rule" in entry for entry in example)
        example = {"pipelines": {"products": {"quality" if rules else "fields": example}}}
    elif not example.keys() & set(_SECTIONS):
        example = {"pipelines": {"products": example}}
    _merge(result, example)
    pattern = next(iter(base["pipelines"].values()))["target"]
    for pipeline in result["pipelines"].values():
        pipeline["target"] = {**pattern, **pipeline.get("target", {})}
        mapped = {entry["field"] for entry in pipeline["fields"] if "field" in entry}
        if pipeline["target"]["key"] not in mapped:
            pipeline["fields"].append({"field": pipeline["target"]["key"], "value": "{product_no}"})
    return result


def _merge(here: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if _is_placeholder(name) or _is_placeholder(value):
            continue
        if isinstance(value, Mapping) and isinstance(here.get(name), dict):
            _merge(here[name], value)
        elif name in ("fields", "quality") and isinstance(here.get(name), list):
            here[name] += deepcopy(list(value))
        elif isinstance(value, Mapping):
            here[name] = {}
            _merge(here[name], value)
        else:
            here[name] = deepcopy(value)


def _is_placeholder(value: Any) -> bool:
    return bool(value == _PLACEHOLDER)


def _dedented(text: str, width: int) -> str:
    return "".join(_lines(text, width))


def _lines(text: str, width: int) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        yield line[width:] if line[:width].isspace() else line
