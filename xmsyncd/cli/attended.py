"""Asks a person at the terminal, without holding up the loop and its signals."""

from __future__ import annotations

import asyncio
import os
import sys

import click

_YES = frozenset({"y", "yes", "是", "好"})


def is_attended() -> bool:
    """Whether a person can be asked: both ends of the conversation are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirmed(question: str) -> bool:
    """Whether the answer is yes; anything else, and the end of the input, is no.

    Safe to cancel while it waits, which a read in a thread would not be.
    """
    click.echo(f"{question} [y/N] ", err=True, nl=False)
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not answered.done():
            answered.set_result(os.read(descriptor, 1024))

    loop.add_reader(descriptor, read)
    try:
        answer = await answered
    finally:
        loop.remove_reader(descriptor)
    return answer.decode(errors="replace").strip().lower() in _YES
