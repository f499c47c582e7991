"""What may be wrong with derived fields, said before anything is read (part of step 2)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from xmsyncd.errors import Fault, XmsyncdError
from xmsyncd.nearest import nearest
from xmsyncd.transform.custom_fields import FieldDictionary, UnknownFieldError
from xmsyncd.transform.derived import DERIVED_NAMES

if TYPE_CHECKING:
    from xmsyncd.transform.derivation_specs import CustomSpec, LookupSpec
    from xmsyncd.transform.tables import Tables

_NAME: Final = re.compile(r"[\w-]+")
_VARIABLE: Final = re.compile(r"LAST_SYNC_TIME|CURRENT_TIME|DAYS_AGO_.*|PAGINATION_.*", re.IGNORECASE)


class DeriveError(XmsyncdError):
    """One fault; ``path`` leads from ``derive`` to the setting."""

    def __init__(self, path: tuple[str, ...], found: str, expected: str) -> None:
        self.path = path
        self.found = found
        self.expected = expected
        super().__init__(f"{'.'.join(path)}: found {found}; expected {expected}")

    def fault(self, where: str) -> Fault:
        """The same as a fault of the configuration, ``where`` naming ``derive``."""
        return Fault(".".join([where, *self.path]), self.found, self.expected)


def name_faults(names: Iterable[str]) -> Iterator[DeriveError]:
    """Names that no template could say, or that mean something else already."""
    for name, times in Counter(names).items():
        if not _NAME.fullmatch(name):
            yield DeriveError((name,), f'the name "{name}"', "a name of letters, digits, _ and -")
        elif name in DERIVED_NAMES:
            expected = "another name: this one is there without being derived"
            yield DeriveError((name,), f'the name "{name}"', expected)
        elif _VARIABLE.fullmatch(name):
            expected = "another name: this is a variable of the template language"
            yield DeriveError((name,), f'the name "{name}"', expected)
        elif times > 1:
            yield DeriveError((name,), f'the name "{name}" again', "each name once")


def unknown_table(spec: LookupSpec, tables: Tables) -> DeriveError:
    """A table that nobody has made."""
    expected = "the name of one of the lookups" + _nearest(spec.table, tables)
    return DeriveError((spec.name, spec.setting), f'the unknown table "{spec.table}"', expected)


def unknown_custom(spec: CustomSpec, error: UnknownFieldError, fields: FieldDictionary) -> DeriveError:
    """A custom field that OKKI does not have, or has twice."""
    expected = error.expected + _nearest(spec.field, fields.names)
    return DeriveError((spec.name, "custom"), error.found, expected)


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    if not known:
        return " (there are none)"
    return nearest(name, known) or f": {', '.join(known[:8])}"
