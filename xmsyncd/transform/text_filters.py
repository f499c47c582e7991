"""The filters that work on text (part of step 2). Every one takes time in proportion to the text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from xmsyncd.transform.bounds import MAX_ELEMENTS, MAX_RESULT_LENGTH
from xmsyncd.transform.depth import DEEPEST, is_too_deep
from xmsyncd.transform.value_types import BLANKS, EvaluationError, is_empty, text_of

_BLANK_RUN = re.compile(f"[{re.escape(BLANKS)}]+")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>|<[!?][^<>]*>")
_HIDDEN = re.compile(r"<!--|<(script|style)\b[^<>]*>", re.IGNORECASE)
_BLOCKS: Final = re.compile(r"p|div|li|[uo]l|tr|table|h[1-6]|section|article|blockquote|pre|d[td]")


def trim(value: Any) -> str:
    """Without blanks at both ends. Raises EvaluationError, as every function here."""
    return text_of(value).strip(BLANKS)


def upper(value: Any) -> str:
    """In capital letters."""
    return text_of(value).upper()


def lower(value: Any) -> str:
    """In small letters."""
    return text_of(value).lower()


def one_line(value: Any) -> str:
    """Every run of blanks becomes one."""
    return _BLANK_RUN.sub(" ", text_of(value)).strip(" ")


def truncating(length: int, ending: str = "") -> Callable[[Any], str]:
    """The filter ``truncate``; an ending that is longer than all of it is cut off too."""
    kept = max(0, length - len(ending))

    def apply(value: Any) -> str:
        text = text_of(value)
        return text if len(text) <= length else (text[:kept] + ending)[:length]

    return apply


def replacing(found: str, new: str) -> Callable[[Any], str]:
    """The filter ``replace``."""

    def apply(value: Any) -> str:
        text = text_of(value)
        if (
            len(new) > len(found)
            and len(text) + text.count(found) * (len(new) - len(found)) > MAX_RESULT_LENGTH
        ):
            raise EvaluationError(f"a text of at most {MAX_RESULT_LENGTH} characters")
        return text.replace(found, new)

    return apply


def splitting(separator: str) -> Callable[[Any], Any]:
    """The filter ``split``."""

    def apply(value: Any) -> Any:
        if is_empty(value):
            return []
        text = text_of(value)
        if text.count(separator) >= MAX_ELEMENTS:
            raise EvaluationError(f"a text of at most {MAX_ELEMENTS} parts")
        return text.split(separator)

    return apply


def strip_html(value: Any) -> str:
    """The plain text of a piece of HTML."""
    text = html.unescape(_TAG.sub(_in_place_of, _without_hidden(text_of(value))))
    lines = [line.strip(BLANKS) for line in text.splitlines()]
    return "\n".join([line for line in lines if line])


def _in_place_of(tag: re.Match[str]) -> str:
    name = (tag[2] or "").lower()
    return "\n" if name == "br" or (tag[1] and _BLOCKS.fullmatch(name)) else ""


def _without_hidden(text: str) -> str:
    """Comments, scripts and styles cut out; one that is not closed runs to the end, as in a browser."""
    kept: list[str] = []
    position = 0
    folded: str | None = None
    while hidden := _HIDDEN.search(text, position):
        kept.append(text[position : hidden.start()])
        if folded is None:
            folded = _ascii_lower(text)
        closing = "-->" if hidden[1] is None else f"</{hidden[1].lower()}"
        end = folded.find(closing, hidden.end() if hidden[1] else hidden.start() + 4)
        if end < 0:
            return "".join(kept)
        if hidden[1] is None:
            position = end + len(closing)
        else:
            close = text.find(">", end)
            if close < 0:
                return "".join(kept)
            position = close + 1
    kept.append(text[position:])
    return "".join(kept)


def _ascii_lower(text: str) -> str:
    """In small letters where that keeps every place: other letters may grow."""
    return text.translate(_SMALL)


_SMALL: Final = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}


def as_json(value: Any) -> str:
    """JSON text with sorted keys; what is empty stays so."""
    if is_empty(value):
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise EvaluationError("a value that can be written as JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def from_json(value: Any) -> Any:
    """What a JSON text holds."""
    if is_empty(value):
        return ""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value.strip(BLANKS), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise EvaluationError("the text of a JSON value") from None
    if is_too_deep(found):
        raise EvaluationError(f"at most {DEEPEST} levels of lists and objects")
    return found
