"""What is in doubt is looked for: found, sent again only beside a witness, or left to a person."""

from __future__ import annotations

from pathlib import Path

from tests.unit.delivery.running import Running, running
from tests.unit.ledger import sample
from xmsyncd.clock import SystemClock
from xmsyncd.errors import RefusedError, TryLaterError
from xmsyncd.ledger import people
from xmsyncd.records import Found, KeyValue


def searches(one: Running) -> int:
    return sum(call.startswith("search") for call in one.yida.calls)


async def test_a_create_whose_answer_is_lost_is_found_and_not_sent_again(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 1)
        await one.until_states(every="delivered")
        assert one.yida.calls == ["create", "search K1"]


async def test_a_create_that_never_arrived_is_sent_again_beside_a_witness(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(1, 1)
        await one.until_states(K1="undecided")
        await one.products(2, 2)
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "", "K2": ""}
        notes = [settled.note for settled in one.told.looked]
        assert notes[-1] in ("witnessed", "no_witness")


async def test_without_a_witness_only_one_is_sent_again_and_then_it_is_the_witness(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_call] * 4)
        await one.products(1, 4)
        await one.until_states(every="delivered")
        assert sorted(one.yida.contents) == ["K1", "K2", "K3", "K4"]
        notes = [look.note for look in one.told.looked if look.event.finding == "absent"]
        assert notes == ["no_witness", "witnessed", "witnessed", "witnessed"]


async def test_the_one_that_is_sent_again_does_not_stand_in_its_own_way(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_call] * 2)
        await one.products(1, 1)
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": ""}
        notes = [look.note for look in one.told.looked if look.event.finding == "absent"]
        assert notes == ["no_witness", "no_witness"]


async def test_one_that_never_arrives_is_parked_after_two_resends_and_lets_the_others_go_on(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.always = one.yida.lose_the_call
        await one.products(1, 2)
        await one.until_states(every="parked")
        assert one.yida.calls.count("create") == 6
        assert one.yida.contents == {}


async def test_a_frozen_index_leads_to_no_double_and_after_the_thaw_all_is_decided(tmp_path: Path):
    async with running(tmp_path) as one:
        await one.products(1, 2)
        await one.until_states(every="delivered")
        one.yida.is_frozen = True
        one.yida.script.extend([one.yida.lose_the_answer] * 3)
        await one.products(3, 6)
        await one.until_states(K6="delivered")
        at_first = searches(one)

        async def looked_often() -> bool:
            return searches(one) > at_first + 20

        await one.until(looked_often)
        assert (await one.states())["3"] == "undecided"
        assert one.yida.created == 6
        one.yida.is_frozen = False
        one.yida.hidden.clear()
        await one.until_states(every="delivered")
        assert sorted(one.yida.contents) == [f"K{n}" for n in range(1, 7)]


async def test_a_create_in_doubt_whose_product_is_renamed_and_edited_is_one_instance(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 1)
        await one.until_states(K1="undecided")
        await one.stage(sample.draft_entry("1", "K9", "renamed", SystemClock().now()))
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K9": "renamed"}
        assert one.yida.created == 1


async def test_a_witness_that_is_gone_from_yida_parks_its_own_product_at_once(tmp_path: Path):
    """It used to say delivered until its product changed the next time."""
    async with running(tmp_path) as one:
        await one.products(1, 2)
        await one.until_states(every="delivered")
        (gone,) = [
            found for found in one.yida.instances if one.yida.instances[found]["textField_key"] == "K2"
        ]
        del one.yida.instances[gone]
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(3, 3)
        await one.until_states(K1="delivered", K2="parked", K3="delivered")
        assert await one.column("2", "block_reason") == "instance_gone"
        assert one.told.vanished == [(gone, "K2")]


async def test_an_update_in_doubt_is_sent_again_until_it_shows(tmp_path: Path):
    async with running(tmp_path) as one:
        await one.products(1, 1)
        await one.until_states(every="delivered")
        one.yida.script.extend([one.yida.lose_the_call, one.yida.lose_the_answer])
        await one.products(1, 1, "second")
        await one.until_states(K1="undecided")
        await one.products(1, 1, "third")
        await one.until_states(every="delivered")
        assert one.yida.contents == {"K1": "third"}


async def test_one_that_yida_will_not_show_does_not_hold_up_the_others(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_answer] * 3)
        one.yida.read_error = lambda key: RefusedError("no") if key == "K1" else None
        await one.products(1, 3)
        await one.until_states(K2="delivered", K3="delivered")
        assert (await one.states())["1"] == "undecided"
        one.yida.read_error = lambda key: None
        await one.until_states(every="delivered")


async def test_what_was_looked_at_before_an_error_counts(tmp_path: Path):
    async with running(tmp_path) as one:
        one.yida.script.extend([one.yida.lose_the_answer] * 3)
        one.yida.read_error = lambda key: TryLaterError("busy") if key == "K2" else None
        await one.products(1, 3)
        await one.until_states(K1="delivered")
        one.yida.read_error = lambda key: None
        await one.until_states(every="delivered")


async def test_without_reading_back_nobody_looks_until_a_person_asks_and_then_once(tmp_path: Path):
    async with running(tmp_path, read_back=False) as one:
        one.yida.script.append(one.yida.lose_the_call)
        await one.products(1, 2)
        await one.until_states(K1="undecided", K2="delivered")
        record_id = await one.ledger.read(sample.record_id, "1")
        await one.ledger.write(people.retry, record_id, resend=False, now=SystemClock().now())
        one.bell.ring()

        async def looked() -> bool:
            return len(one.told.looked) == 1

        await one.until(looked)
        assert (await one.states())["1"] == "undecided"
        assert await one.column("1", "due_ms") is None
        await one.ledger.write(people.retry, record_id, resend=True, now=SystemClock().now())
        one.bell.ring()
        await one.until_states(every="delivered")


async def test_one_search_that_is_answered_wrongly_doubles_nothing(tmp_path: Path):
    """Beside a witness that is visible it shows nothing; asked again at once it shows what is there."""
    async with running(tmp_path) as one:
        search, asked, wrong = one.yida.search, [KeyValue("")], 0

        async def forgetful(key: KeyValue) -> tuple[Found, ...]:
            nonlocal wrong
            asked.append(key)
            if key != "K1" or asked[-2] == "K1":
                return await search(key)
            wrong += 1
            return ()

        one.yida.search = forgetful  # type: ignore[method-assign]
        one.yida.script.append(one.yida.lose_the_answer)
        await one.products(1, 2)
        await one.until_states(every="delivered")
        assert wrong
        assert one.yida.created == 2
