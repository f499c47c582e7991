"""Filters and expressions on their way: what they make of a product is in Yida, or the product in a list."""

from __future__ import annotations

from pathlib import Path

from tests.scenario import FIELDS
from tests.world import World, application
from xmsyncd.simulator.options import EXAMPLE_COMPONENTS, Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator

SHORT, DAY, PRICE, SAID = "textField_short", "dateField_day", "numberField_price", "textField_said"
FORM = (
    *EXAMPLE_COMPONENTS,
    Component(SHORT, "TextField", "简称"),
    Component(DAY, "DateField", "更新日"),
    Component(PRICE, "NumberField", "价格"),
    Component(SAID, "TextField", "说明"),
)
FILTERED = {
    "replace": [
        *FIELDS,
        {"field": SHORT, "label": "简称", "type": "string", "value": "{{name|trim|truncate(4, '…')}}"},
        {"field": DAY, "label": "更新日", "type": "string", "value": "{{update_time|date}}"},
        {"field": PRICE, "label": "价格", "type": "float", "value": "{product_remark|number|round(1)}"},
        {
            "field": SAID,
            "label": "说明",
            "type": "string",
            "value": "_function CONCAT('{{product_no}}: ', IF({product_remark} > 100, 'dear', 'cheap'))",
        },
    ]
}


async def held(here: World, product: int) -> dict[str, object]:
    """What Yida holds for a product."""
    found = here.simulated.form.store.get((await here.record(product))["instance_id"])
    assert found is not None
    return dict(found.latest.data())


async def test_values_arrive_and_what_has_none_is_listed_with_the_reason(tmp_path: Path) -> None:
    options = SimulatorOptions(products=3, components=FORM)
    async with Simulator(options) as simulated, application(tmp_path, simulated, fields=FILTERED) as here:
        good, sly, bad = simulated.catalogue.ids()
        simulated.catalogue.edit(good, name="  不锈钢六角螺栓 ", product_remark="1234.25")
        simulated.catalogue.edit(sly, name="x', 1) -- ", product_remark="7")
        simulated.catalogue.edit(bad, product_remark="约 200 元")
        await here.sync()
        assert await here.states() == {"delivered": 2, "rejected": 1}
        shown = await held(here, good)
        number = simulated.catalogue.product(good)["product_no"]
        assert (shown[SHORT], shown[PRICE]) == ("不锈钢…", 1234.3)
        assert shown[SAID] == f"{number}: dear"
        assert isinstance(shown[DAY], int)
        assert (await held(here, sly))[SHORT] == "x',…"
        row = await here.record(bad)
        assert row["rejection"] == "mapping"
        assert row["rejection_component"] == PRICE
        assert "约 200 元" in row["rejection_detail"]
        assert "a number in plain digits" in row["rejection_detail"]
