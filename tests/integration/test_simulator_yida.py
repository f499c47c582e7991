"""Yida's simulated API over sockets: its gateway, its strictness, and every fault that strikes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from xmsyncd.simulator.counters import Operation, Result, Vendor
from xmsyncd.simulator.options import RateWindow, SimulatorOptions
from xmsyncd.simulator.oracle import NAME, NUMBER
from xmsyncd.simulator.server import Simulator

START = "/v1.0/yida/processes/instances/start"
SEARCH = "/v1.0/yida/processes/instances"


class Writer:
    """A careless client of Yida: one session, one token."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session
        self.headers: dict[str, str] = {}
        options = simulator.options
        self.common = {
            "appType": options.app_type,
            "systemToken": options.system_token,
            "userId": options.user_id,
        }
        self.formed = {**self.common, "formUuid": options.form_uuid}

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Status, and the body as JSON or as text."""
        url = self.simulator.yida_url + path
        async with self.session.request(method, url, headers=self.headers, **more) as response:
            text = await response.text()
            try:
                return response.status, json.loads(text)
            except ValueError:
                return response.status, text

    async def authenticate(self) -> None:
        options = self.simulator.options
        body = {"appKey": options.app_key, "appSecret": options.app_secret}
        _, answer = await self.call("POST", "/v1.0/oauth2/accessToken", json=body)
        self.headers = {"x-acs-dingtalk-access-token": answer["accessToken"]}

    async def start(self, number: str = "A-1", **more: Any) -> tuple[int, Any]:
        body = {**self.formed, "formDataJson": json.dumps({NUMBER: number}), **more}
        return await self.call(
            "POST", START, json={key: each for key, each in body.items() if each is not None}
        )

    async def search(self, number: str) -> Any:
        shape = {"key": NUMBER, "type": "TEXT", "operator": "eq", "componentName": "TextField"}
        body = {**self.formed, "searchFieldJson": json.dumps([{**shape, "value": number}])}
        return (await self.call("POST", SEARCH, json=body))[1]

    @property
    def stored(self) -> int:
        return len(self.simulator.form.store)


Make = Callable[..., Any]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Start a simulation with options; an authenticated writer to it."""
    async with AsyncExitStack() as exit_stack:

        async def made(**options: Any) -> Writer:
            simulator = await exit_stack.enter_async_context(
                Simulator(SimulatorOptions(**{"products": 5, **options}))
            )
            timeout = aiohttp.ClientTimeout(total=5)
            session = await exit_stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            writer = Writer(simulator, session)
            await writer.authenticate()
            return writer

        yield made


async def test_token(make: Make) -> None:
    """Refused without, with a wrong and with a revoked one; wrong credentials by their code."""
    writer = await make()
    good = dict(writer.headers)
    writer.headers = {}
    assert (await writer.start())[1]["code"] == "AuthenticationFailed.MissingParameter"
    writer.headers = {"x-acs-dingtalk-access-token": "guess"}
    assert (await writer.start())[1]["code"] == "InvalidAuthentication"
    writer.headers = good
    assert (await writer.start())[0] == 200
    writer.simulator.yida.revoke_tokens()
    status, body = await writer.start()
    assert (status, body["code"]) == (400, "InvalidAuthentication")
    assert body["requestid"]
    wrong = {"appKey": "demo-app-key", "appSecret": "wrong"}
    status, body = await writer.call("POST", "/v1.0/oauth2/accessToken", json=wrong)
    assert (status, body["code"]) == (400, "invalidClientIdOrSecret")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"userId": None}, "MissinguserId"),
        ({"formUuid": None}, "MissingformUuid"),
        ({"formDataJson": None}, "MissingformDataJson"),
        ({"systemToken": "x"}, "invalidParameter.parameter.accessKeyNotMatch"),
        ({"appType": "APP_X"}, "failure.operation.saasApplicationNotFound"),
        ({"formUuid": "FORM-X"}, "invalidParameter.parameter.incorrectFormUuid"),
        ({"userId": "nobody"}, "failure.user.userNotExist"),
        ({"processCode": "TPROC--X"}, "invalidState.process.processDefinitionNotExist"),
        ({"formDataJson": {NUMBER: "A-1"}}, "invalidParameter.methodInputs.invalidFormat"),
        ({"formDataJson": '{"textField_x":"1"}'}, "invalidState.form.invalidComponentID"),
        ({"formDataJson": json.dumps({NUMBER: 1})}, "invalidState.form.invalidFormData"),
        ({"foo": "bar"}, "SimulatorStrict.UnknownParameter"),
        ({"useAlias": True}, "SimulatorStrict.UnknownParameter"),
    ],
)
async def test_parameters_are_checked(make: Make, more: dict[str, Any], code: str) -> None:
    """Each slip by its code, and nothing is stored."""
    writer = await make()
    status, body = await writer.start(**more)
    assert (status, body["code"]) == (400, code)
    assert writer.stored == 0


async def test_unknown_paths(make: Make) -> None:
    """A versioned one is a 404 with a code, any other HTTP 200 with errcode."""
    writer = await make()
    assert (await writer.call("POST", "/v1.0/yida/nothing"))[0] == 404
    status, body = await writer.call("GET", "/gettoken")
    assert (status, body["errcode"]) == (200, 404)


async def test_new_apps_may_be_refused_the_old_start(make: Make) -> None:
    """v1.0 is closed to them, v2.0 works."""
    writer = await make(start_v1_refused=True)
    status, body = await writer.start()
    assert (status, body["code"]) == (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied")
    assert body["accessdenieddetail"]["requiredScopes"] == ["Yida.Process.Write"]
    body = {**writer.formed, "formDataJson": json.dumps({NUMBER: "A-1"})}
    status, _ = await writer.call("POST", START.replace("v1.0", "v2.0"), json=body)
    assert (status, writer.stored) == (200, 1)


async def test_both_updates(make: Make) -> None:
    """By process instance and by form instance; the one for an absent instance is refused by its code."""
    writer = await make()
    made = (await writer.start())[1]["result"]
    for path, name in (
        ("/v1.0/yida/processes/instances", "processInstanceId"),
        ("/v2.0/yida/forms/instances", "formInstanceId"),
    ):
        body = {**writer.common, name: made, "updateFormDataJson": json.dumps({NAME: path})}
        assert (await writer.call("PUT", path, json=body))[0] == 200
        _, got = await writer.call("GET", f"/v1.0/yida/processes/instancesInfos/{made}", params=writer.common)
        assert got["data"] == {NUMBER: "A-1", NAME: path}
        status, refused = await writer.call("PUT", path, json={**body, name: "no-such-instance"})
        assert (status, refused["code"]) == (400, "invalidState.form.dataDoesNotExistOrIsDeleted")


async def test_limits_of_the_gateway(make: Make) -> None:
    """The second's limit is a 403 that costs no quota; the spent month is a 403 of another code."""
    writer = await make(qps=2.0, window=RateWindow.SLIDING, monthly_calls=2)
    gateway = writer.simulator.yida.gateway
    answers = await asyncio.gather(*(writer.start(f"A-{number}") for number in range(5)))
    assert sorted(status for status, _ in answers) == [200, 200, 403, 403, 403]
    codes = {body["code"] for status, body in answers if status == 403}
    assert codes == {"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"}
    assert gateway.metered == 2
    assert writer.simulator.counters.count(Vendor.YIDA, Operation.START, Result.THROTTLED) == 3
    gateway.qps = None
    status, body = await writer.start()
    assert (status, body["code"]) == (403, "Forbidden.AccessDenied.ApiCountLimitForOrg")
    assert gateway.metered == 2


@pytest.mark.parametrize(
    ("fault", "status", "part", "stored"),
    [
        ({"name": "throttle_app"}, 403, "QpsLimitForAppkeyAndApi", 0),
        ({"name": "throttle_api"}, 403, "QpsLimitForApi", 0),
        ({"name": "throttle_minute"}, 403, "QpmLimitForAppkeyAndApi", 0),
        ({"name": "too_fast"}, 400, "requestTooFast", 0),
        ({"name": "too_many_visitors", "status": 500}, 500, "tooManyVisitors", 0),
        ({"name": "stale_token"}, 400, "InvalidAuthentication", 0),
        ({"name": "quota_spent"}, 403, "ApiCountLimitForOrg", 0),
        ({"name": "permission"}, 403, "AccessTokenPermissionDenied", 0),
        ({"name": "form_busy"}, 400, "currentFormIsRebuilding", 0),
        ({"name": "refuse", "match": "A-"}, 400, "invalidFormData", 0),
        ({"name": "html_502"}, 502, "<html>", 0),
        ({"name": "html_502", "status": 504}, 504, "<html>", 0),
        ({"name": "error_in_200"}, 200, "errcode", 0),
        ({"name": "success_false_200"}, 200, "success", 0),
        ({"name": "ambiguous_500"}, 500, "innerError", 0),
        ({"name": "ambiguous_500", "variant": "executed"}, 500, "innerError", 1),
        ({"name": "lost_502"}, 502, "<html>", 1),
        ({"name": "empty_body"}, 200, "", 1),
        ({"name": "truncated_json"}, 200, '{"result":', 1),
    ],
)
async def test_faults_that_answer(
    make: Make, fault: dict[str, Any], status: int, part: str, stored: int
) -> None:
    """What a caller sees, and whether it was done."""
    writer = await make()
    writer.simulator.faults.add(**fault, operation="start", times=1)
    seen, body = await writer.start()
    assert seen == status
    assert part in (body if isinstance(body, str) else json.dumps(body))
    assert writer.stored == stored
    assert (await writer.start("A-2"))[0] == 200
    counters = writer.simulator.counters
    assert counters.committed[Vendor.YIDA, Operation.START] == stored + 1


@pytest.mark.parametrize(
    ("name", "stored"),
    [("lost_reset", 1), ("truncated_body", 1), ("dropped_before", 0)],
)
async def test_faults_that_break_the_connection(make: Make, name: str, stored: int) -> None:
    """The caller has no answer; only the store knows."""
    writer = await make()
    writer.simulator.faults.add(name, operation="start", times=1)
    with pytest.raises(aiohttp.ClientError):
        await writer.start()
    assert writer.stored == stored
    assert writer.simulator.counters.count(Vendor.YIDA, Operation.START, Result.LOST) == 1


@pytest.mark.parametrize(("name", "stored"), [("lost_timeout", 1), ("hang_before", 0)])
async def test_faults_that_hang_end_with_the_simulation(make: Make, name: str, stored: int) -> None:
    """A hanging call does not hold up the stop."""
    async with (
        Simulator(SimulatorOptions(products=0)) as simulator,
        aiohttp.ClientSession() as session,
    ):
        writer = Writer(simulator, session)
        await writer.authenticate()
        simulator.faults.add(name, operation="start", times=1)
        call = asyncio.create_task(writer.start())
        async with asyncio.timeout(5):
            while not simulator.counters.count(Vendor.YIDA, Operation.START):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        assert not call.done()
        assert writer.stored == stored
        async with asyncio.timeout(5):
            await simulator.stop()
            with pytest.raises(aiohttp.ClientError):
                await call


@pytest.mark.parametrize(("variant", "part"), [("json", '"status": 1111'), ("html", "<html>")])
async def test_ip_block_lasts(make: Make, variant: str, part: str) -> None:
    """Every call, the token's as well, until it is over."""
    writer = await make()
    blocked_seconds = 0.5
    writer.simulator.faults.add(
        "ip_block", operation="start", times=1, seconds=blocked_seconds, variant=variant
    )
    token = {"appKey": "demo-app-key", "appSecret": "demo-app-secret"}
    for _, body in (
        await writer.start(),
        await writer.start(),
        await writer.call("POST", "/v1.0/oauth2/accessToken", json=token),
    ):
        assert part in (body if isinstance(body, str) else json.dumps(body))
    assert writer.stored == 0
    await asyncio.sleep(blocked_seconds)
    assert (await writer.call("POST", "/v1.0/oauth2/accessToken", json=token))[0] == 200
    assert (await writer.start())[0] == 200


async def test_blind_search_and_matching_faults(make: Make) -> None:
    """A search that finds nothing for once; a fault for one key leaves others alone."""
    writer = await make()
    await writer.start("A-1")
    writer.simulator.faults.add("search_blind", times=1)
    assert (await writer.search("A-1"))["totalCount"] == 0
    assert (await writer.search("A-1"))["totalCount"] == 1
    writer.simulator.faults.add("refuse", match="B-")
    assert (await writer.start("A-2"))[0] == 200
    assert (await writer.start("B-1"))[0] == 400
    assert writer.simulator.counters.by_key()["A-1"] == {Operation.START: 1, Operation.SEARCH: 2}


async def test_latency_overlaps_between_calls(make: Make) -> None:
    """64 calls at 100 ms do not take 64 times as long."""
    writer = await make(latency=timedelta(milliseconds=100))
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers = await asyncio.gather(*(writer.start(f"A-{number}") for number in range(64)))
    assert [status for status, _ in answers] == [200] * 64
    assert 0.1 <= loop.time() - began < 3
