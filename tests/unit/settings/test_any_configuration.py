"""Any text as a configuration: it loads, or every fault is a sentence that names its place; never a secret.

``FUZZ=10`` in the environment runs ten times as many examples.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.settings.conftest import RIGHT
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.operations.vendors import mapping_of
from xmsyncd.settings import Settings
from xmsyncd.settings.document import Document, parse_document
from xmsyncd.settings.loading import settings_from
from xmsyncd.settings.lookup_files import read_tables
from xmsyncd.settings.schema import settings_under

TIMES = int(os.environ.get("FUZZ", "1"))
SECRETS = ("okki-secret", "ding-secret", "yida-secret")
SLOWEST = 5.0  # seconds of the processor; the slowest load takes a tenth of one

NAMES = {
    "okki": "main",
    "dingtalk": "main",
    "robots": "robot",
    "lookups": "kinds",
    "pipelines": "products",
    "derive": "类",
}


def _path(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """A path of the settings with names and places that the right tree has."""
    found: list[Any] = []
    for key in path:
        found.append(NAMES.get(str(found[-1]), "name") if key == "<name>" else 0 if key == "[]" else key)
    return tuple(found)


PATHS = sorted(
    {_path(path)[:length] for path, _ in settings_under(Settings) for length in range(1, len(path) + 1)},
    key=str,
)


def _deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, 10**400, 1e308, -1e-300, float("nan"), float("inf")),
    *("", " ", "\x00", "a\x00b", "\x1b[2J\x07", "\u202e", "…", "x" * 100_000, "\n"),
    *(
        [],
        [[]],
        [None],
        [{}],
        {},
        {"": 1},
        {"a": {"b": {}}},
        {"\x1b[2J": "\x1b[2J"},
        _deep(300),
        ["x"] * 10_000,
    ),
    *(
        "{",
        "{{x|nosuch}}",
        "{a}" * 5_000,
        "_function (",
        "_function " + "(" * 5_000,
        "_function REPEAT('a', 1e9)",
    ),
    *("(a+)+$", "(a{1000}){1000}", "[", "(?=a)", "\\p{Nosuch}", "a|" * 20_000),
    *(
        "/dev/zero",
        "/",
        ".",
        "../x.csv",
        "x.csv/y.csv",
        "~/x.yaml",
        "a" * 300 + ".csv",
        "a\x00.csv",
        "ﬀ.csv",
    ),
    *(
        "http://user:hidden-word@x",
        "http://[::1",
        "http://x:99999",
        "sqlite:///a\x00b",
        "sqlite:////",
        "mysql://x",
    ),
    *("9" * 5_000, "9" * 400 + "s", "99999999999d", "1e400", "-5s", "0s", "1.5.5s", "1" * 5_000 + ":00:00"),
    *("* * * * *", "*/99999999999 * * * *", "0-99999999999999999999 * * * *", "* * 31 2 *", ", , , , ,"),
    *("Asia/../../etc/passwd", "/etc/localtime", "2026-02-30", "0001-01-01", "9999-12-31T23:59:59+00:00"),
    *("a:b", "a.b:c", "..:f", "一:二", "20", "leaf", "textField_no", "tableField_x", "required", "eq"),
    [[{"field": "x", "logic": "eq", "value": [1]}]],
    {"value": "{类}"},
)


def load_all(document: Document, path: Path) -> None:
    """Load it as every command does, look-up tables and mappings included."""
    began = time.process_time()
    faults: tuple[Fault, ...] = ()
    try:
        found = settings_from(document, path, {}, ())
        tables = read_tables(found.lookups)
        for name, pipeline in found.pipelines.items():
            mapping_of(name, pipeline, tables)
    except ConfigurationError as error:
        faults = error.faults
    assert time.process_time() - began < SLOWEST
    check_sentences(faults)


def check_sentences(faults: tuple[Fault, ...]) -> None:
    """Each names its place, fits on a screen, shows no secret and does nothing to a terminal."""
    for fault in faults:
        sentence = str(fault)
        assert sentence.isprintable(), ascii(sentence)
        assert len(sentence) < 2_000, sentence
        assert fault.where
        assert not any(secret in sentence for secret in SECRETS), sentence


def put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    *above, last = path
    here = tree
    for key, following in zip(above, path[1:], strict=True):
        if isinstance(key, int):
            if not here:
                here.append({})
            here = here[key]
        else:
            here = here.setdefault(key, [] if isinstance(following, int) else {})
    if isinstance(here, list):
        here[:1] = [value]
    else:
        here[last] = value


def fuzzed(examples: int) -> settings:
    return settings(max_examples=examples * TIMES, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed(1_000)
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(VALUES)), min_size=1, max_size=3))
def test_any_value_at_any_place(tmp_path, changes):
    tree = deepcopy(RIGHT)
    for path, value in changes:
        try:
            put(tree, path, deepcopy(value))
        except (AttributeError, TypeError, KeyError, IndexError):
            return  # an earlier change took away what this one is about
    load_all(Document("xmsyncd.yaml", tree), tmp_path / "xmsyncd.yaml")


PIECES = (
    *(
        "&a ",
        "*a",
        "*a\n",
        "<<: *a\n",
        "!!int ",
        "!!float x",
        "!!binary ",
        "!x ",
        "? ",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
    ),
    *(
        ",",
        "\t",
        "\n",
        "\r",
        "  ",
        "#",
        "|\n",
        ">-\n",
        "'",
        '"',
        "\\",
        "%YAML 1.1\n---\n",
        "---\n",
        "...\n",
        "%TAG ! x\n",
    ),
    *(
        "2026-01-01: 1\n",
        "1: 2\n",
        "null: 1\n",
        "~",
        "0x",
        "0o9",
        "0b2",
        "1_000",
        "1:30",
        ".inf",
        ".nan",
        "1e999",
        "0123",
    ),
    *(
        "\x00",
        "\x1b",
        "\ufeff",
        "\u2028",
        "\x85",
        "\\ud83d",
        '"\\ud800"',
        "=",
        "@",
        "`",
        "!!set {a}",
        "!!omap [a: 1]",
        "!!python/object:os.x",
    ),
    *(
        "9" * 5_000,
        "[" * 300,
        "{a: " * 300,
        "- " * 300,
        "a" * 2_000,
        "!!int abc",
        "!!bool maybe",
        "!!null x",
        "!!timestamp x",
    ),
)
TEXT = json.dumps(RIGHT, ensure_ascii=False, indent=1)
YAML_TEXT = """okki: &o
  main: {client_id: "0123", client_secret: okki-secret}
dingtalk:
  main:
    app_key: k
    app_secret: ding-secret
pipelines:
  products:
    target:
      app_type: APP_X
      system_token: yida-secret
      user_id: "0456"
      form_uuid: FORM-X
      key: textField_no
    fields:
      - {field: textField_no, value: "{product_no}"}
"""


@fuzzed(400)
@given(
    st.sampled_from([TEXT, YAML_TEXT]),
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 3), st.sampled_from(PIECES)), min_size=1, max_size=4
    ),
)
def test_any_slip_in_the_text(tmp_path, text, slips):
    for place, length, piece in slips:
        text = text[:place] + piece + text[place + length :]
    try:
        document = parse_document(text, "xmsyncd.yaml")
    except ConfigurationError as error:
        check_sentences(error.faults)
        return
    load_all(document, tmp_path / "xmsyncd.yaml")


BOMBS = {
    "billion laughs": "".join(
        [f"a0: &a0 [{', '.join(['x'] * 10)}]\n"]
        + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)]
    ),
    "billion keys": "".join(
        ["a0: &a0 {x: 1, y: 2}\n"] + [f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 40)]
    ),
    "merges": "".join(
        ["a0: &a0 {x: 1}\n"]
        + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)]
    ),
    "deep": "[" * 100_000,
    "deep flow": "{a: " * 5_000,
    "deep block": "".join("  " * n + "a:\n" for n in range(1_500)),
    "deep JSON": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "long number": "okki: " + "9" * 100_000,
    "long JSON number": '{"okki": ' + "9" * 100_000 + "}",
    "no number": "okki: !!int abc\ndingtalk: !!float x\npipelines: !!bool maybe",
    "old YAML": "%YAML 1.1\n---\nokki: 1:30\ndingtalk: 0x\n",
    "many keys": "".join(f"a{n}: {n}\n" for n in range(5_000)),
    "long line": "a: " + "x" * 3_000_000,
    "huge": "# " + "x" * 30_000_000,
    "many brackets": "a:\n" + "[\n" * 20_000,
    "many colons": "a: b: c" * 20_000,
    "controls": "okki: \x1b[2J\x00",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_made_to_hurt_is_refused_at_once(load, name):
    began = time.process_time()
    check_sentences(load.faults(text=BOMBS[name]))
    assert time.process_time() - began < SLOWEST


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("lookups.kinds.file", "a\x00.csv", "no path can hold"),
        ("hooks_dir", "a\x00", "no path can hold"),
        ("ledger.url", "sqlite:///a\x00b", "no path can hold"),
        ("pipelines.products.source.start_from", "0001-01-01", "a year from 1970 to 9998"),
        ("delivery.drain", "\x1b[2J", r"\u001b[2J"),
        ("delivery.drain", "9" * 5_000, "9…9"),
        ("log.level", "\ud800", 'found "\ufffd"'),
    ],
)
def test_what_the_dice_found(load, path, value, words):
    """Each of these was a traceback, or moved the cursor, or filled the screen."""
    load.put(path, value)
    assert words in str(load.fault())


@pytest.mark.parametrize("between", ["", " ", ":", "=", "\u00a0", "&a  ", "x", "_", "-", ": x,", "\\"])
@pytest.mark.parametrize("name", ["client_secret", "client_secre", "Client_Secret", "clientsecret", "secret"])
def test_a_secret_that_a_slip_made_a_part_of_its_key_is_not_shown(load, name, between):
    text = YAML_TEXT.replace("client_secret: ", f"{name}{between}")
    faults = load.faults(text=text)
    check_sentences(faults)
    assert any("okki.main" in str(fault) for fault in faults)


def test_a_name_given_to_two_parts_is_no_fault(load):
    twice = YAML_TEXT.replace("main:", "main: &o", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(text=twice) == load(text=YAML_TEXT)
