"""How a token is asked for, and what happens when it turns stale."""

from __future__ import annotations

import base64
from datetime import timedelta

import orjson
import pytest

from xmsyncd.errors import CannotWorkError, TryLaterError
from xmsyncd.okki.resources import PRODUCT, TOKEN_PATH
from xmsyncd.records import StopReason

LIST = PRODUCT.path
EMPTY = {"code": 0, "data": {"list": [], "count": 0}}
TOKEN = {"token_type": "Bearer", "expires_in": 28800, "access_token": "t1"}


def refused(error, status=400):
    return {"status": status, "payload": {"error": error, "error_description": f"about {error}"}}


async def test_a_token_is_asked_for_as_json_and_sent_with_its_prefix(vendor, make_client):
    vendor.answers(TOKEN_PATH, TOKEN)
    vendor.answers(LIST, EMPTY)
    client = make_client()
    await client.fetch_page(PRODUCT, {})
    await client.fetch_page(PRODUCT, {})
    assert vendor.count(TOKEN_PATH) == 1
    assert orjson.loads(vendor.requests[0][1]["data"]) == {
        "grant_type": "client_credentials",
        "client_id": "id-1",
        "client_secret": "hush-hush",
        "scope": "product",
    }
    assert vendor.requests[1][1]["headers"]["Authorization"] == "Bearer t1"


async def test_the_prefix_may_be_empty(vendor, make_client):
    vendor.answers(TOKEN_PATH, TOKEN)
    vendor.answers(LIST, EMPTY)
    await make_client(auth_prefix="").fetch_page(PRODUCT, {})
    assert vendor.requests[1][1]["headers"]["Authorization"] == "t1"


async def test_password_mode_adds_the_user(vendor, make_client):
    vendor.answers(TOKEN_PATH, TOKEN)
    client = make_client(grant_type="password", username="a@b.cn", password="f00d", token_body="form")
    await client.authenticate()
    form = vendor.requests[0][1]["data"]
    assert (form["grant_type"], form["username"], form["password"]) == ("password", "a@b.cn", "f00d")


@pytest.mark.parametrize(
    "first",
    [
        refused("invalid_request"),
        refused("unsupported_grant_type", 401),
        {"status": 400, "body": "<html>", "content_type": "text/html"},
        {"status": 415, "body": ""},
    ],
)
async def test_a_refused_json_body_is_repeated_once_as_a_form_and_the_form_is_kept(
    vendor, make_client, first
):
    vendor.answers(TOKEN_PATH, first, TOKEN, {**TOKEN, "access_token": "t2"})
    vendor.answers(LIST, {"status": 401, "body": ""}, EMPTY)
    await make_client().fetch_page(PRODUCT, {})
    asked = [request for path, request in vendor.requests if path == TOKEN_PATH]
    assert [isinstance(request["data"], dict) for request in asked] == [False, True, True]
    assert asked[1]["data"]["client_id"] == "id-1"


async def test_the_form_is_not_tried_where_it_is_switched_off_or_cannot_help(vendor, make_client):
    vendor.answers(TOKEN_PATH, refused("invalid_request"))
    with pytest.raises(CannotWorkError):
        await make_client(token_form_fallback=False).authenticate()
    with pytest.raises(CannotWorkError):
        await make_client(token_body="form").authenticate()
    assert vendor.count(TOKEN_PATH) == 2


async def test_both_encodings_refused_is_a_matter_for_a_person(vendor, make_client):
    vendor.answers(TOKEN_PATH, refused("invalid_request"))
    with pytest.raises(CannotWorkError) as caught:
        await make_client().authenticate()
    assert caught.value.reason is StopReason.CONFIGURATION
    assert vendor.count(TOKEN_PATH) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refused("invalid_client"), StopReason.CREDENTIALS),
        (refused("invalid_credentials"), StopReason.CREDENTIALS),
        (refused("invalid_scope"), StopReason.PERMISSION),
        (refused("access_denied", 401), StopReason.CREDENTIALS),
        ({"status": 404, "body": "nothing here"}, StopReason.CONFIGURATION),
    ],
)
async def test_wrong_credentials_are_not_tried_twice(vendor, make_client, clock, answer, reason):
    vendor.answers(TOKEN_PATH, answer)
    with pytest.raises(CannotWorkError) as caught:
        await make_client().fetch_page(PRODUCT, {})
    assert caught.value.reason is reason
    assert caught.value.endpoint == "token"
    assert vendor.count(TOKEN_PATH) == 1
    assert clock.slept == []


async def test_a_token_endpoint_that_is_away_is_tried_again(vendor, make_client):
    vendor.answers(TOKEN_PATH, {"status": 502, "body": "<html>"}, refused("server_error", 500), TOKEN)
    vendor.answers(LIST, EMPTY)
    await make_client().fetch_page(PRODUCT, {})
    assert vendor.count(TOKEN_PATH) == 3


async def test_a_success_without_a_token_is_no_success(vendor, make_client):
    vendor.answers(TOKEN_PATH, {"code": 0, "data": {}})
    with pytest.raises(TryLaterError):
        await make_client(tries=2).authenticate()


async def test_a_failure_of_theirs_is_not_asked_again_in_another_encoding(vendor, make_client, clock):
    well = {"access_token": "t", "expires_in": 60}
    vendor.answers(TOKEN_PATH, refused("server_error"), well)
    await make_client().authenticate()
    assert vendor.count(TOKEN_PATH) == 2
    assert len(clock.slept) == 1


async def test_no_message_holds_a_secret(vendor, make_client):
    answer = {"status": 400, "payload": {"error": "invalid_client", "message": "bad secret hush-hush given"}}
    vendor.answers(TOKEN_PATH, answer)
    with pytest.raises(CannotWorkError) as caught:
        await make_client().authenticate()
    assert "hush-hush" not in str(caught.value)
    assert "bad secret … given" in str(caught.value)


def jwt(claims: bytes) -> str:
    return "e30." + base64.urlsafe_b64encode(claims).rstrip(b"=").decode() + ".sig"


@pytest.mark.parametrize(
    ("answer", "lifetime"),
    [
        ({"access_token": "t", "expires_in": 28799}, 28799),
        ({"access_token": "t", "expires_in": "600"}, 600),
        ({"access_token": "t"}, 28800),
        ({"access_token": "t", "expires_in": 0}, 28800),
        ({"access_token": "t", "expires_in": "soon"}, 28800),
        ({"access_token": jwt(b'{"exp": 1763803600}')}, None),
        ({"access_token": jwt(b'{"exp": 1}')}, 28800),
        ({"access_token": jwt(b'{"exp": "x"}')}, 28800),
        ({"access_token": jwt(b"[]")}, 28800),
        ({"access_token": "a.!!!.c"}, 28800),
        ({"access_token": "t", "expires_in": 10**11}, 30 * 86400),
    ],
)
async def test_a_life_time_that_is_not_told_is_read_from_the_token_or_assumed(
    vendor, make_client, clock, answer, lifetime
):
    if lifetime is None:
        answer = {"access_token": jwt(b'{"exp": %d}' % int(clock.now().timestamp() + 5000))}
        lifetime = 5000
    vendor.answers(TOKEN_PATH, answer)
    client = make_client()
    assert (await client._tokens._fetch())[1] == timedelta(seconds=lifetime)


@pytest.mark.parametrize(
    "stale",
    [
        {"status": 401, "payload": {"error": "access_denied"}},
        {"status": 401, "body": ""},
        {"code": 401, "message": "token expired"},
        {"error_code": "401"},
    ],
)
async def test_a_stale_token_is_replaced_and_the_call_repeated_once(vendor, make_client, clock, stale):
    vendor.answers(TOKEN_PATH, TOKEN, {**TOKEN, "access_token": "t2"})
    vendor.answers(LIST, stale, EMPTY)
    await make_client().fetch_page(PRODUCT, {})
    assert [asked for asked, _ in vendor.requests] == [TOKEN_PATH, LIST, TOKEN_PATH, LIST]
    assert vendor.requests[3][1]["headers"]["Authorization"] == "Bearer t2"
    assert clock.slept == []


async def test_a_fresh_token_that_is_refused_too_stops_it(vendor, make_client):
    vendor.answers(TOKEN_PATH, TOKEN)
    vendor.answers(LIST, {"status": 401, "body": ""})
    with pytest.raises(CannotWorkError) as caught:
        await make_client().fetch_page(PRODUCT, {})
    assert caught.value.reason is StopReason.CREDENTIALS
    assert "auth_prefix" in str(caught.value)
    assert vendor.count(LIST) == 2
