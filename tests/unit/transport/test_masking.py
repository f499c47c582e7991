"""Secrets taken out of texts that were cut, and the tokens that are to be known for it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.clock import SystemClock
from xmsyncd.transport.masking import Mask
from xmsyncd.transport.token import TokenSource

TOKEN = "eyJ0eXAiOiJKV1QifQ.cGF5bG9hZA.c2lnbmF0dXJl"


@given(st.integers(min_value=8, max_value=len(TOKEN)))
def test_a_secret_that_lost_its_end_in_a_cut_text_is_taken_out(kept: int):
    assert Mask([TOKEN]).cut_text(f"refused: {TOKEN[:kept]}") == "refused: [secret]"


def test_a_text_that_only_begins_alike_stays():
    assert Mask([TOKEN]).cut_text("refused: eyJ") == "refused: eyJ"
    assert Mask([TOKEN]).cut_text(f"{TOKEN} refused") == "[secret] refused"
    assert Mask([]).cut_text("refused") == "refused"


async def test_a_source_remembers_the_last_few_tokens_it_had():
    given_out = iter(f"token-{number}" for number in range(10))

    async def fetch() -> tuple[str, timedelta]:
        return next(given_out), timedelta(hours=8)

    source = TokenSource(fetch, renew_before=timedelta(minutes=5), clock=SystemClock())
    token = await source.get()
    for _ in range(6):
        token = await source.renew(token)
    assert source.recent == ("token-3", "token-4", "token-5", "token-6")
