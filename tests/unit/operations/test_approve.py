"""What is held is shown with what it would change, and decided about in parts, by whom, and only once."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import NOW, draft_entry
from tests.unit.operations.doubles import Opened
from xmsyncd.errors import ConfigurationError
from xmsyncd.ledger.guard import GuardRules
from xmsyncd.operations.approve import guard_rules
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.operations.lines import json_of
from xmsyncd.operations.table import OPERATIONS, Result
from xmsyncd.records import Operation
from xmsyncd.settings import GuardSettings

ONE = GuardRules(updates=1)


def held_four(connection: sqlite3.Connection) -> None:
    """Five products delivered and edited: the first is let go, four are held."""
    sample.stage(connection, *(draft_entry(str(one), f"K{one}", "old") for one in range(5)))
    sample.deliver_all(connection)
    cycle = sample.begin_cycle(connection)
    edited = (draft_entry(str(one), f"K{one}", "new") for one in range(5))
    sample.stage(connection, *edited, cycle_id=cycle, guard=ONE)


async def ask(opened: Opened, name: str, **params: Any) -> Any:
    async for told in OPERATIONS[name](opened.runtime, params):
        if isinstance(told, Result):
            return json.loads(json_of(told.value))
    raise AssertionError("no result")


def test_a_zero_switches_a_limit_off():
    rules = guard_rules(GuardSettings.model_validate({"updates": "none", "share": 0}))
    assert (rules.updates, rules.share) == (None, None)
    rules = guard_rules(GuardSettings.model_validate({"updates": 7, "share": "12.5%", "within": "1d"}))
    assert rules == GuardRules(7, 0.125, 20, timedelta(days=1))


async def test_nothing_held_says_so(opened: Opened):
    shown = await ask(opened, "approve.show")
    assert shown["total"] == 0
    assert (await ask(opened, "approve.decide", all=True)) == {"total": 0, "counts": {}, "left": 0}


async def test_it_is_shown_with_what_it_would_change(opened: Opened):
    await opened.ledger.write(held_four)
    (shown,) = (await ask(opened, "approve.show"))["pipelines"]
    assert (shown["held"], shown["released"], shown["known"]) == (4, 1, 5)
    assert shown["components"] == [{"component": "textField_name", "label": "", "count": 4}]
    assert shown["sample"][0] == {
        "key": "K1",
        "source_id": "1",
        "decision": "held",
        "reason": "many_changes",
        "changes": [{"component": "textField_name", "old": "old", "new": "new", "label": ""}],
    }


async def test_one_some_and_the_rest(opened: Opened):
    await opened.ledger.write(held_four)
    opened.rung.clear()
    assert (await ask(opened, "approve.decide", keys=["K3"]))["counts"] == {"pending": 1}
    assert opened.rung.is_set(), "the deliveries are told"
    assert (await ask(opened, "approve.decide", limit=1)) == {"total": 1, "counts": {"pending": 1}, "left": 2}
    given_up = await ask(opened, "approve.decide", keys=["2", "K2"], discard=True, by="console")
    assert given_up == {"total": 1, "counts": {"discarded": 1}, "left": 1}
    assert (await ask(opened, "approve.decide", all=True))["left"] == 0
    sent = await opened.ledger.write(lambda db: sample.claim(db, Operation.UPDATE, now=opened.clock.now()))
    assert sorted(one.key for one in sent) == ["K0", "K1", "K3", "K4"]


async def test_what_came_after_the_look_waits_for_the_next(opened: Opened):
    await opened.ledger.write(held_four)
    as_of = (await ask(opened, "approve.show"))["as_of"]
    later = opened.clock.now() + timedelta(seconds=1)

    def edit(connection: sqlite3.Connection) -> None:
        entry = draft_entry("2", "K2", "newer", NOW)
        sample.stage(connection, entry, cycle_id=2, now=later, guard=ONE)

    await opened.ledger.write(edit)
    assert (await ask(opened, "approve.decide", all=True, as_of=as_of))["left"] == 1
    assert (await opened.ledger.read(sample.states))["2"] == "held"


async def test_nobody_approves_everything_by_mistake(opened: Opened):
    await opened.ledger.write(held_four)
    with pytest.raises(ConfigurationError, match="none named"):
        await ask(opened, "approve.decide")
    with pytest.raises(UnknownRecordError, match="'K9'"):
        await ask(opened, "approve.show", keys=["K9"])
