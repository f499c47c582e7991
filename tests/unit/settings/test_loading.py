"""What is accepted, what is refused and in which words."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from xmsyncd.errors import ConfigurationError
from xmsyncd.settings import FetchDetail, LogFormat, Settings, UpdatePath, load_settings

ROOT = Path(__file__).parents[3]
_DELETE = object()
_JARGON = (
    "Input should",
    "Value error",
    "validation error",
    "Extra inputs",
    "pydantic",
    "Field required",
    "None",
)


def test_loaded_settings_are_complete(load):
    load.put("pipelines.products.fields.1.describe", "编码")
    load.tree["pipelines"]["products"]["fields"].append({"field": "", "label": "", "type": "", "value": ""})
    load.put("pipelines.products.source.start_from", "2026-01-01 08:00:00")
    settings = load()
    products = settings.pipelines["products"]
    assert products.source.okki == "main"
    assert products.target.dingtalk == "main"
    assert settings.okki_of(products) == ("main", settings.okki["main"])
    assert settings.dingtalk_of(products) == ("main", settings.dingtalk["main"])
    assert products.target.form == "APP_X/FORM-X"
    assert products.source.start_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert products.schedule.every == timedelta(minutes=10)
    assert products.source.overlap == timedelta(minutes=30, seconds=1)
    assert products.source.fetch_detail is FetchDetail.AUTO
    assert products.target.update_path is UpdatePath.PROCESS_V1
    assert [entry.field for entry in products.fields] == ["textField_name", "textField_no"]
    assert settings.ledger.path == load.path.parent / "xmsyncd.db"
    assert settings.zone.key == "Asia/Shanghai"


def test_an_absolute_ledger_stays_where_it_is(load, tmp_path):
    load.put("ledger.url", f"sqlite:///{tmp_path}/other/ledger.db")
    assert load().ledger.path == tmp_path / "other" / "ledger.db"


def test_secrets_are_never_shown(load):
    load.put("http.token", "http-secret")
    settings = load()
    assert settings.secret_values() == {"okki-secret", "ding-secret", "yida-secret", "http-secret"}
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.pipelines)):
        assert not any(secret in shown for secret in settings.secret_values())


def test_settings_do_not_change(load):
    with pytest.raises(ValueError, match="frozen"):
        load().http.port = 1


def test_a_section_whose_entries_are_commented_out_counts_as_absent(load):
    text = """
    okki: {main: {client_id: a, client_secret: b}}
    dingtalk: {main: {app_key: a, app_secret: b}}
    http:
    log:
      # level: debug
    pipelines:
      products:
        source:
        quality:
        target: {app_type: A, system_token: b, user_id: c, form_uuid: F, key: textField_a}
        fields: [{field: textField_a}]
    """
    assert load(text=text).log.format is LogFormat.JSON


def test_all_faults_come_at_once_in_the_order_of_the_file(load):
    text = """
okki:
  main:
    client_id: 0123
    reqests_per_second: 3
dingtalk:
  main:
    app_key: a
    app_secret: b
    app_key: b
    monthly_calls: 200
delivery: {drain: 20s, in_flight: many}
pipelines:
  products:
    schedule: {every: 10m, cron: "0 8 * * mon"}
    target: {app_type: A, system_token: b, form_uuid: F, key: textField_b}
    fields:
      - {field: textField_a, valu: x}
      - {field: textField_a, type: strng}
"""
    faults = load.faults({"XMSYNCD_LOG__LEVL": "info"}, text)
    assert [fault.where for fault in faults] == [
        "dingtalk.main.app_key (xmsyncd.yaml, line 10)",
        "environment XMSYNCD_LOG__LEVL",
        "okki.main.client_secret (xmsyncd.yaml, line 3)",
        "okki.main.client_id (xmsyncd.yaml, line 4)",
        "okki.main.reqests_per_second (xmsyncd.yaml, line 5)",
        "dingtalk.main.reserve_calls (xmsyncd.yaml, line 7)",
        "delivery.in_flight (xmsyncd.yaml, line 12)",
        "delivery.drain (xmsyncd.yaml, line 12)",
        "pipelines.products.schedule (xmsyncd.yaml, line 15)",
        "pipelines.products.target.user_id (xmsyncd.yaml, line 16)",
        "pipelines.products.target.key (xmsyncd.yaml, line 16)",
        "pipelines.products.fields[0].valu (xmsyncd.yaml, line 18)",
        "pipelines.products.fields[1].type (xmsyncd.yaml, line 19)",
        "pipelines.products.fields[1].field (xmsyncd.yaml, line 19)",
    ]
    text_of_all = "\n".join(map(str, faults))
    assert not any(jargon in text_of_all for jargon in _JARGON)


@pytest.mark.parametrize(
    "path",
    [
        "okki.main.client_id",
        "dingtalk.main.app_key",
        "pipelines.products.target.user_id",
        "pipelines.products.target.form_uuid",
        "pipelines.products.target.process_code",
        "pipelines.products.target.app_type",
        "pipelines.products.target.department_id",
        "pipelines.products.target.key",
        "pipelines.products.fields.0.field",
        "pipelines.products.fields.0.value",
        "pipelines.products.quality.0.field",
    ],
)
def test_an_id_given_as_a_number_is_to_be_quoted(load, path):
    load.put("pipelines.products.quality", [{"field": "textField_no", "rule": "required"}])
    load.put(path, 9_876_543_210)
    faults = [fault for fault in load.faults() if "the number" in fault.found]
    assert [fault.found for fault in faults] == ["the number 9876543210"]
    assert 'in quotes: "9876543210"' in faults[0].expected


def test_the_leading_zeros_of_a_number_are_shown_as_typed(load):
    text = "okki: {main: {client_id: 00123, client_secret: 00456}}\n"
    by_path = {fault.where.split(" ")[0]: fault for fault in load.faults(text=text)}
    assert by_path["okki.main.client_id"].found == "the number 00123"
    assert 'quotes: "00123"' in by_path["okki.main.client_id"].expected
    assert by_path["okki.main.client_secret"].found == "a number (not shown)"


@pytest.mark.parametrize(
    ("path", "value", "where", "found", "expected"),
    [
        ("okki.main.clientid", "hunter2", None, 'unknown key "clientid"', "nearest: client_id"),
        ("okki.main.page_size", 5, None, 'unknown key "page_size"', "pipelines.<name>.source.page_size"),
        ("log.zzz", 5, None, 'unknown key "zzz"', "one of the keys level"),
        (
            "okki.main.zzz",
            5,
            "okki.main.…",
            "an unknown key (not shown",
            "one of the keys base_url, client_id",
        ),
        ("pipline", {}, None, 'unknown key "pipline"', "nearest: pipelines"),
        ("okki", {}, None, "a mapping", "at least one entry"),
        (
            "okki.base_url",
            "https://hunter2",
            "okki.base_url",
            "directly under okki",
            "okki: {main: {base_url: …}}",
        ),
        ("okki.main", None, None, "nothing", "a section"),
        ("okki.main.client_secret", ["hunter2"], None, "a list", "a secret"),
        ("delivery", "hunter2", None, "text (not shown)", "a section with keys such as in_flight"),
        ("delivery.in_flight", 0, None, "the number 0", "from 1 to 1000"),
        ("delivery.in_flight", 2.5, None, "the number 2.5", "a whole number"),
        ("delivery.call_timeout", 30, None, "the bare number 30", "30s, 10m, 2h, 7d"),
        ("delivery.call_timeout", "0s", None, "0s", "more than 0s"),
        ("delivery.drain", "30s", None, "30s", "more than call_timeout (30s)"),
        ("delivery.read_back_after", ["5s", "5s"], None, "5s, 5s", "grow"),
        ("delivery.read_back_after", ["5s", 30], "delivery.read_back_after[1]", "the bare number 30", "unit"),
        ("delivery.read_back_after", [], None, "an empty list", "at least one"),
        ("delivery.retry_base", "11m", None, "11m", "at most retry_cap (10m)"),
        (
            "dingtalk.main.monthly_calls",
            250,
            "dingtalk.main.reserve_calls",
            "250",
            "less than monthly_calls (250",
        ),
        ("dingtalk.main.connect_timeout", "1m", None, "1m", "at most delivery.call_timeout (30s)"),
        ("okki.main.token_renew_before", "8h", None, "8h", "less than token_lifetime"),
        ("okki.main.connect_timeout", "2m", None, "2m", "at most timeout"),
        ("okki.main.requests_per_second", 0, None, "the number 0", "more than 0"),
        ("okki.a b", {"client_id": "a", "client_secret": "b"}, "okki.a…", 'the name "a…"', "letters"),
        ("okki.a__b", {"client_id": "a", "client_secret": "b"}, None, 'the name "a__b"', "letters"),
        ("okki.MAIN", {"client_id": "a", "client_secret": "b"}, None, "cannot tell apart", "differ"),
        ("http.host", "192.0.2.1", "http.token", "http.host is 192.0.2.1", "a secret"),
        ("http.host", "intranet", "http.token", "http.host is intranet", "a secret"),
        ("log.level", "INFOO", None, '"INFOO"', "nearest: info"),
        ("pipelines.products.schedule", {}, None, "neither every nor cron", "exactly one"),
        ("pipelines.products.schedule", {"every": "1m", "cron": "* * * * *"}, None, "both", "exactly one"),
        ("pipelines.products.source.okki", "mian", None, '"mian"', "nearest: main"),
        ("pipelines.products.source.page_size", 101, None, "the number 101", "from 1 to 100"),
        ("pipelines.products.source.overlap", "31d", None, "31d", "from 0s to 30d"),
        ("pipelines.products.source.time_type", 3, None, "the number 3", "from 1 to 2"),
        ("pipelines.products.source.resource", "orders", None, '"orders"', "order"),
        ("pipelines.products.source.params.count", "1", None, "sets itself", "other than count"),
        ("pipelines.products.source.params", {"my_token": 5}, "my_token", "a number (not shown)", "quotes"),
        ("pipelines.products.target.kind", "form", None, "form", "later version"),
        ("pipelines.products.target.dingtalk", "x", None, '"x"', "the name of a connection: main"),
        ("pipelines.products.target.key", "textField_mo", None, '"textField_mo"', "nearest: textField_no"),
        ("pipelines.products.fields", [{"field": ""}], "fields", "no entry", "at least one"),
        ("pipelines.products.fields.0.field", "textField_no", "fields[1].field", "second time", "once"),
        ("pipelines.products.fields.0.valu", "x", "fields[0].valu", "unknown key", "nearest: value"),
        (
            "pipelines.products.quality",
            [{"field": "textField_x", "rule": "required"}],
            "[0].field",
            "_x",
            "nearest",
        ),
        (
            "pipelines.products.quality",
            [{"field": "textField_no", "rule": "requird"}],
            "[0].rule",
            "requird",
            "near",
        ),
        (
            "pipelines.products.quality",
            [{"field": "textField_no", "rule": "required", "type": "int"}],
            "[0].type",
            "a type for the rule required",
            "rule: type",
        ),
        (
            "pipelines.products.quality",
            [{"field": "textField_no", "rule": "length", "maximum": 9}],
            "[0].maximum",
            "maximum",
            "nearest: max",
        ),
        (
            "pipelines.products.quality",
            [{"field": "textField_no", "rule": "length", "min": "three"}],
            "[0].min",
            "three",
            "a number",
        ),
        (
            "pipelines.products.quality",
            [{"field": "textField_no", "rule": "pattern", "pattern": "(a"}],
            "[0].pattern",
            "(a",
            "RE2",
        ),
        (
            "pipelines.products.quality",
            [{"rule": "expression", "expect": "{cost} <"}],
            "[0].expect",
            "(character",
            "",
        ),
        (
            "pipelines.products.quality",
            [{"rule": "required"}],
            "[0].field",
            "nothing",
            "the component",
        ),
        (
            "pipelines.products.quality",
            [{"field": "textField_no", "rule": "required", "on_fail": "fix", "value": "x"}],
            "[0].on_fail",
            "fix",
            "business key",
        ),
    ],
)
def test_each_fault_says_where_what_and_what_is_expected(load, path, value, where, found, expected):
    load.put(path, value)
    if path.startswith("okki."):
        load.put("pipelines.products.source.okki", "main")
    faults = [
        fault
        for fault in load.faults()
        if found in fault.found and (where or path.split(".")[-1]) in fault.where
    ]
    assert len(faults) == 1, [str(fault) for fault in load.faults()]
    assert expected in faults[0].expected
    assert "hunter2" not in str(faults[0])


def test_whatever_stands_anywhere_ends_in_faults_or_settings_and_shows_no_secret(load):
    """Every place of a full configuration holds every kind of wrong value once."""
    load.put("pipelines.products.quality", [{"field": "textField_no", "rule": "required"}])
    load.put("pipelines.products.source", {"okki": "main", "params": {"a": "b"}, "total_keys": ["count"]})
    load.put("pipelines.products.schedule", {"every": "10m"})
    load.put("delivery", {"read_back_after": ["5s"], "drain": "1m"})
    load.put("http.token", "http-secret")
    secrets = load().secret_values()
    right = deepcopy(load.tree)
    tried = 0
    for path in list(_paths(right)):
        for wrong in (None, True, 7, 1.5, "", "x", [], ["x", 1], [None], {}, {"x": 1}, [{"x": {}}], _DELETE):
            load.tree = deepcopy(right)
            *above, last = path
            here = load.tree
            for key in above:
                here = here[key]
            if wrong is _DELETE:
                del here[last]
            else:
                here[last] = wrong
            tried += 1
            shown = _faults_of(load)
            assert not any(secret in shown for secret in secrets), (path, wrong, shown)
            assert not any(word in shown for word in (*_JARGON, "another value")), (path, wrong, shown)
    assert tried > 400


def _faults_of(load):
    """All faults as text, or nothing where the configuration is accepted."""
    try:
        load()
    except ConfigurationError as error:
        return str(error) or "a refusal without a reason: None"
    return ""


def _paths(value, path=()):
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, below in entries:
        yield (*path, key)
        yield from _paths(below, (*path, key))


def test_a_key_component_must_be_a_text_component(load):
    load.put("pipelines.products.fields.1.field", "numberField_no")
    load.put("pipelines.products.target.key", "numberField_no")
    assert "no text component" in load.fault().found
    load.put("pipelines.products.fields.1.field", "textareaField_no")
    load.put("pipelines.products.target.key", "textareaField_no")
    load()


@pytest.mark.parametrize("section", ["okki", "dingtalk"])
def test_of_several_connections_one_must_be_named(load, section):
    load.tree[section]["second"] = load.tree[section]["main"]
    fault = load.fault()
    assert fault.found == "nothing"
    assert fault.expected == "the name of one of the connections: main, second"


def test_pipelines_may_share_a_form_but_not_with_different_keys(load):
    products = load.tree["pipelines"]["products"]
    other = {**products, "target": {**products["target"]}}
    load.tree["pipelines"]["others"] = other
    assert set(load().pipelines) == {"products", "others"}
    other["target"]["key"] = "textField_name"
    fault = load.fault()
    assert "pipelines.others.target.key" in fault.where
    assert fault.expected == "textField_no, as pipeline products has it for the same form"


def test_an_unmetered_connection_needs_no_reserve(load):
    load.put("dingtalk.main.monthly_calls", 0)
    assert load().dingtalk["main"].monthly_calls == 0


def test_the_password_grant_needs_a_user(load):
    load.put("okki.main.grant_type", "password")
    assert [fault.found for fault in load.faults()] == ["nothing", "nothing"]


def test_a_missing_setting_says_how_the_environment_would_give_it(load):
    del load.tree["dingtalk"]["main"]["app_secret"]
    fault = load.fault()
    assert fault.found == "nothing"
    assert "XMSYNCD_DINGTALK__MAIN__APP_SECRET" in fault.expected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "[::1]", "localhost"])
def test_a_loopback_address_needs_no_token(load, host):
    load.put("http.host", host)
    assert load().http.token is None


def test_a_public_address_with_a_token_is_accepted(load):
    load.put("http.host", "::")
    load.put("http.token", "secret")
    assert load().http.host == "::"


@pytest.mark.parametrize("data", ['[{"key":"a","value":["u"]}]', [{"key": "a", "value": ["u"]}]])
def test_process_data_may_be_written_as_json_text_or_as_a_list(load, data):
    load.put("pipelines.products.target.process_data", data)
    assert load().pipelines["products"].target.process_data == '[{"key":"a","value":["u"]}]'


def test_the_example_is_accepted_once_credentials_are_given():
    settings = load_settings(
        ROOT / "deploy" / "xmsyncd.example.yaml",
        {
            "XMSYNCD_OKKI__MAIN__CLIENT_ID": "id",
            "XMSYNCD_OKKI__MAIN__CLIENT_SECRET": "a",
            "XMSYNCD_DINGTALK__MAIN__APP_KEY": "key",
            "XMSYNCD_DINGTALK__MAIN__APP_SECRET": "b",
            "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN": "c",
            "XMSYNCD_PIPELINES__PRODUCTS__TARGET__USER_ID": "00000000000000000",
        },
        [],
    )
    assert settings.secret_values() == {"a", "b", "c"}
    assert [entry.label for entry in settings.pipelines["products"].fields][2:4] == ["一级分类", "二级分类"]


def test_the_example_shows_the_defaults(load):
    """Whoever deletes a line of the example keeps the behaviour."""
    example = load(
        text=(ROOT / "deploy" / "xmsyncd.example.yaml").read_text().replace('"…"', '"x"'),
        environ={
            "XMSYNCD_OKKI__MAIN__CLIENT_SECRET": "a",
            "XMSYNCD_DINGTALK__MAIN__APP_SECRET": "b",
            "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN": "c",
        },
    )
    plain = load()
    assert isinstance(example, Settings)
    for section in ("ledger", "delivery", "http", "log", "timezone"):
        assert getattr(example, section) == getattr(plain, section)
    assert example.pipelines["products"].source == plain.pipelines["products"].source
    assert example.pipelines["products"].schedule == plain.pipelines["products"].schedule
