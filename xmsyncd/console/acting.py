"""What a person may have done from the console, and the sentence that tells what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from xmsyncd.console.kept import Ask

_TAKEN: Final[Mapping[str, Sequence[str]]] = {
    "pipeline.run": ("pipeline",),
    "pipeline.pause": ("pipeline",),
    "pipeline.resume": ("pipeline",),
    "failures.retry": ("pipeline", "key", "reason"),
    "failures.accept": ("pipeline", "key", "reason"),
    "failures.discard": ("pipeline", "key", "reason"),
    "approve.decide": ("pipeline", "keys", "all", "limit", "discard", "as_of"),
}
"""The operations, and which of their params are taken from a page."""

ACTIONS: Final = tuple(_TAKEN)


async def act(ask: Ask, body: Any, words: Mapping[str, str]) -> str:
    """Have it done, in the console's name; the sentence for the reader.

    ``body`` is ``{"operation", "params"}``. Raises ``ValueError`` for what the console does not offer, and
    what the operation raises.
    """
    operation, params = _checked(body)
    told = await ask(operation, {**params, "by": "console"})
    if operation.startswith("pipeline."):
        return _of_pipeline(operation, told, words)
    if told.get("error") is not None:
        return words["done.not_all"].format(told["error"]["message"])
    counts = ", ".join(
        f"{words[f'visible.{state}']} {number:,}" for state, number in told["counts"].items() if number
    )
    if not told["total"]:
        return words["done.nothing"]
    notes = {one["note"] for one in told.get("records", ()) if one["note"]}
    said = words["done.records"].format(f"{told['total']:,}", counts)
    # The operation's own words where there is one record to speak of.
    return f"{said} ({notes.pop()})" if len(notes) == 1 and told["total"] == 1 else said


def _checked(body: Any) -> tuple[str, dict[str, Any]]:
    operation = body.get("operation") if isinstance(body, dict) else None
    if not isinstance(operation, str) or operation not in _TAKEN:
        raise ValueError("no such action")
    params = body.get("params")
    if not isinstance(params, dict) or not params.keys() <= {*_TAKEN[operation]}:
        raise ValueError("no such params")
    if not isinstance(params.get("pipeline"), str):
        raise ValueError("no pipeline named")
    keys = params.get("keys", [])
    is_list = isinstance(keys, list) and all(isinstance(one, str) for one in keys)
    if not is_list or not all(isinstance(params.get(one, ""), str) for one in ("key", "reason", "as_of")):
        raise ValueError("no such params")
    if "limit" in params and type(params["limit"]) is not int:
        raise ValueError("no such params")
    return operation, params


def _of_pipeline(operation: str, told: Mapping[str, Any], words: Mapping[str, str]) -> str:
    stop = told["stop"]
    if operation == "pipeline.pause" and not told["paused"]:
        return words["done.stopped"].format(stop["detail"])
    if operation == "pipeline.resume" and stop is not None:
        return words["done.stopped"].format(stop["detail"])
    return words[f"done.{operation}"]
