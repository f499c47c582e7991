"""Messages that say the same about different records are one group: normalised, pure.

Vendors write ids, numbers and values into their sentences, and so do our rejections. What is left when those
are taken out is what went wrong.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_ANY: Final = "…"

_QUOTED: Final = re.compile(
    r'"(?:[^"\\]|\\.)*(?:"|$)'  # a value as our rejections show it; a long one is cut before its closing mark
    r"|(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)"  # not the apostrophe in a word
    r"|`[^`]*`|“[^”]*”|‘[^’]*’|「[^」]*」|『[^』]*』|《[^》]*》|【[^】]*】"
)
_NESTED: Final = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
# A component of the form is what a sentence is about, not a value in it.
_COMPONENT: Final = re.compile(r"\b[a-z]+(?:Field|Table)_\w+\b|\b(?:field|component)_\w+\b", re.ASCII)
_ID: Final = re.compile(
    r"(?<![A-Za-z0-9_])"
    r"(?=[A-Za-z0-9_.:/-]*[0-9])"  # something with a digit in it …
    r"[A-Za-z0-9_]+(?:[-_.:/]+[A-Za-z0-9_]+)*",  # … that people would read as one sign
    re.ASCII,
)
_NUMBER: Final = re.compile(r"[+\-]?\d+(?:[.,:/\-]\d+)*%?")
_SIGNED: Final = re.compile(r"(?<![\w…])[+\-]+…")
_REPEATED: Final = re.compile(r"…(?:[\s,、;；和及]*…)+")

_GROUP: Final = re.compile(r"(?P<reason>.*)#(?P<digest>[0-9a-f]{6})", re.DOTALL)


def normal(message: str, *own: str | None) -> str:
    """The message with every value, id and number as ``…``; ``own`` are the record's own key and ids.

    Idempotent. Component ids stay, because they say what is wrong.
    """
    text = " ".join(message.split())
    for one in sorted({one for one in own if one}, key=len, reverse=True):
        text = _alone(one).sub(_ANY, text)
    kept: list[str] = []
    parts: list[str] = []
    at = 0
    for component in _COMPONENT.finditer(text):
        parts.append(text[at : component.start()])
        kept.append(component.group())
        at = component.end()
    parts.append(text[at:])
    # Private signs stand in for the components: nothing below touches them.
    text = "\ue000".join(parts)
    text = _QUOTED.sub(_ANY, text)
    before = None
    while before != text:
        before, text = text, _NESTED.sub(_ANY, text)
    text = _NUMBER.sub(_ANY, _ID.sub(_ANY, text))
    text = _REPEATED.sub(_ANY, _SIGNED.sub(_ANY, text))
    for component_id in kept:
        text = text.replace("\ue000", component_id, 1)
    return text.strip()


def _alone(value: str) -> re.Pattern[str]:
    """The value where it is not a part of a longer word."""
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(value)}(?![A-Za-z0-9_])")


def group_name(reason: str, component: str | None, message: str) -> str:
    """The name of a group, as a person may type it: the reason and six signs for what the message says."""
    digest = hashlib.sha256(f"{component or ''}\n{message}".encode("utf-8", "replace")).hexdigest()[:6]
    return f"{reason}#{digest}"


def reason_of(group: str) -> tuple[str, bool]:
    """The reason that a name is about, and whether it names one group of it alone."""
    found = _GROUP.fullmatch(group)
    return (group, False) if found is None else (found["reason"], True)
