"""What a person may do from a page, and what is refused."""

from __future__ import annotations

import orjson
import pytest

from tests.integration.console.conftest import FAILED, GROUP
from xmsyncd.errors import LedgerUnusableError
from xmsyncd.operations.exit_status import UnknownRecordError

SHIELD = {"Content-Type": "application/json", "Authorization": "Bearer secret-token"}
RETRY = {"operation": "failures.retry", "params": {"pipeline": "products", "key": "77"}}


async def test_what_a_rule_rejected_can_be_accepted_and_nothing_else(acting, daemon):
    rejected = {**GROUP, "state": "rejected", "reason": "one_of", "component": "f", "label": "单位"}
    listed = {"total": 1, "states": {"rejected": 1}, "groups": [rejected], "records": []}
    daemon.told["failures.list"] = listed
    for acceptable in (False, True):
        rejected["acceptable"] = acceptable
        record = {**FAILED, "state": "rejected", "acceptable": acceptable, "since": GROUP["first"]}
        listed["records"] = [record]
        params = {"pipeline": "products", "reason": "one_of", "component": "", "part": str(acceptable)}
        async with acting.get("/failures", params=params) as answer:
            text = await answer.text()
        assert ("Accept as it is" in text) is acceptable
        assert ("Accept all as they are" in text) is acceptable
        async with acting.post(  # an action, after which nothing that was kept is shown
            "/api/act",
            json={"operation": "failures.discard", "params": {"pipeline": "products", "key": "x"}},
            headers=SHIELD,
        ):
            pass
    asked = [params for name, params in daemon.params if name == "failures.list"]
    assert asked == [{"pipeline": "products", "reason": "one_of", "component": "", "limit": 100}] * 2


async def test_without_a_token_the_console_is_read_only(web, daemon):
    async with web.get("/") as answer:
        text = await answer.text()
    assert "<button type" not in text
    assert "Read only" in text
    async with web.post("/api/act", json=RETRY, headers=SHIELD) as answer:
        assert answer.status == 403
    assert not [name for name, _ in daemon.params if name.startswith("failures.retry")]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_an_action_without_the_token_or_from_elsewhere_is_refused(acting, daemon, changes, status):
    body = orjson.dumps(RETRY)
    async with acting.post("/api/act", data=body, headers={**SHIELD, **changes}) as answer:
        assert answer.status == status
        assert "secret" not in await answer.text()
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with acting.options("/api/act", headers={"Origin": "https://evil.example"}) as answer:
        assert answer.status == 405
    assert not [name for name, _ in daemon.params if name.startswith("failures.retry")]


async def test_a_site_whose_name_was_turned_to_this_machine_has_no_token(acting, daemon):
    """Its origin is its own, and the token of the console's own is not there."""
    theirs = {
        "Host": "evil.example:9464",
        "Origin": "http://evil.example:9464",
        "Sec-Fetch-Site": "same-origin",
    }
    async with acting.post("/api/act", json=RETRY, headers=theirs) as answer:
        assert answer.status == 401
    assert not [name for name, _ in daemon.params if name.startswith("failures.retry")]


async def test_an_action_is_done_in_the_consoles_name_and_told_in_the_readers_language(acting, daemon):
    daemon.told["failures.retry"] = {"total": 1, "counts": {"pending": 1}, "records": [], "error": None}
    async with acting.post("/api/act", json=RETRY, headers={**SHIELD, "Accept-Language": "zh"}) as answer:
        assert answer.status == 200
        assert await answer.json() == {"message": "完成 1 条：待发送 1"}
    assert daemon.params[-1] == (
        "failures.retry",
        {"pipeline": "products", "key": "77", "by": "console"},
    )


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        (UnknownRecordError("nothing is called 77"), 404, "nothing is called 77"),
        (LedgerUnusableError("the disk is full"), 409, "the disk is full"),
        (RuntimeError("a secret place"), 500, "could not be done"),
    ],
)
async def test_an_action_that_fails_says_why(acting, daemon, told, status, words):
    daemon.told["failures.retry"] = told
    async with acting.post("/api/act", json=RETRY, headers=SHIELD) as answer:
        assert answer.status == status
        message = (await answer.json())["message"]
    assert words in message
    assert "secret" not in message


@pytest.mark.parametrize("body", [b"", b"{", b'{"operation": "ledger.backup", "params": {}}'])
async def test_an_action_that_is_none_is_refused(acting, daemon, body):
    async with acting.post("/api/act", data=body, headers=SHIELD) as answer:
        assert answer.status == 400
    assert not daemon.params
