"""What people read about a reason, in the language of their terminal: its name, and what to do."""

from __future__ import annotations

import os

from xmsyncd.phrases import reasons, stops
from xmsyncd.phrases.phrase import Phrase, language_of
from xmsyncd.phrases.states import PROOFS

_BETWEEN_PROOFS = Phrase("; ", "；")


def reason_label(reason: str) -> str:
    """``required value missing (required)``; a vendor's own code stays as it is."""
    name = reasons.reason_name(reason, language_of(os.environ))
    return reason if name == reason else f"{name} ({reason})"


def stop_advice(reason: str) -> str:
    """What it means that a pipeline stands still for this reason, and what to do."""
    return stops.stop_advice(reason, language_of(os.environ))


def proof_label(proof: str) -> str:
    """How a window was proven, by the words of a cycle's ``proof``."""
    language = language_of(os.environ)
    known = (PROOFS[one].told(language) if one in PROOFS else one for one in proof.split(","))
    return _BETWEEN_PROOFS.told(language).join(known)


def advice_for(reason: str) -> str:
    """What to do about it."""
    return reasons.reason_advice(reason, language_of(os.environ))
