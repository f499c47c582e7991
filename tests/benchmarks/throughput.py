"""What the daemon costs: its products a second against those of a bare loop doing the same creates.

``make bench``, or ``python -m tests.benchmarks.throughput [PRODUCTS]``. Nothing is asserted. What counts is
the ratio of two runs on one machine: the products a second alone say more about the machine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.benchmarks._whole_job import IN_FLIGHT, deliver_all, open_simulation
from tests.simulator_process import SimulatorProcess

_PRODUCTS = 5_000
_PAGE = 1_000


def main(arguments: list[str]) -> int:
    """Print both speeds and their ratio."""
    products = int(arguments[0]) if arguments else _PRODUCTS
    with open_simulation(products) as simulated:
        bare = asyncio.run(_bare_loop(simulated, products))
    with tempfile.TemporaryDirectory() as folder, open_simulation(products) as simulated:
        daemon = deliver_all(Path(folder), simulated, products).seconds
    sys.stdout.write(
        f"throughput: {products} products: daemon {products / daemon:.0f} a second (start included), "
        f"bare loop {products / bare:.0f} a second, ratio {bare / daemon:.2f}\n"
    )
    return 0


async def _bare_loop(simulated: SimulatorProcess, products: int) -> float:
    """Seconds for as many starts, with as many on their way at a time; contents are ready before."""
    # Shared: each of the workers takes the next one when its call is answered.
    work = iter(await asyncio.to_thread(_contents, simulated, products))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
        token = await _token(session, simulated)
        began = time.monotonic()
        await asyncio.gather(*(_start_each(session, simulated, token, work) for _ in range(IN_FLIGHT)))
        return time.monotonic() - began


def _contents(simulated: SimulatorProcess, products: int) -> list[dict[str, str]]:
    contents: list[dict[str, str]] = []
    for offset in range(0, products, _PAGE):
        shown = simulated.control("GET", f"/products?offset={offset}&limit={_PAGE}")
        contents += [one["expected"] for one in shown]
    return contents


async def _token(session: aiohttp.ClientSession, simulated: SimulatorProcess) -> str:
    body = {"appKey": "demo-app-key", "appSecret": "demo-app-secret"}
    async with session.post(f"{simulated.yida_url}/v1.0/oauth2/accessToken", json=body) as answer:
        return str((await answer.json())["accessToken"])


async def _start_each(
    session: aiohttp.ClientSession, simulated: SimulatorProcess, token: str, work: Iterator[dict[str, str]]
) -> None:
    for content in work:
        body: dict[str, Any] = {
            "appType": "APP_DEMO0000000000000000",
            "systemToken": "demo-system-token",
            "userId": "demo-user",
            "formUuid": "FORM-DEMO0000000000000000000000000001",
            "processCode": "TPROC--DEMO0000000000000000000000001",
            "formDataJson": orjson.dumps(content).decode(),
        }
        async with session.post(
            f"{simulated.yida_url}/v1.0/yida/processes/instances/start",
            data=orjson.dumps(body),
            headers={"x-acs-dingtalk-access-token": token, "Content-Type": "application/json"},
        ) as answer:
            shown = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"start was refused: {answer.status} {shown}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
