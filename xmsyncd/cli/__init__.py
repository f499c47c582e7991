"""The commands: each parses, calls an operation, and prints what it came to."""

from xmsyncd.cli.group import main

__all__ = ["main"]
