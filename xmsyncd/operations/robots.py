"""Do the robots take what they are sent? One test message to each, past outbox and ledger."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from xmsyncd.clock import Clock
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.notify.notifier import letterhead
from xmsyncd.notify.robot import Message, Robot
from xmsyncd.observe.labels import notified
from xmsyncd.records import Family
from xmsyncd.settings import Settings
from xmsyncd.transport.session import open_session


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
