"""What did not go through is listed by reason, and tried again or let go as a person says."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.ledger import sample
from tests.unit.ledger.sample import NOW, draft_entry, rejected_entry
from tests.unit.operations.doubles import Opened
from xmsyncd.errors import CannotWorkError, ConfigurationError, TryLaterError
from xmsyncd.ledger import adopting, cycles, pipelines
from xmsyncd.ledger.adopting import Stray
from xmsyncd.ledger.people import Selection
from xmsyncd.ledger.views import StageEntry, Stop
from xmsyncd.operations import failure_list, failures
from xmsyncd.operations.exit_status import UnknownRecordError
from xmsyncd.records import (
    ContentHash,
    Family,
    Filtered,
    InstanceId,
    KeyValue,
    Operation,
    Rejection,
    RejectionReason,
    SourceId,
    StopReason,
)
from xmsyncd.settings import OnDelete
from xmsyncd.settings.pipelines import DeletedMarkSettings

ALL = Selection(everything=True)


def some_of_each(connection: sqlite3.Connection) -> None:
    """1 delivered, 2 parked, 3 undecided, 4 rejected, 5 waiting for the key of 1."""
    sample.stage(connection, draft_entry("1", "A"), draft_entry("2", "B"), draft_entry("3", "C"))
    for one in sample.claim(connection):
        match one.key:
            case "A":
                delivered = one
            case "B":
                sample.settle(connection, one, Family.REFUSED)
            case _:
                sample.settle(connection, one, Family.UNDECIDED, due_at=NOW + timedelta(hours=1))
    sample.settle(connection, delivered)  # a success convicts the suspect
    sample.stage(connection, rejected_entry("4", no="D"), draft_entry("5", "A"))


async def states(opened: Opened) -> dict[str, str]:
    return await opened.ledger.read(sample.states)


async def one_value(opened: Opened, sql: str) -> Any:
    return await opened.ledger.read(lambda connection: connection.execute(sql).fetchone()[0])


async def test_the_list_counts_by_reason_and_shows_what_failed(opened: Opened):
    await opened.ledger.write(some_of_each)
    assert await states(opened) == {
        "1": "delivered",
        "2": "parked",
        "3": "undecided",
        "4": "rejected",
        "5": "waiting",
    }
    shown = await failure_list.listed(opened.runtime, [opened.pipeline])
    assert shown["total"] == 4
    assert {(one["state"], one["reason"], one["count"]) for one in shown["groups"]} == {
        ("parked", "code", 1),
        ("undecided", "undecided", 1),
        ("rejected", "empty_key", 1),
        ("waiting", "key_conflict", 1),
    }
    assert [one["source_id"] for one in shown["records"]] == ["2", "3", "4", "5"]
    assert shown["records"][2]["detail"] == "found nothing, expected a key"


async def test_the_list_is_narrowed_by_reason_and_state(opened: Opened):
    await opened.ledger.write(some_of_each)
    by_reason = await failure_list.listed(opened.runtime, [opened.pipeline], reason="empty_key")
    assert (by_reason["total"], [one["source_id"] for one in by_reason["records"]]) == (1, ["4"])
    by_state = await failure_list.listed(opened.runtime, [opened.pipeline], state="waiting")
    assert [one["source_id"] for one in by_state["records"]] == ["5"]
    with pytest.raises(ConfigurationError, match="parked, undecided"):
        await failure_list.listed(opened.runtime, [opened.pipeline], state="delivered")


async def test_the_list_shows_no_more_rows_than_asked_for_and_counts_all(opened: Opened):
    await opened.ledger.write(some_of_each)
    shown = await failure_list.listed(opened.runtime, [opened.pipeline], limit=1)
    assert (shown["total"], len(shown["records"])) == (4, 1)


async def test_retry_all_sends_what_was_parked_looks_for_what_is_undecided_and_maps_anew(opened: Opened):
    await opened.ledger.write(some_of_each)
    opened.rung.clear()
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["total"] == 3
    assert result["counts"] == {"pending": 2, "undecided": 1}
    changes = {one["source_id"]: (one["before"], one["after"]) for one in result["records"]}
    assert changes == {
        "2": ("parked", "pending"),
        "3": ("undecided", "undecided"),
        "4": ("rejected", "pending"),
    }
    due = "SELECT count(*) FROM records WHERE source_id IN ('2', '3', '4') AND due_ms <= 1e13"
    assert await one_value(opened, due) == 3
    assert opened.rung.is_set()


async def test_a_rejected_record_is_mapped_from_the_item_and_detail_that_were_kept(opened: Opened):
    entry = replace(rejected_entry("4", no="D"), detail={"product_type": "1"})
    await opened.ledger.write(lambda connection: sample.stage(connection, entry))
    await failures.retry(opened.runtime, [opened.pipeline], ALL)
    ((item, known),) = opened.shaper.shaped
    assert item.raw["no"] == "D"
    assert known.detail == {"product_type": "1"}
    assert known.listed_hash == item.listed_hash, "so that the detail counts as the item's own"
    assert known.context_hash != opened.shaper.context, "so that it is mapped at all"
    assert await one_value(opened, "SELECT key FROM records WHERE source_id = '4'") == "D"
    assert await one_value(opened, "SELECT count(*) FROM history WHERE event = 'retried'") == 1


async def test_mapping_again_does_not_disturb_the_balance_of_the_cycle(opened: Opened):
    await opened.ledger.write(lambda connection: sample.stage(connection, rejected_entry("4", no="D")))
    before = sum((await opened.ledger.read(cycles.decisions, 1)).values())
    await failures.retry(opened.runtime, [opened.pipeline], ALL)
    decisions = await opened.ledger.read(cycles.decisions, 1)
    assert sum(decisions.values()) == before
    assert decisions == {"create": 1}


async def test_what_is_rejected_again_says_why(opened: Opened):
    await opened.ledger.write(lambda connection: sample.stage(connection, rejected_entry("4", no="D")))
    opened.shaper.answer = rejected_entry("4", reason=RejectionReason.REQUIRED, no="D")
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"rejected": 1}
    assert result["records"][0]["note"] == "found nothing, expected a key"
    assert result["error"] is None


async def test_what_okki_has_shown_since_is_not_undone_by_a_retry(opened: Opened):
    """A cycle stages a newer listing of the same second while the item that was kept is mapped."""
    await opened.ledger.write(lambda connection: sample.stage(connection, rejected_entry("4", no="D")))
    shape = opened.shaper.shape

    async def overtaken(items: Any, known: Any, **more: Any) -> Any:
        entries = await shape(items, known, **more)
        newer = rejected_entry("4", reason=RejectionReason.REQUIRED, no="E")
        await opened.ledger.write(lambda connection: sample.stage(connection, newer))
        return entries

    opened.shaper.shape = overtaken  # type: ignore[method-assign]
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"rejected": 1}
    assert result["records"][0]["note"] == "OKKI has shown something new of it in the meantime"
    opened.shaper.shape = shape  # type: ignore[method-assign]
    await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert await one_value(opened, "SELECT key FROM records WHERE source_id = '4'") == "E"


async def test_an_entry_without_an_id_is_never_mapped(opened: Opened):
    entry = rejected_entry("unreadable:abc", reason=RejectionReason.UNREADABLE, no="D")
    await opened.ledger.write(lambda connection: sample.stage(connection, entry))
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"rejected": 1}
    assert "without an id" in result["records"][0]["note"]
    assert opened.shaper.shaped == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TryLaterError("OKKI is away"), 3),
        (CannotWorkError("wrong secret", reason=StopReason.CREDENTIALS), 4),
    ],
)
async def test_okki_is_asked_once_and_the_others_are_tried_all_the_same(opened: Opened, error, status):
    def staged(connection: sqlite3.Connection) -> None:
        some_of_each(connection)
        sample.stage(connection, rejected_entry("6", no="E"), rejected_entry("7", no="F"))

    await opened.ledger.write(staged)
    opened.shaper.error = error
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert len(opened.shaper.shaped) == 1
    assert result["unmapped"] == 3
    assert result["error"] == {"message": str(error), "exit": status}
    assert result["counts"] == {"pending": 1, "undecided": 1, "rejected": 3}


async def test_resend_is_explicit_and_only_for_what_is_undecided(opened: Opened):
    await opened.ledger.write(some_of_each)
    result = await failures.retry(opened.runtime, [opened.pipeline], Selection(key="C"), resend=True)
    assert result["counts"] == {"pending": 1}
    assert "double" in result["records"][0]["note"]
    assert await one_value(opened, "SELECT attempt FROM records WHERE source_id = '3'") == "idle"
    assert await one_value(opened, "SELECT count(*) FROM history WHERE event = 'resend_ordered'") == 1


async def test_trying_all_again_creates_nothing_beside_what_may_be_it_already(opened: Opened):
    """`failures retry --all` used to double each product whose instance adopt had found with a blank more."""

    def parked_beside(connection: sqlite3.Connection) -> None:
        sample.stage(connection, sample.draft_entry("9", "K9"))
        stray = Stray(InstanceId("i9"), "K9 ")
        adopting.set_aside(connection, sample.record_id(connection, "9"), [stray], sample.NOW)

    await opened.ledger.write(parked_beside)
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"parked": 1}
    assert "only --resend creates it beside" in result["records"][0]["note"]
    result = await failures.retry(opened.runtime, [opened.pipeline], Selection(key="K9"), resend=True)
    assert result["counts"] == {"pending": 1}


@pytest.mark.parametrize(("name", "note"), [("A", "holds it already"), ("5", "another record has its key")])
async def test_a_named_record_with_nothing_to_do_says_so_and_stays(opened: Opened, name, note):
    await opened.ledger.write(some_of_each)
    before = await states(opened)
    result = await failures.retry(opened.runtime, [opened.pipeline], Selection(key=name))
    assert note in " ".join(one["note"] for one in result["records"])
    assert await states(opened) == before


async def test_only_the_reason_that_was_named_is_retried(opened: Opened):
    await opened.ledger.write(some_of_each)
    await failures.retry(opened.runtime, [opened.pipeline], Selection(reason="empty_key"))
    assert (await states(opened))["2"] == "parked"
    assert (await states(opened))["4"] == "pending"


async def test_an_unknown_name_is_said_and_an_unknown_reason_changes_nothing(opened: Opened):
    await opened.ledger.write(some_of_each)
    with pytest.raises(UnknownRecordError, match="'nix'"):
        await failures.retry(opened.runtime, [opened.pipeline], Selection(key="nix"))
    result = await failures.retry(opened.runtime, [opened.pipeline], Selection(reason="nix"))
    assert result["total"] == 0


async def test_a_retry_lets_a_stopped_pipeline_probe_at_once(opened: Opened):
    now = opened.clock.now()
    stop = Stop(StopReason.PERMISSION, "no", now, now + timedelta(hours=1))
    await opened.ledger.write(some_of_each)
    await opened.ledger.write(pipelines.stop, "products", stop)
    await failures.retry(opened.runtime, [opened.pipeline], ALL)
    view = await opened.ledger.read(pipelines.view, "products")
    assert view.stop is not None
    assert view.stop.probe_at == now


async def test_discard_lets_go_and_frees_the_key(opened: Opened):
    await opened.ledger.write(some_of_each)
    result = await failures.discard(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"discarded": 3}
    assert (await states(opened))["1"] == "delivered"
    again = await failures.retry(opened.runtime, [opened.pipeline], Selection(key="B"))
    assert again["counts"] == {"pending": 1}, "a person may change their mind"


async def test_many_records_are_changed_in_parts(opened: Opened):
    def staged(connection: sqlite3.Connection) -> None:
        sample.stage(connection, *(rejected_entry(str(number), no=f"K{number}") for number in range(120)))

    await opened.ledger.write(staged)
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"pending": 120}


async def test_messages_that_differ_in_values_only_are_one_group(opened: Opened):
    def staged(connection: sqlite3.Connection) -> None:
        sample.stage(
            connection,
            *(_too_long(str(number), number) for number in range(1, 6)),
            rejected_entry("9", no="Z"),
        )

    await opened.ledger.write(staged)
    shown = await failure_list.listed(opened.runtime, [opened.pipeline], limit=2)
    first, second = shown["groups"]
    assert (first["reason"], first["count"], second["count"]) == ("type", 5, 1)
    assert first["sample"] == {
        "key": None,
        "source_id": "1",
        "name": "灯1",
        "detail": 'textField_a (规格): found "值1", expected at most 10 characters, not 11',
    }
    assert first["message"] == "textField_a (规格): found …, expected at most … characters, not …"
    assert (shown["total"], shown["states"], len(shown["records"])) == (6, {"rejected": 6}, 2)
    chosen = await failure_list.listed(opened.runtime, [opened.pipeline], reason=first["group"])
    assert {one["group"] for one in chosen["records"]} == {first["group"]}
    gone = await failures.discard(opened.runtime, [opened.pipeline], Selection(reason=first["group"]))
    assert gone["counts"] == {"discarded": 5}
    assert (await states(opened))["9"] == "rejected"


def _too_long(source_id: str, number: int) -> StageEntry:
    detail = f'textField_a (规格): found "值{number}", expected at most 10 characters, not {10 + number}'
    rejection = Rejection(SourceId(source_id), NOW, RejectionReason.TYPE, detail, component="textField_a")
    return StageEntry(sample.item(source_id, no=f"K{number}", name=f"灯{number}"), rejection)


async def test_accepting_twice_is_accepting_once_and_says_who(opened: Opened):
    await opened.ledger.write(some_of_each)
    result = await failures.accept(opened.runtime, [opened.pipeline], Selection(key="4"))
    assert [(one["after"], one["note"]) for one in result["records"]] == [
        ("pending", "accepted with exactly this content")
    ]
    again = await failures.accept(opened.runtime, [opened.pipeline], Selection(key="4"))
    assert again["records"][0]["note"] == "nothing rejected it"
    assert await one_value(opened, "SELECT count(*) FROM history WHERE event = 'accepted'") == 1
    assert await one_value(opened, "SELECT detail LIKE '%cli%' FROM history WHERE event = 'accepted'") == 1
    assert (
        await one_value(opened, "SELECT accepted_hash = content_hash FROM records WHERE source_id = '4'") == 1
    )


@pytest.mark.parametrize(
    ("name", "note"),
    [("B", "retry or discard it"), ("C", "decided by looking"), ("A", "holds it already")],
)
async def test_what_no_rule_rejected_is_not_accepted_and_says_what_to_do(opened: Opened, name, note):
    await opened.ledger.write(some_of_each)
    before = await states(opened)
    result = await failures.accept(opened.runtime, [opened.pipeline], Selection(key=name))
    assert note in " ".join(one["note"] for one in result["records"])
    assert await states(opened) == before


async def test_an_action_tells_its_progress_and_stays_where_it_was_left(opened: Opened):
    def staged(connection: sqlite3.Connection) -> None:
        sample.stage(connection, *(rejected_entry(str(number), no=f"K{number}") for number in range(120)))

    await opened.ledger.write(staged)
    told = failures.act(opened.runtime, [opened.pipeline], ALL, failures.Action.DISCARD)
    assert await anext(told) == {"done": 50, "total": 120}
    await told.aclose()
    assert list((await states(opened)).values()).count("discarded") == 50


def delivered_and_then(connection: sqlite3.Connection, *then: StageEntry) -> None:
    sample.stage(connection, draft_entry("1", "A", "old"))
    sample.deliver_all(connection)
    sample.stage(connection, *then, now=NOW + timedelta(minutes=1))


async def test_what_a_retry_finds_left_out_gets_its_mark_as_in_a_cycle(opened: Opened):
    """It counts as mapped from then on: nobody would come back to it."""
    mark = {"field": "selectField_state", "value": "停用", "otherwise": "在用"}
    target = opened.pipeline.settings.target.model_copy(
        update={"on_delete": OnDelete.MARK, "deleted_mark": DeletedMarkSettings(**mark)}
    )
    settings = opened.pipeline.settings.model_copy(update={"target": target})
    pipeline = replace(opened.pipeline, settings=settings)
    entry = rejected_entry("1", no="A")
    await opened.ledger.write(delivered_and_then, entry)
    opened.shaper.answer = StageEntry(
        entry.item, Filtered(SourceId("1"), NOW, "where: does not hold", KeyValue("A"))
    )
    await failures.retry(opened.runtime, [pipeline], ALL)
    (claim,) = await opened.ledger.write(sample.claim, Operation.UPDATE, now=NOW + timedelta(hours=1))
    assert claim.content == {"textField_key": "A", "textField_name": "old", "selectField_state": "停用"}


async def test_what_was_mapped_by_a_mapping_of_before_is_left_to_the_next_cycle(opened: Opened):
    await opened.ledger.write(lambda connection: sample.stage(connection, rejected_entry("4", no="D")))
    answer = draft_entry("4", "D", "as of before")
    opened.shaper.answer = replace(
        answer, item=rejected_entry("4", no="D").item, context_hash=ContentHash("another")
    )
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"rejected": 1}
    assert "mapping has changed" in result["records"][0]["note"]
    assert len(opened.shaper.shaped) == 2, "it was tried twice"


@pytest.mark.parametrize("column", ["deleted_ms", "filtered_by"])
async def test_an_instance_that_nobody_wants_is_not_made_anew_by_a_retry(opened: Opened, column: str):
    """People tidy up in Yida what was deleted or left out; then they retry everything that is listed."""

    def somebody_tidies_up(connection: sqlite3.Connection) -> None:
        delivered_and_then(connection, draft_entry("1", "A", "new", NOW + timedelta(minutes=1)))
        (one,) = sample.claim(connection, Operation.UPDATE, now=NOW + timedelta(minutes=2))
        sample.settle(connection, one, Family.GONE)
        connection.execute(f"UPDATE records SET {column} = 1")  # noqa: S608 - constant

    await opened.ledger.write(somebody_tidies_up)
    result = await failures.retry(opened.runtime, [opened.pipeline], ALL)
    assert result["counts"] == {"parked": 1}
    assert "is not made anew; discard it" in result["records"][0]["note"]
    assert (await failures.discard(opened.runtime, [opened.pipeline], ALL))["counts"] == {"discarded": 1}
