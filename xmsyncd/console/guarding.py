"""Who may have something done: pure, from a request's headers to the reason why not."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit


class Refusal(StrEnum):
    """Why an action is not done."""

    READ_ONLY = "read_only"
    """No token is set, so nobody may."""
    CROSS_SITE = "cross_site"
    NOT_JSON = "not_json"
    TOKEN = "token"


def refusal(headers: Mapping[str, str], token: str | None) -> Refusal | None:
    """``None``: it may be done.

    Another site's page can send a request here with the reader's browser. It cannot forge these headers: the
    browser itself says where a request comes from (``Origin``, ``Sec-Fetch-Site``), and lets no other site
    add ``Authorization`` or send JSON without asking first, which is never granted. No cookie is involved.
    """
    if token is None:
        return Refusal.READ_ONLY
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin" or not _is_own(headers):
        return Refusal.CROSS_SITE
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        return Refusal.NOT_JSON
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    # Compared as bytes in constant time, also where the scheme is wrong already.
    is_right = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return None if is_right and scheme.lower() == "bearer" else Refusal.TOKEN


def _is_own(headers: Mapping[str, str]) -> bool:
    origin = headers.get("Origin")
    if origin is None:
        return True  # no browser: those send it with every POST
    try:
        return bool(urlsplit(origin).netloc) and urlsplit(origin).netloc == headers.get("Host", "")
    except ValueError:
        return False
