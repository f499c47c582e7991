"""Prometheus' and Alertmanager's own programs: where they are, and what happens when they are not there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv" / "tools"
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "xmsyncd.rules.yml"
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"
RUNBOOK = DEPLOY / "RUNBOOK.md"

# Read now: no test sees the variables of the machine (tests/conftest.py).
ARE_REQUIRED = os.environ.get("XMSYNCD_TEST_TOOLS") == "required"


def tool(*names: str, required: bool = ARE_REQUIRED) -> str:
    """The path of a program by one of its names; without it the test is skipped, or fails in CI."""
    for name in names:
        for found in (shutil.which(name, path=str(TOOLS / "bin")), shutil.which(name)):
            if found is not None:
                return found
    what = f"{names[0]} is missing: `make test` fetches it where apt is to be had (.ci/debian_tools.py)"
    if required:
        pytest.fail(what)
    pytest.skip(what)


def run(*command: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what it said on both streams is in ``stdout``."""
    return subprocess.run(
        [str(part) for part in command],
        input=None if stdin is None else stdin.decode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=170,
        check=False,
    )
