"""Yida's simulated store and its search index."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.simulator.conftest import Tick
from xmsyncd.simulator.options import Component, EqMeaning, FormKind, Searchable, SimulatorOptions
from xmsyncd.simulator.oracle import GROUP_ID, NAME, NUMBER
from xmsyncd.simulator.refusals import RefusedError
from xmsyncd.simulator.times import SimulatedClock
from xmsyncd.simulator.yida_app import Arguments, YidaApp

FORM = SimulatorOptions().form_uuid


def make(tick: Tick, **options: Any) -> YidaApp:
    return YidaApp(SimulatorOptions(**options), SimulatedClock(wall=tick, monotonic=tick))


def start(app: YidaApp, number: str, **more: str) -> str:
    data = {NUMBER: number, **more}
    given = {"formUuid": FORM, "userId": "demo-user", "formDataJson": json.dumps(data)}
    result: str = app.start(Arguments(given))["result"]
    return result


def update(app: YidaApp, instance_id: str, **data: str) -> None:
    app.update_process(Arguments({"processInstanceId": instance_id, "updateFormDataJson": json.dumps(data)}))


def condition(value: Any, *, key: str = NUMBER, operator: str = "eq", **more: str) -> dict[str, Any]:
    shape = {"type": "TEXT", "componentName": "TextField"}
    return {"key": key, "value": value, "operator": operator, **shape, **more}


def search(app: YidaApp, *conditions: Any, **more: Any) -> dict[str, Any]:
    field = json.dumps(conditions[0] if conditions and "key" not in conditions[0] else conditions)
    given = {"formUuid": FORM, **({"searchFieldJson": field} if conditions else {}), **more}
    return app.search(Arguments(given))


def ids(found: dict[str, Any]) -> list[str]:
    return [row["processInstanceId"] for row in found["data"]]


def test_index_lags_and_reading_by_id_does_not(tick: Tick) -> None:
    """Creates and updates reach a search later; the newest version is there by id at once."""
    app = make(tick, index_lag=timedelta(seconds=2))
    made = start(app, "A-1")
    assert ids(search(app, condition("A-1"))) == []
    assert app.get(Arguments({"id": made}))["data"] == {NUMBER: "A-1"}
    tick.now += 2
    assert ids(search(app, condition("A-1"))) == [made]
    update(app, made, **{NUMBER: "A-2"})
    assert ids(search(app, condition("A-1"))) == [made]
    assert ids(search(app, condition("A-2"))) == []
    tick.now += 2
    assert ids(search(app, condition("A-1"))) == []
    assert ids(search(app, condition("A-2"))) == [made]


def test_frozen_index_shows_nothing_new_until_the_thaw(tick: Tick) -> None:
    """And then everything whose lag has passed."""
    app = make(tick, index_lag=timedelta(seconds=2))
    old = start(app, "A-1")
    tick.now += 2
    app.index.freeze()
    start(app, "A-2")
    update(app, old, **{NAME: "改"})
    tick.now += 600
    assert search(app)["totalCount"] == 1
    assert search(app, condition("A-1"))["data"][0]["data"] == {NUMBER: "A-1"}
    app.index.thaw()
    assert search(app)["totalCount"] == 2
    assert search(app, condition("A-1"))["data"][0]["data"] == {NUMBER: "A-1", NAME: "改"}


def test_deleted_instance_is_gone_by_id_and_later_in_the_index(tick: Tick) -> None:
    """The index is the last to know."""
    app = make(tick, index_lag=timedelta(seconds=2))
    made = start(app, "A-1")
    tick.now += 2
    app.delete(Arguments({"processInstanceId": made}))
    with pytest.raises(RefusedError, match="dataDoesNotExistOrIsDeleted"):
        app.get(Arguments({"id": made}))
    assert ids(search(app, condition("A-1"))) == [made]
    tick.now += 2
    assert ids(search(app, condition("A-1"))) == []


@pytest.mark.parametrize(
    ("meaning", "found"),
    [(EqMeaning.EXACT, 1), (EqMeaning.IGNORE_CASE, 2), (EqMeaning.TRIMMED, 2)],
)
def test_eq_may_mean_more_than_equal(tick: Tick, meaning: EqMeaning, found: int) -> None:
    """So a client has to compare by itself."""
    app = make(tick, eq_meaning=meaning)
    for number in ("led-1", "LED-1", " LED-1 ", "LED-10"):
        start(app, number)
    assert search(app, condition("LED-1"))["totalCount"] == found


def test_text_searches(tick: Tick) -> None:
    """Equal, containing, by object (fuzzy, whatever the case), and several conditions at once."""
    app = make(tick)
    one, two = start(app, "LED-1", **{NAME: "甲"}), start(app, "LED-10", **{NAME: "乙"})
    assert ids(search(app, condition("LED-1"))) == [one]
    assert ids(search(app, condition("ed-1", operator="like"))) == [two, one]
    assert ids(search(app, {NUMBER: "led-10"})) == [two]
    assert ids(search(app, condition("LED-1"), condition("乙", key=NAME))) == []
    assert ids(search(app, condition("LED-1"), condition("甲", key=NAME))) == [one]
    assert ids(search(app, condition("demo-user", key="originator", componentName="EmployeeField"))) == [
        two,
        one,
    ]


def test_a_component_that_is_not_searchable(tick: Tick) -> None:
    """Finds nothing, or is refused; a search without components still counts."""
    app = make(tick, searchable=Searchable.NEVER_FOUND)
    start(app, "A-1")
    assert search(app, condition("A-1"))["totalCount"] == 0
    assert search(app)["totalCount"] == 1
    app.searchable = Searchable.REFUSED
    with pytest.raises(RefusedError, match="deficiencyOfMapping"):
        search(app, condition("A-1"))


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ([condition("x", key="textField_nobody")], "canNotFindKeyAccordingToComponentFieldId"),
        ([condition("x", operator="contains")], "componentCanNotSupportThisOperatorType"),
        ([condition("x", type="STRING")], "parameterValidationFailed"),
        ([condition("x", componentName="TextareaField")], "parameterValidationFailed"),
        ([condition("")], "componentValuesEmptyInSearchFieldJson"),
        ([{"key": NUMBER, "value": "x"}], "invalidFormat"),
        ([condition("x"), condition("y", operator="like")], "simultaneousFuzzySearchAndPreciseSearch"),
    ],
)
def test_wrong_conditions_are_refused(tick: Tick, conditions: list[Any], code: str) -> None:
    """With the vendor's codes."""
    with pytest.raises(RefusedError, match=code):
        search(make(tick), *conditions)


def test_paging_has_its_limits(tick: Tick) -> None:
    """100 rows a page, 5 000 rows deep; newest first unless ordered."""
    app = make(tick)
    made = [start(app, f"A-{number}") for number in range(5)]
    found = search(app, pageNumber="2", pageSize="2")
    assert (found["totalCount"], found["pageNumber"], ids(found)) == (5, 2, [made[2], made[1]])
    ordered = search(app, orderConfigJson='{"gmt_create":"+"}')
    assert ids(ordered) == made
    by_number = search(app, orderConfigJson=json.dumps({NUMBER: "-"}))
    assert ids(by_number) == made[::-1]
    with pytest.raises(RefusedError, match="numberOfQueryDataExceed"):
        search(app, pageSize=101)
    with pytest.raises(RefusedError, match="cursorExceedFiveThousand"):
        search(app, pageNumber=51, pageSize=100)
    assert app.ids(Arguments({"formUuid": FORM, "pageSize": 1}))["data"] == [made[-1]]


def test_filters_beside_the_components(tick: Tick) -> None:
    """Originator, state, and dates in the vendors' zone with both days included."""
    app = make(tick)
    start(app, "A-1")
    day = app.clock.text(tick.now)[:10]
    tick.now += 86_400
    start(app, "A-2")
    next_day = app.clock.text(tick.now)[:10]
    assert search(app, createFromTimeGMT=day, createToTimeGMT=day)["totalCount"] == 1
    assert search(app, createFromTimeGMT=day, createToTimeGMT=next_day)["totalCount"] == 2
    assert search(app, modifiedFromTimeGMT=next_day)["totalCount"] == 1
    assert search(app, originatorId="somebody")["totalCount"] == 0
    assert search(app, instanceStatus="RUNNING")["totalCount"] == 2
    assert search(app, instanceStatus="COMPLETED")["totalCount"] == 0
    with pytest.raises(RefusedError, match="invalidFormat"):
        search(app, createFromTimeGMT="yesterday")


def test_forms_refuse_each_others_calls(tick: Tick) -> None:
    """A process form cannot be saved to, an ordinary form cannot be started."""
    app = make(tick)
    app.add_form("FORM-2", kind=FormKind.FORM, components=[Component("textField_a")])
    body = {"userId": "u", "formDataJson": '{"textField_a":"x"}'}
    with pytest.raises(RefusedError, match="receiptFormCanNotStartInstance"):
        app.start(Arguments({"formUuid": "FORM-2", **body}))
    with pytest.raises(RefusedError, match="processFormCanNotSaveReceiptFormData"):
        app.save(Arguments({"formUuid": FORM, **body}))
    saved = app.save(Arguments({"formUuid": "FORM-2", **body}))["result"]
    assert saved.startswith("FINST-")
    app.update_form(Arguments({"formInstanceId": saved, "updateFormDataJson": '{"textField_a":"y"}'}))
    assert app.get_form_data(Arguments({"id": saved}))["formData"] == {"textField_a": "y"}


def test_history_keeps_every_version(tick: Tick) -> None:
    """An update replaces what it names and keeps the rest."""
    app = make(tick)
    made = start(app, "A-1", **{NAME: "甲", GROUP_ID: "7"})
    tick.now += 60
    update(app, made, **{NAME: "乙"})
    instance = app.form.store.get(made)
    assert instance is not None
    assert [each.data()[NAME] for each in instance.versions] == ["甲", "乙"]
    row = app.get(Arguments({"id": made}))
    assert row["data"] == {NUMBER: "A-1", NAME: "乙", GROUP_ID: "7"}
    assert row["version"] == 2
    assert row["createTimeGMT"] != row["modifiedTimeGMT"]
