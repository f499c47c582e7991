"""The draft as a configuration file: YAML with what a reader has to know above it and beside it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from xmsyncd.importing.draft import CONNECTION, UNFILLED, Draft, Setting
from xmsyncd.importing.findings import Finding, Findings, Verdict, one_line

_COMMENT_COLUMN: Final = 50
_WIDTH: Final = 108
_PLAIN: Final = re.compile(
    r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9_./\u4e00-\u9fff-]*|(?:[0-9]+(?:ms|[smhd]))+|[0-9]{2}:[0-9]{2}:[0-9]{2}"
)
_NOT_TEXT: Final = frozenset({"null", "true", "false"})
_ESCAPED: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

_TITLES: Final[Mapping[Verdict, str]] = {
    Verdict.DECIDE: "TO BE DECIDED (待确认): look at each of these before the first sync",
    Verdict.TAKEN_OVER: "TAKEN OVER (已沿用)",
    Verdict.BETTER: "DONE OTHERWISE HERE (处理方式不同)",
}


def rendered(draft: Draft, findings: Findings, *, made_from: Sequence[str], made_by: str) -> str:
    """The whole file. No secret of the draft is in it."""
    lines: list[str] = []
    names = " and ".join(one_line(name) for name in made_from)
    lines += _comment(f"Made by {made_by} import-qeasy from {names}, metadata documents of 轻易云.")
    lines += _comment(
        "Every setting, with its default: docs/configuration.md. The way from there to here, step by step: "
        "docs/moving-from-qeasy.md. Whether it works: xmsyncd check."
    )
    for verdict, title in _TITLES.items():
        lines += _findings(title, list(findings.of(verdict)))
    lines.append("")
    lines += _connections(draft)
    lines.append("pipelines:")
    lines.append(f"  {written(draft.pipeline)}:")
    lines += _setting(4, Setting("schedule", {"every": "10m"}, "not in the documents: as often as you like"))
    lines.append("    source:")
    for setting in draft.source:
        lines += _setting(6, setting)
    lines.append("    target:")
    for setting in draft.target:
        lines += _setting(6, setting)
        if setting.key == "app_type":
            lines += _setting(6, Setting("# system_token", UNFILLED, "应用秘钥: see the file of secrets"))
    if draft.derive:
        lines.append("    derive:" + _beside(4 + len("derive:"), "formatResponse in the document"))
        lines += [f"      {written(name)}: {written(value)}" for name, value in draft.derive.items()]
    if draft.where is not None:
        lines.append("    where:" + _beside(4 + len("where:"), "outer lists OR, inner ones AND"))
        lines += [f"      - {written(group)}" for group in draft.where]
    lines.append("    fields:" + _beside(4 + len("fields:"), 'the document\'s "request", as it is'))
    lines += [f"      - {written(field)}" for field in draft.fields]
    if draft.required:
        lines.append("    quality:" + _beside(4 + len("quality:"), "is_required in the document"))
        for component in draft.required:
            lines.append(f"      - {written({'field': component, 'rule': 'required'})}")
    return "\n".join(lines) + "\n"


def written(value: Any) -> str:
    """A value as YAML on one line, which is JSON but for the quotes of plain words."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{written(str(key))}: {written(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(written(one) for one in value) + "]"
        case str():
            if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
                return value
            return _ESCAPED.sub(lambda one: f"\\u{ord(one[0]):04x}", json.dumps(value, ensure_ascii=False))
        case _:
            return json.dumps(value)


def _connections(draft: Draft) -> Iterator[str]:
    unfilled = {
        "client_id": "OKKI CRM: 企业管理 → 外部对接 → API对接",
        "app_key": "AppKey (Client ID) of the app",
    }
    secret = "see the file of secrets"
    yield "okki:"
    yield f"  {CONNECTION}:"
    base = "the vendor's production host, in spite of its name"
    yield from _setting(4, Setting("base_url", "https://api-sandbox.xiaoman.cn", base))
    given = draft.okki or [Setting("client_id", UNFILLED, unfilled["client_id"])]
    for setting in (*given, Setting("# client_secret", UNFILLED, secret)):
        yield from _setting(4, setting)
    yield ""
    yield "dingtalk:"
    yield f"  {CONNECTION}:"
    yield from _setting(4, Setting("base_url", "https://api.dingtalk.com"))
    given = draft.dingtalk or [Setting("app_key", UNFILLED, unfilled["app_key"])]
    for setting in (*given, Setting("# app_secret", UNFILLED, secret)):
        yield from _setting(4, setting)
    yield from _setting(4, Setting("monthly_calls", 5000, "what your edition grants; 0 = not metered"))
    yield ""
    yield from _setting(0, Setting("ledger", {"url": "sqlite:///xmsyncd.db"}, "beside this file"))
    yield ""


def _setting(margin: int, setting: Setting) -> list[str]:
    line = f"{' ' * margin}{setting.key}: {written(setting.value)}"
    return [line + _beside(len(line), setting.comment)] if setting.comment else [line]


def _beside(length: int, comment: str) -> str:
    return f"{' ' * max(2, _COMMENT_COLUMN - length)}# {one_line(comment)}" if comment else ""


def _findings(title: str, listed: Sequence[Finding]) -> Iterator[str]:
    if not listed:
        return
    yield "#"
    yield f"# {title}"
    for one in listed:
        text = f"{one.where}: {one.found}" + (f"; {one.advice}" if one.advice else "")
        yield from textwrap.wrap(
            text,
            _WIDTH,
            initial_indent="# - ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
