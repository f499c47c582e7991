"""``xmsyncd … | head``: a reader that has gone ends the command, without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenario import ROOT
from tests.unit.cli.command_line import CommandLine


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("failures", "list")])
def test_a_reader_that_has_gone_is_no_fault(tmp_path: Path, arguments):
    line = CommandLine(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "xmsyncd", "--config", str(line.config), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(60) == 141
    assert told == ""
