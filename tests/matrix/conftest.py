"""What all tests of the matrix share: nothing is said to nobody, and the vendors' waits are short."""

from __future__ import annotations

import dataclasses
import io

import pytest

from xmsyncd.observe.logs import configure_logging
from xmsyncd.transport.classify import Rule
from xmsyncd.yida import auth, client, codes, push_back


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Thousands of calls would else be said at DEBUG, to nobody."""
    configure_logging("error", "json", io.StringIO(), ())


@pytest.fixture(autouse=True)
def _waits_in_hundredths(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the vendor's limits and busy forms ask for, a second to five minutes, a hundred times faster."""

    def scaled(rule: Rule) -> Rule:
        return rule if rule.wait is None else dataclasses.replace(rule, wait=rule.wait / 100)

    tables = {table: tuple(scaled(rule) for rule in rows) for table, rows in codes.TABLES.items()}
    for module in (client, auth):
        monkeypatch.setattr(module, "TABLES", tables)
    for name in ("SECOND", "IP_BLOCK"):
        monkeypatch.setattr(push_back, name, getattr(codes, name) / 100)
    monkeypatch.setattr(auth, "HOLD_SECONDS", auth.HOLD_SECONDS / 10)
