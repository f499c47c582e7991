"""How fast the vendors are called, what is paused, and whose clock disagrees: pure, from a status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.operations.status import is_slowed

_OKKI, _DINGTALK = "okki", "dingtalk"
# What a create or an update waits for; a search that rests holds none of them up.
_SENDING: Final = ("token", "start", "update")


@dataclass(frozen=True, slots=True)
class ConnectionPace:
    """``slowed`` are its limits that rest or are slower than they may be; ``full`` is how fast the others are
    called, calls a second, ``None`` where there are none."""

    vendor: str
    connection: str
    slowed: Sequence[Mapping[str, Any]]
    full: float | None


def paces(limits: Sequence[Mapping[str, Any]]) -> Iterator[ConnectionPace]:
    """The ``limits`` of a status by connection, in their order."""
    for vendor, connection in dict.fromkeys((one["api"], one["connection"]) for one in limits):
        own = [one for one in limits if (one["api"], one["connection"]) == (vendor, connection)]
        full = [one["ceiling"] for one in own if not is_slowed(one)]
        slowed = [one for one in own if is_slowed(one)]
        yield ConnectionPace(vendor, connection, slowed, max(full, default=None))


def reading_pause(one: Mapping[str, Any], limits: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The limit for which ``one``, a pipeline of a status, reads nothing of OKKI now."""
    return _longest(one, limits, _OKKI, None)


def sending_pause(one: Mapping[str, Any], limits: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The limit for which ``one``, a pipeline of a status, sends nothing to Yida now."""
    return _longest(one, limits, _DINGTALK, _SENDING)


def _longest(
    one: Mapping[str, Any],
    limits: Sequence[Mapping[str, Any]],
    vendor: str,
    endpoints: Sequence[str] | None,
) -> Mapping[str, Any] | None:
    connection = one.get("connections", {}).get(vendor)
    paused = [
        limit
        for limit in limits
        if (limit["api"], limit["connection"]) == (vendor, connection)
        and limit["paused_seconds"]
        and (endpoints is None or limit["endpoint"] in endpoints)
    ]
    return max(paused, key=lambda limit: float(limit["paused_seconds"]), default=None)
