"""The durable memory: what Yida should hold, what it holds, and every call between the two."""

from xmsyncd.ledger.connection import Ledger

__all__ = ["Ledger"]
