"""What people ask of the ledger is answered in plain JSON."""

from __future__ import annotations

import time
from datetime import timedelta

import orjson
import pytest

from tests.unit.observe.conftest import FORM, NOW, claim, entry, settle, stage
from xmsyncd.ledger import Ledger, people, queries
from xmsyncd.ledger.states import FAILED_STATES
from xmsyncd.records import Family, RejectionReason

AT = "2026-11-22T04:00:00.000+00:00"


async def test_the_backlog_names_every_state(ledger):
    await ledger.write(stage, entry(1), entry(2, rejected=RejectionReason.TYPE))
    counted = await ledger.read(queries.backlog, "products")
    assert (counted["pending"], counted["rejected"], counted["parked"]) == (1, 1, 0)
    assert len(counted) == 9
    assert set((await ledger.read(queries.backlog, "unheard of")).values()) == {0}


async def test_ages_are_none_without_records_and_never_negative(ledger):
    assert await ledger.read(queries.oldest_ages, "products", NOW) == queries.OldestAges(None, None)
    await ledger.write(stage, entry(1))
    ages = await ledger.read(queries.oldest_ages, "products", NOW - timedelta(hours=1))
    assert ages == queries.OldestAges(timedelta(0), None)


async def test_recent_cycles_come_newest_first_with_their_decisions(ledger):
    await ledger.write(stage, entry(1))
    await ledger.write(stage, entry(1), entry(2), now=NOW + timedelta(hours=1))
    shown = await ledger.read(queries.recent_cycles, "products", 10)
    assert [cycle["decisions"] for cycle in shown] == [{"create": 1, "pending": 1}, {"create": 1}]
    assert shown[1] | {"decisions": None} == {
        "id": 1,
        "kind": "first",
        "started": AT,
        "finished": "2026-11-22T04:00:03.000+00:00",
        "seconds": 3.0,
        "start": None,
        "end": AT,
        "watermark": AT,
        "result": "done",
        "detail": "",
        "cannot_work": None,
        "proof": "",
        "pages": 1,
        "read": 1,
        "repeats": 0,
        "filtered": 0,
        "detail_calls": 0,
        "balance": 0,
        "decisions": None,
    }
    assert len(await ledger.read(queries.recent_cycles, "products", 1)) == 1


async def test_failures_are_grouped_by_state_and_reason(ledger):
    await ledger.write(
        stage, *(entry(number, rejected=RejectionReason.REQUIRED) for number in range(3)), entry(7), entry(8)
    )
    first, second = await ledger.write(claim, NOW, 2)
    await ledger.write(settle, first, Family.UNDECIDED)
    await ledger.write(settle, second, Family.GONE, NOW + timedelta(minutes=1))
    groups = await ledger.read(queries.failure_groups, "products")
    assert [(group["state"], group["reason"], group["count"]) for group in groups] == [
        ("rejected", "required", 3),
        ("parked", "instance_gone", 1),
        ("undecided", "undecided", 1),
    ]
    assert groups[0] | {} == {
        "state": "rejected",
        "reason": "required",
        "count": 3,
        "first": AT,
        "last": AT,
        "sample": "10000",
    }
    assert groups[1]["first"] == "2026-11-22T04:01:00.000+00:00"


async def test_a_failure_says_what_where_and_since_when(ledger):
    await ledger.write(stage, entry(1, rejected=RejectionReason.REQUIRED), entry(2))
    (one,) = await ledger.write(claim)
    await ledger.write(settle, one, Family.UNDECIDED)
    rejected, undecided = await ledger.read(queries.failures, "products")
    assert rejected["source_id"] == "10001"
    assert rejected["detail"] == "产品名称 is empty"
    assert rejected["component"] == "textField_a"
    assert rejected["since"] == AT
    assert undecided["key"] == "P-2"
    assert undecided["operation"] == "create"
    assert undecided["due_at"] == "2026-11-22T04:00:05.000+00:00"
    assert undecided["component"] is None


async def test_a_reason_shown_is_a_reason_that_retry_selects_by(ledger):
    await ledger.write(stage, entry(1, rejected=RejectionReason.REQUIRED), entry(2))
    (one,) = await ledger.write(claim)
    await ledger.write(settle, one, Family.UNDECIDED)
    for shown in await ledger.read(queries.failures, "products"):
        chosen = await ledger.read(
            people.select, "products", people.Selection(reason=shown["reason"]), FAILED_STATES
        )
        assert chosen == (shown["record_id"],)
        narrowed = await ledger.read(queries.failures, "products", reason=shown["reason"])
        assert narrowed == [shown]


async def test_failures_come_in_pages(ledger):
    await ledger.write(stage, *(entry(number, rejected=RejectionReason.TYPE) for number in range(5)))
    shown = await ledger.read(queries.failures, "products", limit=2, offset=3)
    assert [one["source_id"] for one in shown] == ["10003", "10004"]


async def test_a_record_is_explained_from_the_item_to_the_instance(ledger):
    await ledger.write(stage, entry(1))
    (one,) = await ledger.write(claim)
    await ledger.write(settle, one, Family.DELIVERED)
    for name in ("P-1", "10001", f"proc-{one.attempt_id}"):
        (life,) = await ledger.read(queries.explain, "products", name)
        assert life["record"]["state"] == "delivered"
        assert life["record"]["since"] == AT
        assert life["record"]["first_seen_at"] == AT
        assert life["desired"] == life["delivered"] == {"key": "P-1", "name": "产品1"}
        assert [attempt["outcome"] for attempt in life["attempts"]] == ["delivered"]
        assert life["instances"][0]["origin"] == "created"
        assert [event["event"] for event in life["history"]] == ["staged"]
        orjson.dumps(life)
    assert await ledger.read(queries.explain, "products", "nobody") == []


async def test_two_products_with_one_key_are_both_explained(ledger):
    await ledger.write(stage, entry(1, key="same"), entry(2, key="same"))
    lives = await ledger.read(queries.explain, "products", "same")
    assert [life["record"]["state"] for life in lives] == ["pending", "waiting"]
    assert "10001" in lives[1]["record"]["block_detail"]


async def test_the_raw_item_of_a_rejected_record_can_be_written_as_json_again(ledger):
    await ledger.write(stage, entry(1, rejected=RejectionReason.UNREADABLE))
    (life,) = await ledger.read(queries.explain, "products", "10001")
    assert life["desired"] is None
    assert life["raw"]["odd"] == "\ufffd"
    assert life["raw"]["huge"] == str(10**22)
    orjson.dumps(life)


async def test_the_frequent_questions_stay_on_an_index(ledger: Ledger):
    def plan(connection, sql, *values):
        return " ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))

    counting = await ledger.read(
        plan, "SELECT state, count(*) FROM records WHERE pipeline = ? GROUP BY state", "products"
    )
    assert "INDEX records_state" in counting
    oldest = await ledger.read(
        plan, "SELECT min(desired_ms) FROM records WHERE pipeline = ? AND state = ?", "products", "pending"
    )
    assert "INDEX records_state" in oldest


@pytest.mark.slow
async def test_a_hundred_thousand_records_are_looked_at_in_a_fraction_of_a_second(ledger: Ledger):
    await ledger.write(_fill)
    began = time.perf_counter()
    await ledger.read(queries.backlog, "products")
    await ledger.read(queries.oldest_ages, "products", NOW)
    await ledger.read(queries.failure_groups, "products")
    assert time.perf_counter() - began < 1.0


def _fill(connection):
    """Nine of ten are delivered; the rest has no instance, and so no delivered hash either."""
    connection.executemany(
        """INSERT INTO records (pipeline, form, source_id, listed_hash, context_hash, first_seen_ms,
               desired_ms, desired, key, content_hash, instance_id, delivered_hash)
           VALUES ('products', ?, ?, '', '', 0, ?, 'draft', ?, 'h', ?, ?)""",
        (
            (
                FORM,
                str(number),
                number,
                f"P-{number}",
                f"i{number}" if number % 10 else None,
                "h" if number % 10 else None,
            )
            for number in range(100_000)
        ),
    )
