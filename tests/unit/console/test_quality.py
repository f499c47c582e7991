"""The panel of a pipeline's rules: what needs a person first, what nobody broke out of the way."""

from __future__ import annotations

from typing import Any

from xmsyncd.console.quality import rules_of


def rule(name: str, **numbers: int) -> dict[str, Any]:
    return {"rule": name, "warned": 0, "rejected": 0, "fixed": 0, "standing": 0, **numbers}


def report(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"since": None, "pipelines": [{"pipeline": "products", "rules": list(rules), "rejected": []}]}


def test_rules_with_rejected_records_come_first_and_those_that_nobody_broke_stand_apart():
    found = rules_of(
        report(
            rule("required"),
            rule("length", fixed=9),
            rule("band", rejected=1, standing=1),
            rule("range", standing=2),
            rule("one_of", warned=3, rejected=4),
            rule("fresh"),
        ),
        "products",
    )
    assert found is not None
    assert [one["rule"] for one in found.broken] == ["range", "band", "length", "one_of"]
    assert [one["rule"] for one in found.unbroken] == ["required", "fresh"]
    assert [one["failed"] for one in found.broken] == [0, 1, 0, 7]


def test_without_rules_or_a_report_there_is_no_panel():
    assert rules_of(report(), "products") is None
    assert rules_of(report(rule("required")), "suppliers") is None
    assert rules_of(None, "products") is None
