"""What of a read waits on purpose, and what stands still when it does not come back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from xmsyncd.heartbeat import Heartbeats
from xmsyncd.okki.resources import PRODUCT, TOKEN_PATH

EMPTY = {"code": 0, "data": {"list": [], "count": 0}}
AT_ONCE = timedelta(0)
"""Whoever works and does not wait on purpose is standing still by this bound."""


async def test_waiting_for_a_pause_or_for_another_try_is_no_standstill_and_a_call_is(
    vendor, make_client, clock
):
    vendor.answers(TOKEN_PATH, {"access_token": "t1", "expires_in": 28800})
    vendor.answers(PRODUCT.path, {"status": 502, "body": "<html>"}, EMPTY)
    heartbeats = Heartbeats(clock.monotonic)
    asleep: list[int] = []
    calling: list[int] = []
    sleep = clock.sleep

    async def watched_sleep(seconds: float) -> None:
        asleep.append(len(heartbeats.standing_still(AT_ONCE)))
        await sleep(seconds)

    clock.sleep = watched_sleep
    client = make_client()
    send = client._transport.send

    async def watched_send(call):
        calling.append(len(heartbeats.standing_still(AT_ONCE)))
        return await send(call)

    client._transport.send = watched_send
    client._limiter.pause(timedelta(seconds=90))
    with heartbeats.watched("cycle of products"):
        await client.fetch_page(PRODUCT, {})
    assert len(asleep) >= 2  # the pause, and before the second try
    assert set(asleep) == {0}
    assert calling == [1, 1, 1]  # for the token and two pages


async def test_whoever_waits_for_a_call_of_others_does_not_stand_still_and_they_do(
    vendor, make_client, clock
):
    vendor.answers(TOKEN_PATH, {"access_token": "t1", "expires_in": 28800})
    vendor.answers(PRODUCT.path, EMPTY)
    heartbeats = Heartbeats(clock.monotonic)
    client = make_client()
    send, let_go, called = client._transport.send, asyncio.Event(), asyncio.Event()

    async def held_send(call):
        called.set()
        await let_go.wait()
        return await send(call)

    client._transport.send = held_send

    async def read(part: str) -> None:
        with heartbeats.watched(part):
            await client.fetch_page(PRODUCT, {})

    first = asyncio.create_task(read("cycle of one"))
    await called.wait()
    second = asyncio.create_task(read("cycle of another"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert [one.part for one in heartbeats.standing_still(AT_ONCE)] == ["cycle of one"]
    let_go.set()
    await asyncio.gather(first, second)
    assert vendor.count(PRODUCT.path) == 2
