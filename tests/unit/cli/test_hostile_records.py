"""Records whose texts were made to hurt: shown to a person they do nothing, and JSON stays JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from tests.scenario import FIELDS, KEY
from tests.unit.cli.command_line import CommandLine
from tests.unit.cli.test_commands import FORM
from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from tests.unit.ledger.sample import NOW, draft_entry, rejected_entry
from xmsyncd.ledger import pipelines
from xmsyncd.records import KeyValue, QualityFinding, Rejection, RuleResult

NASTY = "\x1b[2J\x1b]0;pwned\x07\x9b1A\x00\r[red]x[/red]\u202egnp.\u2066\u2028\x7f"
OBEYED = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u202e\u2066\u2028"} - {"\n"}
LONG = "螺栓" * 300_000

NAME = str(FIELDS[0]["field"])


def assert_harmless(shown: str) -> None:
    assert not OBEYED & set(shown), sorted(map(ascii, OBEYED & set(shown)))


@pytest.fixture
def hostile(run: CommandLine) -> CommandLine:
    """One record to be sent, one that a rule rejects, and one whose text has no end."""
    run.settings["pipelines"]["products"]["quality"] = [{"field": NAME, "rule": "length", "max": 5}]
    run.write()
    finding = QualityFinding(NAME, "length", RuleResult.REJECTED, NASTY, NASTY)
    sent = draft_entry("1", f"K{NASTY}", NASTY)
    assert sent.result is not None
    rejected = rejected_entry("2", NOW, name=NASTY)
    rejection = rejected.result
    assert isinstance(rejection, Rejection)
    rejection = replace(rejection, detail=NASTY, key=KeyValue(NASTY), findings=(finding,), checked=1)
    with opened(run.ledger) as connection:
        pipelines.register(connection, "products", FORM, KEY)
        sample.begin_cycle(connection)
        sample.stage(connection, sent, replace(rejected, result=rejection), form=FORM)
        sample.stage(connection, draft_entry("3", "K3", LONG), form=FORM)
    return run


@pytest.mark.parametrize(
    "command",
    [
        ("explain", "1"),
        ("explain", "2"),
        ("explain", NASTY),
        ("explain", f"nobody {NASTY}"),
        ("failures", "list"),
        ("failures", "list", "--reason", NASTY),
        ("failures", "discard", "2"),
        ("quality", "report"),
        ("status",),
        ("approve",),
    ],
    ids=ascii,
)
def test_a_terminal_obeys_nothing_of_it(hostile, command):
    ended = hostile(*command)
    assert ended.exit_code in (0, 2, 3), ended.output
    assert "unforeseen" not in ended.stderr
    assert_harmless(ended.stdout)
    assert_harmless(ended.stderr)
    if command == ("explain", "2"):
        assert "␛[2J" in ended.stdout
        assert "[red]x[/red]" in ended.stdout


@pytest.mark.parametrize(
    "command", [("explain", "1"), ("explain", "2"), ("failures", "list"), ("quality", "report")]
)
def test_as_json_it_is_all_there(hostile, command):
    ended = hostile(*command, "--json")
    assert ended.exit_code in (0, 3), ended.output
    assert any(NASTY in text for text in texts(json.loads(ended.stdout)))


def texts(value: Any) -> list[str]:
    """Every text in a value."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


def test_a_value_without_end_fills_no_screen_and_is_whole_as_json(hostile):
    shown = hostile("explain", "3").stdout
    assert "螺栓" in shown
    assert len(shown) < 50_000
    assert LONG in texts(json.loads(hostile("explain", "3", "--json").stdout))


def previewed(line: CommandLine, item: dict[str, Any], *options: str) -> Any:
    file = line.config.parent / "item.json"
    file.write_text(json.dumps(item), encoding="utf-8")
    return line("preview", "--item", str(file), *options)


@pytest.mark.parametrize(
    "text", [NASTY, "\ud800", LONG, "9" * 5_000], ids=["controls", "half", "long", "digits"]
)
def test_a_preview_of_such_a_product(run, text):
    item = {
        "product_id": 7,
        "product_no": f"A{text[:20]}",
        "name": text,
        "product_remark": [text, {text[:9]: text}],
    }
    ended = previewed(run, item)
    assert ended.exit_code in (0, 3), ended.output
    assert_harmless(ended.stdout)
    assert len(ended.stdout) < 20_000
    json.loads(previewed(run, item, "--json").stdout)


def test_columns_begin_at_the_same_place_behind_wide_and_odd_texts(hostile):
    """A Chinese character is two columns wide, and a sign that stands for a control is one."""
    with opened(hostile.ledger) as connection:
        for number, key in enumerate(("螺栓螺栓", "abcdefgh", "\x1b\x1b"), 10):
            entry = rejected_entry(str(number), NOW, name="x")
            assert isinstance(entry.result, Rejection)
            result = replace(entry.result, key=KeyValue(key))
            sample.stage(connection, replace(entry, result=result), form=FORM)
    lines = hostile("failures", "list").stdout.splitlines()
    ends = (line.partition(f" {number} ") for number in (10, 11, 12) for line in lines)
    places = {cell_len(before) for before, found, _ in ends if found}
    assert len(places) == 1, lines
