"""When trouble is told: pure decisions over a clock of plain numbers."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

from xmsyncd.observe.outages import Outages, OutageStage, Turns, VendorAway
from xmsyncd.observe.unknown_answers import Telling, UnknownAnswers

MINUTE = timedelta(minutes=1)
KEY = ("dingtalk", "main")


def outages() -> Outages:
    return Outages(MINUTE)


def test_lines_about_one_thing_come_ever_seldomer_and_count_what_was_held_back():
    turns = Turns(MINUTE)
    told = [second for second in range(4000) if turns.take(second)]
    assert told == [0, 60, 180, 420, 900, 1800, 2700, 3600]
    assert turns.held_back == 3999 - 3600


def test_after_it_is_over_the_next_line_comes_after_one_interval_again():
    turns = Turns(MINUTE)
    for second in range(1000):
        turns.take(second)
    turns.begin_again(1000)
    assert not turns.take(1059)
    assert turns.take(1060)
    assert not turns.take(1120)


def test_who_is_away_is_known_from_the_first_failure_to_the_latest():
    seen = outages()
    for second in (0, 9):
        seen.failed(KEY, "token", "not_sent", second)
    assert seen.away(200) == []  # it may have passed by itself
    seen.failed(KEY, "token", "lost", 30)
    assert seen.away(40) == [VendorAway(*KEY, 40, 30, 3, {"not_sent": 2, "lost": 1})]
    assert seen.away(30 + 3599) != []
    assert seen.away(30 + 3600) == []  # nothing was tried since, so nobody knows
    seen.failed(KEY, "token", "lost", 4000)
    assert [one.seconds for one in seen.away(4000)] == [4000]
    seen.answered(KEY, "start", 4001, token="token")
    assert seen.away(4001) == []


def test_one_call_that_fails_among_others_is_a_hiccup_told_at_most_once_a_minute():
    seen = outages()
    lines = []
    for second in range(240):
        lines.append(seen.failed(KEY, "start", "lost", second))
        lines.append(seen.answered(KEY, "start", second + 0.5, token="token"))
    told = [line for line in lines if line is not None]
    assert {line.stage for line in told} == {OutageStage.HICCUP}
    assert len(told) == 4
    assert [line.failed for line in told] == [1, 60, 60, 60]
    assert not any(line.needs_a_person for line in told)


def test_an_outage_is_told_once_it_has_lasted_then_seldom_then_that_it_is_over():
    seen = outages()
    lines = []
    for tenth in range(0, 6000, 2):
        for number in range(3):
            line = seen.failed(KEY, "start", "not_sent" if number else "lost", tenth / 10)
            if line is not None:
                lines.append(line)
    assert [line.stage for line in lines] == [OutageStage.AWAY, *[OutageStage.STILL_AWAY] * 3]
    assert [round(line.seconds) for line in lines] == [10, 70, 190, 430]
    assert [line.needs_a_person for line in lines] == [False, False, False, True]
    back = seen.answered(KEY, "start", 600, token="token")
    assert back is not None
    assert (back.stage, back.seconds, back.failed) == (OutageStage.BACK, 600, 9000)
    assert back.causes == {"lost": 3000, "not_sent": 6000}
    assert seen.answered(KEY, "start", 601, token="token") is None


def test_another_kind_of_call_that_works_does_not_end_it_but_proves_the_token():
    seen = outages()
    seen.failed(KEY, "token", "lost", 0)
    for second in range(20):
        seen.failed(KEY, "start", "innerError", second)
        assert seen.answered(KEY, "search", second, token="token") is None
    back = seen.answered(KEY, "start", 21, token="token")
    assert back is not None
    assert back.stage is OutageStage.BACK
    assert back.endpoints == ("start", "token")


def test_a_kind_of_call_that_is_not_made_any_more_does_not_keep_it_from_being_over():
    seen = outages()
    for second in range(20):
        seen.failed(KEY, "search", "lost", second)
    assert seen.answered(KEY, "start", 100, token="token") is None
    back = seen.answered(KEY, "start", 400, token="token")
    assert back is not None
    assert back.stage is OutageStage.BACK


def test_time_alone_brings_the_line_of_an_outage_in_which_nothing_is_called():
    seen = outages()
    assert seen.failed(KEY, "list", "lost", 0) is None
    assert list(seen.due(5)) == []
    [(key, line)] = seen.due(12)
    assert (key, line.stage, line.failed) == (KEY, OutageStage.AWAY, 1)
    assert list(seen.due(60)) == []


def test_two_connections_are_two_outages():
    seen = outages()
    other = ("okki", "main")
    for second in range(11):
        line = seen.failed(KEY, "start", "lost", second)
        other_line = seen.failed(other, "list", "lost", second)
    assert line is not None
    assert other_line is not None
    assert seen.answered(KEY, "start", 12, token="token") is not None
    assert seen.take_turn(other, 12) is False
    assert seen.take_turn(("okki", "second"), 12) is True


def test_at_most_one_line_a_minute_and_one_when_it_is_over_whatever_happens():
    for seed in range(20):
        rng = random.Random(seed)
        seen, now, told, over = outages(), 0.0, [], 0
        share = rng.choice([0.02, 0.5, 0.95, 1.0])
        while now < 3600:
            now += rng.expovariate(5)
            endpoint = rng.choice(["start", "update", "search", "token"])
            if rng.random() < share:
                line = seen.failed(KEY, endpoint, f"cause {rng.randrange(100)}", now)
            else:
                line = seen.answered(KEY, endpoint, now, token="token")
            if rng.random() < 0.05:
                found = list(seen.due(now))
                line = line or (found[0][1] if found else None)
            if line is not None and line.stage is OutageStage.BACK:
                over += 1
            elif line is not None:
                told.append(now)
                assert len(line.causes) <= 21
        assert all(after - before >= 60 for before, after in pairwise(told))
        assert over <= len(told)


def test_an_unknown_answer_is_told_once_for_each_kind_of_call_and_code():
    unknown = UnknownAnswers()
    assert unknown.seen("main", "dingtalk", "start", "new.code") is Telling.TELL
    assert unknown.seen("main", "dingtalk", "start", "new.code") is Telling.KNOWN
    assert unknown.seen("main", "dingtalk", "update", "new.code") is Telling.TELL
    assert unknown.seen("second", "dingtalk", "start", "new.code") is Telling.TELL


def test_codes_that_hold_data_fill_neither_memory_nor_log():
    unknown = UnknownAnswers()
    tellings = [unknown.seen("main", "okki", "list", f"code-{number}") for number in range(10_000)]
    assert tellings.count(Telling.TELL) == 99
    assert tellings.count(Telling.TELL_AS_LAST) == 1
    assert tellings[99] is Telling.TELL_AS_LAST
