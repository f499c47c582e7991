"""Secrets that a document tells outside their place: found before anything of it is shown or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Metadata, text_of_value
from xmsyncd.importing.placeholders import is_unfilled_secret, names_a_secret
from xmsyncd.settings.schema import Path

_MOST: Final = 100
_SHORTEST: Final = 6
"""Characters of a secret that is looked for elsewhere: a shorter text stands in many words."""


def find_told_secrets(documents: tuple[Metadata, ...], findings: Findings) -> bool:
    """Refuse each text that holds a secret of another entry; whether there is one."""
    secrets = {value.strip() for one in documents for value in _secrets_of(one.data)}
    if len(secrets) > _MOST:
        name = documents[0].document.name
        findings.refused(name, f"more than {_MOST} secrets", "the metadata documents of one scheme")
        return True
    found = False
    for one in documents:
        for path, text in _texts_of(one.data, ()):
            if any(secret in text for secret in secrets):
                found = True
                findings.refused(
                    one.document.where(_without_keys_of(path, secrets)),
                    "the text of a secret (not shown) outside the entry of that secret",
                    "the secret in its own entry alone; make it anew if others have seen the document",
                )
    return found


def _secrets_of(value: Any) -> Iterator[str]:
    """The values of entries that are named like secrets, at any depth."""
    if isinstance(value, Mapping):
        if _is_secret_entry(value):
            told = text_of_value(value.get("value"))
            if len(told.strip()) >= _SHORTEST and not is_unfilled_secret(told):
                yield told
        for one in value.values():
            yield from _secrets_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from _secrets_of(one)


def _texts_of(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text, keys and numbers included, but for the values of secrets."""
    if isinstance(value, Mapping):
        hidden = _is_secret_entry(value)
        for key, one in value.items():
            here = (*path, str(key))
            yield here, str(key)
            if not (hidden and key == "value" and not isinstance(one, list | dict)):
                yield from _texts_of(one, here)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts_of(one, (*path, number))
    else:
        yield path, text_of_value(value)


def _is_secret_entry(value: Mapping[str, Any]) -> bool:
    return names_a_secret(text_of_value(value.get("field")))


def _without_keys_of(path: Path, secrets: set[str]) -> Path:
    """A key may itself hold the secret: then the place above it is named."""
    for length, key in enumerate(path):
        if any(secret in str(key) for secret in secrets):
            return path[:length]
    return path
