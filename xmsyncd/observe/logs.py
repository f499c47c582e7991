"""The log: structlog for us, the standard library's loggers routed through it, and no secret in either."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import orjson
import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["Redactor", "bound_contextvars", "configure_logging"]

MASK = "[secret]"

# Shorter ones occur in every other word; settings refuse nothing for being short, so the log must not suffer.
_SHORTEST_SECRET = 4

# What these say at INFO is a line for every ring and every request.
_TALKATIVE = ("apscheduler", "aiohttp.access", "asyncio")


def configure_logging(level: str, format: str, stream: TextIO, secrets: Iterable[str]) -> None:  # noqa: A002 - the setting's name
    """Write all logging of this process to ``stream`` from here on, as JSON lines or as text for a person.

    ``level`` is one of debug, info, warning, error; ``format`` is json or console. Warnings of Python go
    into the log too. May be called again, and then replaces what it did before. Use
    :func:`bound_contextvars` to add fields to all lines of a block: a plain binding leaks to the caller.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    render: list[Processor]
    if format == "console":
        render = [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(),
                timestamp_key="time",
                exception_formatter=structlog.dev.plain_traceback,  # it is text by then
            )
        ]
    else:
        render = [_in_order, _render_json]
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                # Last before the rendering, so that tracebacks pass it as well.
                Redactor(secrets),
                *render,
            ],
        )
    )
    root = logging.getLogger()
    for before in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that configuring again replaces it and nobody else's."""


class Redactor:
    """Removes every secret from every text of an event, in any form in which it might stand there.

    Those are: as it is, quoted for a URL, for JSON or by ``repr``, and in base64 (at any offset, as in a
    Basic authorization header). What is no plain value becomes text first, so nothing is rendered unseen.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST_SECRET for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(form) for form in longest_first)) if forms else None

    def __call__(self, logger: WrappedLogger, name: str, event_dict: EventDict) -> EventDict:
        return {self.text(str(key)): self.value(value) for key, value in event_dict.items()}

    def text(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def value(self, value: Any) -> Any:
        """A plain JSON value without secrets."""
        match value:
            case str():
                return self.text(str(value))
            case bool() | int() | float() | None:
                return value
            case datetime() | date():
                return value.isoformat()
            case bytes():
                return self.text(value.decode(errors="replace"))
            case Mapping():
                return {self.text(str(key)): self.value(one) for key, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(one) for one in value]
            case _:
                return self.text(_text_of(value))


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a log line must not fail for an object that cannot be shown
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _forms(secret: str) -> set[str]:
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


def _in_order(logger: WrappedLogger, name: str, event_dict: EventDict) -> EventDict:
    first = ("time", "level", "logger", "event")
    return {**{key: event_dict[key] for key in first if key in event_dict}, **event_dict}


def _render_json(logger: WrappedLogger, name: str, event_dict: EventDict) -> str:
    try:
        return orjson.dumps(event_dict).decode()
    except TypeError:
        # Lone surrogates and integers beyond 64 bits: they come with the very records one logs about.
        return json.dumps(event_dict, ensure_ascii=True, default=str)
