"""OKKI's simulated API over sockets: the vendor's envelope and habits, and every fault that strikes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from xmsyncd.simulator.counters import Operation, Result, Vendor
from xmsyncd.simulator.options import (
    Envelope,
    GroupsShape,
    IdType,
    ListOrder,
    OkkiTotal,
    SimulatorOptions,
    TokenBody,
)
from xmsyncd.simulator.server import Simulator


@dataclass
class Seen:
    """An answer as a client has it; `body` None when it is not JSON."""

    status: int
    body: Any
    text: str
    headers: Any


class Reader:
    """A careless client of OKKI: one session, one token."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, **more: Any) -> Seen:
        url = self.simulator.okki_url + path
        async with self.session.request(method, url, headers=self.headers, **more) as response:
            text = await response.text()
            try:
                body = json.loads(text)
            except ValueError:
                body = None
            return Seen(response.status, body, text, response.headers)

    def credentials(self, **more: str) -> dict[str, str]:
        options = self.simulator.options
        return {
            "grant_type": "client_credentials",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "scope": "product",
            **more,
        }

    async def authenticate(self) -> None:
        seen = await self.call("POST", "/v1/oauth2/access_token", json=self.credentials())
        self.headers = {"Authorization": f"{seen.body['token_type']} {seen.body['access_token']}"}

    async def page(self, number: int = 1, **params: Any) -> Seen:
        return await self.call("GET", "/v1/product/list", params={"start_index": number, **params})


Make = Callable[..., Any]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Start a simulation with options; an authenticated reader of it."""
    async with AsyncExitStack() as exit_stack:

        async def made(**options: Any) -> Reader:
            simulator = await exit_stack.enter_async_context(
                Simulator(SimulatorOptions(**{"products": 60, **options}))
            )
            timeout = aiohttp.ClientTimeout(total=5)
            session = await exit_stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            reader = Reader(simulator, session)
            await reader.authenticate()
            return reader

        yield made


async def test_token_in_both_bodies(make: Make) -> None:
    """JSON and form, and the refusals of wrong ones."""
    reader = await make()
    path = "/v1/oauth2/access_token"
    seen = await reader.call("POST", path, data=reader.credentials())
    assert (seen.status, seen.body["expires_in"]) == (200, 28800)
    for wrong, error in (
        ({"client_secret": "x"}, "invalid_client"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_credentials"),
    ):
        seen = await reader.call("POST", path, json=reader.credentials(**wrong))
        assert (seen.status, seen.body["error"]) == (400, error)


async def test_token_body_may_have_to_be_a_form(make: Make) -> None:
    """Then JSON is an invalid request; the life may be missing from the answer."""
    simulator = (await make()).simulator
    async with (
        Simulator(
            SimulatorOptions(okki_token_body=TokenBody.FORM_ONLY, okki_token_tells_life=False)
        ) as strict,
        aiohttp.ClientSession() as session,
    ):
        reader = Reader(strict, session)
        seen = await reader.call("POST", "/v1/oauth2/access_token", json=reader.credentials())
        assert (seen.status, seen.body["error"]) == (400, "invalid_request")
        seen = await reader.call("POST", "/v1/oauth2/access_token", data=reader.credentials())
        assert "expires_in" not in seen.body
    assert simulator.counters.count(Vendor.OKKI, Operation.TOKEN, Result.OK) == 1


async def test_stale_and_revoked_tokens(make: Make) -> None:
    """401 with access_denied; a bare token is refused unless the option says so."""
    reader = await make()
    assert (await reader.page()).status == 200
    reader.simulator.okki.revoke_tokens()
    seen = await reader.page()
    assert (seen.status, seen.body["error"]) == (401, "access_denied")
    await reader.authenticate()
    reader.headers = {"Authorization": reader.headers["Authorization"].removeprefix("Bearer ")}
    assert (await reader.page()).status == 401


async def test_list_pages(make: Make) -> None:
    """Page numbers from 1, a clamp of the size, an empty page at the end, the documented envelope."""
    reader = await make(okki_page_clamp=50)
    first = await reader.page(1, count=500)
    assert first.body["code"] == 0
    assert first.body["msg"]
    assert first.body["data"]["count"] == 60
    assert len(first.body["data"]["list"]) == 50
    second = await reader.page(2, count=500)
    assert len(second.body["data"]["list"]) == 10
    ids = {each["product_id"] for seen in (first, second) for each in seen.body["data"]["list"]}
    assert ids == set(reader.simulator.catalogue.ids())
    assert (await reader.page(3, count=500)).body["data"]["list"] == []
    assert len((await reader.page()).body["data"]["list"]) == 20


@pytest.mark.parametrize(
    ("total", "shown"),
    [
        (OkkiTotal.COUNT, {"count": 60}),
        (OkkiTotal.TOTAL_ITEM, {"totalItem": 60}),
        (OkkiTotal.STRING, {"count": "60"}),
        (OkkiTotal.MISSING, {}),
        (OkkiTotal.LIE, {"count": 63}),
    ],
)
async def test_total_in_every_shape(make: Make, total: OkkiTotal, shown: dict[str, Any]) -> None:
    """The vendor's pages disagree."""
    reader = await make(okki_total=total)
    data = (await reader.page()).body["data"]
    data.pop("list")
    assert data == shown


async def test_other_habits(make: Make) -> None:
    """The other envelope, ids as text, `data: []`, the last page repeated, product_type in the list."""
    reader = await make(
        envelope=Envelope.TWO_HUNDRED,
        id_type=IdType.STR,
        okki_last_page_repeats=True,
        product_type_in_list=True,
    )
    seen = await reader.page(1, count=40)
    assert seen.body["code"] == 200
    assert "message" in seen.body
    item = seen.body["data"]["list"][0]
    assert isinstance(item["product_id"], str)
    assert item["product_type"] in (1, 2, 3)
    last, beyond = await reader.page(2, count=40), await reader.page(7, count=40)
    assert beyond.body["data"] == last.body["data"]
    other = await make(products=0, okki_empty_array=True, okki_tells_now=False)
    seen = await other.page()
    assert seen.body["data"] == []
    assert "now" not in seen.body


async def test_window_by_update_time(make: Make) -> None:
    """Strings in Beijing time; dates mean midnight; what is not a time is refused inside HTTP 200."""
    reader = await make()
    (edited,) = reader.simulator.catalogue.edit_random()
    stamp = reader.simulator.catalogue.product(edited)["update_time"]
    seen = await reader.page(1, time_type=1, start_time=stamp, end_time="2040-01-01 00:00:00")
    assert [each["product_id"] for each in seen.body["data"]["list"]] == [edited]
    seen = await reader.page(1, time_type=1, start_time="2000-01-01", end_time=stamp[:10])
    assert edited not in [each["product_id"] for each in seen.body["data"]["list"]]
    for wrong in ({"start_time": "soon"}, {"page": "1"}, {"time_type": "9"}, {"count": "0"}):
        seen = await reader.page(1, **wrong)
        assert (seen.status, seen.body["code"]) == (200, 400)


async def test_unordered_list_and_product_type_filter(make: Make) -> None:
    """Neither may lose anything."""
    reader = await make(okki_order=ListOrder.UNORDERED)
    seen = await reader.page(1, count=100)
    assert len(seen.body["data"]["list"]) == 60
    counts = [(await reader.page(1, product_type=kind)).body["data"]["count"] for kind in (1, 2, 3)]
    assert sum(counts) == 60


async def test_detail_and_groups(make: Make) -> None:
    """Detail by id and by number, a missing one as body code 404; groups flat with parent_id 0."""
    reader = await make(id_type=IdType.MIXED)
    product_id = reader.simulator.catalogue.ids()[0]
    seen = await reader.call("GET", "/v1/product/info", params={"product_id": product_id})
    assert seen.body["data"]["product_type"] in (1, 2, 3)
    number = seen.body["data"]["product_no"]
    seen = await reader.call("GET", "/v1/product/info", params={"product_no": number})
    assert seen.body["data"]["product_id"] == str(product_id)
    seen = await reader.call("GET", "/v1/product/info", params={"product_id": "1"})
    assert (seen.status, seen.body["code"]) == (200, 404)
    seen = await reader.call("GET", "/v1/product/groups")
    assert len(seen.body["data"]) == len(reader.simulator.catalogue.groups.groups)
    assert "0" in {each["parent_id"] for each in seen.body["data"]}
    reader.simulator.catalogue.groups.shape = GroupsShape.EMPTY
    assert (await reader.call("GET", "/v1/product/groups")).body["data"] == []


async def test_remove_deletes_and_is_noticed(make: Make) -> None:
    """It deletes through GET; a test asserts that nobody calls it."""
    reader = await make()
    product_id = reader.simulator.catalogue.ids()[0]
    await reader.call("GET", "/v1/product/remove", params={"product_id": product_id})
    assert product_id not in reader.simulator.catalogue.ids()
    assert reader.simulator.okki.removed == [product_id]
    assert (await reader.call("GET", "/v1/unknown")).status == 404


async def test_clock_offset_shows_in_now_and_date(make: Make) -> None:
    """Both follow OKKI's clock, as do update times."""
    reader = await make(clock_offset=timedelta(minutes=10))
    seen = await reader.page()
    local = await make()
    difference = parsedate_to_datetime(seen.headers["Date"]) - parsedate_to_datetime(
        (await local.page()).headers["Date"]
    )
    assert timedelta(minutes=9) < difference < timedelta(minutes=11)
    assert seen.body["now"] > (await local.page()).body["now"]


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ({"name": "okki_429"}, 429, "Too Many"),
        ({"name": "okki_throttle_200"}, 200, "请求过于频繁"),
        ({"name": "okki_server_error"}, 200, '"code":500'),
        ({"name": "okki_server_error", "status": 503}, 503, "Server Error"),
        ({"name": "okki_html"}, 502, "<html>"),
        ({"name": "html_502", "api": "okki"}, 502, "<html>"),
        ({"name": "error_in_200", "api": "okki"}, 200, '"code":404'),
        ({"name": "stale_token", "api": "okki"}, 401, "access_denied"),
        ({"name": "lost_502", "api": "okki"}, 502, "<html>"),
    ],
)
async def test_faults_that_answer(make: Make, fault: dict[str, Any], status: int, part: str) -> None:
    """Status and text of each; once over, the next call is well."""
    reader = await make()
    reader.simulator.faults.add(**fault, times=1)
    seen = await reader.page()
    assert seen.status == status
    assert part in seen.text
    assert (await reader.page()).body["code"] == 0


async def test_faults_that_break_the_answer(make: Make) -> None:
    """Half of the JSON, nothing at all, an end within the body, a reset, no answer."""
    reader = await make()
    faults = reader.simulator.faults
    for name in ("okki_truncated", "truncated_json"):
        faults.add(name, api="okki", times=1)
        seen = await reader.page()
        assert (seen.status, seen.body) == (200, None)
        assert seen.text.startswith("{")
    faults.add("empty_body", api="okki", times=1)
    seen = await reader.page()
    assert (seen.status, seen.text) == (200, "")
    faults.add("truncated_body", api="okki", times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await reader.page()
    # POST, because aiohttp repeats a GET by itself when a kept-alive connection breaks.
    for name in ("dropped_before", "lost_reset"):
        faults.add(name, api="okki", operation="token", times=1)
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await reader.authenticate()
    for name in ("hang_before", "lost_timeout"):
        faults.add(name, api="okki", times=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.page()


async def test_retry_after_and_slowness(make: Make) -> None:
    """A wait that is told; an answer that comes late or in pieces, but whole."""
    reader = await make()
    faults = reader.simulator.faults
    faults.add("okki_429", seconds=7, times=1)
    assert (await reader.page()).headers["Retry-After"] == "7"
    loop = asyncio.get_running_loop()
    for name in ("slow", "trickle"):
        faults.add(name, api="okki", seconds=0.2, times=1)
        began = loop.time()
        assert (await reader.page()).body["code"] == 0
        assert loop.time() - began >= 0.15


async def test_pages_drift_and_totals_lie(make: Make) -> None:
    """An edit after every second page moves what was not read yet; the total is off."""
    reader = await make()
    reader.simulator.faults.add("page_drift", every=2)
    window = {"start_time": "2000-01-01 00:00:00", "end_time": reader.simulator.clock.text(1_900_000_000)}
    before = reader.simulator.catalogue.page(offset=0, limit=1)[0]
    await reader.page(1, count=10, **window)
    assert reader.simulator.catalogue.page(offset=0, limit=1)[0] == before
    await reader.page(2, count=10, **window)
    assert reader.simulator.catalogue.page(offset=0, limit=1)[0] != before
    reader.simulator.faults.clear()
    reader.simulator.faults.add("lying_total", amount=-5)
    assert (await reader.page()).body["data"]["count"] == 55
