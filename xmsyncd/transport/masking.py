"""Secrets taken out of texts, in every form in which they may stand there (all steps).

A vendor may quote what it was sent, a library the URL or header it was given.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "[secret]"

# Shorter ones occur in every other word; settings refuse nothing for being short, so texts must not suffer.
_SHORTEST_SECRET: Final = 4
# So much of a secret's beginning is no accident at the end of a text that was cut there.
_SHORTEST_BEGINNING: Final = 8


class Mask:
    """Replaces secrets in texts by ``mask``.

    Their forms are: as it is, quoted for a URL, for JSON or by ``repr``, and in base64 (at any offset, as in
    a Basic authorization header).
    """

    def __init__(self, secrets: Iterable[str], mask: str = MASK) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST_SECRET for form in forms_of(secret)}
        self._forms = longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(form) for form in longest_first)) if forms else None
        self._mask = mask

    def text(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub(self._mask, text)

    def cut_text(self, text: str) -> str:
        """As :meth:`text`, for one that was cut to a length: a secret may have lost its end there."""
        text = self.text(text)
        for form in self._forms:
            for length in range(min(len(form), len(text)), _SHORTEST_BEGINNING - 1, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + self._mask
        return text


def forms_of(secret: str) -> set[str]:
    """The texts that show this secret."""
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
    forms |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    forms |= {re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), form) for form in forms}
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= set(_base64_forms(raw, encode))
    return {form for form in forms if len(form) >= _SHORTEST_SECRET}


def _base64_forms(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterable[str]:
    """The part of each possible base64 text that depends on the secret alone, whatever stands around it."""
    for offset in range(3):
        text = encode(b"\0" * offset + raw).decode().rstrip("=")
        begin = (0, 2, 3)[offset]
        # The last character also holds bits of what follows, unless the bytes end on a boundary.
        end = len(text) if (offset + len(raw)) % 3 == 0 else len(text) - 1
        if end - begin >= 2 * _SHORTEST_SECRET:
            yield text[begin:end]
    yield encode(raw).decode()
