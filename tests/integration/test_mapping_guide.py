"""docs/mapping.md as a reader follows it: its product, its files and its examples, and what Yida gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.guides import MAPPING, files, placed, promises, yaml_blocks
from tests.scenario import configuration
from tests.unit.cli.command_line import CommandLine
from tests.world import application
from xmsyncd.simulator.options import Component, SimulatorOptions
from xmsyncd.simulator.server import Simulator


def guided(folder: Path, base: dict[str, Any]) -> dict[str, Any]:
    """The pipeline of the guide in a configuration whose connections are those of ``base``; its files too."""
    for name, body in files(MAPPING).items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(body, encoding="utf-8")
    base["pipelines"]["products"] |= {"fields": [], "quality": []}
    for block in yaml_blocks(MAPPING):
        base = placed(base, block.parsed())
    return base


def components(fields: list[dict[str, Any]]) -> tuple[Component, ...]:
    """A form that has what the entries name."""
    found = []
    for entry in fields:
        found.append(_component(entry, ""))
        found += [_component(column, entry["field"]) for column in entry.get("children", ())]
    return tuple(found)


def _component(entry: dict[str, Any], table: str) -> Component:
    kind = entry["field"].partition("_")[0]
    return Component(entry["field"], kind[:1].upper() + kind[1:], entry["label"], parent_id=table)


async def test_yida_gets_what_the_guide_says(tmp_path: Path) -> None:
    example = guided(tmp_path, configuration("http://127.0.0.1:9", "http://127.0.0.1:9"))
    pipeline = example["pipelines"]["products"]
    chosen = SimulatorOptions(
        products=3, components=components(pipeline["fields"]), key_component=pipeline["target"]["key"]
    )
    item = json.loads(files(MAPPING)["item.json"])
    async with Simulator(chosen) as simulated:
        product = simulated.catalogue.ids()[0]
        simulated.catalogue.edit(product, unnamed={name: item[name] for name in item if name != "product_id"})
        async with application(
            tmp_path,
            simulated,
            lookups=example["lookups"],
            source=pipeline["source"],
            target=pipeline["target"],
            derive=pipeline["derive"],
            fields={"replace": pipeline["fields"]},
            quality={"replace": pipeline["quality"]},
            pipeline={name: pipeline[name] for name in ("transform", "transform_timeout", "where")},
        ) as here:
            await here.sync()
            assert await here.states() == {"delivered": 3}
            record = await here.record(product)
            found = simulated.form.store.get(record["instance_id"])
            assert found is not None
            written = found.latest.data()
            assert {name: written[name] for name in promises(MAPPING)} == promises(MAPPING)
            assert written["tableField_skus"] == [
                {"textField_sku": "LED-0007-W", "numberField_price": 21},
                {"textField_sku": "LED-0007-N", "numberField_price": 24},
            ]


def test_the_product_of_the_guide_is_previewed_without_okki_and_secrets(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.settings = guided(tmp_path, line.settings)
    for name in ("client_id", "client_secret"):
        del line.settings["okki"]["main"][name]
    del line.settings["pipelines"]["products"]["target"]["system_token"]
    line.write()
    result = line("preview", "--item", str(tmp_path / "item.json"), "--json")
    assert result.exit_code == 0, result.output
    (product,) = json.loads(result.stdout)["products"]
    content = product["result"]["content"]
    # What only OKKI's tree of groups can tell is not in the file.
    known = {
        name: value for name, value in promises(MAPPING).items() if "level" not in name and "path" not in name
    }
    assert {name: content[name] for name in known} == known
    assert product["missing"] == []
    assert {one["result"] for step in product["steps"] for one in step["rules"]} == {"kept"}
