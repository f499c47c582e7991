"""A person's yes to very many absences: ``sync --full --accept-absences``, checked. Pure."""

from __future__ import annotations

from dataclasses import replace

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.errors import ConfigurationError, Fault


def with_absences_accepted(request: CycleRequest) -> CycleRequest:
    """The request, with what its full read lacks taken for deleted, however much it is.

    Raises ``ConfigurationError`` where it is not that of a full read: no other shows what is lacking.
    """
    if request.is_partial or not request.full:
        others = [name for name, given in (("--limit", request.limit), ("--only", request.only)) if given]
        found = (
            "--accept-absences without --full" if not request.full else f"it beside {' and '.join(others)}"
        )
        raise ConfigurationError(
            [Fault("--accept-absences", found, "sync --full --accept-absences: only a full read shows it")]
        )
    return replace(request, accept_absences=True)
