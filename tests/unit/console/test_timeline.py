"""A record's calls and events are one story, the latest first."""

from __future__ import annotations

from typing import Any

from xmsyncd.console.timeline import content_rows, timeline


def life(**changes: Any) -> dict[str, Any]:
    return {
        "record": {"first_seen_at": "2026-11-22T04:00:00.000+00:00"},
        "history": [],
        "attempts": [],
        "labels": {},
        "desired": None,
        "delivered": None,
        **changes,
    }


def attempt(**changes: Any) -> dict[str, Any]:
    return {
        "operation": "create",
        "claimed_at": "2026-11-22T04:00:01.000+00:00",
        "settled_at": "2026-11-22T04:00:03.250+00:00",
        "outcome": "undecided",
        "code": "",
        "message": "cut off",
        "request_id": "r-1",
        "key": "A-1",
        **changes,
    }


def event(at: str, name: str, **detail: Any) -> dict[str, Any]:
    return {"at": f"2026-11-22T04:{at}.000+00:00", "event": name, "detail": detail}


def test_calls_and_events_are_in_the_order_in_which_they_ended():
    told = timeline(
        life(
            attempts=[attempt()],
            history=[
                event("01:00", "retried", by="console"),
                event("00:05", "looked", calls=2, note="", content_hash="x"),
                event("00:00", "staged"),
            ],
        )
    )
    assert [one.label for one in told] == [
        "event.retried",
        "event.looked",
        "family.undecided",
        "event.staged",
        "life.first_seen",
    ]
    assert told[0].by == "console"
    assert told[1].said == (("calls", "2"),)
    assert (told[2].operation, told[2].seconds, told[2].severity) == ("create", 2.2, "warn")
    assert told[2].said == (("message", "cut off"), ("request_id", "r-1"), ("key", "A-1"))


def test_a_call_without_an_end_is_on_its_way():
    (one, _) = timeline(life(attempts=[attempt(settled_at=None, outcome=None)]))
    assert (one.label, one.seconds) == ("family.on_its_way", None)


def test_contents_are_compared_by_component():
    rows = content_rows(
        life(
            desired={"a": "1", "b": [{"n": "图"}]}, delivered={"a": "1", "c": None}, labels={"a": "产品编号"}
        )
    )
    assert [(row["label"], row["desired"], row["holds"], row["same"]) for row in rows] == [
        ("产品编号", "1", "1", True),
        ("b", '[{"n": "图"}]', "", False),
        ("c", "", "", True),
    ]
