"""What every test gets: an environment without settings of ours, and aioresponses that works.

Fixtures that only some tests need stand in a ``conftest.py`` beside them.
"""

from __future__ import annotations

import inspect
import logging
import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses.core
import pytest
import structlog
from hypothesis import HealthCheck, settings

# How long one example takes tells more of the machine, which is busy, than of the code.
# The same examples each time, so that a red run tells of the change it ran on; FUZZ=n looks for new ones.
settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="FUZZ" not in os.environ,
)
settings.load_profile("busy")


class _MockedResponse(aiohttp.ClientResponse):
    """A response that can be made without the ``stream_writer`` that aiohttp 3.14 asks for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


def _aiohttp_asks_for_more_than_aioresponses_gives() -> bool:
    asked = "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters
    given = "stream_writer" in inspect.getsource(aioresponses.core)
    return asked and not given


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in its background like that, and every process of a test would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # aioresponses 0.7.9 fails every mocked call on aiohttp >= 3.14 (its issue 289); mended while that is so.
    if _aiohttp_asks_for_more_than_aioresponses_gives():
        aioresponses.core.ClientResponse = _MockedResponse  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A test that sets up the log leaves no trace of it for the next."""
    root = logging.getLogger()
    handlers, level, show = root.handlers[:], root.level, warnings.showwarning
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    warnings.showwarning = show


@pytest.fixture(autouse=True)
def _environment_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's ``XMSYNCD_…`` variables reach a test; one that needs some sets them itself."""
    for name in list(os.environ):
        if name.upper().startswith("XMSYNCD_"):
            monkeypatch.delenv(name)
