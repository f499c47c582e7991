"""The table mechanism: the first row that matches decides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Rule, VendorWords, classify
from xmsyncd.transport.reply import Fault, Reply

TABLE = (
    Rule(Family.THROTTLED, status=403, code="Forbidden.AccessDenied.Qps*", wait=timedelta(seconds=1)),
    Rule(Family.STOP, status=403, stop=StopReason.PERMISSION),
    Rule(Family.REFUSED, text="不存在|not exist"),
    Rule(Family.TRY_LATER, status=range(500, 600)),
)


def verdict(reply: Reply, code: str = "", message: str = "", request_id: str = ""):
    return classify(reply, VendorWords(code, message, request_id), TABLE, Family.UNDECIDED)


def test_the_first_row_that_matches_decides():
    throttled = verdict(Reply(status=403), "forbidden.accessdenied.QpsLimitForApi")
    assert (throttled.family, throttled.wait, throttled.rule) == (
        Family.THROTTLED,
        timedelta(seconds=1),
        TABLE[0],
    )
    assert verdict(Reply(status=403), "other").stop_reason is StopReason.PERMISSION
    assert verdict(Reply(status=200), "1", "The product does NOT EXIST").family is Family.REFUSED
    assert verdict(Reply(status=502)).family is Family.TRY_LATER


def test_what_no_row_knows_is_the_default_and_says_so():
    unknown = verdict(Reply(status=418), "teapot", "short", "r-1")
    assert (unknown.family, unknown.rule) == (Family.UNDECIDED, None)
    assert (unknown.code, unknown.message, unknown.request_id) == ("teapot", "short", "r-1")


def test_a_time_that_the_vendor_tells_wins_over_the_rows():
    told = verdict(Reply(status=403, retry_after=timedelta(seconds=9)), "Forbidden.AccessDenied.QpsX")
    assert told.wait == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("fault", "family"), [(Fault.NOT_SENT, Family.NOT_SENT), (Fault.LOST, Family.UNDECIDED)]
)
def test_a_broken_way_is_decided_before_the_table(fault, family):
    anything = (Rule(Family.REFUSED),)
    broken = classify(Reply(fault=fault, detail="why"), ("", "", ""), anything, Family.REFUSED)
    assert (broken.family, broken.code, broken.message) == (family, fault.value, "why")


def test_a_broken_table_shows_when_it_is_loaded():
    with pytest.raises(ValueError, match="stop reason"):
        Rule(Family.STOP)
    with pytest.raises(ValueError, match="stop reason"):
        Rule(Family.REFUSED, stop=StopReason.QUOTA)
    with pytest.raises(Exception, match="unterminated"):
        Rule(Family.REFUSED, text="[")


def test_words_cut_within_an_emoji_fit_into_any_database():
    """A code with half a surrogate pair once ended the daemon, at every start."""
    cut = verdict(Reply(status=418), "code\ud83d", "words\ud83d", "id\ud83d")
    for text in (cut.code, cut.message, cut.request_id):
        assert text.encode()
        assert text.endswith("\\ud83d")
