"""``import-qeasy`` as a person types it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.importing.samples import TOKEN, Documents
from xmsyncd.cli import main

VARIABLE = "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN"


class Importing:
    """``run("--force")`` in a folder with both documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = Documents()

    def __call__(self, *options: str, names: tuple[str, str] = ("source.json", "target.json")) -> Result:
        for name, document in (
            ("source.json", self.documents.source),
            ("target.json", self.documents.target),
        ):
            (self.folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        return CliRunner().invoke(main, ["import-qeasy", *names, *options])

    def json(self, *options: str, expected: int = 0) -> Any:
        ended = self("--json", *options)
        assert ended.exit_code == expected, ended.stderr
        return json.loads(ended.stdout)

    @property
    def written(self) -> set[str]:
        return {one.name for one in self.folder.iterdir()} - {"source.json", "target.json"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Importing:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    return Importing(tmp_path)


@pytest.mark.parametrize("names", [("source.json", "target.json"), ("target.json", "source.json")])
def test_both_files_are_written_and_the_token_is_shown_nowhere(run, names):
    ended = run("--form-uuid", "FORM-X", names=names)
    assert ended.exit_code == 0, ended.output
    assert run.written == {"xmsyncd.yaml", "xmsyncd.secrets"}
    secrets = run.folder / "xmsyncd.secrets"
    assert f"{VARIABLE}={TOKEN}" in secrets.read_text()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert TOKEN not in ended.output + (run.folder / "xmsyncd.yaml").read_text()
    for word in ("taken over", "to be decided", "done otherwise", "Written: xmsyncd.yaml", "xmsyncd check"):
        assert word in ended.stdout


def test_check_then_says_what_is_still_to_be_filled_in(run):
    run()
    ended = CliRunner().invoke(main, ["check"])
    assert ended.exit_code == 2
    lines = ended.stderr.splitlines()
    told = [line.split(" ")[1] for line in lines]
    assert told == [
        "okki.main.client_secret",
        "okki.main.client_id",
        "dingtalk.main.app_secret",
        "dingtalk.main.app_key",
        "pipelines.products.target.form_uuid",
    ]
    assert "FORM-…" in lines[-1]


def test_programs_get_json(run):
    told = run.json()
    assert (told["configuration"], told["secrets"]) == ("xmsyncd.yaml", "xmsyncd.secrets")
    assert told["secret_names"] == [VARIABLE]
    assert len(told["missing_secrets"]) == 2
    assert told["counts"]["taken_over"] > 6
    assert {one["verdict"] for one in told["findings"]} == {"taken_over", "decide", "better"}
    assert TOKEN not in json.dumps(told)


def test_a_dry_run_prints_the_file_alone_and_writes_nothing(run):
    ended = run("--dry-run")
    assert ended.exit_code == 0
    assert run.written == set()
    assert ended.stdout.startswith("# Made by xmsyncd")
    assert "taken over" in ended.stderr
    assert run.json("--dry-run")["text"] == ended.stdout
    assert TOKEN not in ended.output


def test_a_refusal_names_each_thing_and_writes_nothing(run):
    run.documents.source["operation"] = {"method": "splitArray", "arrayKey": "x"}
    run.documents.component("textField_x", "{{a|moonphase}}")
    ended = run()
    assert ended.exit_code == 2
    assert run.written == set()
    assert "splitArray" in ended.stdout
    assert "moonphase" in ended.stdout
    assert ended.stderr == "error: nothing was written: 2 things cannot be taken over (see above)\n"
    told = run.json(expected=2)
    assert told["configuration"] is None
    assert told["counts"]["refused"] == 2


def test_nothing_is_replaced_unasked(run):
    assert run().exit_code == 0
    before = (run.folder / "xmsyncd.yaml").read_text()
    run.documents.component("textField_x", "{model}")
    ended = run()
    assert ended.exit_code == 2
    assert "--force" in ended.stderr
    assert (run.folder / "xmsyncd.yaml").read_text() == before
    assert run("--force").exit_code == 0
    assert "textField_x" in (run.folder / "xmsyncd.yaml").read_text()


def test_other_places(run):
    ended = run("--output", "other.yaml", "--secrets", "other.env")
    assert ended.exit_code == 0
    assert run.written == {"other.yaml", "other.env"}
    assert f"EnvironmentFile={run.folder}/other.env" in ended.stdout


def test_without_output_it_is_the_configuration_that_other_commands_read(run, monkeypatch):
    assert run("--config", "mine.yaml").exit_code == 0
    assert run.written == {"mine.yaml", "mine.secrets"}
    monkeypatch.setenv("XMSYNCD_CONFIG", "yours.yaml")
    assert run().exit_code == 0
    assert run.written == {"mine.yaml", "mine.secrets", "yours.yaml", "yours.secrets"}


def test_a_file_that_is_not_there_or_no_json_is_one_sentence(run):
    ended = run(names=("source.json", "nowhere.json"))
    assert ended.exit_code == 2
    assert "nowhere.json: found no such file" in ended.stderr
    (run.folder / "broken.json").write_text('{\n"api": ')
    ended = run(names=("broken.json", "target.json"))
    assert ended.exit_code == 2
    assert "broken.json, line 2: found the end of the file" in ended.stderr
    assert run("--form-uuid", "…").exit_code == 2
    assert run.written == {"broken.json"}


def test_chinese_where_the_locale_says_so(run, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "已沿用" in run().stdout
