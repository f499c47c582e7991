"""What a robot has still to say: nothing twice, nothing lost, never too fast."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.ledger import Ledger
from xmsyncd.notify import outbox
from xmsyncd.notify.outbox import Notice, Outbox
from xmsyncd.records import Family
from xmsyncd.transport.classify import Verdict

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SENT = Verdict(Family.DELIVERED)


def notice(number: int, text: str = "文") -> Notice:
    return Notice(f"id-{number}", f"title {number}", f"{text} {number}")


def box_with(*numbers: int) -> Outbox:
    return outbox.put(Outbox(), tuple(notice(one) for one in numbers), NOW)


def test_nothing_to_say_is_never_due():
    assert outbox.due_at(Outbox(), 6, NOW) is None


def test_one_notice_is_one_message_as_it_is():
    message = outbox.message(outbox.begin(box_with(1), NOW))
    assert (message.title, message.text) == ("title 1", "文 1")


def test_what_accumulated_goes_out_together():
    message = outbox.message(outbox.begin(box_with(1, 2, 3), NOW))
    assert message.title.startswith("3 条通知")
    assert all(f"文 {number}" in message.text for number in (1, 2, 3))


@pytest.mark.parametrize(
    "family", [Family.TRY_LATER, Family.UNDECIDED, Family.NOT_SENT, Family.THROTTLED, Family.STOP]
)
def test_sent_again_it_is_the_same_message_with_the_same_key(family):
    begun = outbox.begin(box_with(1), NOW)
    after = outbox.settle(begun, Verdict(family), NOW)
    after = outbox.put(after, (notice(2),), NOW)  # what came meanwhile is for the next message
    assert outbox.message(outbox.begin(after, NOW + SECOND)) == outbox.message(begun)


def test_a_process_that_died_after_sending_sends_the_same_again():
    begun = outbox.begin(box_with(1, 2), NOW)
    assert outbox.message(outbox.begin(begun, NOW + timedelta(hours=1))) == outbox.message(begun)


def test_after_success_the_rest_has_a_key_of_its_own():
    begun = outbox.begin(box_with(1), NOW)
    after = outbox.settle(outbox.put(begun, (notice(2),), NOW), SENT, NOW)
    next_one = outbox.message(outbox.begin(after, NOW + SECOND))
    assert next_one.text == "文 2"
    assert next_one.uuid != outbox.message(begun).uuid


def test_never_more_than_the_bound_in_any_minute():
    box, now, sent = Outbox(), NOW, []
    for number in range(40):
        box = outbox.put(box, (notice(number),), now)
        due = outbox.due_at(box, 6, now)
        assert due is not None
        if due <= now:
            box = outbox.settle(outbox.begin(box, now), SENT, now)
            sent.append(now)
        now += SECOND * 2
    assert max(sum(1 for one in sent if at - timedelta(minutes=1) < one <= at) for at in sent) == 6


def test_a_clock_that_is_set_back_does_not_silence_the_robot():
    box = outbox.settle(outbox.begin(box_with(1), NOW), Verdict(Family.STOP), NOW)
    earlier = NOW - timedelta(days=300)
    due = outbox.due_at(box, 6, earlier)
    assert due is not None
    assert due - earlier <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("family", "wait"),
    [
        (Family.THROTTLED, timedelta(minutes=10)),
        (Family.STOP, timedelta(hours=1)),
        (Family.TRY_LATER, SECOND * 10),
    ],
)
def test_waits(family, wait):
    box = outbox.settle(outbox.begin(box_with(1), NOW), Verdict(family), NOW)
    assert outbox.due_at(box, 6, NOW) == NOW + wait


def test_waits_grow_up_to_ten_minutes():
    box, now = box_with(1), NOW
    for _ in range(30):
        box = outbox.settle(outbox.begin(box, now), Verdict(Family.TRY_LATER), now)
        due = outbox.due_at(box, 6, now)
        assert due is not None
        assert due - now <= timedelta(minutes=10)
        now = due


def test_a_refused_text_is_said_once_more_by_its_titles_and_then_dropped():
    begun = outbox.begin(box_with(1, 2), NOW)
    refused = outbox.settle(begun, Verdict(Family.REFUSED), NOW)
    plain = outbox.begin(refused, NOW)
    assert outbox.message(plain).text == "- title 1\n- title 2"
    assert outbox.message(plain).uuid != outbox.message(begun).uuid
    assert outbox.settle(plain, Verdict(Family.REFUSED), NOW).waiting == ()


def test_the_same_notice_given_again_is_no_second_one_until_it_may_be_a_reminder():
    box = outbox.settle(outbox.begin(box_with(1), NOW), SENT, NOW)
    assert outbox.put(box, (notice(1),), NOW + SECOND).waiting == ()
    assert len(outbox.put(box, (notice(1),), NOW + timedelta(hours=1)).waiting) == 1


def test_the_oldest_make_room_are_counted_and_told():
    box = outbox.put(outbox.begin(box_with(0), NOW), tuple(notice(number) for number in range(1, 150)), NOW)
    assert len(box.waiting) == 100
    assert box.left_out == 50
    assert box.waiting[0].id == "id-0"  # that message is on its way
    box = outbox.settle(box, SENT, NOW)
    assert "50 条更早的通知" in outbox.message(outbox.begin(box, NOW)).text


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=30))
def test_a_message_fits_and_all_is_said_in_order(sizes):
    said: list[str] = []
    box = outbox.put(Outbox(), tuple(notice(n, "文" * size) for n, size in enumerate(sizes)), NOW)
    while box.waiting:
        box = outbox.begin(box, NOW)
        assert len(outbox.message(box).text.encode()) <= 18_200
        assert box.batch is not None
        said += box.batch.ids
        box = outbox.settle(box, SENT, NOW)
    assert said == [f"id-{number}" for number in range(len(sizes))]


async def test_the_ledger_keeps_all_of_it(ledger: Ledger):
    box = replace(outbox.begin(box_with(1, 2), NOW), left_out=3, not_before_ms=5)
    await ledger.write(outbox.change, "ops", lambda before: box)
    assert await ledger.read(outbox.load, "ops") == box
    assert await ledger.read(outbox.load, "other") == Outbox()


@pytest.fixture
async def ledger(tmp_path):
    from xmsyncd.clock import SystemClock

    async with Ledger(tmp_path / "ledger.db", clock=SystemClock()) as opened:
        yield opened
