"""The log: structlog for us, the standard library's loggers routed through it, and no secret in either."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from xmsyncd.transport.masking import Mask

__all__ = ["Redactor", "bound_contextvars", "configure_logging", "log_what_escapes"]

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


def log_what_escapes() -> None:
    """Have what nobody catches (in threads, in finalizers, at the very end) logged instead of printed raw.

    For a process that is the daemon: these hooks are the interpreter's, not ours alone.
    """
    log = structlog.get_logger(__name__)

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error("crashed", exc_info=(kind, error, trace))

    def in_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
            name = None if told.thread is None else told.thread.name
            log.error("thread_died", thread=name, exc_info=told.exc_value)

    def unraisable(told: sys.UnraisableHookArgs) -> None:
        log.error("error_ignored", what=told.err_msg or "in a finalizer", exc_info=told.exc_value)

    sys.excepthook = in_main
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that configuring again replaces it and nobody else's."""


class Redactor(Mask):
    """Removes every secret from every text of an event, in any form in which it might stand there.

    What is no plain value becomes text first, so nothing is rendered unseen.
    """

    def __call__(self, logger: WrappedLogger, name: str, event_dict: EventDict) -> EventDict:
        return {self.text(str(key)): self.value(value) for key, value in event_dict.items()}

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


def _in_order(logger: WrappedLogger, name: str, event_dict: EventDict) -> EventDict:
    first = ("time", "level", "logger", "event")
    return {**{key: event_dict[key] for key in first if key in event_dict}, **event_dict}


def _render_json(logger: WrappedLogger, name: str, event_dict: EventDict) -> str:
    try:
        return orjson.dumps(event_dict).decode()
    except TypeError:
        # Lone surrogates and integers beyond 64 bits: they come with the very records one logs about.
        return json.dumps(event_dict, ensure_ascii=True, default=str)
