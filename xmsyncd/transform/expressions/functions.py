"""All functions of an expression by name: the allow-list (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from xmsyncd.transform.expressions.choice_functions import CHOICE_FUNCTIONS
from xmsyncd.transform.expressions.function import Function
from xmsyncd.transform.expressions.list_functions import LIST_FUNCTIONS
from xmsyncd.transform.expressions.number_functions import NUMBER_FUNCTIONS
from xmsyncd.transform.expressions.text_functions import TEXT_FUNCTIONS
from xmsyncd.transform.expressions.time_functions import TIME_FUNCTIONS

__all__ = ["ALIASES", "FUNCTIONS", "Function"]


def _with_aliases(function: Function) -> Function:
    """Told where the function is told."""
    if not function.aliases:
        return function
    english = f"{function.english} Also {', '.join(function.aliases)}."
    return replace(
        function, english=english, chinese=f"{function.chinese}也可写 {'、'.join(function.aliases)}。"
    )


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        function.name: _with_aliases(function)
        for function in (
            *CHOICE_FUNCTIONS,
            *TEXT_FUNCTIONS,
            *NUMBER_FUNCTIONS,
            *LIST_FUNCTIONS,
            *TIME_FUNCTIONS,
        )
    }
)
"""By name, in capitals, in the order of the documentation."""

ALIASES: Final[Mapping[str, Function]] = MappingProxyType(
    {alias: function for function in FUNCTIONS.values() for alias in function.aliases}
)
"""Other names that MySQL has for some of them."""
