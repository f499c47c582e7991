"""How long, how deep and how many: what a template and its values are kept within (part of step 2).

Wide enough for every mapping seen, narrow enough that no text and no product makes the daemon slow or large.
"""

from __future__ import annotations

from typing import Final

MAX_TEMPLATE_LENGTH: Final = 20_000
"""Characters of a template or an expression."""

MAX_REFERENCES: Final = 100
"""References in one template or expression."""

MAX_PATH_LENGTH: Final = 32
"""Names and indexes in one dotted path."""

MAX_FILTERS: Final = 16
"""Filters behind one reference."""

MAX_RESULT_LENGTH: Final = 200_000
"""Characters of a text that is put together; a field of an item that is passed on as it is may be longer."""

MAX_ELEMENTS: Final = 10_000
"""Elements of a list that a filter or a function makes."""
