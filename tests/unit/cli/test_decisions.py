"""Commands that decide about many records: they show first, ask at a terminal, and say what came of it."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.command_line import CommandLine
from tests.unit.cli.test_commands import FORM, fill
from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from tests.unit.ledger.sample import draft_entry
from xmsyncd.cli import asking
from xmsyncd.ledger import pipelines
from xmsyncd.ledger.guard import GuardRules


@pytest.fixture
def held(run: CommandLine) -> CommandLine:
    """Three products held; one was let go."""
    with opened(run.ledger) as connection:
        pipelines.register(connection, "products", FORM, "textField_lq23ags2")
        sample.begin_cycle(connection)
        sample.stage(connection, *(draft_entry(str(n), f"K{n}", "旧") for n in range(4)), form=FORM)
        sample.deliver_all(connection)
        edited = [draft_entry(str(n), f"K{n}", "新") for n in range(4)]
        sample.begin_cycle(connection)
        sample.stage(connection, *edited, form=FORM, cycle_id=2, guard=GuardRules(updates=1))
    return run


def states(run: CommandLine) -> dict[str, str]:
    with opened(run.ledger) as connection:
        return sample.states(connection)


def test_approve_alone_shows_and_changes_nothing(held: CommandLine):
    ended = held("approve")
    assert ended.exit_code == 3
    for part in ("many changes at once (many_changes) 3", "textField_name", "旧", "新"):
        assert part in ended.stdout
    assert "--all" in ended.stderr
    assert list(states(held).values()).count("held") == 3
    assert json.loads(held("approve", "--json").stdout)["total"] == 3


def test_approve_in_parts_by_pipeline_and_key(held: CommandLine):
    first = held("approve", "products", "K2", "--json")
    assert first.exit_code == 3, first.stderr
    assert json.loads(first.stdout)["left"] == 2
    assert states(held)["2"] == "pending"
    assert held("approve", "--limit", "1", "--discard").exit_code == 3
    assert states(held)["1"] == "discarded"
    last = held("approve", "--all")
    assert last.exit_code == 0, last.stderr
    assert "No daemon is running" in last.stderr
    assert set(states(held).values()) == {"pending", "discarded"}
    again = held("approve", "--all")
    assert (again.exit_code, again.stdout.strip()) == (0, "nothing is held")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("approve", "K1", "--all"), "say which"), (("approve", "--discard"), "say what to discard")],
)
def test_what_is_meant_must_be_said(held: CommandLine, arguments, words):
    ended = held(*arguments)
    assert ended.exit_code == 2
    assert words in ended.stderr


def test_an_unknown_key_is_one_sentence(held: CommandLine):
    ended = held("approve", "K9")
    assert (ended.exit_code, ended.stderr.count("error: ")) == (2, 1)
    assert "'K9'" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [("approve", "--all"), ("failures", "discard", "--all"), ("failures", "retry", "--reason", "empty_key")],
)
def test_a_no_at_the_terminal_changes_nothing(
    held: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
):
    with opened(held.ledger) as connection:
        sample.stage(connection, sample.rejected_entry("9", no="D"), form=FORM, cycle_id=2)
    before = states(held)
    asked: list[str] = []

    def no(question: str, *, yes: bool) -> bool:
        asked.append(question)
        return yes

    monkeypatch.setattr(asking, "is_confirmed", no)
    held(*arguments)
    assert len(asked) == 1
    assert states(held) == before


def test_nobody_is_asked_where_nobody_can_answer():
    assert asking.is_confirmed("really?", yes=False), "the command line was the answer"


def test_a_list_says_what_to_do_in_the_persons_language(run: CommandLine, monkeypatch: pytest.MonkeyPatch):
    fill(run.ledger)
    english = run("failures", "list").stdout
    assert "empty key (empty_key): Give the record a number in OKKI." in english
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    chinese = run("failures", "list").stdout
    assert "主键为空 (empty_key): 在 OKKI 中填写编号。" in chinese
    group = json.loads(run("failures", "list", "--json").stdout)["groups"][0]["group"]
    only = json.loads(run("failures", "list", "--reason", group, "--json").stdout)
    assert [one["group"] for one in only["groups"]] == [group]


def test_explain_tells_why_it_is_held_and_who_let_it_go(held: CommandLine):
    shown = held("explain", "K1").stdout
    for part in ("held", "many_changes", "xmsyncd approve", "cycle 2"):
        assert part in shown
    held("approve", "K1")
    assert "approved: by cli" in held("explain", "K1").stdout
