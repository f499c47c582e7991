"""What a robot's answer means, as data: its errors come inside HTTP 200 (vendor doc, not verified).

Of the families, refused means this message, stop means the robot: its configuration or the group.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Rule, VendorWords, Verdict, classify
from xmsyncd.transport.reply import Reply

THROTTLED_FOR: Final = timedelta(minutes=10)
"""How long a robot is shut that was sent more than 20 messages within a minute (vendor doc)."""

_OK: Final = "0"
_LATER: Final = Family.TRY_LATER
_STOP: Final = Family.STOP
_CONFIGURATION: Final = StopReason.CONFIGURATION

TABLE: Final = (
    # Too fast; each of the numbers was met by somebody.
    Rule(Family.THROTTLED, code="410100", wait=THROTTLED_FOR, source="doc"),
    Rule(Family.THROTTLED, code="130101", wait=THROTTLED_FOR, source="code"),
    Rule(Family.THROTTLED, code="660026", wait=THROTTLED_FOR, source="probe"),
    Rule(
        Family.THROTTLED, code="1111", wait=THROTTLED_FOR, source="code"
    ),  # the gateway's block of an address
    Rule(Family.THROTTLED, status=429, wait=THROTTLED_FOR),
    Rule(_LATER, code="-1", source="doc"),
    # Security settings. A keyword is missing from this message; the others fail every message.
    Rule(Family.REFUSED, code="310000", text="keywords not in content", source="doc"),
    Rule(_STOP, code="310000", stop=StopReason.CREDENTIALS, source="doc"),
    # The robot or its group.
    Rule(_STOP, code="400013", stop=_CONFIGURATION, source="doc"),  # the group is gone
    Rule(_STOP, code="400101", stop=StopReason.CREDENTIALS, source="doc"),  # token unknown
    Rule(_STOP, code="300005", stop=StopReason.CREDENTIALS, source="probe"),  # token is not exist
    Rule(_STOP, code="400102", stop=_CONFIGURATION, source="doc"),  # robot disabled
    Rule(_STOP, code="400106", stop=_CONFIGURATION, source="doc"),  # robot absent
    # This message: not JSON, wrong content type, type unsupported, broken markdown, content refused.
    Rule(Family.REFUSED, code="40035", source="doc"),
    Rule(Family.REFUSED, code="43004", source="doc"),
    Rule(Family.REFUSED, code="400105", source="doc"),
    Rule(Family.REFUSED, code="400402", source="code"),
    Rule(Family.REFUSED, code="43010[1-4]", source="doc"),
    Rule(_LATER, status=range(500, 600)),
    Rule(_STOP, status=range(300, 500), stop=_CONFIGURATION),
)


def judge(reply: Reply) -> Verdict:
    """What became of one message. ``errcode`` 0 is a success, as a number or as text; unknown: try later.

    Without any code an answer is no success either: a proxy's page comes with HTTP 200 too.
    """
    words = _words(reply.body)
    if reply.fault is None and reply.status == 200 and words.code == _OK:
        return Verdict(Family.DELIVERED)
    return classify(reply, words, TABLE, _LATER)


def _words(body: Any) -> VendorWords:
    if not isinstance(body, dict):
        return VendorWords()
    code = body.get("errcode", body.get("status"))
    message = body.get("errmsg", "")
    return VendorWords(code="" if code is None else str(code), message=str(message)[:200])
