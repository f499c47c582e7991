"""Rules that compare records, and the counts of all rules, where a page is staged."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.unit.ledger.sample import CONTEXT, FORM, NOW, deliver_all, item
from xmsyncd.ledger import quality_counts, staging
from xmsyncd.ledger.staging import StagedPage
from xmsyncd.ledger.thinning import Thinned, thin
from xmsyncd.ledger.views import StageDecision, StageEntry
from xmsyncd.records import (
    Draft,
    KeyValue,
    QualityFinding,
    Rejection,
    RejectionReason,
    RuleResult,
    SourceId,
)
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.quality import RuleSpec
from xmsyncd.transform.quality.demands import AskedRule, asked_rule
from xmsyncd.transform.quality.standing import QualityPlan, standing_rules

FIELD = "textField_name"


def plan(*rules: str, on_fail: str = "reject", factor: float = 3.0) -> QualityPlan:
    specs = [RuleSpec(FIELD, rule, on_fail=on_fail, factor=factor) for rule in rules]
    return QualityPlan(
        (AskedRule("textField_key", "required"),), standing_rules(specs, {FIELD: f"{FIELD} (条码)"})
    )


def stage(connection: sqlite3.Connection, rules: QualityPlan, *entries: StageEntry) -> StagedPage:
    return staging.stage_page(
        connection, "products", FORM, 1, CONTEXT, entries, ignore_changes=False, now=NOW, plan=rules
    )


def entry(source_id: str, value: Any, **changes: Any) -> StageEntry:
    content = {"textField_key": f"A-{source_id}", FIELD: value}
    draft = Draft(SourceId(source_id), NOW, KeyValue(f"A-{source_id}"), content, hash_of(content))
    return StageEntry(item(source_id, NOW, name=value), draft, **changes)


def standing(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute("SELECT source_id, state, rejection_detail FROM records")
    return {row["source_id"]: (row["state"], row["rejection_detail"]) for row in rows}


def test_of_two_with_one_value_the_second_is_rejected_within_a_page_and_later(db):
    staged = stage(db, plan("unique"), entry("1", "690"), entry("2", " 690 "))
    assert staged.decisions == {StageDecision.CREATE: 1, StageDecision.REJECTED: 1}
    assert staged.turned_down == {RejectionReason.UNIQUE: 1}
    stage(db, plan("unique"), entry("3", "690"), entry("4", "691"))
    told = standing(db)
    assert {source_id: state for source_id, (state, _) in told.items()} == {
        "1": "pending",
        "2": "rejected",
        "3": "rejected",
        "4": "pending",
    }
    assert told["2"][1] == (
        'textField_name (条码): found " 690 ", '
        'expected a value that "A-1" (OKKI 1) has not already (rule unique)'
    )


def test_a_record_does_not_stand_in_its_own_way_and_empty_values_are_not_compared(db):
    for _ in range(2):
        stage(db, plan("unique"), entry("1", "690"), entry("2", ""), entry("3", None))
    assert [state for state, _ in standing(db).values()] == ["pending"] * 3


def test_a_value_that_is_given_up_is_free(db):
    stage(db, plan("unique"), entry("1", "690"), entry("2", "690"))
    stage(db, plan("unique"), entry("1", "other"), entry("2", "690"))
    assert standing(db)["2"][0] == "pending"


def test_what_yida_shows_stays_taken_while_its_record_is_rejected(db):
    stage(db, plan("unique"), entry("1", "690"))
    deliver_all(db)
    rejection = Rejection(SourceId("1"), NOW, RejectionReason.LENGTH, "found …, expected …")
    stage(db, plan("unique"), StageEntry(item("1", NOW, name="changed"), rejection), entry("2", "690"))
    assert standing(db)["2"][0] == "rejected"


def test_a_deleted_record_holds_no_value(db):
    stage(db, plan("unique"), entry("1", "690"))
    db.execute("UPDATE records SET deleted_ms = 1 WHERE source_id = '1'")
    stage(db, plan("unique"), entry("2", "690"))
    assert standing(db)["2"][0] == "pending"


def test_a_warning_lets_both_through_and_is_kept_with_the_record(db):
    stage(db, plan("unique", on_fail="warn"), entry("1", "690"), entry("2", "690"))
    assert [state for state, _ in standing(db).values()] == ["pending", "pending"]
    kept = [
        orjson.loads(row[0]) for row in db.execute("SELECT findings FROM contents WHERE findings NOTNULL")
    ]
    assert [(one["rule"], one["result"]) for one in kept[0]] == [("unique", "warned")]


def test_the_value_of_most_is_right(db):
    stage(db, plan("consistent"), entry("1", "USD"), entry("2", "CNY"), entry("3", "CNY"))
    assert standing(db)["1"] == (
        "rejected",
        'textField_name (条码): found "USD", expected "CNY", as most records have (rule consistent)',
    )
    stage(db, plan("consistent"), entry("4", "USD"))  # alone on its page, and still the odd one
    stage(db, plan("consistent"), entry("5", "CNY"), entry("6", ""))
    told = standing(db)
    assert [told[one][0] for one in "456"] == ["rejected", "pending", "pending"]


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        ("100", "299", "pending"),
        (100, "301", "rejected"),
        (100, 33, "rejected"),
        (100, 34, "pending"),
        (100, 0, "rejected"),
        (100, -100, "rejected"),
        (100, "on request", "rejected"),
        (100, "", "pending"),
        (0, 5000, "pending"),
        ("", 5000, "pending"),
    ],
)
def test_a_change_is_measured_against_what_was_delivered(db, before, after, state):
    rules = plan("change")
    stage(db, rules, entry("1", before))
    deliver_all(db)
    stage(db, rules, entry("1", after))
    assert standing(db)["1"][0] == state
    stage(db, rules, entry("1", 10**6))  # nothing between was delivered, so nothing between counts
    assert standing(db)["1"][0] == ("pending" if before in (0, "") else "rejected")


def test_accepted_content_passes_the_rules_that_compare(db):
    rules = plan("unique", "change", "consistent")
    stage(db, rules, entry("1", "100"), entry("2", "100"))
    assert standing(db)["2"][0] == "rejected"
    stage(db, rules, entry("2", "100", ruled=False))
    assert standing(db)["2"][0] == "pending"
    kept = db.execute("SELECT findings FROM contents WHERE findings NOTNULL").fetchall()
    assert [[one["result"] for one in orjson.loads(row[0])] for row in kept] == [["accepted"]]
    accepted = entry("2", "100").result
    assert isinstance(accepted, Draft)
    db.execute("UPDATE records SET accepted_hash = ? WHERE source_id = '2'", (accepted.content_hash,))
    stage(db, rules, entry("2", "100"))
    assert standing(db)["2"][0] == "pending"
    stage(db, rules, entry("3", "777"), entry("2", "777"))  # other content is judged anew
    assert standing(db)["2"][0] == "rejected"


def test_half_a_character_and_a_giant_value_are_compared_too(db):
    for value in ("\ud800", "x" * 100_000, {"a": ["b"]}):
        stage(db, plan("unique", "consistent", on_fail="warn"), entry("1", value), entry("2", value))
    assert max(len(row[0]) for row in db.execute("SELECT value FROM quality_values")) < 300


def finding(result: RuleResult, found: str = '"x"') -> QualityFinding:
    return QualityFinding("textField_key", "required", result, found, "a value (rule required)")


def test_the_checks_of_a_page_are_counted_by_rule_and_summed_by_the_hour(db):
    rules = plan("unique")
    rejected = Rejection(
        SourceId("3"),
        NOW,
        RejectionReason.REQUIRED,
        "…",
        findings=(finding(RuleResult.REJECTED, '""'),),
        checked=1,
    )
    unasked = Rejection(SourceId("4"), NOW, RejectionReason.EMPTY_KEY, "…")
    staged = stage(
        db,
        rules,
        entry("1", "690"),
        entry("2", "690"),
        StageEntry(item("3"), rejected),
        StageEntry(item("4"), unasked),
        entry("5", "692", ruled=False),
    )
    assert staged.checks == {
        ("textField_key", "required", RuleResult.KEPT): 2,
        ("textField_key", "required", RuleResult.REJECTED): 1,
        (FIELD, "unique", RuleResult.KEPT): 1,
        (FIELD, "unique", RuleResult.REJECTED): 1,
    }
    stage(db, rules, entry("6", "693"))
    told = {one["rule"]: one for one in quality_counts.summed(db, "products", None)}
    assert (told["required"]["seen"], told["required"]["rejected"]) == (4, 1)
    assert (told["unique"]["seen"], told["unique"]["sample"], told["unique"]["sample_key"]) == (
        3,
        '"690"',
        "A-2",
    )
    assert quality_counts.summed(db, "products", NOW + timedelta(hours=1)) == []
    unique = rules.standing[0].asked.demand_hash
    assert quality_counts.standing(db, "products") == [
        {"component": "", "reason": "empty_key", "demand_hash": "", "number": 1},
        {"component": "", "reason": "required", "demand_hash": "", "number": 1},
        {"component": FIELD, "reason": "unique", "demand_hash": unique, "number": 1},
    ]


def test_two_rules_of_one_kind_about_one_field_are_counted_apart(db):
    cheap, dear = (asked_rule(RuleSpec("", "expression", expect=one)) for one in ("{a} < 5", "{a} < 9"))
    assert cheap.identity != dear.identity
    warned = QualityFinding("", "expression", RuleResult.WARNED, "7", "…", demand_hash=cheap.demand_hash)
    one = entry("1", "690")
    assert isinstance(one.result, Draft)
    draft = replace(one.result, findings=(warned,))
    staged = stage(db, QualityPlan((dear, cheap)), StageEntry(one.item, draft))
    assert staged.checks == {("", "expression", RuleResult.KEPT): 1, ("", "expression", RuleResult.WARNED): 1}
    told = {
        one["demand"]: (one["seen"], one["warned"]) for one in quality_counts.summed(db, "products", None)
    }
    assert told == {"{a} < 9": (1, 0), "{a} < 5": (1, 1)}


def test_a_rule_is_the_same_one_whatever_is_done_where_it_fails():
    first = asked_rule(RuleSpec(FIELD, "length", max=5, on_fail="warn"))
    assert first == asked_rule(RuleSpec(FIELD, "length", max=5, on_fail="fix", value="x"))
    assert first.identity != asked_rule(RuleSpec(FIELD, "length", max=6)).identity
    assert first.demand == "max 5"


def test_an_older_reading_is_neither_judged_nor_counted(db):
    rules = plan("unique")
    stage(db, rules, entry("1", "690"))
    older = entry("1", "691")
    older = StageEntry(item("1", NOW - timedelta(days=1), name="691"), older.result)
    assert stage(db, rules, older).checks == {}


def test_counts_as_old_as_their_cycles_are_let_go(db):
    stage(db, plan("unique"), entry("1", "690"))
    thin(db, Thinned.QUALITY, 0, NOW - timedelta(hours=1))
    assert quality_counts.summed(db, "products", None)
    thin(db, Thinned.QUALITY, 0, NOW + timedelta(hours=1))
    assert quality_counts.summed(db, "products", None) == []
