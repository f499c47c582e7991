"""JSON pasted into YAML as it is: from the left margin, with tabs, on a line of its own.

YAML forbids tabs before a value that begins on its own line and wants every line of it further in than
its key. JSON strings hold no line breaks, so the white space at the start of a line within JSON never
means anything, and may be replaced line by line: line numbers stay right.
"""

from __future__ import annotations

import json
import re

_OPENING = re.compile(
    r"""^(?P<margin>[ ]*)
        (?P<lead>(?:-[ ]+)*)
        (?:"[^"\n]*"|'[^'\n]*'|[^\s\#'"\[\]{},&*!|>%@`:-][^:\#\n]*?)[ ]*:   # a key
        (?P<gap>[ \t]*(?:\#[^\n]*)?(?:\r?\n[ \t]*)*)
        (?=[\[{])""",
    re.MULTILINE | re.VERBOSE,
)
_REST_OF_LINE = re.compile(r"[ \t]*(#[^\n]*)?(?=\r?\n|\Z)")


def indent_pasted_json(text: str) -> str:
    """The text with each JSON value indented below its key by spaces; anything else as it was."""
    decoder = json.JSONDecoder()
    pieces: list[str] = []
    done = 0
    for opening in _OPENING.finditer(text):
        if opening.start() < done or not opening["gap"]:
            continue
        try:
            _, end = decoder.raw_decode(text, opening.end())
        except (ValueError, RecursionError):
            continue
        rest = _REST_OF_LINE.match(text, end)
        if rest is None:
            continue
        margin = " " * (len(opening["margin"]) + len(opening["lead"]) + 2)
        pieces.append(text[done : opening.start("gap")])
        pieces.append(" ")
        pieces.append(
            re.sub(r"\n[ \t]*", "\n" + margin, opening["gap"].lstrip(" \t") + text[opening.end() : end])
        )
        pieces.append(" " + (rest[1] or ""))
        done = rest.end()
    pieces.append(text[done:])
    return "".join(pieces)
