"""Lists of failures and of rules can be read in a narrow terminal: no key, id or rule is broken in two."""

from __future__ import annotations

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.unit.cli.command_line import CommandLine
from xmsyncd.cli.failures_picture import show_list
from xmsyncd.cli.plan_picture import show_changes_of_fields
from xmsyncd.cli.quality_picture import show_report
from xmsyncd.cli.words import Words, words_for

BEIJING = ZoneInfo("Asia/Shanghai")
ENGLISH, CHINESE = words_for({}), words_for({"LANG": "zh_CN.UTF-8"})
AT = "2026-11-23T02:10:21.345+00:00"
SENTENCE = 'textField_lstsv908 (产品规格): found "套", expected one of "PCS", "SET" (rule one_of)'


def failures(acceptable: bool = True) -> dict[str, Any]:
    group = {
        "pipeline": "products",
        "state": "rejected",
        "reason": "one_of",
        "group": "one_of#6881c6",
        "message": SENTENCE,
        "count": 1200,
        "first": "2026-11-21T02:10:21.345+00:00",
        "last": AT,
        "acceptable": acceptable,
        "sample": {"key": "LED-2025-00005", "source_id": "37400000004350", "name": "不锈钢餐盒" * 30},
    }
    record = {
        "key": "LED-2025-00005",
        "source_id": "37400000004350",
        "state": "rejected",
        "reason": "one_of",
        "detail": SENTENCE,
        "since": AT,
    }
    return {"total": 1200, "states": {"rejected": 1200}, "groups": [group], "records": [record]}


def rule(name: str, component: str = "textField_lstsv908", **changes: Any) -> dict[str, Any]:
    return {
        "component": component,
        "label": "产品规格" if component else "",
        "rule": name,
        "demand": "max 200",
        "on_fail": "reject",
        "is_of_several": False,
        "seen": 1500,
        "kept": 1500,
        "warned": 0,
        "fixed": 0,
        "rejected": 0,
        "standing": 0,
        "sample": None,
        "sample_key": None,
        "sample_at": None,
        **changes,
    }


def report() -> dict[str, Any]:
    broken: dict[str, Any] = {
        "kept": 1488,
        "rejected": 12,
        "standing": 11,
        "sample": '"套"',
        "sample_key": "LED-2025-00005",
    }
    rules = [
        rule("required"),
        rule("one_of", sample_at=AT, **broken),
        rule("expression", "", on_fail=None, seen=0, kept=0),
    ]
    left = [{"component": "textField_lq23ags2", "reason": "empty_key", "number": 2}]
    return {"since": None, "pipelines": [{"pipeline": "products", "rules": rules, "rejected": left}]}


def console(width: int) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=width), stream


@pytest.mark.parametrize("width", [60, 80, 140, 200])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_failures_keep_keys_ids_and_groups_whole(width: int, words: Words):
    at, stream = console(width)
    show_list(at, failures(), BEIJING, words)
    lines = stream.getvalue().splitlines()
    assert max(cell_len(line) for line in lines) <= width
    for whole in ("LED-2025-00005", "37400000004350", "one_of#6881c6", "textField_lstsv908", "1,200"):
        assert any(whole in line for line in lines), whole
    assert "`xmsyncd failures accept KEY`" in " ".join(stream.getvalue().split())


def test_what_cannot_be_accepted_is_not_said_to_be():
    at, stream = console(80)
    show_list(at, failures(acceptable=False), BEIJING, ENGLISH)
    assert "accept KEY" not in stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize(("words", "rejected"), [(ENGLISH, "rejected 12"), (CHINESE, "已拒绝 12")])
def test_a_report_names_each_rule_under_its_field(width: int, words: Words, rejected: str):
    at, stream = console(width)
    show_report(at, report(), BEIJING, words)
    lines = stream.getvalue().splitlines()
    assert max(cell_len(line) for line in lines) <= width
    text = stream.getvalue()
    assert text.count("textField_lstsv908") == 1, "its rules stand together under the field"
    assert rejected in text
    assert "LED-2025-00005" in text
    assert "empty_key" in text
    starts = {line.index("1,500") for line in lines if f"{words('checked')} 1,500" in line}
    assert len(starts) == 1, "numbers stand below each other"
    assert text.rstrip().endswith("xmsyncd failures list --state rejected")


@pytest.mark.parametrize("since", ["yesterday", "2999-01-01", "7"])
def test_since_takes_a_time_of_the_past_or_how_long_ago(run: CommandLine, since: str):
    ended = run("quality", "report", "--since", since)
    assert ended.exit_code == 2
    assert f"--since: found '{since}'" in ended.stderr
    assert "24h, 7d" in ended.stderr


def test_a_change_is_told_by_its_label_unless_two_fields_have_the_same():
    def change(component: str, label: str) -> dict[str, Any]:
        return {"component": component, "label": label, "old": "a", "new": "b"}

    fields = [
        change("textField_lq0sj9h9", "产品名称"),
        change("textField_1", "价格"),
        change("textField_2", "价格"),
        change("textField_3", ""),
    ]
    at, stream = console(80)
    changes = [{"decision": "update", "key": "HW-2026-00004", "changes": fields}]
    show_changes_of_fields(at, changes, ENGLISH)
    text = stream.getvalue()
    assert "产品名称" in text
    assert "textField_lq0sj9h9" not in text
    for whole in ("textField_1", "textField_2", "textField_3", "HW-2026-00004"):
        assert whole in text
