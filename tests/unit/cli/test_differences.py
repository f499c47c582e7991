"""Two values beside each other are cut so that a person sees where they differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.cli.differences import difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_short_values_are_shown_as_they_are():
    assert difference("LED 灯", "LED 灯（新）") == ("LED 灯", "LED 灯（新）")
    assert difference(None, "new") == ("–", "new")
    assert difference(["a"], ["a", "b"]) == ('["a"]', '["a", "b"]')


def test_long_texts_are_cut_around_their_first_difference():
    same = "每盏灯的说明书都很长" * 20
    old, new = difference(same + "旧" + same, same + "新" + same)
    assert len(old) == len(new) == 60
    assert "旧" in old
    assert "新" in new
    assert old.startswith("…")
    assert old.endswith("…")
    assert old.replace("旧", "新") == new


def test_an_addition_at_the_end_of_a_long_text_is_seen():
    long = "x" * 500
    old, new = difference(long, long + " 停产")
    assert new.endswith(" 停产")
    assert not old.endswith("停产")


def test_what_looks_the_same_is_told_apart():
    assert difference("a b", "a  b") == ("a␣b", "a␣␣b")
    assert difference("1", 1) == ('"1"', "1")
    assert difference("", None) != ("–", "–")
    old, new = difference("a\u00a0b", "a b")
    assert old != new
    old, new = difference("灯\n", "灯")
    assert (old, new) == ("灯⏎", "灯")


@given(JSON, JSON)
def test_values_that_differ_are_shown_differently_within_the_width(old, new):
    shown = difference(old, new, 40)
    assert all(len(text) <= 40 for text in shown)
    assert all(text.isprintable() for text in shown)
    if old != new or type(old) is not type(new):
        assert shown[0] != shown[1]


@given(st.text(), st.text(), st.text(), st.text())
def test_a_difference_deep_inside_long_texts_is_within_the_cut(head, one, other, tail):
    old, new = head * 50 + one + tail * 50, head * 50 + other + tail * 50
    shown = difference(old, new)
    assert (shown[0] != shown[1]) == (old != new)
