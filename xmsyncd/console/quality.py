"""What the rules of quality found, as pages show it: pure, from the JSON of ``quality report``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_SEVERITY: Final = {"rejected": "bad", "warned": "warn", "fixed": "busy", "accepted": "warn", "kept": "good"}


@dataclass(frozen=True, slots=True)
class Rules:
    """A pipeline's rules, each as ``quality report`` tells it with ``failed``: warned of or rejected.

    ``broken`` are those that any record broke, those with records standing rejected first; the others are
    ``unbroken``, in the order of the configuration.
    """

    broken: Sequence[Mapping[str, Any]]
    unbroken: Sequence[Mapping[str, Any]]


def rules_of(report: Mapping[str, Any] | None, pipeline: str) -> Rules | None:
    """``None`` where nothing was or is configured, and where the report could not be had."""
    found = () if report is None else report["pipelines"]
    told = next((one["rules"] for one in found if one["pipeline"] == pipeline), ())
    if not told:
        return None
    rules = [{**one, "failed": one["warned"] + one["rejected"]} for one in told]
    broken = [one for one in rules if one["failed"] or one["fixed"] or one["standing"]]
    broken.sort(key=lambda one: (-one["standing"], -one["failed"] - one["fixed"]))
    return Rules(broken, [one for one in rules if one not in broken])


def severity_of(result: str | None) -> str:
    """The colour of what a rule came to for one record; ``None``: it was not asked."""
    return _SEVERITY.get(result or "", "soft")
