"""What is written to each type of component comes back equal from the simulated form, however it shows it.

The simulated form knows nothing of the encoder: it takes what the vendor's pages say, to the letter.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.simulator.forms import Form
from xmsyncd.simulator.options import BlankText, SimulatorOptions
from xmsyncd.simulator.options import Component as Simulated
from xmsyncd.simulator.times import SimulatedClock
from xmsyncd.simulator.yida_app import YidaApp
from xmsyncd.transform.hashes import hash_of
from xmsyncd.yida.kinds import COMPONENT_TYPES, Kind, Shape, shape_of
from xmsyncd.yida.values import Encoder, encode, normalise

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
URL = st.builds("https://{}.example/{}".format, st.from_regex(r"[a-z]{1,8}", fullmatch=True), WORD)
NUMBER = st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | st.decimals(-9999, 9999, places=4).map(str)
MOMENT = st.integers(100_000_000, 4_000_000_000)
TIME_TEXT = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S").zfill(19))
FILE = URL | st.fixed_dictionaries({"file_url": URL}, optional={"name": WORD, "size": st.integers(0, 10**9)})
LINK = URL | st.fixed_dictionaries({"url": URL}, optional={"text": TEXT})
ADDRESS = TEXT.filter(str.strip) | st.fixed_dictionaries(
    {"address": TEXT},
    optional={
        "regionIds": st.lists(st.integers(0, 10**6) | st.integers(0, 10**6).map(str), max_size=3),
        "regionText": st.lists(WORD | st.fixed_dictionaries({"zh_CN": WORD, "en_US": TEXT}), max_size=3),
    },
)
ASSOCIATION = st.fixed_dictionaries(
    {"appType": WORD, "formUuid": WORD, "instanceId": WORD},
    optional={"title": TEXT, "formType": st.just("process")},
)


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, max_size=4) | st.lists(values, min_size=1, max_size=4).map(_json)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXT | NUMBER | st.booleans() | st.lists(TEXT, max_size=2),
    Kind.NUMBER: NUMBER,
    Kind.RATE: st.integers(0, 10) | st.integers(0, 10).map(str),
    Kind.OPTION: WORD | st.integers(),
    Kind.OPTIONS: one_or_more(WORD),
    Kind.PATH: st.lists(WORD, max_size=4) | st.lists(WORD, min_size=1, max_size=4).map("/".join),
    Kind.MEMBERS: one_or_more(WORD | st.integers(0, 2**53)) | st.lists(WORD, max_size=3).map(",".join),
    Kind.DATE: MOMENT | MOMENT.map(lambda seconds: seconds * 1000) | TIME_TEXT | st.just("0000-00-00"),
    Kind.DATE_RANGE: st.tuples(st.none() | MOMENT, MOMENT).map(
        lambda pair: [pair[0] if pair[0] is None or pair[0] < pair[1] else None, pair[1]]
    ),
    Kind.COUNTRY: WORD | st.fixed_dictionaries({"value": WORD}),
    Kind.ADDRESS: ADDRESS,
    Kind.IMAGES: one_or_more(FILE),
    Kind.ATTACHMENTS: one_or_more(FILE),
    Kind.LINKS: one_or_more(LINK),
    Kind.ASSOCIATIONS: st.lists(ASSOCIATION, max_size=3),
}
WRITABLE = [one for one in COMPONENT_TYPES.values() if one.kind not in (Kind.SERIAL, Kind.TABLE)]


def form_of(*components: Simulated, as_text: bool, blank: BlankText = BlankText.SHOWN) -> Form:
    options = SimulatorOptions(components=components, composed_as_text=as_text, blank_text=blank)
    return YidaApp(options, SimulatedClock()).form


def read_back(form: Form, shapes: dict[str, Shape], content: dict[str, Any]) -> dict[str, Any]:
    """As a create does it: null is left out; what is stored and shown has passed through JSON."""
    sent = {name: value for name, value in content.items() if value is not None}
    form.check(sent, complete=True)
    form.check(content, complete=False)
    shown = orjson.loads(orjson.dumps(form.shown(orjson.loads(orjson.dumps(sent)))))
    return dict(normalise(shapes, shown))


@pytest.mark.parametrize("component_type", WRITABLE, ids=lambda one: one.name)
@given(data=st.data())
def test_each_type_reads_back_as_it_was_written(component_type: Any, data: st.DataObject) -> None:
    component = f"{component_type.name[0].lower()}{component_type.name[1:]}_a"
    form = form_of(
        Simulated(component, component_type.name),
        as_text=data.draw(st.booleans()),
        blank=data.draw(st.sampled_from(BlankText)),
    )
    content = {component: encode(component, "", data.draw(VALUES[component_type.kind]))}
    shown = read_back(form, {component: shape_of(component)}, content)
    assert shown == content
    assert hash_of(shown) == hash_of(content)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("nothing", [None, "", [], {}])
@pytest.mark.parametrize("component_type", WRITABLE, ids=lambda one: one.name)
def test_nothing_reads_back_as_nothing(component_type: Any, nothing: Any, as_text: bool) -> None:
    component = f"{component_type.name[0].lower()}{component_type.name[1:]}_a"
    content = {component: encode(component, "", nothing)}
    form = form_of(Simulated(component, component_type.name), as_text=as_text)
    assert read_back(form, {component: shape_of(component)}, content) == content


COLUMNS = {f"{one.name[0].lower()}{one.name[1:]}_c": one for one in WRITABLE}


@given(data=st.data())
def test_a_table_reads_back_as_it_was_written(data: st.DataObject) -> None:
    """With named columns and, as long as the ids tell their types, without."""
    named = data.draw(st.booleans())
    chosen = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    rows = [
        {name: data.draw(st.none() | VALUES[COLUMNS[name].kind]) for name in chosen}
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    shape = Shape(Kind.TABLE, {name: shape_of(name) for name in chosen} if named else {})
    encoder = Encoder({"tableField_t": shape})
    if named:
        rows = [{name: encoder(name, "", value) for name, value in row.items()} for row in rows]
    content = {"tableField_t": encoder("tableField_t", "array", rows)}
    form = form_of(
        Simulated("tableField_t", "TableField"),
        *(Simulated(name, COLUMNS[name].name, parent_id="tableField_t") for name in chosen),
        as_text=data.draw(st.booleans()),
    )
    shown = read_back(form, {"tableField_t": shape}, content)
    assert shown == content
    assert hash_of(shown) == hash_of(content)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("radioField_a", "1"),
        ("radioField_a", ""),
        ("multiSelectField_a", ["2", "1"]),
        ("checkboxField_a", []),
    ],
)
def test_options_written_by_value_read_back_by_value(component: str, value: Any) -> None:
    """And not equal where the mapping says that texts are written."""
    name = next(one for one in COMPONENT_TYPES if component.lower().startswith(one.lower()))
    options = SimulatorOptions(components=(Simulated(component, name),), options_by_value=True)
    form = YidaApp(options, SimulatedClock()).form
    content = {component: encode(component, "", value)}
    assert read_back(form, {component: shape_of(component, option_values=True)}, content) == content
    assert (read_back(form, {component: shape_of(component)}, content) == content) is (not value)


def test_another_order_of_keys_is_no_other_content() -> None:
    url = "https://a.example/b.png"
    image = {"url": url, "previewUrl": url, "uuid": "1", "name": "b.png", "downloadUrl": url}
    written = {"imageField_a": encode("imageField_a", "", url)}
    shown = normalise({"imageField_a": shape_of("imageField_a")}, {"imageField_a": _json([image])})
    assert hash_of(shown) == hash_of(written)


@given(st.sampled_from([kind for kind in VALUES if kind not in (Kind.DATE, Kind.DATE_RANGE)]), st.data())
def test_what_was_written_may_be_written_again(kind: Kind, data: st.DataObject) -> None:
    name = next(one.name for one in WRITABLE if one.kind is kind)
    written = encode(name, "", data.draw(VALUES[kind]))
    assert encode(name, "", written) == written
