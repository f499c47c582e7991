"""A Yida client and writer whose HTTP is answered by aioresponses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import aiohttp
import pytest
from aioresponses import aioresponses

from tests.shapes import shapes_of_ids
from tests.unit.yida.doubles import (
    APP_SECRET,
    BASE,
    KEY,
    NAME,
    REMARK,
    SYSTEM_TOKEN,
    ManualClock,
    SilentObserver,
    Tally,
    Yida,
    limiters,
)
from xmsyncd.settings import DingtalkSettings, TargetSettings
from xmsyncd.transport.session import Transport, open_session
from xmsyncd.yida.client import YidaClient
from xmsyncd.yida.writers import ProcessWriter


@pytest.fixture
def target() -> TargetSettings:
    return TargetSettings(
        app_type="APP_1",
        system_token=SYSTEM_TOKEN,
        user_id="user-1",
        form_uuid="FORM-1",
        process_code="TPROC--1",
        key=KEY,
    )


@pytest.fixture
def http() -> Iterator[aioresponses]:
    with aioresponses() as mocked:
        yield mocked


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


@pytest.fixture
async def yida(http: aioresponses, session: aiohttp.ClientSession, target: TargetSettings) -> Yida:
    clock = ManualClock()
    settings = DingtalkSettings(base_url=BASE, app_key="key-1", app_secret=APP_SECRET)
    transport = Transport(
        session,
        base_url=settings.base_url,
        connection="main",
        api="yida",
        total=timedelta(seconds=30),
        connect=settings.connect_timeout,
        clock=clock,
        observer=SilentObserver(),
    )
    client = YidaClient(settings, name="main", transport=transport, limiters=limiters(clock), clock=clock)
    permits: list[str] = []
    metered: list[str] = []
    meter = Tally(metered)

    async def permit_for(api: str) -> None:
        permits.append(api)

    writer = ProcessWriter(client, target, shapes_of_ids((NAME, KEY, REMARK)), permit_for, meter=meter)
    return Yida(http, clock, client, target, writer, permits, metered, meter)
