"""The functions of numbers (part of step 2)."""

from __future__ import annotations

from typing import Final

from xmsyncd.transform.expressions import arithmetic
from xmsyncd.transform.expressions.closures import strict
from xmsyncd.transform.expressions.function import Function

NUMBER_FUNCTIONS: Final = (
    Function(
        "ROUND",
        "ROUND(x, decimals)",
        "Rounds half away from zero, exactly; without decimals to a whole number.",
        "四舍五入（精确小数，远离零）；不写小数位数则取整。",
        (("ROUND(2.345, 2)", "2.35"), ("ROUND(-2.5)", "-3"), ("CONCAT(ROUND(7.5, 2))", '"7.50"')),
        1,
        2,
        strict(arithmetic.rounded),
    ),
    Function(
        "TRUNCATE",
        "TRUNCATE(x, decimals)",
        "Cuts off further decimals.",
        "截去多余的小数位，不进位。",
        (("TRUNCATE(2.349, 2)", "2.34"),),
        2,
        2,
        strict(arithmetic.truncated),
    ),
    Function(
        "CEIL",
        "CEIL(x)",
        "The next whole number upwards.",
        "向上取整。",
        (("CEIL(1.2)", "2"),),
        1,
        1,
        strict(arithmetic.ceiling),
        ("CEILING",),
    ),
    Function(
        "FLOOR",
        "FLOOR(x)",
        "The next whole number downwards.",
        "向下取整。",
        (("FLOOR(-1.2)", "-2"),),
        1,
        1,
        strict(arithmetic.floor),
    ),
    Function(
        "ABS",
        "ABS(x)",
        "The number without its sign.",
        "绝对值。",
        (("ABS(-1.5)", "1.5"),),
        1,
        1,
        strict(arithmetic.absolute),
    ),
    Function(
        "SIGN",
        "SIGN(x)",
        "-1, 0 or 1.",
        "符号：-1、0 或 1。",
        (("SIGN(-3)", "-1"),),
        1,
        1,
        strict(arithmetic.sign),
    ),
    Function(
        "MOD",
        "MOD(x, y)",
        "The remainder of x / y, with the sign of x; as x % y and x MOD y.",
        "x 除以 y 的余数，符号同 x；等同 x % y、x MOD y。",
        (("MOD(-7, 3)", "-1"), ("MOD(7, 0)", '""')),
        2,
        2,
        strict(arithmetic.remainder),
    ),
    Function(
        "POWER",
        "POWER(x, y)",
        "x to the power of y; at most 65 digits.",
        "x 的 y 次方；最多 65 位数字。",
        (("POWER(2, 10)", "1024"),),
        2,
        2,
        strict(arithmetic.power),
        ("POW",),
    ),
    Function(
        "SQRT",
        "SQRT(x)",
        "The square root.",
        "平方根。",
        (("SQRT(9)", "3"),),
        1,
        1,
        strict(arithmetic.square_root),
    ),
)
