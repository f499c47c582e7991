"""Secrets of the configuration are nowhere but in it: not in log, metrics, pages, ledger or crash output."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.matrix.kinds import KINDS, Kind, Op
from tests.scenario import ROOT, DaemonProcess, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess
from xmsyncd.records import Family
from xmsyncd.settings import load_settings
from xmsyncd.simulator.faults import FaultName

# Each with what a URL, JSON and base64 spell differently.
CANARIES = {
    "client_secret": 'canary/okki+"机密"&=1',
    "app_secret": "canary dingtalk%2F密钥=&2",
    "system_token": "canary+yida/令牌?=3",
    "robot_token": "canary+robot/令牌=4",
    "robot_secret": "SECcanary robot%2F加签=&5",
}
OWN = {"console": "canary console/令牌=6", "hook": "canary+hook 令牌=7"}
"""What the daemon asks of those who call it; the simulated vendors do not know these."""
SHOWN = ("", "api/status", "metrics", "failures", "held")
"""Addresses of the console that tell what the vendors said."""
ACTION = {"operation": "pipeline.run", "params": {"pipeline": "products"}}
ALERT = {
    "version": "4",
    "groupKey": "g",
    "alerts": [{"status": "firing", "labels": {"alertname": "An alert"}}],
}
LAST = {"ip_block", "quota_spent", "throttle_minute"}
"""Whose pauses are minutes; an interface that rests already cannot meet another."""

LEADING_TO_LOOKS: tuple[Mapping[str, object], ...] = (
    {"name": "lost_reset", "operation": "start", "times": 1},
    {"name": "lost_reset", "operation": "update", "times": 1},
)

# The simulation as a user may meet it, beyond the matrix.
MORE: tuple[Mapping[str, object], ...] = (
    {"name": "okki_html"},
    {"name": "okki_truncated"},
    {"name": "page_drift"},
    {"name": "lying_total"},
)


def spellings(secret: str) -> Iterator[str]:
    """By hand, so that the code under test is not its own judge."""
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    for before in ("", "u", "us"):
        raw = before.encode() + secret.encode()
        whole = base64.b64encode(raw).decode()
        # The middle, which is the same whatever stands around it.
        yield whole[4:-4] if before else whole
        yield base64.urlsafe_b64encode(raw).decode()[4:-4]


def leaks(content: bytes) -> list[str]:
    """Which canaries the bytes show, in which spelling."""
    return [
        f"{name} as {spelling!r}"
        for name, secret in {**CANARIES, **OWN}.items()
        for spelling in spellings(secret)
        if spelling.encode() in content
    ]


def echoes() -> Iterator[Mapping[str, object]]:
    """A vendor that quotes what it was sent, in its codes (their messages are the simulation's own)."""
    for operation in ("start", "update", "search", "get"):
        for secret in (CANARIES["system_token"], quote(CANARIES["app_secret"], safe="")):
            yield {"name": "coded", "operation": operation, "code": f"echo.{secret}"}
    yield {"name": "refuse", "operation": "start", "code": f"echo.{CANARIES['system_token']}"}
    encoded = base64.b64encode(f"user:{CANARIES['app_secret']}".encode()).decode()
    yield {"name": "coded", "operation": "token", "code": encoded}
    yield {"name": "okki_oauth", "operation": "list", "code": CANARIES["client_secret"]}
    yield {"name": "okki_oauth", "operation": "token", "code": quote_plus(CANARIES["client_secret"])}


def faults() -> Iterator[Sequence[Mapping[str, object]]]:
    """What is switched on together: one kind of fault on each call that can meet it, a call each."""
    yield from ([{**one, "times": 1}] for one in MORE)
    yield from ([{**one, "times": 1}] for one in echoes())
    # What pauses an interface for long comes last; before it, nothing else would be asked any more.
    for kind in sorted(KINDS, key=_rests):
        if kind.fault is not None:
            once: Mapping[str, object] = {**kind.fault, "times": 1}
            if "seconds" in once:
                once = {**once, "seconds": min(1.0, float(str(once["seconds"])))}
            yield [{**once, **_where(op)} for op in kind.ops]
    yield [{"name": "quota_spent", "operation": "start", "times": 1}]


def batched(
    given: Iterator[Sequence[Mapping[str, object]]], size: int
) -> Iterator[Sequence[Mapping[str, object]]]:
    """So many at once."""
    while some := list(itertools.islice(given, size)):
        yield [one for each in some for one in each]


def struck_by(
    simulated: SimulatorProcess, together: Sequence[Mapping[str, object]], seconds: float
) -> set[str]:
    """Which of these faults have struck, once they were switched on and there was something to do."""
    simulated.fault("stale_token", times=1)  # so that tokens are fetched as well
    for one in together:
        simulated.fault(str(one["name"]), **{key: one[key] for key in one if key != "name"})
    simulated.control("POST", "/create", {"count": 1})
    simulated.control("POST", "/edit", {"random": 2})
    struck = struck_within(simulated, seconds)
    simulated.clear_faults()
    return struck


def struck_within(simulated: SimulatorProcess, seconds: float) -> set[str]:
    """Which of the faults that are on have struck, as soon as all have, or after so long."""
    deadline = time.monotonic() + seconds
    while True:
        active = simulated.control("GET", "/faults")
        struck = {one["name"] for one in active if one["struck"]}
        if time.monotonic() >= deadline or len(struck) == len({one["name"] for one in active}):
            return struck
        time.sleep(0.1)


def console_of(log: Path, starts: int) -> str:
    """The console's address, once the daemon has started so often."""
    wait_until(lambda: log.read_bytes().count(b"daemon_started") == starts, 30, "the daemon runs")
    found: list[bytes] = re.findall(rb'"console":"(http[^"]+)"', log.read_bytes())
    return found[-1].decode()


def _rests(kind: Kind) -> int:
    name = "" if kind.fault is None else str(kind.fault["name"])
    return 2 if name in LAST else 1 if Family.THROTTLED in kind.families else 0


def _where(op: Op) -> Mapping[str, object]:
    return {"operation": op.call, "api": op.vendor}


def fetched(url: str, language: str = "en") -> bytes:
    request = urllib.request.Request(url, headers={"Accept-Language": language})  # noqa: S310 - loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        body: bytes = answer.read()
        return body


def called(url: str, token: str, body: Mapping[str, object]) -> int:
    """The status of the answer."""
    # A header is latin-1 on the wire; what is no ASCII in a token travels as the bytes of its UTF-8.
    headers = {
        "Authorization": f"Bearer {token}".encode().decode("latin-1"),
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def commanded(config: Path, *arguments: str) -> bytes:
    ended = subprocess.run(
        [sys.executable, "-m", "xmsyncd", "--config", str(config), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return ended.stdout + ended.stderr


@pytest.fixture
def simulated() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(products=12, **CANARIES) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, simulated: SimulatorProcess) -> Path:
    return write_configuration(
        tmp_path,
        simulated,
        okki={
            "client_secret": CANARIES["client_secret"],
            "timeout": "800ms",
            "connect_timeout": "500ms",
            "tries": 2,
        },
        dingtalk={
            "app_secret": CANARIES["app_secret"],
            "connect_timeout": "500ms",
            "address_block": "1s",
        },
        target={
            "app_type": "APP_DEMO0000000000000000",
            "system_token": CANARIES["system_token"],
            "user_id": "demo-user",
            "form_uuid": "FORM-DEMO0000000000000000000000000001",
            "process_code": "TPROC--DEMO0000000000000000000000001",
            "key": "textField_lq23ags2",
        },
        delivery={
            "call_timeout": "800ms",
            "read_back_after": ["100ms", "300ms", "600ms", "1s"],
            "retry_base": "50ms",
            "retry_cap": "300ms",
            "probe_every": "300ms",
            "drain": "3s",
        },
        schedule={"every": "1s"},
        source={"page_size": 5, "group_cache": "0s"},
        log={"level": "debug"},
        http={"token": OWN["console"]},
        notify={
            "robots": {
                "ops": {
                    "webhook": f"{simulated.yida_url}/robot/send?"
                    f"access_token={quote(CANARIES['robot_token'], safe='')}",
                    "secret": CANARIES["robot_secret"],
                }
            },
            "hook_token": OWN["hook"],
            "every": "100ms",
        },
    )


def test_spellings_are_found_where_they_stand():
    secret = CANARIES["app_secret"]
    header = base64.b64encode(f"key:{secret}".encode())
    for shown in (secret.encode(), quote(secret).encode(), header, json.dumps({"a": secret}).encode()):
        assert leaks(b"before " + shown + b" after")
    assert not leaks(b"nothing of the kind")


@pytest.mark.slow
@pytest.mark.timeout(480)  # a busy machine lets faults miss, which are tried again
def test_no_secret_leaves_the_configuration_whatever_the_vendors_do(
    config: Path, simulated: SimulatorProcess, tmp_path: Path
):
    assert load_settings(config, {}).secret_values() >= {*CANARIES.values(), *OWN.values()}
    seen: dict[str, bytes] = {}
    log = tmp_path / "daemon.log"
    with DaemonProcess(config) as daemon:
        page = console_of(log, 1)
        wait_until(lambda: bool(simulated.oracle()["agrees"]), 30, "everything is delivered")
        starts, struck = 1, set[str]()
        for number, together in enumerate(batched(faults(), 3)):
            struck |= struck_by(simulated, together, 2.5)
            if number % 5 == 4:
                seen |= {f"{name} {number}": fetched(page + name) for name in SHOWN}
        # That each is met on each call is the matrix' business; but of every name one call must have been.
        for missed in sorted(set(FaultName) - struck) * 3:
            if missed in struck:
                continue
            daemon.kill()  # a new process rests for nothing that an earlier fault has told the last one
            daemon.start()
            starts += 1
            page = console_of(log, starts)
            its = [one for together in faults() for one in together if one["name"] == missed]
            struck |= struck_by(simulated, [*its, *LEADING_TO_LOOKS], 10)
        assert struck == set(FaultName), f"never struck: {sorted(set(FaultName) - struck)}"
        simulated.control("POST", "/robot", {"code": -1, "message": f"echo {CANARIES['robot_token']}"})
        for path, token, body in (
            ("api/act", OWN["console"], ACTION),
            ("hooks/alertmanager", OWN["hook"], ALERT),
        ):
            assert called(page + path, token, body) == 200
            assert called(page + path, f"{token}, but wrong", body) == 401
        wait_until(lambda: bool(simulated.control("GET", "/robot")["messages"]), 30, "the group reads it")
        seen |= {name: fetched(page + name) for name in SHOWN}
        seen["page (zh)"] = fetched(page, "zh-CN")
        [first] = simulated.control("GET", "/products?limit=1")
        key = str(first["fields"]["product_no"])
        seen["record"] = fetched(f"{page}record?id={quote(key)}")
        seen["explain"] = commanded(config, "explain", key)
        for name in ("status", "failures list", "ledger check"):
            seen[name] = commanded(config, *name.split())
        commanded(config, "ledger", "backup", str(tmp_path / "backup.db"))
        assert (tmp_path / "backup.db").exists()
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        assert {"xmsyncd.db", "xmsyncd.db-wal", "backup.db", "daemon.log"} <= files.keys()
        daemon.kill()
    seen |= {name: content for name, content in files.items() if name != config.name}
    seen["log at its end"] = log.read_bytes()
    assert "echo.•••".encode() in log.read_bytes(), "the vendors did quote them"
    found = {where: leaks(content) for where, content in seen.items() if leaks(content)}
    assert found == {}


def test_a_crash_of_a_command_shows_no_secret(config: Path, tmp_path: Path):
    """Whatever raises, and wherever: in a command, in a thread, in a finalizer, beyond every handler."""
    program = f"""
import sys, threading
from pathlib import Path
from xmsyncd.cli.errors import reported
from xmsyncd.cli.options import Common
from xmsyncd.observe.logs import configure_logging, log_what_escapes

common = Common(config=Path({str(config)!r}), debug=True)
settings = common.settings()
target = settings.pipelines["products"].target
configure_logging("debug", "console", sys.stderr, settings.secret_values())
log_what_escapes()

def fails():
    shown = target.system_token.get_secret_value()
    raise RuntimeError("sent " + shown)

class Finalized:
    def __del__(self):
        fails()

reported(common, fails)
thread = threading.Thread(target=fails)
thread.start()
thread.join()
Finalized()
fails()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count(b"RuntimeError: sent [secret]") == 4, ended.stderr.decode()
    assert ended.stdout == b""
    assert leaks(ended.stdout + ended.stderr) == []
