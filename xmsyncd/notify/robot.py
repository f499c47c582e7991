"""A custom robot of a DingTalk group: one markdown message, signed, sent once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import aiohttp

from xmsyncd.clock import Clock
from xmsyncd.notify.codes import judge
from xmsyncd.settings import RobotSettings
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.session import Call, Transport

MOST_BYTES: Final = 18_000
"""Of a message's text; about 20,000 were seen to be the bound (public clients, not documented)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the group reads. ``uuid`` is the idempotency key: the same message again keeps it."""

    uuid: str
    title: str
    text: str


class Robot:
    """Sends to one robot. Nothing of its address is in a message, a ``repr`` or a log line."""

    def __init__(
        self, name: str, settings: RobotSettings, session: aiohttp.ClientSession, *, clock: Clock
    ) -> None:
        self.name = name
        self._settings = settings
        self._clock = clock
        self._transport = Transport(
            session,
            base_url=settings.base_url,
            connection=name,
            api="robot",
            total=settings.timeout,
            connect=settings.timeout,
            clock=clock,
            observer=_Nobody(),
        )

    async def send(self, message: Message) -> Verdict:
        """Send once; never raises for what network or DingTalk do. Safe to repeat with the same ``uuid``.

        ``UNDECIDED``: the answer was lost, the message may stand in the group.
        """
        settings = self._settings
        params = {"access_token": settings.access_token}
        if settings.secret is not None:
            timestamp = str(round(self._clock.now().timestamp() * 1000))
            sign = signature(timestamp, settings.secret.get_secret_value())
            params |= {"timestamp": timestamp, "sign": sign}
        call = Call("POST", settings.path, "robot", params=params, json=self._body(message))
        return judge(await self._transport.send(call))

    def _body(self, message: Message) -> dict[str, object]:
        title, text = message.title, cut(message.text, MOST_BYTES)
        keyword = self._settings.keyword
        if keyword is not None and keyword not in text:
            # Which of the two is searched is not documented.
            title, text = f"{keyword} {title}", f"{text}\n\n{keyword}"
        return {
            "msgtype": "markdown",
            "markdown": {"title": title, "text": text},
            "msgUuid": message.uuid,
        }


def signature(timestamp: str, secret: str) -> str:
    """What stands in ``sign``, before it is encoded for a URL; ``timestamp`` in ms, at most 1 h off."""
    digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def cut(text: str, most_bytes: int) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis; whole characters only."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[: most_bytes - len("…".encode())].decode(errors="ignore") + "…"


class _Nobody:
    """Messages have a counter of their own; they are no calls of the synchronisation."""

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        pass
