"""All operators of an expression: what the scanner lets pass, and the documentation (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Operator:
    """Operators that are told together, by the symbols and words that they are written with.

    ``examples`` are expressions and what they come to, as JSON.
    """

    usage: str
    english: str
    chinese: str
    examples: tuple[tuple[str, str], ...]
    written: tuple[str, ...]


_ALL: Final = (
    Operator(
        "x + y, x - y, x * y, -x",
        "Exact arithmetic; + never joins texts (CONCAT does). NULL beside a number is NULL.",
        "精确的算术运算；+ 不连接文本（请用 CONCAT）。任何一边为 NULL 则结果为 NULL。",
        (("{qty} - 1", "119"), ("0.1 + 0.2", "0.3"), ("{cost} * {weight}", "25"), ("-{qty}", "-120")),
        ("+", "-", "*"),
    ),
    Operator(
        "x / y",
        "A quotient with decimals; by 0 it is NULL.",
        "带小数的除法；除以 0 得 NULL。",
        (("7 / 2", "3.5"), ("7 / 0", '""')),
        ("/",),
    ),
    Operator(
        "x DIV y",
        "The quotient without its decimals.",
        "整除，舍去小数。",
        (("7 DIV 2", "3"),),
        ("DIV",),
    ),
    Operator(
        "x % y, x MOD y",
        "The remainder, with the sign of x.",
        "取余，符号与 x 相同。",
        (("7 % 4", "3"), ("-7 MOD 4", "-3")),
        ("%", "MOD"),
    ),
    Operator(
        "x = y",
        "1 if equal, 0 if not, NULL if one of them is NULL. Text beside a number counts as a number; two "
        "texts do not tell upper from lower case.",
        "相等为 1，不等为 0，有一边为 NULL 则为 NULL。文本与数字比较时按数字；两个文本比较不分大小写。",
        (("{cost} = 200", "1"), ("'a' = 'A'", "1"), ("{missing} = 1", '""')),
        ("=",),
    ),
    Operator(
        "x <> y, x != y",
        "The contrary of =.",
        "与 = 相反。",
        (("{unit} <> 'KG'", "1"), ("{qty} != 120", "0")),
        ("<>", "!="),
    ),
    Operator(
        "x <=> y",
        "As =, but NULL equals NULL, and the result is never NULL.",
        "同 =，但 NULL 与 NULL 相等，结果不会是 NULL。",
        (("{missing} <=> NULL", "1"), ("{cost} <=> NULL", "0")),
        ("<=>",),
    ),
    Operator(
        "x < y, x <= y, x > y, x >= y",
        "Less, at most, more, at least: numbers as numbers, times as times, else text.",
        "小于、小于等于、大于、大于等于：数字按数字，时间按时间，其余按文本。",
        (("{cost} >= 199.5", "1"), ("{update_time} < NOW()", "1")),
        ("<", "<=", ">", ">="),
    ),
    Operator(
        "x BETWEEN y AND z, x NOT BETWEEN y AND z",
        "Whether x lies between them, both ends included.",
        "是否在两者之间，含两端。",
        (("{cost} BETWEEN 100 AND 200", "1"), ("{qty} NOT BETWEEN 1 AND 9", "1")),
        ("BETWEEN", "AND", "NOT"),
    ),
    Operator(
        "x IN (y, z), x NOT IN (y, z)",
        "Whether x equals one of them; a list among them stands for its elements.",
        "是否等于其中之一；其中的列表代表它的各项。",
        (
            ("{unit} IN ('KG', 'PCS')", "1"),
            ("12 IN ({category_ids})", "1"),
            ("{product_type} NOT IN (1, 2)", "0"),
        ),
        ("IN", "NOT"),
    ),
    Operator(
        "x LIKE 'pattern', x NOT LIKE 'pattern'",
        "% stands for any text, _ for one character; upper and lower case are the same. \\% and \\_ are "
        "those marks.",
        "% 代表任意文本，_ 代表一个字符，不分大小写；\\% 和 \\_ 表示这两个字符本身。",
        (
            ("{name} LIKE '%螺栓'", "1"),
            ("{product_no} LIKE 'a-___'", "1"),
            ("{product_no} NOT LIKE 'A%'", "0"),
        ),
        ("LIKE", "NOT"),
    ),
    Operator(
        "x IS NULL, x IS NOT NULL",
        "Whether nothing is known: the record lacks the field. An empty text is not NULL.",
        "是否没有值：记录中没有该字段。空文本不是 NULL。",
        (("{missing} IS NULL", "1"), ("{remark} IS NOT NULL", "1")),
        ("IS", "NULL", "NOT"),
    ),
    Operator(
        "x IS TRUE, x IS FALSE, x IS NOT TRUE",
        "Whether it counts as true or false; never NULL.",
        "是否为真或为假；结果不会是 NULL。",
        (("{qty} IS TRUE", "1"), ("{disable_flag} IS FALSE", "1"), ("{missing} IS NOT TRUE", "1")),
        ("IS", "TRUE", "FALSE", "NOT"),
    ),
    Operator(
        "x AND y, x OR y, NOT x",
        "Conditions put together; NOT binds more tightly than AND, AND more than OR.",
        "组合条件；NOT 优先于 AND，AND 优先于 OR。",
        (
            ("{qty} > 1 AND NOT {disable_flag}", "1"),
            ("{qty} > 999 OR {unit} = 'PCS'", "1"),
        ),
        ("AND", "OR", "NOT"),
    ),
    Operator(
        "CASE WHEN x THEN y ELSE z END, CASE x WHEN y THEN z END",
        "The result behind the first condition that holds, or the first value that equals x; without ELSE, "
        "NULL.",
        "第一个成立的条件，或第一个等于 x 的值之后的结果；没有 ELSE 时为 NULL。",
        (
            ("CASE WHEN {qty} > 100 THEN '多' ELSE '少' END", '"多"'),
            ("CASE {product_type} WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", '"b"'),
        ),
        ("CASE", "WHEN", "THEN", "ELSE", "END"),
    ),
)

OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType({one.usage: one for one in _ALL})
"""By how they are written, in the order of the documentation."""

SYMBOLS: Final = tuple(
    sorted(
        {sign for one in _ALL for sign in one.written if not sign.isalpha()},
        key=lambda sign: (-len(sign), sign),
    )
)
"""The longest first: ``<=>`` begins like ``<=``."""

WORDS: Final = frozenset(word for one in _ALL for word in one.written if word.isalpha())
