"""The functions of text (part of step 2). Places count from 1, as in MySQL; lengths are bounded."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from xmsyncd.transform.bounds import MAX_RESULT_LENGTH
from xmsyncd.transform.expressions.arithmetic import rounded
from xmsyncd.transform.expressions.closures import strict
from xmsyncd.transform.expressions.comparison import elements
from xmsyncd.transform.expressions.counts_as import NullError, bounded_text, whole_of, written
from xmsyncd.transform.expressions.function import Function
from xmsyncd.transform.value_types import EvaluationError

_TOO_LONG: Final = f"a text of at most {MAX_RESULT_LENGTH} characters"


def _concat(*values: Any) -> str:
    return bounded_text("".join([value if type(value) is str else written(value) for value in values]))


def _concat_ws(separator: Any, *values: Any) -> str:
    between = written(separator)
    present = [written(value) for value in elements(values) if value is not None]
    if len(between) * len(present) > MAX_RESULT_LENGTH:
        raise EvaluationError(_TOO_LONG)
    return bounded_text(between.join(present))


def _replace(value: Any, old: Any, new: Any) -> str:
    text, before, after = written(value), written(old), written(new)
    if not before:
        return text
    if len(text) + text.count(before) * (len(after) - len(before)) > max(MAX_RESULT_LENGTH, len(text)):
        raise EvaluationError(_TOO_LONG)
    return text.replace(before, after)


def _left(value: Any, length: Any) -> str:
    return written(value)[: max(0, whole_of(length))]


def _right(value: Any, length: Any) -> str:
    text, wanted = written(value), whole_of(length)
    return text[-wanted:] if wanted > 0 else ""


def _substring(value: Any, start: Any, length: Any = MAX_RESULT_LENGTH) -> str:
    text, first, wanted = written(value), whole_of(start), whole_of(length)
    begin = first - 1 if first > 0 else len(text) + first
    if first == 0 or begin < 0 or wanted < 1:
        return ""
    return text[begin : begin + wanted]


def _substring_index(value: Any, delimiter: Any, count: Any) -> str:
    text, between, wanted = written(value), written(delimiter), whole_of(count)
    if not between or not wanted:
        return ""
    parts = text.split(between)
    return between.join(parts[:wanted] if wanted > 0 else parts[wanted:])


def _locate(wanted: Any, value: Any, start: Any = 1) -> int:
    first = whole_of(start)
    if first < 1:
        return 0
    return written(value).lower().find(written(wanted).lower(), first - 1) + 1


def _instr(value: Any, wanted: Any) -> int:
    return _locate(wanted, value)


def _find_in_set(wanted: Any, value: Any) -> int:
    text, known = written(wanted).casefold(), written(value)
    for place, element in enumerate(known.split(",") if known else [], 1):
        if element.casefold() == text:
            return place
    return 0


def _padded(value: Any, length: Any, filling: Any, *, at_left: bool) -> str:
    text, wanted, fill = written(value), whole_of(length), written(filling)
    if wanted < 0:
        raise NullError
    if wanted > MAX_RESULT_LENGTH:
        raise EvaluationError(_TOO_LONG)
    missing = wanted - len(text)
    if missing <= 0:
        return text[:wanted]
    if not fill:
        return ""
    padding = (fill * (missing // len(fill) + 1))[:missing]
    return padding + text if at_left else text + padding


def _lpad(value: Any, length: Any, filling: Any = " ") -> str:
    return _padded(value, length, filling, at_left=True)


def _rpad(value: Any, length: Any, filling: Any = " ") -> str:
    return _padded(value, length, filling, at_left=False)


def _repeat(value: Any, times: Any) -> str:
    text, wanted = written(value), max(0, whole_of(times))
    if len(text) * wanted > MAX_RESULT_LENGTH:
        raise EvaluationError(_TOO_LONG)
    return text * wanted if text else ""


def _format(value: Any, decimals: Any) -> str:
    places = max(0, min(whole_of(decimals), 30))
    return f"{Decimal(rounded(value, places)):,.{places}f}"


def _of_text(function: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: function(written(value))


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def trim(value: Any, removed: Any, position: str) -> str:
    """``TRIM(position removed FROM value)``; position is BOTH, LEADING or TRAILING."""
    text, piece = written(value), written(removed)
    if not piece:
        return text
    start, end = 0, len(text)
    if position != "TRAILING":
        while text.startswith(piece, start, end):
            start += len(piece)
    if position != "LEADING":
        while text.endswith(piece, start, end):
            end -= len(piece)
    return text[start:end]


TEXT_FUNCTIONS: Final = (
    Function(
        "CONCAT",
        "CONCAT(x, y, …)",
        "One text of all; NULL if one is NULL.",
        "连接成一个文本；有一个为 NULL 则为 NULL。",
        (("CONCAT({product_no}, '-', {unit})", '"A-001-PCS"'), ("CONCAT('a', NULL)", '""')),
        1,
        None,
        strict(_concat),
    ),
    Function(
        "CONCAT_WS",
        "CONCAT_WS(separator, x, y, …)",
        "One text of all that are not NULL, with the separator between; a list stands for its elements.",
        "用分隔符连接所有不为 NULL 的值；列表按元素展开。",
        (
            ("CONCAT_WS('/', {name}, {missing}, {unit})", '"六角螺栓/PCS"'),
            ("CONCAT_WS(',', {details.qty})", '"2,3"'),
        ),
        2,
        None,
        strict(_concat_ws),
    ),
    Function(
        "REPLACE",
        "REPLACE(x, old, new)",
        "Each old in x becomes new; upper and lower case differ.",
        "把 x 中的 old 全部替换为 new；区分大小写。",
        (("REPLACE({product_no}, '-', '')", '"A001"'),),
        3,
        3,
        strict(_replace),
    ),
    Function(
        "LEFT",
        "LEFT(x, n)",
        "The first n characters.",
        "左边 n 个字符。",
        (("LEFT('不锈钢螺栓', 3)", '"不锈钢"'),),
        2,
        2,
        strict(_left),
    ),
    Function(
        "RIGHT",
        "RIGHT(x, n)",
        "The last n characters.",
        "右边 n 个字符。",
        (("RIGHT({product_no}, 3)", '"001"'),),
        2,
        2,
        strict(_right),
    ),
    Function(
        "SUBSTRING",
        "SUBSTRING(x, place, length)",
        "The characters from a place on, at most so many; a negative place counts from the end.",
        "从某位置起的字符，可限长度；负数从末尾数起。",
        (("SUBSTRING('abcdef', 2, 3)", '"bcd"'), ("SUBSTRING('abcdef', -2)", '"ef"')),
        2,
        3,
        strict(_substring),
        ("SUBSTR", "MID"),
    ),
    Function(
        "SUBSTRING_INDEX",
        "SUBSTRING_INDEX(x, delimiter, n)",
        "What stands before the n-th delimiter; a negative n counts from the end.",
        "第 n 个分隔符之前的部分；负数从末尾数起取其后。",
        (("SUBSTRING_INDEX('a/b/c', '/', 2)", '"a/b"'), ("SUBSTRING_INDEX('a/b/c', '/', -1)", '"c"')),
        3,
        3,
        strict(_substring_index),
    ),
    Function(
        "LOCATE",
        "LOCATE(wanted, x, place)",
        "The place of a text in x, 0 if it is not in it; case does not matter.",
        "文本在 x 中的位置，没有则为 0；不区分大小写。",
        (("LOCATE('-', {product_no})", "2"), ("LOCATE('b', 'abcb', 3)", "4")),
        2,
        3,
        strict(_locate),
    ),
    Function(
        "INSTR",
        "INSTR(x, wanted)",
        "As LOCATE, the other way round.",
        "同 LOCATE，参数顺序相反。",
        (("INSTR({product_no}, '-')", "2"),),
        2,
        2,
        strict(_instr),
    ),
    Function(
        "FIND_IN_SET",
        "FIND_IN_SET(x, list)",
        "The place of x in a text of elements with commas between, 0 if it is not there.",
        "x 在逗号分隔文本中的序号，没有则为 0。",
        (("FIND_IN_SET('b', 'a,b,c')", "2"),),
        2,
        2,
        strict(_find_in_set),
    ),
    Function(
        "UPPER",
        "UPPER(x)",
        "In capitals.",
        "转大写。",
        (("UPPER('abc')", '"ABC"'),),
        1,
        1,
        strict(_of_text(str.upper)),
        ("UCASE",),
    ),
    Function(
        "LOWER",
        "LOWER(x)",
        "In small letters.",
        "转小写。",
        (("LOWER('ABC')", '"abc"'),),
        1,
        1,
        strict(_of_text(str.lower)),
        ("LCASE",),
    ),
    Function(
        "TRIM",
        "TRIM(x), TRIM(LEADING '0' FROM x)",
        "Without the blanks at both ends, or without another text at both ends (BOTH), LEADING or TRAILING.",
        "去掉两端空格；也可去掉两端（BOTH）、开头（LEADING）或末尾（TRAILING）的指定文本。",
        (("TRIM('  a b ')", '"a b"'), ("TRIM(LEADING '0' FROM '007')", '"7"')),
        1,
        1,
        strict(_of_text(lambda text: text.strip(" "))),
    ),
    Function(
        "LTRIM",
        "LTRIM(x)",
        "Without the blanks at the beginning.",
        "去掉开头空格。",
        (("LTRIM('  a ')", '"a "'),),
        1,
        1,
        strict(_of_text(lambda text: text.lstrip(" "))),
    ),
    Function(
        "RTRIM",
        "RTRIM(x)",
        "Without the blanks at the end.",
        "去掉末尾空格。",
        (("RTRIM(' a  ')", '" a"'),),
        1,
        1,
        strict(_of_text(lambda text: text.rstrip(" "))),
    ),
    Function(
        "LPAD",
        "LPAD(x, length, filling)",
        "Filled at the left up to a length; what is longer is cut off.",
        "左侧补足到指定长度；超长则截断。",
        (("LPAD(7, 3, '0')", '"007"'),),
        2,
        3,
        strict(_lpad),
    ),
    Function(
        "RPAD",
        "RPAD(x, length, filling)",
        "Filled at the right up to a length; what is longer is cut off.",
        "右侧补足到指定长度；超长则截断。",
        (("RPAD('a', 3, '.')", '"a.."'),),
        2,
        3,
        strict(_rpad),
    ),
    Function(
        "LENGTH",
        "LENGTH(x)",
        "Bytes as UTF-8: three for most Chinese characters.",
        "UTF-8 字节数：多数汉字为 3。",
        (("LENGTH('螺栓')", "6"),),
        1,
        1,
        strict(_of_text(_bytes)),
    ),
    Function(
        "CHAR_LENGTH",
        "CHAR_LENGTH(x)",
        "Characters.",
        "字符数。",
        (("CHAR_LENGTH('螺栓')", "2"),),
        1,
        1,
        strict(_of_text(len)),
        ("CHARACTER_LENGTH",),
    ),
    Function(
        "REPEAT",
        "REPEAT(x, n)",
        "The text n times.",
        "重复 n 次。",
        (("REPEAT('ab', 2)", '"abab"'),),
        2,
        2,
        strict(_repeat),
    ),
    Function(
        "REVERSE",
        "REVERSE(x)",
        "Backwards.",
        "倒序。",
        (("REVERSE('abc')", '"cba"'),),
        1,
        1,
        strict(_of_text(lambda text: text[::-1])),
    ),
    Function(
        "FORMAT",
        "FORMAT(x, decimals)",
        "The number as text with so many decimals and commas between thousands.",
        "按指定小数位数、带千位逗号写成文本。",
        (("FORMAT(1234.5, 2)", '"1,234.50"'),),
        2,
        2,
        strict(_format),
    ),
)
