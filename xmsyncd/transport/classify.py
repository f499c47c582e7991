"""From an answer to a family, by a table that each vendor keeps as data (steps 1 and 5).

The status alone decides nothing: one vendor throttles with 403 and the other reports failures inside 200.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import NamedTuple

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.reply import Fault, Reply


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a table; ``None`` matches anything.

    ``code`` is a shell pattern and ``text`` a regular expression searched in the message, both without
    regard to case. ``wait`` holds where the vendor told no time itself. ``source`` says how sure we are:
    ``doc`` (the vendor's page), ``code`` (seen in public clients), ``probe`` (tried), ``inf`` (inferred).
    """

    family: Family
    status: int | range | None = None
    code: str | None = None
    text: str | None = None
    wait: timedelta | None = None
    stop: StopReason | None = None
    source: str = "inf"

    def __post_init__(self) -> None:
        if self.text is not None:
            re.compile(self.text)  # a broken expression shows when the table is loaded, not when it is needed
        if (self.family is Family.STOP) != (self.stop is not None):
            raise ValueError("a row names a stop reason if and only if its family is stop")

    def matches(self, status: int | None, code: str, message: str) -> bool:
        """Whether an answer falls under this row."""
        if self.status is not None:
            if status is None:
                return False
            wanted = self.status
            if status not in wanted if isinstance(wanted, range) else status != wanted:
                return False
        if self.code is not None and not fnmatchcase(code.casefold(), self.code.casefold()):
            return False
        return self.text is None or re.search(self.text, message, re.IGNORECASE) is not None


class VendorWords(NamedTuple):
    """What a vendor says in its own envelope, empty where it says nothing."""

    code: str = ""
    message: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means. ``rule`` is the row that decided, ``None`` for a fault or the default."""

    family: Family
    code: str = ""
    message: str = ""
    request_id: str = ""
    wait: timedelta | None = None
    stop_reason: StopReason | None = None
    rule: Rule | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether there was an answer and no row knew it, so that the default of its operation holds."""
        by_default = self.rule is None and self.family is not Family.DELIVERED
        return by_default and self.code not in tuple(Fault)


Judged = Callable[[str, Reply, Verdict], None]
"""Told the kind of call (a metric label), what came back and what it means, once for each call."""


def nobody_asks(endpoint: str, reply: Reply, verdict: Verdict) -> None:
    """What a client tells where nobody counts."""


def classify(
    reply: Reply,
    vendor: tuple[str, str, str],
    table: Sequence[Rule],
    default: Family,
) -> Verdict:
    """The first row that matches decides; nothing matches: ``default``, and ``rule`` is ``None``.

    A broken way is decided before the table: ``NOT_SENT`` stays that, ``LOST`` is ``UNDECIDED``.
    ``vendor`` is (code, message, request id), see :class:`VendorWords`. A time that the vendor told
    (``Retry-After``) wins over the row's.
    """
    # Half a surrogate pair fits into no database: a vendor may have cut its text within an emoji.
    code, message, request_id = (one.encode("utf-8", "backslashreplace").decode() for one in vendor)
    if reply.fault is not None:
        family = Family.NOT_SENT if reply.fault is Fault.NOT_SENT else Family.UNDECIDED
        return Verdict(family=family, code=reply.fault.value, message=reply.detail)
    for rule in table:
        if rule.matches(reply.status, code, message):
            return Verdict(
                family=rule.family,
                code=code,
                message=message,
                request_id=request_id,
                wait=reply.retry_after if reply.retry_after is not None else rule.wait,
                stop_reason=rule.stop,
                rule=rule,
            )
    return Verdict(family=default, code=code, message=message, request_id=request_id, wait=reply.retry_after)
