"""The text of an expression cut into what it is made of, before it is parsed (part of step 2).

The parser sees no text, no number, no reference and no function name of the setting: each is masked by an
underscore and blanks, and known again by its place. So nothing that an expression holds can be mistaken for
syntax, every fault has its exact place, and words that are not on a list never reach the parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xmsyncd.nearest import nearest
from xmsyncd.transform.bounds import MAX_REFERENCES, MAX_TEMPLATE_LENGTH
from xmsyncd.transform.expressions.functions import ALIASES, FUNCTIONS
from xmsyncd.transform.expressions.moments import Unit
from xmsyncd.transform.expressions.operators import SYMBOLS, WORDS
from xmsyncd.transform.platform_words import refuse_in_quotes, refuse_in_text
from xmsyncd.transform.references import Reference, TemplateError, reference_at
from xmsyncd.transform.tables import Tables
from xmsyncd.transform.value_types import shortened

MAX_NESTING: Final = 16
"""Parentheses and CASE inside each other: what the parser needs of the stack grows with it."""

MAX_PARTS: Final = 500
"""Values, words and operators: each is evaluated at most once for an item."""

KEYWORDS: Final = frozenset(
    (
        *WORDS,
        *("AS", "CHAR", "SIGNED", "UNSIGNED", "INTEGER", "DECIMAL", "DATE", "DATETIME", "TIME"),
        *("BOTH", "LEADING", "TRAILING", "FROM"),
        *("INTERVAL", *Unit),
    )
)
_WITH_SYNTAX: Final = frozenset({"CAST", "CONVERT", "TRIM"})
_WITHOUT_PARENTHESES: Final = frozenset({"CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIME", "LOCALTIMESTAMP"})
_SIZED: Final = frozenset({"CHAR", "DECIMAL"})

_TOKEN = re.compile(
    r"(?P<blank>\s+)|(?P<comment>/\*|#|--(?=\s|$))|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w))"
    rf"|(?P<word>\w+)|(?P<operator>{'|'.join(map(re.escape, (*SYMBOLS, *'(),')))})",
    re.ASCII,
)
_NAME = re.compile(r"\w+")
_FULL_WIDTH: Final = dict(zip("（），‘’“”；＋－＊／％＝＜＞｛｝。", "(),''\"\";+-*/%=<>{}.", strict=True))
_UNARY: Final = frozenset({"(", "+", "-"})
_ESCAPES: Final = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


class PartKind(StrEnum):
    """What stands masked at a place."""

    TEXT = "text"
    NUMBER = "number"
    REFERENCE = "reference"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Part:
    """One masked part of the setting.

    ``pieces`` are those of a text: plain text and references in turn. ``written`` is a number as written, or
    the name of a function in capitals.
    """

    kind: PartKind
    position: int
    end: int
    written: str = ""
    pieces: tuple[str | Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """What the parser gets, and what it does not see, by place."""

    masked: str
    parts: Mapping[int, Part]
    references: tuple[Reference, ...]
    tokens: tuple[tuple[int, int], ...]
    """Where each token begins and ends."""


class Scanner:
    """One pass over the text. Raises TemplateError for the first thing that is not understood."""

    def __init__(self, text: str, tables: Tables) -> None:
        if len(text) > MAX_TEMPLATE_LENGTH:
            found = f"an expression of {len(text)} characters"
            raise TemplateError(MAX_TEMPLATE_LENGTH, found, f"at most {MAX_TEMPLATE_LENGTH}")
        self._text = text
        self._tables = tables
        self._masked = [" "] * len(text)
        self._parts: dict[int, Part] = {}
        self._references: list[Reference] = []
        self._tokens: list[tuple[int, int]] = []
        self._open: list[tuple[str, int]] = []
        self._last = ""

    def scan(self) -> Scan:
        """All of the text."""
        position = 0
        while position < len(self._text):
            position = self._step(position)
        if not self._tokens:
            raise TemplateError(len(self._text), "nothing", "an expression, as in CONCAT({name}, '-')")
        if self._open:
            at = self._open[-1][1]
            found, closing = ("CASE", "END") if self._in_case() else ('"("', '")"')
            raise TemplateError(at, found, f"{closing} to close it")
        return Scan("".join(self._masked), self._parts, tuple(self._references), tuple(self._tokens))

    def _step(self, position: int) -> int:
        mark = self._text[position]
        if mark in "'\"":
            return self._quoted(position)
        if mark in "{}｛｝":
            reference = self._reference(position)
            self._mask(Part(PartKind.REFERENCE, position, reference.end, pieces=(reference,)))
            return reference.end
        found = _TOKEN.match(self._text, position)
        if found is None:
            raise self._unknown(position)
        match found.lastgroup:
            case "blank":
                return found.end()
            case "comment":
                raise TemplateError(position, "a comment", "an expression without comments")
            case "number":
                self._number(found[0], position)
            case "word":
                self._word(found[0], position)
            case _:
                self._operator(found[0], position)
        return found.end()

    def _reference(self, position: int) -> Reference:
        reference = reference_at(self._text, position, self._tables)
        self._references.append(reference)
        if len(self._references) > MAX_REFERENCES:
            raise TemplateError(position, "one reference more", f"at most {MAX_REFERENCES} references")
        return reference

    def _quoted(self, start: int) -> int:
        """Text in quotes; a quote is doubled or comes after a backslash to stand in it."""
        quote, position = self._text[start], start + 1
        pieces: list[str | Reference] = []
        plain: list[str] = []
        while position < len(self._text):
            mark = self._text[position]
            if mark == quote:
                if not self._text.startswith(quote, position + 1):
                    break
                plain.append(quote)
                position += 2
            elif mark == "\\" and position + 1 < len(self._text):
                after = self._text[position + 1]
                plain.append(_ESCAPES.get(after, after))
                position += 2
            elif mark in "{}｛｝":
                reference = self._reference(position)
                pieces += ["".join(plain), reference]
                plain = []
                position = reference.end
            else:
                plain.append(mark)
                position += 1
        else:
            raise TemplateError(start, shortened(self._text[start:]), f"{quote} to close the text")
        pieces.append("".join(plain))
        for piece in pieces:
            if isinstance(piece, str):
                refuse_in_quotes(piece, start)
        part = Part(
            PartKind.TEXT, start, position + 1, pieces=tuple(piece for piece in pieces if piece != "")
        )
        self._mask(part)
        return part.end

    def _number(self, number: str, position: int) -> None:
        if self._open and self._open[-1][0] in _SIZED:
            self._keep(number, position)
        else:
            self._mask(Part(PartKind.NUMBER, position, position + len(number), number))

    def _word(self, word: str, position: int) -> None:
        name, end = word.upper(), position + len(word)
        is_call = self._text[end:].lstrip().startswith("(")
        if name in _WITHOUT_PARENTHESES and not is_call:
            self._mask(Part(PartKind.CALL, position, end, name))
        elif name in _WITH_SYNTAX and is_call:
            self._keep(name, position)
        elif is_call and (name in FUNCTIONS or name in ALIASES):
            self._mask(Part(PartKind.CALL, position, end, name))
        elif name in KEYWORDS:
            self._keep(name, position)
            if name == "CASE":
                self._opened("CASE", position)
            elif name == "END":
                self._closed("CASE", name, position)
        elif is_call:
            known = [*FUNCTIONS, *ALIASES, *_WITH_SYNTAX]
            expected = "a function of docs/language.md" + nearest(name, known)
            raise TemplateError(position, f"the function {shortened(word)[1:-1]}", expected)
        else:
            raise self._bare_name(position)

    def _operator(self, operator: str, position: int) -> None:
        before = self._last
        misses_value = before == "," if operator == ")" else before in ("", "(", ",")
        if operator not in _UNARY and misses_value:
            raise TemplateError(position, f'"{operator}"', "a value before it")
        self._keep(operator, position)
        if operator == "(":
            self._opened(before, position)
        elif operator == ")":
            self._closed("(", operator, position)

    def _opened(self, word: str, position: int) -> None:
        if len(self._open) == MAX_NESTING:
            raise TemplateError(position, "one level more", f"at most {MAX_NESTING} levels of nesting")
        self._open.append((word, position))

    def _closed(self, wanted: str, found: str, position: int) -> None:
        if not self._open or self._in_case() != (wanted == "CASE"):
            raise TemplateError(position, f'"{found}"', f'"{wanted}" before it')
        self._open.pop()

    def _in_case(self) -> bool:
        """Whether what was opened last is a CASE."""
        return self._text[self._open[-1][1]] != "("

    def _keep(self, token: str, position: int) -> None:
        """The parser sees it as it is."""
        self._masked[position : position + len(token)] = token
        self._count(token, position, position + len(token))

    def _mask(self, part: Part) -> None:
        """The parser sees an underscore in its place."""
        self._masked[part.position] = "_"
        self._parts[part.position] = part
        self._count("_", part.position, part.end)

    def _count(self, token: str, position: int, end: int) -> None:
        self._last = token
        self._tokens.append((position, end))
        if len(self._tokens) > MAX_PARTS:
            raise TemplateError(position, "one part more", f"at most {MAX_PARTS} values, words and operators")

    def _unknown(self, position: int) -> TemplateError:
        mark = self._text[position]
        if mark in _FULL_WIDTH:
            return TemplateError(position, f'the full-width "{mark}"', f'an ordinary "{_FULL_WIDTH[mark]}"')
        if mark == "`":
            return TemplateError(position, '"`"', 'a field in braces, as in "{name}"')
        if mark in "&|":
            return TemplateError(position, f'"{mark}"', "AND, OR or CONCAT(…)")
        if mark == ";":
            return TemplateError(position, '";"', "one expression")
        if _NAME.match(mark):
            return self._bare_name(position)
        return TemplateError(position, shortened(mark), "a value, an operator or a function")

    def _bare_name(self, position: int) -> TemplateError:
        name = _NAME.match(self._text, position)
        word = name[0] if name else ""
        after = position + len(word)
        refuse_in_text(self._text, position, after)
        if self._text.startswith("（", after):
            return TemplateError(after, 'the full-width "（"', 'an ordinary "("')
        if word[:1].isdigit():
            return TemplateError(position, shortened(word), "a number, or text in quotes")
        near = nearest(word.upper(), KEYWORDS) if len(word) > 3 and word.isascii() else ""
        shown = word[:40]
        expected = f"a field in braces, as in {{{shown}}}, or text in quotes, as in '{shown}'{near}"
        return TemplateError(position, f"the bare word {shortened(word)[1:-1]}", expected)
