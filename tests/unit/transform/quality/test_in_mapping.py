"""Rules on the way of a product: their order, what goes on, what is told, what a person lets through."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.records import (
    ContentHash,
    Draft,
    Item,
    QualityFinding,
    Rejection,
    RejectionReason,
    RuleResult,
    SourceId,
)
from xmsyncd.transform.derived import GROUP_EXISTS
from xmsyncd.transform.mapping import FieldMapping, FieldSpec, RuleSpec
from xmsyncd.transform.quality.demands import asked_rule
from xmsyncd.transform.value_types import text_of

NAME, KEY, PRICE = "textField_name", "textField_no", "numberField_price"
FIELDS = (
    FieldSpec(NAME, "产品名称", "string", "{name}"),
    FieldSpec(PRICE, "价格", "float", "{price}"),
    FieldSpec(KEY, "产品编码", "string", "{product_no}"),
)
UPDATED = datetime(2026, 11, 20, tzinfo=UTC)
GOOD: dict[str, Any] = {"name": "螺栓", "price": "12.5", "product_no": "A-1"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def encode(_component: str, declared_type: str, value: Any) -> Any:
    return value if declared_type == "float" else text_of(value)


def item(raw: dict[str, Any], updated_at: datetime | None = UPDATED) -> Item:
    return Item(SourceId("1"), updated_at, raw, ContentHash("0"))


def mapped(
    *rules: RuleSpec, ruled: bool = True, derived: dict[str, Any] | None = None, **changes: Any
) -> Any:
    mapping = FieldMapping(FIELDS, rules, KEY, encode)
    return mapping.map_item(item({**GOOD, **changes}), None, derived or {}, ruled=ruled)


def test_what_one_rule_puts_right_goes_to_the_next():
    draft = mapped(
        RuleSpec(PRICE, "type", on_fail="fix"),
        RuleSpec(PRICE, "range", on_fail="fix", max=1000),
        price="１,２00",
    )
    assert isinstance(draft, Draft)
    assert draft.content[PRICE] == 1000
    assert [(one.rule, one.result, one.found, one.fixed) for one in draft.findings] == [
        ("type", RuleResult.FIXED, '"１,２00"', "1200.0"),
        ("range", RuleResult.FIXED, "1200.0", "1000"),
    ]


def test_the_order_of_the_rules_of_a_field_is_theirs():
    rejection = mapped(
        RuleSpec(PRICE, "range", on_fail="fix", max=1000),
        RuleSpec(PRICE, "type", on_fail="fix"),
        price="１,２00",
    )
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectionReason.RANGE  # it can clamp a number, and this is none yet


def test_a_warning_is_told_and_the_product_goes_on_as_it_is():
    draft = mapped(RuleSpec(NAME, "length", on_fail="warn", max=1))
    assert isinstance(draft, Draft)
    assert draft.content[NAME] == "螺栓"
    expected = "at most 1 characters, not 2 (rule length)"
    rule = asked_rule(RuleSpec(NAME, "length", max=1)).demand_hash
    assert draft.findings == (
        QualityFinding(NAME, "length", RuleResult.WARNED, '"螺栓"', expected, demand_hash=rule),
    )


def test_a_rejection_tells_field_label_value_and_rule():
    rejection = mapped(RuleSpec(PRICE, "range", max=10))
    assert isinstance(rejection, Rejection)
    assert rejection.detail == (
        'numberField_price (价格): found "12.5", expected a number of at most 10 (rule range)'
    )
    assert (rejection.component, rejection.key) == (PRICE, "A-1")
    assert rejection.findings[-1].result is RuleResult.REJECTED


def test_what_a_fix_cannot_put_right_is_rejected():
    rejection = mapped(RuleSpec(PRICE, "range", max=10, on_fail="fix"), price="cheap")
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectionReason.RANGE


def test_a_rule_that_turns_the_key_down_leaves_it_to_be_told():
    rejection = mapped(RuleSpec(KEY, "pattern", pattern="[0-9]+"))
    assert isinstance(rejection, Rejection)
    assert (rejection.component, rejection.key) == (KEY, "A-1")


def test_accepted_content_passes_every_rule_and_what_is_put_right_stays_so():
    rules = (RuleSpec(NAME, "length", on_fail="fix", max=1), RuleSpec(PRICE, "band", max=10))
    assert isinstance(mapped(*rules), Rejection)
    draft = mapped(*rules, ruled=False)
    assert isinstance(draft, Draft)
    assert (draft.content[NAME], draft.content[PRICE]) == ("螺", 12.5)
    assert [one.result for one in draft.findings] == [RuleResult.FIXED, RuleResult.ACCEPTED]


@pytest.mark.parametrize(("exists", "result"), [(True, Draft), (False, Rejection)])
def test_the_group_must_exist(exists, result):
    came_to = mapped(RuleSpec("", "group"), derived={GROUP_EXISTS: exists}, group_id=7)
    assert isinstance(came_to, result)
    if isinstance(came_to, Rejection):
        assert came_to.reason is RejectionReason.UNKNOWN_GROUP
        assert came_to.detail == (
            "the record: found group_id 7, expected a group that OKKI's product groups hold (rule group)"
        )
        assert (came_to.component, came_to.key) == (None, "A-1")


@pytest.mark.parametrize(
    ("updated_at", "found"),
    [
        (UPDATED, None),
        (UPDATED - timedelta(days=9), "update_time 12 days ago"),
        (None, "no update_time that can be read"),
    ],
)
def test_the_product_must_be_fresh(updated_at, found):
    mapping = FieldMapping(FIELDS, [RuleSpec("", "fresh", max_age=timedelta(days=10))], KEY, encode)
    now = (UPDATED + timedelta(days=3)).timestamp()
    came_to = mapping.map_item(item(GOOD, updated_at), None, {"CURRENT_TIME": now})
    if found is None:
        assert isinstance(came_to, Draft)
    else:
        assert isinstance(came_to, Rejection)
        assert (
            came_to.detail
            == f"the record: found {found}, expected an update_time of the last 10 days (rule fresh)"
        )


def test_how_many_rules_were_asked_is_counted_in_the_order_of_asking():
    rules = (RuleSpec(PRICE, "range", max=10), RuleSpec("", "group"), RuleSpec(KEY, "required"))
    mapping = FieldMapping(FIELDS, rules, KEY, encode)
    assert [rule.kind for rule in mapping.rules] == ["required", "range", "group"]
    cases: tuple[tuple[dict[str, Any], int], ...] = (
        ({}, 2),
        ({"product_no": ""}, 0),
        ({"group_id": 7, "price": 1}, 3),
        ({"name": "\ud800"}, 1),
    )
    for changes, asked in cases:
        derived = {GROUP_EXISTS: "group_id" not in changes}
        came_to = mapping.map_item(item({**GOOD, **changes}), None, derived)
        assert isinstance(came_to, Rejection), changes
        assert came_to.checked == asked, changes


def test_the_context_knows_every_parameter_and_the_order_of_the_rules():
    plain = RuleSpec(PRICE, "range", max=10)
    others = [
        [RuleSpec(PRICE, "range", max=11)],
        [RuleSpec(PRICE, "range", max=10, on_fail="warn")],
        [RuleSpec(PRICE, "band", max=10)],
        [plain, RuleSpec(PRICE, "type")],
        [RuleSpec(PRICE, "type"), plain],
        [],
    ]
    hashes = {FieldMapping(FIELDS, rules, KEY, encode).spec_hash for rules in ([plain], *others)}
    assert len(hashes) == 7


ON_FAIL = st.sampled_from(["reject", "warn"])
RULES = st.lists(
    st.one_of(
        st.builds(RuleSpec, st.sampled_from([NAME, PRICE]), st.just("required"), on_fail=ON_FAIL),
        st.builds(
            RuleSpec,
            st.sampled_from([NAME, PRICE]),
            st.just("type"),
            st.sampled_from([None, "int", "float", "bool", "object", "array", "string"]),
            on_fail=st.sampled_from(["reject", "warn", "fix"]),
            value=st.none(),
        ),
        st.builds(
            RuleSpec,
            st.sampled_from([NAME, PRICE]),
            st.sampled_from(["length", "range"]),
            on_fail=st.sampled_from(["reject", "warn", "fix"]),
            max=st.integers(1, 5),
        ),
        st.builds(
            RuleSpec,
            st.just(NAME),
            st.just("pattern"),
            on_fail=ON_FAIL,
            pattern=st.sampled_from(["a*", "(a|b)+c"]),
        ),
        st.builds(
            RuleSpec,
            st.just(NAME),
            st.just("one_of"),
            on_fail=st.sampled_from(["reject", "fix"]),
            values=st.just(("a", "b")),
        ),
        st.builds(RuleSpec, st.just(PRICE), st.just("band"), on_fail=ON_FAIL, min=st.integers(-5, 5)),
        st.builds(RuleSpec, st.just(""), st.sampled_from(["group"]), on_fail=ON_FAIL),
        st.builds(
            RuleSpec, st.just(""), st.just("fresh"), on_fail=ON_FAIL, max_age=st.just(timedelta(days=1))
        ),
    ),
    max_size=5,
)


@given(RULES, JSON, JSON, JSON, st.booleans(), st.booleans())
def test_any_product_under_any_rules_is_a_draft_or_a_rejection_with_words(
    rules, name, price, number, ruled, exists
):
    mapping = FieldMapping(FIELDS, rules, KEY, encode)
    derived = {GROUP_EXISTS: exists, "CURRENT_TIME": UPDATED.timestamp()}
    raw = {"name": name, "price": price, "product_no": number}
    came_to = mapping.map_item(item(raw), None, derived, ruled=ruled)
    if isinstance(came_to, Rejection):
        came_to.detail.encode()
        assert "expected" in came_to.detail
        assert came_to.checked <= len(mapping.rules)
    else:
        assert isinstance(came_to, Draft)
        assert not any(one.result is RuleResult.REJECTED for one in came_to.findings)
    for finding in came_to.findings:
        assert len(finding.found) <= 80
