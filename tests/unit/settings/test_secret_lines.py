"""The file of secrets beside the configuration: read without being told, for its owner alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.errors import ConfigurationError
from xmsyncd.settings import load_settings
from xmsyncd.settings.secret_lines import beside, read_secret_lines, secret_line, with_lines

APP = "XMSYNCD_DINGTALK__MAIN__APP_SECRET"
TOKEN = "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN"
VALUES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff"))


@pytest.fixture
def secrets(load):
    """The file beside the configuration, written with its mode."""
    load()
    path = beside(load.path)

    def write(text: str, mode: int = 0o600):
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return write


def test_it_is_found_beside_the_configuration_and_folders_and_variables_win(load, secrets, tmp_path):
    path = secrets(f"\ufeff# mine\n\n{APP}=from-lines\r\nexport {TOKEN} = 'it=\"s\"'\nXMSYNCD_HTTP__TOKEN=\n")
    assert path.name == "xmsyncd.secrets"
    settings = load_settings(load.path, {})
    assert settings.dingtalk["main"].app_secret.get_secret_value() == "from-lines"
    assert settings.pipelines["products"].target.system_token.get_secret_value() == 'it="s"'
    assert settings.http.token is None
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / APP).write_text("from-folder\n")
    settings = load_settings(load.path, {"CREDENTIALS_DIRECTORY": str(folder), TOKEN: "from-environment"})
    assert settings.dingtalk["main"].app_secret.get_secret_value() == "from-folder"
    assert settings.pipelines["products"].target.system_token.get_secret_value() == "from-environment"


@pytest.mark.parametrize(
    ("text", "mode", "where", "found"),
    [
        (f"{APP}=hush", 0o644, "", "mode 0644"),
        (f"{APP}=hush", 0o602, "", "mode 0602"),
        (f"# x\nhush {APP}", 0o600, ", line 2", "no XMSYNCD_…=value"),
        ("DINGTALK__MAIN__APP_SECRET=hush", 0o600, ", line 1", "no XMSYNCD_…=value"),
        ("XMSYNCD_DINGTALK__MAIN__APP_SECRT=hush", 0o600, ", line 1", "the name of no setting"),
    ],
)
def test_a_fault_names_the_line_and_never_its_value(load, secrets, text, mode, where, found):
    path = secrets(text, mode)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(load.path, {})
    (fault,) = caught.value.faults
    assert fault.where == f"secrets file {path}{where}"
    assert found in fault.found
    assert "hush" not in str(fault)


def test_one_that_its_group_may_read_is_accepted(load, secrets):
    secrets(f"{APP}=from-lines", 0o640)
    assert load_settings(load.path, {}).dingtalk["main"].app_secret.get_secret_value() == "from-lines"


def test_one_that_is_no_text_is_a_fault(load, secrets):
    path = secrets("")
    path.write_bytes(b"XMSYNCD_X=\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_settings(load.path, {})


@given(VALUES)
def test_what_is_written_is_read_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("lines") / "x.secrets"
    path.write_text(secret_line(APP, value) + "\n", encoding="utf-8", newline="")
    path.chmod(0o600)
    lines, faults = read_secret_lines(path)
    assert faults == []
    assert [(line.name, line.value) for line in lines] == [(APP, value)]


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x00", "a\u2028b", "\ud800"])
def test_a_value_that_no_line_can_hold_is_refused(value):
    with pytest.raises(ValueError, match="line break"):
        secret_line(APP, value)


def test_other_lines_stay_as_they_were():
    text = f"# mine\n{APP}=old\nXMSYNCD_HTTP__TOKEN = 'kept'\n"
    changed = with_lines(text, {APP: "new", TOKEN: " blank "})
    assert changed == f"# mine\n{APP}=new\nXMSYNCD_HTTP__TOKEN = 'kept'\n{TOKEN}=\" blank \"\n"
