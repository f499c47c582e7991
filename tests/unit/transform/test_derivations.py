"""Derived fields: each kind, their order, what they are made of, and every fault at once."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.phrases.reasons import REASONS
from xmsyncd.records import ContentHash, Draft, Item, Rejection, RejectionReason, SourceId
from xmsyncd.transform.custom_fields import CustomField, FieldDictionary
from xmsyncd.transform.derivation_specs import (
    BUILT_IN_TABLES,
    CustomSpec,
    DeriveSpec,
    GroupPlace,
    GroupShow,
    GroupSpec,
    LookupSpec,
    ObjectSpec,
    RowsSpec,
    UrlsSpec,
    ValueSpec,
)
from xmsyncd.transform.derivations import DerivationError, Derivations, compile_derivations
from xmsyncd.transform.derived import GROUP_PATH
from xmsyncd.transform.mapping import FieldMapping, FieldSpec
from xmsyncd.transform.tables import LookupTable, MissingEntry

COLOURS = LookupTable("colours", {"R": "红", "B": "蓝"})
TABLES = {**BUILT_IN_TABLES, "colours": COLOURS}
DICTIONARY = FieldDictionary(
    [
        CustomField("30001", "保修期"),
        CustomField("name", "保修期", is_custom=False),
        CustomField("30002", "认证"),
        CustomField("30003", "认证"),
        CustomField("model", "型号", is_custom=False),
    ]
)
KEY = "textField_key"
GROUPS = {
    GROUP_PATH: {
        "levels": [{"id": "1", "name": "五金"}, {"id": "11", "name": "螺栓"}],
        "leaf": {"id": "11", "name": "螺栓"},
    }
}


def compiled(*specs: DeriveSpec, fields: FieldDictionary | None = DICTIONARY) -> Derivations:
    derivations, faults = compile_derivations(specs, TABLES, fields)
    assert not faults, [str(fault) for fault in faults]
    return derivations


def derived(spec: DeriveSpec, **values: Any) -> Any:
    return compiled(spec).derive(values)[spec.name]


def faults_of(*specs: DeriveSpec) -> list[str]:
    return [str(fault) for fault in compile_derivations(specs, TABLES, DICTIONARY)[1]]


def mapping(fields: dict[str, str], *specs: DeriveSpec, tables: Any = TABLES, **further: Any) -> FieldMapping:
    listed = [FieldSpec(component, value=value) for component, value in fields.items()]
    return FieldMapping(
        listed,
        (),
        KEY,
        lambda _component, _type, value: value,
        derive=specs,
        tables=tables,
        custom_fields=DICTIONARY,
        **further,
    )


def item(**raw: Any) -> Item:
    return Item(SourceId("7"), None, raw, ContentHash("h"))


def test_a_business_key_is_made_of_several_fields():
    spec = ValueSpec("业务键", "{product_no}-{model}")
    assert derived(spec, product_no="P1", model=3) == "P1-3"


def test_a_look_up_has_a_word_of_its_own_for_what_is_missing():
    assert derived(LookupSpec("颜色", "colours", "{colour}"), colour="R") == "红"
    assert derived(LookupSpec("颜色", "colours", "{colour}", MissingEntry.KEEP), colour="X") == "X"
    with pytest.raises(ValueError, match="look-up table colours"):
        derived(LookupSpec("颜色", "colours", "{colour}"), colour="X")


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("product_type", 1, "无规格"),
        ("product_type", "2", "多规格"),
        ("product_type", 3, "组合"),
        ("source_type", 5, "ERP导入"),
        ("source_type", "手动创建", "手动创建"),
        ("enable_flag", 0, "已删除"),
    ],
)
def test_enumerations_of_okki_are_there_by_name(name: str, value: Any, label: str):
    assert derived(LookupSpec("词", name, f"{{{name}}}"), **{name: value}) == label


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (GroupSpec("x", 1), "五金"),
        (GroupSpec("x", 2, GroupShow.ID), "11"),
        (GroupSpec("x", 3), ""),
        (GroupSpec("x", GroupPlace.LEAF), "螺栓"),
        (GroupSpec("x", GroupPlace.PATH, separator=" > "), "五金 > 螺栓"),
        (GroupSpec("x", GroupPlace.PATH, GroupShow.ID), "1/11"),
    ],
)
def test_groups_by_level_leaf_and_path(spec: GroupSpec, found: str):
    assert compiled(spec).derive(GROUPS)["x"] == found


@pytest.mark.parametrize(
    "raw",
    [
        {"external_field_data": [{"id": "30001", "name": "保修期", "value": "2年"}]},
        {"external_field_data": [{"id": 30001, "value": "2年"}]},
        {"external_field_data": [{"field_id": "30001", "field_value": "2年"}]},
        {"external_field_data": [None, "?", {"name": "保修期", "value": "2年"}]},
        {"external_field_data": {"30001": "2年"}},
        {"external_field_data": {"30001": {"name": "保修期", "value": "2年"}}},
        {"30001": "2年"},
        {"external_field_data": [], "30001": {"value": "2年"}},
    ],
)
def test_a_custom_field_is_found_by_name_in_every_shape(raw: dict[str, Any]):
    assert derived(CustomSpec("保修", "保修期"), **raw) == "2年"
    assert derived(CustomSpec("保修", "30001"), **raw) == "2年"


def test_another_custom_field_of_the_same_name_elsewhere_is_not_taken():
    raw = {"external_field_data": [{"id": "39999", "name": "保修期", "value": "他"}]}
    assert derived(CustomSpec("保修", "保修期"), **raw) == ""


def test_one_of_okkis_own_fields_may_be_named_too():
    assert derived(CustomSpec("型号", "型号"), model="M1") == "M1"


def test_a_custom_field_without_the_dictionary_is_never_a_blank():
    with pytest.raises(ValueError, match="field dictionary"):
        compiled(CustomSpec("保修", "保修期"), fields=None).derive({"30001": "2年"})


def test_addresses_come_out_of_every_shape():
    spec = UrlsSpec("图", "{images}")
    one, other = "https://a.example/1.png", "http://b.example/2.png"
    assert derived(spec, images=[{"file_url": one}, {"url": other}, {"file_url": ""}, one]) == [one, other]
    assert derived(spec, images=one) == [one]
    assert derived(spec, images={"file_url": "//c.example/3.png"}) == ["https://c.example/3.png"]
    assert derived(spec, images=None) == []
    assert derived(UrlsSpec("图", "{{images}}"), images=[{"src": other}]) == [other]
    with pytest.raises(ValueError, match="begin with http"):
        derived(spec, images=["javascript:alert(1)"])


def test_rows_are_objects_with_columns_of_their_own():
    items = [{"sku_code": "A", "price": "2.50"}, {"sku_code": "B"}]
    spec = RowsSpec("规格", "{sku_items}", {"编码": "{sku_code}", "说明": "价格 {price}"})
    assert derived(spec, sku_items=items) == [
        {"编码": "A", "说明": "价格 2.50"},
        {"编码": "B", "说明": "价格 "},
    ]
    assert derived(RowsSpec("规格", "{sku_items}"), sku_items=items) == items
    assert derived(spec, sku_items=[]) == []
    with pytest.raises(ValueError, match="a list of objects"):
        derived(spec, sku_items=["A"])
    spec = RowsSpec("规格", "{sku_items}", {"价格": "{price|number}"})
    with pytest.raises(ValueError, match=r"a number .* in row 2, column 价格 \(derived field 规格\)"):
        derived(spec, sku_items=[{"price": "2.50"}, {"price": "面议"}])


def test_one_derived_field_may_use_another_in_whatever_order_they_stand():
    derivations = compiled(
        ValueSpec("键", "{前缀}-{product_no}"),
        LookupSpec("前缀", "colours", "{色码}"),
        ValueSpec("色码", "{colour}"),
        ValueSpec("无关", "{other}"),
    )
    assert derivations.derive({"product_no": "P1", "colour": "B"})["键"] == "蓝-P1"
    assert [one.name for one in derivations.chain(frozenset({"键"}))] == ["色码", "前缀", "键"]
    assert derivations.needs(frozenset({"键", "name"})) == {"product_no", "colour", "name"}


def test_an_object_is_put_together_from_the_item():
    derivations = compiled(
        ObjectSpec("链接", {"link": "{url}", "text": "{{name}} {{colour|lookup(colours)}}"})
    )
    assert derivations.needs(frozenset({"链接"})) == {"url", "name", "colour"}
    told = derivations.derive({"url": "https://a.example", "name": "灯", "colour": "R"})["链接"]
    assert told == {"link": "https://a.example", "text": "灯 红"}
    assert derivations.derive({"url": "", "name": " "})["链接"] == "", "fixed text tells nothing of an item"
    with pytest.raises(DerivationError, match=r"an entry for .X. .* in part text \(derived field 链接\)"):
        derivations.derive({"url": "https://a.example", "colour": "X"})


def test_a_table_without_the_entry_is_told_from_within_an_object():
    the_mapping = mapping(
        {KEY: "{product_no}", "linkField_a": "{链接}"},
        ObjectSpec("链接", {"link": "{url}", "text": "{colour|lookup(colours)}"}),
    )
    rejection = the_mapping.map_item(item(product_no="P1", url="https://a.example", colour="X"), None, {})
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectionReason.LOOKUP


def test_a_circle_is_named():
    found = faults_of(
        ValueSpec("a", "{b}"), ValueSpec("b", "{c}"), ValueSpec("c", "{a}"), ValueSpec("d", "x")
    )
    assert len(found) == 1
    assert any(circle in found[0] for circle in ("a → b → c → a", "b → c → a → b", "c → a → b → c"))


def test_a_field_that_needs_itself_is_a_circle():
    assert faults_of(ValueSpec("name", "{name}")) == [
        "name: found a circle: name → name; expected derived fields of which none needs itself"
    ]


def test_all_faults_are_told_at_once():
    found = "\n".join(
        faults_of(
            ValueSpec("a b", "x"),
            ValueSpec("一级分组", "x"),
            ValueSpec("CURRENT_TIME", "x"),
            ValueSpec("offen", "{x"),
            LookupSpec("颜色", "colour", "{c}"),
            LookupSpec("类型", "product_typ", "{c}", setting="enum"),
            RowsSpec("行", "{x}", {"列": "{y"}),
            CustomSpec("保修", "保修"),
            CustomSpec("认证", "认证"),
        )
    )
    assert 'a b: found the name "a b"' in found
    assert "一级分组: found" in found
    assert "CURRENT_TIME: found" in found
    assert "offen.value: found" in found
    assert '颜色.lookup: found the unknown table "colour"' in found
    assert "nearest: colours" in found
    assert '类型.enum: found the unknown table "product_typ"' in found
    assert "行.columns.列: found" in found
    assert "保修.custom: found" in found
    assert "nearest: 保修期" in found
    assert "认证.custom: found 2 fields" in found
    assert "30002, 30003" in found


def test_a_mapping_uses_derived_fields_and_names_them_in_a_rejection():
    the_mapping = mapping(
        {KEY: "{业务键}", "textField_c": "色 {颜色}"},
        ValueSpec("业务键", "{product_no}-{model}"),
        LookupSpec("颜色", "colours", "{colour}"),
    )
    draft = the_mapping.map_item(item(product_no="P1", model="M", colour="R"), None, {})
    assert isinstance(draft, Draft)
    assert draft.content == {KEY: "P1-M", "textField_c": "色 红"}
    rejection = the_mapping.map_item(item(product_no="P1", model="M", colour="X"), None, {})
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, rejection.key) == (RejectionReason.LOOKUP, "P1-M")
    assert rejection.component == "textField_c"
    assert 'found "X"' in rejection.detail
    assert "(derived field 颜色)" in rejection.detail


@pytest.mark.parametrize("value", ["{{colour|lookup(colours)}}", "_function LOOKUP('colours', {colour})"])
def test_a_table_without_the_entry_has_a_reason_of_its_own(value):
    the_mapping = mapping({KEY: "{product_no}", "textField_c": value})
    rejection = the_mapping.map_item(item(product_no="P1", colour="X"), None, {})
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectionReason.LOOKUP
    assert 'expected an entry for "X" in the look-up table colours' in rejection.detail
    advice = REASONS[rejection.reason].advice
    assert "missing:" in advice.english
    assert "missing:" in advice.chinese


def test_a_key_made_of_nothing_but_fixed_text_is_an_empty_key():
    the_mapping = mapping(
        {KEY: "{业务键}"}, ValueSpec("业务键", "OKKI-{部分}"), ValueSpec("部分", "{product_no}/{model}")
    )
    rejection = the_mapping.map_item(item(product_no="", model=None), None, {})
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectionReason.EMPTY_KEY
    assert isinstance(the_mapping.map_item(item(product_no="1"), None, {}), Draft)


def test_faults_of_derived_fields_are_faults_of_the_configuration():
    with pytest.raises(ConfigurationError) as raised:
        mapping({KEY: "{x}"}, ValueSpec("x", "{x}"), where="pipelines.products")
    assert raised.value.faults[0].where == "pipelines.products.derive.x"


def test_what_a_mapping_uses_of_derived_fields_and_tables_shapes_its_hash():
    fields = {KEY: "{product_no}", "textField_c": "{颜色}"}
    spec = LookupSpec("颜色", "colours", "{colour}")
    same = mapping(fields, spec).spec_hash
    assert mapping(fields, spec, ValueSpec("unused", "{x}")).spec_hash == same
    assert mapping(fields, LookupSpec("颜色", "colours", "{color}")).spec_hash != same
    other = {**TABLES, "colours": LookupTable("colours", {"R": "赤"})}
    assert mapping(fields, spec, tables=other).spec_hash != same
    unused = {**TABLES, "more": LookupTable("more", {"R": "赤"})}
    assert mapping(fields, spec, tables=unused).spec_hash == same


def test_custom_fields_that_are_used_are_told_by_name():
    the_mapping = mapping({KEY: "{保修}"}, CustomSpec("保修", "保修期"), CustomSpec("不用", "型号"))
    assert the_mapping.custom_fields == (CustomField("30001", "保修期"),)
    assert the_mapping.item_needs == {"external_field_data", "30001"}


def test_group_levels_are_asked_for_when_a_derived_field_needs_them():
    assert mapping({KEY: "{全路径}"}, GroupSpec("全路径", GroupPlace.PATH)).derived_needs == {GROUP_PATH}
    assert not mapping({KEY: "{product_no}"}, GroupSpec("全路径", GroupPlace.PATH)).derived_needs


def test_each_derived_field_explains_itself():
    the_mapping = mapping({KEY: "{键}"}, ValueSpec("键", "{色}!"), LookupSpec("色", "colours", "{colour}"))
    steps = the_mapping.explain_derived(item(colour="R"), None, {})
    assert [(one.component, one.output) for one in steps] == [("derive.色", "红"), ("derive.键", "红!")]
    steps = the_mapping.explain_derived(item(colour="X"), None, {})
    assert "look-up table colours" in steps[0].fault


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "30001", "value", "file_url", "url", "name"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(JSON, JSON)
def test_whatever_the_product_holds_only_value_errors_come_out(data: Any, other: Any):
    derivations = compiled(
        CustomSpec("保修", "保修期"),
        UrlsSpec("图", "{external_field_data}"),
        RowsSpec("行", "{external_field_data}", {"列": "{value}-{id}"}),
        LookupSpec("色", "colours", "{30001}"),
        LookupSpec("保", "colours", "{保修}", MissingEntry.KEEP),
        ValueSpec("值", "{保修}/{30001}"),
    )
    for one in derivations.chain(derivations.names):
        lookup = {"external_field_data": data, "30001": other, "保修": other}
        with contextlib.suppress(ValueError):
            one.evaluate(lookup)


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefxy"), max_size=3)))
def test_either_an_order_is_found_or_a_true_circle_is_named(graph: dict[str, list[str]]):
    specs = [ValueSpec(name, "-".join(f"{{{root}}}" for root in roots)) for name, roots in graph.items()]
    derivations, faults = compile_derivations(specs, TABLES, None)
    if faults:
        circle = faults[0].found.removeprefix("a circle: ").split(" → ")
        assert circle[0] == circle[-1]
        assert all(after in graph[before] for before, after in pairwise(circle))
    else:
        met: set[str] = set()
        for one in derivations.chain(derivations.names):
            assert one.roots & graph.keys() <= met
            met.add(one.name)
        assert met == graph.keys()
