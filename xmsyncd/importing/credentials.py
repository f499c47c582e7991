"""What a document holds to sign in with: ids go into the configuration, secrets to a file of their own."""

from __future__ import annotations

from typing import Final

from xmsyncd.importing.draft import CONNECTION, Draft, variable
from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Entry
from xmsyncd.importing.placeholders import environment_reference, is_unfilled_secret, looks_unfilled
from xmsyncd.settings.secret_lines import secret_line
from xmsyncd.settings.values import quoted

_CLIENT_ID: Final = "clientid"
_CLIENT_SECRET: Final = "clientsecret"


def take_secret(entry: Entry, name: str, draft: Draft, findings: Findings) -> None:
    """A secret never enters a finding; what only stands for one is not written."""
    value = entry.value.strip()
    if is_unfilled_secret(value) or value.lower() == entry.field.lower():
        reference = environment_reference(value)
        told = f"the variable {quoted(reference, 60)}" if reference else "a placeholder"
        findings.decide(
            entry.where, f"{told} instead of the secret", f"put {name}=… into the file of secrets"
        )
        return
    try:
        secret_line(name, value)
    except ValueError as error:
        findings.refused(entry.where, f"a secret with {error} (not shown)", "the secret as one line of text")
        return
    if draft.secrets.setdefault(name, value) != value:
        findings.refused(entry.where, "two different values of one secret (not shown)", "one of them")
        return
    findings.taken_over(entry.where, "a secret (not shown)", f"in the file of secrets as {name}")


def is_okki_credential(entry: Entry) -> bool:
    """Whether this is OKKI's client id or its secret: ``clientId``, ``client_secret``, ``CLIENT-ID`` …"""
    return _plain(entry.field) in (_CLIENT_ID, _CLIENT_SECRET)


def take_okki_credential(entry: Entry, draft: Draft, findings: Findings) -> None:
    """Into ``okki.main``; one that is empty says nothing."""
    value = entry.value.strip()
    if entry.is_structured or entry.children:
        findings.refused(entry.where, "an object or a list (not shown)", "one line of text")
    elif not value:
        return
    elif _plain(entry.field) == _CLIENT_SECRET:
        take_secret(entry, variable(("okki", CONNECTION, "client_secret")), draft, findings)
    elif looks_unfilled(value) or set(value) & set("{}"):
        found = f"{quoted(value, 60)}, which stands for the real one"
        findings.decide(entry.where, found, f"fill in okki.{CONNECTION}.client_id")
    elif draft.value_of(draft.okki, "client_id") not in (None, value):
        findings.refused(entry.where, "a second client id of OKKI, another one", "one of them")
    else:
        draft.set(draft.okki, "client_id", value, "as it was")
        findings.taken_over(entry.where, f"okki.{CONNECTION}.client_id")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
