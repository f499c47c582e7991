"""Settings written into a file by a program: the new values, and not a character else."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.scenario import configuration
from xmsyncd.errors import ConfigurationError
from xmsyncd.settings import load_settings
from xmsyncd.settings.editing import Edit, edited, write_settings

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[3] / "deploy" / "xmsyncd.example.yaml"
SOURCE = ("pipelines", "products", "source")
TARGET = ("pipelines", "products", "target")


def put(text: str, *path: str, value: Any, comment: str = "") -> str:
    return edited(text, "x.yaml", [Edit(path, value, comment)])


def test_a_value_is_replaced_and_nothing_else():
    text = "a:  # one\n  b:   50   # two\n  c: 'x'\n"
    assert put(text, "a", "b", value=20) == text.replace("50", "20")
    assert put(text, "a", "c", value="date") == text.replace("'x'", "date")
    assert put(text, "a", "b", value=["5s", "2m"]) == text.replace("50", "[5s, 2m]")


@pytest.mark.parametrize(
    "value", ["", "Bearer ", "null", "1", "a: b", "产品", "*x", None, True, 1.5, [], "2026"]
)
def test_every_value_reads_back_as_it_was(value):
    # ``edited`` itself compares; a value that reads back as another one is an error.
    assert put("a: {b: 1}\nc: 2\n", "a", "b", value=value)
    assert put("a:\n  b: 1\n", "a", "z", value=value)
    assert json.loads(put('{"a": {"b": 1}}', "a", "z", value=value)) == {"a": {"b": 1, "z": value}}


def test_a_comment_stands_above_and_the_next_one_takes_its_place():
    text = "a:\n  # mine\n  b: 50  # also mine\n"
    once = put(text, "a", "b", value=20, comment="probed 2026-11-23, b: clamp")
    assert once == "a:\n  # mine\n  # probed 2026-11-23, b: clamp\n  b: 20  # also mine\n"
    twice = put(once, "a", "b", value=30, comment="probed 2027-01-01, b: better")
    assert twice == "a:\n  # mine\n  # probed 2027-01-01, b: better\n  b: 30  # also mine\n"
    other = put(twice, "a", "c", value=1, comment="probed 2027-01-01, c: new")
    assert other == twice + "  # probed 2027-01-01, c: new\n  c: 1\n".removesuffix("\n") + "\n"


def test_a_new_setting_follows_its_neighbours():
    text = "a:\n  b: 1  # one\n  deep:\n    x: 2\nlast:\n  y: 3\n"
    assert put(text, "a", "c", value=2) == text.replace("# one\n", "# one\n  c: 2\n")
    assert put(text, "last", "z", value=2) == text + "  z: 2\n"
    assert (
        put("a:\n    deep:\n        x: 1\n", "a", "c", value=2) == "a:\n    c: 2\n    deep:\n        x: 1\n"
    )


def test_sections_that_are_missing_are_made():
    text = "# head\na:\n  b:\n    c: 1\n"
    assert put(text, "delivery", "looks", value=["5s"]) == text + "\ndelivery:\n  looks: [5s]\n"
    assert put(text, "a", "b", "n", "m", value=1) == text + "    n:\n      m: 1\n"
    assert put("a: {b: 1}\n", "a", "n", "m", value=1) == "a: {b: 1, n: {m: 1}}\n"
    assert put("a:\nb: 1\n", "a", "n", value=1) == "a: {n: 1}\nb: 1\n"
    assert put("a: {}\n", "a", "n", value=1) == "a: {n: 1}\n"


def test_windows_lines_and_a_file_without_a_last_newline():
    assert (
        put("a:\r\n  b: 1\r\n", "a", "c", value=2, comment="x: y") == "a:\r\n  b: 1\r\n  # x: y\r\n  c: 2\r\n"
    )
    assert put("a:\n  b: 1", "a", "c", value=2) == "a:\n  b: 1\n  c: 2"


def test_json_stays_json():
    text = json.dumps({"a": {"b": 1}, "c": []}, indent=2)
    changed = put(text, "a", "n", value="x", comment="gone: where no comment may be")
    assert json.loads(changed) == {"a": {"b": 1, "n": "x"}, "c": []}
    assert changed == text.replace('"b": 1', '"b": 1,\n    "n": "x"')


def test_pasted_json_with_tabs():
    text = 'a:\n  b: 1\n  fields:\n[\n\t{"field": "x"},\n\t{"field": "y"}\n]\nz: 1\n'
    changed = put(text, "a", "b", value=2, comment="probed, b: because")
    assert "\n  # probed, b: because\n  b: 2\n" in changed
    assert '{"field": "y"}' in changed


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x: &one {b: 1}\na: *one\n", ("a", "b")),
        ("x: &one 1\na: {b: *one}\n", ("a", "b")),
        ("a: {b: &one 1, c: *one}\n", ("a", "b")),
        ("a: 1\n", ("a", "b")),
        ("a: [1]\n", ("a", "b")),
    ],
)
def test_what_others_share_is_refused_with_what_to_write(text, path):
    with pytest.raises(ConfigurationError, match=r"by hand: a\.b: 2"):
        put(text, *path, value=2)


def test_a_merged_value_is_overridden_where_it_is_used():
    text = "x: &base\n  b: 1\na:\n  <<: *base\n  c: 1\n"
    assert put(text, "a", "b", value=2) == text + "  b: 2\n"


def test_every_edit_of_the_example(tmp_path):
    edits = [
        Edit(("okki", "main", "token_body"), "form", "probed 2026-11-23, token_body: JSON is refused"),
        Edit(("okki", "main", "auth_prefix"), "", "probed 2026-11-23, auth_prefix: the bare token"),
        Edit((*SOURCE, "page_size"), 20, "probed 2026-11-23, page_size: no more than 20 come"),
        Edit((*SOURCE, "time_type"), None, "probed 2026-11-23, time_type: refused"),
        Edit((*TARGET, "api_version"), "v2.0", "probed 2026-11-23, api_version: v1.0 is refused"),
        Edit(("delivery", "read_back_after"), ["1m", "5m", "20m"], "probed 2026-11-23, read_back_after: lag"),
    ]
    before = EXAMPLE.read_text(encoding="utf-8")
    after = edited(before, "x.yaml", edits)
    kept = [line for line in after.splitlines() if line in before.splitlines()]
    assert len(before.splitlines()) - len(kept) == 3, (
        "the lines of page_size, api_version and read_back_after"
    )
    assert "      # probed 2026-11-23, page_size: no more than 20 come\n      page_size: 20\n" in after
    assert edited(after, "x.yaml", edits) == after, "a second time changes nothing"


def config(folder: Path, **changes: Any) -> Path:
    path = folder / "xmsyncd.yaml"
    values = configuration("http://127.0.0.1:9", "http://127.0.0.1:9", **changes)
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
    path.chmod(0o640)
    return path


def test_the_file_is_replaced_with_its_mode_and_a_copy_is_left(tmp_path: Path):
    path = config(tmp_path)
    was = path.read_bytes()
    written = write_settings(path, [Edit((*SOURCE, "page_size"), 20)], {}, now=NOW, secrets_dirs=[])
    assert load_settings(path, {}, []).pipelines["products"].source.page_size == 20
    assert path.stat().st_mode & 0o777 == 0o640
    assert written.backup.read_bytes() == was
    assert written.backup.stat().st_mode & 0o777 == 0o640
    assert written.shadowed == {}
    assert len(list(tmp_path.iterdir())) == 2, "nothing else is left behind"


def test_through_a_link_to_the_file_it_points_to(tmp_path: Path):
    (tmp_path / "real").mkdir()
    path = config(tmp_path / "real")
    link = tmp_path / "xmsyncd.yaml"
    link.symlink_to(path)
    write_settings(link, [Edit((*SOURCE, "page_size"), 20)], {}, now=NOW, secrets_dirs=[])
    assert link.is_symlink()
    assert load_settings(path, {}, []).pipelines["products"].source.page_size == 20


def test_what_would_not_load_is_not_written(tmp_path: Path):
    path = config(tmp_path)
    was = path.read_bytes()
    with pytest.raises(ConfigurationError, match="would not load"):
        write_settings(path, [Edit((*SOURCE, "page_size"), 0)], {}, now=NOW, secrets_dirs=[])
    assert path.read_bytes() == was
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path):
    path = config(tmp_path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ConfigurationError, match="by hand"):
            write_settings(path, [Edit((*SOURCE, "page_size"), 20)], {}, now=NOW, secrets_dirs=[])
    finally:
        tmp_path.chmod(0o700)


def test_what_overrides_the_new_value_is_named(tmp_path: Path):
    path = config(tmp_path)
    name = "XMSYNCD_PIPELINES__PRODUCTS__SOURCE__PAGE_SIZE"
    edits = [Edit((*SOURCE, "page_size"), 20), Edit((*SOURCE, "fetch_detail"), "never")]
    written = write_settings(path, edits, {name: "30"}, now=NOW, secrets_dirs=[])
    assert written.shadowed == {(*SOURCE, "page_size"): f"environment {name}"}


def test_a_byte_order_mark_stays(tmp_path: Path):
    path = config(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    write_settings(path, [Edit((*SOURCE, "page_size"), 20)], {}, now=NOW, secrets_dirs=[])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf{")
