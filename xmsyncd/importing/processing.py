"""What the platform does between reading and writing (加工厂, 拍扁, 重复检查), and what comes of it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Metadata, text_of_value
from xmsyncd.settings.values import quoted

_ONE_BY_ONE: Final = "xmsyncd writes one instance for each record of OKKI"
_OPERATIONS: Final[Mapping[str, str]] = {
    "splitarray": f"{_ONE_BY_ONE} and splits none: take operation out of the document, and fill a table "
    "component from the list with children",
    "batcharraysave": "Yida starts process instances one by one, and xmsyncd paces the calls itself: take "
    "operation out of the document, and write each value without the name of the batch",
    "merge": f"{_ONE_BY_ONE} and merges none: take operation out of the document, or let OKKI's list be the "
    "one that already holds one row for each instance",
    "groupcalculate": f"{_ONE_BY_ONE} and sums none up: take operation out of the document, or keep this "
    "scheme where it is",
}
_KNOWN_KEYS: Final = frozenset(
    {
        *("api", "effect", "type", "method", "number", "id", "name", "idCheck", "label", "describe"),
        *("request", "otherRequest", "response", "otherResponse", "autoFillResponse", "formatResponse"),
        *("operation", "condition", "condition_bk", "pagination", "omissionRemedy", "beatFlat", "autoCheck"),
    }
)


def read_processing(metadata: Metadata, findings: Findings) -> None:
    """``operation``, ``beatFlat``, ``autoCheck``, what only describes, and unknown keys."""
    _operation(metadata, findings)
    _flattening(metadata, findings)
    described = [key for key in ("response", "autoFillResponse") if metadata.data.get(key)]
    if described:
        findings.taken_over(
            metadata.where(described[0]),
            f"{' and '.join(described)}: a description of the answer",
            "needs nothing: xmsyncd reads what OKKI answers",
        )
    if metadata.data.get("autoCheck"):
        findings.better(
            metadata.where("autoCheck"),
            "autoCheck looks after writing",
            "xmsyncd reads back whatever it is not sure of, and compares all of it by `xmsyncd reconcile`",
        )
    if metadata.data.get("condition_bk"):
        findings.taken_over(
            metadata.where("condition_bk"),
            "condition_bk: a parked copy of a condition, which has no effect there",
            "left out",
        )
    unknown = metadata.unknown_keys(_KNOWN_KEYS)
    if unknown:
        shown = ", ".join(unknown[:10]) + (" …" if len(unknown) > 10 else "")
        findings.decide(metadata.document.name, f"keys that xmsyncd does not know: {shown}", "left out")


def read_id_check(source: Metadata, target: Metadata, findings: Findings) -> None:
    """What a record that comes again meets there and here."""
    checks = [_is_on(one.data.get("idCheck")) for one in (source, target)]
    if checks[0]:
        findings.better(
            source.where("idCheck"),
            "idCheck true (or absent): a record that was read once is never written again, so what is "
            "changed in OKKI never reaches Yida",
            "on_change: update writes each changed record anew, and an unchanged one costs no call; "
            "on_change: ignore keeps the platform's way",
        )
    else:
        findings.better(
            source.where("idCheck"),
            "idCheck false: whatever is read again is written again",
            "xmsyncd compares the content, and writes only what has changed",
        )
    if not checks[1]:
        findings.taken_over(target.where("idCheck"), "idCheck false at the target", "has no counterpart")


def _operation(metadata: Metadata, findings: Findings) -> None:
    found = metadata.data.get("operation")
    where = metadata.where("operation")
    if isinstance(found, Mapping):
        method = text_of_value(found.get("method")).strip()
        if not method and "groupCalculate" in found:
            method = "groupCalculate"
        elif not method and found:
            findings.refused(where, "an operation without a method", 'no operation, or {"method": "none"}')
            return
    elif found is None or isinstance(found, str):
        method = (found or "").strip()
    elif found in ([], False):
        method = ""
    else:
        findings.refused(where, "an operation that is no object", 'no operation, or {"method": "none"}')
        return
    if method.lower() in ("", "none"):
        if method:
            findings.taken_over(where, "operation none: one row, one instance")
        return
    what_to_do = _OPERATIONS.get(
        method.lower(), "xmsyncd does not know this operation: none, or no operation"
    )
    findings.refused(where, f"the operation {quoted(method, 40)}", what_to_do)


def _flattening(metadata: Metadata, findings: Findings) -> None:
    found = metadata.data.get("beatFlat")
    if not found:
        return
    names = [text_of_value(one) for one in found] if isinstance(found, list) else [text_of_value(found)]
    findings.refused(
        metadata.where("beatFlat"),
        f"beatFlat (拍扁) of {quoted(', '.join(filter(None, names)) or 'something', 60)}",
        f"{_ONE_BY_ONE}, not one for each line of a list: take beatFlat out of the document, and write the "
        "values as {list.0.name}, or as a table with children",
    )


def _is_on(value: Any) -> bool:
    return text_of_value(value).strip().lower() not in ("false", "0")
