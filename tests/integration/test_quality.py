"""Bad data among good, over sockets: all that is good arrives, all that is bad is listed with what to do."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import KEY, ROOT
from tests.world import World, application
from xmsyncd.operations.table import OPERATIONS, Result
from xmsyncd.records import RejectionReason
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.server import Simulator

NAME, FIRST, SECOND = "textField_lq0sj9h9", "textField_lq0sj9h3", "textField_lqdd2tui"
SPECIFICATION, REMARK = "textField_lstsv908", "textareaField_lq23ags6"

FIELDS = [
    {"field": NAME, "label": "产品名称", "value": "{name}"},
    {"field": KEY, "label": "产品编码", "value": "{product_no}"},
    {"field": FIRST, "label": "单位", "value": "{unit}"},
    {"field": SECOND, "label": "成本", "value": "{cost}"},
    {"field": SPECIFICATION, "label": "币种", "value": "{cost_currency}"},
    {"field": REMARK, "label": "条码", "value": "{model}"},
]
RULES: list[dict[str, Any]] = [
    {"field": NAME, "rule": "required"},
    {"field": NAME, "rule": "type", "type": "string"},
    {"field": NAME, "rule": "length", "min": 2, "max": 60},
    {"field": KEY, "rule": "pattern", "pattern": "[A-Z]+-[0-9]{3,}"},
    {"field": FIRST, "rule": "one_of", "values": ["PCS", "SET"]},
    {"field": SECOND, "rule": "type", "type": "float"},
    {"field": SECOND, "rule": "range", "min": 0},
    {"field": SECOND, "rule": "band", "max": 5000},
    {"field": SPECIFICATION, "rule": "consistent"},
    {"field": REMARK, "rule": "unique"},
    {"rule": "expression", "expect": "{cost} <= {quantity}"},
    {"rule": "fresh", "max_age": "3650d"},
    {"rule": "group"},
]

# What is edited, the reason it is listed with, and what its sentence must hold: field, value, and rule.
BADNESS: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"name": ""}, "required", (NAME, '""', "rule required")),
    ({"name": "\u3000\u200b"}, "required", (NAME, "rule required")),
    ({"name": {"zh": "螺栓"}}, "type", (NAME, "螺栓", "rule type")),
    ({"name": "长" * 61}, "length", (NAME, "长长", "2 to 60 characters, not 61 (rule length)")),
    ({"name": "螺"}, "length", (NAME, '"螺"', "not 1 (rule length)")),
    ({"cost": True}, "type", (SECOND, "true", "rule type")),
    ({"product_no": ""}, "empty_key", (KEY, '""', "product_no")),
    ({"product_no": "p 12"}, "pattern", (KEY, '"p 12"', "rule pattern")),
    ({"unit": "pieces"}, "one_of", (FIRST, '"pieces"', '"PCS", "SET" (rule one_of)')),
    ({"cost": "面议"}, "type", (SECOND, '"面议"', "rule type")),
    ({"cost": -1}, "range", (SECOND, "-1", "at least 0 (rule range)")),
    ({"cost": 6000, "quantity": 9000}, "band", (SECOND, "6000", "at most 5000 (rule band)")),
    (
        {"cost": 30, "quantity": 20},
        "expression",
        ("the record", "30", "{cost} <= {quantity}", "rule expression"),
    ),
    ({"cost_currency": "USD"}, "consistent", (SPECIFICATION, '"USD"', '"CNY"', "rule consistent")),
    ({"model": "BAR-100"}, "unique", (REMARK, '"BAR-100"', "rule unique")),
    ({"group_id": 999_999}, "unknown_group", ("the record", "999999", "rule group")),
]


def good(simulated: Simulator) -> None:
    for number, product in enumerate(simulated.catalogue.ids()):
        simulated.catalogue.edit(
            product,
            name=f"螺栓 {number}",
            product_no=f"A-{number:04}",
            unit="PCS",
            cost=10,
            quantity=20,
            cost_currency="CNY",
            model=f"BAR-{number}",
        )


async def ask(here: World, name: str, **params: Any) -> Any:
    async for told in OPERATIONS[name](here.app.runtime, params):
        if isinstance(told, Result):
            return json.loads(json.dumps(told.value))
    raise AssertionError("no result")


async def ran(folder: Path, *arguments: str) -> str:
    """What the command line says, in a process of its own."""
    command = [sys.executable, "-m", "xmsyncd", "--config", str(folder / "xmsyncd.yaml"), *arguments]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
    )
    told, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return told.decode()


@pytest.mark.timeout(180)
async def test_one_bad_record_in_ten_and_all_good_ones_arrive(tmp_path: Path) -> None:
    number = 10 * len(BADNESS)
    async with Simulator(SimulatorOptions(products=number)) as simulated:
        good(simulated)
        products = simulated.catalogue.ids()
        bad = {products[5 + 10 * place]: case for place, case in enumerate(BADNESS)}
        for product, (changes, _, _) in bad.items():
            simulated.catalogue.edit(product, **changes)
        options: dict[str, Any] = {"fields": {"replace": FIELDS}, "quality": {"replace": RULES}}
        async with application(tmp_path, simulated, **options) as here:
            result = await here.sync()
            assert result["backlog"] == {"delivered": number - len(bad), "rejected": len(bad)}
            assert here.verdict()["instances"] == number - len(bad)
            listed = await ask(here, "failures.list")
            records = {int(one["source_id"]): one for one in listed["records"]}
            if products[100] in records:  # of two with one value, the one that was read later
                twin = next(one for one, (_, reason, _) in bad.items() if reason == "unique")
                bad[products[100]] = bad.pop(twin)
            assert records.keys() == bad.keys()
            for product, (_, reason, words) in bad.items():
                one = records[product]
                assert one["reason"] == reason, one["detail"]
                for word in words:
                    assert word in one["detail"], (word, one["detail"])
                assert len(one["detail"]) < 300, "the value is shortened"
            # What the alert on rising failures and the one on rejected records ask for.
            counted = [
                here.registry.get_sample_value(
                    "xmsyncd_failures_total", {"pipeline": "products", "stage": "transform", "reason": reason}
                )
                for reason in RejectionReason
            ]
            assert sum(one or 0 for one in counted) == len(bad), "by rules that compare, too"
            report = await ask(here, "quality.report")
            await _report_adds_up(report, number)
            await _each_rule_leads_to_what_it_rejected(here, report)
            assert {one["source_id"] for one in listed["records"] if not one["acceptable"]} == {
                str(product) for product, (_, reason, _) in bad.items() if reason == "empty_key"
            }, "all but what the mapping itself rejects"
            await _the_story_names_what_was_kept_before(here)
        shown = await ran(tmp_path, "failures", "list")
        for reason in {reason for _, reason, _ in BADNESS}:
            assert f"({reason}): " in shown, "each reason is followed by what to do"
        table = await ran(tmp_path, "quality", "report")
        assert "产品名称" in table
        assert "unique" in table


async def _each_rule_leads_to_what_it_rejected(here: World, report: dict[str, Any]) -> None:
    (pipeline,) = report["pipelines"]
    for one in pipeline["rules"]:
        found = await ask(here, "failures.list", reason=one["reason"], component=one["component"])
        assert found["total"] == one["standing"], one
        assert {group["label"] for group in found["groups"]} <= {one["label"]}


async def _the_story_names_what_was_kept_before(here: World) -> None:
    (life,) = (await ask(here, "explain", key="A-0105"))["records"]
    results = [(one["rule"], one["result"]) for one in life["quality"]]
    place = results.index(("range", "rejected"))
    assert {result for _, result in results[:place]} == {"kept"}
    assert ("pattern", "kept") in results[:place], "the key's rule is asked first"
    assert {result for _, result in results[place + 1 :]} == {None}
    assert [rule for rule, _ in results[-2:]] == ["consistent", "unique"], "what compares is asked last"
    (unread,) = (await ask(here, "failures.list", reason="empty_key"))["records"]
    (life,) = (await ask(here, "explain", key=unread["source_id"]))["records"]
    assert {one["result"] for one in life["quality"]} == {None}, "the mapping rejected it"


async def _report_adds_up(report: dict[str, Any], number: int) -> None:
    (pipeline,) = report["pipelines"]
    rules = {(one["component"], one["rule"]): one for one in pipeline["rules"]}
    assert len(rules) == len(RULES)
    assert rules[KEY, "pattern"]["seen"] == number - 1, "all but the one without a key"
    assert rules[KEY, "pattern"]["kept"] == number - 2
    for one in rules.values():
        assert one["standing"] >= one["rejected"] > 0 or one["rule"] == "fresh"
    assert rules[REMARK, "unique"]["sample"] == '"BAR-100"'
    assert pipeline["rejected"] == [
        {"component": KEY, "reason": "empty_key", "number": 1},
    ]


async def test_what_can_be_put_right_arrives_so_and_explain_tells_it(tmp_path: Path) -> None:
    rules = [
        {"field": NAME, "rule": "required", "on_fail": "fix", "value": "未命名"},
        {"field": NAME, "rule": "length", "max": 8, "on_fail": "fix"},
        {"field": FIRST, "rule": "one_of", "values": ["PCS", "SET"], "on_fail": "fix"},
        {"field": SECOND, "rule": "type", "type": "float", "on_fail": "fix"},
        {"field": SECOND, "rule": "range", "min": 0, "max": 1000, "on_fail": "fix"},
        {"field": REMARK, "rule": "unique", "on_fail": "warn"},
    ]
    async with Simulator(SimulatorOptions(products=10)) as simulated:
        good(simulated)
        first, second, *_ = simulated.catalogue.ids()
        simulated.catalogue.edit(first, name="一个很长很长很长的名字", unit="pcs ", cost="１,200", model="X")
        simulated.catalogue.edit(second, name=" ", model="X")
        options: dict[str, Any] = {"fields": {"replace": FIELDS}, "quality": {"replace": rules}}
        async with application(tmp_path, simulated, **options) as here:
            assert (await here.sync())["backlog"] == {"delivered": 10}
            (life,) = (await ask(here, "explain", key="A-0000"))["records"]
            sent = life["delivered"]
            assert (sent[NAME], sent[FIRST], sent[SECOND]) == ("一个很长很长很长", "PCS", "1000")
            (other,) = (await ask(here, "explain", key="A-0001"))["records"]
            assert other["delivered"][NAME] == "未命名"
            told = {(one["component"], one["rule"]): one for one in life["quality"]}
            doubled = {one["quality"][-1]["result"] for one in (life, other)}
            assert doubled == {"kept", "warned"}, "the second of the two that have one value"
            del told[REMARK, "unique"]
            assert {name: one["result"] for name, one in told.items()} == {
                (NAME, "required"): "kept",
                (NAME, "length"): "fixed",
                (FIRST, "one_of"): "fixed",
                (SECOND, "type"): "fixed",
                (SECOND, "range"): "fixed",
            }
            assert told[SECOND, "range"]["fixed"] == "1000"
            sample = here.registry.get_sample_value
            for field, rule, result, count in (
                (NAME, "length", "fixed", 1),
                (REMARK, "unique", "warned", 1),
                (NAME, "required", "kept", 9),
            ):
                labels = {"pipeline": "products", "rule": rule, "field": field, "result": result}
                assert sample("xmsyncd_quality_checks_total", labels) == count
        shown = await ran(tmp_path, "explain", "A-0000")
        assert "1200.0 → 1000" in shown


async def test_an_unlikely_change_waits_until_a_person_accepts_this_content_once(tmp_path: Path) -> None:
    rules = [{"field": SECOND, "rule": "change", "factor": 3}, {"field": REMARK, "rule": "unique"}]
    async with Simulator(SimulatorOptions(products=10)) as simulated:
        good(simulated)
        product = simulated.catalogue.ids()[0]
        options: dict[str, Any] = {"fields": {"replace": FIELDS}, "quality": {"replace": rules}}
        async with application(tmp_path, simulated, **options) as here:
            assert (await here.sync())["backlog"] == {"delivered": 10}
            simulated.catalogue.edit(product, cost=100)
            assert (await here.sync())["backlog"] == {"delivered": 9, "rejected": 1}
            record = await here.record(product)
            assert record["rejection"] == "change"
            assert (
                'found "100", expected at most 3 times as much or as little as 10'
                in record["rejection_detail"]
            )
            again = await ask(here, "failures.retry", key=str(product))
            assert again["counts"] == {"rejected": 1}
            assert "rule change" in again["records"][0]["note"]
            assert here.calls("update", "updateInstance") == 0

            accepted = await ask(here, "failures.accept", key=str(product))
            assert accepted["counts"] == {"pending": 1}
            assert (await here.sync(full=True))["backlog"] == {"delivered": 10}
            simulated.catalogue.edit(product, cost=250)  # less than three times what was let through
            assert (await here.sync())["backlog"] == {"delivered": 10}
            simulated.catalogue.edit(product, cost=10)
            assert (await here.sync())["backlog"] == {"delivered": 9, "rejected": 1}, "accepted was 100 alone"


async def test_of_two_with_one_value_the_second_goes_on_once_it_is_free(tmp_path: Path) -> None:
    rules = [{"field": REMARK, "rule": "unique"}]
    async with Simulator(SimulatorOptions(products=10)) as simulated:
        good(simulated)
        first, second, *_ = simulated.catalogue.ids()
        simulated.catalogue.edit(second, model="BAR-0")
        options: dict[str, Any] = {"fields": {"replace": FIELDS}, "quality": {"replace": rules}}
        async with application(tmp_path, simulated, **options) as here:
            assert (await here.sync())["backlog"] == {"delivered": 9, "rejected": 1}
            rejected = first if (await here.record(first))["state"] == "rejected" else second
            holder = second if rejected == first else first
            simulated.catalogue.edit(holder, model="BAR-FREE")
            await here.sync()
            assert (await here.sync())["backlog"] == {"delivered": 10}, "nobody had to ask for it"


def test_the_schema_of_before_gets_the_new_tables(tmp_path: Path) -> None:
    from xmsyncd.ledger.migrate import migrate, migrations

    with sqlite3.connect(tmp_path / "old.db", isolation_level=None) as old:
        for step in migrations()[:7]:
            old.executescript(step.sql)
        old.execute("PRAGMA user_version = 7")
        before, after = migrate(old)
        assert (before, after >= 8) == (7, True)
        assert old.execute("SELECT count(*) FROM quality_counts").fetchone() == (0,)


TWO = [
    {"rule": "expression", "expect": "{cost} <= 1000"},
    {"rule": "expression", "expect": "{cost} <= {quantity}", "on_fail": "warn"},
]


async def test_two_rules_of_one_kind_are_told_apart_everywhere(tmp_path: Path) -> None:
    async with Simulator(SimulatorOptions(products=10)) as simulated:
        good(simulated)
        odd, bad, *_ = simulated.catalogue.ids()
        simulated.catalogue.edit(odd, cost=30)
        simulated.catalogue.edit(bad, cost=3000)
        options: dict[str, Any] = {"fields": {"replace": FIELDS}, "quality": {"replace": TWO}}
        async with application(tmp_path, simulated, **options) as here:
            assert (await here.sync())["backlog"] == {"delivered": 9, "rejected": 1}
            (pipeline,) = (await ask(here, "quality.report"))["pipelines"]
            told = [
                (one["demand"], one["on_fail"], one["seen"], one["warned"], one["rejected"], one["standing"])
                for one in pipeline["rules"]
            ]
            assert told == [
                ("{cost} <= 1000", "reject", 10, 0, 1, 1),
                ("{cost} <= {quantity}", "warn", 9, 1, 0, 0),
            ]
            (life,) = (await ask(here, "explain", key="A-0000"))["records"]
            assert [(one["demand"], one["result"]) for one in life["quality"]] == [
                ("{cost} <= 1000", "kept"),
                ("{cost} <= {quantity}", "warned"),
            ]
        report = await ran(tmp_path, "quality", "report")
        life_told = await ran(tmp_path, "explain", "A-0000")
        for one in TWO:
            assert one["expect"] in report
            assert one["expect"].split(" <= ")[1] in life_told


async def test_what_an_older_version_counted_is_kept(tmp_path: Path) -> None:
    """By the only rule of its kind; of several it stands alone, as nothing tells whose it is."""
    from xmsyncd.ledger.migrate import migrate, migrations

    with sqlite3.connect(tmp_path / "xmsyncd.db", isolation_level=None) as old:
        for step in migrations()[:9]:
            old.executescript(step.sql)
        old.execute("PRAGMA user_version = 9")
        old.executemany(
            """INSERT INTO quality_counts (pipeline, component, rule, hour_ms, seen, warned, rejected,
                   sample, sample_source_id, sample_ms)
               VALUES ('products', ?, ?, 3600000, 100, 5, 2, '"x"', '1', ?)""",
            [("", "expression", 3600001), (NAME, "length", 3600002)],
        )
        before, after = migrate(old)
        assert (before, after >= 10) == (9, True)
        kept = old.execute("SELECT component, rule, demand_hash, seen FROM quality_counts").fetchall()
        assert sorted(kept) == [("", "expression", "", 100), (NAME, "length", "", 100)]
    rules = [*TWO, {"field": NAME, "rule": "length", "max": 60}]
    async with Simulator(SimulatorOptions(products=10)) as simulated:
        good(simulated)
        options: dict[str, Any] = {"fields": {"replace": FIELDS}, "quality": {"replace": rules}}
        async with application(tmp_path, simulated, **options) as here:
            await here.sync()
            (pipeline,) = (await ask(here, "quality.report"))["pipelines"]
            told = {(one["rule"], one["demand"]): one for one in pipeline["rules"]}
            assert len(told) == len(pipeline["rules"]) == 4
            length = told["length", "max 60"]
            assert (length["seen"], length["warned"], length["sample"]) == (110, 5, '"x"')
            together = told["expression", ""]
            assert (together["seen"], together["is_of_several"]) == (100, True)
            assert {told["expression", one["expect"]]["seen"] for one in TWO} == {10}
        assert "counted together before" in await ran(tmp_path, "quality", "report")
