"""Who is told: DingTalk robots, what the daemon says to them by itself, and Alertmanager's webhook."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from xmsyncd.settings.choices import StateChanges
from xmsyncd.settings.section import NOTHING, SECOND, Optional_, Section, span
from xmsyncd.settings.values import BadValueError, BaseUrl, Duration, Expect, IdText, Secret, TimeOfDay, Whole

_TOKEN = "access_token"
_WEBHOOK = "https://oapi.dingtalk.com/robot/send?access_token=… as DingTalk's robot settings show it"


def _webhook(value: SecretStr) -> SecretStr:
    """Nothing of the address enters a message: it holds the token."""
    try:
        parts = urlsplit(value.get_secret_value().strip())
        readable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        tokens = parse_qs(parts.query).get(_TOKEN, [])
    except ValueError:
        raise BadValueError("an address that cannot be read (not shown)", _WEBHOOK) from None
    if not readable or parts.username is not None:
        raise BadValueError("no address of a robot (not shown)", _WEBHOOK)
    if len(tokens) != 1 or not tokens[0].strip("….") or parts.fragment:
        raise BadValueError("an address without access_token (not shown)", _WEBHOOK)
    return value


Webhook = Annotated[Secret, AfterValidator(_webhook), Expect(_WEBHOOK, "secret")]


class RobotSettings(Section):
    """A custom robot of a DingTalk group (自定义机器人)."""

    webhook: Webhook = Field(
        description="The robot's whole address; it holds a token: whoever has it can write to the group."
    )
    secret: Optional_[Secret] = Field(
        default=None,
        description="Signing secret (加签, begins with SEC), where the robot asks for a signature.",
    )
    keyword: Optional_[IdText] = Field(
        default=None,
        description="One of the robot's keywords (自定义关键词), put into each message that lacks it.",
    )
    messages_per_minute: Whole = Field(
        default=6,
        ge=1,
        le=15,
        description="Most messages a minute, what accumulates goes out together; DingTalk shuts a robot that "
        "sends more than 20 for ten minutes.",
    )
    timeout: Duration = Field(default=span("10s"), gt=NOTHING, description="Longest wait for one answer.")

    @property
    def base_url(self) -> str:
        """Scheme and host of the webhook."""
        parts = urlsplit(self.webhook.get_secret_value().strip())
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """The webhook's path, without its query."""
        return urlsplit(self.webhook.get_secret_value().strip()).path or "/"

    @property
    def access_token(self) -> str:
        """The secret part of the webhook."""
        return parse_qs(urlsplit(self.webhook.get_secret_value().strip()).query)[_TOKEN][0]


class NotifySettings(Section):
    """Who is told what; without a robot, nobody."""

    robots: dict[str, RobotSettings] = Field(default={}, description="DingTalk robots by name.")
    state_changes: StateChanges = Field(
        default=StateChanges.AUTO,
        description="Whether the daemon itself tells problems and recoveries; auto: unless hook_token is "
        "set, because Alertmanager does then.",
    )
    every: Duration = Field(default=span("30s"), ge=span("100ms"), description="How often it looks for them.")
    failing_for: Duration = Field(
        default=span("30m"), ge=NOTHING, description="How long cycles must have failed before it is told."
    )
    recovered_for: Duration = Field(
        default=span("2m"),
        ge=NOTHING,
        description="How long a problem must be gone before that is told; what comes back sooner is no news.",
    )
    quota_ahead: Duration = Field(
        default=span("3d"),
        gt=SECOND,
        description="How long before the month's calls will be spent that is told.",
    )
    digest_at: Optional_[TimeOfDay] = Field(
        default="09:00", description="When the daily digest is sent, in timezone; empty: no digest."
    )
    hook_token: Optional_[Secret] = Field(
        default=None,
        description="Bearer token of /hooks/alertmanager, which passes Alertmanager's alerts to the robots.",
    )
    console_url: Optional_[BaseUrl] = Field(
        default=None, description="Address of the console as readers reach it, for a link in messages."
    )
    runbook_url: Optional_[BaseUrl] = Field(
        default=None, description="Address of the runbook as readers reach it, for a link in messages."
    )

    @property
    def tells_changes(self) -> bool:
        """Whether the daemon watches for state changes itself."""
        match self.state_changes:
            case StateChanges.AUTO:
                return bool(self.robots) and self.hook_token is None
            case StateChanges.ALWAYS:
                return bool(self.robots)
            case StateChanges.NEVER:
                return False
