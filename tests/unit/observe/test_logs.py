"""Everything that is logged is one format, and no secret is in it in any form."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import orjson
import pytest
import structlog

from xmsyncd.observe.logs import Redactor, bound_contextvars, configure_logging
from xmsyncd.transport.masking import MASK

SECRET = 's3cr+t/ü"&=x?'


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("apscheduler", "aiohttp.access", "asyncio")}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, one in levels.items():
        logging.getLogger(name).setLevel(one)
    structlog.reset_defaults()


def configured(level: str = "info", form: str = "json", secrets: set[str] | None = None) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, form, stream, secrets or set())
    return stream


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_those_of_libraries_are_json_alike():
    stream = configured()
    structlog.get_logger("xmsyncd.part").info("cycle_finished", pipeline="产品", read=3)
    logging.getLogger("apscheduler.scheduler").warning("job %s is late", "x")
    ours, theirs = lines(stream)
    assert list(ours)[:4] == ["time", "level", "logger", "event"]
    assert ours | {"time": ""} == {
        "time": "",
        "level": "info",
        "logger": "xmsyncd.part",
        "event": "cycle_finished",
        "pipeline": "产品",
        "read": 3,
    }
    assert str(ours["time"]).endswith("Z")
    assert theirs["event"] == "job x is late"
    assert theirs["level"] == "warning"


def test_below_the_level_nothing_is_written_and_talkative_libraries_are_hushed():
    stream = configured("info")
    structlog.get_logger("xmsyncd").debug("not this")
    logging.getLogger("apscheduler.executors.default").info("Running job")
    logging.getLogger("aiohttp.access").info("GET /metrics")
    assert stream.getvalue() == ""


def test_configuring_again_replaces_the_handler():
    first = configured()
    second = configured("debug")
    structlog.get_logger("xmsyncd").debug("here")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_context_holds_inside_its_block_only():
    stream = configured()
    log = structlog.get_logger("xmsyncd")
    with bound_contextvars(pipeline="products", cycle_id=7):
        log.info("inside")
        logging.getLogger("library").warning("inside too")
    log.info("outside")
    assert [line.get("cycle_id") for line in lines(stream)] == [7, 7, None]


def test_a_warning_of_python_is_a_line_of_the_log():
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # catch_warnings has put its own showwarning in place
        warnings.warn("a coroutine was never awaited", RuntimeWarning, stacklevel=1)
    assert "never awaited" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "hidden",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), quote(SECRET, safe="")),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        orjson.dumps(SECRET).decode(),
        json.dumps(SECRET),
        repr(SECRET),
    ],
)
def test_a_secret_is_removed_wherever_it_stands(form, hidden):
    stream = configured("info", form, {SECRET})
    log = structlog.get_logger("xmsyncd")
    text = f"before {hidden} after"
    log.info(text)
    log.info("deep", where={"list": [text, (text,)], text: 1}, raw=text.encode())
    log.info("object", thing=ValueError(text), kinds={text})
    logging.getLogger("library").error("said %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("failed")
    written = stream.getvalue()
    assert hidden.strip("\"'") not in written
    assert SECRET not in written
    assert written.count(MASK) >= 7


@pytest.mark.parametrize("user", ["", "u", "us", "user"])
def test_a_secret_inside_a_basic_authorization_is_removed(user):
    secret = "a-long-enough-secret"
    header = base64.b64encode(f"{user}:{secret}:".encode()).decode()
    shown = Redactor({secret}).text(f"Basic {header}")
    assert MASK in shown
    left = shown.removeprefix("Basic ").replace(MASK, "")
    assert len(left) <= 12


def test_short_values_are_no_secrets_worth_the_log():
    assert Redactor({"", "a", "abc"}).text("abcabc") == "abcabc"


def test_without_secrets_text_stays():
    assert Redactor(set()).value({"a": ["b", 1, None, 2.5, True]}) == {"a": ["b", 1, None, 2.5, True]}


def test_nothing_that_is_logged_can_break_the_log():
    class Unshowable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    stream = configured()
    log = structlog.get_logger("xmsyncd")
    log.info("surrogate", key="\ud800")
    log.info("huge", number=10**30)
    log.info("unshowable", thing=Unshowable())
    log.info("not a number", number=float("nan"))
    written = stream.getvalue().splitlines()
    assert len(written) == 4
    assert "cannot be shown" in written[2]


def test_a_person_gets_text_without_colour_codes_where_the_stream_is_no_terminal():
    stream = configured("info", "console")
    try:
        raise ValueError("why")
    except ValueError:
        structlog.get_logger("xmsyncd").exception("failed", pipeline="products")
    written = stream.getvalue()
    assert "pipeline=products" in written
    assert "ValueError: why" in written
    assert "\x1b[" not in written
