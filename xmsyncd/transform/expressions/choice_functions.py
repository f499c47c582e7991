"""The functions that choose: conditions, NULL, the least, the greatest, look-up tables (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from xmsyncd.nearest import nearest
from xmsyncd.transform.expressions.closures import Argument, Evaluate, strict
from xmsyncd.transform.expressions.comparison import equal, extreme
from xmsyncd.transform.expressions.counts_as import NullError, handed_over, truth_of, written
from xmsyncd.transform.expressions.function import Function
from xmsyncd.transform.references import TemplateError
from xmsyncd.transform.tables import Tables
from xmsyncd.transform.value_types import shortened


def _if(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    condition, then, otherwise = (argument.evaluate for argument in arguments)
    return lambda lookup: then(lookup) if truth_of(condition(lookup)) else otherwise(lookup)


def _coalesce(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    operands = tuple(argument.evaluate for argument in arguments)

    def evaluate(lookup: Mapping[str, Any]) -> Any:
        for operand in operands:
            value = operand(lookup)
            if not is_null(value):
                return value
        return None

    return evaluate


def _is_null(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    operand = arguments[0].evaluate
    return lambda lookup: int(is_null(operand(lookup)))


def is_null(value: Any) -> bool:
    """Nothing at all; OKKI also writes ``[]`` where it means that (inferred)."""
    return value is None or (isinstance(value, (list, tuple, Mapping)) and not value)


def _nullif(left: Any, right: Any) -> Any:
    try:
        return None if equal(left, right) else left
    except NullError:
        return left


def _greatest(*values: Any) -> Any:
    return extreme([_known(value) for value in values], 1)


def _least(*values: Any) -> Any:
    return extreme([_known(value) for value in values], -1)


def _known(value: Any) -> Any:
    if value is None:
        raise NullError
    return value


def _field(wanted: Any, *values: Any) -> int:
    for place, value in enumerate(values, 1):
        try:
            if equal(wanted, value):
                return place
        except NullError:
            continue
    return 0


def _elt(arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    number, *values = (argument.evaluate for argument in arguments)

    def evaluate(lookup: Mapping[str, Any]) -> Any:
        place = number(lookup)
        try:
            for at, value in enumerate(values, 1):
                if not is_null(place) and equal(place, at):
                    return value(lookup)
        except NullError:  # a place of blanks
            return None
        return None

    return evaluate


def _lookup(arguments: Sequence[Argument], tables: Tables) -> Evaluate:
    name, operand = arguments
    if not isinstance(name.constant, str):
        raise TemplateError(name.position, "a value", "the name of a look-up table as text, as in 'units'")
    table = tables.get(name.constant)
    if table is None:
        expected = "a look-up table of this configuration" + nearest(name.constant, tables)
        raise TemplateError(name.position, f"the look-up table {shortened(name.constant)}", expected)
    evaluate = operand.evaluate

    def found(lookup: Mapping[str, Any]) -> Any:
        value = evaluate(lookup)
        return table.find(written(value) if isinstance(value, Decimal) else handed_over(value))

    return found


def _by_syntax(_arguments: Sequence[Argument], _tables: Tables) -> Evaluate:
    raise AssertionError("compiled from its own syntax")


CHOICE_FUNCTIONS: Final = (
    Function(
        "IF",
        "IF(condition, x, y)",
        "x where the condition holds, else y.",
        "条件成立取 x，否则取 y。",
        (("IF({qty} > 100, 'bulk', 'retail')", '"bulk"'), ("IF(NULL, 1, 2)", "2")),
        3,
        3,
        _if,
    ),
    Function(
        "IFNULL",
        "IFNULL(x, y)",
        "x, or y where x is NULL: where the item has no such field.",
        "x；若 x 为 NULL（数据里没有该字段）则取 y。",
        (("IFNULL({missing}, '-')", '"-"'), ("IFNULL({name}, '-')", '"六角螺栓"')),
        2,
        2,
        _coalesce,
    ),
    Function(
        "COALESCE",
        "COALESCE(x, y, …)",
        "The first that is not NULL.",
        "第一个不为 NULL 的值。",
        (("COALESCE({missing}, NULL, {name})", '"六角螺栓"'),),
        1,
        None,
        _coalesce,
    ),
    Function(
        "NULLIF",
        "NULLIF(x, y)",
        "NULL where x equals y, else x.",
        "x 等于 y 时为 NULL，否则为 x。",
        (("IFNULL(NULLIF({remark}, ''), 'none')", '"none"'),),
        2,
        2,
        strict(_nullif),
    ),
    Function(
        "ISNULL",
        "ISNULL(x)",
        "1 where x is NULL, else 0; as x IS NULL.",
        "x 为 NULL 时为 1，否则为 0；等同 x IS NULL。",
        (("ISNULL({missing})", "1"),),
        1,
        1,
        _is_null,
    ),
    Function(
        "GREATEST",
        "GREATEST(x, y, …)",
        "The greatest: as numbers if all are, else as text. NULL if one is NULL.",
        "最大值：全为数字按数字比，否则按文本比；有一个为 NULL 则为 NULL。",
        (("GREATEST(2, 10, '9.5')", "10"),),
        2,
        None,
        strict(_greatest),
    ),
    Function(
        "LEAST",
        "LEAST(x, y, …)",
        "The least: as numbers if all are, else as text. NULL if one is NULL.",
        "最小值：全为数字按数字比，否则按文本比；有一个为 NULL 则为 NULL。",
        (("LEAST(2, 10, '9.5')", "2"),),
        2,
        None,
        strict(_least),
    ),
    Function(
        "FIELD",
        "FIELD(x, y1, y2, …)",
        "The place of x among the others, 0 if it is none of them.",
        "x 在后面各值中的序号，没有则为 0。",
        (("FIELD({unit}, 'KG', 'PCS')", "2"),),
        2,
        None,
        strict(_field),
    ),
    Function(
        "ELT",
        "ELT(n, x1, x2, …)",
        "The n-th of the others; NULL if there is none.",
        "后面各值中的第 n 个；没有则为 NULL。",
        (("ELT({product_type}, '无规格', '多规格', '组合')", '"多规格"'),),
        2,
        None,
        _elt,
    ),
    Function(
        "CAST",
        "CAST(x AS type), CONVERT(x, type)",
        "As CHAR, CHAR(n), SIGNED, UNSIGNED, DECIMAL(digits, decimals), DATE, DATETIME or TIME.",
        "转换为 CHAR、CHAR(n)、SIGNED、UNSIGNED、DECIMAL(位数, 小数位)、DATE、DATETIME 或 TIME。",
        (
            ("CONCAT(CAST(7 AS DECIMAL(10, 2)))", '"7.00"'),
            ("CAST('2024-01-31 08:05' AS DATE)", '"2024-01-31"'),
            ("CONVERT('7.5', SIGNED)", "8"),
        ),
        1,
        1,
        _by_syntax,
    ),
    Function(
        "LOOKUP",
        "LOOKUP('table', x)",
        "The entry for x in a look-up table of the configuration; no function of MySQL.",
        "在配置的对照表中查 x；不是 MySQL 函数。",
        (("LOOKUP('units', {unit})", '"件"'),),
        2,
        2,
        _lookup,
    ),
)
