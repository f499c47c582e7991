"""Only who has the token, on a page of ours, may have something done."""

from __future__ import annotations

import pytest

from xmsyncd.console.guarding import Refusal, refusal

OWN = {
    "Host": "127.0.0.1:9464",
    "Origin": "http://127.0.0.1:9464",
    "Sec-Fetch-Site": "same-origin",
    "Content-Type": "application/json; charset=utf-8",
    "Authorization": "Bearer a-long-secret",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"Origin": None, "Sec-Fetch-Site": None}, None),  # a program, not a browser
        ({"Authorization": "bearer a-long-secret"}, None),
        ({"Origin": "https://evil.example"}, Refusal.CROSS_SITE),
        ({"Origin": "http://127.0.0.1:9465"}, Refusal.CROSS_SITE),
        ({"Origin": "http://127.0.0.1:9464.evil.example"}, Refusal.CROSS_SITE),
        ({"Origin": "null"}, Refusal.CROSS_SITE),
        ({"Origin": "http://[broken"}, Refusal.CROSS_SITE),
        ({"Origin": ""}, Refusal.CROSS_SITE),
        ({"Sec-Fetch-Site": "cross-site"}, Refusal.CROSS_SITE),
        ({"Sec-Fetch-Site": "same-site"}, Refusal.CROSS_SITE),
        ({"Sec-Fetch-Site": "none"}, Refusal.CROSS_SITE),
        ({"Content-Type": "text/plain"}, Refusal.NOT_JSON),
        ({"Content-Type": None}, Refusal.NOT_JSON),
        ({"Authorization": None}, Refusal.TOKEN),
        ({"Authorization": "Bearer "}, Refusal.TOKEN),
        ({"Authorization": "Bearer a-long-secre"}, Refusal.TOKEN),
        ({"Authorization": "Bearer a-long-secret2"}, Refusal.TOKEN),
        ({"Authorization": "Basic a-long-secret"}, Refusal.TOKEN),
        ({"Authorization": "Bearer ключ\udcff"}, Refusal.TOKEN),
    ],
)
def test_what_is_refused_and_why(changes, expected):
    headers = {name: value for name, value in {**OWN, **changes}.items() if value is not None}
    assert refusal(headers, "a-long-secret") is expected


def test_without_a_token_nobody_may():
    assert refusal(OWN, None) is Refusal.READ_ONLY
    assert refusal({**OWN, "Authorization": "Bearer "}, None) is Refusal.READ_ONLY
