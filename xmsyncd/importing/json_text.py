"""JSON as people paste it, with the line of everything: the first step of an import.

Accepted beyond JSON: a byte order mark, comments (``//``, ``#``, ``/* */``), commas before a closing bracket,
tabs and line breaks inside texts, and the blanks of web pages. Numbers are kept as they were typed, for the
values of 轻易云 are texts. Raises ``ConfigurationError`` with the line and what to do.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any, Final, NoReturn

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings.document import Document, Place
from xmsyncd.settings.schema import Path

MAX_BYTES: Final = 4 * 1024 * 1024
_DEEPEST: Final = 50

# A no-break space and an ideographic one come along with what is copied from a page.
_GAP: Final = re.compile(
    r"(?:[\s\u00a0\u3000\u200b\ufeff]+|//[^\n]*|\#[^\n]*|/\*.*?\*/)+", re.DOTALL | re.VERBOSE
)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])", re.ASCII)
_WORDS: Final = {"true": True, "false": False, "null": None}
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_SLIPS: Final = {
    "“": '"', "”": '"', "„": '"', "＂": '"', "‘": '"', "’": '"', "'": '"', "`": '"',
    "，": ",", "：": ":", "｛": "{", "｝": "}", "［": "[", "］": "]", "【": "[", "】": "]",
}  # fmt: skip
_WHAT_TO_DO: Final = "the metadata document as the platform shows it (查看元数据), copied whole"


def decode_text(content: bytes, name: str) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark, as editors on Windows write it."""
    if len(content) > MAX_BYTES:
        raise _error(name, f"a file of more than {MAX_BYTES // 1024 // 1024} MiB", _WHAT_TO_DO)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise _error(name, "a file that is not UTF-8", "a text file saved as UTF-8") from None


def parse_json(text: str, name: str) -> Document:
    """The document, an object at its top; ``places`` has the line of every key and entry."""
    document = Document(name)
    data = _Reader(text, document).whole()
    if isinstance(data, list):
        found = 'a list; perhaps the "request" alone'
        raise _error(name, found, "the whole metadata document, with api, method and request")
    if not isinstance(data, dict):
        raise _error(name, "a single value", _WHAT_TO_DO)
    document.data = data
    return document


class _Reader:
    def __init__(self, text: str, document: Document) -> None:
        self._text = text
        self._document = document
        self._at = 0
        self._decoder = JSONDecoder(strict=False)
        self._line_ends = [end.start() for end in re.finditer(r"\n", text)]

    def whole(self) -> Any:
        if self._peek() == "":
            raise _error(self._document.name, "an empty file", _WHAT_TO_DO)
        data = self._value((), 0)
        if self._peek() != "":
            self._fail(f"{self._here()} after the end of the document", "one document, nothing behind it")
        return data

    def _value(self, path: Path, depth: int) -> Any:
        if depth > _DEEPEST:
            self._fail(f"more than {_DEEPEST} levels", _WHAT_TO_DO)
        match self._peek():
            case "{":
                return self._object(path, depth)
            case "[":
                return self._list(path, depth)
            case '"':
                return self._string()
        if number := _NUMBER.match(self._text, self._at):
            self._at = number.end()
            self._document.places[path] = Place(self._line(number.start()), number[0])
            return float(number[0]) if set(number[0]) & set(".eE") else _whole(number[0])
        word = _WORD.match(self._text, self._at)
        if word and word[0] in _WORDS:
            self._at = word.end()
            return _WORDS[word[0]]
        return self._fail(self._here(), 'a value: a text in ", a number, true, false, null, {…} or […]')

    def _object(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        while self._peek() != "}":
            if self._peek() != '"':
                self._fail(self._here(), 'a key in ", or }')
            start = self._at
            key = self._string()
            here = (*path, key)
            if key in found:
                where = f"{self._document.name}, line {self._line(start)}"
                self._document.faults.append(Fault(where, "the same key twice", "each key once"))
            self._document.places[here] = Place(self._line(start))
            if self._peek() != ":":
                self._fail(self._here(), ": behind a key")
            self._at += 1
            found[key] = self._value(here, depth + 1)
            self._comma("}")
        self._at += 1
        return found

    def _list(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while self._peek() != "]":
            here = (*path, len(found))
            self._document.places[here] = Place(self._line(self._at))
            found.append(self._value(here, depth + 1))
            self._comma("]")
        self._at += 1
        return found

    def _comma(self, closing: str) -> None:
        following = self._peek()
        if following == ",":
            self._at += 1
        elif following != closing:
            self._fail(self._here(), f", or {closing}")

    def _string(self) -> str:
        start = self._at
        text: str
        try:
            text, self._at = self._decoder.raw_decode(self._text, start)
        except JSONDecodeError as error:
            if "Unterminated" in error.msg:
                self._fail("a quote that is never closed", 'a closing "')
            self._at = error.pos
            self._fail("a backslash that JSON does not know", r"\" \\ \n \t or \uXXXX")
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._at = start
            self._fail("half a character (a single \\uD8… escape)", "readable text")
        return text

    def _peek(self) -> str:
        gap = _GAP.match(self._text, self._at)
        if gap:
            self._at = gap.end()
        return self._text[self._at : self._at + 1]

    def _here(self) -> str:
        """What stands at the place; never a whole word, which may be part of a secret."""
        character = self._text[self._at : self._at + 1]
        if character == "":
            return "the end of the file"
        if self._text.startswith(("...", "…"), self._at):
            return 'an ellipsis: a document that was cut short ("…")'
        if character in _SLIPS:
            return f"the character {character}, where JSON wants {_SLIPS[character]}"
        return f'"{character}"' if character.isprintable() else f"the character U+{ord(character):04X}"

    def _line(self, position: int) -> int:
        return bisect_right(self._line_ends, position - 1) + 1

    def _fail(self, found: str, expected: str) -> NoReturn:
        line = self._line(min(self._at, len(self._text)))
        raise _error(f"{self._document.name}, line {line}", found, expected)


def _whole(typed: str) -> int | float:
    """Digits without end are no number that anything here needs; Python refuses them by default."""
    return int(typed) if len(typed) <= 400 else float(typed)


def _error(where: str, found: str, expected: str) -> ConfigurationError:
    return ConfigurationError([Fault(where, found, expected)])
