"""The robots: what is configured, for ``check``; and do they take what they are sent, for ``notify test``.

A test is one message to each, past outbox and ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from xmsyncd.clock import Clock
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.notify.notifier import letterhead
from xmsyncd.notify.robot import Message, Robot
from xmsyncd.observe.labels import notified
from xmsyncd.operations.findings import Finding, note, ok, warning
from xmsyncd.records import Family
from xmsyncd.settings import Settings
from xmsyncd.settings.notify import RobotSettings
from xmsyncd.transport.session import open_session


def robot_findings(settings: Settings) -> list[Finding]:
    """Who would be told what, by the settings alone: nothing is sent."""
    chosen = settings.notify
    if not chosen.robots:
        advice = "set notify.robots, or have Prometheus and Alertmanager tell (deploy/)"
        found = "no robot: a problem stands in status, console, log and metrics alone"
        return [note("notify", found, advice=advice)]
    told = [
        "problems and recoveries" if chosen.tells_changes else "",
        f"a digest at {chosen.digest_at} ({settings.timezone})" if chosen.digest_at else "",
        "Alertmanager's alerts" if chosen.hook_token is not None else "",
    ]
    what = ", ".join(one for one in told if one)
    if what:
        findings = [ok("notify", f"the robots are told: {what}")]
    else:
        advice = "set notify.state_changes, digest_at or hook_token"
        findings = [warning("notify", "the robots are told nothing", expected="something", advice=advice)]
    return findings + [_robot(name, robot) for name, robot in chosen.robots.items()]


def _robot(name: str, robot: RobotSettings) -> Finding:
    guards = ["signs its messages"] if robot.secret is not None else []
    guards += [f"keyword {robot.keyword}"] if robot.keyword else []
    guarded = ", ".join(guards) or "neither secret nor keyword: it must take this machine's address"
    found = f"{guarded}; at most {robot.messages_per_minute} messages a minute; nothing was sent"
    return note(f"notify.robots.{name}", found, advice=f"`xmsyncd notify test {name}` sends a message")


async def send_test(settings: Settings, wanted: str | None, clock: Clock) -> dict[str, Any]:
    """``{"robots": [{"robot", "result", "code", "message"}], "failed": …}``; writes nothing but the message.

    Raises ``ConfigurationError`` where there is no such robot, or none at all.
    """
    chosen = settings.notify.robots
    names: Sequence[str] = list(chosen) if wanted is None else [wanted]
    if not names or any(name not in chosen for name in names):
        known = ", ".join(chosen) or "none"
        found = "no robots" if wanted is None else f"no robot of the name {wanted}"
        raise ConfigurationError([Fault("notify.robots", found, f"a robot of the configuration ({known})")])
    links = letterhead(settings).links()
    text = f"### 🔔 xmsyncd\n\n测试消息，无需处理。\n\nA test: nothing is to be done.\n\n{links}".rstrip()
    told: list[dict[str, Any]] = []
    async with open_session() as session:
        for name in names:
            robot = Robot(name, chosen[name], session, clock=clock)
            verdict = await robot.send(Message(uuid.uuid4().hex, "🔔 xmsyncd 测试 test", text))
            result = notified(verdict.family).value
            told.append(
                {"robot": name, "result": result, "code": verdict.code, "message": verdict.message}
                | ({"sent": verdict.family is Family.DELIVERED})
            )
    return {"robots": told, "failed": sum(not one["sent"] for one in told)}
