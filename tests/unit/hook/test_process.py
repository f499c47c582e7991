"""The daemon's side of a function: bounded, apart from the daemon, and loaded anew when its files change."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from xmsyncd.errors import ConfigurationError
from xmsyncd.hook import process
from xmsyncd.hook.process import Failed, Hook, Kept, LeftOut

MODULE = """
import os, re, signal, sys, time

def shout(product):
    product["name"] = product["name"].upper()
    product["inner"]["list"].append(1)
    return product

def leave_out(product):
    return None

def choose(product):
    match product["do"]:
        case "loop":
            while True:
                pass
        case "regex":
            re.match("(a+)+$", "a" * 60 + "b")
        case "die":
            os._exit(7)
        case "print":
            print("noise")
            sys.stdout.flush()
            os.write(1, b"more noise")
        case "environment":
            return {"names": sorted(os.environ), "cwd": os.getcwd(), "path": sys.path}
        case "wait":
            time.sleep(product["seconds"])
        case "write":
            for number in range(3, 20):
                try:
                    os.write(number, product["bytes"].encode("latin-1") * product.get("times", 1))
                except OSError:
                    pass
        case "fork":
            os.fork()
            return {"did": os.getpid()}
        case "child":
            child = os.fork()
            if child == 0:
                time.sleep(600)
            return {"child": child}
        case "deaf":
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            signal.setitimer(signal.ITIMER_REAL, 0)
            time.sleep(600)
    return product
"""


@asynccontextmanager
async def loaded(folder: Path, function: str, seconds: float = 5) -> AsyncIterator[Hook]:
    (folder / "mine.py").write_text(MODULE, encoding="utf-8")
    hook = Hook(folder, f"mine:{function}", timeout=timedelta(seconds=seconds), where="pipelines.p.transform")
    try:
        await hook.load()
        yield hook
    finally:
        await hook.close()


async def test_a_product_comes_back_changed_and_the_one_given_stays_as_it_is(tmp_path):
    async with loaded(tmp_path, "shout") as hook:
        product = {"name": "ab", "inner": {"list": []}, "big": 2**70, "half": "\ud800"}
        answer = await hook.apply(product)
        assert answer == Kept({"name": "AB", "inner": {"list": [1]}, "big": 2**70, "half": "\ud800"})
        assert product == {"name": "ab", "inner": {"list": []}, "big": 2**70, "half": "\ud800"}


async def test_none_leaves_the_product_out(tmp_path):
    async with loaded(tmp_path, "leave_out") as hook:
        assert await hook.apply({}) == LeftOut()


@pytest.mark.parametrize("do", ["loop", "regex"])
async def test_a_function_that_hangs_is_ended_and_the_next_product_has_a_new_one(tmp_path, do):
    async with loaded(tmp_path, "choose", seconds=0.5) as hook:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        beating = asyncio.create_task(beat())
        answer = await hook.apply({"do": do})
        beating.cancel()
        assert answer == Failed("no answer within 0.5 s", ended=True)
        assert beats > 5, "the daemon went on meanwhile"
        assert isinstance(await hook.apply({"do": "nothing"}), Kept)


async def test_a_process_that_dies_is_one_failed_product(tmp_path):
    async with loaded(tmp_path, "choose") as hook:
        assert await hook.apply({"do": "die"}) == Failed("its process ended (status 7)", ended=True)
        assert isinstance(await hook.apply({"do": "nothing"}), Kept)


async def test_what_a_function_prints_does_not_mix_with_its_answers(tmp_path):
    async with loaded(tmp_path, "choose") as hook:
        for _ in range(3):
            assert await hook.apply({"do": "print"}) == Kept({"do": "print"})


@pytest.mark.parametrize(
    ("written", "times"),
    [
        ('{"result": {"of": "another product"}}\n', 1),
        ("\xff[[[\n", 1),
        ("[]\n", 1),
        ('{"result": [1]}\n', 1),
        ("0123456789abcdef {}\n", 1),
        ("x", 9_000_000),
    ],
)
async def test_what_is_written_among_the_answers_is_never_taken_for_one(tmp_path, written, times):
    """Once taken, each product after it would have been given the answer of the one before."""
    async with loaded(tmp_path, "choose") as hook:
        answer = await hook.apply({"do": "write", "bytes": written, "times": times})
        assert isinstance(answer, Failed)
        assert answer.ended
        assert "where only answers stand" in answer.detail
        assert await hook.apply({"do": "next"}) == Kept({"do": "next"})


async def test_a_copy_that_a_function_makes_of_its_process_answers_nothing(tmp_path):
    async with loaded(tmp_path, "choose") as hook:
        for number in range(5):
            assert isinstance(await hook.apply({"do": "fork"}), Kept)
            product = {"do": "next", "number": number}
            assert await hook.apply(product) == Kept(product)


def is_alive(process: int) -> bool:
    """Whoever adopts a process may let it lie there, dead."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and " Z " not in stat.read_text(encoding="utf-8")


async def test_what_a_function_has_started_ends_with_it(tmp_path):
    async with loaded(tmp_path, "choose") as hook:
        answer = await hook.apply({"do": "child"})
        assert isinstance(answer, Kept)
        assert is_alive(answer.product["child"])
    async with asyncio.timeout(30):
        while is_alive(answer.product["child"]):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_one_that_turns_deaf_to_signals_is_ended_all_the_same(tmp_path):
    async with loaded(tmp_path, "choose", seconds=0.5) as hook:
        assert await hook.apply({"do": "deaf"}) == Failed("no answer within 0.5 s", ended=True)
        assert await hook.apply({"do": "next"}) == Kept({"do": "next"})


async def test_the_secrets_of_the_daemon_and_its_folder_are_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("XMSYNCD_OKKI__MAIN__CLIENT_SECRET", "canary")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    async with loaded(tmp_path, "choose") as hook:
        answer = await hook.apply({"do": "environment"})
        assert isinstance(answer, Kept)
        assert not [name for name in answer.product["names"] if name.startswith(("XMSYNCD", "PYTHON"))]
        assert answer.product["cwd"] == "/"
        assert "" not in answer.product["path"]
        assert str(elsewhere) not in answer.product["path"]
        assert answer.product["path"][0] == str(tmp_path)


async def test_a_cancelled_call_leaves_no_answer_behind_for_the_next_product(tmp_path):
    async with loaded(tmp_path, "choose") as hook:
        calling = asyncio.create_task(hook.apply({"do": "wait", "seconds": 0.4}))
        await asyncio.sleep(0.1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert await hook.apply({"do": "next"}) == Kept({"do": "next"})


async def test_a_changed_file_of_the_folder_is_another_function(tmp_path):
    async with loaded(tmp_path, "leave_out") as hook:
        before = hook.source_hash
        await hook.load()
        assert hook.source_hash == before
        (tmp_path / "beside.py").write_text("X = 1\n", encoding="utf-8")
        await hook.load()
        assert hook.source_hash != before
        (tmp_path / "mine.py").write_text(
            "def leave_out(product):\n    return {'new': 1}\n", encoding="utf-8"
        )
        await hook.load()
        assert await hook.apply({}) == Kept({"new": 1})


async def test_a_broken_file_is_a_fault_that_names_setting_file_and_line(tmp_path):
    async with loaded(tmp_path, "leave_out") as hook:
        (tmp_path / "mine.py").write_text("def leave_out(product)\n    return product\n", encoding="utf-8")
        with pytest.raises(ConfigurationError) as raised:
            await hook.load()
        assert "pipelines.p.transform: found expected ':' (mine.py, line 1)" in str(raised.value)
        with pytest.raises(ConfigurationError):
            await hook.apply({})


async def test_files_that_change_while_a_cycle_runs_are_not_mixed_into_it(tmp_path):
    async with loaded(tmp_path, "choose") as hook:
        await hook.apply({"do": "die"})
        (tmp_path / "beside.py").write_text("X = 2\n", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="changed while a cycle runs"):
            await hook.apply({"do": "nothing"})
        await hook.load()
        assert isinstance(await hook.apply({"do": "nothing"}), Kept)


async def test_nothing_is_left_of_it_after_closing(tmp_path):
    async with loaded(tmp_path, "leave_out") as hook:
        running = hook._running
        assert running is not None
        await hook.close()
        assert running.process.returncode is not None
        await hook.close()


def worker(folder: Path, seconds: str) -> asyncio.Future[asyncio.subprocess.Process]:
    """The process alone, as the daemon starts it."""
    return asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(Path(process.__file__).with_name("worker.py")),
            str(folder),
            "mine:choose",
            seconds,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    )


async def test_it_ends_with_the_daemon_that_was_killed(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    alone = await worker(tmp_path, "5")
    assert alone.stdin is not None
    assert alone.stdout is not None
    assert b"ready" in await alone.stdout.readline()
    alone.stdin.close()
    assert await asyncio.wait_for(alone.wait(), 10) == 0


async def test_it_ends_even_while_it_hangs_and_nobody_is_left_to_end_it(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    alone = await worker(tmp_path, "0.3")
    assert alone.stdin is not None
    assert alone.stdout is not None
    assert b"ready" in await alone.stdout.readline()
    alone.stdin.write(b'mark {"do": "regex"}\n')
    assert await asyncio.wait_for(alone.wait(), 10) == -signal.SIGALRM
    alone.stdin.close()


async def test_files_in_hidden_folders_are_not_part_of_it(tmp_path):
    """Kubernetes mounts a configuration through ``..2026_11_23``, which has another name after each start."""
    async with loaded(tmp_path, "leave_out") as hook:
        before = hook.source_hash
        (tmp_path / "..2026").mkdir()
        (tmp_path / "..2026" / "mine.py").write_text("X = 1", encoding="utf-8")
        await hook.load()
        assert hook.source_hash == before
