"""OKKI's envelopes and items, in all the shapes its pages and public clients show (step 1).

::

    {"code": 0|200|"200", "message"|"msg": "...", "now": "YYYY-MM-DD HH:MM:SS",
     "data": {"list": [...], "count"|"totalItem"|"total": 123|"123"} | [] | {...}}
    {"error": "invalid_client", "error_description": "...", "message": "..."}     from the token endpoint

Vendor doc throughout, not verified on a tenant; times are without an offset and taken as the configured
zone's (Beijing; seen in public clients). Pure: nothing here asks the network or the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from xmsyncd.okki.codes import NOT_JSON
from xmsyncd.records import Item, SourceId
from xmsyncd.transform.depth import cut_off
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transport.classify import VendorWords
from xmsyncd.transport.masking import Mask
from xmsyncd.transport.reply import Reply

_MESSAGE_CHARACTERS = 200
_NO_WORDS = VendorWords()
_NO_SECRETS = Mask(())


class UnreadableAnswerError(ValueError):
    """A successful answer whose ``data`` cannot be what was asked for. Holds no data, only its shape."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An answer of the business API, opened."""

    ok: bool
    words: VendorWords
    data: Any
    server_now: datetime | None
    """OKKI's clock, aware UTC, one-second resolution: ``now``, or what the client makes of it."""
    told_now: datetime | None = None
    """The envelope's own ``now`` read in the configured zone, where the client has judged it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: tuple[Item, ...]
    unreadable: tuple[Any, ...]
    """Entries without a usable id, as they came."""
    total: int | None
    server_now: datetime | None


def parse_envelope(body: Any, success_codes: Collection[int], timezone: ZoneInfo) -> Envelope:
    """Open an answer; what is no envelope is not ``ok``."""
    if not isinstance(body, Mapping):
        return Envelope(ok=False, words=_NO_WORDS, data=None, server_now=None)
    return Envelope(
        ok=not body.get("error") and _whole(body.get("code")) in success_codes,
        words=words_of(body),
        data=body.get("data"),
        server_now=parse_time(body.get("now"), timezone),
    )


def words_of(body: Any, mask: Mask = _NO_SECRETS) -> VendorWords:
    """Code and message of an answer of either kind (business envelope or OAuth error).

    ``error`` wins over ``code``: the gateway puts the OAuth name there and a number beside it. Secrets are
    taken out before the words are cut to a length, which could hide one from a later look.
    """
    if not isinstance(body, Mapping):
        return _NO_WORDS
    code = _first_text(body, ("error", "error_code", "code"))
    message = _first_text(body, ("error_description", "message", "msg"))
    return VendorWords(mask.text(code)[:_MESSAGE_CHARACTERS], mask.text(message)[:_MESSAGE_CHARACTERS])


def words_of_reply(reply: Reply, mask: Mask = _NO_SECRETS) -> VendorWords:
    """As :func:`words_of`; a page that is no JSON has the code NOT_JSON and its own first words."""
    text = " ".join(reply.text.split())
    if not reply.is_json and text:
        return VendorWords(NOT_JSON, mask.cut_text(text)[:_MESSAGE_CHARACTERS])
    return words_of(reply.body, mask)


def page_from(
    envelope: Envelope,
    *,
    timezone: ZoneInfo,
    list_key: str,
    total_keys: Sequence[str],
    id_field: str,
    updated_field: str,
) -> Page:
    """The entries of a list answer.

    An empty list ends a pass, so only what certainly is one counts as one: ``[]`` or ``{}`` in the place of
    ``data`` (the PHP habit), an empty ``list_key``, or none at all beside a total of 0. Raises
    :class:`UnreadableAnswerError` for anything else.
    """
    data = envelope.data
    total: int | None = None
    entries: Any = data
    if isinstance(data, Mapping):
        total = next((found for key in total_keys if (found := _count(data.get(key))) is not None), None)
        entries = data.get(list_key)
        if entries is None and (not data or total == 0):
            entries = []
    if isinstance(entries, Mapping) and all(str(key).isdigit() for key in entries):
        entries = list(entries.values())  # a PHP array with a hole in its numbering becomes an object
    if not isinstance(entries, list):
        raise UnreadableAnswerError(f"no list under {list_key!r} in the answer's data: {_shape(data)}")
    items: list[Item] = []
    unreadable: list[Any] = []
    for entry in entries:
        item = item_from(entry, timezone, id_field=id_field, updated_field=updated_field)
        if item is None:
            unreadable.append(cut_off(entry))
        else:
            items.append(item)
    return Page(tuple(items), tuple(unreadable), total, envelope.server_now)


def item_from(
    raw: Any, timezone: ZoneInfo, *, id_field: str = "product_id", updated_field: str = "update_time"
) -> Item | None:
    """An entry of a list as an item, ``None`` where it has no usable id. No other field can make it fail."""
    if not isinstance(raw, Mapping):
        return None
    source_id = id_from(raw.get(id_field))
    if source_id is None:
        return None
    raw = cut_off(raw)
    return Item(
        source_id=source_id,
        updated_at=parse_time(raw.get(updated_field), timezone),
        raw=raw,
        listed_hash=hash_of(raw),
    )


def id_from(value: Any) -> SourceId | None:
    """An id as text. OKKI shows one product's as integer here and as string there.

    A float is no id: it has lost digits on its way. Neither are 0, true and blank text.
    """
    if isinstance(value, str):
        text = value.strip()
        return SourceId(text) if text not in ("", "0") and _is_writable(text) else None
    if isinstance(value, int) and not isinstance(value, bool) and value != 0:
        return SourceId(str(value))
    return None


def parse_time(value: Any, timezone: ZoneInfo) -> datetime | None:
    """``YYYY-MM-DD HH:MM:SS`` of the zone (or ISO 8601 with an offset) as aware UTC, else ``None``."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # "0000-00-00 00:00:00" among them
        return None


def format_time(moment: datetime, timezone: ZoneInfo) -> str:
    """A moment as OKKI's filters take it, second resolution, fractions cut off."""
    return moment.astimezone(timezone).strftime("%Y-%m-%d %H:%M:%S")


def format_date(moment: datetime, timezone: ZoneInfo) -> str:
    """The date of a moment as OKKI's filters take it."""
    return moment.astimezone(timezone).strftime("%Y-%m-%d")


def _first_text(body: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        value = body.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value) if len(value) < 20 else None
    return None


def _count(value: Any) -> int | None:
    number = _whole(value)
    return number if number is not None and number >= 0 else None


def _is_writable(text: str) -> bool:
    """Whether the text can be written as UTF-8: a lone surrogate can be in no database and no request."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shape(data: Any) -> str:
    if isinstance(data, Mapping):
        return "an object with " + ", ".join(sorted(map(str, data))[:10])
    return type(data).__name__
