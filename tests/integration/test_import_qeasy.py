"""An imported configuration at work: the six fields of the documents arrive byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.scenario import FIELDS, ROOT
from tests.simulator_process import SimulatorProcess
from tests.unit.importing.samples import Documents
from xmsyncd.settings import load_settings

FORM = "FORM-DEMO0000000000000000000000000001"
TOKEN = "demo-system-token"


def xmsyncd(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in that folder, with nothing but the addresses of the simulation from outside."""
    return subprocess.run(
        [sys.executable, "-m", "xmsyncd", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_documents_imported_and_run_write_the_six_fields_byte_for_byte(tmp_path: Path):
    documents = Documents()
    documents.other("appType", "APP_DEMO0000000000000000")
    documents.other("systemToken", TOKEN)
    documents.other("userId", "demo-user")
    for name, document in (("source.json", documents.source), ("target.json", documents.target)):
        (tmp_path / name).write_text(json.dumps(document, ensure_ascii=False, indent="\t"), encoding="utf-8")
    ended = xmsyncd(tmp_path, "import-qeasy", "source.json", "target.json", "--form-uuid", FORM)
    assert ended.returncode == 0, ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr

    with SimulatorProcess(products=30) as simulated:
        # What only a person knows: the credentials; and where the vendors are, which is a simulation here.
        path = tmp_path / "xmsyncd.yaml"
        text = path.read_text(encoding="utf-8")
        for old, new in (
            ('client_id: "…"', "client_id: demo-client-id"),
            ('app_key: "…"', "app_key: demo-app-key"),
            ("https://api-sandbox.xiaoman.cn", simulated.okki_url),
            ("https://api.dingtalk.com", simulated.yida_url),
        ):
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        secrets = tmp_path / "xmsyncd.secrets"
        lines = secrets.read_text(encoding="utf-8")
        lines = lines.replace("CLIENT_SECRET=", "CLIENT_SECRET=demo-client-secret")
        lines = lines.replace("APP_SECRET=", "APP_SECRET=demo-app-secret")
        secrets.write_text(lines, encoding="utf-8")

        (pipeline,) = load_settings(path, {}).pipelines.values()
        assert [entry.model_dump(exclude_unset=True) for entry in pipeline.fields] == FIELDS
        ended = xmsyncd(tmp_path, "sync", "--json")
        assert ended.returncode == 0, ended.stderr
        verdict = simulated.oracle()
        assert verdict["agrees"], verdict
        assert verdict["instances"] == 30
        instances = simulated.control("GET", "/instances")
    assert instances
    six = {one["field"] for one in FIELDS}
    assert all(set(one["versions"][-1]["data"]) == six for one in instances)
    assert TOKEN not in ended.stdout + ended.stderr
