"""Writes the matrix into ``tests/README.md``: ``python -m tests.matrix.table`` brings it up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.matrix.kinds import KINDS, NOT_ITS_CALL, OTHER_VENDOR, End, Kind, Op, Pattern, cells_of
from xmsyncd.records import Family

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- the matrix: written by python -m tests.matrix.table -->"
END = "<!-- end of the matrix -->"

_PATTERNS = {Pattern.ONCE: "1", Pattern.SOME: "5", Pattern.OUTAGE: "∞"}


def rendered() -> str:
    """The table, its reasons and its counters, as Markdown."""
    return "\n".join([*_table(), "", *_reasons(), ""])


def updated(text: str) -> str:
    """``text`` with the matrix between its marks; ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README.name} has no marks for the matrix")
    return f"{before}{BEGIN}\n\n{rendered()}\n{END}{after}"


def _table() -> Iterator[str]:
    cells = sum(1 for kind in KINDS for _ in cells_of(kind))
    yield f"{len(KINDS)} faults, {cells} cells."
    yield ""
    yield f"| fault | {' | '.join(Op)} | counts as | in the end |"
    yield "|---" * (len(Op) + 3) + "|"
    for kind in KINDS:
        marks = " | ".join(_cell(kind, op) for op in Op)
        yield f"| {kind.name} | {marks} | {_families(kind)} | {_end(kind)} |"


def _cell(kind: Kind, op: Op) -> str:
    reason = kind.reason_against(op)
    if reason is None:
        return " ".join(_PATTERNS[pattern] for pattern in kind.patterns)
    return "" if reason == OTHER_VENDOR else "·" if reason == NOT_ITS_CALL else f"[{_number(reason)}]"


def _families(kind: Kind) -> str:
    names = list(dict.fromkeys(str(kind.family(op)) for op in kind.ops))
    writes = {str(kind.family(op)) for op in kind.ops if op.is_write}
    if len(names) == 1:
        return names[0]
    return ", ".join(f"{name} (writes)" if name in writes else name for name in names)


def _end(kind: Kind) -> str:
    if kind.end is End.STOPPED:
        return f"stopped: {kind.stop}; then delivered"
    if kind.end is End.PARKED:
        return f"parked: {Family.REFUSED}; others delivered"
    return kind.end.value


def _all_reasons() -> list[str]:
    found = [reason for kind in KINDS for reason in kind.without.values()]
    return list(dict.fromkeys(found))


def _number(reason: str) -> int:
    return _all_reasons().index(reason) + 1


def _reasons() -> Iterator[str]:
    yield (
        "1: once, 5: five calls in a hundred (the first and every 20th after it), ∞: every call for a while "
        "(what stops, stops by that; once is mended by the next try). Empty: "
        + OTHER_VENDOR
        + ". ·: "
        + NOT_ITS_CALL
        + "."
    )
    yield ""
    for number, reason in enumerate(_all_reasons(), 1):
        of = sorted(
            {kind.name for kind in KINDS for pattern in Pattern if kind.without.get(pattern) == reason}
        )
        yield f"- [{number}] {reason}" + (f" (patterns of: {', '.join(of)})" if of else "")


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
