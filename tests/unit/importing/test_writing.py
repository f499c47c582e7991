"""The files of an import: both or none, nothing replaced unasked, secrets for their owner alone."""

from __future__ import annotations

import os
import stat

import pytest

from xmsyncd.errors import ConfigurationError
from xmsyncd.importing.writing import write_files

APP = "XMSYNCD_DINGTALK__MAIN__APP_SECRET"
TOKEN = "XMSYNCD_PIPELINES__PRODUCTS__TARGET__SYSTEM_TOKEN"


@pytest.fixture
def output(tmp_path):
    return tmp_path / "xmsyncd.yaml"


def write(output, values=None, missing=(APP,), *, secrets_file=None, force=False, text="a: 1\n"):
    given = {TOKEN: "hush"} if values is None else values
    return write_files(text, given, missing, output=output, secrets_file=secrets_file, force=force)


def test_secrets_stand_beside_it_for_their_owner_alone_whatever_the_umask(output):
    before = os.umask(0)
    try:
        files = write(output)
    finally:
        os.umask(before)
    assert files.is_found
    assert files.secrets == output.with_name("xmsyncd.secrets")
    assert stat.S_IMODE(files.secrets.stat().st_mode) == 0o600
    assert files.secrets.read_text().splitlines()[-2:] == [f"{APP}=", f"{TOKEN}=hush"]
    assert output.read_text() == "a: 1\n"
    assert sorted(one.name for one in output.parent.iterdir()) == ["xmsyncd.secrets", "xmsyncd.yaml"]


@pytest.mark.parametrize("there", ["xmsyncd.yaml", "xmsyncd.secrets"])
def test_what_is_there_stays_unless_told_otherwise(output, there):
    path = output.with_name(there)
    path.write_text("mine: 1\n")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="--force"):
        write(output)
    assert path.read_text() == "mine: 1\n"
    assert [one.name for one in output.parent.iterdir()] == [there]


def test_a_link_to_nowhere_counts_as_there(output):
    output.symlink_to(output.with_name("elsewhere"))
    with pytest.raises(ConfigurationError, match="--force"):
        write(output)
    assert [one.name for one in output.parent.iterdir()] == ["xmsyncd.yaml"]


def test_by_force_both_are_replaced_and_other_secrets_stay(output):
    secrets = output.with_name("xmsyncd.secrets")
    output.write_text("mine: 1\n")
    output.chmod(0o640)
    secrets.write_text(f"{APP}=filled-in\n{TOKEN}=old\n")
    secrets.chmod(0o644)
    write(output, force=True)
    assert output.read_text() == "a: 1\n"
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
    assert secrets.read_text() == f"{APP}=filled-in\n{TOKEN}=hush\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600


def test_without_a_secret_to_write_a_file_of_secrets_is_left_alone(output):
    secrets = output.with_name("xmsyncd.secrets")
    secrets.write_text(f"{APP}=mine\n")
    files = write(output, {})
    assert files.secrets is None
    assert secrets.read_text() == f"{APP}=mine\n"


def test_a_file_elsewhere_is_not_found_by_itself(output, tmp_path):
    files = write(output, secrets_file=tmp_path / "other.env")
    assert not files.is_found
    assert not output.with_name("xmsyncd.secrets").exists()


def test_where_the_configuration_cannot_be_written_no_secret_is_left_behind(tmp_path):
    folder = tmp_path / "missing"
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(folder / "xmsyncd.yaml", secrets_file=tmp_path / "x.secrets")
    assert list(tmp_path.iterdir()) == []


def test_one_file_for_both_and_a_folder_are_refused(output, tmp_path):
    with pytest.raises(ConfigurationError, match="the same file"):
        write(output, secrets_file=output)
    with pytest.raises(ConfigurationError):
        write(tmp_path, secrets_file=tmp_path / "x.secrets", force=True)
    assert list(tmp_path.iterdir()) == []
