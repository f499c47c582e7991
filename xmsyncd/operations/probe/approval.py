"""Who would get an approval task, by the vendor's preview of a start. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xmsyncd.yida.answers import ApprovalNode


@dataclass(frozen=True, slots=True)
class ApprovalPath:
    """The nodes of a started instance, and the people at those after the originator's own."""

    sentence: str
    people: tuple[str, ...]


def approval_path(nodes: Sequence[ApprovalNode], user_id: str) -> ApprovalPath:
    """In one sentence. The first node is the start itself, where it names the acting user or nobody."""
    shown = " → ".join(_shown(node) for node in nodes)
    rest = list(nodes)
    if rest and (not rest[0].people or any(_is(person, user_id) for person in rest[0].people)):
        rest = rest[1:]
    people = tuple(dict.fromkeys(person for node in rest for person in node.people))
    if people:
        return ApprovalPath(f"each new instance is a task for {', '.join(people)}: {shown}", people)
    if rest:
        return ApprovalPath(f"Yida names the nodes and nobody at them: {shown}", ())
    return ApprovalPath("nobody gets an approval task" + (f": {shown}" if shown else ""), ())


def _shown(node: ApprovalNode) -> str:
    return f"{node.name or '?'} ({', '.join(node.people)})" if node.people else node.name or "?"


def _is(person: str, user_id: str) -> bool:
    return person == user_id or person.endswith(f"({user_id})")
