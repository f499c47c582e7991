"""Reads from OKKI, answer by answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from xmsyncd.errors import CannotWorkError, RefusedError, ThrottledError, TryLaterError
from xmsyncd.okki.resources import PRODUCT, TOKEN_PATH, PathNotAllowedError
from xmsyncd.records import SourceId, StopReason

LIST, INFO, GROUPS = PRODUCT.path, PRODUCT.detail_path, PRODUCT.groups_path
EMPTY = {"code": 0, "data": {"list": [], "count": 0}}
HTML = {"status": 200, "body": "<html>maintenance</html>", "content_type": "text/html"}


@pytest.fixture
def okki(vendor):
    vendor.answers(TOKEN_PATH, {"access_token": "t1", "expires_in": 28800})
    return vendor


async def test_a_page_brings_items_total_and_the_servers_time(okki, make_client):
    entry = {"product_id": 12345678901234, "update_time": "2026-11-22 15:00:00", "name": "螺丝"}
    okki.answers(
        LIST, {"code": 200, "now": "2026-11-22 16:00:07", "data": {"list": [entry, {}], "count": "2"}}
    )
    client = make_client()
    page = await client.fetch_page(PRODUCT, {"start_index": "1", "start_time": "2026-11-22 15:00:00"})
    assert page.items[0].source_id == "12345678901234"
    assert page.items[0].updated_at.isoformat() == "2026-11-22T07:00:00+00:00"
    assert (page.unreadable, page.total) == (({},), 2)
    assert client.clock_offset == timedelta(seconds=7)
    assert okki.requests[1][1]["query"] == {"start_index": "1", "start_time": "2026-11-22 15:00:00"}


async def test_an_id_of_23_digits_survives(okki, make_client):
    body = '{"code": 0, "data": {"list": [{"product_id": 12345678901234567890123}]}}'
    okki.answers(LIST, {"status": 200, "body": body})
    page = await make_client().fetch_page(PRODUCT, {})
    assert page.items[0].source_id == "12345678901234567890123"


async def test_the_clock_is_learnt_from_the_date_header_where_the_envelope_does_not_tell(okki, make_client):
    okki.answers(LIST, {"payload": EMPTY, "headers": {"Date": "Sun, 22 Nov 2026 07:59:00 GMT"}})
    client = make_client()
    assert client.clock_offset is None
    await client.fetch_page(PRODUCT, {})
    assert client.clock_offset == timedelta(minutes=-1)


async def test_a_now_of_another_zone_than_the_configured_one_is_not_believed(okki, make_client):
    okki.answers(
        LIST,
        {
            "payload": {**EMPTY, "now": "2026-11-22 08:00:00"},
            "headers": {"Date": "Sun, 22 Nov 2026 08:00:01 GMT"},
        },
    )
    client = make_client()
    await client.fetch_page(PRODUCT, {})
    assert client.clock_offset == timedelta(seconds=1)


@pytest.mark.parametrize(
    "trouble",
    [
        HTML,
        {"status": 502, "body": "<html>"},
        {"status": 408, "body": ""},
        {"status": 302, "headers": {"Location": "/maintenance"}},
        {"code": 500, "message": "Operation Failed"},
        {"code": 0, "data": None},
        {"code": 777, "message": "unheard of"},
        aiohttp.ServerDisconnectedError(),
        aiohttp.ConnectionTimeoutError(),
        TimeoutError(),
    ],
)
async def test_what_may_pass_is_tried_again_after_a_random_delay(okki, make_client, clock, trouble):
    okki.answers(LIST, trouble, trouble, EMPTY)
    page = await make_client().fetch_page(PRODUCT, {})
    assert page.total == 0
    assert okki.count(LIST) == 3
    assert len(clock.slept) == 2
    assert 0 <= clock.slept[0] <= 1
    assert 0 <= clock.slept[1] <= 2


async def test_after_the_tries_that_are_set_it_is_given_up(okki, make_client, observer):
    okki.answers(LIST, {"status": 503, "body": ""})
    with pytest.raises(TryLaterError) as caught:
        await make_client(tries=3).fetch_page(PRODUCT, {})
    assert not isinstance(caught.value, ThrottledError)
    assert (caught.value.connection, caught.value.endpoint) == ("main", "list")
    assert okki.count(LIST) == 3
    assert observer.calls == {("token", "2xx"): 1, ("list", "5xx"): 3}


@pytest.mark.parametrize(
    "answer", [{"status": 429, "body": ""}, {"code": 1, "message": "请求频繁"}, {"code": 500, "msg": "限流"}]
)
async def test_a_throttle_that_tells_no_time_is_waited_out_for_a_second_and_more(
    okki, make_client, clock, answer
):
    okki.answers(LIST, answer, EMPTY)
    await make_client().fetch_page(PRODUCT, {})
    assert 1 <= sum(clock.slept) <= 2.01


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["17", "Sun, 22 Nov 2026 08:00:17 GMT"])
async def test_a_wait_that_okki_tells_is_kept_by_everybody_on_the_connection(
    okki, make_client, clock, status, header
):
    headers = {"Retry-After": header, "Date": "Sun, 22 Nov 2026 08:00:00 GMT"}
    okki.answers(LIST, {"status": status, "headers": headers}, EMPTY)
    okki.answers(GROUPS, {"code": 200, "data": []})
    client = make_client()
    reading = asyncio.create_task(client.fetch_page(PRODUCT, {}))
    await asyncio.gather(reading, client.fetch_groups())
    assert clock.monotonic() == pytest.approx(17)
    assert okki.count(LIST) == 2


async def test_a_pause_has_a_word_for_why_also_where_okki_gives_none(okki, make_client, limiter):
    okki.answers(LIST, {"status": 429, "body": "", "headers": {"Retry-After": "60"}})
    with pytest.raises(ThrottledError):
        await make_client(tries=2).fetch_page(PRODUCT, {})
    assert (limiter.paused_for > timedelta(0), limiter.pause_code) == (True, "HTTP 429")


async def test_a_long_silence_is_not_waited_out_inside_a_read(okki, make_client, clock):
    okki.answers(LIST, {"status": 429, "headers": {"Retry-After": "3600"}}, EMPTY)
    client = make_client()
    for _ in range(2):
        with pytest.raises(ThrottledError) as caught:
            await client.fetch_page(PRODUCT, {})
        assert caught.value.wait is not None
        assert caught.value.wait.total_seconds() == pytest.approx(3600)
    assert okki.count(LIST) == 1
    await clock.sleep(3601)
    await client.fetch_page(PRODUCT, {})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 403, "body": ""}, StopReason.PERMISSION),
        ({"code": 403, "message": "no permission product scopes"}, StopReason.PERMISSION),
        ({"status": 404, "body": "no such page"}, StopReason.CONFIGURATION),
        ({"code": 404, "message": "Not Found Resource"}, StopReason.CONFIGURATION),
        ({"status": 400, "payload": {"code": 9}}, StopReason.CONFIGURATION),
    ],
)
async def test_a_list_that_is_refused_altogether_needs_a_person(okki, make_client, answer, reason):
    okki.answers(LIST, answer)
    with pytest.raises(CannotWorkError) as caught:
        await make_client().fetch_page(PRODUCT, {})
    assert caught.value.reason is reason
    assert okki.count(LIST) == 1


async def test_success_codes_are_a_setting(okki, make_client):
    okki.answers(LIST, {"code": 1, "data": []})
    await make_client(success_codes=[1]).fetch_page(PRODUCT, {})


async def test_a_detail_is_one_object(okki, make_client):
    okki.answers(INFO, {"code": 200, "data": {"product_id": 12, "product_type": 2}})
    detail = await make_client().fetch_detail(PRODUCT, SourceId("12"))
    assert detail["product_type"] == 2
    assert okki.requests[1][1]["query"] == {"product_id": "12"}


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        ({"status": 404, "body": ""}, 1),
        ({"code": 404, "message": "Not Found Resource"}, 1),
        ({"code": 200, "data": []}, 1),
        ({"code": 200, "data": None}, 1),
    ],
)
async def test_a_product_that_okki_does_not_show_is_refused_and_the_others_go_on(
    okki, make_client, answer, tries
):
    okki.answers(INFO, answer)
    with pytest.raises(RefusedError):
        await make_client().fetch_detail(PRODUCT, SourceId("12"))
    assert okki.count(INFO) == tries


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 777, "message": "unheard of"},
        {"code": 200, "data": {"product_id": 13}},
        {"code": 200, "data": "x"},
    ],
)
async def test_a_detail_that_says_nothing_known_is_tried_later(okki, make_client, answer):
    okki.answers(INFO, answer)
    with pytest.raises(TryLaterError):
        await make_client().fetch_detail(PRODUCT, SourceId("12"))
    assert okki.count(INFO) == 4


async def test_every_call_is_judged_once(okki, make_client):
    okki.answers(LIST, {"status": 502, "body": "<html>"}, {"code": 777, "message": "?"}, EMPTY)
    okki.answers(GROUPS, {"code": 200, "data": "none"}, {"code": 200, "data": []})
    client = make_client()
    judged = []
    client._judged = lambda endpoint, reply, verdict: judged.append(
        (endpoint, verdict.family.value, verdict.code, verdict.is_unknown)
    )
    await client.fetch_page(PRODUCT, {})
    await client.fetch_groups()
    assert judged == [
        ("list", "try_later", "not-json", False),
        ("list", "try_later", "777", True),
        ("list", "delivered", "", False),
        ("groups", "try_later", "unreadable", True),
        ("groups", "delivered", "", False),
    ]


async def test_groups_come_as_a_tree(okki, make_client):
    okki.answers(GROUPS, {"code": 200, "data": [{"id": 1, "name": "a", "parent_id": 0}]})
    tree = await make_client().fetch_groups()
    assert tree.knows("1")


async def test_a_strange_group_answer_is_no_empty_tree(okki, make_client):
    okki.answers(GROUPS, {"code": 200, "data": "none"})
    with pytest.raises(TryLaterError):
        await make_client().fetch_groups()


@pytest.mark.parametrize(
    "path", ["/v1/product/remove", "/v1/product/push", "/v1/product/list/", "/v1/supplier/remove"]
)
async def test_no_other_path_can_be_asked(okki, make_client, path):
    """``GET /v1/product/remove`` deletes."""
    okki.answers(path, EMPTY)
    with pytest.raises(PathNotAllowedError):
        await make_client().fetch_page(replace(PRODUCT, path=path), {})
    with pytest.raises(PathNotAllowedError):
        await make_client().fetch_detail(replace(PRODUCT, detail_path=path), SourceId("1"))
    assert okki.requests == []


async def test_requests_go_out_one_at_a_time(okki, make_client):
    open_calls = most = 0

    client = make_client()
    send = client._transport.send

    async def counted(call):
        nonlocal open_calls, most
        open_calls += 1
        most = max(most, open_calls)
        await asyncio.sleep(0)
        reply = await send(call)
        open_calls -= 1
        return reply

    client._transport.send = counted
    okki.answers(LIST, EMPTY)
    okki.answers(INFO, {"code": 0, "data": {"product_id": 1}})
    await asyncio.gather(
        *(client.fetch_page(PRODUCT, {}) for _ in range(5)),
        *(client.fetch_detail(PRODUCT, SourceId("1")) for _ in range(5)),
        client.authenticate(),
    )
    assert most == 1
    assert okki.count(TOKEN_PATH) == 1


async def test_every_try_takes_a_permit(okki, make_client):
    client = make_client()
    permits = 0
    acquire = client._limiter.acquire

    async def counted():
        nonlocal permits
        permits += 1
        await acquire()

    client._limiter.acquire = counted
    okki.answers(LIST, {"status": 401, "body": ""}, {"status": 502, "body": ""}, EMPTY)
    await client.fetch_page(PRODUCT, {})
    assert permits == len(okki.requests) == 5


TOKEN = "eyJ0eXAiOiJKV1QifQ." + "cGF5bG9hZA" * 30 + ".c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 404, "message": f"Not Found: Authorization Bearer {TOKEN}", "data": []},
        {"code": 404, "message": "x" * 150 + TOKEN, "data": []},
        {"status": 502, "body": f"<html>{TOKEN}</html>", "content_type": "text/html"},
        {"error": "server_error", "error_description": f"for {TOKEN}"},
    ],
    ids=["whole", "cut", "page", "oauth"],
)
async def test_a_token_that_is_echoed_stands_in_no_error_and_no_verdict(vendor, make_client, answer):
    """Tokens are had at run time, so no configured list of secrets knows them."""
    vendor.answers(TOKEN_PATH, {"access_token": TOKEN, "expires_in": 28800})
    vendor.answers(INFO, answer)
    told: list[str] = []
    client = make_client(tries=1)
    client._judged = lambda endpoint, reply, verdict: told.append(f"{verdict.code} {verdict.message}")
    with pytest.raises((RefusedError, TryLaterError)) as caught:
        await client.fetch_detail(PRODUCT, SourceId("1"))
    for text in (*told, str(caught.value), caught.value.code):
        assert TOKEN[:12] not in text
    assert told
