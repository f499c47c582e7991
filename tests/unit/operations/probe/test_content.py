"""The instance of a probe: marked in every text, and of the right type elsewhere."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.unit.ledger.sample import NOW
from xmsyncd.operations.probe.approval import approval_path
from xmsyncd.operations.probe.content import blanked, changed_content, marked_content
from xmsyncd.records import KeyValue
from xmsyncd.settings import FieldSettings
from xmsyncd.yida.answers import ApprovalNode
from xmsyncd.yida.marks import is_mark, new_mark

MARK = KeyValue("XMSYNCD-PROBE-ABCDEFGH2K")


def fields(*names: str, **types: str) -> list[FieldSettings]:
    more: dict[str, Any] = {"value": "{x}"}
    return [FieldSettings(field=name, **more) for name in names] + [
        FieldSettings(field=name, type=kind, **more) for name, kind in types.items()
    ]


def test_every_kind_that_can_be_harmless_holds_something():
    mapped = fields(
        "textField_k", "textareaField_a", "numberField_n", "rateField_r", "dateField_d", "radioField_o",
        "employeeField_p", "departmentSelectField_q", "imageField_i", "tableField_t", "serialNumberField_s",
        "strange",
    )  # fmt: skip
    content = marked_content(mapped, "textField_k", MARK, NOW)
    assert content == {
        "textField_k": MARK,
        "textareaField_a": MARK,
        "numberField_n": 1,
        "rateField_r": 1,
        "dateField_d": int(NOW.timestamp() * 1000),
        "strange": MARK,
    }


def test_the_name_of_the_type_wins_over_the_id():
    named = FieldSettings(field="strange", value="{x}", component_name="NumberField")
    content = marked_content([*fields("textField_k"), named], "textField_k", MARK, NOW)
    assert content == {"textField_k": MARK, "strange": 1}
    assert changed_content(content, [named], "textField_k")["strange"] == 2


def test_the_declared_type_decides_where_the_id_tells_nothing():
    assert marked_content(fields("textField_k", strange="int"), "textField_k", MARK, NOW) == {
        "textField_k": MARK,
        "strange": 1,
    }


@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_an_update_never_changes_the_key_and_blanks_one_text(others):
    names = ["textField_k", *(f"textField_{n}" for n in range(others))]
    before = marked_content(fields(*names), "textField_k", MARK, NOW)
    after = changed_content(before, fields(*names), "textField_k")
    assert after["textField_k"] == MARK
    assert after.keys() == before.keys()
    assert blanked(before, after) == (f"textField_{others - 1}" if others else None)
    assert sum(value != before[name] for name, value in after.items()) == others


def test_a_mark_is_told_from_every_other_key():
    marks = {new_mark(random.Random(seed)) for seed in range(200)}
    assert len(marks) == 200
    assert all(is_mark(mark) for mark in marks)
    assert all(mark != mark.lower() and mark[-1].isalpha() for mark in marks)
    assert not any(
        is_mark(key) for key in ("", "A-1", "XMSYNCD-PROBE-", f"{MARK} ", MARK.lower(), f"x{MARK}")
    )


def node(name: str, *people: str) -> ApprovalNode:
    return ApprovalNode(name, people)


@pytest.mark.parametrize(
    ("nodes", "people", "said"),
    [
        ([], (), "nobody"),
        ([node("发起", "user")], (), "nobody"),
        ([node("发起"), node("审批", "甲 (a)", "乙 (b)")], ("甲 (a)", "乙 (b)"), "task for 甲 (a), 乙 (b)"),
        ([node("发起", "同步 (user)"), node("审批")], (), "nobody at them"),
        ([node("审批", "甲 (a)")], ("甲 (a)",), "审批 (甲 (a))"),
        ([node("发起", "user"), node("抄送", "甲"), node("审批", "甲")], ("甲",), "task for 甲:"),
    ],
)
def test_who_would_get_a_task(nodes, people, said):
    path = approval_path(nodes, "user")
    assert path.people == people
    assert said in path.sentence
