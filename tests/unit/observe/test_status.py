"""The status says how things stand, in plain JSON, with or without a daemon."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import orjson
import pytest

from tests.unit.observe.conftest import FORM, NOW, claim, entry, settle, stage
from xmsyncd import __version__
from xmsyncd.ledger import cycles, meters, pipelines
from xmsyncd.ledger.views import Stop
from xmsyncd.observe.outages import VendorAway
from xmsyncd.observe.quota import Quota
from xmsyncd.operations.status import PipelineInfo, status
from xmsyncd.records import Family, RejectionReason, StopReason

INFO = PipelineInfo("products", FORM, Quota("main", 5000, 250), lambda: NOW + timedelta(minutes=10))


async def test_who_is_away_is_told_of_the_pipelines_that_use_the_connection(ledger):
    away = VendorAway("dingtalk", "main", 90.0, 60.0, 14, {"systemBusy": 14})
    other = VendorAway("okki", "other", 90.0, 60.0, 3, {"HTTP 503": 3})
    info = dataclasses.replace(INFO, connections={"okki": "main", "dingtalk": "main"})
    shown = await status(ledger, [info], NOW, away=[away, other])
    assert [one["connection"] for one in shown["away"]] == ["main", "other"]
    assert shown["pipelines"][0]["away"] == [
        {
            "connection": "main",
            "api": "dingtalk",
            "since": "2026-11-22T03:58:30.000+00:00",
            "seconds": 60.0,
            "failed": 14,
            "causes": {"systemBusy": 14},
        }
    ]


async def test_a_new_pipeline_is_idle_and_knows_nothing(ledger):
    shown = await status(ledger, [INFO], NOW)
    assert orjson.loads(orjson.dumps(shown)) == shown
    assert shown["version"] == __version__
    assert shown["now"] == "2026-11-22T04:00:00.000+00:00"
    (pipeline,) = shown["pipelines"]
    assert set(pipeline["backlog"].values()) == {0}
    del pipeline["backlog"]
    assert pipeline == {
        "name": "products",
        "form": FORM,
        "connections": {},
        "state": "idle",
        "stop": None,
        "watermark": None,
        "last_success": None,
        "next_run": "2026-11-22T04:10:00.000+00:00",
        "search": {"proven": False, "lag_seconds": None},
        "oldest_pending_age_seconds": None,
        "oldest_undecided_age_seconds": None,
        "reading": None,
        "pace": {},
        "cycle": None,
        "cycles": [],
        "gaps": [],
        "deleted": {"count": 0, "first": None, "last": None},
        "filtered": 0,
        "set_aside": 0,
        "reconcile": {"at": None, "differences": {}},
        "failures": [],
        "away": [],
    }
    assert shown["quota"] == [
        {
            "connection": "main",
            "month": "2026-11",
            "used": 0,
            "limit": 5000,
            "reserve": 250,
            "reserve_used": 0,
            "kinds": {},
            "told_spent": False,
            "exhausted_at": None,
        }
    ]


async def test_work_a_stop_and_failures_are_shown(ledger):
    await ledger.write(stage, entry(1), entry(2), entry(3, rejected=RejectionReason.REQUIRED))
    (one,) = await ledger.write(claim)
    await ledger.write(settle, one, Family.UNDECIDED)
    await ledger.write(pipelines.prove_search, "products", NOW, timedelta(seconds=2))
    await ledger.write(meters.count, "main", "2026-11", "create", 4800, from_reserve=False)
    now = NOW + timedelta(minutes=1)
    (pipeline,) = (shown := await status(ledger, [INFO], now))["pipelines"]
    assert pipeline["state"] == "running"
    assert pipeline["search"] == {"proven": True, "lag_seconds": 2.0}
    assert pipeline["oldest_pending_age_seconds"] == 60
    assert pipeline["oldest_undecided_age_seconds"] == 60
    assert pipeline["cycle"]["result"] == "done"
    assert {group["reason"] for group in pipeline["failures"]} == {"required", "undecided"}
    assert shown["quota"][0]["exhausted_at"] == shown["now"]
    await ledger.write(
        pipelines.stop, "products", Stop(StopReason.QUOTA, "spent", NOW, NOW + timedelta(days=8))
    )
    (pipeline,) = (await status(ledger, [INFO], now))["pipelines"]
    assert pipeline["state"] == "stopped"
    assert pipeline["stop"] == {
        "reason": "quota",
        "detail": "spent",
        "since": "2026-11-22T04:00:00.000+00:00",
        "probe_at": "2026-11-30T04:00:00.000+00:00",
    }


async def test_a_cycle_without_an_end_runs_only_where_a_daemon_does(ledger):
    await ledger.write(cycles.begin, "products", cycles.CycleKind.FULL, None, NOW, NOW)
    (alive,) = (await status(ledger, [INFO], NOW))["pipelines"]
    (alone,) = (await status(ledger, [INFO], NOW, live=False))["pipelines"]
    assert (alive["state"], alive["cycle"]["result"]) == ("running", None)
    assert (alone["state"], alone["cycle"]["result"]) == ("idle", "interrupted")
    assert alone["next_run"] is None


async def test_only_listed_gaps_are_shown(ledger):
    for cycle in range(3):
        await ledger.write(cycles.note_unproven, "products", NOW - timedelta(hours=1), NOW, limit=3, now=NOW)
        (pipeline,) = (await status(ledger, [INFO], NOW))["pipelines"]
        assert len(pipeline["gaps"]) == (1 if cycle == 2 else 0)


async def test_pipelines_of_one_connection_share_one_quota(ledger):
    await ledger.write(pipelines.register, "spares", "APP_X/FORM-2", "key")
    shown = await status(ledger, [INFO, PipelineInfo("spares", "APP_X/FORM-2", INFO.quota)], NOW)
    assert len(shown["pipelines"]) == 2
    assert len(shown["quota"]) == 1


async def test_a_pipeline_the_ledger_does_not_know_is_a_fault(ledger):
    with pytest.raises(KeyError):
        await status(ledger, [PipelineInfo("nobody", FORM)], NOW)
