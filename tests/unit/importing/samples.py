"""Two documents of the shapes that are published, to be changed in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from xmsyncd.importing.converting import Imported, import_documents
from xmsyncd.importing.findings import Finding, Verdict
from xmsyncd.settings import Settings, load_settings

SIX = [
    ("textField_lq0sj9h9", "产品名称", "{name}"),
    ("textField_lq23ags2", "产品编码", "{product_no}"),
    ("textField_lq0sj9h3", "一级分类", "{{一级分组}}"),
    ("textField_lqdd2tui", "二级分类", "{group_id}"),
    ("textField_lstsv908", "产品规格", "{product_type}"),
    ("textareaField_lq23ags6", "产品备注", "{product_remark}"),
]
TOKEN = "GYE66RB1D0GVZYO3TEST0TOKEN0VALUE"
START = "_function SUBTIME('{{LAST_SYNC_TIME|datetime}}', '00:30:01')"


def entry(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"field": name, "label": name, "type": "string", "describe": "", "value": value, **more}


def source_document() -> dict[str, Any]:
    return {
        "api": "/v1/product/list",
        "effect": "QUERY",
        "method": "GET",
        "number": "product_no",
        "id": "product_id",
        "idCheck": True,
        "request": [
            entry("start_index", "1"),
            entry("count", "20"),
            entry("start_time", START),
            entry("end_time", "{{CURRENT_TIME|datetime}}"),
        ],
    }


def target_document() -> dict[str, Any]:
    return {
        "api": "v1.0/yida/processes/instances/start",
        "effect": "EXECUTE",
        "method": "POST",
        "number": "number",
        "id": "id",
        "idCheck": True,
        "request": [
            {"field": field, "label": label, "type": "string", "value": value} for field, label, value in SIX
        ],
        "otherRequest": [
            entry("appType", "APP_TEST0000AAAA"),
            entry("systemToken", TOKEN),
            entry("userId", "0123456789"),
            entry("language", ""),
            entry("", ""),
        ],
    }


class Documents:
    """Both documents; ``source`` and ``target`` may be changed before :meth:`made`."""

    def __init__(self) -> None:
        self.source = source_document()
        self.target = target_document()

    def request(self, name: str, value: Any, **more: Any) -> None:
        """Put an entry into the source's request, in the place of one with that name."""
        listed = self.source["request"]
        listed[:] = [one for one in listed if one["field"] != name] + [entry(name, value, **more)]

    def component(self, name: str, value: Any, **more: Any) -> None:
        """The same for the target's."""
        listed = self.target["request"]
        listed[:] = [one for one in listed if one["field"] != name] + [entry(name, value, **more)]

    def other(self, name: str, value: Any) -> None:
        """The same for the parameters of the call."""
        listed = self.target["otherRequest"]
        listed[:] = [one for one in listed if one["field"] != name] + [entry(name, value)]

    def made(self, *, form_uuid: str | None = "FORM-TEST") -> Imported:
        texts = [
            json.dumps(deepcopy(one), ensure_ascii=False, indent=1) for one in (self.source, self.target)
        ]
        return import_documents(
            ("source.json", texts[0]), ("target.json", texts[1]), form_uuid=form_uuid, made_by="xmsyncd 0"
        )

    def settings(self, folder: Path) -> Settings:
        """What the daemon reads after the import, the credentials filled in."""
        return loaded(self.made(), folder)

    def finding(self, verdict: Verdict, part: str) -> Finding:
        """The only finding of this kind that holds ``part``."""
        found = [one for one in self.made().findings.of(verdict) if part in f"{one.where} {one.found}"]
        assert len(found) == 1, self.made().findings.listed
        return found[0]

    def refusal(self, part: str) -> Finding:
        """The only refusal, about ``part``; nothing is written for it."""
        made = self.made()
        assert made.configuration == ""
        assert made.secrets == {}
        return self.finding(Verdict.REFUSED, part)


def loaded(made: Imported, folder: Path) -> Settings:
    """The configuration as the daemon reads it, credentials filled in, secrets from the environment."""
    assert made.configuration, made.findings.listed
    path = folder / "xmsyncd.yaml"
    path.write_text(made.configuration, encoding="utf-8")
    environ: Mapping[str, str] = {
        "XMSYNCD_OKKI__MAIN__CLIENT_ID": "client",
        "XMSYNCD_DINGTALK__MAIN__APP_KEY": "key",
        **dict.fromkeys(made.missing_secrets, "a secret"),
        **made.secrets,
    }
    return load_settings(path, environ, [])
