"""What a person's mistake, a program's question and the state of things come to, without any vendor."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.command_line import CommandLine
from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from tests.unit.ledger.sample import draft_entry, rejected_entry
from xmsyncd import __version__
from xmsyncd.cli.options import Common
from xmsyncd.ledger import pipelines
from xmsyncd.records import Family

FORM = "APP_DEMO0000000000000000/FORM-DEMO0000000000000000000000000001"
COMMANDS = [
    ("sync",),
    ("check",),
    ("status",),
    ("explain", "A"),
    ("failures", "list"),
    ("failures", "retry", "--all"),
    ("failures", "accept", "--all"),
    ("failures", "discard", "A"),
    ("approve",),
    ("approve", "products", "--all"),
    ("run",),
]


def fill(ledger: Path) -> None:
    """Record 1 delivered, 2 parked, 4 rejected."""
    with opened(ledger) as connection:
        pipelines.register(connection, "products", FORM, "textField_lq23ags2")
        sample.begin_cycle(connection)
        entries = (draft_entry("1", "A", "灯"), draft_entry("2", "B"), rejected_entry("4", no="D"))
        sample.stage(connection, *entries, form=FORM)
        delivered, refused = sample.claim(connection)
        sample.settle(connection, refused, Family.REFUSED)
        sample.settle(connection, delivered)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_fault_of_the_configuration_is_told_at_once(run: CommandLine, command):
    del run.settings["okki"]["main"]["client_id"]
    run.settings["dingtalk"]["main"]["requests_per_secnd"] = 3
    run.settings["pipelines"]["products"]["target"]["key"] = "textField_nope"
    run.write()
    ended = run(*command)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 3, ended.stderr
    assert all(line.startswith("error: ") and "; expected " in line for line in lines)
    assert "requests_per_second" in ended.stderr, "the nearest known key"


def test_a_missing_configuration_is_one_sentence(run: CommandLine):
    ended = run("status", "--config", "nowhere.yaml", config=False)
    assert ended.exit_code == 2
    assert "nowhere.yaml" in ended.stderr


@pytest.mark.parametrize("command", [command for command in COMMANDS if command[0] != "run"])
def test_programs_get_json_and_nothing_else_on_standard_output(run: CommandLine, command):
    fill(run.ledger)
    ended = run(*command, "--json")
    assert ended.exit_code in (0, 3, 4), ended.stderr
    json.loads(ended.stdout)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command[0] != "run"])
def test_people_get_text_without_a_traceback(run: CommandLine, command):
    fill(run.ledger)
    ended = run(*command)
    assert ended.exit_code in (0, 3, 4), ended.stderr
    assert ended.stdout
    assert "Traceback" not in ended.output


def test_options_may_stand_before_and_after_the_command(run: CommandLine, monkeypatch):
    config = str(run.config)
    before = run("--json", "status", config=False)  # xmsyncd.yaml in this folder
    after = run("status", "--json", "--config", config, config=False)
    monkeypatch.setenv("XMSYNCD_CONFIG", config)
    monkeypatch.chdir("/")
    by_environment = run("status", "--json", config=False)
    for ended in (before, after, by_environment):
        assert ended.exit_code == 0, ended.stderr
        assert json.loads(ended.stdout)["pipelines"][0]["name"] == "products"


def test_the_option_after_the_command_wins(run: CommandLine):
    assert run("status", "--config", "nowhere.yaml").exit_code == 2


def test_status_is_0_for_an_empty_ledger_3_with_something_left_and_4_when_stopped(run: CommandLine):
    assert run("status").exit_code == 0
    fill(run.ledger)
    ended = run("status")
    assert ended.exit_code == 3
    assert "parked 1" in ended.stdout
    with sqlite3.connect(run.ledger) as connection:
        connection.execute(
            "UPDATE pipelines SET stop_reason = 'permission', stopped_ms = 0, stop_detail = 'no'"
        )
    connection.close()
    ended = run("status")
    assert ended.exit_code == 4
    assert "permission" in ended.stdout


def test_explain_tells_a_life_in_the_persons_time(run: CommandLine):
    fill(run.ledger)
    ended = run("explain", "A")
    assert ended.exit_code == 0
    assert "2026-11-20 11:00:00.000 +08:00" in ended.stdout
    assert "create sent" in ended.stdout
    told = json.loads(run("explain", "A", "--json").stdout)
    assert told["records"][0]["record"]["first_seen_at"] == "2026-11-20T03:00:00.000+00:00"


def test_explain_of_an_unknown_key_is_a_sentence_and_2(run: CommandLine):
    ended = run("explain", "nix")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("error: no record of pipeline products has 'nix'")
    assert ended.stdout == ""


def test_failures_are_listed_retried_and_discarded(run: CommandLine):
    fill(run.ledger)
    listed = run("failures", "list")
    assert "empty_key" in listed.stdout
    assert "found nothing, expected a key" in listed.stdout
    retried = run("failures", "retry", "B")
    assert retried.exit_code == 0, retried.stderr
    assert "pending 1" in retried.stdout
    assert "No daemon is running" in retried.stderr
    discarded = json.loads(run("failures", "discard", "4", "--json").stdout)
    assert discarded["counts"] == {"discarded": 1}
    assert run("failures", "list").stdout.strip() == "failures of this kind: none"


@pytest.mark.parametrize(
    "arguments",
    [
        ("failures", "retry"),
        ("failures", "retry", "A", "--all"),
        ("failures", "list", "--state", "delivered"),
        ("failures", "list", "--pipeline", "prodcts"),
        ("sync", "prodcts"),
        ("sync", "--wait", "soon"),
        ("sync", "--wait", "15"),
        ("sync", "--limit", "0"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_2_and_a_sentence(run: CommandLine, arguments):
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert "rror: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_okki_that_is_away_is_3_and_says_so(run: CommandLine):
    ended = run("sync", "--json")
    assert ended.exit_code == 3
    (result,) = json.loads(ended.stdout)["pipelines"]
    assert result["cycle"]["result"] == "failed"
    assert result["cycle"]["error"]
    assert result["exit"] == 3


def test_a_ledger_that_cannot_be_used_is_a_sentence(run: CommandLine):
    run.ledger.write_text("this is no ledger, it is a text of some length" * 50)
    ended = run("status")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("error: the ledger")


def test_an_unforeseen_error_is_one_sentence_and_a_traceback_on_demand(run: CommandLine, monkeypatch):
    def broken(self: Common) -> None:
        raise ZeroDivisionError("never")

    monkeypatch.setattr(Common, "settings", broken)
    ended = run("status")
    assert ended.exit_code == 1
    assert ended.stderr == (
        "error: something unforeseen happened (ZeroDivisionError: never); "
        "the same command with --debug shows where\n"
    )
    assert "Traceback" in run("status", "--debug").stderr


def test_the_version_and_the_help(run: CommandLine):
    assert run("--version").stdout == f"xmsyncd {__version__}\n"
    shown = run("--help").stdout
    for name in ("sync", "check", "status", "explain", "failures", "run", "simulate", "demo"):
        assert f"  {name} " in shown
    for command in COMMANDS:
        assert run(*command[:2] if command[0] == "failures" else command[:1], "--help").exit_code == 0


def test_the_help_imports_nothing_heavy():
    probe = (
        "import sys; from click.testing import CliRunner; from xmsyncd.cli import main;"
        "CliRunner().invoke(main, ['--help']);"
        "print([name for name in ('aiohttp', 'pydantic', 'rich', 'asyncio') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_chinese_where_the_locale_says_so(run: CommandLine, monkeypatch):
    fill(run.ledger)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "已送达 1" in run("status").stdout
