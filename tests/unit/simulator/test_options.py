"""Options out of JSON."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from xmsyncd.simulator.options import (
    Component,
    FormKind,
    OkkiTotal,
    SimulatorOptions,
    options_from_mapping,
    options_to_mapping,
)


def test_options_travel_through_json() -> None:
    """Every option, there and back."""
    options = SimulatorOptions(
        products=5, latency=timedelta(milliseconds=30), qps=20.0, okki_total=OkkiTotal.STRING
    )
    assert options_from_mapping(json.loads(json.dumps(options_to_mapping(options)))) == options


def test_durations_and_components() -> None:
    """Seconds under both names; components as objects."""
    options = options_from_mapping(
        {
            "latency_seconds": 0.03,
            "index_lag": 2,
            "qps": None,
            "form_kind": "form",
            "components": [{"field_id": "radioField_a", "component_name": "RadioField", "options": ["a"]}],
        }
    )
    assert options.latency == timedelta(milliseconds=30)
    assert options.index_lag == timedelta(seconds=2)
    assert options.form_kind is FormKind.FORM
    assert options.components == (Component("radioField_a", "RadioField", options=("a",)),)


def test_all_mistakes_at_once() -> None:
    """Unknown names and wrong types, each with its name."""
    with pytest.raises(
        ValueError, match=r"produkts: no such option; products: expected a whole number.*host"
    ) as told:
        options_from_mapping({"produkts": 1, "products": "3", "host": 1})
    assert "products_seconds" not in str(told.value)
    with pytest.raises(ValueError, match="products_seconds"):
        options_from_mapping({"products_seconds": 1})
    with pytest.raises(ValueError, match="qps: greater than 0"):
        options_from_mapping({"qps": 0})
