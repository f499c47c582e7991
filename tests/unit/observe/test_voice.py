"""There is one voice: what happens is said by ``xmsyncd.observe``, by a name that is used for one thing."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import xmsyncd

PACKAGE = Path(xmsyncd.__file__).parent
VOICE = PACKAGE / "observe"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
# Says what lines are about, and writes none.
CONTEXT = PACKAGE / "about.py"
# Its own process in service; what it says of the vendors it plays is not the daemon's log.
PLAYED = PACKAGE / "simulator"


def others() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.is_relative_to(VOICE) and not path.is_relative_to(PLAYED):
            yield path


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{one.name}" for one in node.names)


def said() -> Iterator[tuple[str, str]]:
    """Every event of the voice, with the function it is said in."""
    for path in VOICE.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _is_logging(node.func):
                    first = node.args[0]
                    if isinstance(first, ast.Constant):
                        yield str(first.value), f"{path.stem}.{function.name}"


def _is_logging(function: ast.expr) -> bool:
    """``_log.info``, ``log`` (one of them, chosen) or ``(_log.info if … else _log.debug)``."""
    match function:
        case ast.Attribute(value=ast.Name(id="_log"), attr=level):
            return level in LEVELS
        case ast.Name(id="log"):
            return True
        case ast.IfExp(body=body):
            return _is_logging(body)
        case _:
            return False


@pytest.mark.parametrize("path", list(others()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_but_the_voice_writes_lines(path: Path):
    found = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    loud = {name for name in found if re.match(r"(structlog|logging|warnings)\b", name)}
    if path == CONTEXT:
        assert loud == {"structlog.contextvars.bound_contextvars"}
    else:
        assert loud == set()


def test_a_name_means_one_thing_and_reads_as_what_happened():
    names = set(said())
    assert len(names) > 25
    used = Counter(name for name, _ in names)
    assert [name for name, times in used.items() if times > 1] == []
    assert [name for name in used if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
