"""pydantic's findings in a person's words: where, what was found, what is expected.

What was found is never shown for a secret, for an unknown key, or where a whole section was expected.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path as FilePath
from typing import Any

import annotated_types as bounds
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from xmsyncd.errors import Fault
from xmsyncd.nearest import nearest, nearest_name
from xmsyncd.settings.document import Document
from xmsyncd.settings.schema import Path, Shape, path_text, settings_under, shape_at, shown_key
from xmsyncd.settings.sources import environment_name
from xmsyncd.settings.values import BadValueError, Expect, format_duration, quoted

_SECRET_WORDS = ("secret", "token", "password", "passwd", "key", "credential")


class Translator:
    """Knows where each value came from: a line of the file, a variable or a secret file."""

    def __init__(
        self, root: type[BaseModel], document: Document, origins: Sequence[Mapping[Path, str]]
    ) -> None:
        self._root = root
        self._document = document
        self._origins = origins  # strongest first

    def where(self, path: Path, last: str | None = None) -> str:
        """The variable, the secret file, or the path with the file's line; ``last`` is shown as its end."""
        for origins in self._origins:
            for length in range(len(path), 0, -1):
                if name := origins.get(path[:length]):
                    shown = path if last is None else (*path[:-1], last)
                    inside = f", at {path_text(shown)}" if length < len(path) else ""
                    return f"{name}{inside}"
        return self._document.where(path, last)

    def line(self, path: Path) -> int:
        """For sorting: what does not stand in the file comes last."""
        is_override = any(
            path[:length] in origins for origins in self._origins for length in range(len(path) + 1)
        )
        return 0 if is_override else self._document.line_of(path) or 0

    def translate(self, errors: Iterable[ErrorDetails]) -> list[tuple[Path, Fault]]:
        """Faults with the path each belongs to."""
        faults: dict[Path, Fault] = {}
        for error in errors:
            path: Path = tuple(key for key in error["loc"] if key != "[key]")
            if (flat := self._forgotten_name(path, error)) is not None:
                faults.setdefault(path[:-1], flat)
                continue
            faults.setdefault(path, self._fault(path, error))
        return list(faults.items())

    def _fault(self, path: Path, error: ErrorDetails) -> Fault:
        if error["type"] == "missing":
            return self._missing(path)
        if error["type"] == "extra_forbidden":
            return self.unknown_key(path)
        shape = shape_at(self._root, path) or Shape(object)
        found, expected = describe_value(error["input"], shape, str(path[-1])), expectation(shape)
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, BadValueError):
            found, expected = cause.found, cause.expected or expected
        elif error["type"] == "string_type" and _is_number(error["input"]):
            found, expected = self._unquoted_number(path, error["input"], shape)
        elif isinstance(error["input"], str) and not shape.is_secret:
            expected += nearest(error["input"], choices_of(shape))
        return Fault(self.where(path), found, expected)

    def _missing(self, path: Path) -> Fault:
        shape = shape_at(self._root, path) or Shape(object)
        expected = expectation(shape)
        if (begun := self._begun_by(path[:2])) is not None:
            names = ", ".join(self._document.data.get(str(path[0])) or {})
            return Fault(
                begun,
                f"a new entry {path_text(path[:2])}, without {path_text(path[2:])}",
                f"{expected}{f'; or a name that the file has: {names}' if names else ''}",
            )
        if not shape.is_container and (name := environment_name(path)):
            better = "better: " if shape.is_secret else "or: "
            file = FilePath(self._document.name).stem
            expected += f" ({better}{name} in the environment, a secret file or {file}.secrets)"
        line = self._document.line_of(path)
        place = f"{path_text(path)} ({self._document.name}{f', line {line}' if line else ''})"
        return Fault(place, "nothing", expected)

    def _begun_by(self, entry: Path) -> str | None:
        """The variable or secret file that makes an entry which the file does not have."""
        above = shape_at(self._root, entry[:1])
        if above is None or above.named is None or entry in self._document.places:
            return None
        begins = (name for origins in self._origins for path, name in origins.items() if path[:2] == entry)
        return next(begins, None)

    def unknown_key(self, path: Path) -> Fault:
        """A key that no setting has; names the nearest one, or the section it belongs in."""
        key = str(path[-1])
        shape = shape_at(self._root, path[:-1])
        known = list(shape.model.model_fields) if shape and shape.model else []
        near = nearest_name(key, known)
        secrets = _secrets_of(shape)
        if begun := next((name for name in secrets if _begins_like(key, name)), None):
            shown, near = shown_key(key[: len(begun)]), near or begun
            shown += "" if shown == key or shown.endswith("…") else "…"
        else:
            is_like_one = not secrets or near is not None or key in self._places
            shown = shown_key(key) if is_like_one else "…"
        if near:
            expected = f"a known key (nearest: {near})"
        elif elsewhere := self._places.get(key):
            expected = f"this key elsewhere: {' or '.join(elsewhere)}"
        else:
            expected = f"one of the keys {', '.join(known)}"
        found = "an unknown key (not shown: a secret may stand there)"
        if shown != "…":
            found = f"the unknown key {quoted(shown)}"
        return Fault(self.where(path, shown), found, expected)

    @functools.cached_property
    def _places(self) -> Mapping[str, Sequence[str]]:
        """Where the settings stand, by their last name."""
        places: dict[str, list[str]] = {}
        for path, _ in settings_under(self._root):
            places.setdefault(str(path[-1]), []).append(path_text(path))
        return places

    def _forgotten_name(self, path: Path, error: ErrorDetails) -> Fault | None:
        """``okki: {base_url: …}``: a setting where the name of a connection belongs."""
        shape = shape_at(self._root, path[:-1]) if len(path) == 2 else None
        entry = shape.named if shape else None
        if entry is None or entry.model is None or path[-1] not in entry.model.model_fields:
            return None
        if isinstance(error["input"], dict):
            return None
        above = path_text(path[:-1])
        return Fault(
            self.where(path),
            f"the setting {path[-1]} directly under {above}",
            f"a name between them, such as {above}: {{main: {{{path[-1]}: …}}}}",
        )

    def _unquoted_number(self, path: Path, value: object, shape: Shape) -> tuple[str, str]:
        if _is_hidden(shape, str(path[-1])):
            return "a number (not shown)", "the secret as text in quotes"
        place = self._document.places.get(path)
        typed = place.typed if place and place.typed else str(value)
        return (
            f"the number {typed}",
            f'text in quotes: "{typed}" (a bare number loses leading zeros and long digits)',
        )


def describe_value(value: object, shape: Shape, key: str = "") -> str:
    """What was found, without showing what may be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value == "":
        return "an empty text"
    if _is_hidden(shape, key):
        return "a number (not shown)" if _is_number(value) else "text (not shown)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return format_duration(value)
    return f"the number {value}" if _is_number(value) else quoted(str(value))


def _secrets_of(section: Shape | None) -> list[str]:
    if section is None or section.model is None:
        return []
    fields = section.model.model_fields
    return [name for name in fields if (shape := section.child(name)) is not None and shape.is_secret]


def _begins_like(key: str, name: str) -> bool:
    """Whether a value may follow ``name`` in this key, for want of a colon or a blank."""
    return nearest_name(key[: len(name)], [name], cutoff=0.75) is not None


def _is_hidden(shape: Shape, key: str) -> bool:
    """Secrets, whatever stands where a section belongs, and free entries with a telling name."""
    is_free_entry = shape.field is None and any(word in key.lower() for word in _SECRET_WORDS)
    return shape.is_secret or shape.is_container or is_free_entry


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def choices_of(shape: Shape) -> list[str]:
    """The values of a closed set."""
    if isinstance(shape.base, type) and issubclass(shape.base, Enum):
        return [str(choice.value) for choice in shape.base]
    return [str(choice) for choice in shape.choices]


def expectation(shape: Shape) -> str:
    """What a person may write there, bounds included."""
    return _kind_text(shape) + bounds_text(shape)


def _kind_text(shape: Shape) -> str:
    for entry in reversed(shape.metadata):
        if isinstance(entry, Expect):
            return entry.text
    if choices := choices_of(shape):
        return f"one of {', '.join(choices)}"
    if shape.model is not None:
        keys = list(shape.model.model_fields)
        return f"a section with keys such as {', '.join(keys[:3])}"
    if shape.named is not None:
        return "a section for each name" if shape.named.is_container else "a mapping of names to texts"
    if shape.item is not None:
        return f"a list, each entry {_kind_text(shape.item)}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}
    return words.get(shape.base, "another value")


def bounds_text(shape: Shape) -> str:
    """The limits of a setting, to stand behind its kind: ``, from 1 to 100``."""
    least = most = above = None
    for entry in shape.metadata:
        match entry:
            case bounds.Ge(ge=limit):
                least = _limit(limit)
            case bounds.Gt(gt=limit):
                above = _limit(limit)
            case bounds.Le(le=limit):
                most = _limit(limit)
            case bounds.MinLen(min_length=1) if shape.is_container:
                return ", with at least one entry"
            case _:
                pass
    if least and most:
        return f", from {least} to {most}"
    if least:
        return ", not negative" if least in ("0", "0s") else f", at least {least}"
    if above and most:
        return f", more than {above} and at most {most}"
    return f", more than {above}" if above else ""


def _limit(limit: Any) -> str:
    return format_duration(limit) if isinstance(limit, timedelta) else str(limit)
