"""What tells a time of ours is sent, and counts neither as content nor as a key."""

from datetime import UTC, datetime
from typing import Any

import pytest

from xmsyncd.errors import ConfigurationError
from xmsyncd.records import ContentHash, Draft, Item, SourceId
from xmsyncd.transform.derivation_specs import DeriveSpec, ValueSpec
from xmsyncd.transform.fields import FieldSpec
from xmsyncd.transform.hashes import as_shown, content_hash, hash_of, volatile_in
from xmsyncd.transform.mapping import FieldMapping, RuleSpec
from xmsyncd.transform.tables import LookupTable
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


def drafted(of: FieldMapping, now: datetime, **raw: Any) -> Draft:
    found = of.map_item(
        Item(SourceId("1"), None, {"product_no": "A-1", **raw}, ContentHash("h")), None, times(now, EARLIER)
    )
    assert isinstance(found, Draft)
    return found


def with_derived(**derived: str) -> tuple[DeriveSpec, ...]:
    return tuple(ValueSpec(name, text) for name, text in derived.items())


FIELDS = (FieldSpec(KEY, value="{product_no}"), FieldSpec(NAME, value="{name}"))


@pytest.mark.parametrize(
    ("value", "derive"),
    [
        ("{{remark}} ({{CURRENT_TIME|datetime}})", ()),
        ("_function IF({remark} < NOW(), 'over', 'not yet')", ()),
        ("{text}", with_derived(text="{{remark}} {{DAYS_AGO_1|date}}")),
        ("{text}", with_derived(text="{{inner}} {{DAYS_AGO_1|date}}", inner="<{{remark}}>")),
    ],
)
def test_what_else_stands_beside_the_time_is_content(value: str, derive: tuple[DeriveSpec, ...]):
    """A record of which only that has changed would never be sent again."""
    fields = (*FIELDS, FieldSpec(AT, value=value))
    of = FieldMapping(fields, (), KEY, lambda _component, _type, value: value, derive=derive)
    much_later = datetime(2027, 1, 1, tzinfo=UTC)
    first = drafted(of, NOW, name="螺栓", remark="2001-01-01")
    assert first.content_hash == drafted(of, much_later, name="螺栓", remark="2001-01-01").content_hash
    assert first.content_hash != drafted(of, NOW, name="螺栓", remark="2002-02-02").content_hash
    assert volatile_in(first.content_hash) == (AT,)
    assert as_shown(first.content_hash) == content_hash(first.content, {AT})


def test_a_look_up_table_of_other_content_is_told_although_a_time_stands_beside_it():
    def of(word: str) -> FieldMapping:
        fields = (*FIELDS, FieldSpec(AT, value="{{unit|lookup(units)}} {{CURRENT_TIME|date}}"))
        tables = {"units": LookupTable("units", {"PCS": word})}
        return FieldMapping(fields, (), KEY, lambda _component, _type, value: value, tables=tables)

    first, other = (drafted(of(word), NOW, name="螺栓", unit="PCS") for word in ("件", "个"))
    assert first.content_hash != other.content_hash


def test_a_rule_that_looks_at_a_time_leaves_what_it_judges_content():
    rules = (RuleSpec(NAME, "expression", expect="{age} < 99999999"),)
    derive = with_derived(age="_function UNIX_TIMESTAMP() - {since}")
    of = FieldMapping(FIELDS, rules, KEY, lambda _component, _type, value: value, derive=derive)
    assert of.volatile == frozenset()
    since = int(NOW.timestamp()) - 60
    first, other = (drafted(of, NOW, name=name, since=since) for name in ("螺栓", "螺母"))
    assert first.content_hash != other.content_hash


def test_a_key_may_not_change_with_time_by_way_of_a_derived_field():
    fields = (FieldSpec(KEY, value="{number}"), FieldSpec(NAME, value="{name}"))
    derive = with_derived(number="{product_no}-{{CURRENT_TIME|date}}")
    with pytest.raises(ConfigurationError, match=r"fields\.0\.value.*depends on a time.*does not change"):
        FieldMapping(fields, (), KEY, lambda _component, _type, value: value, derive=derive)


def test_a_key_may_not_change_with_time():
    with pytest.raises(ConfigurationError, match=r"CURRENT_TIME for the key component.*does not change"):
        mapping("{name}", key="{product_no}-{{CURRENT_TIME|date}}")
