"""Further entries of the source's request become ``source.params``: constants, as text."""

from __future__ import annotations

from xmsyncd.importing.findings import Findings
from xmsyncd.importing.metadata import Entry
from xmsyncd.importing.placeholders import names_a_secret
from xmsyncd.settings.values import quoted
from xmsyncd.transform.grammar import Template, TemplateError, compile_template
from xmsyncd.transform.value_types import EvaluationError, text_of


def take_parameter(entry: Entry, params: dict[str, str], findings: Findings) -> None:
    """A constant is a parameter as it is, a constant expression by its value; what changes is left out."""
    if names_a_secret(entry.field):
        if entry.value:
            findings.decide(
                entry.where,
                "a parameter whose name is that of a secret (its value is not shown)",
                "left out: xmsyncd signs in by okki.main.client_id and client_secret",
            )
        return
    if not entry.value:
        return
    try:
        template = compile_template(entry.value)
    except TemplateError as error:
        found = f"{error.found} at character {error.position + 1} of {quoted(entry.value)}"
        findings.refused(entry.where, found, "a constant; or take the entry out of the document")
        return
    if template.roots or template.variables:
        reads = "fields that no request can know" if template.roots else "the time of the run"
        findings.decide(
            entry.where,
            f"a parameter that changes from run to run, as it looks at {reads}: {quoted(entry.value)}",
            "left out, so that more may be read than there: a constant in source.params, or where: in the "
            "pipeline, narrows it",
        )
    elif template.expression is None:
        params[entry.field] = entry.value
        findings.taken_over(entry.where, f"source.params {entry.field}: {quoted(entry.value)}")
    else:
        _worked_out(entry, template, params, findings)


def _worked_out(entry: Entry, template: Template, params: dict[str, str], findings: Findings) -> None:
    """An expression that looks at nothing has one value for ever."""
    try:
        value = text_of(template.evaluate({}))
    except EvaluationError as error:
        findings.decide(
            entry.where,
            f"{quoted(entry.value)} cannot be worked out: expected {error.expected}",
            "left out: put the constant that was meant into source.params",
        )
        return
    if not value:
        findings.taken_over(entry.where, f"{quoted(entry.value)} comes to nothing", "left out, as it was")
        return
    params[entry.field] = value
    findings.taken_over(
        entry.where, f"source.params {entry.field}: {quoted(value)}", f"what {quoted(entry.value)} comes to"
    )
