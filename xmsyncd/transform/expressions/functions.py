"""All functions of an expression by name: the allow-list (part of step 2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from xmsyncd.transform.expressions.choice_functions import CHOICE_FUNCTIONS
from xmsyncd.transform.expressions.function import Function
from xmsyncd.transform.expressions.list_functions import LIST_FUNCTIONS
from xmsyncd.transform.expressions.number_functions import NUMBER_FUNCTIONS
from xmsyncd.transform.expressions.text_functions import TEXT_FUNCTIONS
from xmsyncd.transform.expressions.time_functions import TIME_FUNCTIONS

__all__ = ["ALIASES", "FUNCTIONS", "Function"]

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        function.name: function
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
