"""The target document becomes ``target`` and ``fields``: which form, and what each component gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from xmsyncd.importing.credentials import take_secret
from xmsyncd.importing.draft import CONNECTION, UNFILLED, Draft, variable
from xmsyncd.importing.entries import fields_of
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Entry, Metadata, path_of_api
from xmsyncd.importing.placeholders import environment_reference, looks_unfilled, names_a_secret
from xmsyncd.settings.choices import ApiVersion
from xmsyncd.settings.values import quoted

_START: Final = re.compile(r"/(v[12]\.0)/yida/processes/instances/start")
_FORMS: Final = re.compile(r"/v[12]\.0/yida/forms/instances(/.*)?")

_FORM_DATA: Final = "formdatajson"
_SETTINGS: Final[Mapping[str, str]] = {
    "apptype": "app_type",
    "userid": "user_id",
    "language": "language",
    "formuuid": "form_uuid",
    "processcode": "process_code",
    "departmentid": "department_id",
    "processdata": "process_data",
}
_SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "systemtoken": ("pipelines", "", "target", "system_token"),
    "appsecret": ("dingtalk", CONNECTION, "app_secret"),
}
_APP_KEYS: Final = frozenset({"appkey", "clientid"})
_ENVELOPE: Final = frozenset({_FORM_DATA, *_SETTINGS, *_SECRETS, *_APP_KEYS})
_COMMENTS: Final[Mapping[str, str]] = {
    "app_type": "应用编码",
    "user_id": "on whose behalf instances are written",
    "form_uuid": "FORM-…: see the form's address in Yida's designer",
    "process_code": "",
    "department_id": "",
    "language": "",
    "process_data": "approvers of nodes at which the originator chooses them",
}
_NEEDED: Final = ("app_type", "user_id", "form_uuid")
_TEXT_COMPONENT: Final = re.compile(r"text(?:area)?Field(?:_|$)")


def read_target(target: Metadata, draft: Draft, findings: Findings, form_uuid: str | None) -> None:
    """Fill the draft's target, fields and secrets; ``form_uuid`` wins over that of the document."""
    version = _api_version(target, findings)
    envelope, components = _parted(target, findings)
    draft.set(draft.target, "kind", "process", "流程表单")
    settings = _envelope(target, envelope, draft, findings)
    if form_uuid:
        settings["form_uuid"] = form_uuid
        findings.taken_over("--form-uuid", f"form_uuid {form_uuid}")
    for name, comment in _COMMENTS.items():
        if name in settings:
            draft.set(draft.target, name, settings[name], comment)
        elif name in _NEEDED:
            draft.set(draft.target, name, UNFILLED, comment)
            more = ", or --form-uuid FORM-… of this command" if name == "form_uuid" else ""
            findings.decide(target.document.name, f"no {name}", f"fill in target.{name}: {comment}{more}")
    if version is not None:
        comment = "as it was; v2.0 for applications since November 2024"
        draft.set(draft.target, "api_version", version.value, comment)
    draft.fields = fields_of(components, draft, findings)
    _key(target, components, draft, findings)
    draft.set(draft.target, "on_change", "update", "or ignore: what was written once is never written again")
    if not any(entry.field.lower() == "systemtoken" and entry.value.strip() for entry in envelope):
        findings.decide(
            target.document.name,
            "no system_token (应用秘钥)",
            f"put {draft.secret_variables[2]}=… into the file of secrets",
        )


def _api_version(target: Metadata, findings: Findings) -> ApiVersion | None:
    path = path_of_api(target.api).lower()
    where = target.where("api")
    if found := _START.fullmatch(path):
        version = ApiVersion(found[1])
        findings.taken_over(where, f"{target.api}: kind process, api_version {version.value}")
        return version
    if _FORMS.fullmatch(path):
        findings.refused(
            where,
            f"{quoted(target.api)}, the API of ordinary forms (普通表单)",
            "this version writes process forms (流程表单), by v1.0/yida/processes/instances/start; ordinary "
            "forms (kind: form) come with a later version",
        )
    else:
        found_api = f"the API {quoted(target.api)}" if target.api else "no api"
        findings.refused(where, found_api, "/v1.0/yida/processes/instances/start, or that of v2.0")
    return None


def _parted(target: Metadata, findings: Findings) -> tuple[list[Entry], list[Entry]]:
    """The parameters of the call and the components of the form, wherever each of them stands."""
    envelope: list[Entry] = []
    components: list[Entry] = []
    for entry in target.entries("request", findings):
        if entry.field.lower() not in _ENVELOPE:
            components.append(entry)
        elif entry.field.lower() == _FORM_DATA:
            components += _form_data(entry, findings)
        else:
            envelope.append(entry)
    for entry in target.entries("otherRequest", findings):
        if entry.field.lower() == _FORM_DATA:
            components += _form_data(entry, findings)
        else:
            envelope.append(entry)
    return envelope, components


def _form_data(entry: Entry, findings: Findings) -> tuple[Entry, ...]:
    if not entry.children and (entry.value or entry.is_structured):
        findings.refused(
            entry.where, "the form's data as one text", "an entry for each component, in request"
        )
    return entry.children


def _envelope(target: Metadata, entries: list[Entry], draft: Draft, findings: Findings) -> dict[str, str]:
    settings: dict[str, str] = {}
    for entry in entries:
        value, name = entry.value.strip(), entry.field.lower()
        if not value and not entry.is_structured:
            continue
        if name in _SECRETS:
            above, *rest = _SECRETS[name]
            path = (above, draft.pipeline, *rest[1:]) if above == "pipelines" else (above, *rest)
            take_secret(entry, variable(path), draft, findings)
        elif names_a_secret(entry.field) and name not in _APP_KEYS:
            findings.decide(entry.where, "a value that may be a secret (not shown)", "left out")
        elif entry.is_structured or set(value) & set("{}"):
            _changing(entry, value, settings, findings)
        elif name in _APP_KEYS:
            draft.set(draft.dingtalk, "app_key", value, "AppKey (Client ID) of the application")
            findings.taken_over(entry.where, "dingtalk.main.app_key")
        elif name in _SETTINGS:
            _setting(entry, _SETTINGS[name], value, settings, findings)
        else:
            findings.decide(
                entry.where, "a parameter that xmsyncd does not send (its value is not shown)", "left out"
            )
    return settings


def _changing(entry: Entry, value: str, settings: dict[str, str], findings: Findings) -> None:
    if entry.field.lower() == "processdata" and not entry.is_structured and "{{" not in value:
        settings["process_data"] = value
        findings.taken_over(entry.where, "target.process_data")
    elif environment_reference(value) is not None:
        findings.decide(entry.where, f"{quoted(value)}, which stands for something", "left out; fill it in")
    else:
        findings.refused(
            entry.where,
            f"a parameter of the call that changes: {quoted(value) if value else 'an object or a list'}",
            "one constant for all instances of a pipeline",
        )


def _setting(entry: Entry, name: str, value: str, settings: dict[str, str], findings: Findings) -> None:
    if name == "form_uuid" and looks_unfilled(value):
        return
    if name in settings:
        findings.refused(entry.where, f"{entry.field} for the second time", "each parameter once")
        return
    settings[name] = value
    if looks_unfilled(value):
        findings.decide(
            entry.where,
            f"{quoted(value)}, which looks as if it stood for the real one",
            f"look at target.{name}",
        )
    else:
        findings.taken_over(entry.where, f"target.{name}")


def _key(target: Metadata, components: list[Entry], draft: Draft, findings: Findings) -> None:
    """The component that gets the business code alone; else the one that gets the id."""
    texts = [entry for entry in components if _TEXT_COMPONENT.match(entry.field)]
    for name in (draft.number_field, draft.id_field):
        for entry in texts:
            if re.fullmatch(r"\{\{?\s*" + re.escape(name) + r"\s*\}?\}", entry.value.strip()):
                comment = f"it holds {name}, by which an instance is found again"
                draft.set(draft.target, "key", entry.field, comment)
                findings.taken_over(entry.where, f"target.key: the component that holds {name}")
                return
    draft.set(draft.target, "key", UNFILLED, "a text component whose value is different for each record")
    findings.decide(
        target.where("request"),
        f"no text component that holds {{{draft.number_field}}} or {{{draft.id_field}}} alone",
        "fill in target.key: the component that tells one record from all others",
    )
