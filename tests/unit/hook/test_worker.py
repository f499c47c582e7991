"""What the worker says of a function that cannot be had, and of one that does not do what it should."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from xmsyncd.hook.worker import LoadError, answer_to, load, words_of


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch):
    """What is imported here is forgotten again."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def fault(folder: Path, name: str, text: str = "") -> str:
    module, _, function = name.partition(":")
    if text:
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
    with pytest.raises(LoadError) as raised:
        load(folder, module, function)
    return f"{raised.value.found} | {raised.value.expected}"


def test_every_reason_why_a_function_cannot_be_had_is_told(tmp_path):
    assert "no such folder" in fault(tmp_path / "away", "mine_a:f")
    (tmp_path / "other.py").write_text("", encoding="utf-8")
    assert "no module mine_b in" in fault(tmp_path, "mine_b:f")
    assert "other.py" in fault(tmp_path, "mine_b:f")
    assert "(mine_c.py, line 2)" in fault(tmp_path, "mine_c:f", "x = 1\ndef f(:\n")
    assert "ZeroDivisionError: division by zero" in fault(tmp_path, "mine_d:f", "1 / 0\n")
    assert "no_such_thing" in fault(tmp_path, "mine_e:f", "import no_such_thing\n")
    assert "one of clean, tidy" in fault(
        tmp_path, "mine_f:f", "def clean(p): return p\ndef tidy(p): return p\ndef _own(p): return p\n"
    )
    assert "async def f" in fault(tmp_path, "mine_g:f", "async def f(product): return product\n")
    assert "one argument" in fault(tmp_path, "mine_h:f", "def f(product, more): return product\n")
    assert "SystemExit" in fault(tmp_path, "mine_i:f", "import sys\nsys.exit(3)\n")


def test_only_that_folder_is_looked_into(tmp_path):
    assert "from elsewhere" in fault(tmp_path, "json:loads")


def test_a_package_may_use_its_own_modules(tmp_path):
    package = tmp_path / "mine_package"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "words.py").write_text("SUFFIX = '!'\n", encoding="utf-8")
    (package / "own.py").write_text(
        "from mine_package.words import SUFFIX\ndef f(p):\n    p['name'] += SUFFIX\n    return p\n",
        encoding="utf-8",
    )
    assert load(tmp_path, "mine_package.own", "f")({"name": "a"}) == {"name": "a!"}


def answered(function: Any, product: Any = None) -> Any:
    return json.loads(answer_to(json.dumps(product or {"name": "a"}).encode(), function))


def raises(error: BaseException) -> Any:
    def function(product: dict[str, Any]) -> dict[str, Any]:
        raise error

    return function


def test_a_product_comes_back_changed_or_is_left_out():
    assert answered(lambda product: {**product, "名": "乙"}) == {"result": {"name": "a", "名": "乙"}}
    assert answered(lambda product: None) == {"result": None}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises(KeyError("colour")), "KeyError: 'colour'"),
        (raises(ValueError("a\n  b")), "ValueError: a b"),
        (raises(SystemExit(3)), "SystemExit: 3"),
        (raises(RuntimeError()), "RuntimeError"),
        (lambda product: [product], "returned a list"),
        (lambda product: 7, "returned an int"),
        (lambda product: {"when": object()}, "not JSON serializable"),
        (lambda product: {"n": float("nan")}, "not JSON compliant"),
        (lambda product: {"text": "x" * 5_000_000}, "more than 4 MiB"),
    ],
)
def test_what_a_function_does_wrong_is_one_sentence(function, words):
    error = answered(function)["error"]
    assert words in error
    assert "Traceback" not in error
    assert "\n" not in error


def test_a_message_is_shortened_and_an_exception_that_cannot_speak_has_its_type():
    assert len(words_of(ValueError("x" * 5000))) < 250

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert words_of(MuteError()) == "MuteError"
