"""The reference of all settings, written from the models: ``docs/configuration.md`` is its output.

``python -m xmsyncd.settings.reference > docs/configuration.md`` writes it anew; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from xmsyncd.settings.checks import QEASY_KEYS
from xmsyncd.settings.faults import bounds_text, choices_of
from xmsyncd.settings.models import Settings
from xmsyncd.settings.schema import Shape, settings_under, shape_at
from xmsyncd.settings.values import Expect, format_duration

_INTRODUCTION = """\
# Configuration

<!-- Written by "python -m xmsyncd.settings.reference"; change the descriptions in xmsyncd/settings. -->

One file, `xmsyncd.yaml` by default (`--config FILE` or `XMSYNCD_CONFIG` name another), in YAML 1.2 or JSON.
[`deploy/xmsyncd.example.yaml`](../deploy/xmsyncd.example.yaml) is one to begin with. JSON may stand
anywhere in it as it is, tabs and all: a 轻易云 `request` can be pasted behind `fields:`.

**Overrides.** Environment variables win over secret files, and these over the file.

- A variable is `XMSYNCD_` and the path in capitals, with `__` between levels:
  `XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN`. Names of connections and pipelines are those of the
  file, whatever their case and with `_` for `-`. Lists and mappings are JSON. An empty variable counts as
  not set.
- A secret file has the name of the variable, in either case, and holds the value. Files are looked for in
  `/run/secrets` and in systemd's credentials directory.
- A file of secrets beside the configuration, `xmsyncd.secrets` for `xmsyncd.yaml`, holds lines
  `XMSYNCD_…=value`; the folders above win over it. It must not be readable for everybody: `chmod 600`.
- `XMSYNCD_…` names and keys that belong to no setting are errors that name the nearest known one.

**Values.** Ids are text: put digits in quotes, or leading zeros are lost. Durations have units: `500ms`,
`30s`, `10m`, `2h`, `7d`, `1h30m` or `00:30:01`. Secrets are never shown.
"""


class SettingRow(NamedTuple):
    """One line of the reference; ``<name>`` and ``[]`` in ``path`` stand for any entry."""

    path: str
    type: str
    default: str
    description: str


def describe_settings() -> Iterator[SettingRow]:
    """Every setting, in the order of the file."""
    for path, shape in settings_under(Settings):
        if shape.field is None:
            continue
        default = shape.field.get_default(call_default_factory=True)
        yield SettingRow(
            _joined(path),
            _type_text(shape),
            "required" if shape.field.is_required() else _default_text(default),
            shape.field.description or "",
        )


def render_reference() -> str:
    """The whole of ``docs/configuration.md``."""
    parts = [_INTRODUCTION]
    sections: dict[str, list[SettingRow]] = {}
    for row in describe_settings():
        sections.setdefault(row.path.rpartition(".")[0], []).append(row)
    for section, rows in sections.items():
        parts.append(f"\n## {_heading(section)}\n\n{_section_text(section)}\n")
        parts.append("| setting | type | default | meaning |\n| --- | --- | --- | --- |")
        for row in rows:
            default = row.default if row.default in ("required", "not set") else f"`{row.default}`"
            name = row.path.rpartition(".")[2]
            parts.append(f"| `{name}` | {row.type} | {default} | {row.description} |")
    return "\n".join(parts) + "\n"


def _heading(section: str) -> str:
    return f"`{section}`" if section else "Top level"


def _section_text(section: str) -> str:
    path: tuple[str | int, ...] = tuple(
        0 if key == "[]" else key for key in section.replace("[]", ".[]").split(".") if key
    )
    shape = shape_at(Settings, path)
    text = ((shape.model.__doc__ or "") if shape and shape.model else "").strip().split("\n\n")[0]
    if not section:
        return "Beside the sections."
    if section.endswith("fields[]"):
        text += f" Further keys of 轻易云 have no effect: {', '.join(sorted(QEASY_KEYS))}."
    return text.replace("\n    ", " ")


def _joined(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[]", "[]")


def _type_text(shape: Shape) -> str:
    return _kind(shape) + bounds_text(shape)


def _kind(shape: Shape) -> str:
    for entry in reversed(shape.metadata):
        if isinstance(entry, Expect):
            return entry.kind
    if choices := choices_of(shape):
        return " or ".join(f"`{choice}`" for choice in choices)
    if shape.item is not None:
        return f"list of {_kind(shape.item)}s"
    if shape.named is not None:
        return "mapping of texts"
    words = {bool: "true or false", int: "whole number", float: "number"}
    return words.get(shape.base, "text")


def _default_text(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case timedelta():
            return format_duration(value)
        case datetime():
            return value.isoformat()
        case list():
            return f"[{', '.join(_default_text(entry) for entry in value)}]"
        case dict():
            return "{}"
        case float():
            return f"{value:g}"
        case str():
            return f'"{value}"' if value == "" or value != value.strip() else value
        case _:
            return str(value)


if __name__ == "__main__":
    sys.stdout.write(render_reference())
