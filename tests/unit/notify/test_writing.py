"""What the daemon says by itself, and when the digest is due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from xmsyncd.ledger.states import VisibleState
from xmsyncd.notify import words
from xmsyncd.notify.changes import Problem, Recovery
from xmsyncd.notify.notifier import death_message, digest_due
from xmsyncd.notify.picture import Condition, Day, Kind, PipelineDay
from xmsyncd.notify.writing import Letterhead, change_notice, digest_notice
from xmsyncd.observe.quota import Quota, QuotaReading

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HEAD = Letterhead(ZoneInfo("Asia/Shanghai"), "https://sync.example.com", "https://wiki.example.com/runbook")


def test_every_kind_has_its_words():
    for table in (words.TITLES, words.RECOVERED, words.RUNBOOK):
        assert set(table) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_every_problem_and_recovery_can_be_written(kind):
    condition = Condition(
        kind, "products", "credentials", 5, NOW, "5000", (("ambiguous", 3), ("E_7", 2)), NOW
    )
    problem = change_notice(Problem(condition), NOW, HEAD)
    assert "故障 products" in problem.title
    assert f"runbook#{words.RUNBOOK[kind]})" in problem.text
    recovery = change_notice(Recovery(kind, "products", NOW - timedelta(hours=1)), NOW, HEAD)
    assert recovery.title.startswith("🟢 恢复 products")
    assert "11-23 13:00 – 11-23 14:00" in recovery.text
    assert problem.id != recovery.id


def test_a_vendors_text_is_one_line_without_markdown():
    detail = "bad\n# [x](http://y) <b>"
    text = change_notice(Problem(Condition(Kind.STOPPED, "p", "quota", detail=detail)), NOW, HEAD).text
    assert "](http://y)" not in text
    assert "\n# " not in text


def test_the_digest_tells_freshness_results_and_quota():
    backlog = {state.value: 0 for state in VisibleState} | {"delivered": 1234, "parked": 3}
    pipeline = PipelineDay(
        "products",
        None,
        NOW - timedelta(minutes=7),
        {"done": 140, "failed": 4},
        {"create": 20, "update": 1100},
        backlog,
        1,
        [{"state": "parked", "reason": "ambiguous", "count": 3}],
    )
    quota = QuotaReading(Quota("main", 5000, 250), "2026-11", 4321, 0, {}, False, NOW + timedelta(days=2))
    text = digest_notice(Day([pipeline], [quota]), NOW - timedelta(days=1), NOW, HEAD).text
    for part in ("(7 min)", "144", "failed or unproven: 4", "created 20", "updated 1,100", "已送达 1,234"):
        assert part in text
    assert "已有相似记录 (ambiguous): 3" in text
    assert "4,321 / 5,000" in text


AT_9 = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ("2026-11-22", AT_9 - timedelta(seconds=1), None),
        ("2026-11-22", AT_9, ("2026-11-23", True)),
        ("2026-11-22", AT_9 + timedelta(hours=5), ("2026-11-23", True)),
        ("2026-11-22", AT_9 + timedelta(hours=7), ("2026-11-23", False)),
        ("2026-11-23", AT_9 + timedelta(hours=1), None),
        ("2026-11-24", AT_9 + timedelta(hours=1), None),
        (None, AT_9 + timedelta(hours=1), ("2026-11-23", False)),
        (None, AT_9 - timedelta(hours=1), ("2026-11-22", False)),
    ],
)
def test_the_digest_is_told_once_a_day_at_its_hour(last, now, expected):
    assert digest_due("09:00", HEAD, last, now) == expected


def test_the_last_words_have_one_key_within_an_hour():
    def key(detail: str, now: datetime) -> str:
        return death_message(Condition(Kind.DIED, "xmsyncd", detail=detail), now, HEAD).uuid

    assert key("disk full", NOW) == key("disk full", NOW + timedelta(minutes=59))
    assert key("disk full", NOW) != key("disk full", NOW + timedelta(minutes=60))
    assert key("disk full", NOW) != key("other", NOW)
