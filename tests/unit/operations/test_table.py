"""Operations by name take plain JSON and answer in plain JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import draft_entry, rejected_entry
from tests.unit.operations.doubles import Opened
from xmsyncd.errors import ConfigurationError
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.lines import json_of
from xmsyncd.operations.table import OPERATIONS, Result


async def result_of(opened: Opened, name: str, **params: Any) -> Any:
    async for told in OPERATIONS[name](opened.runtime, params):
        if isinstance(told, Result):
            return json.loads(json_of(told.value))
    raise AssertionError("no result")


async def test_status_names_the_pipeline_and_the_quota(opened: Opened):
    shown = await result_of(opened, "status", live=False)
    assert [one["name"] for one in shown["pipelines"]] == ["products"]
    assert shown["pipelines"][0]["state"] == "idle"
    assert shown["quota"][0]["limit"] == 5000


async def test_explain_tells_a_record_by_key_and_by_id_with_its_labels(opened: Opened):
    await opened.ledger.write(lambda connection: sample.stage(connection, draft_entry("17", "A")))
    for name in ("A", "17"):
        told = await result_of(opened, "explain", key=name)
        (life,) = told["records"]
        assert life["record"]["source_id"] == "17"
        assert life["labels"] == {"textField_key": "产品编码"}
    with pytest.raises(UnknownRecordError):
        await result_of(opened, "explain", key="B")


@pytest.mark.parametrize(
    "params", [{}, {"key": "A", "all": True}, {"reason": "x", "key": "A"}, {"all": False}]
)
async def test_records_are_named_in_exactly_one_way(opened: Opened, params):
    with pytest.raises(ConfigurationError, match="the records"):
        await result_of(opened, "failures.retry", **params)


async def test_failures_by_name_of_the_operation(opened: Opened):
    await opened.ledger.write(lambda connection: sample.stage(connection, rejected_entry("4", no="D")))
    assert (await result_of(opened, "failures.list"))["total"] == 1
    assert (await result_of(opened, "failures.discard", all=True))["counts"] == {"discarded": 1}
    assert (await result_of(opened, "failures.retry", key="4"))["total"] == 1


async def test_an_unknown_pipeline_is_named_with_those_there_are(opened: Opened):
    with pytest.raises(ConfigurationError, match="one of products"):
        await result_of(opened, "failures.list", pipeline="prodcts")
