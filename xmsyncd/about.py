"""What the lines of a log are about, said once around a piece of work (steps 1 to 7).

Whoever works on a pipeline, a cycle or a record says so here; every line written meanwhile carries it,
those of the transport and of libraries included. Tasks that are started inside inherit it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars


def about(
    *,
    pipeline: str | None = None,
    cycle_id: int | None = None,
    key: str | None = None,
    attempt_id: int | None = None,
) -> AbstractContextManager[None]:
    """Inside the block lines are about these; ``None`` leaves what was said further out."""
    said = {"pipeline": pipeline, "cycle_id": cycle_id, "key": key, "attempt_id": attempt_id}
    return bound_contextvars(**{name: one for name, one in said.items() if one is not None})
