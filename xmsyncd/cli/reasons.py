"""What people read about a reason, in their own language: its label, and what to do."""

from __future__ import annotations

import os

from xmsyncd.console.words import WORDS


def _catalogue() -> dict[str, str]:
    locale = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    return dict(WORDS["zh" if locale.lower().startswith("zh") else "en"])


def reason_label(reason: str) -> str:
    """``required value missing (required)``; a vendor's own code stays as it is."""
    label = _catalogue().get(f"reason.{reason}")
    return reason if label is None else f"{label} ({reason})"


def stop_advice(reason: str) -> str:
    """What it means that a pipeline stands still for this reason, and what to do."""
    return _catalogue().get(f"stop.{reason}", reason)


def proof_label(proof: str) -> str:
    """How a window was proven, by the words of a cycle's ``proof``."""
    words = _catalogue()
    return words["proof.next"].join(words.get(f"proof.{one}", one) for one in proof.split(","))


def advice_for(reason: str) -> str:
    """What to do about it."""
    words = _catalogue()
    return words.get(f"advice.{reason}", words["advice.other"])
