"""Look-up tables from the configuration and from files: what is read, and every fault with its line."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.settings import LookupSettings, read_tables
from xmsyncd.transform.derivation_specs import BUILT_IN_TABLES
from xmsyncd.transform.tables import MissingEntry


def entries(folder: Path, name: str, body: str | bytes, **settings: Any) -> dict[str, Any]:
    path = folder / name
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return dict(read_tables({"t": LookupSettings(file=str(path), **settings)})["t"].entries)


def faults(folder: Path, name: str, body: str | bytes, **settings: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        entries(folder, name, body, **settings)
    return [str(fault).replace(f"{folder}/", "") for fault in raised.value.faults]


def test_entries_stand_in_the_configuration_too_and_built_in_tables_beside_them():
    tables = read_tables({"t": LookupSettings(entries={"R": "红"}, missing=MissingEntry.KEEP)})
    assert tables["t"].find("R") == "红"
    assert tables["t"].find("X") == "X"
    assert tables.keys() == {"t", *BUILT_IN_TABLES}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("t.csv", "代码,名称\nR,红\n007,蓝\n"),
        ("t.csv", "\ufeff代码,名称\r\nR,红\r\n007,蓝\r\n"),
        ("t.csv", "\n代码,名称,备注\nR,红,x\n\n,,\n007,蓝,y\n"),
        ("t.tsv", "代码\t名称\nR\t红\n007\t蓝\n"),
        ("T.CSV", "代码,名称\nR,红\nR,红\n007,蓝"),
        ("t.yaml", "R: 红\n007: 蓝\n"),
        ("t.json", '{"R": "红", "007": "蓝"}'),
    ],
)
def test_a_file_in_every_form(tmp_path, name, body):
    assert entries(tmp_path, name, body) == {"R": "红", "007": "蓝"}


def test_columns_are_chosen_by_name(tmp_path):
    body = "名称,英文,代码\n红,red,R\n蓝,blue,B\n"
    assert entries(tmp_path, "t.csv", body, key="代码", value="英文") == {"R": "red", "B": "blue"}


def test_values_of_yaml_are_texts_as_typed(tmp_path):
    assert entries(tmp_path, "t.yaml", "a: 0123\nb: 1.50\nc: true\nd:\ne: 是\n") == {
        "a": "0123",
        "b": "1.50",
        "c": "true",
        "d": "",
        "e": "是",
    }


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("t.csv", "", ["t.csv", "an empty file"]),
        ("t.csv", "代码\nR\n", ["line 1", "a single column"]),
        ("t.csv", "代码,名称\nR,红\nB\n", ["t.csv, line 3", "1 column;"]),
        ("t.csv", "代码,名称\n ,红\n", ["line 2", "a line without a key"]),
        ("t.csv", "代码,名称\nR,红\nB,蓝\nR ,赤\n", ["line 4", '"R" again', "in line 2"]),
        ("t.csv", '代码,名称\nR,"红\nB,蓝\n', ["line 2", "no CSV"]),
        ("t.csv", "代码,名称\nR,红\n蓝,蓝\n".encode("gbk"), ["line 1", "not UTF-8", "CSV UTF-8"]),
        ("t.csv", "代码,名称\nR,红\n".encode() + b"\xff,x\n", ["line 3", "not UTF-8"]),
        ("t.yaml", "R: 红\n  B: 蓝\n", ["t.yaml, line"]),
        ("t.yaml", "- R\n- B\n", ["a list", "keys and values"]),
        ("t.yaml", "R: 红\nR: 赤\n", ["line 2", "twice"]),
        ("t.yaml", "R: [红]\n", ["line 1", "a list as a value"]),
        ("t.yaml", "R: !!int abc\n", ["line 1", "a number that cannot be read"]),
        ("t.json", "[" * 9_000, ["nested far too deeply"]),
        ("t.json", " " * 3_000_000, ["more than 2 MiB", "CSV"]),
        ("t.csv", " " * 17_000_000, ["more than 16 MiB"]),
        ("t.csv", f'a,b\n"{"x" * 200_000}",y\n', ["line 2", "no CSV"]),
        ("t.txt", "R 红", ['".txt"', ".csv"]),
    ],
)
def test_every_fault_names_its_file_and_line(tmp_path, name, body, words):
    (found,) = faults(tmp_path, name, body)
    assert found.startswith("lookups.t.file (")
    for word in words:
        assert word in found


def test_a_column_that_is_not_there_names_the_nearest(tmp_path):
    (found,) = faults(tmp_path, "t.csv", "代码,名称\nR,红\n", key="代号")
    assert 'the columns "代码", "名称"' in found
    assert 'the column "代号"' in found


def test_a_missing_file_and_all_other_faults_are_told_at_once(tmp_path):
    (tmp_path / "b.csv").write_text("代码,名称\nB\nC\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_tables(
            {
                "a": LookupSettings(file=str(tmp_path / "a.csv")),
                "b": LookupSettings(file=str(tmp_path / "b.csv")),
                "c": LookupSettings(file=str(tmp_path)),
            }
        )
    assert len(raised.value.faults) == 4
    assert "no such file" in raised.value.faults[0].found


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A pipe without a writer would hold up the start, and each cycle, for ever."""
    os.mkfifo(tmp_path / "t.csv")
    (tmp_path / "t.yaml").mkdir()
    for name, words in (("t.csv", "a pipe"), ("t.yaml", "a folder")):
        with pytest.raises(ConfigurationError) as raised:
            read_tables({"t": LookupSettings(file=str(tmp_path / name))})
        assert words in str(raised.value)


def test_aliases_that_multiply_are_refused_at_once(tmp_path):
    lines = ["a0: &a0 {x: 1, y: 2}", *(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}" for n in range(1, 40))]
    (found,) = faults(tmp_path, "t.yaml", "\n".join(lines))
    assert "grow without end" in found


@given(st.binary(max_size=300), st.sampled_from(["t.csv", "t.tsv", "t.yaml", "t.json"]))
def test_whatever_stands_in_a_file_it_is_read_or_a_fault(tmp_path_factory, body, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(body)
    with contextlib.suppress(ConfigurationError):
        table = read_tables({"t": LookupSettings(file=str(path))})["t"]
        assert all(isinstance(value, str) for value in table.entries.values())
