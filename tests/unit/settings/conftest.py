"""A configuration that is right, to be made wrong in one place, and the loading of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings import Settings, load_settings

RIGHT: dict[str, Any] = {
    "okki": {"main": {"client_id": "0123", "client_secret": "okki-secret"}},
    "dingtalk": {"main": {"app_key": "dingkey", "app_secret": "ding-secret"}},
    "pipelines": {
        "products": {
            "target": {
                "app_type": "APP_X",
                "system_token": "yida-secret",
                "user_id": "0456",
                "form_uuid": "FORM-X",
                "key": "textField_no",
            },
            "fields": [
                {"field": "textField_name", "label": "产品名称", "type": "string", "value": "{name}"},
                {"field": "textField_no", "value": "{product_no}"},
            ],
        }
    },
}


class Loader:
    """Writes a configuration file and loads it; ``put`` changes one place of the right one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "xmsyncd.yaml"
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        self.tree = deepcopy(RIGHT)

    def put(self, path: str, value: Any) -> None:
        *above, last = path.split(".")
        here: Any = self.tree
        for key in above:
            here = here[int(key)] if key.isdigit() else here.setdefault(key, {})
        here[int(last) if last.isdigit() else last] = value

    def __call__(self, environ: Mapping[str, str] | None = None, text: str | None = None) -> Settings:
        self.path.write_text(json.dumps(self.tree) if text is None else text, encoding="utf-8")
        return load_settings(self.path, environ or {}, [self.secrets])

    def faults(self, environ: Mapping[str, str] | None = None, text: str | None = None) -> tuple[Fault, ...]:
        with pytest.raises(ConfigurationError) as caught:
            self(environ, text)
        return caught.value.faults

    def fault(self, environ: Mapping[str, str] | None = None, text: str | None = None) -> Fault:
        faults = self.faults(environ, text)
        assert len(faults) == 1, [str(fault) for fault in faults]
        return faults[0]


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    return Loader(tmp_path)
