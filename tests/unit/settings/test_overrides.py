"""Environment variables and secret files over the file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from xmsyncd.settings import ReadBack, Settings, load_settings
from xmsyncd.settings.schema import settings_under, shape_at
from xmsyncd.settings.sources import environment_name, known_names


def test_environment_wins_over_secret_files_and_these_over_the_file(load):
    (load.secrets / "XMSYNCD_OKKI__MAIN__CLIENT_SECRET").write_text("from-file\r\n")
    (load.secrets / "xmsyncd_dingtalk__main__app_secret").write_text("from-file\n")
    settings = load({"XMSYNCD_OKKI__MAIN__CLIENT_SECRET": "from-environment"})
    assert settings.okki["main"].client_secret.get_secret_value() == "from-environment"
    assert settings.dingtalk["main"].app_secret.get_secret_value() == "from-file"
    assert settings.pipelines["products"].target.system_token.get_secret_value() == "yida-secret"


def test_of_two_folders_the_later_one_wins_and_other_files_do_not_matter(load, tmp_path):
    load()
    later = tmp_path / "credentials"
    later.mkdir()
    (later / "..data").mkdir()
    (later / "XMSYNCD_FOLDER").mkdir()
    (later / "other_token").write_bytes(b"\xff")
    (later / "XMSYNCD_DINGTALK__MAIN__APP_SECRET").write_text("later\n")
    (load.secrets / "XMSYNCD_DINGTALK__MAIN__APP_SECRET").write_text("earlier\n")
    settings = load_settings(load.path, {}, [load.secrets, later, tmp_path / "missing"])
    assert settings.dingtalk["main"].app_secret.get_secret_value() == "later"
    settings = load_settings(load.path, {"CREDENTIALS_DIRECTORY": str(later)})
    assert settings.dingtalk["main"].app_secret.get_secret_value() == "later"


def test_an_empty_variable_and_an_empty_secret_file_count_as_not_set(load):
    (load.secrets / "XMSYNCD_DINGTALK__MAIN__APP_SECRET").write_text("\n")
    settings = load({"XMSYNCD_HTTP__PORT": "", "XMSYNCD_DINGTALK__MAIN__APP_KEY": ""})
    assert settings.http.port == 9464
    assert settings.secret_values() == {"okki-secret", "ding-secret", "yida-secret"}


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("XMSYNCD_DELIVERY__IN_FLIGHT", "8", lambda s: s.delivery.in_flight == 8),
        ("xmsyncd_delivery__in_flight", "8", lambda s: s.delivery.in_flight == 8),
        ("XMSYNCD_TIMEZONE", "UTC", lambda s: s.timezone == "UTC"),
        ("XMSYNCD_LOG", '{"level": "debug"}', lambda s: s.log.level == "debug"),
        (
            "XMSYNCD_DELIVERY__READ_BACK_AFTER",
            '["1s", "00:00:02"]',
            lambda s: s.delivery.read_back_after == [timedelta(seconds=1), timedelta(seconds=2)],
        ),
        ("XMSYNCD_OKKI__MAIN__SUCCESS_CODES", "[1]", lambda s: s.okki["main"].success_codes == [1]),
        ("XMSYNCD_OKKI__MAIN__CLIENT_ID", "007", lambda s: s.okki["main"].client_id == "007"),
        (
            "XMSYNCD_OKKI__MAIN__TOKEN_FORM_FALLBACK",
            "false",
            lambda s: not s.okki["main"].token_form_fallback,
        ),
        (
            "XMSYNCD_PIPELINES__PRODUCTS__SOURCE__TIME_TYPE",
            "null",
            lambda s: s.pipelines["products"].source.time_type is None,
        ),
        (
            "XMSYNCD_PIPELINES__PRODUCTS__SOURCE__PARAMS__PRODUCT_TYPE",
            "1",
            lambda s: s.pipelines["products"].source.params == {"product_type": "1"},
        ),
        (
            "XMSYNCD_PIPELINES__PRODUCTS__TARGET__READ_BACK",
            "never",
            lambda s: s.pipelines["products"].target.read_back is ReadBack.NEVER,
        ),
        (
            "XMSYNCD_PIPELINES__PRODUCTS__FIELDS",
            '[{"field": "textField_no", "value": "{x}"}]',
            lambda s: [entry.value for entry in s.pipelines["products"].fields] == ["{x}"],
        ),
    ],
)
def test_a_variable_reaches_every_kind_of_setting(load, name, value, read):
    assert read(load({name: value}))


def test_every_setting_outside_lists_can_be_reached_from_the_environment(load):
    load()
    names = set(known_names(Settings, load.tree))
    for path, _ in settings_under(Settings):
        if "[]" in path:
            continue
        name = "products" if path[0] == "pipelines" else "main"
        own = tuple(
            (name if position == 1 else "main") if key == "<name>" else key
            for position, key in enumerate(path)
        )
        assert shape_at(Settings, own) is not None
        assert environment_name(own) in names


@pytest.mark.parametrize("variable", ["MY_SHOP", "My_Shop", "my_shop"])
def test_names_of_the_file_are_matched_whatever_their_case(load, variable):
    load.tree["okki"] = {"My-Shop": load.tree["okki"]["main"]}
    settings = load({f"XMSYNCD_OKKI__{variable}__TRIES": "2"})
    assert settings.okki["My-Shop"].tries == 2


def test_a_name_that_the_file_does_not_have_makes_a_lower_case_entry(load):
    load.put("pipelines.products.source.okki", "main")
    settings = load({"XMSYNCD_OKKI__SECOND__CLIENT_ID": "7", "XMSYNCD_OKKI__SECOND__CLIENT_SECRET": "s"})
    assert settings.okki["second"].client_id == "7"


def test_a_mistyped_name_is_blamed_on_the_variable_that_made_the_entry(load):
    faults = load.faults({"XMSYNCD_OKKI__MIAN__CLIENT_SECRET": "hunter2"})
    by_variable = [
        fault for fault in faults if fault.where == "environment XMSYNCD_OKKI__MIAN__CLIENT_SECRET"
    ]
    assert [fault.found for fault in by_variable] == ["a new entry okki.mian, without client_id"]
    assert "a name that the file has: main" in by_variable[0].expected


def test_the_finer_of_two_variables_wins(load):
    settings = load({"XMSYNCD_HTTP": '{"port": 1, "host": "::1"}', "XMSYNCD_HTTP__PORT": "2"})
    assert (settings.http.port, settings.http.host) == (2, "::1")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        (
            "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKN",
            "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN",
        ),
        ("XMSYNCD_OKKI_MAIN_CLIENT_SECRET", "XMSYNCD_OKKI__MAIN__CLIENT_SECRET"),
        ("XMSYNCD_DELIVERY__INFLIGHT", "XMSYNCD_DELIVERY__IN_FLIGHT"),
        ("XMSYNCD_PORT", "XMSYNCD_HTTP__PORT"),
        ("XMSYNCD_TIMEZONE__X", "XMSYNCD_TIMEZONE"),
        ("XMSYNCD_PIPELINES__PRODUCTS__FIELDS__0__VALUE", "XMSYNCD_PIPELINES__PRODUCTS__FIELDS"),
    ],
)
def test_an_unknown_name_is_a_fault_that_names_the_nearest(load, name, nearest):
    fault = load.fault({name: "hunter2"})
    assert fault.where == f"environment {name}"
    assert f"(nearest: {nearest})" in fault.expected
    assert "hunter2" not in str(fault)


def test_an_unknown_secret_file_is_a_fault_that_names_the_nearest(load):
    file: Path = load.secrets / "xmsyncd_okki__main__client_secrt"
    file.write_text("hunter2")
    fault = load.fault()
    assert fault.where == f"secret file {file}"
    assert "(nearest: XMSYNCD_OKKI__MAIN__CLIENT_SECRET)" in fault.expected
    assert "hunter2" not in str(fault)


def test_a_secret_file_that_cannot_be_read_is_a_fault(load):
    (load.secrets / "XMSYNCD_HTTP__TOKEN").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in load.fault().found


def test_names_of_others_are_left_alone(load):
    load(
        {
            "XMSYNCD_CONFIG": "/etc/xmsyncd.yaml",
            "XMSYNCD_TEST_PG": "postgresql://",
            "XMSYNCDX": "1",
            "PATH": "/bin",
            # what Kubernetes puts into every pod beside a Service named xmsyncd
            "XMSYNCD_SERVICE_HOST": "10.0.0.1",
            "XMSYNCD_SERVICE_PORT": "9464",
            "XMSYNCD_SERVICE_PORT_HTTP": "9464",
            "XMSYNCD_PORT": "tcp://10.0.0.1:9464",
            "XMSYNCD_PORT_9464_TCP": "tcp://10.0.0.1:9464",
            "XMSYNCD_PORT_9464_TCP_ADDR": "10.0.0.1",
            "XMSYNCD_PORT_9464_TCP_PORT": "9464",
            "XMSYNCD_PORT_9464_TCP_PROTO": "tcp",
        }
    )


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("XMSYNCD_DELIVERY__IN_FLIGHT", "many", '"many"'),
        ("XMSYNCD_DELIVERY__READ_BACK_AFTER", "hunter2", "text that is not JSON (not shown)"),
        ("XMSYNCD_OKKI__MAIN", '{"client_secret": "hunter2"', "text that is not JSON (not shown)"),
        ("XMSYNCD_OKKI__MAIN", '"hunter2"', "text (not shown)"),
        ("XMSYNCD_DINGTALK__MAIN__APP_SECRET", "   ", "an empty secret"),
    ],
)
def test_a_fault_of_a_variable_names_the_variable_and_no_secret(load, name, value, found):
    fault = load.fault({name: value})
    assert fault.where == f"environment {name}"
    assert fault.found == found
    assert "hunter2" not in str(fault)


def test_settings_made_directly_read_nothing_from_outside(load, monkeypatch):
    monkeypatch.setenv("TIMEZONE", "nowhere")
    monkeypatch.setenv("LOG", "x")
    assert Settings(**load.tree).timezone == "Asia/Shanghai"
