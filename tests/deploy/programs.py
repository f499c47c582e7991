"""A real Prometheus and Alertmanager on this machine: the project's own files, with short times in them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.deploy.tools import ALERTMANAGER, DEPLOY, RULES, TOOLS, tool

# Ends with its standard input, and so with the test, however that ends.
_TIED = '"$@" & program=$!; cat > /dev/null; kill -9 $program'


def free_port() -> int:
    """A port of this machine that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str) -> bytes | None:
    """What a program of ours answers; ``None`` where it does not answer well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            content: bytes = response.read()
            return content
    except (OSError, urllib.error.URLError):
        return None


@contextlib.contextmanager
def running(log: Path, *command: str, ready: str) -> Iterator[None]:
    """Run a program until the block ends; waits until ``ready`` answers."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            ["sh", "-c", _TIED, "sh", *command],
            cwd=TOOLS,  # where Debian's Alertmanager finds its templates (.ci/debian_tools.py)
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 20
            while fetch(ready) is None:
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.1)
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


@contextlib.contextmanager
def prometheus(folder: Path, *, daemon: int, alertmanager: int) -> Iterator[str]:
    """Prometheus with the project's sample and rules, every ``for`` a second; its address."""
    port, config = free_port(), _yaml(DEPLOY / "prometheus" / "prometheus.yml")
    rules = re.sub(r"\bfor: \w+", "for: 1s", RULES.read_text(encoding="utf-8"))
    (folder / "xmsyncd.rules.yml").write_text(rules, encoding="utf-8")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{daemon}"]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alertmanager}"]
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config), encoding="utf-8")
    address = f"http://127.0.0.1:{port}"
    with running(
        folder / "prometheus.log",
        tool("prometheus"),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        ready=f"{address}/-/ready",
    ):
        yield address


@contextlib.contextmanager
def alertmanager(folder: Path, *, port: int, hooks: str) -> Iterator[None]:
    """Alertmanager with the project's file: its webhooks go to ``hooks``, its mail to ``hooks``/beside."""
    config = _yaml(ALERTMANAGER)
    token = folder / "hook.token"
    token.write_text("hook-token", encoding="utf-8")
    for route in (config["route"], *config["route"]["routes"]):
        route |= {name: "1s" for name in ("group_wait", "group_interval") if name in route}
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = hooks + webhook["url"].partition("/hooks")[2]
            webhook["http_config"]["authorization"]["credentials_file"] = str(token)
        if receiver.pop("email_configs", None):
            receiver["webhook_configs"] = [{"url": hooks + "/beside"}]
    path = folder / "alertmanager.yml"
    path.write_text(json.dumps(config), encoding="utf-8")
    with running(
        folder / "alertmanager.log",
        tool("prometheus-alertmanager", "alertmanager"),
        f"--config.file={path}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        ready=f"http://127.0.0.1:{port}/-/ready",
    ):
        yield


@dataclass(slots=True)
class Hook:
    """What was posted to a webhook: path, authorization and alert, in the order of arrival."""

    url: str
    alerts: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def told(self, name: str, status: str) -> list[tuple[str, str, dict[str, Any]]]:
        """The tellings of one alert with one status (``firing``, ``resolved``)."""
        return [
            one for one in self.alerts if one[2]["labels"]["alertname"] == name and one[2]["status"] == status
        ]


@contextlib.contextmanager
def webhook() -> Iterator[Hook]:
    """A webhook on this machine that takes what Alertmanager posts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            who = self.headers.get("Authorization", "")
            hook.alerts += [(self.path, who, alert) for alert in posted["alerts"]]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook = Hook(f"http://127.0.0.1:{server.server_address[1]}/hooks")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
