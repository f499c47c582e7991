"""As a service: the image, the unit of systemd and the compose file fit each other and the settings."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy import image_steps
from tests.deploy.tools import ALERTMANAGER, DEPLOY, ROOT, run, tool
from tests.scenario import wait_until, write_configuration
from tests.simulator_process import SimulatorProcess
from xmsyncd.settings import load_settings
from xmsyncd.settings.connections import DeliverySettings
from xmsyncd.settings.models import Settings

pytestmark = pytest.mark.deploy

UNIT = DEPLOY / "systemd" / "xmsyncd.service"
COMPOSE = DEPLOY / "compose.yaml"
DOCKERFILE = ROOT / "Dockerfile"
EXAMPLE = DEPLOY / "xmsyncd.example.yaml"
SETTING_UP = timedelta(seconds=20)
"""What a stop takes besides the drain."""


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser["Service"]


def compose() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(COMPOSE))


def example(folder: Path, secrets: dict[str, str]) -> Settings:
    """The example as somebody has it who filled in ids, and keeps each secret in a file of its name."""
    text = EXAMPLE.read_text(encoding="utf-8").replace('"…"', '"filled-in"')
    config = folder / "xmsyncd.yaml"
    config.write_text(text, encoding="utf-8")
    for name, value in secrets.items():
        (folder / name).write_text(value + "\n", encoding="utf-8")
    return load_settings(config, {}, secrets_dirs=[folder])


def drain() -> timedelta:
    default: DeliverySettings = Settings.model_fields["delivery"].default
    return default.drain


def test_the_credentials_of_the_unit_are_the_settings_they_are_meant_for(tmp_path: Path):
    text = UNIT.read_text(encoding="utf-8")
    names = re.findall(r"^#?LoadCredential=([^:]+):", text, re.MULTILINE)
    assert len(names) == 4
    settings = example(tmp_path, {name: f"secret of {name}" for name in names})
    assert {f"secret of {name}" for name in names} <= settings.secret_values()


def test_a_stop_by_systemd_is_longer_than_a_drain_and_ends_well():
    service = unit()
    assert timedelta(seconds=int(service["TimeoutStopSec"].removesuffix("s"))) >= drain() + SETTING_UP
    assert service["SuccessExitStatus"] == "143"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["Type"] == "notify"


def test_systemd_takes_the_unit(tmp_path: Path):
    program = tool("systemd-analyze", required=False)
    copy = tmp_path / "xmsyncd.service"
    text = UNIT.read_text(encoding="utf-8").replace("/opt/xmsyncd/.venv/bin/xmsyncd", sys.executable)
    copy.write_text(text, encoding="utf-8")
    ended = run(program, "verify", "--man=no", copy)
    about_ours = [line for line in ended.stdout.splitlines() if "xmsyncd" in line]
    assert about_ours == [], ended.stdout
    exposure = run(program, "security", "--offline=yes", "--threshold=25", copy)
    assert exposure.returncode == 0, exposure.stdout.splitlines()[-1]


def test_the_secrets_of_the_composition_are_the_settings_they_are_meant_for(tmp_path: Path):
    file = compose()
    names = list(file["services"]["xmsyncd"]["secrets"])
    assert set(names) <= set(file["secrets"])
    secrets = {name: f"secret of {name}" for name in names}
    secrets["xmsyncd_notify__robots__ops__webhook"] = (
        "https://oapi.dingtalk.com/robot/send?access_token=made-up"
    )
    settings = example(tmp_path, secrets)
    assert set(secrets.values()) <= settings.secret_values()


def test_everything_that_is_mounted_is_there_or_is_said_to_be_made():
    file, text = compose(), COMPOSE.read_text(encoding="utf-8")
    for service in file["services"].values():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            if source.startswith("./"):
                is_made = source.startswith("./secrets/") or source == "./xmsyncd.yaml"
                assert is_made or (DEPLOY / source).exists(), source
            else:
                assert source in file["volumes"], source
    assert "mkdir -p deploy/secrets" in text
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8")


def test_the_parts_of_the_composition_find_each_other():
    services = compose()["services"]
    for name in ("prometheus", "alertmanager", "grafana"):
        assert services[name]["network_mode"] == "service:xmsyncd"
    assert all(published.startswith("127.0.0.1:") for published in services["xmsyncd"]["ports"])
    listening = {
        name: next(part for part in services[name]["command"] if "web.listen-address" in part).split("=")[1]
        for name in ("prometheus", "alertmanager")
    }
    assert services["grafana"]["environment"]["PROMETHEUS_URL"] == f"http://{listening['prometheus']}"
    ours = YAML(typ="safe").load(DEPLOY / "compose" / "prometheus.yml")
    assert ours["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == [listening["alertmanager"]]
    # Reading needs no token, so what reads gets none: it would be one that presses buttons.
    assert "authorization" not in ours["scrape_configs"][0]
    assert "xmsyncd_http__token" not in services["prometheus"].get("secrets", ())
    assert ours == YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yml")
    hook = YAML(typ="safe").load(ALERTMANAGER)["receivers"][0]["webhook_configs"][0]
    token = hook["http_config"]["authorization"]["credentials_file"]
    assert f"./secrets/notify_hook_token:{token}:ro" in services["alertmanager"]["volumes"]
    provided = YAML(typ="safe").load(DEPLOY / "grafana/provisioning/dashboards/xmsyncd.yaml")
    dashboards = provided["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{dashboards}:ro" in services["grafana"]["volumes"]


def test_a_stop_of_the_composition_is_longer_than_a_drain():
    service = compose()["services"]["xmsyncd"]
    assert timedelta(seconds=int(service["stop_grace_period"].removesuffix("s"))) >= drain() + SETTING_UP


def test_every_image_is_pinned_to_a_version():
    used = [service["image"] for service in compose()["services"].values()]
    base = re.search(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert base is not None
    for image in (base[1], *(one for one in used if one != "xmsyncd")):
        assert re.search(r":v?\d+\.\d+\.\d+", image), image


def test_only_what_the_image_is_made_of_is_sent_to_its_builder():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for step in image_steps.instructions(DOCKERFILE)
        if step.name == "COPY" and "--from" not in step.text
        for source in step.text.split()[:-1]
    }
    assert {name.split("/")[0] for name in let_in} == copied
    assert all((ROOT / name).exists() for name in let_in)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that another user may enter, which pytest's own folders are not."""
    path = Path(tempfile.mkdtemp(prefix="xmsyncd-image-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(600)
def test_the_steps_of_the_image_make_a_daemon_that_works_and_stops(folder: Path, tmp_path: Path):
    image = image_steps.build(DOCKERFILE, folder)
    assert [step.split()[0] for step in image.left_out] == ["groupadd", "useradd"]
    assert image.user == "10001:10001"
    installed = image.path("/opt/xmsyncd/lib").glob("python*/site-packages/pytest")
    assert list(installed) == [], "nothing of a developer's"
    with SimulatorProcess(products=5) as simulated:
        config = write_configuration(image.path("/src"), simulated, http={"port": 9464})
        etc = image.path("/etc/xmsyncd")
        etc.mkdir(parents=True)
        shutil.move(config, etc / "xmsyncd.yaml")
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0 and _is_for_everybody(Path(sys.base_prefix)):
            as_user = {"user": 10001, "group": 10001, "extra_groups": []}
        environment = image.environ()
        # Another test's port may be in use; the health check's port moves with it.
        port = str(_free_port())
        environment["XMSYNCD_HTTP__PORT"] = port
        with (tmp_path / "log").open("wb") as log:
            program = shutil.which(image.entry[0], path=environment["PATH"])
            assert program is not None
            daemon = subprocess.Popen(
                [program, *image.entry[1:], *image.command],
                cwd=image.path(image.folder),
                env=environment,
                stdout=log,
                stderr=log,
                **as_user,
            )
            try:
                wait_until(lambda: bool(simulated.oracle()["agrees"]), 60, "everything is delivered")
                health = [part.replace(":9464", f":{port}") for part in image.health]
                assert subprocess.run(health, env=environment, timeout=30, check=False).returncode == 0
                assert image.path("/var/lib/xmsyncd/xmsyncd.db").exists()
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(30) == 143
                assert subprocess.run(health, env=environment, timeout=30, check=False).returncode != 0
            finally:
                daemon.kill()
                daemon.wait()


def _is_for_everybody(folder: Path) -> bool:
    """Whether another user may run what lies there: a Python in root's home is for root alone."""
    return all(one.stat().st_mode & 0o001 for one in (folder.resolve(), *folder.resolve().parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
