"""A pause is a person's: nothing else ends it, and it ends nothing else."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from tests.unit.ledger.sample import METER, NOW
from xmsyncd.ledger import adopting, documents, pausing, pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.records import StopReason

LATER = NOW + timedelta(hours=1)


def standing(db: sqlite3.Connection) -> StopReason | None:
    stop = pipelines.view(db, "products").stop
    return None if stop is None else stop.reason


def test_a_pause_begins_once_and_ends_by_a_person(db):
    assert pausing.pause(db, "products", by="console", now=NOW) is not None
    again = pausing.pause(db, "products", by="cli", now=LATER)
    assert again is not None
    assert again.stopped_at == NOW
    assert pausing.go_on(db, "products", by="cli", now=LATER)
    assert not pausing.go_on(db, "products", by="cli", now=LATER)
    assert standing(db) is None
    told = [
        (row["event"], documents.load(row["detail"]))
        for row in db.execute("SELECT event, detail FROM history ORDER BY id")
    ]
    assert [name for name, _ in told] == ["stopped", "resumed"]
    assert "(console)" in told[0][1]["detail"]
    assert told[1][1] == {"reason": "paused", "by": "cli"}


def test_no_probe_no_start_and_no_other_stop_lifts_it(db):
    pausing.pause(db, "products", by="cli", now=NOW)
    pipelines.probe_at_start(db, "products", LATER, timedelta(minutes=1))
    pipelines.put_off_probe(db, "products", LATER)
    assert not pipelines.take_probe(db, "products", LATER, timedelta(minutes=1))
    assert not pipelines.stop(db, "products", Stop(StopReason.CREDENTIALS, "refused", LATER, LATER))
    assert pipelines.end_quota_stop(db, "products", METER, LATER) is None
    assert pipelines.resume(db, "products", LATER) is None
    stop = pipelines.view(db, "products").stop
    assert stop is not None
    assert (stop.reason, stop.probe_at) == (StopReason.PAUSED, None)


@pytest.mark.parametrize("reason", [StopReason.ADOPTING, StopReason.RESTORED])
def test_what_waits_for_a_person_already_is_not_displaced_and_not_resumed(db, reason):
    pipelines.stop(db, "products", Stop(reason, "why", NOW, None))
    assert pausing.pause(db, "products", by="cli", now=LATER) is None
    assert not pausing.go_on(db, "products", by="cli", now=LATER)
    assert standing(db) is reason


def test_a_stop_that_passes_is_displaced_and_found_out_again(db):
    pipelines.stop(db, "products", Stop(StopReason.QUOTA, "spent", NOW, LATER))
    assert pausing.pause(db, "products", by="cli", now=LATER) is not None
    assert standing(db) is StopReason.PAUSED


def test_taking_over_the_form_is_stricter_than_a_pause(db):
    pausing.pause(db, "products", by="cli", now=NOW)
    assert adopting.begin(db, "products", LATER)
    assert standing(db) is StopReason.ADOPTING
    assert not pausing.go_on(db, "products", by="cli", now=LATER)
