"""The condition of the source document becomes the pipeline's ``where``: which rows are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from xmsyncd.importing.draft import Draft
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Metadata
from xmsyncd.nearest import nearest
from xmsyncd.settings.values import quoted
from xmsyncd.transform.conditions import KEYS, unknown_keys
from xmsyncd.transform.paths import path_of
from xmsyncd.transform.where import WhereError, compile_where

_KEY: Final = "condition"


def read_condition(source: Metadata, draft: Draft, findings: Findings) -> None:
    """As it is; compiled here, so that a fault names its place in the document."""
    found: Any = source.data.get(_KEY)
    if not found:
        return
    if not isinstance(found, list):
        _compiles(source, "[", [], findings)
        return
    places = [number for number, group in enumerate(found) if group]
    if not places:
        return
    _left_out(source, findings)
    kept = [_known(found[number]) for number in places]
    if not _compiles(source, json.dumps(kept), places, findings):
        return
    draft.where = kept
    cut = [path for path, condition in _conditions(source) if _cuts_lines(condition)]
    for path in cut:
        _lines(source, path, findings)
    if len(cut) < sum(map(len, kept)):
        findings.taken_over(source.where(_KEY), "the condition: where", "outer lists OR, inner ones AND")


def _compiles(source: Metadata, text: str, places: list[int], findings: Findings) -> bool:
    """``places`` are the groups' own in the document, where empty ones may stand between them."""
    try:
        compile_where(text)
    except WhereError as error:
        for fault in error.faults:
            path = [*fault.path]
            if path and isinstance(path[0], int):
                path[0] = places[path[0]]
            findings.refused(source.where(_KEY, *path), fault.found, fault.expected)
        return False
    return True


def _conditions(source: Metadata) -> Iterator[tuple[tuple[int, int], Mapping[str, Any]]]:
    """Each condition of the document, and its place."""
    for number, group in enumerate(source.data[_KEY]):
        for place, condition in enumerate(group if isinstance(group, list) else ()):
            if isinstance(condition, Mapping):
                yield (number, place), condition


def _left_out(source: Metadata, findings: Findings) -> None:
    """One warning for each key that no condition has, at the first place where it stands."""
    seen: set[str] = set()
    for path, condition in _conditions(source):
        for key in unknown_keys(condition):
            if key not in seen:
                found = f"the key {quoted(key, 40)}, which no condition has{nearest(key, KEYS)}"
                findings.decide(
                    source.where(_KEY, *path, key), found, "left out, here and in further conditions"
                )
            seen.add(key)


def _known(group: Any) -> Any:
    """The group without the keys that no condition has; what is no group is told as it is."""
    if not isinstance(group, list):
        return group
    return [
        {key: value for key, value in one.items() if key in KEYS} if isinstance(one, Mapping) else one
        for one in group
    ]


def _cuts_lines(condition: Mapping[str, Any]) -> bool:
    """Whether the platform may cut lines out of a list by it: its path goes on below a name, not strictly."""
    path = path_of(str(condition["field"]).strip())
    goes_on = any(not one.isdigit() and not below.isdigit() for one, below in pairwise(path))
    return goes_on and condition.get("strictMode") is not True


def _lines(source: Metadata, path: tuple[int, int], findings: Findings) -> None:
    number, place = path
    field = str(source.data[_KEY][number][place]["field"]).strip()
    name = field.rpartition(".")[0]
    findings.decide(
        source.where(_KEY, number, place),
        f"a condition on {quoted(field, 60)}: if {quoted(name, 60)} is a list, the platform keeps only the "
        "lines that match",
        "where keeps the whole record if one line matches (strictMode true: if all do); its other lines are "
        "written as well",
    )
