"""``simulate`` and what the demo shares with it: what is typed, the configuration written, what is told."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from xmsyncd.cli import demo_texts, main
from xmsyncd.cli.demo_place import reserved_port
from xmsyncd.cli.demo_watch import Seen, seen_in, shown_progress
from xmsyncd.cli.simulate_configuration import MARK, Habits, configuration_for, write_configuration
from xmsyncd.cli.simulate_words import WrongWordsError, faults_from, options_from
from xmsyncd.errors import ConfigurationError
from xmsyncd.observe.metrics import Metrics
from xmsyncd.settings import load_settings
from xmsyncd.simulator.faults import KINDS, FaultName
from xmsyncd.simulator.lists import LISTS
from xmsyncd.simulator.options import Component, IdType, ListName, SimulatorOptions
from xmsyncd.simulator.oracle import NUMBER


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *arguments])


def test_faults_are_read_with_their_numbers_and_texts():
    (lost, refused) = faults_from(
        ["lost_502:operation=start,rate=0.04,times=3", "refuse:match=LED-2024, code=x.y"]
    )
    assert (lost.name, lost.operation, lost.rate, lost.times) == (FaultName.LOST_502, "start", 0.04, 3)
    assert (refused.match, refused.code, refused.rate) == ("LED-2024", "x.y", 1.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lost_503", "no such fault: lost_503 (nearest: lost_502)"),
        ("", "no such fault: no name"),
        ("slow:seconds", "expected key=value"),
        ("slow:second=1", "no such property of a fault: second"),
        ("lost_502:rate=many", "rate: a number, not 'many'"),
        ("lost_502:rate=4", "rate: between 0 and 1"),
        ("search_blind:operation=start", "search_blind cannot strike 'start'; it can strike ids, search"),
    ],
)
def test_a_wrong_fault_is_one_clear_sentence_and_exit_status_2(text: str, sentence: str):
    result = simulate("--fault", text)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: --fault {text}: ")
    assert sentence in line


def test_options_are_read_by_the_kind_of_their_field():
    options = options_from(
        [
            "id_type=mixed",
            "latency=20ms",
            "okki_tells_now=no",
            "okki_page_clamp=none",
            "monthly_calls=90",
            "client_id=007",
            'components=[{"field_id": "textField_a"}]',
            "qps=3",
        ],
        {"products": 7, "index_lag": timedelta(seconds=2), "seed": None, "qps": 12.5},
    )
    assert options.id_type is IdType.MIXED
    assert options.latency == timedelta(milliseconds=20)
    assert options.okki_tells_now is False
    assert options.okki_page_clamp is None
    assert options.monthly_calls == 90
    assert options.client_id == "007"
    assert options.components == (Component("textField_a"),)
    assert (options.products, options.index_lag, options.seed) == (7, timedelta(seconds=2), 1)
    assert options.qps == 12.5, "the command's own option wins"


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(WrongWordsError) as raised:
        options_from(
            [
                "id_typ=mixed",
                "id_type=odd",
                "latency=fast",
                "seed=x",
                "okki_tells_now=2",
                "seed",
                "components=[",
            ],
            {},
        )
    first, *others = raised.value.sentences
    assert "no such option (nearest: id_type)" in first
    for sentence, expected in zip(
        others,
        ["one of int, str, mixed", "200ms", "a number", "true or false", "name=value", "expected JSON"],
        strict=True,
    ):
        assert expected in sentence
    result = simulate("--option", "id_typ=1", "--fault", "lost", "--qps", "-3")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    result = simulate("--qps", "-3")
    assert (result.exit_code, result.stderr) == (2, "error: qps: greater than 0, or absent for no limit\n")


def test_every_fault_is_listed_with_its_meaning():
    shown = simulate("--list-faults")
    assert shown.exit_code == 0
    listed = json.loads(simulate("--list-faults", "--json").stdout)
    assert [one["name"] for one in listed] == [name.value for name in KINDS]
    for one in listed:
        assert one["name"] in shown.stdout
        assert one["meaning"] in shown.stdout


@pytest.mark.parametrize("habits", [Habits(), Habits(monthly_calls=5000, port=0, ledger="a b.db")])
def test_the_configuration_it_writes_is_complete_and_fits_the_simulation(tmp_path: Path, habits: Habits):
    options = SimulatorOptions(client_id="007", app_type="APP_X: y # z")
    path = tmp_path / "xmsyncd.yaml"
    text = configuration_for(options, "http://127.0.0.1:1", "http://127.0.0.1:2", habits)
    write_configuration(path, text)
    settings = load_settings(path, {}, ())
    assert settings.okki["main"].client_id == "007"
    assert settings.okki["main"].base_url == "http://127.0.0.1:1"
    assert settings.dingtalk["main"].app_secret.get_secret_value() == options.app_secret
    assert settings.dingtalk["main"].monthly_calls == habits.monthly_calls
    assert settings.ledger.path == tmp_path / habits.ledger
    assert settings.http.port == habits.port
    pipeline = settings.pipelines["products"]
    assert pipeline.target.app_type == "APP_X: y # z"
    assert pipeline.target.key == NUMBER
    components = {one.field_id: one.label for one in options.components}
    assert {one.field: one.label for one in pipeline.fields} == components
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ListName)
def test_the_configuration_reads_the_list_that_is_simulated(tmp_path: Path, name: ListName):
    path = tmp_path / "xmsyncd.yaml"
    options = SimulatorOptions(resource=name)
    path.write_text(configuration_for(options, "http://127.0.0.1:1", "http://127.0.0.1:2", Habits()))
    (pipeline,) = load_settings(path, {}, ()).pipelines.values()
    assert pipeline.source.resource.value == name.value
    assert pipeline.target.key == NUMBER
    assert f"{{{LISTS[name].number_field}}}" in [one.value for one in pipeline.fields]


def test_a_list_that_is_not_simulated_is_told_the_others():
    result = simulate("--resource", "suppliers")
    assert result.exit_code == 2
    assert "suppliers" in result.stderr
    assert "supplier," in result.stderr


def test_a_configuration_of_somebodys_own_is_never_overwritten(tmp_path: Path):
    path = tmp_path / "xmsyncd.yaml"
    write_configuration(path, f"{MARK}\nfirst")
    write_configuration(path, f"{MARK}\nsecond")
    assert path.read_text().endswith("second")
    path.write_text("okki: {}\n")
    with pytest.raises(ConfigurationError, match="somebody's own"):
        write_configuration(path, f"{MARK}\n")
    assert path.read_text() == "okki: {}\n"
    with pytest.raises(ConfigurationError, match="No such file"):
        write_configuration(tmp_path / "nowhere" / "a.yaml", MARK)


def test_the_demo_says_the_same_things_in_both_languages():
    english, chinese = demo_texts.names()
    assert english == chinese
    for name in english:
        texts = [demo_texts.texts_for({"LANG": lang}) for lang in ("en_GB.UTF-8", "zh_CN.UTF-8")]
        fields = [_fields_of(text, name) for text in texts]
        assert fields[0] == fields[1], name


def _fields_of(text: demo_texts.Texts, name: str) -> set[str]:
    """What a text asks for, found by leaving it out."""
    found: set[str] = set()
    while True:
        try:
            text(name, **dict.fromkeys(found, 1))
        except KeyError as missing:
            found.add(missing.args[0])
        else:
            return found


@pytest.mark.parametrize(
    ("environ", "is_chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_ALL": "zh_TW", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, False),
        ({}, False),
    ],
)
def test_the_demo_speaks_the_locales_language(environ: dict[str, str], is_chinese: bool):
    title = demo_texts.texts_for(environ)("title")
    assert bool(re.search("[一-鿿]", title)) is is_chinese


def test_what_happened_is_counted_from_the_daemons_own_metrics():
    metrics = Metrics(CollectorRegistry())
    metrics.declare_pipeline("products", "main")
    metrics.declare_connection("dingtalk", "main")
    assert seen_in(generate_latest(metrics.registry).decode()) == Seen()
    metrics.staged_records.labels("products", "create").inc(3)
    metrics.staged_records.labels("products", "update").inc(2)
    metrics.staged_records.labels("products", "unchanged").inc(50)
    metrics.deliveries.labels("products", "create", "delivered").inc(3)
    metrics.deliveries.labels("products", "update", "undecided").inc(1)
    metrics.undecided.labels("products", "found").inc(1)
    metrics.throttled.labels("main", "dingtalk", "start").inc(4)
    seen = seen_in(generate_latest(metrics.registry).decode())
    assert seen == Seen(changed=5, created=3, lost=1, found=1, throttled=4)
    assert seen.since(Seen(changed=4, created=3)) == {
        **dict.fromkeys(Seen.__slots__, 0),
        "changed": 1,
        "lost": 1,
        "found": 1,
        "throttled": 4,
    }


def progress_values() -> list[dict[str, object]]:
    reading = {
        "phase": "read",
        "read": 50,
        "total": 100,
        "pages": 1,
        "sendable": 40,
        "decisions": {"create": 50},
    }
    sending = {**reading, "phase": "deliver", "read": 100, "sendable": 0, "decisions": {"create": 100}}
    return [
        {**reading, "backlog": {"delivered": 9, "pending": 40, "undecided": 1}},
        {**sending, "backlog": {"delivered": 100}},
    ]


@pytest.mark.parametrize(
    "console",
    [
        Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "xterm"}),
        Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "dumb"}),
        Console(file=io.StringIO(), width=100),
    ],
    ids=["terminal", "dumb terminal", "file"],
)
def test_progress_is_visible_wherever_it_goes(console: Console):
    with shown_progress(console, demo_texts.texts_for({})) as show:
        for told in progress_values():
            show(told)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert ("100/100" if "\x1b" in shown else "50/100") in shown
    assert ("\x1b" in shown) is (not console.is_dumb_terminal and console.is_terminal)


def test_a_port_is_kept_until_it_is_needed():
    with reserved_port(0) as kept:
        port = kept.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"{port}, which is taken"):
            reserved_port(port)
        with reserved_port(None) as other:
            assert other.getsockname()[1] != port
    with reserved_port(port):
        pass
