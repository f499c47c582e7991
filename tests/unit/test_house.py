"""The house keeps its promises: pinned without addresses, and a map that names every part."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import aiohttp
import pytest
from aioresponses import aioresponses

import xmsyncd

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("build", "runtime", "dev")


def canonical(requirement: str) -> str:
    """The package a requirement names, in the form that lock files use."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def pins(lock: str) -> dict[str, str]:
    """Package to version, as one requirements file pins them."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return {
        canonical(name): version
        for name, version in re.findall(r"^([\w.-]+)==([^ \\;]+)", text, re.MULTILINE)
    }


def wanted(lock: str) -> set[str]:
    """The packages that pyproject.toml asks for directly, for one requirements file."""
    groups = PROJECT["dependency-groups"]
    listed = {
        "build": groups["build"],
        "runtime": PROJECT["project"]["dependencies"],
        "dev": [*groups["build"], *groups["dev"], *PROJECT["project"]["dependencies"]],
    }[lock]
    return {canonical(entry) for entry in listed if isinstance(entry, str)}


@pytest.mark.parametrize("lock", LOCKS)
def test_requirements_hold_no_address_and_no_local_path(lock):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(
        r"^\s*(-i|-f|-e|--index-url|--extra-index-url|--find-links|--trusted-host)\b", text, re.MULTILINE
    )
    assert " @ " not in text
    assert "file:" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    unhashed = [entry.split("\n")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert unhashed == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_direct_dependency_is_pinned(lock):
    assert wanted(lock) - pins(lock).keys() == set()


@pytest.mark.parametrize("lock", ["build", "runtime"])
def test_developers_test_the_versions_that_users_get(lock):
    assert pins(lock).items() <= pins("dev").items()


def test_the_map_names_every_part_of_the_package():
    assert xmsyncd.__doc__ is not None
    rows = set(re.findall(r"^``(\w+)``", xmsyncd.__doc__, re.MULTILINE))
    folder = Path(xmsyncd.__file__).parent
    parts = {path.stem for path in folder.glob("[!_]*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    assert parts - rows == set(), "a part that the map in xmsyncd/__init__.py does not name"


def test_the_house_answers_help_and_refuses_what_it_does_not_know():
    def house(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / ".ci" / "house.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "make demo" in house("help").stdout
    unknown = house("demoo")
    assert unknown.returncode == 2
    assert "demoo" in unknown.stderr


def test_every_make_target_is_a_command_of_the_house():
    targets = re.search(r"^TARGETS := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets is not None
    house = (ROOT / ".ci" / "house.py").read_text(encoding="utf-8")
    commands = set(re.findall(r'^    "([a-z-]+)": \w+,$', house, re.MULTILINE)) | {"help"}
    assert set(targets.group(1).split()) == commands


async def test_aioresponses_answers_on_the_pinned_aiohttp():
    async with aiohttp.ClientSession() as session:
        with aioresponses() as mocked:
            mocked.get("http://vendor.test/page", payload={"code": 0})
            async with session.get("http://vendor.test/page") as answer:
                assert await answer.json() == {"code": 0}


def test_no_file_is_left_in_the_middle_of_a_merge():
    folders = (ROOT / name for name in ("xmsyncd", "tests", "docs", "deploy", ".ci"))
    files = [path for path in ROOT.iterdir() if path.is_file()]
    files += [path for folder in folders for path in folder.rglob("*.*") if path.is_file()]
    torn = [path for path in files if re.search(rb"^(<{7}|>{7}) ", path.read_bytes(), re.MULTILINE)]
    assert len(files) > 500
    assert torn == []
