"""The examples of the guides are configurations: each loads where a reader puts it, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.guides import MAPPING, MAPPING_CHINESE, Block, files, pages, placed, promises, yaml_blocks
from tests.unit.settings.conftest import RIGHT, Loader

ALONE = [block for page in pages() if page not in (MAPPING, MAPPING_CHINESE) for block in yaml_blocks(page)]


@pytest.mark.parametrize("block", ALONE, ids=lambda block: block.name)
def test_an_example_loads_where_a_reader_would_put_it(load: Loader, block: Block) -> None:
    load.tree = placed(RIGHT, block.parsed())
    settings = load()
    for name, pipeline in block.parsed().get("pipelines", {}).items():
        assert len(settings.pipelines[name].fields) >= len(pipeline.get("fields", ()))


@pytest.mark.parametrize("page", [MAPPING, MAPPING_CHINESE], ids=lambda page: page.name)
def test_the_examples_of_the_mapping_guide_load_one_after_the_other(load: Loader, page: Path) -> None:
    for name, body in files(page).items():
        file = load.path.parent / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(body, encoding="utf-8")
    load.tree["pipelines"]["products"]["fields"] = []
    for block in yaml_blocks(page):
        load.tree = placed(load.tree, block.parsed())
        load()
    settings = load()
    assert {one.field for one in settings.pipelines["products"].fields} >= promises(page).keys()
    assert settings.pipelines["products"].transform == "mine:clean"


def test_both_mapping_guides_have_the_same_examples() -> None:
    def data(page: Path) -> tuple[list[Any], dict[str, Any]]:
        return [block.parsed() for block in yaml_blocks(page)], promises(page)

    assert data(MAPPING) == data(MAPPING_CHINESE)
    english, chinese = files(MAPPING), files(MAPPING_CHINESE)
    assert english.keys() == chinese.keys() == {"item.json", "units.csv", "hooks/mine.py"}
    assert [english[one] for one in ("item.json", "units.csv")] == [
        chinese[one] for one in ("item.json", "units.csv")
    ]
