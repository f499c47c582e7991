"""The demo and the simulation as a person starts them: real processes, ended as a person ends them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.scenario import ROOT, wait_until

_QUICK = ("--products", "40", "--qps", "200", "--edits-per-second", "4", "--lost", "0.1", "--port", "0")


class Started:
    """A command of ours as a process; what it says goes into a file, as for a person who redirects it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
        self.environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "TMPDIR": str(self.temporary),
        }
        self.said = folder / "said.txt"
        with self.said.open("wb") as said:
            self.process = psutil.Popen(
                [sys.executable, "-m", "xmsyncd", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self.environment,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.is_running():
            self.process.kill()
        self.process.wait()

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self.said.read_text(encoding="utf-8")

    def says(self, words: str, seconds: float = 40) -> None:
        """Wait until it has said that."""

        def has_said() -> bool:
            if self.process.poll() is not None and words not in self.text:
                raise AssertionError(f"ended with {self.process.poll()} without {words!r}:\n{self.text}")
            return words in self.text

        wait_until(has_said, seconds, f"it says {words!r}")

    def child(self) -> psutil.Process:
        """The simulated vendors of a demo."""
        (child,) = self.process.children()
        return child

    def interrupt(self, seconds: float = 30) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return int(self.process.wait(seconds))

    def value_after(self, label: str) -> str:
        """The rest of the line that begins with this label."""
        (line,) = [line for line in self.text.splitlines() if line.strip().startswith(label)]
        return line.strip().removeprefix(label).strip()


@pytest.mark.timeout(120)
def test_the_demo_shows_the_whole_journey_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Started(tmp_path, "demo", *_QUICK) as demo:
        demo.says("Ctrl-C ends it.")
        assert "products are in Yida, each once" in demo.text
        assert "Not sent, each with its reason: 3 (rejected 2, waiting 1)" in demo.text
        vendors = demo.child()

        page = demo.value_after("status page")
        with urllib.request.urlopen(page) as answer:  # noqa: S310 - our own loopback address
            assert "records need a person" in answer.read().decode()
        config = demo.value_after("export XMSYNCD_CONFIG=")
        key = next(line.split()[-1] for line in demo.text.splitlines() if " explain " in line)

        def beside(*arguments: str) -> str:
            return subprocess.run(
                [sys.executable, "-m", "xmsyncd", "--config", config, *arguments],
                cwd=ROOT,
                env=demo.environment,
                stdout=subprocess.PIPE,
                text=True,
                check=False,  # 3 while something is on its way
            ).stdout

        status = json.loads(beside("status", "--json"))
        assert status["pipelines"][0]["backlog"]["rejected"] in (1, 2), "an edit may have healed one"
        assert key in beside("explain", key)
        assert "empty_key" in beside("failures", "list")

        demo.says(" updated")
        demo.says("without an answer: looked for")
        assert demo.interrupt() == 130
        assert "0 missing, 0 doubled" in demo.text
        assert "Traceback" not in demo.text
        assert not vendors.is_running()
        assert not list(demo.temporary.glob("xmsyncd-demo-*"))


@pytest.mark.timeout(120)
def test_ctrl_c_in_the_first_synchronisation_ends_it_with_the_judges_word(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with Started(tmp_path, "demo", "--products", "400", "--port", "0", "--folder", str(kept)) as demo:
        demo.says("1 ")
        demo.says("a second, 0.1 s each")
        wait_until(lambda: any(f"in Yida {n}" in demo.text for n in range(1, 400)), 30, "some are delivered")
        vendors = demo.child()
        assert demo.interrupt() == 130
        assert "0 missing, 0 doubled" in demo.text
        assert f"Everything is in {kept}" in demo.text
        assert "Traceback" not in demo.text
        assert not vendors.is_running()
    assert {"xmsyncd.yaml", "xmsyncd.db", "daemon.log"} <= {one.name for one in kept.iterdir()}
    with Started(tmp_path / "again", "demo", "--folder", str(kept)) as again:
        assert again.process.wait(20) == 2
        assert "expected an empty folder or a new one" in again.text


@pytest.mark.parametrize("seconds", [0.4, 1.2, 2.0])
def test_ctrl_c_while_it_sets_up_leaves_neither_traceback_nor_process(tmp_path: Path, seconds: float) -> None:
    with Started(tmp_path, "demo", *_QUICK) as demo:
        demo.says("Starting")
        time.sleep(seconds)  # any moment will do: that is what is tried
        family = demo.process.children(recursive=True)
        # Interrupted in an import's exec("…"), CPython ends by the signal itself: 130 to a shell.
        assert demo.interrupt() in (130, -signal.SIGINT)
        assert "Traceback" not in demo.text
        psutil.wait_procs(family, timeout=10)
        assert not [one for one in family if one.is_running()]
        assert not list(demo.temporary.glob("xmsyncd-demo-*"))


def test_the_simulated_vendors_die_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    with Started(tmp_path, "demo", *_QUICK) as demo:
        demo.says("1 ")
        wait_until(lambda: bool(demo.process.children()), 20, "the vendors are started")
        vendors = demo.child()
        demo.process.kill()
        demo.process.wait()
        _, alive = psutil.wait_procs([vendors], timeout=10)
        assert not alive


def test_a_demo_whose_vendors_die_says_so(tmp_path: Path) -> None:
    with Started(tmp_path, "demo", *_QUICK) as demo:
        demo.says("Ctrl-C ends it.")
        demo.child().kill()
        assert demo.process.wait(30) == 1
        assert "the simulated vendors ended by themselves" in demo.text
        assert "Traceback" not in demo.text


def test_a_simulation_writes_a_configuration_that_works_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    config = tmp_path / "xmsyncd.yaml"
    arguments = ("--products", "12", "--fault", "slow:seconds=0.01", "--write-config", str(config))
    with Started(tmp_path, "simulate", *arguments) as simulation:
        simulation.says("Ctrl-C ends it")
        assert "fault on: slow" in simulation.text
        control = simulation.value_after("control").split()[0]
        assert f"curl {control}/edit" in simulation.text
        synced = subprocess.check_output(
            [sys.executable, "-m", "xmsyncd", "sync", "--json", "--config", str(config)], cwd=ROOT
        )
        assert json.loads(synced)["pipelines"][0]["backlog"] == {"delivered": 12}
        assert simulation.interrupt() == 130
        assert "Traceback" not in simulation.text


def test_a_simulation_for_a_program_tells_one_line_and_ends_with_its_standard_input() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "xmsyncd", "simulate", "--json", "--until-eof", "--products", "3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["process"] == process.pid
        with urllib.request.urlopen(told["control_url"]) as answer:  # noqa: S310 - our own loopback address
            assert json.load(answer)["products"] == 3
        taken = subprocess.run(
            [sys.executable, "-m", "xmsyncd", "simulate", "--okki-port", told["okki_url"].rpartition(":")[2]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert taken.returncode == 2
        assert len(taken.stderr.splitlines()) == 1
        process.stdin.close()
        assert process.wait(10) == 0
        assert process.stdout.read() == b""
