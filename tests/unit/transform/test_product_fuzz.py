"""Any JSON as a product, through the whole mapping into the ledger: a draft, or a rejection with its words.

``FUZZ=10`` in the environment runs ten times as many examples.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.component_guide import ENGLISH, examples
from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from tests.unit.transform.product_pipelines import mappings
from xmsyncd.ledger.views import StageEntry
from xmsyncd.okki.groups import Group, GroupTree
from xmsyncd.okki.wire import Envelope, page_from
from xmsyncd.records import Draft, InstanceId, Item, Rejection
from xmsyncd.settings import TargetSettings
from xmsyncd.transform.bounds import MAX_RESULT_LENGTH
from xmsyncd.transform.derived import GROUP_EXISTS, GroupPolicies, derive_group_levels, group_exists
from xmsyncd.transform.mapping import FieldMapping
from xmsyncd.transport.body import NotJsonError, decode_json, encode_json
from xmsyncd.transport.classify import VendorWords
from xmsyncd.yida.wire import start_call, update_call

TIMES = int(os.environ.get("FUZZ", "1"))
ZONE = ZoneInfo("Asia/Shanghai")
TREE = GroupTree([Group("1", "五金", None), Group("2", "\ud800", "1"), Group("3", "", "3")])
BESIDE = {"CURRENT_TIME": 1795424400, "LAST_SYNC_TIME": 1795422600}
SLOWEST = 10.0  # seconds of the processor for one product, which takes milliseconds; the collector runs, too


def nested(levels: int, kind: str = "list") -> str:
    """JSON text, for no writer of it goes so deep."""
    return '{"a":' * levels + "1" + "}" * levels if kind == "object" else "[" * levels + "]" * levels


TEXTS = (
    *("", " ", "\u3000", "0", "-0", "1e400", "1,234.50", "１２．５", "٣", "∞", "NaN", "是", "true"),
    *("0000-00-00 00:00:00", "2026-02-30", "9999-12-31 23:59:59", "2026-11-23 17:00:00", "0001-01-01"),
    *(
        "{{name}}",
        "{x}",
        "_function NOW()",
        "') OR ('1'='1",
        "%d %s {0}",
        "${HOME}",
        "<script>alert(1)</script>",
    ),
    *(
        "\x00",
        "\x1b[2J\x1b]0;t\x07",
        "\u202egnp.exe",
        "\ud800",
        "a\udfffb",
        "👨‍👩‍👧‍👦",
        "\u200b",
        "\ufeff",
        "﷽",
        "İ",
        "ß",
    ),
    *(
        "[1,{}]",
        '{"a":NaN}',
        "[" * 2000,
        '{"a":' * 2000,
        "9" * 5000,
        "[" + "9" * 5000 + "]",
        "a,b,,c",
        "a'b\"c\\",
    ),
    *("https://img.example/1.jpg", "http://[::1", "//x", "javascript:alert(1)", "data:,x", "&#x110000;&#0;"),
)
NUMBERS = (
    *(0, -1, 3, 10**9, 10**12, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**400, -(10**999)),
    *(-0.0, 0.5, 1e308, -1e308, 5e-324, 1e16, 253402300800000, -62135596801, 1795424400, 1795424400000),
)
NAMES = (
    *("x", "name", "price", "product_no", "model", "unit", "product_type", "images", "sku_items", "fob"),
    *(
        "external_field_data",
        "30001",
        "group_id",
        "group_name",
        "update_time",
        "enable_flag",
        "product_remark",
    ),
    *("", "X", "a.b", "x.0", "{x}", "{{name}}", "一级分组", "保修", "\x00", "\ud800", "__proto__"),
)
EXAMPLES = {name: value for example in examples(ENGLISH) for name, value in example.item.items()}

SCALAR = st.one_of(
    st.sampled_from([None, True, False]),
    st.sampled_from(NUMBERS),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(TEXTS),
    st.text(max_size=6),
)
ROW = st.dictionaries(
    st.sampled_from(["sku_code", "price", "cost", "image", "id", "name", "value", "url", "file_url", ""]),
    SCALAR,
    max_size=3,
)
VALUE = st.one_of(
    SCALAR,
    SCALAR,
    st.sampled_from(list(EXAMPLES.values())),
    st.lists(st.one_of(SCALAR, ROW), max_size=3),
    ROW,
    st.recursive(
        SCALAR,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
        max_leaves=4,
    ),
)
PRODUCT = st.dictionaries(st.sampled_from((*NAMES, *EXAMPLES)), VALUE, max_size=4)

HEAVY = {
    "megabyte": json.dumps("x" * 1_000_000),
    "megabyte of Han": json.dumps("铁" * 350_000),
    "megabyte of quotes": json.dumps("\"'\\" * 330_000),
    "megabyte of brackets": json.dumps("[" * 1_000_000),
    "megabyte of digits": '"' + "9" * 1_000_000 + '"',
    "megabyte of HTML": json.dumps("<p>&amp;<b" * 100_000),
    "megabyte of blanks": json.dumps(" \u3000" * 300_000),
    "number of 900 digits": "9" * 900,
    "number of 100,000 digits": "9" * 100_000,
    "1e999": "1e999",
    "list of 10,000": json.dumps(list(range(10_000))),
    "list of 10,000 objects": json.dumps([{"price": "1.5", "sku_code": "a"}] * 10_000),
    "object of 10,000": json.dumps({str(one): one for one in range(10_000)}),
    "60 deep": nested(60),
    "70 deep": nested(70, "object"),
    "1,000 deep": nested(1_000),
    "1,000 objects deep": nested(1_000, "object"),
    "100,000 deep": nested(100_000),
    "equal keys": '{"a":1,"a":2,"A":3,"":4,"":5}',
    "half a character": '"\\ud800"',
    "NaN": "NaN",
    "Infinity": "[-Infinity]",
}

MARKS = re.compile(r"_function|\{\{|\{x")


@pytest.fixture(scope="module")
def all_mappings(tmp_path_factory):
    """Every pipeline, once for the module."""
    return mappings(tmp_path_factory.mktemp("pipelines"))


@pytest.fixture
def db():
    """A ledger in memory."""
    with opened(":memory:") as connection:
        sample.open_pipeline(connection)
        yield connection


def leaves(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from leaves(one)


def read(body: bytes) -> list[Item]:
    """The product as the reader of pages takes it; none where the whole page is not JSON."""
    try:
        data = decode_json(b'{"list":[' + body + b"]}")
    except NotJsonError:
        return []
    envelope = Envelope(ok=True, words=VendorWords(), data=data, server_now=None)
    page = page_from(
        envelope,
        timezone=ZONE,
        list_key="list",
        total_keys=["count"],
        id_field="product_id",
        updated_field="update_time",
    )
    return list(page.items)


def beside(item: Item) -> dict[str, Any]:
    """What a cycle knows beside the item."""
    levels = derive_group_levels(item, None, TREE.path_of, GroupPolicies())
    assert not isinstance(levels, Rejection)
    return {**BESIDE, **levels, GROUP_EXISTS: group_exists(item, None, TREE.path_of)}


def mapped(item: Item, body: bytes, mapping: FieldMapping, target: TargetSettings) -> StageEntry:
    """One product through one pipeline: at once, and to an end that people understand."""
    began = time.process_time()
    result = mapping.map_item(item, None, beside(item))
    assert time.process_time() - began < SLOWEST
    if isinstance(result, Draft):
        check_draft(result, body, target)
    else:
        assert result.detail.isprintable(), ascii(result.detail)
        assert 0 < len(result.detail) < 1000
    return StageEntry(item, result)


def check_draft(draft: Draft, body: bytes, target: TargetSettings) -> None:
    """It can be sent, is no larger than it may be, and holds nothing of a template."""
    for call in (start_call(target, draft.content), update_call(target, InstanceId("i"), draft.content)):
        sent = encode_json(call.json)
        json.loads(sent)
        assert len(sent) <= 4 * len(body) + 12 * MAX_RESULT_LENGTH
    if not MARKS.search(body.decode("utf-8", "replace")):
        for text in leaves(draft.content):
            assert not MARKS.search(text), text


def check_all(db: sqlite3.Connection, item: Item, entry: StageEntry, mapping: FieldMapping) -> None:
    """What people ask of a mapping, and what the ledger makes of it: the same, and never an exception."""
    known = beside(item)
    assert mapping.map_item(item, None, known) == entry.result
    mapping.map_item(item, None, known, ruled=False)
    mapping.filtered_early(item, None, known, frozenset())
    mapping.key_alone(item, None, frozenset())
    for steps in (mapping.explain_where, mapping.explain_derived, mapping.explain):
        for step in steps(item, None, known):
            assert step.fault.isprintable(), ascii(step.fault)
    assert sum(sample.stage(db, entry, plan=mapping.quality).values()) == 1


def fuzzed(examples: int) -> settings:
    return settings(max_examples=examples * TIMES, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed(10_000)
@given(PRODUCT, st.integers(min_value=0), st.sampled_from(["A-1", 7, "", None]))
def test_any_product_through_any_pipeline(all_mappings, db, product, chosen, number):
    body = json.dumps({"product_id": 1, "product_no": number, **product}).encode()
    [item] = read(body)
    # Every fourth goes through the one with everything.
    mapping, target = all_mappings[chosen // 4 % len(all_mappings) if chosen % 4 else -1]
    check_all(db, item, mapped(item, body, mapping, target), mapping)


@pytest.mark.parametrize("name", ["x", "price", "name"])
def test_each_odd_value_in_each_pipeline(all_mappings, name):
    """What the dice above do not try together."""
    values: tuple[Any, ...] = (*TEXTS, *NUMBERS, None, True, [], [None], [""], [[]], [{}], {}, {"price": " "})
    for value in values:
        body = json.dumps({"product_id": 1, "product_no": "A", "price": 2, "name": "a", name: value}).encode()
        [item] = read(body)
        for mapping, target in all_mappings:
            mapped(item, body, mapping, target)


@pytest.mark.parametrize("heavy", HEAVY)
def test_a_heavy_value_in_many_pipelines(all_mappings, heavy):
    """Large, long, deep, or not JSON at all: each ends at once, with a draft or a rejection."""
    body = b'{"product_id":1,"product_no":"A-1","name":"a","price":2,"x":' + HEAVY[heavy].encode() + b"}"
    every = max(1, 11 // TIMES)
    for item in read(body):
        for mapping, target in all_mappings[list(HEAVY).index(heavy) % every :: every]:
            mapped(item, body, mapping, target)


@pytest.mark.parametrize("heavy", HEAVY)
def test_a_heavy_value_where_lists_are_read(all_mappings, db, heavy):
    """The same under the names that tables, images and custom fields are read from."""
    value = HEAVY[heavy]
    names = ("product_no", "images", "sku_items", "external_field_data")
    text = ('{"product_id":1' + "".join(f',"{name}":{value}' for name in names) + "}").encode()
    for item in read(text):
        mapping, target = all_mappings[-1]
        check_all(db, item, mapped(item, text, mapping, target), mapping)
