"""A machine without Prometheus' and Alertmanager's programs: this is said, and not overlooked in CI."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.deploy.tools import ROOT, tool

pytestmark = pytest.mark.deploy


def test_a_missing_program_is_a_skip_and_a_failure_where_it_is_required():
    with pytest.raises(pytest.skip.Exception, match="no-such-program is missing"):
        tool("no-such-program", required=False)
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing"):
        tool("no-such-program", required=True)


def test_a_program_is_found_by_another_name():
    assert tool("no-such-program", "sh", required=True) == shutil.which("sh")


def test_ci_cannot_do_without_the_programs():
    assert 'export XMSYNCD_TEST_TOOLS="${XMSYNCD_TEST_TOOLS:-required}"' in (ROOT / ".ci" / "run").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(("required", "what_follows"), [("", "skipped"), ("required", "failing")])
def test_without_apt_it_is_said_what_is_missing_and_what_follows(tmp_path, required, what_follows):
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(ROOT / ".ci" / "debian_tools.py", tmp_path / ".ci")
    ended = subprocess.run(
        [sys.executable, script],
        env={"PATH": str(tmp_path), "XMSYNCD_TEST_TOOLS": required},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "Test tools missing (prometheus, prometheus-alertmanager)" in ended.stderr
    assert f"are {what_follows}." in ended.stderr
    assert not (tmp_path / ".venv").exists()
