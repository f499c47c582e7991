"""What many open pages ask for costs the ledger one answer, and an action is seen at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.virtual_time import VirtualClock, VirtualLoop, run_virtual
from xmsyncd.console.kept import Kept


class Asked:
    """Answers after ``seconds`` with how often it was asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.params: list[dict[str, Any]] = []

    async def __call__(self, operation: str, params: Mapping[str, Any]) -> Any:
        self.params.append(dict(params))
        number = len(self.params)
        await asyncio.sleep(self.seconds)
        return number


def test_everybody_who_asks_for_the_same_gets_one_answer_until_it_is_old():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> None:
        asked = Asked(0.01)
        kept = Kept(asked, "failures.list", 1.0)
        assert await asyncio.gather(*(kept.get(reason="required") for _ in range(20))) == [1] * 20
        assert await kept.get(reason="range") == 2
        loop.stall(1.1)
        assert await kept.get(reason="required") == 3
        assert asked.params == [{"reason": "required"}, {"reason": "range"}, {"reason": "required"}]

    run_virtual(main)


def test_what_is_slow_to_answer_is_asked_for_less_often_but_never_forgotten_about():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> None:
        asked = Asked(2.0)
        kept = Kept(asked, "failures.list", 1.0)
        await kept.get()
        loop.stall(17.0)
        assert await kept.get() == 1
        loop.stall(2.0)
        assert await kept.get() == 2
        asked.seconds = 9.0
        loop.stall(19.0)
        assert await kept.get() == 3
        loop.stall(30.1)
        assert await kept.get() == 4

    run_virtual(main)


def test_an_answer_that_was_asked_for_before_a_change_is_not_kept_after_it():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> None:
        asked = Asked(0.1)
        kept = Kept(asked, "status", 5.0)
        early = asyncio.ensure_future(kept.get())
        await asyncio.sleep(0.05)
        kept.forget()
        assert await early == 1
        assert await kept.get() == 2

    run_virtual(main)


def test_only_so_many_different_answers_are_kept():
    async def main(loop: VirtualLoop, clock: VirtualClock) -> None:
        asked = Asked()
        kept = Kept(asked, "failures.list", 1000.0)
        for number in range(40):
            await kept.get(reason=str(number))
        assert await kept.get(reason="39") == 40
        assert await kept.get(reason="0") == 41

    run_virtual(main)
