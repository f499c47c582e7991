"""``plan``, ``preview`` and ``adopt --dry-run`` as a person runs them, alone and beside a daemon."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import FIELDS, ROOT, DaemonProcess, wait_until, write_configuration
from tests.simulator_process import SimulatorProcess

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.fspath(ROOT), "LC_ALL": "C.UTF-8"}


class Folder:
    """A configuration against vendors of its own."""

    def __init__(self, path: Path, simulated: SimulatorProcess) -> None:
        self.path = path
        self.simulated = simulated
        self.config = write_configuration(path, simulated)

    def run(self, *arguments: str, language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "xmsyncd", *arguments],
            cwd=self.path,
            env={**ENVIRONMENT, "LC_ALL": language},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def json(self, *arguments: str, expected: int = 0) -> Any:
        ended = self.run(*arguments, "--json")
        assert ended.returncode == expected, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with SimulatorProcess(products=40) as simulated:
        yield Folder(tmp_path, simulated)


def test_a_first_plan_makes_no_ledger_and_is_read_in_chinese(folder: Folder):
    ended = folder.run("plan", "--sample", "1", language="zh_CN.UTF-8")
    assert ended.returncode == 0, ended.stderr
    for text in (
        "首次读取",
        "新建 40",
        "产品名称 (textField_lq0sj9h9)",
        "… and 39 more",
        "假定表单为空",
        "未写入任何内容",
    ):
        assert text in ended.stdout
    assert not (folder.path / "xmsyncd.db").exists()
    assert folder.simulated.count("start") == 0


def test_beside_a_daemon_the_holder_plans(folder: Folder):
    with DaemonProcess(folder.config) as daemon:
        wait_until(lambda: folder.simulated.count("start") == 40, 20, "everything is delivered")
        (plan,) = folder.json("plan", "--full", "--sample", "all")["pipelines"]
        assert plan["cycle"]["read"] == 40
        assert plan["changes"] == []
        product = folder.simulated.control("GET", "/instances")[0]
        key = product["versions"][-1]["data"]["textField_lq23ags2"]
        (told,) = folder.json("preview", key)["products"]
        assert told["decision"] == "unchanged"
        dry = folder.json("adopt", "--dry-run")["pipelines"][0]
        assert (dry["known"], dry["adopted"]) == (40, 0)
        assert folder.json("status")["pipelines"][0]["stop"] is None, "a dry run pauses nothing"
        assert daemon.poll() is None
    assert folder.simulated.count("start") == 40


def test_a_dry_run_of_adopt_tells_and_changes_nothing(folder: Folder):
    folder.json("sync")
    (folder.path / "xmsyncd.db").rename(folder.path / "lost.db")
    for name in ("-wal", "-shm", ".generation"):
        (folder.path / f"xmsyncd.db{name}").unlink(missing_ok=True)
    dry = folder.json("adopt", "--dry-run")["pipelines"][0]
    assert (dry["adopted"], dry["updates"], dry["creates"], dry["unmatched"]) == (40, 0, 0, 0)
    assert not (folder.path / "xmsyncd.db").exists()
    told = folder.run("adopt", "--dry-run")
    assert "nothing was changed" in told.stderr
    assert "paused" not in told.stderr
    assert "pipeline_stopped" not in told.stderr
    real = folder.json("adopt")["pipelines"][0]
    assert {name: real[name] for name in ("adopted", "updates", "creates")} == {
        name: dry[name] for name in ("adopted", "updates", "creates")
    }


def test_a_dry_runs_calls_are_counted(folder: Folder):
    folder.config = write_configuration(
        folder.path, folder.simulated, dingtalk={"monthly_calls": 500, "reserve_calls": 50}
    )
    folder.json("sync")
    before = folder.json("status")["quota"][0]["used"]
    folder.json("adopt", "--dry-run")
    assert folder.json("status")["quota"][0]["used"] > before


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({"okki": {"base_url": "http://127.0.0.1:9", "tries": 1}}, 3, "OKKI"),
        ({"okki": {"client_secret": "wrong-secret"}}, 4, "credentials"),
    ],
    ids=["okki is down", "wrong credentials"],
)
@pytest.mark.parametrize("command", [("plan",), ("preview", "LED-1")])
def test_what_stands_in_the_way_is_one_sentence(folder: Folder, changes, status, found, command):
    write_configuration(folder.path, folder.simulated, **changes)
    ended = folder.run(*command)
    assert ended.returncode == status, ended.stderr
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in ended.stderr
    assert "wrong-secret" not in ended.stderr
    assert ended.stdout == ""


def test_unknown_names_are_told_with_their_status(folder: Folder):
    for arguments in (("plan", "nosuch"), ("plan", "--key", "NOPE"), ("preview", "NOPE")):
        ended = folder.run(*arguments)
        assert ended.returncode == 2, ended.stderr
        assert arguments[-1] in ended.stderr
    assert folder.run("plan", "--since", "2026-11-20", "--full").returncode == 2


def test_progress_is_a_bar_on_a_terminal_and_never_on_standard_output(folder: Folder):
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "xmsyncd", "plan", "--json"],
        cwd=folder.path,
        env={**ENVIRONMENT, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
    ) as process:
        os.close(follower)
        seen = b""
        with contextlib.suppress(OSError):  # the terminal has gone with the process
            while part := os.read(leader, 65536):
                seen += part
        assert process.stdout is not None
        plan = json.loads(process.stdout.read())
    os.close(leader)
    assert plan["pipelines"][0]["calls"]["creates"] == 40
    assert "reading OKKI" in seen.decode(errors="replace")
    assert FIELDS[0]["label"] not in seen.decode(errors="replace")
