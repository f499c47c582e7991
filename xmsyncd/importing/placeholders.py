"""What stands in a document where its owner left out a secret or an id."""

from __future__ import annotations

import re
from typing import Final

_ENVIRONMENT: Final = re.compile(
    r"\$\{([A-Za-z_]\w*)(?::[^}]*)?\}|\$([A-Za-z_]\w*)|%([A-Za-z_]\w*)%|(?:env|ENV)[:.]([A-Za-z_]\w*)"
    r"|\{\{\s*(?:env\.)?([A-Za-z_]\w*)\s*\}\}",
    re.ASCII,
)
_WORDS: Final = re.compile(
    r"(?i)(?<![a-z0-9])"
    r"(?:replace|change.?me|fill.?(?:me|in)|your|todo|example|placeholder|redacted|hidden|masked|dummy)(?![a-z0-9])"
    r"|^(?:[a-z]+[-_ ]?){0,1}(?:token|secret|key|password)$|[\u4e00-\u9fff]"
)
_FILLED_IN: Final = re.compile(r"<.*>|\[.*\]|\.{3,}|…+")
_ONE_CHARACTER: Final = re.compile(r"(?i)(?:[a-z]+[-_]*)??([x*0#?.])\1{3,}", re.ASCII)
_SECRET_NAMES: Final = re.compile(
    r"(?i)secret|token|passw|pwd|credential|auth(?!or(?:s|_|$))|signature|^sign$|session|cookie|jwt"
    r"|(?:^|[_.-]|api|app|access|private)[_.-]?key$|秘钥|密钥|密码"
)
_COMPONENT: Final = re.compile(r"[A-Za-z]+Field(?:_|$)")


def environment_reference(text: str) -> str | None:
    """The name in ``${NAME}`` and its like; ``None`` for any other text."""
    found = _ENVIRONMENT.fullmatch(text.strip())
    return next(filter(None, found.groups())) if found else None


def is_unfilled_secret(text: str) -> bool:
    """Whether this is surely no secret: ``REPLACE_WITH_…``, ``<token>``, ``${TOKEN}``, ``****``."""
    stripped = text.strip()
    return (
        environment_reference(stripped) is not None
        or _FILLED_IN.fullmatch(stripped) is not None
        or _ONE_CHARACTER.fullmatch(stripped) is not None
        or _WORDS.search(stripped) is not None
    )


def looks_unfilled(text: str) -> bool:
    """Whether an id looks as if somebody had made it unreadable: ``APP_XXXX``, ``0000000``, ``<user>``."""
    stripped = text.strip()
    return (
        _ONE_CHARACTER.fullmatch(stripped) is not None
        or _FILLED_IN.fullmatch(stripped) is not None
        or environment_reference(stripped) is not None
        or re.match(r"(?i)replace|your[-_]|change.?me", stripped) is not None
    )


def names_a_secret(name: str) -> bool:
    """Whether a parameter of this name is likely to hold a secret; no component of a form is one."""
    return _SECRET_NAMES.search(name) is not None and _COMPONENT.match(name) is None
