"""The field list of the source article, and every way an item can be turned away."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.records import ContentHash, Draft, Item, Rejection, RejectionReason, SourceId
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.mapping import FieldMapping, FieldSpec, RuleSpec
from xmsyncd.transform.value_types import text_of

NAME = "textField_lq0sj9h9"
KEY = "textField_lq23ags2"
FIRST = "textField_lq0sj9h3"
SECOND = "textField_lqdd2tui"
SPECIFICATION = "textField_lstsv908"
REMARK = "textareaField_lq23ags6"
ARTICLE = (
    FieldSpec(NAME, "产品名称", "string", "{name}"),
    FieldSpec(KEY, "产品编码", "string", "{product_no}"),
    FieldSpec(FIRST, "一级分类", "string", "{{一级分组}}"),
    FieldSpec(SECOND, "二级分类", "string", "{group_id}"),
    FieldSpec(SPECIFICATION, "产品规格", "string", "{product_type}"),
    FieldSpec(REMARK, "产品备注", "string", "{product_remark}"),
)
REQUIRED = (RuleSpec(NAME, "required"), RuleSpec(KEY, "required"))
UPDATED = datetime(2024, 12, 1, tzinfo=UTC)
LISTED = {
    "product_id": 20240000000001,
    "name": "不锈钢螺栓 M8",
    "product_no": "A-001",
    "group_id": 20240000000017,
    "product_remark": None,
}
DERIVED = {"一级分组": "五金", "二级分组": "螺栓"}


def encode(component: str, declared_type: str, value: Any) -> Any:
    """Text components take text, number components numbers, others whatever it is."""
    if component.startswith(("textField_", "textareaField_")):
        return text_of(value)
    if component.startswith("numberField_") and not isinstance(value, (int, float)) and value != "":
        raise ValueError("a number for a number component")
    return value


def article(**changes: Any) -> FieldMapping:
    return FieldMapping(ARTICLE, REQUIRED, KEY, encode, **changes)


def one(value: str, kind: str = "string", component: str = "textField_x", *rules: RuleSpec) -> FieldMapping:
    """The key and one more component."""
    fields = (FieldSpec(component, "标签", kind, value), FieldSpec(KEY, "产品编码", "string", "{product_no}"))
    return FieldMapping(fields, rules, KEY, encode)


def item(raw: dict[str, Any]) -> Item:
    return Item(SourceId("20240000000001"), UPDATED, raw, ContentHash("h"))


def rejected(mapping: FieldMapping, raw: dict[str, Any], derived: dict[str, Any] | None = None) -> Rejection:
    found = mapping.map_item(item(raw), None, DERIVED if derived is None else derived)
    assert isinstance(found, Rejection), found
    assert (found.source_id, found.updated_at) == ("20240000000001", UPDATED)
    return found


def drafted(mapping: FieldMapping, raw: dict[str, Any], detail: dict[str, Any] | None = None) -> Draft:
    found = mapping.map_item(item(raw), detail, DERIVED)
    assert isinstance(found, Draft), found
    return found


def test_the_source_article():
    """All six components are sent, empty ones as "", numbers as the text their components hold."""
    draft = drafted(article(), LISTED, {"product_type": 1})
    assert draft.content == {
        NAME: "不锈钢螺栓 M8",
        KEY: "A-001",
        FIRST: "五金",
        SECOND: "20240000000017",
        SPECIFICATION: "1",
        REMARK: "",
    }
    assert list(draft.content) == [field.component for field in ARTICLE]
    assert draft.key == "A-001"
    assert draft.source_id == "20240000000001"
    assert draft.updated_at == UPDATED
    assert draft.content_hash == hash_of(dict(sorted(draft.content.items())))


def test_what_a_mapping_needs():
    mapping = article()
    assert mapping.item_needs == {"name", "product_no", "group_id", "product_type", "product_remark"}
    assert mapping.derived_needs == {"一级分组"}
    assert mapping.needs == mapping.item_needs | mapping.derived_needs
    assert mapping.components == tuple(field.component for field in ARTICLE)
    assert one("{{一级分组}}{{二级分组}}").derived_needs == {"一级分组", "二级分组"}
    assert one("{name}").derived_needs == frozenset()


def test_detail_fills_only_what_the_list_lacks():
    """An empty text in the list is an answer; absent and null are not."""
    raw = {"product_no": "A", "a": None, "b": "", "c": 0}
    draft = drafted(one("{a}/{b}/{c}/{d}"), raw, {"a": "A1", "b": "B1", "c": "C1", "d": "D1"})
    assert draft.content["textField_x"] == "A1//0/D1"


def test_derived_names_win_over_fields_of_the_item():
    draft = drafted(one("{{一级分组}}"), {"product_no": "A", "一级分组": "raw"}, {"一级分组": "detail"})
    assert draft.content["textField_x"] == "五金"


def test_a_derived_field_that_was_not_computed_is_never_a_blank():
    found = rejected(one("{{一级分组}}"), {"product_no": "A", "一级分组": "raw"}, {})
    assert found.reason is RejectionReason.MAPPING
    assert "一级分组" in found.detail


def test_equal_output_has_an_equal_hash_whatever_the_item():
    """The hash is of the output alone: what is not mapped, and how an id is typed, changes nothing."""
    mapping = article()
    first = drafted(mapping, LISTED)
    second = drafted(mapping, {**LISTED, "group_id": str(LISTED["group_id"]), "unmapped": 1})
    assert first.content_hash == second.content_hash
    assert first.content_hash != drafted(mapping, {**LISTED, "name": "other"}).content_hash


@pytest.mark.parametrize("product_no", [None, "", "  ", "\u3000", "\ufeff", [], {}])
def test_empty_key(product_no):
    """The key's own reason wins over the rule required on the same component."""
    found = rejected(article(), {**LISTED, "product_no": product_no})
    assert found.reason is RejectionReason.EMPTY_KEY
    assert found.component == KEY
    assert found.key is None
    assert f"{KEY} (产品编码): found " in found.detail


def test_a_key_of_fixed_text_alone_is_empty():
    """Otherwise all products without a number would share one key."""
    fields = (FieldSpec(KEY, "", "string", "P-{product_no}{model}"),)
    mapping = FieldMapping(fields, (), KEY, encode)
    assert rejected(mapping, {"product_no": " "}).reason is RejectionReason.EMPTY_KEY
    assert drafted(mapping, {"product_no": "1"}).key == "P-1"


def test_the_key_is_what_is_sent_without_blanks_at_its_ends():
    draft = drafted(article(), {**LISTED, "product_no": " \u3000A 001\u200b\n", "name": " 名 "})
    assert draft.key == draft.content[KEY] == "A 001"
    assert draft.content[NAME] == " 名 "


def test_leading_zeros_and_numbers_as_keys():
    assert drafted(article(), {**LISTED, "product_no": "000123"}).key == "000123"
    assert drafted(article(), {**LISTED, "product_no": 123}).key == "123"


@pytest.mark.parametrize("product_no", [["A"], {"a": 1}, True])
def test_a_list_an_object_or_a_boolean_is_no_key(product_no):
    found = rejected(article(), {**LISTED, "product_no": product_no})
    assert (found.reason, found.component) == (RejectionReason.TYPE, KEY)


@pytest.mark.parametrize("name", [None, "", "\u3000 "])
def test_required(name):
    """The rejection names component, label, what was found and expected, and the record's key."""
    found = rejected(article(), {**LISTED, "name": name})
    assert (found.reason, found.component, found.key) == (RejectionReason.REQUIRED, NAME, "A-001")
    assert found.detail.startswith(f'{NAME} (产品名称): found "')
    assert "expected a value" in found.detail


def test_declared_type_is_converted_and_a_failure_is_shortened():
    mapping = one("{price}", "float", "numberField_x")
    assert drafted(mapping, {"product_no": "A", "price": "12.50"}).content["numberField_x"] == 12.5
    assert drafted(mapping, {"product_no": "A"}).content["numberField_x"] == ""
    found = rejected(mapping, {"product_no": "A", "price": "x" * 1000})
    assert (found.reason, found.component, found.key) == (RejectionReason.TYPE, "numberField_x", "A")
    assert "xxx" in found.detail
    assert "(float)" in found.detail
    assert len(found.detail) < 250


def test_type_rule_with_its_own_type_checks_and_leaves_the_value_alone():
    mapping = one("{cost}", "string", "textField_x", RuleSpec("textField_x", "type", "float"))
    assert drafted(mapping, {"product_no": "A", "cost": "200.0000"}).content["textField_x"] == "200.0000"
    found = rejected(mapping, {"product_no": "A", "cost": "面议"})
    assert found.reason is RejectionReason.TYPE
    assert '"面议"' in found.detail


def test_type_rule_without_a_type_asks_for_the_declared_one():
    mapping = one("{cost}", "string", "textField_x", RuleSpec("textField_x", "type"))
    assert drafted(mapping, {"product_no": "A", "cost": 5}).content["textField_x"] == "5"
    assert rejected(mapping, {"product_no": "A", "cost": {"a": 1}}).reason is RejectionReason.TYPE


def test_what_the_encoder_refuses_is_a_type_rejection():
    found = rejected(one("{name}", "string", "numberField_x"), {"product_no": "A", "name": "x"})
    assert found.reason is RejectionReason.TYPE
    assert found.detail.endswith('found "x", expected a number for a number component')


@pytest.mark.parametrize(
    "name", ["half \ud83d", float("nan"), {"a": ["\udc00"]}, [float("inf")], 2**64], ids=repr
)
def test_what_cannot_be_written_is_rejected(name):
    mapping = one("{name}", "", "otherField_x")
    found = rejected(mapping, {"product_no": "A", "name": name})
    assert found.reason is RejectionReason.MAPPING
    found.detail.encode()


def test_half_a_character_in_the_key_is_rejected_without_a_key():
    found = rejected(article(), {**LISTED, "product_no": "A\ud83d"})
    assert (found.reason, found.key) == (RejectionReason.MAPPING, None)


def test_very_long_text_is_sent():
    """No limit of Yida's text components is published."""
    assert (
        drafted(article(), {**LISTED, "product_remark": "长" * 1_000_000}).content[REMARK] == "长" * 1_000_000
    )


def test_explain_shows_every_component_and_its_fault():
    steps = article().explain(item({**LISTED, "name": ""}), {"product_type": 2}, DERIVED)
    assert [step.component for step in steps] == [field.component for field in ARTICLE]
    name, key, first, *_, specification, _remark = steps
    assert "expected a value" in name.fault
    assert (key.template, key.inputs, key.output, key.fault) == (
        "{product_no}",
        {"{product_no}": "A-001"},
        "A-001",
        "",
    )
    assert first.inputs == {"{{一级分组}}": "五金"}
    assert (specification.inputs, specification.output) == ({"{product_type}": 2}, "2")


def test_all_faults_of_the_configuration_at_once():
    fields = [
        FieldSpec("", "", "string", ""),
        FieldSpec("", "", "string", "{a}"),
        FieldSpec("textField_a", "", "text", "{a}"),
        FieldSpec("textField_a", "", "string", "{a"),
        FieldSpec("textField_b", "", "bool", "fixed"),
    ]
    rules = [
        RuleSpec("textField_c", "required"),
        RuleSpec("textField_a", "uniq"),
        RuleSpec("textField_b", "type", "text"),
        RuleSpec("textField_b", "required", "int"),
        RuleSpec("textField_a", "type"),
    ]
    with pytest.raises(ConfigurationError) as caught:
        FieldMapping(fields, rules, "textField_b", encode, where="pipelines.products")
    assert sorted(fault.where.removeprefix("pipelines.products.") for fault in caught.value.faults) == [
        "fields.1.field",
        "fields.2.type",
        "fields.3.field",
        "fields.3.value, character 1",
        "fields.4.type",
        "fields.4.value",
        "quality.0.field",
        "quality.1.rule",
        "quality.2.type",
        "quality.3.type",
    ]
    assert "perhaps textField_" in str(caught.value)


def test_the_key_must_be_mapped_and_there_must_be_fields():
    with pytest.raises(ConfigurationError, match=f"target.key.*perhaps {KEY}"):
        FieldMapping(ARTICLE, (), KEY + "x", encode)
    with pytest.raises(ConfigurationError, match="no fields"):
        FieldMapping((FieldSpec(""),), (), KEY, encode)


def test_entries_with_nothing_in_them_are_skipped():
    """Published documents of 轻易云 end with such an entry."""
    mapping = FieldMapping((*ARTICLE, FieldSpec("")), (), KEY, encode)
    assert mapping.components == article().components


def test_spec_hash_changes_with_what_shapes_the_output_only():
    same = FieldMapping(
        [FieldSpec(s.component, "x", s.type, s.value) for s in ARTICLE[::-1]], REQUIRED[::-1], KEY, encode
    )
    assert same.spec_hash == article().spec_hash
    hashes = {
        article().spec_hash,
        FieldMapping(ARTICLE, (), KEY, encode).spec_hash,
        FieldMapping(ARTICLE, REQUIRED, NAME, encode).spec_hash,
        FieldMapping(ARTICLE[:-1], REQUIRED, KEY, encode).spec_hash,
        FieldMapping(
            (*ARTICLE[:-1], FieldSpec(REMARK, "", "string", "{x}")), REQUIRED, KEY, encode
        ).spec_hash,
        FieldMapping(
            (*ARTICLE[:-1], FieldSpec(REMARK, "", "", "{product_remark}")), REQUIRED, KEY, encode
        ).spec_hash,
    }
    assert len(hashes) == 6


ANY_TEXT = st.text(st.characters(), max_size=6)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.builds(pow, st.just(10), st.just(5000))
    | st.just("\ud800"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab0") | ANY_TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)
ROOTS = ("product_no", "name", "a", "b", "一级分组")
OBJECTS = st.dictionaries(st.sampled_from(ROOTS), JSON)
SPECS = st.builds(
    FieldSpec,
    component=st.sampled_from(["textField_x", "numberField_x", "tableField_x", "imageField_x"]),
    type=st.sampled_from(["string", "int", "float", "bool", "object", "array", ""]),
    value=st.sampled_from(["{a}", "{{a}}", "{a.0.b}", "{{b.a}}x{name}", "", "t", "{一级分组}", "{{name}}"]),
)
RULES = st.builds(
    RuleSpec,
    component=st.sampled_from([KEY]),
    rule=st.just("type"),
    type=st.sampled_from([None, "string", "int", "object"]),
)
KEY_SPECS = st.builds(
    FieldSpec,
    component=st.just(KEY),
    type=st.sampled_from(["string", "int", ""]),
    value=st.sampled_from(["{product_no}", "{{product_no}}", "{a.0}", "P{product_no}-{b}", "{{一级分组}}"]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(SPECS, max_size=3, unique_by=lambda spec: spec.component),
    KEY_SPECS,
    st.lists(RULES, max_size=1),
    OBJECTS,
    st.none() | OBJECTS,
    st.sampled_from([{}, DERIVED]) | st.fixed_dictionaries({"一级分组": JSON}),
)
def test_any_item_is_drafted_or_rejected(specs, key_spec, rules, raw, detail, derived):
    """Never an exception, and never a draft that could not be written, found by its key or hashed."""
    mapping = FieldMapping([*specs, key_spec], rules, KEY, encode)
    found = mapping.map_item(item(raw), detail, derived)
    steps = mapping.explain(item(raw), detail, derived)
    if isinstance(found, Rejection):
        found.detail.encode()
        assert len(found.detail) < 600
        assert "\n" not in found.detail
        assert found.component in mapping.components
        assert found.detail in [step.fault for step in steps]
        return
    assert isinstance(found, Draft)
    assert not any(step.fault for step in steps)
    assert {step.component: step.output for step in steps} == found.content
    assert found.content.keys() == set(mapping.components)
    assert found.key == found.content[KEY] == found.key.strip()
    assert found.key
    assert found.content_hash == hash_of(dict(sorted(found.content.items())))
    assert mapping.map_item(item(raw), detail, derived) == found
