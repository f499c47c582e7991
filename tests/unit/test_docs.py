"""The prose names what is there: links and anchors, commands with their options, metrics, files, settings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry

from tests.guides import ROOT
from xmsyncd.cli import main
from xmsyncd.observe.metrics import Metrics
from xmsyncd.settings.reference import describe_settings

PAGES = sorted(
    [*ROOT.glob("README*.md"), ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
)
PAIRS = [path for path in PAGES if (path.parent / f"{path.stem}.zh-CN.md").exists()]

# What the changelog tells is gone.
GONE = {"source.deleted"}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", without_blocks(text_of(path)), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one).lower() for one in found]
    return {re.sub(r"[^\w\- ]", "", one).strip().replace(" ", "-") for one in plain}


def command_lines(path: Path) -> list[str]:
    """What follows ``xmsyncd`` in code, whether in the text or in a block of a console."""
    text = text_of(path)
    spans = [" ".join(one.split()) for one in re.findall(r"`(xmsyncd [a-z][^`]*)`", without_blocks(text))]
    blocks = re.findall(r"^ *```(?:console)?\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.findall(r"^\$? ?(xmsyncd .*)$", block, re.MULTILINE)]
    return [one.split(" #")[0].strip() for one in (*spans, *lines)]


def test_every_picture_is_shown_by_the_page_of_its_language() -> None:
    shown = {
        (page.name.endswith(".zh-CN.md"), (page.parent / target).resolve())
        for page in PAGES
        for target in re.findall(r"!\[[^]]+\]\(([^)\s]+)\)", without_blocks(text_of(page)))
    }
    pictures = {
        (path.stem.endswith("-zh-CN"), path.resolve()) for path in (ROOT / "docs" / "images").iterdir()
    }
    assert shown == pictures


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", without_blocks(text_of(page))):
        if re.match(r"\w+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name}: {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_and_option_is_one(page: Path) -> None:
    for line in command_lines(page):
        words = shlex.split(line.replace("…", " ").replace("\\|", "|").replace("'", ""))[1:]
        command: click.Command = main
        options = {name for one in main.params for name in one.opts}
        while words and isinstance(command, click.Group):
            name = words.pop(0)
            if name.startswith("--") and name in options:
                continue
            names = name.rstrip(",.;").split("|")
            chosen = [command.get_command(click.Context(command), one) for one in names]
            assert None not in chosen, f"{page.name}: {line}"
            command = chosen[0] or command
            options |= {name for one in chosen if one for param in one.params for name in param.opts}
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0].rstrip(",.;") in options, f"{page.name}: {line}: {word}"


def told_commands(page: Path) -> dict[str, set[str]]:
    """The table of commands: each command with the options that its row names."""
    told: dict[str, set[str]] = {}
    for first, rest in re.findall(r"^\| (`xmsyncd .*?`) \| (.*) \|$", text_of(page), re.MULTILINE):
        names = [one.split()[0] for one in re.findall(r"`xmsyncd ([^`]+)`", first)]
        for name in names:
            for each in name.replace("\\|", "|").split("|"):
                told.setdefault(each, set()).update(re.findall(r"--[a-z-]+", first + rest))
    return told


def options_of(command: click.Command) -> set[str]:
    """Its own and those of the commands below it."""
    own = {name for one in command.params for name in one.opts if name.startswith("--")}
    if isinstance(command, click.Group):
        below = (
            command.get_command(click.Context(command), name)
            for name in command.list_commands(click.Context(command))
        )
        own = own.union(*(options_of(one) for one in below if one))
    return own


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=lambda path: path.name)
def test_the_readme_tells_every_command_and_no_option_that_is_none(page: Path) -> None:
    told = told_commands(page)
    context = click.Context(main)
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    assert told.keys() == commands.keys()
    for name, options in told.items():
        command = commands[name]
        assert command is not None
        assert options <= options_of(command), name


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=lambda path: path.name)
def test_the_map_of_the_readme_names_every_part_and_no_other(page: Path) -> None:
    rows = "\n".join(re.findall(r"^\| `xmsyncd/.*", text_of(page), re.MULTILINE))
    named = set(re.findall(r"`xmsyncd/(\w+)(?:\.py|/)`", rows))
    folder = ROOT / "xmsyncd"
    modules = {path.stem for path in folder.glob("[!_]*.py")}
    assert named == modules | {path.parent.name for path in folder.glob("*/__init__.py")}


def test_every_metric_that_is_named_exists() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    names = {family.name for family in registry.collect()}
    for page in PAGES:
        for name in set(re.findall(r"\bxmsyncd_\w+", text_of(page))):
            if name.startswith(("xmsyncd_okki__", "xmsyncd_dingtalk__", "xmsyncd_pipelines__")):
                continue
            base = re.sub(r"_(total|bucket|sum|count|info)$", "", name)
            assert {name, base} & names, f"{page.name}: {name}"


@pytest.mark.parametrize("name", ["operating.md", "operating.zh-CN.md"])
def test_every_line_of_the_log_that_is_told_is_written(name: str) -> None:
    code = "\n".join(text_of(path) for path in (ROOT / "xmsyncd").rglob("*.py"))
    rows = re.findall(
        r"^\| (`\w+`.*?) \| [^|]*(?:INFO|WARNING|ERROR)", text_of(ROOT / "docs" / name), re.MULTILINE
    )
    assert len(rows) > 10
    for event in re.findall(r"`(\w+)`", " ".join(rows)):
        assert f'"{event}"' in code, event


def test_every_setting_that_is_named_exists() -> None:
    paths = {row.path for row in describe_settings()}
    sections = {part for path in paths for part in re.split(r"[.\[\]]+", path) if part and part[0] != "<"}
    known = {tuple(re.sub(r"\[\]|<name>", "", path).replace("..", ".").split(".")) for path in paths}
    heads = ("source", "target", "delivery", "ledger", "http", "log", "notify", "guard")
    for page in PAGES:
        for dotted in set(re.findall(rf"`((?:{'|'.join(heads)})\.[a-z_]+)(?:[:`]| )", text_of(page))):
            head, name = dotted.split(".")
            if name == "json":
                continue  # a file of 轻易云
            assert head in sections
            is_there = any(name == path[-1] and head in path for path in known) or dotted in GONE
            assert is_there or f"{head}.{name}" in {".".join(path[-3:-1]) for path in known}, (
                f"{page.name}: {dotted}"
            )


@pytest.mark.parametrize("page", PAIRS, ids=lambda path: path.name)
def test_both_languages_have_the_same_parts(page: Path) -> None:
    def parts(path: Path) -> list[str]:
        return re.findall(r"^(#+) ", without_blocks(text_of(path)), re.MULTILINE)

    other = page.parent / f"{page.stem}.zh-CN.md"
    assert parts(page) == parts(other), page.name
