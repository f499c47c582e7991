"""How fast each connection is called: what is slower than it may be, one by one, and the rest as a whole."""

from __future__ import annotations

from tests.console_status import limit
from xmsyncd.console.pace import paces


def test_what_is_slow_stands_one_by_one_and_the_rest_of_a_connection_as_a_whole():
    paused, slow = limit("start", 20.0, 3.0, "qps"), limit("update", 4.2)
    okki, other = limit("all", api="okki"), {**limit("all", 0.2, api="okki"), "connection": "other"}
    found = list(paces([okki, paused, slow, limit("search", 19.9), other]))
    assert [(one.vendor, one.connection, one.slowed, one.full) for one in found] == [
        ("okki", "main", [], 20.0),
        ("dingtalk", "main", [paused, slow], 20.0),
        ("okki", "other", [other], None),
    ]
    assert list(paces([])) == []
