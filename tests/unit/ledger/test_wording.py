"""Messages that differ only in values are one group; those that say something else are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.ledger.wording import group_name, normal, reason_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("instance FINST-8A1B2C not found", "instance FINST-99ZZ0 not found"),
        ("timeout after 30s (attempt 2)", "timeout after 5s (attempt 11)"),
        ("key 'A-1' belongs to product 7", "key 'B-22' belongs to product 19"),
        ("requestId: 5F3C-11EE-9A, too long", "requestId: 77AA-22BB-0C, too long"),
        ("产品编码“LED-01”重复", "产品编码“灯具 7”重复"),
        (
            "字段【规格】的值超过 200 个字符，实际 1024 个",
            "字段【备注】的值超过 200 个字符,实际 3 个".replace(",", "，"),
        ),
        ("实例 FINST-1A2B3C 不存在", "实例 FINST-9X8Y7Z 不存在"),
        ("第12行数据错误", "第7行数据错误"),
        ("金额１２３无效", "金额４５无效"),
        ('name: found "灯", expected a number', 'name: found "lamp \\"x\\"", expected a number'),
        ('name: found {"a": [1, {"b": 2}]}, expected text', 'name: found {"c": 3}, expected text'),
        (
            "cost: found -1, expected a number of at least 0",
            "cost: found 12, expected a number of at least -3",
        ),
        ("  spread\n over  lines 1", "spread over lines 2"),
        ("at 2026-11-20 03:00:00 refused", "at 2027-01-02 13:14:15 refused"),
    ],
)
def test_values_ids_and_numbers_make_no_difference(one: str, other: str):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("permission denied", "form is full"),
        ("字段不存在", "没有权限"),
        ("textField_lq0sj9h9 (产品名称): found nothing", "textField_lstsv908 (产品规格): found nothing"),
        ("found nothing, expected a value", 'found "x", expected a value'),
    ],
)
def test_another_fault_is_another_group(one: str, other: str):
    assert normal(one) != normal(other)


def test_the_records_own_key_and_id_are_values_whatever_they_look_like():
    one = normal("灯具甲 cannot be saved: product lamp exists", "灯具甲", "lamp")
    assert one == normal("灯具乙 cannot be saved: product torch exists", "灯具乙", "torch")
    assert "example" in normal("an example of x", "ample"), "a part of a word is not the key"


def test_an_apostrophe_is_no_quotation():
    assert normal("the form doesn't know it, and won't") == "the form doesn't know it, and won't"


@given(st.text(max_size=80))
def test_normalising_twice_changes_nothing_and_never_fails(text: str):
    assert normal(normal(text)) == normal(text)


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_numbers_never_tell_groups_apart(one: int, other: int):
    assert normal(f"第 {one} 项出错 (code {one})") == normal(f"第 {other} 项出错 (code {other})")


def test_a_group_has_a_name_that_says_its_reason():
    name = group_name("required", "textField_a", "found nothing")
    assert reason_of(name) == ("required", True)
    assert reason_of("required") == ("required", False)
    assert reason_of("Some#Code") == ("Some#Code", False)
    assert name != group_name("required", "textField_b", "found nothing")
