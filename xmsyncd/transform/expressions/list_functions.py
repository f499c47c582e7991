"""The functions that make one value of a list, such as ``{details.qty}`` (part of step 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from xmsyncd.transform.expressions import arithmetic
from xmsyncd.transform.expressions.closures import strict
from xmsyncd.transform.expressions.comparison import elements, extreme
from xmsyncd.transform.expressions.counts_as import NullError, Number
from xmsyncd.transform.expressions.function import Function
from xmsyncd.transform.value_types import is_empty


def _present(value: Any) -> Sequence[Any]:
    """What counts: neither NULL nor empty."""
    return [element for element in elements([value]) if not is_empty(element)]


def _sum(value: Any) -> Number:
    present = _present(value)
    if not present:
        raise NullError
    total: Number = 0
    for element in present:
        total = arithmetic.add(total, element)
    return total


def _average(value: Any) -> Number:
    return arithmetic.divide(_sum(value), len(_present(value)))


def _count(value: Any) -> int:
    return len(_present(value))


def _extreme(wanted: int) -> Callable[[Any], Any]:
    def find(value: Any) -> Any:
        present = _present(value)
        if not present:
            raise NullError
        return extreme(present, wanted)

    return find


LIST_FUNCTIONS: Final = (
    Function(
        "SUM",
        "SUM({list.name})",
        "The sum of a list; empty elements do not count. NULL of none.",
        "列表之和；空元素不计。没有元素为 NULL。",
        (("SUM({details.qty})", "5"), ("SUM({{details.price}})", "4.5")),
        1,
        1,
        strict(_sum),
    ),
    Function(
        "AVG",
        "AVG({list.name})",
        "The average of a list; empty elements do not count.",
        "列表平均值；空元素不计。",
        (("AVG({details.qty})", "2.5"),),
        1,
        1,
        strict(_average),
    ),
    Function(
        "COUNT",
        "COUNT({list})",
        "How many elements of a list are not empty.",
        "列表中非空元素的个数。",
        (("COUNT({details})", "2"), ("COUNT({missing})", "0")),
        1,
        1,
        strict(_count),
    ),
    Function(
        "MIN",
        "MIN({list.name})",
        "The least element: as numbers if all are, else as text. NULL of none.",
        "最小元素：全为数字按数字比，否则按文本比。没有元素为 NULL。",
        (("MIN({details.price})", "1.5"),),
        1,
        1,
        strict(_extreme(-1)),
    ),
    Function(
        "MAX",
        "MAX({list.name})",
        "The greatest element: as numbers if all are, else as text. NULL of none.",
        "最大元素：全为数字按数字比，否则按文本比。没有元素为 NULL。",
        (("MAX({details.qty})", "3"),),
        1,
        1,
        strict(_extreme(1)),
    ),
)
