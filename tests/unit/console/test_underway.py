"""What a pipeline is at: only what something says."""

from __future__ import annotations

from typing import Any

import pytest

from xmsyncd.console.underway import underway


def pipeline(**changes: Any) -> dict[str, Any]:
    return {"stop": None, "backlog": {}, "reading": None, **changes}


def reading(read: int, total: int | None) -> dict[str, Any]:
    return {"kind": "full", "reason": "", "pages": 1, "read": read, "total": total}


@pytest.mark.parametrize(
    ("read", "total", "share"), [(0, 50, 0.0), (25, 50, 50.0), (60, 50, 100.0), (5, None, None), (0, 0, None)]
)
def test_the_share_is_told_where_okki_tells_a_total(read, total, share):
    assert underway(pipeline(reading=reading(read, total)), None).share == share


def test_how_long_sending_takes_is_told_by_the_last_minute():
    busy = pipeline(backlog={"pending": 100, "sending": 20, "delivered": 7})
    found = underway(busy, {"last_minute": 240})
    assert (found.left, found.seconds) == (120, 30.0)
    assert underway(busy, {"last_minute": 0}).seconds is None
    assert underway(busy, None).seconds is None


def test_a_stopped_pipeline_sends_nothing():
    assert underway(pipeline(stop={"reason": "quota"}, backlog={"pending": 9}), {"last_minute": 1}).left == 0
