"""The functions of dates and times (part of step 2). Dates are text in Beijing time, NOW() is the cycle's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from xmsyncd.transform import variables
from xmsyncd.transform.expressions.casts import to_time
from xmsyncd.transform.expressions.closures import Argument, Build, Evaluate, closure_of, strict
from xmsyncd.transform.expressions.counts_as import MomentText, Number, written
from xmsyncd.transform.expressions.function import Function
from xmsyncd.transform.expressions.moments import (
    Moment,
    Span,
    Unit,
    from_seconds,
    is_time,
    later,
    moment_of,
    month_end,
    shifted,
    time_of,
    time_text,
    to_seconds,
    whole_units_between,
)
from xmsyncd.transform.expressions.time_formats import formatter, parser
from xmsyncd.transform.references import TemplateError
from xmsyncd.transform.tables import Tables
from xmsyncd.transform.value_types import EvaluationError

_read_clock: Final = variables.reader_of(variables.CURRENT_TIME)


def _now(_arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    return lambda lookup: from_seconds(_read_clock(lookup)).text()


def _today(_arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    return lambda lookup: Moment(from_seconds(_read_clock(lookup)).at, False).text()


def _unix_timestamp(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    if not arguments:
        return lambda lookup: _read_clock(lookup)
    return closure_of(_seconds, [arguments[0].evaluate])


def _seconds(value: Any) -> Number:
    return to_seconds(moment_of(value))


def _moved(sign: int) -> Build:
    def move(value: Any, by: Any) -> MomentText:
        return later(value, by if isinstance(by, Span) else Span(by, Unit.DAY), sign)

    return strict(move)


def _time_added(sign: int) -> Callable[[Any, Any], MomentText]:
    def move(value: Any, by: Any) -> MomentText:
        length = sign * time_of(by)
        if is_time(value):
            return time_text(time_of(value) + length)
        return shifted(moment_of(value), length).text()

    return move


def _date_format(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    value, layout = arguments
    fixed = _fixed(layout, formatter)
    if fixed is not None:
        write = fixed
        return closure_of(lambda moment: write(moment_of(moment).at), [value.evaluate])
    return closure_of(
        lambda moment, text: formatter(written(text))(moment_of(moment).at), [value.evaluate, layout.evaluate]
    )


def _from_unixtime(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    if len(arguments) == 1:
        return closure_of(lambda seconds: from_seconds(seconds).text(), [arguments[0].evaluate])
    value, layout = arguments
    fixed = _fixed(layout, formatter)
    if fixed is not None:
        write = fixed
        return closure_of(lambda seconds: write(from_seconds(seconds).at), [value.evaluate])
    return closure_of(
        lambda seconds, text: formatter(written(text))(from_seconds(seconds).at),
        [value.evaluate, layout.evaluate],
    )


def _str_to_date(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    value, layout = arguments
    fixed = _fixed(layout, parser)
    if fixed is not None:
        read = fixed
        return closure_of(lambda text: read(written(text)), [value.evaluate])
    return closure_of(
        lambda text, given: parser(written(given))(written(text)), [value.evaluate, layout.evaluate]
    )


def _fixed(layout: Argument, made: Callable[[str], Any]) -> Any:
    """What is made of a fixed layout once, at load; ``None`` where it is a value of the item."""
    if not isinstance(layout.constant, str):
        return None
    try:
        return made(layout.constant)
    except EvaluationError as error:
        raise TemplateError(layout.position, "the layout of a date", error.expected) from None


def _difference(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    unit, start, end = arguments
    if unit.word not in set(Unit):
        raise TemplateError(unit.position, "a value", "a unit: one of " + ", ".join(Unit))
    counted = Unit(unit.word)
    return closure_of(
        lambda first, second: whole_units_between(counted, moment_of(first).at, moment_of(second).at),
        [start.evaluate, end.evaluate],
    )


def _part(function: Callable[[Moment], Any]) -> Build:
    return strict(lambda value: function(moment_of(value)))


def _quarter(moment: Moment) -> int:
    return (moment.at.month + 2) // 3


def _datediff(left: Any, right: Any) -> int:
    return (moment_of(left).at.date() - moment_of(right).at.date()).days


def _date(value: Any) -> MomentText:
    return Moment(moment_of(value).at, False).text()


def _last_day(value: Any) -> MomentText:
    return MomentText(month_end(moment_of(value).at.date()).isoformat())


_AT: Final = "2024-01-31 08:05:09"

TIME_FUNCTIONS: Final = (
    Function(
        "NOW",
        "NOW()",
        "The time of the cycle (CURRENT_TIME), which is sent and never a reason to send.",
        "本轮同步的时间（CURRENT_TIME）。会随字段发送，但不会因它而触发更新。",
        (("NOW()", '"2026-11-23 17:00:00"'),),
        0,
        0,
        _now,
        ("CURRENT_TIMESTAMP", "SYSDATE", "LOCALTIME", "LOCALTIMESTAMP"),
    ),
    Function(
        "CURDATE",
        "CURDATE()",
        "The day of the cycle.",
        "本轮同步的日期。",
        (("CURDATE()", '"2026-11-23"'),),
        0,
        0,
        _today,
        ("CURRENT_DATE",),
    ),
    Function(
        "DATE_FORMAT",
        "DATE_FORMAT(date, layout)",
        "A date as text: %Y %y %m %c %d %e %H %k %h %l %i %s %f %p %T %r %M %b %W %a %w %D %j %v %x %%.",
        "按格式写成文本：%Y %y %m %c %d %e %H %k %h %l %i %s %f %p %T %r %M %b %W %a %w %D %j %v %x %%。",
        ((f"DATE_FORMAT('{_AT}', '%Y/%c/%e %H:%i')", '"2024/1/31 08:05"'),),
        2,
        2,
        _date_format,
    ),
    Function(
        "STR_TO_DATE",
        "STR_TO_DATE(text, layout)",
        "Text of a layout as a date; NULL where it does not look so.",
        "按格式把文本读成日期；格式不符为 NULL。",
        (("STR_TO_DATE('31/1/2024', '%d/%m/%Y')", '"2024-01-31"'),),
        2,
        2,
        _str_to_date,
    ),
    Function(
        "FROM_UNIXTIME",
        "FROM_UNIXTIME(seconds, layout)",
        "Seconds since 1970 as a date and time of Beijing.",
        "把 1970 年以来的秒数写成北京时间。",
        (("FROM_UNIXTIME(1706659200)", '"2024-01-31 08:00:00"'),
         ("FROM_UNIXTIME(1706659200, '%Y%m%d')", '"20240131"')),
        1,
        2,
        _from_unixtime,
    ),
    Function(
        "UNIX_TIMESTAMP",
        "UNIX_TIMESTAMP(date)",
        "Seconds since 1970 of a date of Beijing; without a date, of the cycle.",
        "北京时间对应的 1970 年以来的秒数；不写参数则为本轮同步的时间。",
        (("UNIX_TIMESTAMP('2024-01-31 08:00:00') * 1000", "1706659200000"),),
        0,
        1,
        _unix_timestamp,
    ),
    Function(
        "DATE_ADD",
        "DATE_ADD(date, INTERVAL n unit)",
        "So much later; units MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR.",
        "往后推；单位 MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR。",
        (("DATE_ADD('2024-01-31', INTERVAL 1 MONTH)", '"2024-02-29"'),
         (f"'{_AT}' + INTERVAL 1 DAY", '"2024-02-01 08:05:09"')),
        2,
        2,
        _moved(1),
        ("ADDDATE",),
    ),
    Function(
        "DATE_SUB",
        "DATE_SUB(date, INTERVAL n unit)",
        "So much earlier. Or date - INTERVAL n unit.",
        "往前推。也可写 date - INTERVAL n 单位。",
        ((f"DATE_SUB('{_AT}', INTERVAL 30 MINUTE)", '"2024-01-31 07:35:09"'),),
        2,
        2,
        _moved(-1),
        ("SUBDATE",),
    ),
    Function(
        "ADDTIME",
        "ADDTIME(date or time, 'HH:MM:SS')",
        "So much later.",
        "加上一段时间。",
        ((f"ADDTIME('{_AT}', '01:00:00')", '"2024-01-31 09:05:09"'),),
        2,
        2,
        strict(_time_added(1)),
    ),
    Function(
        "SUBTIME",
        "SUBTIME(date or time, 'HH:MM:SS')",
        "So much earlier.",
        "减去一段时间。",
        (("SUBTIME('2024-01-01 00:00:00', '00:30:01')", '"2023-12-31 23:29:59"'),
         ("SUBTIME('{{LAST_SYNC_TIME|datetime}}', '00:30:01')", '"2026-11-23 15:59:59"')),
        2,
        2,
        strict(_time_added(-1)),
    ),
    Function(
        "LAST_DAY",
        "LAST_DAY(date)",
        "The last day of the month.",
        "当月最后一天。",
        (("LAST_DAY('2024-02-10')", '"2024-02-29"'),),
        1,
        1,
        strict(_last_day),
    ),
    Function(
        "DATE",
        "DATE(date)",
        "The date without the time of day.",
        "只取日期。",
        ((f"DATE('{_AT}')", '"2024-01-31"'),),
        1,
        1,
        strict(_date),
    ),
    Function(
        "TIME",
        "TIME(date)",
        "The time of day.",
        "只取时刻。",
        ((f"TIME('{_AT}')", '"08:05:09"'),),
        1,
        1,
        strict(to_time),
    ),
    Function(
        "DATEDIFF",
        "DATEDIFF(later, earlier)",
        "Days between two dates; the times of day do not count.",
        "两个日期相差的天数；不看时刻。",
        (("DATEDIFF('2024-03-01', '2024-02-28 23:59:59')", "2"),),
        2,
        2,
        strict(_datediff),
    ),
    Function(
        "TIMESTAMPDIFF",
        "TIMESTAMPDIFF(unit, earlier, later)",
        "Whole units between two times.",
        "两个时间之间的整单位数。",
        (("TIMESTAMPDIFF(MONTH, '2024-01-31', '2024-03-30')", "1"),),
        3,
        3,
        _difference,
    ),
    *(
        Function(name, f"{name}(date)", english, chinese, ((f"{name}('{_AT}')", shown),), 1, 1, _part(part))
        for name, english, chinese, shown, part in (
            ("YEAR", "The year.", "年。", "2024", lambda moment: moment.at.year),
            ("QUARTER", "The quarter, 1 to 4.", "季度，1 到 4。", "1", _quarter),
            ("MONTH", "The month.", "月。", "1", lambda moment: moment.at.month),
            ("DAY", "The day of the month.", "日。", "31", lambda moment: moment.at.day),
            ("HOUR", "The hour.", "时。", "8", lambda moment: moment.at.hour),
            ("MINUTE", "The minute.", "分。", "5", lambda moment: moment.at.minute),
            ("SECOND", "The second.", "秒。", "9", lambda moment: moment.at.second),
            ("WEEKDAY", "0 for Monday to 6 for Sunday.", "星期：0 为周一，6 为周日。", "2",
             lambda moment: moment.at.weekday()),
            ("DAYOFWEEK", "1 for Sunday to 7 for Saturday.", "星期：1 为周日，7 为周六。", "4",
             lambda moment: moment.at.isoweekday() % 7 + 1),
            ("DAYOFYEAR", "The day of the year.", "一年中的第几天。", "31",
             lambda moment: moment.at.timetuple().tm_yday),
        )
    ),
)  # fmt: skip
