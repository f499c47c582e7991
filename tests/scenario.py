"""A configuration against the simulated vendors, the daemon in a process of its own, and what both came to.

Durations are settings and are scaled to seconds; everything else is as a user would have it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

from tests.simulator_process import SimulatorProcess
from xmsyncd.simulator.lists import LISTS
from xmsyncd.simulator.options import ListName

ROOT = Path(__file__).resolve().parent.parent
KEY = "textField_lq23ags2"
REMARK = "textareaField_lq23ags6"

FIELDS = [
    {"field": "textField_lq0sj9h9", "label": "产品名称", "type": "string", "value": "{name}"},
    {"field": KEY, "label": "产品编码", "type": "string", "value": "{product_no}"},
    {"field": "textField_lq0sj9h3", "label": "一级分类", "type": "string", "value": "{{一级分组}}"},
    {"field": "textField_lqdd2tui", "label": "二级分类", "type": "string", "value": "{group_id}"},
    {"field": "textField_lstsv908", "label": "产品规格", "type": "string", "value": "{product_type}"},
    {"field": "textareaField_lq23ags6", "label": "产品备注", "type": "string", "value": "{product_remark}"},
]


def configuration(okki_url: str, yida_url: str, **changes: Any) -> dict[str, Any]:
    """The settings file as JSON: fast and unmetered unless ``changes`` (merged by section) say otherwise.

    ``changes`` may name ``okki``, ``dingtalk``, ``delivery``, ``source``, ``target``, ``schedule``,
    ``http``, ``ledger``, ``log``, ``guard``, ``notify``, ``lookups`` and ``derive``; ``pipeline`` holds
    further keys of the pipeline; ``fields`` and ``quality`` take ``{"replace": [...]}``; ``pipelines`` has
    further ones by name, as they stand in the file.
    """

    def merged(section: str, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, **changes.get(section, {})}

    return {
        "okki": {
            "main": merged(
                "okki",
                {
                    "base_url": okki_url,
                    "client_id": "demo-client-id",
                    "client_secret": "demo-client-secret",
                    "requests_per_second": 2000,
                    "timeout": "5s",
                    "connect_timeout": "2s",
                },
            )
        },
        "dingtalk": {
            "main": merged(
                "dingtalk",
                {
                    "base_url": yida_url,
                    "app_key": "demo-app-key",
                    "app_secret": "demo-app-secret",
                    "connect_timeout": "2s",
                    "requests_per_second": 500,
                    "monthly_calls": 0,
                    "reserve_calls": 0,
                },
            )
        },
        "ledger": merged("ledger", {"url": "sqlite:///xmsyncd.db"}),
        "http": merged("http", {"port": 0}),
        "notify": merged("notify", {}),
        "log": merged("log", {"level": "info", "format": "json"}),
        "lookups": merged("lookups", {}),
        "delivery": merged(
            "delivery",
            {
                "in_flight": 64,
                "call_timeout": "3s",
                "read_back_after": ["500ms", "3s", "5s", "8s"],
                "drain": "4s",
                "retry_base": "200ms",
                "retry_cap": "2s",
                "probe_every": "2s",
            },
        ),
        "pipelines": {
            "products": {
                "schedule": merged("schedule", {"every": "1s"}),
                "source": merged("source", {"page_size": 50}),
                "target": merged(
                    "target",
                    {
                        "app_type": "APP_DEMO0000000000000000",
                        "system_token": "demo-system-token",
                        "user_id": "demo-user",
                        "form_uuid": "FORM-DEMO0000000000000000000000000001",
                        "process_code": "TPROC--DEMO0000000000000000000000001",
                        "key": KEY,
                    },
                ),
                # Off unless a test asks for it: most tests change much of a small catalogue at once.
                "guard": merged("guard", {"updates": 0, "share": "0"}),
                "fields": deepcopy(changes.get("fields", {}).get("replace", FIELDS)),
                "derive": merged("derive", {}),
                **changes.get("pipeline", {}),
                "quality": changes.get("quality", {}).get(
                    "replace",
                    [
                        {"field": "textField_lq0sj9h9", "rule": "required"},
                        {"field": KEY, "rule": "required"},
                    ],
                ),
            },
            **changes.get("pipelines", {}),
        },
    }


def reading(name: ListName) -> dict[str, Any]:
    """The changes of a configuration whose pipeline reads another of OKKI's lists: name, number and text."""
    kind = LISTS[name]
    values = {"textField_lq0sj9h9": kind.name_field, KEY: kind.number_field, REMARK: kind.text_field}
    fields = [{"field": field, "value": f"{{{value}}}"} for field, value in values.items() if value]
    return {
        "source": {"resource": name.value, "page_size": 50},
        "fields": {"replace": fields},
        "quality": {"replace": [{"field": one["field"], "rule": "required"} for one in fields[:-1]]},
    }


def write_configuration(folder: Path, simulated: SimulatorProcess, **changes: Mapping[str, Any]) -> Path:
    """The configuration file in ``folder``, with the ledger beside it."""
    path = folder / "xmsyncd.yaml"
    settings = configuration(simulated.okki_url, simulated.yida_url, **changes)
    path.write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


class DaemonProcess:
    """The daemon as a process that may be killed. ``die_at``: a step, and at which of its times to die."""

    def __init__(
        self, config: Path, *, die_at: tuple[str, int] | None = None, bootstrap: bool = False
    ) -> None:
        self.config = config
        self.log = config.parent / "daemon.log"
        self._arguments = {"config": str(config), "die_at": die_at, "bootstrap": bootstrap}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; its log is appended to ``daemon.log`` beside the configuration."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "crash" / "victim.py"), json.dumps(self._arguments)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        assert self._process is not None
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """Wait for its end; returns the exit status (negative: the signal)."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Safe to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()

    def terminate(self, seconds: float = 20) -> int:
        """SIGTERM, and wait for the clean end; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(seconds)
        if self._process.stdin is not None:
            self._process.stdin.close()
        return status


def states(ledger: Path) -> dict[str, int]:
    """How many records are in which state. Only for a ledger whose daemon is not running."""
    return dict(_query(ledger, "SELECT state, count(*) FROM records GROUP BY state"))


def doubts(ledger: Path) -> int:
    """How many records were ever in doubt: attempts whose outcome this ledger did not learn."""
    rows = _query(
        ledger,
        """SELECT count(DISTINCT r.record_id) FROM attempts a JOIN attempt_records r ON r.attempt_id = a.id
           WHERE a.outcome IN ('orphaned', 'undecided')""",
    )
    return int(rows[0][0])


def violations(config: Path) -> list[dict[str, Any]]:
    """The rules of the ledger that are broken, as `xmsyncd ledger check` tells it."""
    ended = subprocess.run(
        [sys.executable, "-m", "xmsyncd", "--config", str(config), "ledger", "check", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout, f"`ledger check` ended with {ended.returncode} and said nothing but: {ended.stderr}"
    found: list[dict[str, Any]] = json.loads(ended.stdout)["rules"]
    return found


def _query(ledger: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(ledger)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], seconds: float, what: str, every: float = 0.2) -> None:
    """Wait for a condition; fails with ``what`` when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
