"""What came before what, told by the numbers of attempts: clocks are set back, numbers are not."""

from __future__ import annotations

import sqlite3
from typing import Final

from xmsyncd.records import AttemptId

NEWEST_ATTEMPT: Final = """max((SELECT COALESCE(max(id), 0) FROM attempts),
    (SELECT COALESCE(max(attempt_id), 0) FROM instances))"""
"""SQL: a number that every later attempt exceeds, also where the earlier ones have been cleared away."""


def newest_attempt(connection: sqlite3.Connection) -> AttemptId:
    """The number that every later attempt will exceed."""
    return AttemptId(connection.execute(f"SELECT {NEWEST_ATTEMPT}").fetchone()[0])
