"""What tells a time of ours is sent, and counts neither as content nor as a key."""

from datetime import UTC, datetime
from typing import Any

import pytest

from xmsyncd.errors import ConfigurationError
from xmsyncd.records import ContentHash, Draft, Item, SourceId
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.hashes import content_hash, hash_of, volatile_in
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transform.variables import times

KEY, NAME, AT = "textField_key", "textField_name", "textField_at"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EARLIER = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def mapping(at: str, key: str = "{product_no}") -> FieldMapping:
    fields = (FieldSpec(KEY, value=key), FieldSpec(NAME, value="{name}"), FieldSpec(AT, value=at))
    return FieldMapping(fields, (), KEY, lambda _component, _type, value: value)


def draft(of: FieldMapping, now: datetime, name: str = "螺栓") -> Draft:
    item = Item(SourceId("1"), None, {"product_no": "A-1", "name": name, "CURRENT_TIME": 1}, ContentHash("h"))
    found = of.map_item(item, None, times(now, EARLIER))
    assert isinstance(found, Draft)
    return found


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{CURRENT_TIME|datetime}}", "2026-11-23 17:00:00"),
        ("{LAST_SYNC_TIME|datetime}", "2026-11-23 16:30:00"),
        ("{{LAST_SYNC_TIME}}000", "1795422600000"),
        ("{{name}} {{DAYS_AGO_1|date}}", "螺栓 2026-11-22"),
    ],
)
def test_time_alone_is_no_other_content(template, value):
    """The field of an item that is called like a variable does not stand in its place."""
    of = mapping(template)
    first, later = draft(of, NOW), draft(of, datetime(2027, 1, 1, tzinfo=UTC))
    assert first.content[AT] == value
    assert first.content_hash == later.content_hash
    assert first.content_hash != draft(of, NOW, "螺母").content_hash
    assert of.volatile == {AT}
    assert of.needs <= {"name", "product_no"}


def test_without_variables_the_hash_is_the_one_of_all_content():
    found = draft(mapping("{name}"), NOW)
    assert found.content_hash == hash_of(found.content)
    assert volatile_in(found.content_hash) == ()


def test_a_hash_tells_what_it_leaves_out():
    content: dict[str, Any] = {"a": 1, "b": 2, 'c["': 3}
    found = content_hash(content, {"b", 'c["'})
    assert volatile_in(found) == ("b", 'c["')
    assert found == content_hash({**content, "b": 9}, volatile_in(found))
    assert found != content_hash(content, {"b"})
    assert found != content_hash({**content, "a": 2}, {"b", 'c["'})


@pytest.mark.parametrize("damage", ["[", "5", "[1]", "{}", "x"])
def test_a_damaged_hash_fits_nothing(damage):
    """The ledger's own check asks, and reports it."""
    found = ContentHash(hash_of({"a": 1}) + damage)
    assert content_hash({"a": 1}, volatile_in(found)) != found


def test_a_key_may_not_change_with_time():
    with pytest.raises(ConfigurationError, match=r"CURRENT_TIME for the key component.*does not change"):
        mapping("{name}", key="{product_no}-{{CURRENT_TIME|date}}")
