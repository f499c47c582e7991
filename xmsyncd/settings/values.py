"""The kinds of value that settings are made of: durations, ids, secrets, addresses, cron expressions.

Each kind is an annotated type with an :class:`Expect`, the sentence a person reads when the value is
wrong. Validators raise :class:`BadValueError` with the finding in our own words; a secret never enters it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr, StringConstraints

from xmsyncd.nearest import nearest

_UNIT_MICROSECONDS = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|d|h|m|s)\s*")
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")
_DURATION_FORMS = "30s, 10m, 2h, 7d, 1h30m or 00:30:01"
_PLACEHOLDERS = frozenset({"…", "...", "......", "……"})
_CRON_FIELDS = ("minute", "hour", "day of the month", "month", "weekday")


@dataclass(frozen=True, slots=True)
class Expect:
    """What a person may write: ``text`` completes "expected …", ``kind`` names the type in the reference."""

    text: str
    kind: str


class BadValueError(ValueError):
    """A value that its validator turned away, in our words; ``expected`` "" leaves that to the setting."""

    def __init__(self, found: str, expected: str = "") -> None:
        self.found = found
        self.expected = expected
        super().__init__(found)


def parse_duration(value: object) -> timedelta:
    """``30s``, ``1h30m``, ``0.5s``, ``500ms`` or ``00:30:01`` as a time span; never negative.

    Raises :class:`BadValueError`; for a bare number too, because its unit would be a guess.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadValueError("no duration")
    if not isinstance(value, str) or re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
        raise BadValueError(
            f"the bare number {str(value).strip()}", f"a duration with its unit: {_DURATION_FORMS}"
        )
    try:
        microseconds = _microseconds(value.strip())
        return timedelta(microseconds=microseconds)
    except OverflowError:
        raise BadValueError("a duration that is too long") from None


def _microseconds(text: str) -> int:
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000
    total, position = Decimal(0), 0
    units = list(_UNIT_MICROSECONDS)
    for part in _PART.finditer(text):
        number, unit = part.groups()
        if part.start() != position or unit not in units:
            break
        units = units[units.index(unit) + 1 :]  # largest unit first, each at most once
        total += Decimal(number) * _UNIT_MICROSECONDS[unit]
        position = part.end()
    if position == 0 or position != len(text):
        raise BadValueError(quoted(text), f"a duration: {_DURATION_FORMS}")
    return int(total)


def format_duration(value: timedelta) -> str:
    """The shortest exact form that :func:`parse_duration` reads back: ``7d``, ``30m1s``, ``500ms``."""
    rest = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    if 0 < rest < 1_000_000 and rest % 1_000 == 0:
        return f"{rest // 1_000}ms"
    text = ""
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNIT_MICROSECONDS[unit])
        if count:
            text += f"{count}{unit}"
    if rest or not text:
        seconds = str(Decimal(rest) / 1_000_000) if rest % 1_000_000 else str(rest // 1_000_000)
        if "E" in seconds:
            seconds = f"{Decimal(rest) / 1_000_000:f}"
        text += f"{seconds}s"
    return text


def parse_share(value: object) -> float:
    """``20%`` as 0.2; ``0`` and ``none`` as 0. Raises :class:`BadValueError`."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in ("none", "0"):
            return 0.0
        percent = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*[%％]", text)
        if percent is not None and float(percent[1]) <= 100:
            return float(percent[1]) / 100
        raise BadValueError(quoted(text))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return 0.0
        raise BadValueError(f"the bare number {value}")
    raise BadValueError("no share")


def format_share(value: float) -> str:
    """The form that :func:`parse_share` reads back."""
    return f"{value * 100:.10g}%"


def _none_is_nothing(value: object) -> object:
    return 0 if isinstance(value, str) and value.strip().lower() == "none" else value


def quoted(text: str, limit: int = 60) -> str:
    """The text as a message shows it: in quotes, on one line, cut at ``limit`` characters."""
    shown = " ".join(text.split()) if "\n" in text or "\t" in text else text
    return f'"{shown[:limit]}…"' if len(shown) > limit else f'"{shown}"'


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):  # YAML's true would count as 1
        raise BadValueError("true" if value else "false")
    return value


def _not_placeholder(value: str) -> str:
    if value in _PLACEHOLDERS:
        raise BadValueError("the placeholder …, still to be filled in")
    return value


def _real_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.strip():
        raise BadValueError("an empty secret")
    _not_placeholder(text.strip())
    return value


def _base_url(value: str) -> str:
    expected = "an address such as https://api.example.com, without query, user or password"
    try:
        parts = urlsplit(value)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError:
        raise BadValueError("an address that cannot be read", expected) from None
    if parts.username is not None or parts.password is not None:
        raise BadValueError("an address with a user or password (not shown)", expected)
    if "?" in value or "#" in value:
        raise BadValueError("an address with a query or fragment (not shown)", expected)
    if parts.scheme not in ("http", "https"):
        raise BadValueError(f"{quoted(value)}, which does not begin with http:// or https://", expected)
    if not parts.hostname or not port_is_readable or re.search(r"\s", value):
        raise BadValueError(quoted(value), expected)
    return value.rstrip("/")


def _ledger_url(value: str) -> str:
    expected = "sqlite:/// and the path of a file, such as sqlite:///xmsyncd.db"
    scheme, separator, rest = value.partition("://")
    if scheme in ("postgresql", "postgres"):
        raise BadValueError(
            f"{scheme}://… (the rest is not shown)",
            f"{expected}; a ledger in PostgreSQL comes with a later version",
        )
    if not separator or scheme != "sqlite":
        raise BadValueError(
            f"an address that does not begin with sqlite:///, but with {quoted(scheme, 20)}", expected
        )
    if not rest.startswith("/"):
        raise BadValueError(
            "sqlite:// with two slashes", f"{expected} (three slashes; four for /an/absolute/path)"
        )
    if "?" in rest or "#" in rest:
        raise BadValueError("an address with a query or fragment", expected)
    _path(rest)
    if rest == "/" or rest.endswith("/") or rest == "/:memory:":
        raise BadValueError(quoted(value), f"{expected}; the ledger must outlive the process")
    return value


def _path(value: str) -> str:
    if "\x00" in value:
        raise BadValueError(f"{quoted(value)}, with a character that no path can hold")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        raise BadValueError(
            f"the unknown time zone {quoted(value)}",
            "the name of a time zone, such as Asia/Shanghai" + nearest(value, available_timezones()),
        ) from None
    return value


def _cron(value: str) -> str:
    """Check each of the five fields by itself, so that the finding names the one at fault.

    Weekdays by name only: APScheduler counts 0 as Monday where cron means Sunday.
    """
    from apscheduler.triggers.cron import CronTrigger

    expected = 'five fields: minute, hour, day of the month, month, weekday; for example "10,40 * * * *"'
    fields = value.split()
    if len(fields) != len(_CRON_FIELDS):
        raise BadValueError(quoted(value), expected)
    if re.search(r"\d", fields[4]):
        raise BadValueError(
            f"{quoted(fields[4])} as weekday: programs disagree whether 0 is Sunday or Monday",
            "weekdays by name: mon, tue, wed, thu, fri, sat, sun (also mon-fri, or sat,sun)",
        )
    for number, (name, field) in enumerate(zip(_CRON_FIELDS, fields, strict=True)):
        alone = ["*"] * 5
        alone[number] = field
        try:
            CronTrigger.from_crontab(" ".join(alone), timezone=UTC)
        except ValueError:
            raise BadValueError(f"{quoted(field)} as {name}", expected) from None
    trigger = CronTrigger.from_crontab(value, timezone=UTC)
    if trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise BadValueError(f"{quoted(value)}, a date that never comes", expected)
    return " ".join(fields)


def _hook_name(value: str) -> str:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", value):
        raise BadValueError(quoted(value))
    return value


def _time_of_day(value: str) -> str:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value)
    if found is None:
        raise BadValueError(quoted(value))
    return f"{int(found[1]):02}:{found[2]}"


def _moment(value: object) -> object:
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            raise BadValueError(quoted(value)) from None
        if not 1970 <= found.year < 9999:  # beyond, there may be no such time in another zone
            raise BadValueError(quoted(value), "a year from 1970 to 9998")
        return found
    if isinstance(value, datetime):
        return value
    raise BadValueError("no date and time")


def _json_text(value: object) -> object:
    """Structured YAML for what the vendor wants as a JSON text."""
    if isinstance(value, list | dict):
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("", "null") else value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    Expect(f"a duration: {_DURATION_FORMS}", "duration"),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    PlainSerializer(format_share, return_type=str, when_used="json"),
    Expect("a share with its sign, such as 20%, up to 100%; 0 or none switches it off", "share"),
]
Whole = Annotated[int, BeforeValidator(_no_truth_value)]
WholeOrNone = Annotated[
    int,
    BeforeValidator(_no_truth_value),
    BeforeValidator(_none_is_nothing),
    Expect("a whole number; 0 or none switches it off", "whole number"),
]
IdText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    AfterValidator(_not_placeholder),
    Expect("text, in quotes where it consists of digits", "text"),
]
Secret = Annotated[SecretStr, AfterValidator(_real_secret), Expect("a secret as text in quotes", "secret")]
BaseUrl = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_base_url),
    Expect("an address such as https://api.example.com", "address"),
]
LedgerUrl = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_ledger_url),
    Expect("sqlite:/// and the path of a file, such as sqlite:///xmsyncd.db", "address"),
]
PathText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    AfterValidator(_not_placeholder),
    AfterValidator(_path),
    Expect("a path from the configuration file", "path"),
]
TimeZoneName = Annotated[
    str, AfterValidator(_timezone), Expect("the name of a time zone, such as Asia/Shanghai", "time zone")
]
Cron = Annotated[
    str,
    AfterValidator(_cron),
    Expect('a cron expression in quotes, such as "10,40 * * * *"', "cron expression"),
]
HookName = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_hook_name),
    Expect("module:function or package.module:function", "function"),
]
TimeOfDay = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_time_of_day),
    Expect('a time of day in quotes, such as "09:00"', "time of day"),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    Expect("a date or a date and time, such as 2026-01-31 or 2026-01-31 08:00:00", "date and time"),
]
JsonText = Annotated[
    str,
    BeforeValidator(_json_text),
    Expect("JSON text, or the same written as a YAML list", "JSON text"),
]
WhereText = Annotated[
    str,
    BeforeValidator(_json_text),
    Expect("an expression as text, or a list of lists of conditions", "expression or conditions"),
]
BLANK_IS_NONE: Any = BeforeValidator(_blank_is_none)
"""For optional settings: an empty text or ``null`` (all the environment can say) means "not set"."""
