"""Two metadata documents become a configuration file and its secrets, or a list of what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.importing.draft import CONNECTION, UNFILLED, Draft
from xmsyncd.importing.findings import Findings, Verdict
from xmsyncd.importing.json_text import MAX_BYTES, decode_text, parse_json
from xmsyncd.importing.metadata import Metadata, told_apart
from xmsyncd.importing.processing import read_id_check, read_processing
from xmsyncd.importing.rendering import rendered
from xmsyncd.importing.source import draft_of_source
from xmsyncd.importing.target import read_target
from xmsyncd.importing.told_secrets import find_told_secrets
from xmsyncd.settings.document import parse_document
from xmsyncd.settings.loading import settings_from


@dataclass(frozen=True, slots=True)
class Imported:
    """``configuration`` is "" where something was refused; ``secrets`` by the names of their variables."""

    findings: Findings
    configuration: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing_secrets: tuple[str, ...] = ()


def read_file(path: FilePath) -> str:
    """The text of a document. Raises ``ConfigurationError``."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else f"{error.strerror}"
        expected = "a file with a metadata document (元数据), saved from the platform"
        raise ConfigurationError([Fault(str(path), found, expected)]) from None
    return decode_text(content, path.name)


def import_documents(
    first: tuple[str, str], second: tuple[str, str], *, form_uuid: str | None, made_by: str
) -> Imported:
    """Each document is (name of the file, text), in any order.

    Raises ``ConfigurationError`` for what cannot be read; what was read and cannot be done is a finding.
    """
    source, target = told_apart(parse_json(first[1], first[0]), parse_json(second[1], second[0]))
    findings = Findings()
    for one in (source, target):
        for fault in one.document.faults:
            findings.refused(fault.where, fault.found, fault.expected)
    if find_told_secrets((source, target), findings):
        return Imported(findings)
    draft = draft_of_source(source, findings)
    read_processing(source, findings)
    if draft is None:
        return Imported(findings)
    read_target(target, draft, findings, form_uuid)
    read_processing(target, findings)
    read_id_check(source, target, findings)
    _what_no_document_tells(source, draft, findings)
    if any(findings.of(Verdict.REFUSED)):
        return Imported(findings)
    text = rendered(draft, findings, made_from=(source.document.name, target.document.name), made_by=made_by)
    _check(text, draft, findings)
    if any(findings.of(Verdict.REFUSED)):
        return Imported(findings)
    missing = tuple(name for name in draft.secret_variables if name not in draft.secrets)
    return Imported(findings, text, dict(draft.secrets), missing)


def _what_no_document_tells(source: Metadata, draft: Draft, findings: Findings) -> None:
    for vendor, section, identity, secret in (
        ("OKKI", draft.okki, "client_id", ("okki", CONNECTION, "client_secret")),
        ("DingTalk", draft.dingtalk, "app_key", ("dingtalk", CONNECTION, "app_secret")),
    ):
        missing = (
            [f"{secret[0]}.{CONNECTION}.{identity}"] if draft.value_of(section, identity) is None else []
        )
        if draft.variable(*secret) not in draft.secrets:
            missing.append(f"{draft.variable(*secret)} in the file of secrets")
        if missing:
            findings.decide("both documents", f"no credentials of {vendor}", " and ".join(missing))
    findings.decide(
        "both documents",
        "no schedule of the scheme",
        "schedule: {every: 10m}, or {cron: …} as it was there",
    )
    findings.better(
        source.where("request"),
        "pages are fetched until one is empty (by its public adapters): what moves between pages is missed",
        "each window is read until it is proven complete",
    )


def _check(text: str, draft: Draft, findings: Findings) -> None:
    """The file is read as the daemon will read it, with something in the place of what is to be filled in."""
    name = "the configuration"
    try:
        settings_from(parse_document(text, name), FilePath("xmsyncd.yaml"), _stand_ins(draft), [])
    except ConfigurationError as error:
        for fault in error.faults:
            findings.refused(fault.where, fault.found, fault.expected)


def _stand_ins(draft: Draft) -> dict[str, str]:
    """Values of the environment for what a person still fills in."""
    values = dict.fromkeys(draft.secret_variables, "stand-in")
    if draft.value_of(draft.okki, "client_id") is None:
        values[draft.variable("okki", "main", "client_id")] = "stand-in"
    if draft.value_of(draft.dingtalk, "app_key") is None:
        values[draft.variable("dingtalk", "main", "app_key")] = "stand-in"
    for setting in draft.target:
        if setting.value == UNFILLED:
            components = [str(one["field"]) for one in draft.fields]
            stand_in = next((one for one in components if one.startswith("text")), components[0])
            value = stand_in if setting.key == "key" else "stand-in"
            values[draft.variable("pipelines", draft.pipeline, "target", setting.key)] = value
    return values
