"""The judge sees what is lost, doubled, old or foreign."""

from __future__ import annotations

import pytest

from xmsyncd.simulator.catalogue import Dirt
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import FIRST_GROUP, NAME, NUMBER, PRODUCT_TYPE, REMARK
from xmsyncd.simulator.server import Simulator


@pytest.fixture
def simulator() -> Simulator:
    """Not started: both stores, and every product delivered."""
    simulator = Simulator(SimulatorOptions(products=20))
    for product_id in simulator.catalogue.ids():
        deliver(simulator, product_id)
    return simulator


def deliver(simulator: Simulator, product_id: int) -> None:
    data = simulator.oracle.expected(product_id)
    simulator.form.store.create(dict(data), user_id="demo-user", status="RUNNING")


def test_agreement(simulator: Simulator) -> None:
    """Every product once, with its latest content."""
    verdict = simulator.oracle.judge()
    assert verdict.agrees
    assert (verdict.instances, verdict.products) == (20, 20)


def test_expected_content_is_of_the_example(simulator: Simulator) -> None:
    """Six texts, the first level of the group tree among them."""
    product_id = simulator.catalogue.ids()[0]
    fields = simulator.catalogue.product(product_id)
    expected = simulator.oracle.expected(product_id)
    assert expected[NAME] == fields["name"]
    assert expected[FIRST_GROUP] == simulator.catalogue.groups.path(fields["group_id"])[0].name
    assert expected[PRODUCT_TYPE] == str(fields["product_type"])
    assert len(expected) == 6


async def test_every_disagreement_is_told(simulator: Simulator) -> None:
    """Missing, doubled, different and extra, each by its number; politely as well."""
    catalogue, store = simulator.catalogue, simulator.form.store
    missing, doubled, different, renamed = catalogue.ids()[:4]
    numbers = {each: catalogue.product(each)["product_no"] for each in catalogue.ids()}
    instance = store.holding(NUMBER, numbers[missing])[0]
    store.delete(instance)
    deliver(simulator, doubled)
    catalogue.edit(different, product_remark="新")
    catalogue.rename_number(renamed, "NEU-1")
    verdict = simulator.oracle.judge()
    assert not verdict.agrees
    assert verdict.missing == [numbers[missing], "NEU-1"]
    assert verdict.doubled == [numbers[doubled]]
    assert [each["key"] for each in verdict.different] == [numbers[different]]
    assert verdict.different[0]["expected"][REMARK] == "新"
    assert verdict.extra == [numbers[renamed]]
    assert await simulator.oracle.judge_politely() == verdict


def test_dirty_products_are_told_apart(simulator: Simulator) -> None:
    """They belong into the daemon's list; one number for two products is delivered once."""
    catalogue = simulator.catalogue
    first, second = catalogue.ids()[:2]
    catalogue.spoil(Dirt.MISSING_NAME, only=second)
    catalogue.rename_number(first, catalogue.product(catalogue.ids()[5])["product_no"])
    verdict = simulator.oracle.judge()
    assert verdict.rejected == [second]
    assert verdict.conflicts == [catalogue.product(first)["product_no"]]
    assert verdict.missing == []


def test_unknown_groups_may_be_blank_or_named(simulator: Simulator) -> None:
    """Both are policies of the daemon."""
    product_id = simulator.catalogue.ids()[0]
    simulator.catalogue.spoil(Dirt.UNKNOWN_GROUP, only=product_id)
    number = simulator.catalogue.product(product_id)["product_no"]
    instance = simulator.form.store.holding(NUMBER, number)[0]
    for shown in ("", "已删除的分组"):
        simulator.form.store.update(instance, {**simulator.oracle.expected(product_id), FIRST_GROUP: shown})
        assert simulator.oracle.judge().agrees


def test_deleted_products_may_stay_in_yida(simulator: Simulator) -> None:
    """What happens to them is a setting."""
    simulator.catalogue.delete(simulator.catalogue.ids()[0])
    assert simulator.oracle.judge().agrees


def test_a_simulation_may_start_dirty_and_frozen() -> None:
    """One dirty product of each kind in turn; an index that shows nothing."""
    simulator = Simulator(SimulatorOptions(products=20, dirty_products=5, index_frozen=True))
    verdict = simulator.oracle.judge()
    assert len(verdict.rejected) == 3  # no number, no name, a name that is no text
    assert len(verdict.conflicts) == 1
    assert simulator.yida.app.index.frozen
