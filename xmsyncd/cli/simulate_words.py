"""What is typed about a simulation (``--fault``, ``--option``), as the simulator takes it."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import orjson

from xmsyncd.nearest import nearest
from xmsyncd.settings import parse_duration
from xmsyncd.simulator.faults import Fault, FaultName, fault_from_mapping
from xmsyncd.simulator.options import SimulatorOptions, options_from_mapping

# Properties of a fault that are numbers; what is no number is left for the simulator to refuse.
_NUMBERS: Final = ("rate", "times", "after", "seconds", "status", "every", "amount")
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "yes": True, "on": True} | {
    "false": False,
    "no": False,
    "off": False,
}


class WrongWordsError(Exception):
    """What was typed cannot be used; ``sentences`` says why, one for each thing that is wrong."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__("; ".join(self.sentences))


def faults_from(texts: Iterable[str]) -> list[Fault]:
    """The faults of ``NAME[:key=value,…]``; raises :class:`WrongWordsError` for all that are wrong."""
    faults, wrong = [], []
    for text in texts:
        try:
            faults.append(_fault(text))
        except ValueError as error:
            wrong.append(f"--fault {text}: {error}")
    if wrong:
        raise WrongWordsError(wrong)
    return faults


def _fault(text: str) -> Fault:
    name, _, rest = text.partition(":")
    name = name.strip()
    if name not in list(FaultName):
        raise ValueError(
            f"no such fault: {name or 'no name'}{nearest(name, FaultName)}; "
            "`xmsyncd simulate --list-faults` shows all"
        )
    values: dict[str, Any] = {"name": name}
    for pair in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key:
            raise ValueError(f"found {pair!r}; expected key=value, for example rate=0.04")
        values[key] = _number(value) if key in _NUMBERS else value
    return fault_from_mapping(values)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def options_from(pairs: Iterable[str], named: Mapping[str, Any]) -> SimulatorOptions:
    """The options of ``name=value`` and of the command's own options (``None``: not given), which win.

    Raises :class:`WrongWordsError` for all that are wrong.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    hints = typing.get_type_hints(SimulatorOptions)
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not equals:
            wrong.append(f"--option {pair}: expected name=value, for example id_type=mixed")
        elif name not in hints:
            wrong.append(
                f"--option {pair}: no such option{nearest(name, hints)}; there are {', '.join(hints)}"
            )
        else:
            try:
                values[name] = _option(hints[name], text)
            except ValueError as error:
                wrong.append(f"--option {pair}: {error}")
    values |= {name: value for name, value in named.items() if value is not None}
    if not wrong:
        try:
            return options_from_mapping(values)
        except (TypeError, ValueError) as error:
            wrong = [str(error)]
    raise WrongWordsError(wrong)


def _option(kind: Any, text: str) -> Any:
    """A value as the simulator takes it from JSON; what fits no kind is left for the simulator to refuse."""
    if kind is timedelta:
        try:
            return parse_duration(text)
        except ValueError:
            raise ValueError(f"found {text!r}; expected a duration such as 200ms or 2s") from None
    if kind is bool:
        if text.lower() not in _TRUTHS:
            raise ValueError(f"found {text!r}; expected true or false")
        return _TRUTHS[text.lower()]
    if kind is str:
        return text
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if text not in list(kind):
            raise ValueError(f"found {text!r}; expected one of {', '.join(kind)}")
        return text
    if kind in (int, float):
        return _number_or_fault(text)
    if kind in (int | None, float | None):
        return None if text.lower() in ("", "none", "null") else _number_or_fault(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError('expected JSON, for example [{"field_id": "textField_a"}]') from None


def _number_or_fault(text: str) -> int | float:
    number = _number(text)
    if isinstance(number, str):
        raise ValueError(f"found {text!r}; expected a number")
    return number
