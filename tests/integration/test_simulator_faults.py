"""Faults of the simulated vendors that a client meets as answers and as dead connections."""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
import pytest

from xmsyncd.simulator.counters import Vendor
from xmsyncd.simulator.server import Simulator


async def _token_of_yida(session: aiohttp.ClientSession, simulated: Simulator) -> tuple[int, Any]:
    body = {"appKey": "demo-app-key", "appSecret": "demo-app-secret"}
    async with session.post(f"{simulated.yida_url}/v1.0/oauth2/accessToken", json=body) as response:
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ({"name": "system_busy"}, 429, {"code": "systemBusy"}),
        ({"name": "stale_token", "variant": "legacy"}, 200, {"errcode": 88, "sub_code": "40014"}),
        ({"name": "coded", "code": "innerError", "status": 500}, 500, {"code": "innerError"}),
        ({"name": "wrong_type"}, 200, {"expireIn": 7200}),
    ],
)
async def test_answers_of_dingtalk(fault: dict[str, Any], status: int, part: dict[str, Any]) -> None:
    async with Simulator() as simulated, aiohttp.ClientSession() as session:
        simulated.faults.add(**fault, operation="token")
        found, body = await _token_of_yida(session, simulated)
        assert found == status
        assert {name: body[name] for name in part} == part


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ({"name": "okki_oauth"}, 400, {"error": "invalid_client"}),
        ({"name": "okki_oauth", "code": "server_error", "status": 500}, 500, {"error": "server_error"}),
        ({"name": "stale_token", "api": "okki", "variant": "in_200"}, 200, {"code": 401}),
    ],
)
async def test_answers_of_okki(fault: dict[str, Any], status: int, part: dict[str, Any]) -> None:
    async with Simulator() as simulated, aiohttp.ClientSession() as session:
        simulated.faults.add(**fault, operation="groups")
        async with session.get(f"{simulated.okki_url}/v1/product/groups") as response:
            body = await response.json()
            assert response.status == status
        assert {name: body[name] for name in part} == part


async def test_an_unplugged_vendor_refuses_connections_until_it_listens_again() -> None:
    async with Simulator() as simulated, aiohttp.ClientSession() as session:
        assert (await _token_of_yida(session, simulated))[0] == 200
        for _ in range(2):
            await simulated.unplug(Vendor.YIDA)
        with pytest.raises(aiohttp.ClientConnectionError):
            await _token_of_yida(session, simulated)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):  # nobody else gets its port meanwhile
                other.bind(("127.0.0.1", int(simulated.yida_url.rpartition(":")[2])))
        async with session.post(f"{simulated.control_url}/plug", json={"vendor": "yida"}) as response:
            assert response.status == 200
        assert (await _token_of_yida(session, simulated))[0] == 200
