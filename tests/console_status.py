"""What a daemon tells its console, for those who try the pages."""

from __future__ import annotations

from typing import Any


def example() -> dict[str, Any]:
    """A status with something in every part, and markup where data can hold some."""
    return {
        "version": "0.1.0",
        "now": "2026-11-22T04:00:00.000+00:00",
        "pipelines": [
            {
                "name": "<script>alert(1)</script>",
                "form": "APP_X/FORM-1",
                "state": "stopped",
                "stop": {
                    "reason": "quota",
                    "detail": "5000 of 5000 <b>calls</b>",
                    "since": "2026-11-22T03:00:00.000+00:00",
                    "probe_at": "2026-11-30T16:00:00.000+00:00",
                },
                "watermark": "2026-11-22T03:57:00.000+00:00",
                "last_success": None,
                "next_run": "2026-11-22T04:10:00.000+00:00",
                "search": {"proven": True, "lag_seconds": 2.0},
                "backlog": {"delivered": 99_000, "parked": 1, "pending": 0, "undecided": 7},
                "oldest_pending_age_seconds": None,
                "oldest_undecided_age_seconds": 4000.0,
                "reading": None,
                "pace": {},
                "connections": {"okki": "main", "dingtalk": "main"},
                "cycle": None,
                "cycles": [
                    {
                        "id": 3,
                        "kind": "incremental",
                        "started": "2026-11-22T03:59:00.000+00:00",
                        "finished": None,
                        "seconds": None,
                        "read": 12,
                        "decisions": {"create": 2, "unchanged": 10},
                        "result": None,
                        "detail": "",
                        "balance": None,
                    },
                    {
                        "id": 2,
                        "kind": "full",
                        "started": "2026-11-22T03:00:00.000+00:00",
                        "finished": "2026-11-22T03:10:00.000+00:00",
                        "seconds": 600.0,
                        "read": 99_008,
                        "decisions": {},
                        "result": "failed",
                        "detail": "OKKI shows no groups",
                        "balance": -2,
                    },
                ],
                "gaps": [
                    {
                        "start": "2026-11-20T00:00:00.000+00:00",
                        "end": "2026-11-20T01:00:00.000+00:00",
                        "cycles": 3,
                        "first": "2026-11-20T01:00:00.000+00:00",
                        "passed": True,
                    }
                ],
                "failures": [
                    {
                        "state": "parked",
                        "reason": "vendor.code.<i>",
                        "count": 1,
                        "first": "2026-11-21T04:00:00.000+00:00",
                        "last": "2026-11-21T04:00:00.000+00:00",
                        "sample": "A&B-<1>",
                    }
                ],
            }
        ],
        "quota": [
            {
                "connection": "main",
                "month": "2026-11",
                "used": 4900,
                "limit": 5000,
                "reserve": 250,
                "exhausted_at": "2026-11-22T04:00:00.000+00:00",
            },
            {
                "connection": "free",
                "month": "2026-11",
                "used": 9,
                "limit": 0,
                "reserve": 0,
                "exhausted_at": None,
            },
        ],
        "clocks": [],
        "limits": [limit("all", api="okki"), limit("start"), limit("update")],
    }


def limit(
    endpoint: str, rate: float = 20.0, paused: float = 0.0, code: str = "", api: str = "dingtalk"
) -> dict[str, Any]:
    """How fast one interface may be called."""
    return {
        "connection": "main",
        "api": api,
        "endpoint": endpoint,
        "per_second": rate,
        "ceiling": 20.0,
        "paused_seconds": paused,
        "pause_code": code,
    }
