"""The console offers few operations, takes few params, and says what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from xmsyncd.console.acting import ACTIONS, act
from xmsyncd.console.words import WORDS
from xmsyncd.operations.table import OPERATIONS


class Desk:
    def __init__(self, told: Any = None) -> None:
        self.told = told
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def ask(self, operation: str, params: Mapping[str, Any]) -> Any:
        self.asked.append((operation, params))
        return self.told


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"operation": "ledger.backup", "params": {"file": "/etc/passwd"}},
        {"operation": ["failures.retry"], "params": {}},
        {"operation": "failures.retry"},
        {"operation": "failures.retry", "params": {"key": "A"}},
        {"operation": "failures.retry", "params": {"pipeline": "products", "all": True}},
        {"operation": "failures.retry", "params": {"pipeline": "products", "resend": True}},
        {"operation": "failures.retry", "params": {"pipeline": "products", "key": "A", "by": "cli"}},
        {"operation": "failures.retry", "params": {"pipeline": "products", "key": 7}},
        {"operation": "approve.decide", "params": {"pipeline": "products", "keys": "A"}},
        {"operation": "approve.decide", "params": {"pipeline": "products", "limit": "all"}},
        {"operation": "approve.decide", "params": {"pipeline": "products", "as_of": 7}},
    ],
)
async def test_nothing_else_is_asked_for(body):
    desk = Desk()
    with pytest.raises(ValueError, match="no "):
        await act(desk.ask, body, WORDS["en"])
    assert desk.asked == []


def test_everything_offered_is_an_operation():
    assert {*ACTIONS} <= OPERATIONS.keys()


@pytest.mark.parametrize(
    ("operation", "told", "said"),
    [
        (
            "failures.retry",
            {"total": 2, "counts": {"pending": 2}, "records": [], "error": None},
            "Done, 2: pending 2",
        ),
        (
            "failures.retry",
            {"total": 0, "counts": {}, "records": [], "error": None},
            "Nothing was left to do.",
        ),
        (
            "failures.accept",
            {"total": 1, "counts": {"parked": 1}, "records": [{"note": "no use"}], "error": None},
            "Done, 1: parked 1 (no use)",
        ),
        (
            "failures.retry",
            {"total": 1, "counts": {"rejected": 1}, "records": [], "error": {"message": "OKKI is away"}},
            "Not all of it could be done: OKKI is away",
        ),
        ("approve.decide", {"total": 3, "counts": {"pending": 3}, "left": 0}, "Done, 3: pending 3"),
        ("pipeline.run", {"paused": True, "stop": {"detail": "x"}}, "A cycle begins."),
        ("pipeline.pause", {"paused": True, "stop": {"detail": "x"}}, "Paused: nothing is sent any more."),
        (
            "pipeline.pause",
            {"paused": False, "stop": {"detail": "an old copy"}},
            "It stands still for something else: an old copy",
        ),
        ("pipeline.resume", {"paused": False, "stop": None}, "It goes on."),
    ],
)
async def test_what_came_of_it_is_a_sentence(operation, told, said):
    desk = Desk(told)
    body = {"operation": operation, "params": {"pipeline": "products"}}
    assert await act(desk.ask, body, WORDS["en"]) == said
    assert desk.asked == [(operation, {"pipeline": "products", "by": "console"})]
