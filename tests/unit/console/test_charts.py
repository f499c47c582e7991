"""What was sent becomes bars in which also the rare can be seen."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from xmsyncd.console.charts import CHARTS, Chart, charts
from xmsyncd.records import Family


def drawn(*slots: dict[str, int]) -> tuple[Chart, Chart]:
    activity: dict[str, Any] = {"start": "2026-11-22T04:00:00+00:00", "slot_seconds": 300, "slots": slots}
    delivered, trouble = charts(activity)
    return delivered, trouble


def test_what_went_well_and_what_did_not_have_a_scale_each():
    delivered, trouble = drawn({"create": 900, "update": 100, "throttled": 1}, {}, {"create": 500})
    assert (delivered.total, delivered.most, delivered.legend) == (
        1500,
        1000,
        (("created", 1400), ("updated", 100)),
    )
    assert (trouble.total, trouble.most, trouble.legend) == (1, 1, (("throttled", 1),))
    (full, half) = delivered.bars
    assert (full.time, half.time) == ("04:00 UTC", "04:10 UTC")
    assert [part.height for part in full.parts] == [90, 10]
    assert full.parts[-1].y == 0
    assert [part.height for part in half.parts] == [50]
    assert trouble.bars[0].parts[0].height == 100


def test_one_refusal_among_thousands_is_seen_and_the_bar_stays_in_the_drawing():
    _, trouble = drawn({"throttled": 5000, "refused": 1})
    (one,) = trouble.bars
    assert all(part.height > 2 for part in one.parts)
    assert min(part.y for part in one.parts) >= 0
    assert sum(part.height for part in one.parts) == pytest.approx(100, abs=0.05)


def test_nothing_sent_is_no_bar():
    delivered, trouble = drawn({}, {})
    assert (delivered.bars, delivered.most, delivered.legend) == ((), 0, ())
    assert trouble.bars == ()


def test_every_way_a_call_may_end_is_in_a_chart():
    counted = set(chain.from_iterable(chain.from_iterable(bands.values() for bands in CHARTS.values())))
    assert counted >= {*Family, "orphaned"} - {Family.DELIVERED}
    assert {"create", "update"} <= counted
