"""Reads look-up tables: entries of the configuration, CSV and YAML files beside it.

No text of a file enters a message but the names of columns and the keys that are there twice.
"""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.nearest import nearest
from xmsyncd.settings.derive import LookupSettings
from xmsyncd.settings.document import LARGEST, parse_document, too_large
from xmsyncd.settings.values import quoted
from xmsyncd.transform.derivation_specs import BUILT_IN_TABLES
from xmsyncd.transform.tables import LookupTable, Tables
from xmsyncd.transform.value_types import BLANKS

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}
_DOCUMENTS: Final = frozenset({".yaml", ".yml", ".json"})
_LARGEST: Final = 16 * 1024 * 1024
_MOST_FAULTS: Final = 10
_MAPPING: Final = "keys and values, such as {R: 红, B: 蓝}"


def read_tables(lookups: Mapping[str, LookupSettings]) -> Tables:
    """All tables by name, those that are always there included.

    Raises :class:`ConfigurationError` with the faults of all files at once.
    """
    tables: dict[str, LookupTable] = dict(BUILT_IN_TABLES)
    faults: list[Fault] = []
    for name, one in lookups.items():
        entries: Mapping[str, str] = one.entries
        if one.file is not None:
            entries = _entries_of(f"lookups.{name}.file", FilePath(one.file), one, faults)
        tables[name] = LookupTable(name, entries, one.missing)
    if faults:
        raise ConfigurationError(faults)
    return tables


def _entries_of(where: str, path: FilePath, one: LookupSettings, faults: list[Fault]) -> Mapping[str, str]:
    found: list[Fault] = []
    entries: dict[str, str] = {}
    lines: dict[str, int] = {}
    try:
        for key, value, line in _read(where, path, one, found):
            folded = key.strip(BLANKS)
            if entries.get(folded, value) != value:
                text = f"the key {quoted(folded)} again, with another value than in line {lines[folded]}"
                found.append(Fault(f"{where} ({path.name}, line {line})", text, "each key once"))
            lines.setdefault(folded, line)
            entries.setdefault(folded, value)
    except ConfigurationError as error:
        found += error.faults
    faults += found[:_MOST_FAULTS]
    return entries


def _read(
    where: str, path: FilePath, one: LookupSettings, faults: list[Fault]
) -> Iterator[tuple[str, str, int]]:
    """Keys, values and lines, in order."""
    kind = path.suffix.lower()
    if kind not in _DELIMITERS and kind not in _DOCUMENTS:
        known = ", ".join(sorted({*_DELIMITERS, *_DOCUMENTS}))
        raise _fault(f"{where} ({path.name})", f"a file that ends in {quoted(kind)}", f"one of {known}")
    text = _text_of(where, path, LARGEST if kind in _DOCUMENTS else _LARGEST)
    if kind in _DELIMITERS:
        return _csv_entries(f"{where} ({path.name}", text, _DELIMITERS[kind], one, faults)
    return _document_entries(where, path.name, text, faults)


def _text_of(where: str, path: FilePath, most: int) -> str:
    here = f"{where} ({path})"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _fault(here, "a folder, a pipe or a device", "a file")
        with path.open("rb") as file:
            body = file.read(most + 1)
        if len(body) > most:
            raise too_large(here, most, "a smaller table; CSV, which is read faster, may have 16 MiB")
        return body.decode("utf-8-sig")
    except FileNotFoundError:
        raise _fault(here, "no such file", "a file, by its path from the configuration file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        expected = 'UTF-8 (Excel: save as "CSV UTF-8")'
        raise _fault(f"{where} ({path.name}, line {line})", "text that is not UTF-8", expected) from None
    except OSError as error:
        raise _fault(here, f"a file that cannot be read ({error.strerror})", "a readable file") from None


def _csv_entries(
    where: str, text: str, delimiter: str, one: LookupSettings, faults: list[Fault]
) -> Iterator[tuple[str, str, int]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[int] | None = None
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            found = f"a line that is no CSV ({error})"
            raise _fault(f"{where}, line {line})", found, "quotes that are closed") from None
        if row is None:
            break
        if not any(cell.strip(BLANKS) for cell in row):
            continue
        if columns is None:
            columns = _columns(f"{where}, line {line})", [cell.strip(BLANKS) for cell in row], one)
        elif len(row) <= max(columns):
            expected = f"at least {max(columns) + 1} columns"
            found = "1 column" if len(row) == 1 else f"{len(row)} columns"
            faults.append(Fault(f"{where}, line {line})", found, expected))
        elif not row[columns[0]].strip(BLANKS):
            faults.append(Fault(f"{where}, line {line})", "a line without a key", "a key in each line"))
        else:
            yield row[columns[0]], row[columns[1]], line
    if columns is None:
        raise _fault(f"{where})", "an empty file", "a first line with the names of the columns")


def _columns(where: str, names: Sequence[str], one: LookupSettings) -> list[int]:
    """Where key and value stand."""
    if len(names) < 2:
        raise _fault(where, "a single column", "at least two columns, with commas (.csv) or tabs (.tsv)")
    found = []
    for position, wanted in enumerate((one.key, one.value)):
        if wanted is not None and wanted not in names:
            expected = f"the column {quoted(wanted)}{nearest(wanted, names)}"
            raise _fault(where, "the columns " + ", ".join(quoted(name) for name in names[:10]), expected)
        found.append(position if wanted is None else names.index(wanted))
    return found


def _document_entries(
    where: str, name: str, text: str, faults: list[Fault]
) -> Iterator[tuple[str, str, int]]:
    try:
        document = parse_document(text, name)
    except ConfigurationError as error:
        raise ConfigurationError(
            [
                Fault(f"{where} ({one.where})", one.found, _MAPPING if one.where == name else one.expected)
                for one in error.faults
            ]
        ) from None
    for one in document.faults:  # "key (file, line 2)"
        at = one.where.rpartition("(")[2].rstrip(")")
        faults.append(Fault(f"{where} ({at})", one.found, one.expected))
    for key, value in document.data.items():
        place = document.places.get((key,))
        line = place.line if place else 1
        if isinstance(value, dict | list):
            found = "a mapping" if isinstance(value, dict) else "a list"
            faults.append(Fault(f"{where} ({name}, line {line})", f"{found} as a value", "text or a number"))
        elif isinstance(value, bool):
            yield key, "true" if value else "false", line
        else:
            # A number as it was typed: 0123 is a code, not 123.
            typed = place.typed if place else None
            yield key, "" if value is None else typed or str(value), line


def _fault(where: str, found: str, expected: str) -> ConfigurationError:
    return ConfigurationError([Fault(where, found, expected)])
